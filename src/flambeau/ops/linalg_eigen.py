"""Eigenvalues and eigenvectors."""

from __future__ import annotations

from typing import Any

import numpy

import flambeau
from flambeau import Tensor
from flambeau.ops import _lapack
from flambeau.ops._matrices import (
    adjoint,
    array_of,
    check_square,
    complex_like,
    compute,
    embed_diagonal,
    not_converged,
)
from flambeau.ops.linalg_solve import _linalg_solve
from flambeau.ops.record import composite, no_gradient, op


def _check_phase(name: str, diagonal: Tensor) -> None:
    """The phase of complex eigenvectors is arbitrary: a loss must not depend on it."""
    if diagonal.is_meta or flambeau.is_grad_enabled():
        return
    imaginary = numpy.abs(array_of(diagonal).imag)
    if (imaginary > 1e-2 * numpy.maximum(1.0, numpy.abs(array_of(diagonal)))).any():
        raise RuntimeError(
            f"{name}_backward: The eigenvectors in the complex case are specified up to "
            "multiplication by e^{i phi}. The specified loss function depends on this quantity, so "
            "it is ill-defined."
        )


def _gaps(values: Tensor) -> Tensor:
    """``L_j - L_i``, with ones on the diagonal."""
    gap = values.unsqueeze(-2) - values.unsqueeze(-1)
    on = flambeau.eye(values.shape[-1], dtype=flambeau.bool, device=values.device)
    made: Tensor = flambeau.where(on, flambeau.ones_like(gap), gap)
    return made


def _eigh_vjp(g: Any) -> None:
    values, vectors = g.output(0), g.output(1)
    dvalues, dvectors = g.dout(0), g.dout(1)
    inner: Any = None if dvalues is None else embed_diagonal(complex_like(dvalues, vectors))
    if dvectors is not None:
        turn = adjoint(vectors) @ dvectors
        if turn.dtype.is_complex:
            _check_phase("linalg_eigh", turn.diagonal(0, -2, -1))
        on = flambeau.eye(values.shape[-1], dtype=flambeau.bool, device=values.device)
        part = flambeau.where(on, flambeau.zeros_like(turn), turn / _gaps(values))
        inner = part if inner is None else inner + part
    if inner is not None:
        da = vectors @ inner @ adjoint(vectors)
        g.set("A", (da + adjoint(da)) * 0.5)


@op(
    "linalg_eigh(Tensor A, str UPLO='L') -> (Tensor eigenvalues, Tensor eigenvectors)",
    "linalg.eigh",
    vjp=_eigh_vjp,
    autocast="float32",
    save="eigenvalues, eigenvectors",
    samples="(1,1) | (2,1,1) | (0,0)",
    errors="(2,3) -> RuntimeError: must be batches of square matrices"
    " | (2,2) 'X' -> RuntimeError: Expected UPLO argument to be 'L' or 'U'",
)
def linalg_eigh(a: Tensor, uplo: str) -> Any:
    """Eigenvalues, ascending, and eigenvectors of Hermitian matrices: ``A = Q diag(L) Q^H``.

    Args:
        A: (*, n, n).
        UPLO: which triangle is read, 'L' or 'U'.

    Returns:
        eigenvalues (*, n), real; eigenvectors (*, n, n), the columns.

    Example::

        >>> torch.linalg.eigh(torch.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        tensor([1., 2.])
    """
    check_square("linalg.eigh", a)
    _check_uplo("linalg.eigh", uplo)

    side: Any = uplo.upper()

    def eigh(x: Any) -> Any:
        try:
            return tuple(_lapack.eigh(x, side))
        except numpy.linalg.LinAlgError:
            raise not_converged("linalg.eigh") from None

    return compute(eigh, [a], [(a.shape[:-1], a.dtype.to_real()), (a.shape, a.dtype)])


def _check_uplo(name: str, uplo: str) -> None:
    if uplo.upper() not in ("L", "U"):
        raise RuntimeError(f"{name}: Expected UPLO argument to be 'L' or 'U', but got {uplo}")


@op(
    "linalg_eigvalsh(Tensor A, str UPLO='L') -> Tensor",
    "linalg.eigvalsh",
    vjp=composite,
    autocast="float32",
    samples="(1,1) | (2,1,1) | (0,0)",
    errors="(2,3) -> RuntimeError: must be batches of square matrices",
)
def linalg_eigvalsh(a: Tensor, uplo: str) -> Any:
    """Eigenvalues of Hermitian matrices, ascending.

    Example::

        >>> torch.linalg.eigvalsh(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor([1., 2.])
    """
    check_square("linalg.eigvalsh", a)
    _check_uplo("linalg.eigvalsh", uplo)
    if a.requires_grad and flambeau.is_grad_enabled():
        return linalg_eigh(a, uplo)[0]
    return _eigvalsh(a, uplo)


@op("_linalg_eigvalsh(Tensor A, str UPLO) -> Tensor", "", vjp=no_gradient)
def _eigvalsh(a: Tensor, uplo: str) -> Any:
    side: Any = uplo.upper()

    def values(x: Any) -> Any:
        try:
            return (_lapack.eigh(x, side, vectors=False),)
        except numpy.linalg.LinAlgError:
            raise not_converged("linalg.eigvalsh") from None

    return compute(values, [a], [(a.shape[:-1], a.dtype.to_real())])[0]


def _eig_vjp(g: Any) -> None:
    values, vectors = g.output(0), g.output(1)
    dvalues, dvectors = g.dout(0), g.dout(1)
    inner: Any = None if dvalues is None else embed_diagonal(dvalues)
    if dvectors is not None:
        h = adjoint(vectors)
        turn = h @ dvectors
        diagonal = turn.diagonal(0, -2, -1)
        _check_phase("linalg_eig", diagonal)
        real = flambeau.real(diagonal)
        scale = flambeau.complex(real, flambeau.zeros_like(real)).unsqueeze(-2)
        on = flambeau.eye(values.shape[-1], dtype=flambeau.bool, device=values.device)
        part = (turn - (h @ vectors) * scale) / _gaps(values).conj()
        part = flambeau.where(on, flambeau.zeros_like(part), part)
        inner = part if inner is None else inner + part
    if inner is None:
        return
    da = _linalg_solve(adjoint(vectors), inner @ adjoint(vectors))[0]
    g.set("A", da if g.input("A").dtype.is_complex else flambeau.real(da))


def _eig(x: Any) -> Any:
    if not numpy.isfinite(x).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    try:
        return tuple(_lapack.eig(x))
    except numpy.linalg.LinAlgError:
        raise not_converged("linalg.eig") from None


@op(
    "linalg_eig(Tensor A) -> (Tensor eigenvalues, Tensor eigenvectors)",
    "linalg.eig",
    vjp=_eig_vjp,
    autocast="float32",
    save="A, eigenvalues, eigenvectors",
    samples="(1,1) | (0,0)",
    errors="(2,3) -> RuntimeError: must be batches of square matrices",
)
def linalg_eig(a: Tensor) -> Any:
    """Eigenvalues and eigenvectors of square matrices, complex, in no particular order.

    Its derivative: Boeddeker et al., On the computation of complex-valued gradients (2017), eq.
    4.77.

    Args:
        A: (*, n, n).

    Returns:
        eigenvalues (*, n); eigenvectors (*, n, n), the columns, of norm 1.

    Example::

        >>> torch.linalg.eig(torch.tensor([[2.0]])).eigenvalues
        tensor([2.+0.j])
    """
    check_square("linalg.eig", a)
    kind = a.dtype.to_complex()
    return compute(_eig, [a], [(a.shape[:-1], kind), (a.shape, kind)])


@op(
    "linalg_eigvals(Tensor A) -> Tensor",
    "linalg.eigvals",
    vjp=composite,
    autocast="float32",
    samples="(1,1) | (0,0)",
    errors="(2,3) -> RuntimeError: must be batches of square matrices",
)
def linalg_eigvals(a: Tensor) -> Any:
    """Eigenvalues of square matrices, complex, in no particular order.

    Example::

        >>> torch.linalg.eigvals(torch.tensor([[2.0]]))
        tensor([2.+0.j])
    """
    check_square("linalg.eigvals", a)
    if a.requires_grad and flambeau.is_grad_enabled():
        return linalg_eig(a)[0]
    return _eigvals(a)


@op("_linalg_eigvals(Tensor A) -> Tensor", "", vjp=no_gradient)
def _eigvals(a: Tensor) -> Any:
    def values(x: Any) -> Any:
        if not numpy.isfinite(x).all():
            raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
        return (_lapack.eig(x, vectors=False),)

    return compute(values, [a], [(a.shape[:-1], a.dtype.to_complex())])[0]

"""Discrete Fourier transforms, on NumPy (pocketfft)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

import flambeau
from flambeau import Tensor
from flambeau.ops._matrices import compute, dtype_name
from flambeau.ops.record import composite, no_gradient, op

# --- the three transforms everything is made of ---------------------------------------------------
# `scale` says by what the sum is divided: 0 nothing, 1 the root of the number of points, 2 their
# number. NumPy says it relative to the direction.


def _numpy_norm(scale: int, forward: bool) -> Any:
    if scale == 1:
        return "ortho"
    return "backward" if (scale == 0) == forward else "forward"


def _c2c_vjp(g: Any) -> None:
    g.set("input", _c2c(g.dout(), g.arg("dim"), g.arg("scale"), not g.arg("forward")))


@op(
    "_fft_c2c(Tensor input, int[] dim, int scale, bool forward) -> Tensor",
    "",
    vjp=_c2c_vjp,
    samples="(4,3):complex128 [0,1] 0 True | (5,):complex128 [0] 2 False",
)
def _c2c(a: Tensor, dim: tuple[int, ...], scale: int, forward: bool) -> Any:
    """Complex to complex: ``sum_j x_j exp(-+2 pi i j k / n)`` along each dimension."""
    transform = numpy.fft.fftn if forward else numpy.fft.ifftn
    norm = _numpy_norm(scale, forward)
    return compute(
        lambda x: (transform(x, axes=dim, norm=norm) if x.size else x,), [a], [(a.shape, a.dtype)]
    )[0]


def _r2c_vjp(g: Any) -> None:
    dim, dout = g.arg("dim"), g.dout()
    missing = g.shape("input")[dim[-1]] - dout.shape[dim[-1]]
    whole = _with_size(dout, dim[-1], dout.shape[dim[-1]] + missing)
    g.set("input", flambeau.real(_c2c(whole, dim, g.arg("scale"), False)))


@op(
    "_fft_r2c(Tensor input, int[] dim, int scale) -> Tensor",
    "",
    vjp=_r2c_vjp,
    samples="(4,3) [0,1] 0 | (4,) [0] 1",
)
def _r2c(a: Tensor, dim: tuple[int, ...], scale: int) -> Any:
    """Real to complex, forward; of the last dimension the half that determines the rest."""
    shape = list(a.shape)
    shape[dim[-1]] = shape[dim[-1]] // 2 + 1
    norm = _numpy_norm(scale, True)

    def transform(x: Any) -> Any:
        made = numpy.fft.rfft(x, axis=dim[-1], norm=norm) if x.size else numpy.zeros(shape, "D")
        return (numpy.fft.fftn(made, axes=dim[:-1], norm=norm) if dim[:-1] else made,)

    return compute(transform, [a], [(shape, a.dtype.to_complex())])[0]


def _c2r_vjp(g: Any) -> None:
    dim, dout = g.arg("dim"), g.dout()
    half = _r2c(dout, dim, g.arg("scale"))
    n, kept = dout.shape[dim[-1]], half.shape[dim[-1]]
    # What stands for two elements of the whole spectrum counts twice.
    weights = numpy.ones(kept)
    weights[1 : 1 + n - kept] = 2
    shape = [1] * dout.dim()
    shape[dim[-1]] = kept
    factor = flambeau.from_numpy(weights).to(dout.dtype).reshape(shape)
    g.set("input", half * factor)


@op(
    "_fft_c2r(Tensor input, int[] dim, int scale, int last_size) -> Tensor",
    "",
    vjp=_c2r_vjp,
    samples="(4,3):complex128 [0,1] 0 5 | (3,):complex128 [0] 2 4",
)
def _c2r(a: Tensor, dim: tuple[int, ...], scale: int, last_size: int) -> Any:
    """Complex to real, inverse; reads half of the last dimension."""
    shape = list(a.shape)
    shape[dim[-1]] = last_size
    norm = _numpy_norm(scale, False)

    def transform(x: Any) -> Any:
        if x.size == 0:
            return (numpy.zeros(shape),)
        made = numpy.fft.ifftn(x, axes=dim[:-1], norm=norm) if dim[:-1] else x
        return (numpy.fft.irfft(made, last_size, axis=dim[-1], norm=norm),)

    return compute(transform, [a], [(shape, a.dtype.to_real())])[0]


# --- arguments ------------------------------------------------------------------------------------


def _with_size(a: Tensor, dim: int, size: int) -> Tensor:
    """Cut off, or filled up with zeros, at the end of a dimension."""
    have = a.shape[dim]
    if size == have:
        return a
    if size < have:
        cut: Tensor = a.narrow(dim, 0, size)
        return cut
    shape = list(a.shape)
    shape[dim] = size - have
    filled: Tensor = flambeau.cat([a, a.new_zeros(shape)], dim)
    return filled


def _scale(norm: str | None, forward: bool) -> int:
    if norm is None or norm == "backward":
        return 0 if forward else 2
    if norm == "forward":
        return 2 if forward else 0
    if norm == "ortho":
        return 1
    raise RuntimeError(f'Invalid normalization mode: "{norm}"')


def _wrap(dim: int, ndim: int) -> int:
    bound = max(ndim, 1)
    if not -bound <= dim < bound:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got "
            f"{dim})"
        )
    return dim % bound


def _floating(a: Tensor) -> Tensor:
    """Single or double precision; integers become the default dtype."""
    if a.dtype.is_complex or (a.dtype.is_floating_point and a.dtype.itemsize >= 4):
        return a
    if a.dtype.is_floating_point:
        raise RuntimeError(f"Unsupported dtype {dtype_name(a.dtype)}")
    return a.to(flambeau.get_default_dtype())


def _complex(a: Tensor) -> Tensor:
    a = _floating(a)
    return a if a.dtype.is_complex else a.to(a.dtype.to_complex())


def _real(name: str, a: Tensor) -> Tensor:
    if a.dtype.is_complex:
        raise RuntimeError(f"{name} expects a real input tensor, but got {dtype_name(a.dtype)}")
    return _floating(a)


def _points(n: int) -> int:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _one(a: Tensor, n: int | None, dim: int) -> tuple[Tensor, tuple[int]]:
    """Input of a transform along one dimension, of the wanted size."""
    if a.dim() == 0:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    d = _wrap(dim, a.dim())
    return _with_size(a, d, _points(a.shape[d] if n is None else n)), (d,)


def _several(
    a: Tensor, s: Sequence[int] | None, dim: Sequence[int] | None
) -> tuple[list[int], list[int]]:
    """Dimensions to transform and their sizes."""
    ndim = a.dim()
    if dim is not None:
        dims = [_wrap(d, ndim) for d in dim]
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
        if s is not None and len(s) != len(dims):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif s is not None:
        if len(s) > ndim:
            raise RuntimeError(
                f"Got shape with {len(s)} values but input tensor only has {ndim} dimensions."
            )
        dims = list(range(ndim - len(s), ndim))
    else:
        dims = list(range(ndim))
    sizes = [a.shape[d] for d in dims] if s is None else list(s)
    sizes = [a.shape[d] if n == -1 else n for d, n in zip(dims, sizes, strict=True)]
    for n in sizes:
        _points(n)
    return dims, sizes


def _resized(a: Tensor, dims: Sequence[int], sizes: Sequence[int]) -> Tensor:
    for d, n in zip(dims, sizes, strict=True):
        a = _with_size(a, d, n)
    return a


# --- one dimension --------------------------------------------------------------------------------


def _fft(a: Tensor, n: int | None, dim: int, norm: str | None, forward: bool) -> Any:
    x, dims = _one(_complex(a), n, dim)
    return _c2c(x, dims, _scale(norm, forward), forward)


@op(
    "fft_fft(Tensor input, int? n=None, int dim=-1, str? norm=None) -> Tensor",
    "fft.fft",
    vjp=composite,
    autocast="float32",
    samples="(4,) | (3,5) 4 0 'ortho' | (2,3) n=5 norm='forward'",
    errors="(4,) 0 -> RuntimeError: Invalid number of data points (0) specified"
    " | (4,) dim=1 -> IndexError: Dimension out of range",
)
def fft_fft(a: Tensor, n: int | None, dim: int, norm: str | None) -> Any:
    """The discrete Fourier transform ``X_k = sum_j x_j exp(-2 pi i j k / n)``.

    Args:
        input: real or complex.
        n: number of points: the input is cut off or filled up with zeros.
        dim: along which dimension.
        norm: 'backward' (default): the inverse is divided by n; 'forward': this is; 'ortho': both
            by the root of n.

    Returns:
        A complex tensor.

    Example::

        >>> torch.fft.fft(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j])
    """
    return _fft(a, n, dim, norm, True)


@op(
    "fft_ifft(Tensor input, int? n=None, int dim=-1, str? norm=None) -> Tensor",
    "fft.ifft",
    vjp=composite,
    autocast="float32",
    samples="(4,) | (3,5) 4 0 'ortho'",
    errors="(4,) 0 -> RuntimeError: Invalid number of data points (0) specified",
)
def fft_ifft(a: Tensor, n: int | None, dim: int, norm: str | None) -> Any:
    """The inverse of ``fft``.

    Example::

        >>> torch.fft.ifft(torch.tensor([4.0, 0.0, 0.0, 0.0]))
        tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j])
    """
    return _fft(a, n, dim, norm, False)


@op(
    "fft_rfft(Tensor input, int? n=None, int dim=-1, str? norm=None) -> Tensor",
    "fft.rfft",
    vjp=composite,
    autocast="float32",
    samples="(4,) | (3,5) 4 0 'ortho' | (2,3) n=5",
    errors="(4,):complex64 -> RuntimeError: rfft expects a real input tensor",
)
def fft_rfft(a: Tensor, n: int | None, dim: int, norm: str | None) -> Any:
    """The first ``n // 2 + 1`` elements of ``fft`` of a real input, which determine the rest.

    Example::

        >>> torch.fft.rfft(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        tensor([1.+0.j, 1.+0.j, 1.+0.j])
    """
    x, dims = _one(_real("rfft", a), n, dim)
    return _r2c(x, dims, _scale(norm, True))


def _half(a: Tensor, n: int | None, dim: int) -> tuple[Tensor, tuple[int], int]:
    """Half a spectrum that stands for n points."""
    if a.dim() == 0:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    size = _points(2 * (a.shape[_wrap(dim, a.dim())] - 1) if n is None else n)
    x, dims = _one(a, size // 2 + 1, dim)
    return x, dims, size


@op(
    "fft_irfft(Tensor input, int? n=None, int dim=-1, str? norm=None) -> Tensor",
    "fft.irfft",
    vjp=composite,
    autocast="float32",
    samples="(4,) | (3,5) 4 0 'ortho' | (2,3) n=5",
    errors="(1,) -> RuntimeError: Invalid number of data points (0) specified",
)
def fft_irfft(a: Tensor, n: int | None, dim: int, norm: str | None) -> Any:
    """The inverse of ``rfft``: a real signal of n points, ``2 (m - 1)`` by default.

    Example::

        >>> torch.fft.irfft(torch.tensor([4.0, 0.0, 0.0]))
        tensor([1., 1., 1., 1.])
    """
    x, dims, size = _half(_complex(a), n, dim)
    return _c2r(x, dims, _scale(norm, False), size)


@op(
    "fft_hfft(Tensor input, int? n=None, int dim=-1, str? norm=None) -> Tensor",
    "fft.hfft",
    vjp=composite,
    autocast="float32",
    samples="(4,) | (3,5) 4 0 'ortho' | (2,3) n=5",
    errors="(1,) -> RuntimeError: Invalid number of data points (0) specified",
)
def fft_hfft(a: Tensor, n: int | None, dim: int, norm: str | None) -> Any:
    """The real ``fft`` of a Hermitian signal, of which the first half is given.

    Example::

        >>> torch.fft.hfft(torch.tensor([1.0, 0.0, 0.0]))
        tensor([1., 1., 1., 1.])
    """
    x, dims, size = _half(_complex(a), n, dim)
    return _c2r(x.conj(), dims, _scale(norm, True), size)


@op(
    "fft_ihfft(Tensor input, int? n=None, int dim=-1, str? norm=None) -> Tensor",
    "fft.ihfft",
    vjp=composite,
    autocast="float32",
    samples="(4,) | (3,5) 4 0 'ortho' | (2,3) n=5",
    errors="(4,):complex64 -> RuntimeError: ihfft expects a real input tensor",
)
def fft_ihfft(a: Tensor, n: int | None, dim: int, norm: str | None) -> Any:
    """The inverse of ``hfft``: half the inverse transform of a real input.

    Example::

        >>> torch.fft.ihfft(torch.tensor([4.0, 0.0, 0.0, 0.0])).real
        tensor([1., 1., 1.])
    """
    x, dims = _one(_real("ihfft", a), n, dim)
    return _r2c(x, dims, _scale(norm, False)).conj()


# --- several dimensions ---------------------------------------------------------------------------


def _fftn(a: Tensor, s: Any, dim: Any, norm: str | None, forward: bool) -> Any:
    x = _complex(a)
    dims, sizes = _several(x, s, dim)
    if not dims:
        return x.clone()
    return _c2c(_resized(x, dims, sizes), dims, _scale(norm, forward), forward)


def _rfftn(name: str, a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    x = _real(name, a)
    dims, sizes = _several(x, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    return _r2c(_resized(x, dims, sizes), dims, _scale(norm, True))


def _half_several(name: str, a: Tensor, s: Any, dim: Any) -> tuple[Tensor, list[int], int]:
    """Half a spectrum in several dimensions, and the number of points of the last."""
    dims, sizes = _several(a, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    last = sizes[-1]
    if s is None or s[-1] == -1:
        last = 2 * (a.shape[dims[-1]] - 1)
    _points(last)
    sizes[-1] = last // 2 + 1
    return _resized(a, dims, sizes), dims, last


def _irfftn(name: str, a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    x, dims, last = _half_several(name, _complex(a), s, dim)
    return _c2r(x, dims, _scale(norm, False), last)


def _hfftn(name: str, a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    x, dims, last = _half_several(name, _complex(a), s, dim)
    scale = _scale(norm, True)
    if dims[:-1]:
        x = _c2c(x, dims[:-1], scale, True)
    return _c2r(x.conj(), dims[-1:], scale, last)


def _ihfftn(name: str, a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    x = _real(name, a)
    dims, sizes = _several(x, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    scale = _scale(norm, False)
    half = _r2c(_resized(x, dims, sizes), dims[-1:], scale).conj()
    return _c2c(half, dims[:-1], scale, False) if dims[:-1] else half


_N_D = "Tensor input, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor"
_2_D = "Tensor input, int[1]? s=None, int[1] dim=[-2,-1], str? norm=None) -> Tensor"
_SAMPLES = "(3,4) | (2,3,4) [3,5] [0,2] 'ortho' | (2,3,4) s=[4,4] norm='forward'"
_2_D_SAMPLES = "(3,4) | (2,3,4) [3,5] [0,2] 'ortho'"
_UNIQUE = "(3,4) dim=[0,0] -> RuntimeError: FFT dims must be unique"


@op(
    f"fft_fftn({_N_D}", "fft.fftn", vjp=composite, autocast="float32",
    samples=_SAMPLES, errors=_UNIQUE,
)  # fmt: skip
def fft_fftn(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """``fft`` along several dimensions.

    Args:
        input: real or complex.
        s: number of points in each; -1: as many as there are.
        dim: the dimensions; default: the last ``len(s)``, or all.
        norm: as in ``fft``.

    Example::

        >>> torch.fft.fftn(torch.ones(2, 2)).real
        tensor([[4., 0.],
                [0., 0.]])
    """
    return _fftn(a, s, dim, norm, True)


@op(
    f"fft_ifftn({_N_D}", "fft.ifftn", vjp=composite, autocast="float32",
    samples=_SAMPLES, errors=_UNIQUE,
)  # fmt: skip
def fft_ifftn(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """The inverse of ``fftn``."""
    return _fftn(a, s, dim, norm, False)


@op(
    f"fft_rfftn({_N_D}", "fft.rfftn", vjp=composite, autocast="float32",
    samples=_SAMPLES, errors=_UNIQUE,
)  # fmt: skip
def fft_rfftn(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """``fftn`` of a real input; of the last dimension only the first half."""
    return _rfftn("rfftn", a, s, dim, norm)


@op(
    f"fft_irfftn({_N_D}", "fft.irfftn", vjp=composite, autocast="float32",
    samples=_SAMPLES, errors=_UNIQUE,
)  # fmt: skip
def fft_irfftn(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """The inverse of ``rfftn``."""
    return _irfftn("irfftn", a, s, dim, norm)


@op(f"fft_hfftn({_N_D}", "fft.hfftn", vjp=composite, samples=_SAMPLES, errors=_UNIQUE)
def fft_hfftn(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """``fftn`` of a signal that is Hermitian in its last dimension: ``hfft`` there."""
    return _hfftn("hfftn", a, s, dim, norm)


@op(f"fft_ihfftn({_N_D}", "fft.ihfftn", vjp=composite, samples=_SAMPLES, errors=_UNIQUE)
def fft_ihfftn(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """The inverse of ``hfftn``."""
    return _ihfftn("ihfftn", a, s, dim, norm)


@op(
    f"fft_fft2({_2_D}", "fft.fft2", vjp=composite, autocast="float32",
    samples=_2_D_SAMPLES, errors=_UNIQUE,
)  # fmt: skip
def fft_fft2(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """``fftn`` along two dimensions."""
    return _fftn(a, s, dim, norm, True)


@op(
    f"fft_ifft2({_2_D}", "fft.ifft2", vjp=composite, autocast="float32",
    samples=_2_D_SAMPLES, errors=_UNIQUE,
)  # fmt: skip
def fft_ifft2(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """``ifftn`` along two dimensions."""
    return _fftn(a, s, dim, norm, False)


@op(
    f"fft_rfft2({_2_D}", "fft.rfft2", vjp=composite, autocast="float32",
    samples=_2_D_SAMPLES, errors=_UNIQUE,
)  # fmt: skip
def fft_rfft2(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """``rfftn`` along two dimensions."""
    return _rfftn("rfftn", a, s, dim, norm)


@op(
    f"fft_irfft2({_2_D}", "fft.irfft2", vjp=composite, autocast="float32",
    samples=_2_D_SAMPLES, errors=_UNIQUE,
)  # fmt: skip
def fft_irfft2(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """``irfftn`` along two dimensions."""
    return _irfftn("irfftn", a, s, dim, norm)


@op(f"fft_hfft2({_2_D}", "fft.hfft2", vjp=composite, samples=_2_D_SAMPLES, errors=_UNIQUE)
def fft_hfft2(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """``hfftn`` along two dimensions."""
    return _hfftn("hfftn", a, s, dim, norm)


@op(f"fft_ihfft2({_2_D}", "fft.ihfft2", vjp=composite, samples=_2_D_SAMPLES, errors=_UNIQUE)
def fft_ihfft2(a: Tensor, s: Any, dim: Any, norm: str | None) -> Any:
    """``ihfftn`` along two dimensions."""
    return _ihfftn("ihfftn", a, s, dim, norm)


# --- frequencies and shifts -----------------------------------------------------------------------


def _frequencies(count: Any, n: int, d: float, dtype: Any, device: Any) -> Any:
    dtype = flambeau.get_default_dtype() if dtype is None else dtype
    return flambeau.from_numpy(numpy.asarray(count) / (n * d)).to(dtype=dtype, device=device)


@op(
    "fft_fftfreq(int n, float d=1.0, *, ScalarType? dtype=None, Device? device=None) -> Tensor",
    "fft.fftfreq",
    vjp=no_gradient,
    samples="5 | 4 0.5",
)
def fft_fftfreq(n: int, d: float, dtype: Any, device: Any) -> Any:
    """The frequencies of the elements of ``fft``: ``[0, 1, ..., -2, -1] / (n d)``.

    Args:
        n: number of points.
        d: distance between them.

    Example::

        >>> torch.fft.fftfreq(4)
        tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    positive = (n + 1) // 2
    return _frequencies([*range(positive), *range(-(n // 2), 0)], n, d, dtype, device)


@op(
    "fft_rfftfreq(int n, float d=1.0, *, ScalarType? dtype=None, Device? device=None) -> Tensor",
    "fft.rfftfreq",
    vjp=no_gradient,
    samples="5 | 4 0.5",
)
def fft_rfftfreq(n: int, d: float, dtype: Any, device: Any) -> Any:
    """The frequencies of the elements of ``rfft``: ``[0, 1, ..., n // 2] / (n d)``.

    Example::

        >>> torch.fft.rfftfreq(4)
        tensor([0.0000, 0.2500, 0.5000])
    """
    return _frequencies([*range(n // 2 + 1)], n, d, dtype, device)


def _shifted(a: Tensor, dim: Any, part: Any) -> Any:
    dims = list(range(a.dim())) if dim is None else [_wrap(d, a.dim()) for d in dim]
    if not dims:
        return a.clone()
    return flambeau.roll(a, [part(a.shape[d]) for d in dims], dims)


@op(
    "fft_fftshift(Tensor input, int[1]? dim=None) -> Tensor",
    "fft.fftshift",
    vjp=composite,
    samples="(5,) | (3,4) | (3,4) 1",
)
def fft_fftshift(a: Tensor, dim: Any) -> Any:
    """Moves frequency zero to the middle.

    Example::

        >>> torch.fft.fftshift(torch.tensor([0, 1, 2, -2, -1]))
        tensor([-2, -1,  0,  1,  2])
    """
    return _shifted(a, dim, lambda n: n // 2)


@op(
    "fft_ifftshift(Tensor input, int[1]? dim=None) -> Tensor",
    "fft.ifftshift",
    vjp=composite,
    samples="(5,) | (3,4) | (3,4) 1",
)
def fft_ifftshift(a: Tensor, dim: Any) -> Any:
    """Undoes ``fftshift``.

    Example::

        >>> torch.fft.ifftshift(torch.tensor([-2, -1, 0, 1, 2]))
        tensor([ 0,  1,  2, -2, -1])
    """
    return _shifted(a, dim, lambda n: -(n // 2))

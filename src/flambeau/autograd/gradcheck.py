"""Derivatives compared with finite differences."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy

import flambeau
from flambeau import Tensor
from flambeau.autograd import grad

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """What ``gradcheck`` and ``gradgradcheck`` found wrong."""


Function = Callable[..., Any]


@dataclass(frozen=True)
class _Settings:
    eps: float
    atol: float
    rtol: float
    nondet_tol: float
    check_undefined_grad: bool
    check_grad_dtypes: bool
    check_batched_grad: bool


# A derivative is compared as that of a real function: a complex number counts as its real and its
# imaginary part. The gradient for v = 1 then is the row of the real part of an output, for v = 1j
# that of its imaginary part.


def _parts(t: Tensor) -> Any:
    """A tensor's elements as a vector of reals."""
    array = t.detach().resolve_conj().reshape((-1,))
    if array.dtype == flambeau.bfloat16:
        array = array.float()
    flat = array.numpy()
    if flat.dtype.kind == "c":
        flat = numpy.stack([flat.real, flat.imag], -1).reshape(-1)
    return flat.astype("float64" if flat.dtype.itemsize <= 8 else flat.dtype)


def _size(t: Tensor) -> int:
    return int(t.numel()) * (2 if t.dtype.is_complex else 1)


def _unit(like: Tensor, part: int) -> Tensor:
    """The tensor whose real parts are all zero but one, which is one."""
    made = flambeau.zeros(like.numel(), dtype=like.dtype)
    if like.dtype.is_complex:
        made[part // 2] = 1j if part % 2 else 1.0
    else:
        made[part] = 1.0
    return made.reshape(like.shape)


def _as_tuple(values: Any) -> tuple[Any, ...]:
    return tuple(values) if isinstance(values, (tuple, list)) else (values,)


def _differentiated(inputs: Sequence[Any]) -> list[int]:
    return [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]


def _differentiable_outputs(values: Any) -> list[Tensor]:
    return [t for t in _as_tuple(values) if isinstance(t, Tensor) and t.requires_grad]


def _check_inputs(inputs: tuple[Any, ...]) -> list[int]:
    chosen = _differentiated(inputs)
    if not chosen:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    for i in chosen:
        t = inputs[i]
        if t.dtype not in (flambeau.float64, flambeau.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex.",
                stacklevel=3,
            )
        if any(step == 0 and size > 1 for step, size in zip(t.stride(), t.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs "
                "that are non-overlapping to be able to compute the numerical gradients "
                "correctly. You should call .contiguous on the input before passing it to "
                "gradcheck."
            )
    return chosen


# --- numerical derivatives ------------------------------------------------------------------------


def _outputs(function: Function, inputs: tuple[Any, ...], which: Sequence[int]) -> list[Any]:
    """The real parts of the chosen outputs, copied."""
    values = _as_tuple(function(*inputs))
    return [_parts(values[i]).copy() for i in which]


def _moved(x: Tensor, index: tuple[int, ...], step: complex) -> Iterator[None]:
    """While it waits, one element of ``x`` is changed."""
    with flambeau.no_grad():
        memory = x.detach()
        old = memory[index].clone()
        memory[index] = old + step
        try:
            yield
        finally:
            memory[index] = old


def _difference(
    function: Function, inputs: tuple[Any, ...], which: Sequence[int], move: Any, eps: float
) -> list[Any]:
    """Central difference of the outputs along a direction: ``move(step)`` goes there and back."""
    found = []
    for step in (eps, -eps):
        journey = move(step)
        next(journey)
        with flambeau.enable_grad():
            found.append(_outputs(function, inputs, which))
        next(journey, None)
    return [(ahead - back) / (2 * eps) for ahead, back in zip(*found, strict=True)]


def _numerical(
    function: Function, inputs: tuple[Any, ...], at: int, which: Sequence[int], eps: float
) -> list[Any]:
    """Jacobians of the chosen outputs with respect to one input: (parts of input, of output)."""
    x = inputs[at]
    rows: list[list[Any]] = [[] for _ in which]
    for index in numpy.ndindex(tuple(x.shape)):
        for turn in (1, 1j) if x.dtype.is_complex else (1,):

            def move(step: float, index: Any = index, turn: complex = turn) -> Iterator[None]:
                return _moved(x, index, step * turn)

            difference = _difference(function, inputs, which, move, eps)
            for row, part in zip(rows, difference, strict=True):
                row.append(part)
    return [numpy.stack(row) if row else numpy.zeros((0, 0)) for row in rows]


# --- analytical derivatives -----------------------------------------------------------------------


def _gradients(output: Tensor, inputs: Sequence[Tensor], v: Tensor) -> list[Tensor | None]:
    return list(grad(output, inputs, v, retain_graph=True, allow_unused=True))


def _check_gradient(g: Tensor | None, x: Tensor, settings: _Settings) -> None:
    if g is None:
        return
    if g.shape != x.shape:
        raise GradcheckError(
            f"Analytical gradient has incorrect size: expected {tuple(x.shape)}, but got "
            f"{tuple(g.shape)}"
        )
    if settings.check_grad_dtypes and g.dtype != x.dtype:
        raise GradcheckError(
            f"Analytical gradient has dtype {g.dtype}, but its input has dtype {x.dtype}"
        )


def _analytical(output: Tensor, leaves: Sequence[Tensor], settings: _Settings) -> list[Any]:
    """Jacobians of one output with respect to each leaf: (parts of input, of output)."""
    n = _size(output)
    jacobians = [numpy.zeros((_size(x), n)) for x in leaves]
    for part in range(n):
        found = _gradients(output, leaves, _unit(output, part))
        for jacobian, g, x in zip(jacobians, found, leaves, strict=True):
            _check_gradient(g, x, settings)
            if g is not None:
                jacobian[:, part] = _parts(g)
    return jacobians


# --- the checks -----------------------------------------------------------------------------------


def _close(a: Any, n: Any, rtol: float, atol: float) -> bool:
    return bool(numpy.allclose(a, n, rtol=rtol, atol=atol, equal_nan=False))


def _mismatch(output: int, at: int, numerical: Any, analytical: Any, note: str = "") -> str:
    text = (
        f"Jacobian mismatch for output {output} with respect to input {at},\n"
        f"numerical:{numerical}\nanalytical:{analytical}\n"
    )
    difference = numpy.abs(numpy.asarray(numerical) - numpy.asarray(analytical))
    if difference.ndim == 2 and difference.size:
        flat = numpy.nan_to_num(difference, nan=numpy.inf).argmax()
        worst = numpy.unravel_index(flat, difference.shape)
        text += (
            f"The largest difference is {difference[worst]:.6g}, of element {int(worst[1])} of "
            f"the output by element {int(worst[0])} of the input.\n"
        )
    return text + note


def _check_nothing_flows(
    function: Function, inputs: tuple[Any, ...], chosen: list[int], settings: _Settings
) -> None:
    """Where no output requires a gradient, none may depend on the inputs."""
    values = _as_tuple(function(*inputs))
    which = [i for i, t in enumerate(values) if isinstance(t, Tensor)]
    for at in chosen:
        for jacobian in _numerical(function, inputs, at, which, settings.eps):
            if numpy.abs(jacobian).max(initial=0) > settings.atol:
                raise GradcheckError("Numerical gradient for function expected to be zero")


def _check_slow(
    function: Function, inputs: tuple[Any, ...], chosen: list[int], settings: _Settings
) -> None:
    values = _as_tuple(function(*inputs))
    which = [i for i, t in enumerate(values) if isinstance(t, Tensor) and t.requires_grad]
    leaves = [inputs[i] for i in chosen]
    numerical = [_numerical(function, inputs, at, which, settings.eps) for at in chosen]
    # Only now: moving the inputs about has spoilt what earlier calls have saved of them.
    outputs = _differentiable_outputs(function(*inputs))
    for o, output in enumerate(outputs):
        analytical = _analytical(output, leaves, settings)
        again = _analytical(output, leaves, settings)
        for k, at in enumerate(chosen):
            if not _close(analytical[k], numerical[k][o], settings.rtol, settings.atol):
                raise GradcheckError(_mismatch(o, at, numerical[k][o], analytical[k]))
            _check_reentrant(analytical[k], again[k], settings.nondet_tol)


def _check_reentrant(first: Any, second: Any, tolerance: float) -> None:
    if numpy.abs(first - second).max(initial=0) > tolerance:
        raise GradcheckError(
            "Backward is not reentrant, i.e., running backward with same input and grad_output "
            "multiple times gives different values, although analytical gradient matches "
            f"numerical gradient. The tolerance for nondeterminism was {tolerance}."
        )


def _direction(like: Tensor) -> tuple[Tensor, Any]:
    """A random vector of length one with positive parts, as tensor and as parts."""
    parts = flambeau.rand(_size(like), dtype=flambeau.float64).numpy() + 0.1
    parts = parts / numpy.linalg.norm(parts)
    pairs = parts.reshape((-1, 2)) @ numpy.array([1, 1j]) if like.dtype.is_complex else parts
    return flambeau.from_numpy(pairs).to(like.dtype).reshape(like.shape), parts


def _moved_along(x: Tensor, direction: Tensor, step: float) -> Iterator[None]:
    """While it waits, ``x`` is changed along a direction."""
    with flambeau.no_grad():
        memory = x.detach()
        old = memory.clone()
        memory.copy_(old + direction * step)
        try:
            yield
        finally:
            memory.copy_(old)


def _check_fast(
    function: Function, inputs: tuple[Any, ...], chosen: list[int], settings: _Settings
) -> None:
    """One number an input and output: the Jacobian between two random directions."""
    values = _as_tuple(function(*inputs))
    which = [i for i, t in enumerate(values) if isinstance(t, Tensor) and t.requires_grad]
    leaves = [inputs[i] for i in chosen]
    aims = [_direction(values[i]) for i in which]
    analytical = [_gradients(values[i], leaves, v) for i, (v, _) in zip(which, aims, strict=True)]
    again = [_gradients(values[i], leaves, v) for i, (v, _) in zip(which, aims, strict=True)]
    for k, at in enumerate(chosen):
        x = inputs[at]
        u, u_parts = _direction(x)

        def move(step: float, x: Tensor = x, u: Tensor = u) -> Iterator[None]:
            return _moved_along(x, u, step)

        slopes = _difference(function, inputs, which, move, settings.eps)
        for o, slope in enumerate(slopes):
            g, v_parts = analytical[o][k], aims[o][1]
            _check_gradient(g, x, settings)
            numerical = float(slope @ v_parts)
            exact = 0.0 if g is None else float(_parts(g) @ u_parts)
            atol = settings.atol * float(u_parts.sum() * v_parts.sum())
            if not _close(exact, numerical, settings.rtol, atol):
                full = _numerical(function, inputs, at, [which[o]], settings.eps)[0]
                output = _as_tuple(function(*inputs))[which[o]]
                whole = _analytical(output, leaves, settings)[k]
                note = (
                    "These are products with random directions (fast mode). In full:\n"
                    + _mismatch(o, at, full, whole)
                )
                raise GradcheckError(_mismatch(o, at, numerical, exact, note))
            repeated = again[o][k]
            if g is not None and repeated is not None:
                _check_reentrant(_parts(g), _parts(repeated), settings.nondet_tol)


def _check_zeros(
    function: Function, inputs: tuple[Any, ...], chosen: list[int], undefined: bool
) -> None:
    """A gradient of zeros must give zeros; with several outputs the others then have none."""
    outputs = _differentiable_outputs(function(*inputs))
    leaves = [inputs[i] for i in chosen]
    choices = [[o] for o in range(len(outputs))] if undefined else [list(range(len(outputs)))]
    for choice in choices:
        given = [flambeau.zeros_like(outputs[o]) for o in choice]
        try:
            found = grad(
                [outputs[o] for o in choice], leaves, given, retain_graph=True, allow_unused=True
            )
        except RuntimeError as error:
            raise GradcheckError(
                "Expected backward function to handle undefined output grads: it was called for "
                f"output {choice} alone and failed: {error}"
            ) from error
        for g in found:
            if g is not None and bool((g != 0).any()):
                raise GradcheckError("backward not multiplied by grad_output")


def _agree(a: Tensor, b: Tensor) -> bool:
    return _close(_parts(a), _parts(b), 1e-3, 1e-5)


def _check_batched(function: Function, inputs: tuple[Any, ...], chosen: list[int]) -> None:
    """Several gradients at once are those one after the other."""
    leaves = [inputs[i] for i in chosen]
    for output in _differentiable_outputs(function(*inputs)):
        rows = [_direction(output)[0] for _ in range(2)]
        single = [_gradients(output, leaves, v) for v in rows]
        batched = grad(
            output, leaves, flambeau.stack(rows), retain_graph=True, allow_unused=True,
            is_grads_batched=True,
        )  # fmt: skip
        for k, g in enumerate(batched):
            for row in range(2):
                alone = single[row][k]
                if g is None and alone is None:
                    continue
                if g is None or alone is None or not _agree(g[row], alone):
                    raise GradcheckError(
                        f"Batched gradients differ from single ones for input {chosen[k]}"
                    )


def _run(function: Function, inputs: tuple[Any, ...], settings: _Settings, fast: bool) -> None:
    chosen = _check_inputs(inputs)
    if not _differentiable_outputs(function(*inputs)):
        _check_nothing_flows(function, inputs, chosen, settings)
        return
    (_check_fast if fast else _check_slow)(function, inputs, chosen, settings)
    _check_zeros(function, inputs, chosen, undefined=False)
    if settings.check_undefined_grad:
        _check_zeros(function, inputs, chosen, undefined=True)
    if settings.check_batched_grad:
        _check_batched(function, inputs, chosen)


def gradcheck(
    func: Function,
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compares the gradients of a function with central differences.

    Args:
        func: from the inputs to a tensor or a sequence of them.
        inputs: what it is called with; those that require gradients are checked. They should be
            float64 or complex128, and are changed while the check runs.
        eps: step of the differences.
        atol: absolute tolerance.
        rtol: relative tolerance.
        raise_exception: raise what was found, or return False.
        nondet_tol: how far two runs of backward may differ.
        check_undefined_grad: also call backward for one of several outputs alone.
        check_grad_dtypes: gradients have the dtypes of their inputs.
        check_batched_grad: also several gradients at once.
        check_batched_forward_grad: must be False: there is no forward mode.
        check_forward_ad: must be False: there is no forward mode.
        check_backward_ad: whether to check at all.
        fast_mode: compare along random directions in place of element by element.
        masked: for sparse tensors; has no effect.

    Returns:
        True if all agrees.

    Raises:
        GradcheckError: what does not agree, and where.

    Example::

        >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
        >>> torch.autograd.gradcheck(torch.sin, (x,))
        True
    """
    if check_forward_ad or check_batched_forward_grad:
        raise NotImplementedError(
            "gradcheck: there is no forward mode to check; leave check_forward_ad and "
            "check_batched_forward_grad False"
        )
    if not check_backward_ad:
        raise ValueError("Expected at least one of check_forward_ad or check_backward_ad")
    settings = _Settings(
        eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes, check_batched_grad
    )
    try:
        _run(func, _as_tuple(inputs), settings, fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _grad_outputs(outputs: Sequence[Tensor], apart: bool) -> tuple[Tensor, ...]:
    """Random gradients of the outputs; ``apart``: with gaps between their elements."""

    def make(like: Tensor) -> Tensor:
        kind = like.dtype
        if kind not in (flambeau.float64, flambeau.complex128):
            kind = flambeau.complex128 if kind.is_complex else flambeau.float64
        shape = (*like.shape, 2) if apart else like.shape
        made = flambeau.randn(shape, dtype=kind)
        made = made.select(-1, 0) if apart else made
        return made.requires_grad_()

    return tuple(make(t) for t in outputs)


def gradgradcheck(
    func: Function,
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compares the gradients of a function's gradients with central differences.

    Args:
        func: from the inputs to a tensor or a sequence of them.
        inputs: as in ``gradcheck``.
        grad_outputs: gradients with respect to the outputs; default: random ones.
        gen_non_contig_grad_outputs: random ones that are not contiguous.
        check_fwd_over_rev: must be False: there is no forward mode.
        check_rev_over_rev: whether to check at all.

    The other arguments, the result and what is raised are those of ``gradcheck``.

    Example::

        >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
        >>> torch.autograd.gradgradcheck(torch.sin, (x,))
        True
    """
    if check_fwd_over_rev:
        raise NotImplementedError(
            "gradgradcheck: there is no forward mode to check; leave check_fwd_over_rev False"
        )
    if not check_rev_over_rev:
        raise ValueError("Expected at least one of check_fwd_over_rev or check_rev_over_rev")
    given = _as_tuple(inputs)
    chosen = _check_inputs(given)
    if grad_outputs is None:
        outputs = _differentiable_outputs(func(*given))
        vectors = _grad_outputs(outputs, gen_non_contig_grad_outputs)
    else:
        vectors = _as_tuple(grad_outputs)

    def gradient(*args: Any) -> tuple[Tensor, ...]:
        arguments, v = args[: len(given)], args[len(given) :]
        values = _differentiable_outputs(func(*arguments))
        leaves = [arguments[i] for i in chosen]
        found = grad(values, leaves, v, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradient,
        (*given, *vectors),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
    )


class _Callable(ModuleType):
    """``autograd.gradcheck`` is the function even where this module's import took its place."""

    def __call__(self, *args: Any, **kwargs: Any) -> bool:
        return gradcheck(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable

"""Automatic differentiation: gradients of recorded operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flambeau import _C
from flambeau._C import Node, is_anomaly_enabled
from flambeau.utils.lazy import lazy_names

from .anomaly import detect_anomaly, set_detect_anomaly
from .function import Function, FunctionCtx, once_differentiable
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = [
    "Function", "FunctionCtx", "Node", "Variable", "backward", "detect_anomaly", "enable_grad",
    "grad", "gradcheck", "gradgradcheck", "inference_mode", "is_anomaly_enabled", "no_grad",
    "once_differentiable", "set_detect_anomaly", "set_grad_enabled",
]  # fmt: skip

Variable = _C.Tensor


def _tuple(value: Any) -> tuple[Any, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, _C.Tensor) else tuple(value)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds the gradients of ``tensors`` to the ``.grad`` of the graph's leaves.

    Args:
        tensors: roots of the graph.
        grad_tensors: gradients with respect to the roots; may be None for roots of one element.
        retain_graph: keep the graph for another pass; default: the value of ``create_graph``.
        create_graph: record the backward pass itself, for higher derivatives.
        grad_variables: deprecated name of ``grad_tensors``.
        inputs: accumulate into these only.

    Raises:
        RuntimeError: a root needs a gradient that was not given, or the graph was freed.
    """
    if grad_variables is not None:
        grad_tensors = grad_variables
    roots = _tuple(tensors)
    grads = _tuple(grad_tensors) if grad_tensors is not None else (None,) * len(roots)
    if len(grads) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(grads)} gradients")
    if inputs is not None and len(_tuple(inputs)) == 0:
        raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    retain = create_graph if retain_graph is None else bool(retain_graph)
    _C._run_backward(roots, grads, retain, bool(create_graph), _tuple(inputs), True, True)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of ``outputs`` with respect to ``inputs``; ``.grad`` stays as it is.

    Args:
        outputs: what is differentiated.
        inputs: with respect to what.
        grad_outputs: the vector in the vector-Jacobian product; may be None for one element.
        retain_graph: keep the graph; default: the value of ``create_graph``.
        create_graph: record the pass, for higher derivatives.
        only_inputs: always true.
        allow_unused: give None for an input that the outputs do not depend on; default: error,
            unless ``materialize_grads``.
        is_grads_batched: the first dimension of ``grad_outputs`` counts several vectors.
        materialize_grads: zeros instead of None.

    Returns:
        One gradient an input.

    Example::

        >>> x = torch.tensor(3.0, requires_grad=True)
        >>> torch.autograd.grad(x ** 2, x)
        (tensor(6.),)
    """
    roots, targets = _tuple(outputs), _tuple(inputs)
    if not targets:
        raise ValueError("grad requires non-empty inputs.")
    if allow_unused is False and materialize_grads:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True"
        )
    grads = _tuple(grad_outputs) if grad_outputs is not None else (None,) * len(roots)
    if len(grads) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(grads)} gradients")
    retain = create_graph if retain_graph is None else bool(retain_graph)
    unused = materialize_grads if allow_unused is None else bool(allow_unused)
    if is_grads_batched:
        return _batched_grad(roots, grads, targets, retain, create_graph, unused)
    found = _C._run_backward(roots, grads, retain, bool(create_graph), targets, unused, False)
    if materialize_grads:
        found = tuple(
            _C.namespace("")["zeros_like"](t) if g is None else g
            for g, t in zip(found, targets, strict=True)
        )
    return tuple(found)


def _batched_grad(
    roots: tuple[Any, ...],
    grads: tuple[Any, ...],
    targets: tuple[Any, ...],
    retain: bool,
    create: bool,
    unused: bool,
) -> tuple[Any, ...]:
    count = next(len(g) for g in grads if g is not None)
    rows = []
    for i in range(count):
        vectors = tuple(None if g is None else g[i] for g in grads)
        keep = retain or i + 1 < count
        rows.append(_C._run_backward(roots, vectors, keep, bool(create), targets, unused, False))
    stack = _C.namespace("")["stack"]
    return tuple(None if column[0] is None else stack(column) for column in zip(*rows, strict=True))


__getattr__ = lazy_names(
    __name__,
    {"gradcheck": ("gradcheck", "gradgradcheck", "GradcheckError")},
    submodules=("functional", "profiler"),
)

"""Whole Jacobians, row by row or column by column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import flambeau
from flambeau import Tensor
from flambeau.func._graph import (
    Argnums,
    Function,
    Recording,
    places,
    released_tree,
    some_tensors,
    with_aux,
)
from flambeau.func.products import Linearized
from flambeau.utils._pytree import tree_flatten, tree_unflatten

__all__ = ["hessian", "jacfwd", "jacrev"]


def _check_real(tensors: Sequence[Any], call: str, what: str) -> None:
    for i, t in enumerate(tensors):
        if isinstance(t, Tensor) and t.is_complex():
            raise RuntimeError(
                f"{call}: Expected all {what} to be real but received complex tensor at flattened "
                f"input idx: {i}"
            )


def _basis(tensors: Sequence[Tensor], begin: int, end: int) -> list[Tensor]:
    """Unit vectors ``begin`` to ``end`` of the space of all tensors' elements together."""
    made, offset = [], 0
    for t in tensors:
        n = t.numel()
        unit = flambeau.zeros((end - begin, n), dtype=t.dtype, device=t.device)
        low, high = max(begin, offset), min(end, offset + n)
        if low < high:
            unit[low - begin : high - begin, low - offset : high - offset].fill_diagonal_(1)
        made.append(unit.reshape((end - begin, *t.shape)))
        offset += n
    return made


def _rows(
    linear: Callable[[Sequence[Tensor]], Sequence[Tensor]],
    basis: Sequence[Tensor],
) -> list[Tensor]:
    """A linear function of each unit vector, stacked."""
    rows = [linear(row) for row in zip(*basis, strict=True)]
    return [flambeau.stack(column) for column in zip(*rows, strict=True)]


def _matrices(
    linear: Callable[[Sequence[Tensor]], Sequence[Tensor]],
    domain: Sequence[Tensor],
    image: Sequence[Tensor],
    chunk_size: int | None,
) -> list[list[Tensor]]:
    """For each tensor of the domain and each of the image: how the second follows the first.

    Of shape (elements of the first, *shape of the second).
    """
    total = sum(t.numel() for t in domain)
    step = total if chunk_size is None else chunk_size
    parts = [
        _rows(linear, _basis(domain, begin, min(begin + step, total)))
        for begin in range(0, total, max(step, 1))
    ]
    if parts:
        whole = [flambeau.cat(list(p)) if len(p) > 1 else p[0] for p in zip(*parts, strict=True)]
    else:
        whole = [t.new_zeros((0, *t.shape)) for t in image]
    sizes = [t.numel() for t in domain]
    split = [flambeau.split(w, sizes) for w in whole]
    return [list(column) for column in zip(*split, strict=True)]


def jacrev(
    func: Function,
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Function:
    """A function that returns the Jacobian of ``func``, computed row by row: one an output element.

    Args:
        func: from tensors to any tree of tensors.
        argnums: position of the argument to differentiate by, or a tuple of positions.
        has_aux: ``func`` returns ``(output, aux)``.
        chunk_size: rows computed together; default: all. Smaller needs less memory.

    Returns:
        A function with the Jacobian as result: a tensor of the output's and then the input's shape,
        in the structure of the output and, inside of that, the input.

    Raises:
        ValueError: ``chunk_size`` is not positive.
        RuntimeError: something is complex or no tensor, or a position is wrong.

    Example::

        >>> torch.func.jacrev(lambda x: x * x)(torch.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = "jacrev"
        graph, result, aux = _recorded(func, argnums, args, kwargs, has_aux, call)
        outputs, spec = tree_flatten(result)
        _check_real(outputs, call, "outputs")

        def pull(vectors: Sequence[Tensor]) -> Sequence[Tensor]:
            return graph.products(outputs, vectors, graph.connected)

        blocks = _matrices(pull, outputs, graph.inputs, chunk_size)
        made = [
            _as_argument(
                [
                    graph.released(b.reshape((*o.shape, *x.shape)))
                    for b, x in zip(row, graph.inputs, strict=True)
                ],
                graph,
                argnums,
            )
            for row, o in zip(blocks, outputs, strict=True)
        ]
        jacobian = tree_unflatten(made, spec)
        return (jacobian, released_tree(graph, aux)) if has_aux else jacobian

    return wrapper


def _as_argument(leaves: Sequence[Tensor], graph: Recording, argnums: Argnums) -> Any:
    tree = tree_unflatten(leaves, graph.spec)
    return tree[0] if isinstance(argnums, int) else tree


def _recorded(
    func: Function,
    argnums: Argnums,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    has_aux: bool,
    call: str,
) -> tuple[Recording, Any, Any]:
    chosen = places(argnums, len(args))
    graph = Recording(tuple(args[i] for i in chosen), flambeau.is_grad_enabled())
    _check_real(graph.inputs, call, "inputs")
    changed = list(args)
    for i, value in zip(chosen, graph.chosen, strict=True):
        changed[i] = value
    with flambeau.enable_grad():
        result, aux = with_aux(func(*changed, **kwargs), has_aux, call)
        some_tensors(result, call)
        graph.finish([*tree_flatten(result)[0], *tree_flatten(aux)[0]])
    return graph, result, aux


def jacfwd(
    func: Function, argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Function:
    """A function that returns the Jacobian of ``func``, column by column: one an input element.

    Args:
        func: from tensors to any tree of tensors.
        argnums: position of the argument to differentiate by, or a tuple of positions.
        has_aux: ``func`` returns ``(output, aux)``.
        randomness: accepted; ``func`` runs once, so all columns see the same random numbers.

    Returns:
        A function with the Jacobian as result, as that of :func:`jacrev`.

    Raises:
        RuntimeError: something is complex or no tensor, or a position is wrong.

    Example::

        >>> torch.func.jacfwd(lambda x: x.sum())(torch.tensor([1.0, 2.0]))
        tensor([1., 1.])
    """

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = "jacfwd"
        graph, result, aux = _recorded(func, argnums, args, kwargs, has_aux, call)
        outputs, spec = tree_flatten(result)
        _check_real(outputs, call, "outputs")
        linear = Linearized(outputs, graph)
        blocks = _matrices(linear.push, graph.inputs, outputs, None)
        made = []
        for j, o in enumerate(outputs):
            columns = [
                graph.released(blocks[i][j].movedim(0, -1).reshape((*o.shape, *x.shape)))
                for i, x in enumerate(graph.inputs)
            ]
            made.append(_as_argument(columns, graph, argnums))
        jacobian = tree_unflatten(made, spec)
        return (jacobian, released_tree(graph, aux)) if has_aux else jacobian

    return wrapper


def hessian(func: Function, argnums: Argnums = 0) -> Function:
    """A function that returns the Hessian of ``func``: the Jacobian of its Jacobian.

    Args:
        func: from tensors to a tensor, usually of one number.
        argnums: position of the argument to differentiate by, or a tuple of positions.

    Returns:
        A function with the result of the output's and twice the input's shape.

    Example::

        >>> torch.func.hessian(lambda x: (x ** 3).sum())(torch.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)

"""What the transformations share: starting a graph, ending it, products along it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import flambeau
from flambeau import _C, Tensor
from flambeau.utils._pytree import PyTree, tree_flatten, tree_unflatten

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


# --- arguments ------------------------------------------------------------------------------------


def name_of(func: Any) -> str:
    """A function's name for messages."""
    return getattr(func, "__name__", None) or repr(func)


def _wrapped(argnum: Any, count: int) -> int:
    if not isinstance(argnum, int):
        raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
    if not -count <= argnum < count:
        raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")
    return argnum % count


def places(argnums: Any, count: int) -> tuple[int, ...]:
    """The positions of the arguments to differentiate by, none negative."""
    if isinstance(argnums, int):
        return (_wrapped(argnums, count),)
    if not isinstance(argnums, tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if not argnums:
        raise RuntimeError("argnums must be non-empty")
    found = tuple(_wrapped(a, count) for a in argnums)
    if len(set(found)) != len(found):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return found


# --- the two ends of a graph ----------------------------------------------------------------------


def _start(x: Any) -> Tensor:
    if not isinstance(x, Tensor):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
    if not x.requires_grad:
        return x.detach().requires_grad_()
    return x.view_as(x)


class Recording:
    """The graph of one call of a function from the arguments that it is differentiated by.

    Args:
        chosen: those arguments, any tree of tensors.
        outer: whether gradients are recorded around the transformation.
    """

    def __init__(self, chosen: PyTree, outer: bool) -> None:
        given, self.spec = tree_flatten(chosen)
        self.inputs = [_start(x) for x in given]
        self.chosen = tree_unflatten(self.inputs, self.spec)
        self._own = [x for x, g in zip(self.inputs, given, strict=True) if not g.requires_grad]
        self._outer = outer
        self.connected = False

    def finish(self, outputs: Sequence[Any]) -> None:
        """Notes whether the outputs depend on anything beside this function's own arguments."""
        tensors = [o for o in outputs if isinstance(o, Tensor)]
        self.connected |= self._outer and _C._reaches_other_leaves(tensors, self._own)

    def released(self, value: Any) -> Any:
        """A result as it leaves the transformation: without history, if that ends here."""
        if isinstance(value, Tensor) and not self.connected and value.requires_grad:
            return value.detach()
        return value

    def products(
        self, outputs: Sequence[Tensor], vectors: Sequence[Tensor | None], create_graph: bool
    ) -> list[Tensor]:
        """Products of vectors with the Jacobian, one an input; zeros where nothing depends."""
        return products(outputs, self.inputs, vectors, create_graph)


def products(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    vectors: Sequence[Tensor | None],
    create_graph: bool,
) -> list[Tensor]:
    """Products of vectors with the Jacobian, one an input; zeros where nothing depends on it."""
    pairs = [(o, v) for o, v in zip(outputs, vectors, strict=True) if o.requires_grad]
    found: Sequence[Tensor | None] = [None] * len(inputs)
    if pairs and inputs:
        found = flambeau.autograd.grad(
            [o for o, _ in pairs], inputs, [v for _, v in pairs],
            retain_graph=True, create_graph=create_graph, allow_unused=True,
        )  # fmt: skip
    return [flambeau.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


# --- results --------------------------------------------------------------------------------------


def with_aux(result: Any, has_aux: bool, call: str) -> tuple[Any, Any]:
    """The function's own result and what came beside it."""
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(
            f"{call}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return result


def released_tree(graph: Recording, tree: PyTree) -> PyTree:
    """A tree of results as it leaves the transformation."""
    leaves, spec = tree_flatten(tree)
    return tree_unflatten([graph.released(x) for x in leaves], spec)


def only_tensors(tree: PyTree, call: str) -> list[Tensor]:
    """The leaves of a function's result, which must be tensors."""
    leaves, _ = tree_flatten(tree)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(
                f"{call}: expected f(*args) to return only tensors, got unsupported type "
                f"{type(leaf)}"
            )
    return leaves


def some_tensors(tree: PyTree, call: str) -> None:
    """Refuses results that are no tensors, or none at all."""
    if isinstance(tree, tuple) and not tree:
        raise RuntimeError(f"{call}: Expected output of f to be a non-empty tuple of Tensors.")
    leaves, _ = tree_flatten(tree)
    if not leaves:
        raise RuntimeError(
            f"{call}: Expected f to be a function that has non-empty output (got output = {tree})"
        )
    only_tensors(tree, call)

"""Gradients, and products of Jacobians with vectors from either side."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import flambeau
from flambeau import Tensor
from flambeau.func._graph import (
    Argnums,
    Function,
    Recording,
    name_of,
    only_tensors,
    places,
    products,
    released_tree,
    some_tensors,
    with_aux,
)
from flambeau.utils._pytree import (
    PyTree,
    TreeSpec,
    tree_flatten,
    tree_unflatten,
    treespec_pprint,
)

__all__ = ["grad", "grad_and_value", "jvp", "linearize", "vjp"]


# --- from the left --------------------------------------------------------------------------------


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> Any:
    r"""The value of a function, and the product of vectors with its Jacobian: :math:`v^T J`.

    Args:
        func: from tensors, or trees of them, to any tree of tensors.
        primals: where.
        has_aux: ``func`` returns ``(output, aux)``, and ``aux`` is handed on.

    Returns:
        ``(output, vjp_fn)`` or ``(output, vjp_fn, aux)``. ``vjp_fn`` takes vectors of the output's
        shapes and returns a tuple with one product a primal.

    Raises:
        RuntimeError: something returned is no tensor, or the vectors do not fit the output.

    Example::

        >>> y, vjp_fn = torch.func.vjp(lambda x: x * x, torch.tensor([1.0, 2.0]))
        >>> vjp_fn(torch.tensor([1.0, 10.0]))
        (tensor([ 2., 40.]),)
    """
    call = "vjp(f, *primals)"
    graph = Recording(primals, flambeau.is_grad_enabled())
    with flambeau.enable_grad():
        result, aux = with_aux(func(*graph.chosen), has_aux, call)
        some_tensors(result, call)
        outputs, spec = tree_flatten(result)
        graph.finish([*outputs, *tree_flatten(aux)[0]])

    def vjp_fn(*cotangents: Any, retain_graph: bool = True, create_graph: Any = None) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        vectors = _cotangents(given, outputs, spec)
        wanted = flambeau.is_grad_enabled() if create_graph is None else bool(create_graph)
        further = wanted and (graph.connected or any(v.requires_grad for v in vectors))
        made = graph.products(outputs, vectors, further)
        return tree_unflatten(made, graph.spec)

    value = released_tree(graph, result)
    return (value, vjp_fn, released_tree(graph, aux)) if has_aux else (value, vjp_fn)


def _cotangents(given: Any, outputs: Sequence[Tensor], spec: TreeSpec) -> list[Tensor]:
    vectors, given_spec = tree_flatten(given)
    if given_spec != spec:
        raise RuntimeError(
            "Expected pytree structure of cotangents to be the same as pytree structure of outputs "
            f"to the function. cotangents: {treespec_pprint(given_spec)}, primal output: "
            f"{treespec_pprint(spec)}"
        )
    return vectors


def grad_and_value(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of ``func`` and its value.

    Args:
        func: returns a tensor with one element and no dimensions.
        argnums: position of the argument to differentiate by, or a tuple of positions. The argument
            may be any tree of tensors.
        has_aux: ``func`` returns ``(output, aux)``.

    Returns:
        A function with the result ``(gradient, value)``, or ``(gradient, (value, aux))``. The
        gradient has the structure of the argument, and is a tuple for several positions.

    Raises:
        RuntimeError: what ``func`` returns is no tensor of one number, or a position is wrong.

    Example::

        >>> torch.func.grad_and_value(lambda x: (x * x).sum())(torch.tensor([1.0, 2.0]))
        (tensor([2., 4.]), tensor(5.))
    """

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = "grad_and_value(f)(*args)"
        chosen = places(argnums, len(args))
        graph = Recording(tuple(args[i] for i in chosen), flambeau.is_grad_enabled())
        changed = list(args)
        for i, value in zip(chosen, graph.chosen, strict=True):
            changed[i] = value
        with flambeau.enable_grad():
            output, aux = with_aux(func(*changed, **kwargs), has_aux, call)
            _check_number(output, call)
            graph.finish([output, *tree_flatten(aux)[0]])
            made = graph.products([output], [None], graph.connected)
        gradient = tree_unflatten([graph.released(g) for g in made], graph.spec)
        if isinstance(argnums, int):
            gradient = gradient[0]
        value = graph.released(output)
        return gradient, ((value, released_tree(graph, aux)) if has_aux else value)

    return _named_as(wrapper, func)


def _named_as(wrapper: Function, func: Function) -> Function:
    return functools.wraps(func)(wrapper) if hasattr(func, "__name__") else wrapper


def _check_number(output: Any, call: str) -> None:
    if not isinstance(output, Tensor):
        raise RuntimeError(f"{call}: Expected f(*args) to return a tensor, got {type(output)}")
    if output.dim() != 0:
        raise RuntimeError(
            f"{call}: Expected f(*args) to return a scalar tensor, got tensor with "
            f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


def grad(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that returns the gradient of ``func``.

    Args:
        func: returns a tensor with one element and no dimensions.
        argnums: position of the argument to differentiate by, or a tuple of positions. The argument
            may be any tree of tensors.
        has_aux: ``func`` returns ``(output, aux)``.

    Returns:
        A function with the gradient as result, or ``(gradient, aux)``.

    Raises:
        RuntimeError: what ``func`` returns is no tensor of one number, or a position is wrong.

    Example::

        >>> torch.func.grad(torch.func.grad(lambda x: x ** 3))(torch.tensor(2.0))
        tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return _named_as(wrapper, func)


# --- from the right -------------------------------------------------------------------------------


class Linearized:
    """A function's graph, taken twice: the product with a vector from the left is linear in it, so
    its derivative by that vector is the product from the right."""

    def __init__(self, outputs: Sequence[Tensor], graph: Recording) -> None:
        self.graph = graph
        self.outputs = outputs
        with flambeau.enable_grad():
            self.places = [i for i, o in enumerate(outputs) if _derivable(o)]
            chosen = [outputs[i] for i in self.places]
            self.seeds = [flambeau.zeros_like(o).requires_grad_() for o in chosen]
            self.pulled = products(chosen, graph.inputs, self.seeds, True)

    def push(self, tangents: Sequence[Tensor]) -> list[Tensor]:
        """The tangents of the outputs."""
        further = flambeau.is_grad_enabled() and (
            self.graph.connected or any(t.requires_grad for t in tangents)
        )
        with flambeau.enable_grad():
            made = products(self.pulled, self.seeds, tangents, further)
        found = dict(zip(self.places, made, strict=True))
        return [
            found[i] if i in found else flambeau.zeros_like(o) for i, o in enumerate(self.outputs)
        ]


def _derivable(t: Tensor) -> bool:
    return t.requires_grad and (t.is_floating_point() or t.is_complex())


def jvp(
    func: Function,
    primals: Any,
    tangents: Any,
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """The value of a function, and the product of its Jacobian with a vector.

    No operator needs a rule of its own: the product with a vector from the left is differentiated
    once more, by that vector.

    Args:
        func: from tensors to any tree of tensors.
        primals: where, a tuple.
        tangents: the vector, of the same structure.
        strict: an error where an output does not depend on the inputs.
        has_aux: ``func`` returns ``(output, aux)``.

    Returns:
        ``(output, tangent)`` or ``(output, tangent, aux)``.

    Raises:
        RuntimeError: structures do not fit, or something returned is no tensor.

    Example::

        >>> torch.func.jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
        (tensor(0.), tensor(2.))
    """
    call = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{call}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    vectors = _tangents(primals, tangents, call)
    graph = Recording(primals, flambeau.is_grad_enabled())
    with flambeau.enable_grad():
        result, aux = with_aux(func(*graph.chosen), has_aux, call)
        outputs, spec = only_tensors(result, call), tree_flatten(result)[1]
        graph.finish([*outputs, *tree_flatten(aux)[0]])
    if strict and not all(o.requires_grad for o in outputs):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the "
            "inputs. This is not allowed with strict=True."
        )
    made = Linearized(outputs, graph).push(vectors)
    value = released_tree(graph, result)
    tangent = tree_unflatten(made, spec)
    return (value, tangent, released_tree(graph, aux)) if has_aux else (value, tangent)


def _tangents(primals: Any, tangents: Any, call: str) -> list[Tensor]:
    given, given_spec = tree_flatten(tangents)
    flat, spec = tree_flatten(primals)
    if given_spec != spec:
        raise RuntimeError(
            f"{call}: Expected primals and tangents to have the same python structure. For "
            "example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with "
            f"structure {spec} and tangents with structure {given_spec}"
        )
    for what, leaves in (("primals", flat), ("tangents", given)):
        if not leaves:
            raise RuntimeError(f"{call}: Expected {what} to contain at least one Tensor.")
        for leaf in leaves:
            if not isinstance(leaf, Tensor):
                raise RuntimeError(
                    f"{call}: Expected {what} to only contain Tensors, got {type(leaf)}"
                )
    for p, t in zip(flat, given, strict=True):
        if p.shape != t.shape:
            raise RuntimeError(
                f"{call}: a tangent must have the shape of its primal, {tuple(p.shape)}, but has "
                f"{tuple(t.shape)}"
            )
    return given


def linearize(func: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of a function, and its derivative there as a linear function.

    ``jvp`` anew at each vector would run ``func`` each time; here it runs once.

    Args:
        func: from tensors to any tree of tensors.
        primals: where.

    Returns:
        ``(output, jvp_fn)``; ``jvp_fn`` takes tangents of the primals' structures, shapes and
        dtypes.

    Example::

        >>> y, jvp_fn = torch.func.linearize(lambda x: x * x, torch.tensor([1.0, 2.0]))
        >>> jvp_fn(torch.tensor([1.0, 0.0])), jvp_fn(torch.tensor([0.0, 1.0]))
        (tensor([2., 0.]), tensor([0., 4.]))
    """
    call = "linearize(f, *primals)"
    graph = Recording(primals, flambeau.is_grad_enabled())
    with flambeau.enable_grad():
        result = func(*graph.chosen)
        outputs, spec = only_tensors(result, call), tree_flatten(result)[1]
        graph.finish(outputs)
    linear = Linearized(outputs, graph)

    def jvp_fn(*tangents: Any) -> PyTree:
        given, given_spec = tree_flatten(tangents)
        if given_spec != graph.spec:
            raise RuntimeError(
                f"Expected the tangents {given_spec} to have the same argspec as the primals "
                f"{graph.spec}"
            )
        for i, (t, x) in enumerate(zip(given, graph.inputs, strict=True)):
            for what, a, b in (("shape", t.shape, x.shape), ("dtype", t.dtype, x.dtype)):
                if a != b:
                    raise RuntimeError(
                        f"tangent:{i} with {what} {a} in flattened pytree doesn't match the "
                        f"{what} {b} of the corresponding primal of {name_of(func)}"
                    )
        return tree_unflatten(linear.push(given), spec)

    return released_tree(graph, result), jvp_fn

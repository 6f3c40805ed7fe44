"""Jacobians, Hessians and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import flambeau
from flambeau import Tensor
from flambeau.autograd import grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Function = Callable[..., Any]
Tensors = tuple[Tensor, ...]


# --- arguments and results ------------------------------------------------------------------------


def _tensors(value: Any, what: str, function: str) -> tuple[Tensors, bool]:
    """The tensors given, and whether they were given in a tuple."""
    many = isinstance(value, (tuple, list))
    made = tuple(value) if many else (value,)
    for i, t in enumerate(made):
        if isinstance(t, Tensor):
            continue
        if many:
            raise TypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but "
                f"the value at index {i} has type {type(t)}."
            )
        raise TypeError(
            f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the "
            f"given {what} has type {type(t)}."
        )
    return made, many


def _single(value: Tensors, many: bool) -> Any:
    return value if many else value[0]


def _leaves(inputs: Tensors, create_graph: bool) -> Tensors:
    """The inputs as start of a graph; connected to what came before if that is wanted."""
    if not create_graph:
        return tuple(t.detach().requires_grad_() for t in inputs)
    return tuple(t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in inputs)


def _finished(values: Tensors, create_graph: bool) -> Tensors:
    return values if create_graph else tuple(t.detach() for t in values)


def _check_vector(v: Tensors, like: Tensors, what: str) -> None:
    if len(v) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}."
        )
    for i, (a, b) in enumerate(zip(v, like, strict=True)):
        if a.shape != b.shape:
            raise RuntimeError(
                f"v has invalid size at entry {i}: should be {tuple(b.shape)}, the size of {what}, "
                f"but got {tuple(a.shape)}."
            )


def _vector(v: Any, like: Tensors, function: str, what: str) -> Tensors:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if {what} contains a single element: {function} "
                "needs to know in which direction."
            )
        return (flambeau.ones_like(like[0]),)
    made, _ = _tensors(v, "v", function)
    _check_vector(made, like, what)
    return made


def _no_history(outputs: Tensors, strict: bool, function: str) -> None:
    for i, t in enumerate(outputs):
        if strict and not t.requires_grad:
            raise RuntimeError(
                f"{function}: Output {i} of the user-provided function does not require gradients. "
                "The outputs must be computed in a differentiable manner from the input when "
                "running in strict mode."
            )


def _grad(
    outputs: Tensors, inputs: Tensors, v: Tensors, create_graph: bool, strict: bool, function: str
) -> Tensors:
    """Products of the vectors with the Jacobian; zeros where nothing depends on an input."""
    chosen = [(o, g) for o, g in zip(outputs, v, strict=True) if o.requires_grad]
    found: Sequence[Tensor | None] = [None] * len(inputs)
    if chosen:
        found = grad(
            [o for o, _ in chosen], inputs, [g for _, g in chosen], create_graph=create_graph,
            retain_graph=True, allow_unused=True,
        )  # fmt: skip
    made = []
    for i, (g, x) in enumerate(zip(found, inputs, strict=True)):
        if g is None and strict:
            raise RuntimeError(
                f"{function}: the output of the user-provided function is independent of input "
                f"{i}. This is not allowed in strict mode."
            )
        made.append(flambeau.zeros_like(x) if g is None else g)
    return tuple(made)


def _scalar(outputs: Tensors, many: bool, function: str) -> None:
    if many:
        raise RuntimeError(f"The function given to {function} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {function} should contain a single "
            "element"
        )


# --- products of first order ----------------------------------------------------------------------


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """The product of a vector with the Jacobian of a function.

    Args:
        func: from tensors to a tensor or a tuple of them.
        inputs: where.
        v: the vector, of the outputs' shapes; may be None for a single number.
        create_graph: results can be differentiated again.
        strict: an error where an output does not depend on an input.

    Returns:
        The outputs and the product, of the inputs' shapes.

    Example::

        >>> x = torch.tensor([1.0, 2.0])
        >>> torch.autograd.functional.vjp(lambda x: x * x, x, torch.ones(2))[1]
        tensor([2., 4.])
    """
    with flambeau.enable_grad():
        given, many = _tensors(inputs, "inputs", "vjp")
        leaves = _leaves(given, create_graph)
        outputs, many_out = _tensors(func(*leaves), "outputs of the user-provided function", "vjp")
        _no_history(outputs, strict, "vjp")
        vector = _vector(v, outputs, "vjp", "the user-provided function's output")
        product = _grad(outputs, leaves, vector, create_graph, strict, "vjp")
    return (
        _single(_finished(outputs, create_graph), many_out),
        _single(_finished(product, create_graph), many),
    )


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """The product of the Jacobian of a function with a vector.

    It is the derivative of the product on the other side by its vector, which is linear.

    Args:
        func: from tensors to a tensor or a tuple of them.
        inputs: where.
        v: the vector, of the inputs' shapes; may be None for a single number.
        create_graph: results can be differentiated again.
        strict: an error where an output does not depend on an input.

    Returns:
        The outputs and the product, of the outputs' shapes.

    Example::

        >>> x = torch.tensor([1.0, 2.0])
        >>> torch.autograd.functional.jvp(lambda x: x.sum(), x, torch.ones(2))[1]
        tensor(2.)
    """
    with flambeau.enable_grad():
        given, _ = _tensors(inputs, "inputs", "jvp")
        vector = _vector(v, given, "jvp", "the user-provided inputs")
        leaves = _leaves(given, create_graph)
        outputs, many_out = _tensors(func(*leaves), "outputs of the user-provided function", "jvp")
        _no_history(outputs, strict, "jvp")
        dummies = tuple(flambeau.zeros_like(o).requires_grad_() for o in outputs)
        back = _grad(outputs, leaves, dummies, True, strict, "jvp")
        product = _grad(back, dummies, vector, create_graph, strict, "jvp")
    return (
        _single(_finished(outputs, create_graph), many_out),
        _single(_finished(product, create_graph), many_out),
    )


# --- products of second order ---------------------------------------------------------------------


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """The product of a vector with the Hessian of a function that returns one number.

    Args:
        func: from tensors to a tensor of one element.
        inputs: where.
        v: the vector, of the inputs' shapes; may be None for a single number.
        create_graph: results can be differentiated again.
        strict: an error where the gradient does not depend on an input.

    Returns:
        The output and the product, of the inputs' shapes.

    Example::

        >>> x = torch.tensor([1.0, 2.0])
        >>> torch.autograd.functional.vhp(lambda x: (x ** 3).sum(), x, torch.ones(2))[1]
        tensor([ 6., 12.])
    """
    with flambeau.enable_grad():
        given, many = _tensors(inputs, "inputs", "vhp")
        vector = _vector(v, given, "vhp", "the user-provided inputs")
        leaves = _leaves(given, create_graph)
        outputs, many_out = _tensors(func(*leaves), "outputs of the user-provided function", "vhp")
        _scalar(outputs, many_out, "vhp")
        _no_history(outputs, strict, "vhp")
        one = (flambeau.ones_like(outputs[0]),)
        first = _grad(outputs, leaves, one, True, strict, "vhp")
        product = _grad(first, leaves, vector, create_graph, strict, "vhp")
    return (
        _finished(outputs, create_graph)[0],
        _single(_finished(product, create_graph), many),
    )


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """The product of the Hessian of a function that returns one number with a vector.

    The Hessian is symmetric, but the product is taken on this side: ``vhp`` is cheaper.

    Arguments, result and errors are those of ``vhp``.

    Example::

        >>> x = torch.tensor([1.0, 2.0])
        >>> torch.autograd.functional.hvp(lambda x: (x ** 3).sum(), x, torch.ones(2))[1]
        tensor([ 6., 12.])
    """
    with flambeau.enable_grad():
        given, many = _tensors(inputs, "inputs", "hvp")
        vector = _vector(v, given, "hvp", "the user-provided inputs")
        leaves = _leaves(given, create_graph)
        outputs, many_out = _tensors(func(*leaves), "outputs of the user-provided function", "hvp")
        _scalar(outputs, many_out, "hvp")
        _no_history(outputs, strict, "hvp")
        one = (flambeau.ones_like(outputs[0]),)
        first = _grad(outputs, leaves, one, True, strict, "hvp")
        dummies = tuple(flambeau.zeros_like(g).requires_grad_() for g in first)
        back = _grad(first, leaves, dummies, True, strict, "hvp")
        product = _grad(back, dummies, vector, create_graph, strict, "hvp")
    return (
        _finished(outputs, create_graph)[0],
        _single(_finished(product, create_graph), many),
    )


# --- whole matrices -------------------------------------------------------------------------------


def _check_strategy(strategy: str, what: str) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            f"Expected {what} to be either 'forward-mode' or 'reverse-mode', but got '{strategy}'"
        )


def _rows(
    output: Tensor, leaves: Tensors, create_graph: bool, strict: bool, function: str
) -> Tensors:
    """One output's Jacobians with respect to each input: shape of output, then of input."""
    rows = []
    flat = output.reshape((-1,))
    one = (flambeau.ones((), dtype=flat.dtype, device=flat.device),)
    for i in range(flat.numel()):
        rows.append(_grad((flat[i],), leaves, one, create_graph, strict, function))
    if not rows:
        return tuple(x.new_zeros((*output.shape, *x.shape)) for x in leaves)
    columns = zip(*rows, strict=True)
    return tuple(
        flambeau.stack(column).reshape((*output.shape, *x.shape))
        for column, x in zip(columns, leaves, strict=True)
    )


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of a function.

    Args:
        func: from tensors to a tensor or a tuple of them.
        inputs: where.
        create_graph: results can be differentiated again.
        strict: an error where an output does not depend on an input.
        vectorize: accepted; rows are computed one after the other.
        strategy: accepted; the result is the same.

    Returns:
        A tensor of the output's and then the input's shape. For several inputs a tuple of them,
        for several outputs a tuple of these.

    Example::

        >>> torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    _check_strategy(strategy, "strategy")
    with flambeau.enable_grad():
        given, many = _tensors(inputs, "inputs", "jacobian")
        leaves = _leaves(given, create_graph)
        name = "outputs of the user-provided function"
        outputs, many_out = _tensors(func(*leaves), name, "jacobian")
        _no_history(outputs, strict, "jacobian")
        rows = tuple(
            _single(
                _finished(_rows(o, leaves, create_graph, strict, "jacobian"), create_graph), many
            )
            for o in outputs
        )
    return _single(rows, many_out)


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function that returns one number.

    Args:
        func: from tensors to a tensor of one element.
        inputs: where.
        create_graph: results can be differentiated again.
        strict: an error where the gradient does not depend on an input.
        vectorize: accepted; rows are computed one after the other.
        outer_jacobian_strategy: accepted; the result is the same.

    Returns:
        A tensor of twice the input's shape. For several inputs a tuple of tuples: of the gradient
        by input i, differentiated by input j.

    Example::

        >>> torch.autograd.functional.hessian(lambda x: (x ** 3).sum(), torch.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    _check_strategy(outer_jacobian_strategy, "outer_jacobian_strategy")
    with flambeau.enable_grad():
        given, many = _tensors(inputs, "inputs", "hessian")
        leaves = _leaves(given, create_graph)
        name = "outputs of the user-provided function"
        outputs, many_out = _tensors(func(*leaves), name, "hessian")
        _scalar(outputs, many_out, "hessian")
        _no_history(outputs, strict, "hessian")
        one = (flambeau.ones_like(outputs[0]),)
        first = _grad(outputs, leaves, one, True, strict, "hessian")
        rows = tuple(
            _single(
                _finished(_rows(g, leaves, create_graph, strict, "hessian"), create_graph), many
            )
            for g in first
        )
    return _single(rows, many)

"""Runs a function on flambeau and on PyTorch: results, gradients and gradients of gradients."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import flambeau
import flambeau.nn

TOLERANCES = {"float64": 1e-9, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}


def array(tensor: Any) -> np.ndarray:
    """The tensor's values as float64."""
    wide = tensor.detach()
    return (wide.double() if tensor.is_floating_point() else wide).numpy().astype(np.float64)


def assert_close(ours: Any, theirs: Any, tolerance: float, what: str) -> None:
    """Compare two tensors, or None with None."""
    assert (ours is None) == (theirs is None), f"{what}: {ours} beside {theirs}"
    if ours is None:
        return
    assert str(ours.dtype).rpartition(".")[2] == str(theirs.dtype).rpartition(".")[2], what
    assert tuple(ours.shape) == tuple(theirs.shape), what
    wanted = array(theirs)
    scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0)
    np.testing.assert_allclose(
        array(ours), wanted, rtol=tolerance, atol=tolerance * scale, err_msg=what
    )


def _leaf(library: Any, value: Any, dtype: str) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind != "f":
        return library.tensor(value)
    leaf = library.tensor(value).to(getattr(library, dtype))
    return leaf.detach().requires_grad_()


def derivatives(
    library: Any, function: Callable[..., Any], values: Sequence[Any], dtype: str, orders: int
) -> list[Any]:
    """Result(s) of ``function(library, *values)``, then the gradients of each order."""
    leaves = [_leaf(library, value, dtype) for value in values]
    made = function(library, *leaves)
    outputs = list(made) if isinstance(made, (tuple, list)) else [made]
    found = list(outputs)
    inputs = [leaf for leaf in leaves if isinstance(leaf, library.Tensor) and leaf.requires_grad]
    current, rng = outputs, np.random.default_rng(7)
    for order in range(orders):
        weights = []
        for output in current:
            weight = library.tensor(rng.uniform(0.5, 1.5, tuple(output.shape)))
            weights.append(weight.to(output.dtype).requires_grad_(order == 0))
        gradients = library.autograd.grad(
            current, inputs, weights, create_graph=order + 1 < orders, allow_unused=True
        )
        found += gradients
        if order == 0:
            inputs = inputs + weights
        current = [g for g in gradients if g is not None and g.requires_grad]
        if not current:
            break
    return found


def compare(
    function: Callable[..., Any], *values: Any, dtype: str = "float64", orders: int = 2
) -> None:
    """Assert that both libraries agree on ``function(library, *values)`` and its derivatives.

    Floating arrays become leaves of type ``dtype``, other arrays tensors; the rest is passed on.
    """
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = derivatives(flambeau, function, values, dtype, orders)
        theirs = derivatives(torch, function, values, dtype, orders)
    for position in range(max(len(ours), len(theirs))):
        mine = ours[position] if position < len(ours) else None
        other = theirs[position] if position < len(theirs) else None
        if (mine is None) != (other is None):  # zero and no gradient at all mean the same
            present = array(mine if mine is not None else other)
            np.testing.assert_allclose(present, 0, atol=1e-12, err_msg=f"item {position}")
            continue
        assert_close(mine, other, TOLERANCES[dtype], f"item {position}")


def same_error(function: Callable[..., Any], exact: bool = True) -> None:
    """Assert that both libraries raise the same exception; ours may add to PyTorch's words."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    with pytest.raises(Exception) as theirs:
        function(torch)
    with pytest.raises(type(theirs.value)) as ours:
        function(flambeau)
    if exact:
        wanted = str(theirs.value).replace("torch.", "flambeau.")
        assert str(ours.value).replace("torch.", "flambeau.").startswith(wanted)

"""Holds results, gradients and gradients of gradients against NumPy, differences and PyTorch."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy_reference
import pytest
import recorded
from finite_differences import assert_slope
from oracles import torch

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


def rounded(values: Sequence[Any], dtype: str) -> list[Any]:
    """Floating arrays as float64 of what the type can hold."""
    held = getattr(flambeau, dtype)
    return [
        flambeau.tensor(v).to(held).double().numpy()
        if isinstance(v, np.ndarray) and v.dtype.kind == "f"
        else v
        for v in values
    ]


def compare_values(function: Callable[..., Any], values: Sequence[Any], ours: Any) -> bool:
    """Hold what was computed, in any type, against NumPy in float64; False if it lacks a name."""
    root = numpy_reference
    given = [root.tensor(v) if isinstance(v, np.ndarray) else v for v in values]
    try:
        made = function(root, *given)
    except root.NoReference:
        return False
    outputs = list(made) if isinstance(made, (tuple, list)) else [made]
    for position, (mine, other) in enumerate(zip(ours, outputs, strict=False)):
        assert tuple(mine.shape) == tuple(other.shape), f"item {position}"
        close(array(mine), other.array, TOLERANCES[dtype_name(mine)], f"item {position}")
    return True


def dtype_name(tensor: Any) -> str:
    return str(tensor.dtype).rpartition(".")[2]


def close(ours: Any, wanted: Any, tolerance: float, what: str) -> None:
    scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0)
    np.testing.assert_allclose(ours, wanted, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def compare_differences(function: Callable[..., Any], values: Sequence[Any], orders: int) -> None:
    """Gradients of each order in float64 equal finite differences."""
    leaves = [_leaf(flambeau, value, "float64") for value in values]
    inputs = [t for t in leaves if isinstance(t, flambeau.Tensor) and t.requires_grad]

    def weighted(order: int) -> Any:
        rng = np.random.default_rng(order)
        made = function(flambeau, *leaves)
        outputs = list(made) if isinstance(made, (tuple, list)) else [made]
        for create_graph in [True] * order:
            weights = [flambeau.tensor(rng.uniform(0.5, 1.5, tuple(o.shape))) for o in outputs]
            pairs = [(o, w) for o, w in zip(outputs, weights, strict=True) if o.requires_grad]
            if not pairs:
                return None
            total = sum((o * w.to(o.dtype)).sum() for o, w in pairs)
            if create_graph:
                found = flambeau.autograd.grad(total, inputs, create_graph=True, allow_unused=True)
                outputs = [g for g in found if g is not None]
        return total, found

    for order in range(1, orders + 1):
        result = weighted(order)
        if result is None:
            return
        assert_slope(
            lambda order=order: weighted(order)[0].detach(), inputs, result[1], f"order {order}"
        )


def compare(
    function: Callable[..., Any],
    *values: Any,
    dtype: str = "float64",
    orders: int = 2,
    differences: bool = True,
) -> None:
    """Hold ``function(library, *values)`` and its derivatives against all there is.

    That is NumPy for values, finite differences in float64 for gradients, what float64 gives for
    those of narrower types, and PyTorch for everything where it is installed. Floating arrays
    become leaves of type ``dtype``, other arrays tensors; the rest is passed on.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = derivatives(flambeau, function, values, dtype, orders)
        held = compare_values(function, rounded(values, dtype), ours)
        if orders and differences:
            held = True
            if dtype == "float64":
                compare_differences(function, values, orders)
            else:
                compare_wide(function, rounded(values, dtype), ours, dtype, orders)
        if torch is not None:
            compare_with_pytorch(ours, derivatives(torch, function, values, dtype, orders), dtype)
        elif not held:
            pytest.skip("PyTorch is the oracle: NumPy lacks a function")


def compare_wide(
    function: Callable[..., Any], values: Sequence[Any], ours: Any, dtype: str, orders: int
) -> None:
    """Gradients in a narrow type equal those in float64."""
    wide = derivatives(flambeau, function, values, "float64", orders)
    assert len(ours) == len(wide)
    for position, (mine, other) in enumerate(zip(ours, wide, strict=True)):
        assert (mine is None) == (other is None), f"item {position}"
        if mine is not None:
            close(array(mine), array(other), TOLERANCES[dtype], f"item {position}")


def compare_with_pytorch(ours: Any, theirs: Any, dtype: str) -> None:
    for position in range(max(len(ours), len(theirs))):
        mine = ours[position] if position < len(ours) else None
        other = theirs[position] if position < len(theirs) else None
        if (mine is None) != (other is None):  # zero and no gradient at all mean the same
            present = array(mine if mine is not None else other)
            np.testing.assert_allclose(present, 0, atol=1e-12, err_msg=f"item {position}")
            continue
        assert_close(mine, other, TOLERANCES[dtype], f"item {position}")


def same_error(function: Callable[..., Any], exact: bool = True) -> None:
    """The exception must be PyTorch's; ours may add to its words."""

    def raised(root: Any) -> tuple[list[str], str]:
        with pytest.raises(Exception) as info:
            function(root)
        kinds = [kind.__name__ for kind in type(info.value).__mro__]
        return kinds, str(info.value).replace("torch.", "flambeau.")

    key = recorded.key_of(function)
    theirs = raised(torch) if torch else recorded.kept(key)
    if theirs is None:
        pytest.skip("PyTorch says what the error is, and its answer is not recorded")
    recorded.keep(key, theirs)
    ours = raised(flambeau)
    assert theirs[0][0] in ours[0], (ours, theirs)
    if exact:
        assert ours[1].startswith(theirs[1])

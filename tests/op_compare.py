"""Holds a function of tensors against NumPy, finite differences and, where installed, PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy_reference
import pytest
import recorded
from finite_differences import assert_slope
from oracles import LIBRARIES, torch

import flambeau

Function = Callable[..., Any]
ROUNDING = {
    "float32": (2e-5, 1e-5), "complex64": (2e-5, 1e-5), "float16": (4e-3, 4e-3),
    "bfloat16": (3e-2, 3e-2),
}  # fmt: skip


def tensors_in(value: Any, kind: type) -> list[Any]:
    """All tensors in nested lists and tuples."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in tensors_in(item, kind)]
    return []


def random_array(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> Any:
    """Random numbers of any dtype."""
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if "int" in dtype:
        return rng.integers(0 if dtype == "uint8" else -9, 10, shape).astype(dtype)
    numbers = rng.standard_normal(shape)
    if "complex" in dtype:
        numbers = numbers + 1j * rng.standard_normal(shape)
    return np.asarray(numbers, dtype=dtype)


def arrays(inputs: Any, rng: np.random.Generator) -> list[Any]:
    """Arrays for shapes, (shape, dtype) pairs and arrays given as they are."""
    made = []
    for item in inputs:
        if isinstance(item, np.ndarray):
            made.append(item)
        elif len(item) == 2 and isinstance(item[1], str):
            made.append(random_array(item[0], item[1], rng))
        else:
            made.append(random_array(item, "float64", rng))
    return made


def numbers(t: Any) -> Any:
    """The elements of a tensor of either library."""
    t = t.detach()
    if isinstance(t, numpy_reference.Tensor):
        return t.array
    if type(t).__module__.startswith("torch"):
        return t.resolve_conj().numpy()
    return np.array(t.tolist()).reshape(tuple(t.shape))


def assert_alike(ours: Any, theirs: Any, strides: bool = True) -> None:
    """Compare values, dtypes, shapes and strides of all tensors, and all else by equality."""
    if isinstance(theirs, numpy_reference.Tensor) or (torch and isinstance(theirs, torch.Tensor)):
        assert isinstance(ours, flambeau.Tensor), type(ours)
        assert str(ours.dtype) == str(theirs.dtype)
        assert tuple(ours.shape) == tuple(theirs.shape)
        if strides and theirs.numel():
            assert tuple(ours.stride()) == tuple(theirs.stride()), "strides"
            assert ours.storage_offset() == theirs.storage_offset(), "offset"
        rtol, atol = 1e-6, 1e-9
        if isinstance(theirs, numpy_reference.Tensor):
            # It does not round between the steps.
            rtol, atol = ROUNDING.get(theirs.dtype.name, (rtol, atol))
            finite = np.abs(theirs.array[np.isfinite(theirs.array)])
            atol *= float(finite.max(initial=1))
        elif str(theirs.dtype) in ("torch.float32", "torch.complex64"):
            atol = 1e-6  # of sums that cancel: they are added in another order
        np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=rtol, atol=atol)
    elif isinstance(theirs, (list, tuple)):
        assert isinstance(ours, type(theirs)) or type(theirs).__module__ != "builtins"
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_alike(a, b, strides)
    else:
        assert ours == theirs


def total_of(root: Any, results: Any, rng: np.random.Generator) -> Any:
    """The results, squared and weighted with random numbers, summed; None without gradients."""

    def weigh(t: Any) -> Any:
        weights = root.tensor(rng.standard_normal(tuple(t.shape)))
        return ((t.real + t.imag if t.is_complex() else t) ** 2 * weights).sum()

    weighed = [weigh(t) for t in tensors_in(results, root.Tensor) if t.requires_grad]
    return sum(weighed) if weighed else None


def derivatives(root: Any, function: Function, given: list[Any], seed: int) -> Any:
    """First and second derivatives of a weighted sum of the results."""
    rng = np.random.default_rng(seed)
    leaves = [root.tensor(a) for a in given]
    wanted = [t.requires_grad_() for t in leaves if t.is_floating_point() or t.is_complex()]
    total = total_of(root, function(root, *leaves), rng)
    if total is None:
        return None
    first = root.autograd.grad(total, wanted, create_graph=True, allow_unused=True)
    total = total_of(root, [g for g in first if g is not None], rng)
    if total is None:
        return [first, ()]
    return [first, root.autograd.grad(total, wanted, allow_unused=True)]


def check_differences(function: Function, given: list[Any], found: Any, seed: int) -> None:
    """First and second derivatives equal finite differences."""
    if any(a.dtype in (np.float32, np.float16, np.complex64) for a in given):
        return  # too coarse for differences
    leaves = [flambeau.tensor(a) for a in given]
    wanted = [t.requires_grad_() for t in leaves if t.is_floating_point() or t.is_complex()]

    def total(order: int) -> Any:
        rng = np.random.default_rng(seed)
        value = total_of(flambeau, function(flambeau, *leaves), rng)
        if order == 2:
            first = flambeau.autograd.grad(value, wanted, create_graph=True, allow_unused=True)
            value = total_of(flambeau, [g for g in first if g is not None], rng)
        return value.detach()

    for order, gradients in enumerate(found, 1):
        if gradients:
            assert_slope(lambda order=order: total(order), wanted, gradients, f"order {order}")


def check(
    function: Function,
    *inputs: Any,
    strides: bool = True,
    gradients: bool = True,
    differences: bool = True,
) -> None:
    """Compare ``function(library, *tensors)`` on random tensors of the given shapes and dtypes.

    NumPy and finite differences are the reference of values and gradients; where PyTorch is
    installed, it says about strides, too. ``differences=False`` where values change otherwise
    than gradients are meant to.
    """
    seed = np.random.randint(1 << 30)
    given = arrays(inputs, np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = function(flambeau, *[flambeau.tensor(a) for a in given])
        compared = 0
        for root in LIBRARIES.values():
            try:
                theirs = function(root, *[root.tensor(a) for a in given])
            except numpy_reference.NoReference as error:
                missing = error
                continue
            compared += 1
            assert_alike(ours, theirs, strides and root is torch)
        found = derivatives(flambeau, function, given, seed) if gradients else None
        if found is not None and differences:
            compared += 1
            check_differences(function, given, found, seed)
        if torch is not None and gradients:
            check_with_pytorch(found, derivatives(torch, function, given, seed))
    if not compared:
        pytest.skip(f"PyTorch is the oracle: NumPy has no {missing}")


def check_with_pytorch(ours: Any, theirs: Any) -> None:
    if ours is not None and theirs is not None and not theirs[1]:
        # PyTorch cut the graph where all that follows is zero.
        assert not any(numbers(t).any() for t in ours[1] if t is not None)
        ours, theirs = ours[0], theirs[0]
    assert_alike(ours, theirs, strides=False)


def check_error(function: Function, *inputs: Any, same_text: bool = True) -> None:
    """The exception must be PyTorch's, with the same first line."""
    given = arrays(inputs, np.random.default_rng(0))

    def raised(root: Any) -> list[str]:
        with warnings.catch_warnings(), pytest.raises(Exception) as info:
            warnings.simplefilter("ignore")
            function(root, *[root.tensor(a) for a in given])
        return [type(info.value).__name__, str(info.value).split("\n")[0]]

    ours, key = raised(flambeau), recorded.key_of(function, inputs)
    theirs = raised(torch) if torch else recorded.kept(key)
    if theirs is None:
        pytest.skip("PyTorch says what the error is, and its answer is not recorded")
    recorded.keep(key, theirs)
    assert ours[0] == theirs[0], (ours, theirs)
    if same_text:
        assert ours[1] == theirs[1]

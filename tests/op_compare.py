"""Runs a function of tensors on flambeau and on PyTorch and compares results and derivatives."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import flambeau

Function = Callable[..., Any]


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
    if type(t).__module__.startswith("torch"):
        return t.resolve_conj().numpy()
    return np.array(t.tolist()).reshape(tuple(t.shape))


def assert_alike(ours: Any, theirs: Any, strides: bool = True) -> None:
    """Compare values, dtypes, shapes and strides of all tensors, and all else by equality."""
    import torch

    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, flambeau.Tensor), type(ours)
        assert str(ours.dtype) == str(theirs.dtype)
        assert tuple(ours.shape) == tuple(theirs.shape)
        if strides and theirs.numel():
            assert tuple(ours.stride()) == tuple(theirs.stride()), "strides"
            assert ours.storage_offset() == theirs.storage_offset(), "offset"
        np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=1e-6, atol=1e-9)
    elif isinstance(theirs, (list, tuple)):
        assert isinstance(ours, type(theirs)) or type(theirs).__module__ != "builtins"
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_alike(a, b, strides)
    else:
        assert ours == theirs


def derivatives(root: Any, function: Function, given: list[Any], rng: np.random.Generator) -> Any:
    """First and second derivatives of a weighted sum of the results."""
    leaves = [root.tensor(a) for a in given]
    wanted = [t.requires_grad_() for t in leaves if t.is_floating_point() or t.is_complex()]
    results = [t for t in tensors_in(function(root, *leaves), root.Tensor) if t.requires_grad]
    if not results:
        return None

    def weigh(t: Any) -> Any:
        weights = root.tensor(rng.standard_normal(tuple(t.shape)))
        return ((t.real + t.imag if t.is_complex() else t) ** 2 * weights).sum()

    total = sum(weigh(t) for t in results)
    first = root.autograd.grad(total, wanted, create_graph=True, allow_unused=True)
    used = [g for g in first if g is not None and g.requires_grad]
    if not used:
        return [first, ()]
    total = sum(weigh(g) for g in used)
    return [first, root.autograd.grad(total, wanted, allow_unused=True)]


def check(function: Function, *inputs: Any, strides: bool = True, gradients: bool = True) -> None:
    """Compare ``function(library, *tensors)`` on random tensors of the given shapes and dtypes."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    rng = np.random.default_rng()
    seed = int(rng.integers(1 << 30))
    given = arrays(inputs, np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = function(flambeau, *[flambeau.tensor(a) for a in given])
        theirs = function(torch, *[torch.tensor(a) for a in given])
        assert_alike(ours, theirs, strides)
        if gradients:
            ours = derivatives(flambeau, function, given, np.random.default_rng(seed))
            theirs = derivatives(torch, function, given, np.random.default_rng(seed))
            if ours is not None and theirs is not None and not theirs[1]:
                # PyTorch cut the graph where all that follows is zero.
                assert not any(numbers(t).any() for t in ours[1] if t is not None)
                ours, theirs = ours[0], theirs[0]
            assert_alike(ours, theirs, strides=False)


def check_error(function: Function, *inputs: Any, same_text: bool = True) -> None:
    """Both libraries must raise the same exception, with the same first line."""
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    given = arrays(inputs, np.random.default_rng(0))
    raised = []
    for root in (flambeau, torch):
        with warnings.catch_warnings(), pytest.raises(Exception) as info:
            warnings.simplefilter("ignore")
            function(root, *[root.tensor(a) for a in given])
        raised.append((type(info.value), str(info.value).split("\n")[0]))
    assert raised[0][0] is raised[1][0], raised
    if same_text:
        assert raised[0][1] == raised[1][1]

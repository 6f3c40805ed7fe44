"""Runs one piece of code on flambeau and compares everything it returns with PyTorch's answer."""

import importlib
import math
import re
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import recorded
from oracles import torch

import flambeau
import flambeau.nn
import flambeau.nn.utils.prune

Case = Callable[["Side"], Any]

DTYPES = {"float32": np.float32, "float64": np.float64, "int64": np.int64}


class Side:
    """One of the two libraries, and the same random inputs for both."""

    def __init__(self, root: Any, seed: int) -> None:
        self.root = root
        self.nn = root.nn
        self.F = root.nn.functional
        self.rng = np.random.default_rng(seed)
        root.manual_seed(seed)

    def x(self, *shape: int, dtype: str = "float32") -> Any:
        """Normal numbers."""
        return self.root.tensor(self.rng.standard_normal(shape).astype(dtype))

    def u(self, *shape: int, dtype: str = "float32") -> Any:
        """Uniform numbers in [0, 1)."""
        return self.root.tensor(self.rng.random(shape).astype(dtype))

    def t(self, data: Any, **options: Any) -> Any:
        """A tensor of given data."""
        return self.root.tensor(data, **options)

    def go(self, module: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Run forward and backward; return text, state before, output, gradients, state after."""
        inputs = [self._leaf(arg) for arg in args]
        if any(self.is_tensor(x) and x.dtype == self.root.float64 for x in flat(inputs)):
            module.double()
        before = {name: copied(value) for name, value in module.state_dict().items()}
        self.root.manual_seed(1)
        output = module(*inputs, **kwargs)
        gradients = self._gradients(module, inputs, output)
        after = {name: copied(value) for name, value in module.state_dict().items()}
        return [repr(module), before, output, gradients, after, module.state_dict()._metadata]

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, self.root.Tensor)

    def _leaf(self, arg: Any) -> Any:
        if self.is_tensor(arg) and arg.is_floating_point():
            return arg.detach().clone().requires_grad_()
        return arg

    def _gradients(self, module: Any, inputs: list[Any], output: Any) -> list[Any]:
        total: Any = 0
        for tensor in flat(output):
            if self.is_tensor(tensor) and tensor.requires_grad:
                weight = self.root.linspace(0.5, 1.5, max(tensor.numel(), 1), dtype=tensor.dtype)
                total = total + (tensor * weight[: tensor.numel()].reshape(tensor.shape)).sum()
        if not self.is_tensor(total):
            return []
        total.backward()
        leaves = [x for x in inputs if self.is_tensor(x)]
        return [leaf.grad for leaf in (*leaves, *module.parameters())]


def copied(value: Any) -> Any:
    """A copy of a tensor, or the name of what has no values yet."""
    if "Uninitialized" in type(value).__name__:
        return "uninitialized"
    return value.detach().clone() if hasattr(value, "detach") else value


def flat(value: Any) -> list[Any]:
    """Every leaf of nested lists, tuples and dictionaries."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in (key, *flat(item))]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in flat(item)]
    return [value]


def text_of(value: Any) -> str:
    """Text without what must differ: addresses and the library's name."""
    text = re.sub(r"0x[0-9a-f]+", "0x", str(value))
    text = text.replace("torch.TensorBase", "torch.Tensor")
    return text.replace("flambeau", "torch").replace("torch._C.", "torch.")


def outcome(side: Side, case: Case) -> list[Any]:
    """What ``case`` returns, flattened; for an exception its type and message."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return flat(case(side))
        except Exception as error:
            # KeyError shows its message quoted, so the arguments are compared instead.
            return ["raised", type(error).__name__, text_of(error.args[0] if error.args else "")]


def assert_same(ours: Any, theirs: Any, tolerance: float) -> None:
    """Compare one leaf."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, flambeau.Tensor), f"{ours!r} is no tensor"
        assert str(ours.dtype).rpartition(".")[2] == str(theirs.dtype).rpartition(".")[2]
        assert tuple(ours.shape) == tuple(theirs.shape)
        wanted = theirs.detach().resolve_conj().numpy(force=True)
        got = np.asarray(ours.detach().tolist(), dtype=wanted.dtype).reshape(wanted.shape)
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance / 4)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-6, nan_ok=True)
    else:
        assert text_of(ours) == text_of(theirs)


def label(case: Case) -> str:
    """The name of a case in test reports."""
    code: Any = getattr(case, "__code__", None)
    return f"line_{code.co_firstlineno}" if code.co_name == "<lambda>" else code.co_name


def compare(case: Case, tolerance: float = 4e-5) -> None:
    """Run ``case`` and compare all leaves of what it returns with what PyTorch returns.

    Without PyTorch that is what was recorded of it: texts, types and shapes, and of the numbers of
    each tensor the sums along two directions.
    """
    key = recorded.key_of(case)
    seed = zlib.crc32(key.encode())
    ours = outcome(Side(flambeau, seed), case)
    if torch is None:
        assert_recorded(ours, recorded.kept(key), tolerance)
        return
    importlib.import_module("torch.nn.utils.prune")
    theirs = outcome(Side(torch, seed), case)
    recorded.keep(key, [brief(leaf) for leaf in theirs])
    if "raised" in (ours[:1] + theirs[:1]):
        assert ours == [text_of(leaf) for leaf in theirs], (ours, theirs)
        return
    assert len(ours) == len(theirs), (ours, theirs)
    for our_leaf, their_leaf in zip(ours, theirs, strict=True):
        assert_same(our_leaf, their_leaf, tolerance)


def values_of(tensor: Any) -> Any:
    """The numbers of a tensor of either library."""
    tensor = tensor.detach()
    return np.asarray(tensor.tolist()).reshape(tuple(tensor.shape))


def directions(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(1).standard_normal((2, *shape))


def brief(leaf: Any) -> Any:
    """A leaf as it is recorded: [type, shape, sums] of a tensor, numbers, and text of all else."""
    if isinstance(leaf, float):
        return leaf if math.isfinite(leaf) else repr(leaf)
    if not (isinstance(leaf, flambeau.Tensor) or (torch and isinstance(leaf, torch.Tensor))):
        return text_of(leaf)
    values = values_of(leaf)
    finite = np.where(np.isfinite(values), values, 0)
    sums = [(finite * d).sum() for d in directions(values.shape)]
    parts = [
        float(f"{p:.7g}") for s in sums for p in ((s.real, s.imag) if np.iscomplexobj(s) else (s,))
    ]
    strange = int(np.sum(~np.isfinite(values)))
    return [str(leaf.dtype).rpartition(".")[2], list(values.shape), strange, *parts]


def assert_recorded(ours: list[Any], wanted: Any, tolerance: float) -> None:
    if wanted is None:
        pytest.skip("PyTorch is the oracle, and its answer is not recorded")
    assert len(ours) == len(wanted), (ours, wanted)
    for leaf, recorded_leaf in zip(ours, wanted, strict=True):
        found = brief(leaf)
        if not isinstance(recorded_leaf, list):
            if isinstance(recorded_leaf, float):
                assert found == pytest.approx(recorded_leaf, rel=1e-6)
            else:
                assert found == recorded_leaf
            continue
        assert found[:3] == recorded_leaf[:3], (found, recorded_leaf)
        values = np.abs(values_of(leaf))
        # Errors of the elements, each within the tolerance, rarely all have one sign.
        allowed = tolerance * np.sqrt((np.where(np.isfinite(values), values + 0.25, 0) ** 2).sum())
        np.testing.assert_allclose(found[3:], recorded_leaf[3:], rtol=1e-6, atol=allowed)

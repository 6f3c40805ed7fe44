"""Calls that fail keep nothing: no memory of tensors, no Python objects, however often."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from io_helpers import loaded, pt_file, saved
from op_samples import build_call, error_cases
from test_io_fuzz import HOSTILE_TENSORS, P2, checkpoint, safetensors_sample

import flambeau
import flambeau.nn
from flambeau import _C

Call = Callable[[], object]
pytestmark = pytest.mark.filterwarnings("ignore")


def wrong_operators() -> Iterator[tuple[str, Call]]:
    """What the records themselves state to be errors."""
    flambeau.ops.load_all()
    for op in _C._registry():
        for error in error_cases(op["errors"]):
            args, kwargs = build_call(error.case, flambeau)
            call = op["op"]
            yield f"{op['name']} {error.case.text}", lambda c=call, a=args, k=kwargs: c(*a, **k)


def wrong_arguments() -> Iterator[tuple[str, Call]]:
    fb = flambeau
    x = fb.rand(3, 4)
    recorded = fb.rand(3, 4, requires_grad=True)
    calls: dict[str, Call] = {
        "shapes": lambda: x + fb.rand(3, 5),
        "shapes, recorded": lambda: recorded * fb.rand(5, 4),
        "products": lambda: recorded @ fb.rand(3, 4),
        "linear": lambda: fb.nn.functional.linear(recorded, fb.rand(2, 3)),
        "convolution": lambda: fb.nn.functional.conv2d(fb.rand(1, 3, 8, 8), fb.rand(4, 2, 3, 3)),
        "in place": lambda: recorded.add_(1),
        "in place, shapes": lambda: x.add_(fb.rand(2, 3, 4)),
        "out": lambda: fb.add(recorded, 1, out=fb.empty(3, 4)),
        "out, dtype": lambda: fb.add(x, 1, out=fb.empty(3, 4, dtype=fb.int64)),
        "unknown keyword": lambda: fb.add(x, x, beta=3),
        "too many": lambda: fb.exp(x, x, x),
        "a string": lambda: fb.add(x, "one"),
        "nested lists": lambda: fb.tensor([[1.0, 2.0], [3.0]]),
        "a list of anything": lambda: fb.tensor([1.0, object()]),
        "negative size": lambda: fb.empty(3, -1),
        "overflowing size": lambda: fb.empty(1 << 40, 1 << 40),
        "far too large": lambda: fb.empty(1 << 50),
        "index": lambda: x[5],
        "index tensor": lambda: recorded[fb.tensor([0, 7])],
        "index list": lambda: x[[0, 9]],
        "mask": lambda: x[fb.ones(4, 3, dtype=fb.bool)],
        "assignment": lambda: x.__setitem__((slice(None), 1), fb.rand(7)),
        "gather": lambda: fb.gather(recorded, 1, fb.full((3, 4), 9)),
        "scatter": lambda: fb.zeros(3, 4).scatter_(0, fb.full((3, 4), -1), x),
        "embedding": lambda: fb.nn.functional.embedding(fb.tensor([11]), x),
        "view": lambda: x.t().view(12),
        "reshape": lambda: x.reshape(5, -1),
        "cat": lambda: fb.cat([recorded, fb.rand(2, 3)]),
        "stack": lambda: fb.stack([x, fb.rand(2)]),
        "split": lambda: x.split([1, 1]),
        "einsum": lambda: fb.einsum("ij,jk", recorded, recorded),
        "dim": lambda: x.softmax(3),
        "dtype": lambda: fb.rand(3).to(fb.int64).mean(),
        "integers that require gradients": lambda: fb.ones(3, dtype=fb.int64, requires_grad=True),
        "item": x.item,
        "bool": lambda: bool(x),
        "numpy": recorded.numpy,
        "from NumPy": lambda: fb.from_numpy(np.array(["a"])),
        "DLPack": lambda: fb.from_dlpack(3),
        "meta": lambda: fb.empty(3, device="meta").tolist(),
        "device": lambda: fb.empty(3, device="nowhere:1"),
        "probabilities": lambda: fb.bernoulli(fb.full((1000,), 2.0)),
        "multinomial": lambda: fb.multinomial(fb.tensor([-1.0, 2.0]), 3),
        "singular": lambda: fb.linalg.inv(fb.zeros(3, 3)),
        "not positive": lambda: fb.linalg.cholesky(-fb.eye(3)),
        "a module's input": lambda: fb.nn.Sequential(fb.nn.Linear(3, 3), fb.nn.Linear(4, 2))(
            fb.rand(2, 3)
        ),
        "a state": lambda: fb.nn.Linear(3, 3).load_state_dict({"weight": x}),
        "a loss": lambda: fb.nn.functional.cross_entropy(x, fb.tensor([0, 1, 9])),
        "an optimizer": lambda: fb.optim.SGD([recorded * 2], lr=0.1),
    }
    yield from calls.items()


class FailingForward(flambeau.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        raise ValueError("forward")


class FailingBackward(flambeau.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        raise ValueError(ctx.saved_tensors)


class WrongGradient(FailingBackward):
    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return flambeau.rand(7, 7)


def raises(*_: object) -> None:
    raise ValueError("hook")


def wrong_graphs() -> Iterator[tuple[str, Call]]:
    fb = flambeau

    def leaf() -> Any:
        return fb.rand(5, 5, requires_grad=True)

    def twice() -> None:
        y = (leaf().exp() @ leaf()).sum()
        y.backward()
        y.backward()

    def modified() -> None:
        x = leaf() * 1
        y = x.exp() * x
        x.add_(1)
        y.sum().backward()

    def hooked(register: Callable[[Any, Any], object]) -> None:
        x = leaf()
        y = x * 2
        register(x, y)
        y.exp().sum().backward()

    def module_hook() -> None:
        module = fb.nn.Linear(5, 5)
        module.register_forward_hook(raises)
        module(leaf())

    def module_backward_hook() -> None:
        module = fb.nn.Linear(5, 5)
        module.register_full_backward_hook(raises)
        module(leaf()).sum().backward()

    def anomaly() -> None:
        with fb.autograd.set_detect_anomaly(True):
            (leaf() * 0 / 0).sqrt().sum().backward()

    calls: dict[str, Call] = {
        "freed": twice,
        "modified": modified,
        "no scalar": lambda: (leaf() * 2).backward(),
        "gradient's shape": lambda: (leaf() * 2).backward(fb.rand(3)),
        "nothing requires gradients": lambda: fb.rand(3).sum().backward(),
        "unused": lambda: fb.autograd.grad(leaf().sum(), leaf()),
        "forward": lambda: FailingForward.apply(leaf()),
        "backward": lambda: FailingBackward.apply(leaf().exp()).sum().backward(),
        "wrong gradient": lambda: WrongGradient.apply(leaf().exp()).sum().backward(),
        "second derivative": lambda: fb.autograd.grad(
            fb.autograd.grad(FailingBackward.apply(leaf()).sum(), leaf(), create_graph=True), leaf()
        ),
        "leaf's hook": lambda: hooked(lambda x, y: x.register_hook(raises)),
        "tensor's hook": lambda: hooked(lambda x, y: y.register_hook(raises)),
        "node's hook": lambda: hooked(lambda x, y: y.grad_fn.register_hook(raises)),
        "node's hook before": lambda: hooked(lambda x, y: y.grad_fn.register_prehook(raises)),
        "hook after accumulation": lambda: hooked(
            lambda x, y: x.register_post_accumulate_grad_hook(raises)
        ),
        "module's hook": module_hook,
        "module's backward hook": module_backward_hook,
        "anomaly": anomaly,
    }
    yield from calls.items()


def wrong_files() -> Iterator[tuple[str, Call]]:
    for pickle, message in HOSTILE_TENSORS:
        data = pt_file(P2 + pickle + b".", bytes(16))
        yield message, lambda data=data: loaded(data)
    whole = {"archive": saved(checkpoint()), "safetensors": safetensors_sample()}
    for name, data in whole.items():
        for share in (0.1, 0.5, 0.9, 0.99):
            cut = data[: int(len(data) * share)]
            yield f"{name} cut at {share}", lambda cut=cut: loaded(cut)


def fail(call: Call, name: str) -> None:
    try:
        call()
    except Exception:
        return
    raise AssertionError(f"{name} did not fail")


def resident() -> int:
    if not sys.platform.startswith("linux"):
        return 0
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def held() -> tuple[int, int, int]:
    """Live bytes of tensors, tensors that the collector knows, blocks of Python's allocator."""
    gc.collect()
    tensors = sum(isinstance(thing, flambeau.Tensor) for thing in gc.get_objects())
    return flambeau.memory.current(), tensors, sys.getallocatedblocks()


def growth(calls: list[tuple[str, Call]], rounds: int) -> tuple[int, ...]:
    before = held()
    for _ in range(rounds):
        for name, call in calls:
            fail(call, name)
    return tuple(now - then for now, then in zip(held(), before, strict=True))


def keeps_nothing(calls: list[tuple[str, Call]], rounds: int) -> bool:
    """No bytes, no tensors; a call that kept an exception would hold several blocks each time."""
    memory, tensors, blocks = growth(calls, rounds)
    return memory <= 0 and tensors <= 0 and blocks < 2 * max(rounds, 100)


@pytest.mark.parametrize(
    ("family", "rounds"),
    [(wrong_operators, 50), (wrong_arguments, 100), (wrong_graphs, 100), (wrong_files, 40)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_failing_calls_keep_nothing(
    family: Callable[[], Iterator[tuple[str, Call]]], rounds: int
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calls = list(family())
        growth(calls, 3)  # what is made at first use
        start = resident()
        # Several chances, because caches of the interpreter grow now and then; leaks do so always.
        if not any(keeps_nothing(calls, rounds) for _ in range(5)):
            leaks = {name: growth([(name, call)], rounds) for name, call in calls}
            pytest.fail(f"{ {n: g for n, g in leaks.items() if max(g) >= rounds} }")
        assert resident() - start < 64 << 20

"""The gradient scaler of mixed precision, beside PyTorch's."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import flambeau as fb

torch = pytest.importorskip("torch")


def test_the_scaler_follows_pytorch() -> None:
    """Steps with and without overflow: parameters, factors and trackers are PyTorch's."""

    def history(t: Any) -> list[Any]:
        w = t.nn.Parameter(t.tensor([1.0, -2.0, 3.0]))
        optimizer = t.optim.SGD([w], lr=0.1)
        scaler = t.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3)
        seen: list[Any] = []
        for step in range(14):
            optimizer.zero_grad()
            loss = (w * w).sum()
            scaler.scale(loss).backward()
            if step in (4, 9):
                w.grad[1] = float("inf") if step == 4 else float("nan")
            if step % 5 == 2:
                scaler.unscale_(optimizer)
                t.nn.utils.clip_grad_norm_([w], 1.0)
            scaler.step(optimizer)
            scaler.update()
            seen.append((w.detach().numpy().copy(), scaler.get_scale(), scaler.state_dict()))
        return seen

    for mine, other in zip(history(fb), history(torch), strict=True):
        np.testing.assert_allclose(mine[0], other[0], rtol=1e-6)
        assert mine[1] == other[1]
        assert mine[2] == other[2]


def test_scaled_float16_gradients_survive() -> None:
    x = fb.full((8, 8), 2.0**-13)
    w = fb.nn.Parameter(fb.full((8, 8), 2.0**-13))
    optimizer = fb.optim.SGD([w], lr=1.0)

    def gradient(scaler: Any) -> Any:
        optimizer.zero_grad()
        with fb.autocast("cpu", dtype=fb.float16):
            loss = (x @ w).float().mul(2.0**-20).sum()
        scaler.scale(loss).backward()
        if scaler.is_enabled():
            scaler.unscale_(optimizer)
        return w.grad.clone()

    assert float(gradient(fb.amp.GradScaler("cpu", enabled=False)).abs().max()) == 0.0
    found = gradient(fb.amp.GradScaler("cpu", init_scale=2.0**14))
    np.testing.assert_allclose(found.numpy(), np.full((8, 8), 2.0**-30), rtol=1e-3)


def test_the_scaler_in_other_shapes() -> None:
    scaler = fb.amp.GradScaler("cpu", init_scale=4.0)
    a, b = fb.ones(2), fb.ones(())
    assert isinstance(scaler.scale([a, b]), list)
    first, (second,) = scaler.scale((a, (b,)))
    assert fb.equal(first, a * 4) and fb.equal(second, b * 4)
    with pytest.raises(ValueError, match="Tensor or an iterable of Tensors"):
        scaler.scale(3)


def test_the_scalers_mistakes() -> None:
    w = fb.nn.Parameter(fb.ones(2))
    optimizer = fb.optim.SGD([w], lr=0.1)
    scaler = fb.amp.GradScaler("cpu")
    with pytest.raises(AssertionError, match="Attempted step but _scale is None"):
        scaler.step(optimizer)
    scaler.scale(w.sum()).backward()
    with pytest.raises(AssertionError, match="No inf checks were recorded"):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_\(\) has already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_\(\) is being called after step"):
        scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="Closure use"):
        scaler.step(optimizer, closure=lambda: None)
    scaler.update(3.0)
    assert scaler.get_scale() == 3.0
    for wrong in ({"growth_factor": 1.0}, {"backoff_factor": 1.0}):
        with pytest.raises(AssertionError):
            fb.amp.GradScaler("cpu", **wrong)


def test_the_scalers_state() -> None:
    scaler = fb.amp.GradScaler("cpu", init_scale=8.0, growth_interval=5)
    other = fb.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    scaler.scale(fb.ones(()))
    assert pickle.loads(pickle.dumps(scaler)).state_dict() == scaler.state_dict()
    disabled = fb.amp.GradScaler("cpu", enabled=False)
    assert disabled.state_dict() == {} and disabled.get_scale() == 1.0
    with pytest.raises(RuntimeError, match="source state dict is empty"):
        other.load_state_dict({})
    with pytest.warns(UserWarning, match="Disabling"):
        assert not fb.amp.GradScaler().is_enabled()

"""A device with kernels of its own runs everything: nothing outside csrc/cpu assumes the CPU."""

from __future__ import annotations

from typing import Any

import pytest

import flambeau
from flambeau import _C, nn


@pytest.fixture(scope="module")
def device() -> str:
    _C._register_emulated_device()
    return "emulated"


def calls_of(function: Any) -> dict[str, int]:
    before = dict(_C._emulated_calls())
    function()
    return {
        k: n - before.get(k, 0) for k, n in _C._emulated_calls().items() if n != before.get(k, 0)
    }


def test_its_kernels_are_called(device: str) -> None:
    x = flambeau.ones(3, device=device)
    seen = calls_of(lambda: x + x)
    assert seen == {"add": 1}
    assert (x + x).device.type == device


def test_other_devices_do_not_call_them(device: str) -> None:
    x = flambeau.ones(3)
    assert calls_of(lambda: (x * 2).sum()) == {}


def test_mixed_devices_are_refused(device: str) -> None:
    with pytest.raises(RuntimeError, match="same device"):
        flambeau.ones(3) + flambeau.ones(3, device=device)


def training(device: str, build: Any, make: Any) -> tuple[list[float], list[Any]]:
    flambeau.manual_seed(5)
    model = build().to(device)
    optimizer = flambeau.optim.AdamW(model.parameters(), lr=0.01)
    x, y = (t.to(device) for t in make())
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, [p.detach().to("cpu") for p in model.parameters()]


def check(device: str, build: Any, make: Any, kernels: set[str]) -> None:
    seen: dict[str, int] = {}
    results: dict[str, Any] = {}

    def run() -> None:
        results["there"] = training(device, build, make)

    seen = calls_of(run)
    results["here"] = training("cpu", build, make)
    assert results["there"][0] == results["here"][0]
    for a, b in zip(results["there"][1], results["here"][1], strict=True):
        assert flambeau.equal(a, b)
    assert kernels <= set(seen), seen


def test_an_mlp_trains_on_it_with_the_same_numbers(device: str) -> None:
    check(
        device,
        lambda: nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 4)),
        lambda: (flambeau.randn(8, 6), flambeau.randint(0, 4, (8,))),
        {"gelu", "gelu_backward"},
    )


def test_a_convolution_network_trains_on_it_with_the_same_numbers(device: str) -> None:
    check(
        device,
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.1), nn.Linear(64, 4),
        ),
        lambda: (flambeau.randn(8, 1, 8, 8), flambeau.randint(0, 4, (8,))),
        {"relu"},
    )  # fmt: skip


def test_indexing_and_views_work_on_it(device: str) -> None:
    here = flambeau.arange(12.0).reshape(3, 4)
    there = here.to(device)
    assert flambeau.equal(there[1:, ::2].to("cpu"), here[1:, ::2])
    assert flambeau.equal(there[flambeau.tensor([2, 0], device=device)].to("cpu"), here[[2, 0]])
    there[0] = 7
    assert there[0].tolist() == [7.0] * 4
    assert "device='emulated'" in repr(there)

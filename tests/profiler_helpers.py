"""What the tests of the profiler share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

import flambeau as fb
from flambeau import nn
from flambeau.profiler import EventList, FunctionEvent


@pytest.fixture(autouse=True)
def no_garbage() -> Iterator[None]:
    """Tensors that other tests left behind must not be released in the middle of a recording."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(8, 16)
        self.linear2 = nn.Linear(16, 8)

    def forward(self, x: Any) -> Any:
        return x + self.linear2(fb.relu(self.linear1(x)))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        for layer in self.encoder.layers:
            x = layer(x)
        return self.head(x).sum()


def named(events: EventList, name: str) -> list[FunctionEvent]:
    return [event for event in events if event.name == name]


def check_tree(events: EventList) -> None:
    """Parents enclose their children, and the self times of a tree add up to its total."""
    for event in events:
        assert event.time_range.end >= event.time_range.start >= 0
        assert event.self_cpu_time_total >= -1e-6
        end = event.time_range.start
        for child in event.cpu_children:
            assert child.cpu_parent is event and child.thread == event.thread
            assert child.time_range.start >= end
            end = child.time_range.end
        assert end <= event.time_range.end + 1e-9
    roots = sum(event.cpu_time_total for event in events if event.cpu_parent is None)
    assert events.self_cpu_time_total == pytest.approx(roots)

"""Best against best: each library runs a model in the way that is fastest for it here."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.rows import Draw, Make, Names, Row
from benchmarks.workloads.inference import mobilenet, resnet, vit

CALLS = 5


def ways(t: Any, net: Any, x: Any) -> Iterator[tuple[Any, Any]]:
    """As it is, channels-last, and compiled where there is a compiler."""
    last = {"memory_format": t.channels_last}
    for model, pictures in ((net, x), (copy.deepcopy(net).to(**last), x.contiguous(**last))):
        yield model, pictures
        if hasattr(t, "compile"):
            yield t.compile(model), pictures


def seconds(net: Any, x: Any) -> float:
    """The least of some calls, after the first."""
    net(x)
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        net(x)
        times.append(time.perf_counter() - start)
    return min(times)


def fastest(make: Make) -> Callable[[Any, Draw], Names]:
    def make_fastest(t: Any, draw: Draw) -> Names:
        names = make(t, draw)
        if not draw.reference:
            net, x = min(ways(t, names["net"], names["x"]), key=lambda way: seconds(*way))
            names.update(net=net, x=x)
        return names

    return make_fastest


MODELS = {
    "ResNet-18 224x224, batch 1": resnet,
    "MobileNetV2 224x224, batch 1": mobilenet,
    "ViT-tiny 224x224, batch 8": vit,
}
for name, make in MODELS.items():
    Row(f"{name}, each at its best", "best", "net(x)", fastest(make), 1.0, grad=False)

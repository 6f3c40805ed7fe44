"""Four Python threads that call one model at once, beside one thread that does."""

from __future__ import annotations

from typing import Any

from benchmarks.rows import Draw, Names, Row
from benchmarks.workloads.inference import pictures, resnet, vit


def mlp(t: Any, draw: Draw) -> Names:
    nn = t.nn
    return pictures(
        t, draw, nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10)), 1, 784
    )


MODELS = {
    "MLP 784-512-10, batch 1": mlp,
    "ResNet-18 224x224, batch 1": resnet,
    "ViT-tiny 224x224, batch 8": vit,
}
for name, make in MODELS.items():
    Row(f"{name}, 4 threads", "threads", "net(x)", make, 0.9, grad=False, threads=4)

"""A model's answer, without gradients."""

from __future__ import annotations

from typing import Any

from benchmarks import models
from benchmarks.rows import Draw, Names, Row


def pictures(t: Any, draw: Draw, net: Any, *size: int) -> Names:
    return {"net": draw.module(net).eval(), "x": draw(*size)}


def resnet(t: Any, draw: Draw) -> Names:
    return pictures(t, draw, models.resnet18(t, 1000, small=False), 1, 3, 224, 224)


def mobilenet(t: Any, draw: Draw) -> Names:
    return pictures(t, draw, models.mobilenet_v2(t, 1000), 1, 3, 224, 224)


def vit(t: Any, draw: Draw) -> Names:
    return pictures(t, draw, models.vit_tiny(t, 1000, side=224, patch=16), 8, 3, 224, 224)


def decode(t: Any, draw: Draw) -> Names:
    """Tokens one after another, each of which reads the keys and values of those before."""
    net = draw.module(models.gpt(t, 8192, 256, 256, layers=4, heads=4)).eval()
    prompt = draw.integers(8192, 1, 16)
    empty = draw(1, 4, 0, 64)

    def generate() -> Any:
        caches = [[empty, empty] for _ in range(4)]
        for at in range(prompt.shape[1]):
            logits = net(prompt[:, at : at + 1], caches, at)
        for at in range(16, 32):
            logits = net(logits.argmax(-1), caches, at)
        return logits

    return {"generate": generate}


Row("ResNet-18 224x224, batch 1", "inference", "net(x)", resnet, grad=False)
for name, quantile in {"MobileNetV2 224x224, batch 1": 0.5, "MobileNetV2, 99 of 100": 0.99}.items():
    Row(name, "inference", "net(x)", mobilenet, grad=False, quantile=quantile)
Row("ViT-tiny 224x224, batch 8", "inference", "net(x)", vit, grad=False)
Row("GPT decode, 32 tokens", "inference", "generate()", decode, grad=False)

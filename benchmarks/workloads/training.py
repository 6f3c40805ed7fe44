"""A training step: forward, backward, optimizer."""

from __future__ import annotations

from typing import Any

from benchmarks import models
from benchmarks.rows import Draw, Make, Names, Row, training


def classifier(
    t: Any, draw: Draw, net: Any, x: Any, classes: int, optimizer: str = "Adam", **options: Any
) -> Names:
    net, labels = draw.module(net), draw.integers(classes, x.shape[0])
    how = getattr(t.optim, optimizer)(net.parameters(), **options)
    return training(t, net, lambda: t.nn.functional.cross_entropy(net(x), labels), how, steps=3)


def mlp(t: Any, draw: Draw) -> Names:
    nn = t.nn
    net = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
    return classifier(t, draw, net, draw(128, 784), 10)


def mnist(t: Any, draw: Draw) -> Names:
    nn = t.nn
    net = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10)),
    )
    return classifier(t, draw, net, draw(64, 1, 28, 28), 10)


def resnet(batch: int) -> Make:
    def make(t: Any, draw: Draw) -> Names:
        net, x = models.resnet18(t, 10, small=True), draw(batch, 3, 32, 32)
        return classifier(t, draw, net, x, 10, "SGD", lr=0.01, momentum=0.9)

    return make


def gpt(autocast: bool) -> Make:
    def make(t: Any, draw: Draw) -> Names:
        net = draw.module(models.gpt(t, 8192, 256, 256, layers=4, heads=4))
        tokens, following = draw.integers(8192, 4, 256), draw.integers(8192, 4 * 256)

        def loss() -> Any:
            with t.autocast("cpu", dtype=t.bfloat16, enabled=autocast):
                return t.nn.functional.cross_entropy(net(tokens).flatten(0, 1), following)

        return training(t, net, loss, t.optim.AdamW(net.parameters(), lr=1e-3), steps=3)

    return make


def lstm(t: Any, draw: Draw) -> Names:
    nn = t.nn
    layers = nn.Embedding(1000, 256), nn.LSTM(256, 256, 2), nn.Linear(256, 1000)
    net = draw.module(nn.ModuleList(layers))
    tokens, following = draw.integers(1000, 64, 32), draw.integers(1000, 64 * 32)
    table, recurrent, head = net

    def loss() -> Any:
        states, _ = recurrent(table(tokens))
        return nn.functional.cross_entropy(head(states.flatten(0, 1)), following)

    return training(t, net, loss, steps=3)


def recommender(t: Any, draw: Draw) -> Names:
    net = draw.module(models.two_tower(t, 20_000, 64))
    users, items = draw.integers(20_000, 1024), draw.integers(20_000, 1024)
    pairs = t.arange(1024)
    return training(
        t, net, lambda: t.nn.functional.cross_entropy(net(users, items), pairs), steps=3
    )


def translator(t: Any, draw: Draw) -> Names:
    net = draw.module(models.translator(t, 1000, 128))
    source, target = draw.integers(1000, 16, 32), draw.integers(1000, 16, 32)
    following = draw.integers(1000, 16 * 32)

    def loss() -> Any:
        return t.nn.functional.cross_entropy(net(source, target).flatten(0, 1), following)

    return training(t, net, loss, steps=3)


def vit(t: Any, draw: Draw) -> Names:
    net = models.vit_tiny(t, 10, side=64, patch=8)
    return classifier(t, draw, net, draw(8, 3, 64, 64), 10, "AdamW", lr=1e-3)


Row("MLP 784-512-10, batch 128", "training", "step()", mlp, kinks=True)
Row("MNIST network, batch 64", "training", "step()", mnist, kinks=True)
for batch in (16, 32):
    Row(f"ResNet-18 32x32, batch {batch}", "training", "step()", resnet(batch), kinks=True)
Row("GPT 4x256, 4x256 tokens", "training", "step()", gpt(False))
Row("GPT 4x256, bfloat16 autocast", "training", "step()", gpt(True))
Row("LSTM 2x256, 64 tokens, batch 32", "training", "step()", lstm)
Row("two-tower recommender, batch 1024", "training", "step()", recommender, kinks=True)
Row("encoder-decoder, width 128, batch 16", "training", "step()", translator, kinks=True)
Row("ViT-tiny 64x64, batch 8", "training", "step()", vit)

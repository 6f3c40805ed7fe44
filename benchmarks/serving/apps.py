"""The servers that are measured: ``python -m benchmarks.serving.apps NAME PORT``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import flambeau as fb
from flambeau import nn

FEATURES, CLASSES = 64, 10


def mlp() -> nn.Module:
    """The small network behind the typed JSON endpoints, the same for all servers."""
    fb.manual_seed(0)
    return nn.Sequential(nn.Linear(FEATURES, 128), nn.ReLU(), nn.Linear(128, CLASSES)).eval()


def digits_cnn() -> nn.Module:
    """The network of examples/digits, untrained: what it computes costs the same."""
    from examples.digits.train import network

    fb.set_num_threads(1)  # as docs/serving.md advises for small models
    fb.manual_seed(0)
    return network().eval().to(memory_format=fb.channels_last)


def flambeau_mlp() -> Any:
    from flambeau.serve import Tensor, serve

    return serve(
        mlp(),
        input=Tensor((FEATURES,), fb.float32),
        output=Tensor((CLASSES,), fb.float32),
        playground=False,
    )


def digits(batch: int) -> Callable[[], Any]:
    def build() -> Any:
        from flambeau.serve import Batch, Labels, Tensor, serve

        return serve(
            digits_cnn(),
            input=Tensor((1, 8, 8), fb.float32),
            output=Labels([str(digit) for digit in range(10)], top=3),
            batch=Batch(max_size=batch),
            playground=False,
        )

    return build


def slow() -> Any:
    """A model of known capacity: 20 ms for a batch of at most 8, so 400 requests a second."""
    import time

    from flambeau.serve import Batch, Limits, Tensor, serve

    def predict(x: Any) -> Any:
        time.sleep(0.02)
        return x * 2

    return serve(
        predict,
        input=Tensor((4,), fb.float32),
        output=Tensor((4,), fb.float32),
        batch=Batch(max_size=8),
        limits=Limits(queue=64, timeout=5),
        playground=False,
    )


def chatbot() -> Any:
    from examples.chatbot.gpt import GPT, text_model
    from flambeau.serve import serve

    fb.manual_seed(0)
    return serve(text_model(GPT().eval()), playground=False)


APPS: dict[str, Callable[[], Any]] = {
    "flambeau": flambeau_mlp,
    "digits-batched": digits(16),
    "digits-single": digits(1),
    "slow": slow,
    "chatbot": chatbot,
}


def main() -> None:
    from flambeau.serve import run

    run(APPS[sys.argv[1]](), port=int(sys.argv[2]))


if __name__ == "__main__":
    main()

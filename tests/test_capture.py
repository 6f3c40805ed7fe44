"""A mode sees every operator of a training step, and the list it keeps can be run again."""

from __future__ import annotations

from typing import Any

import flambeau
from flambeau import _C, nn


class Recorder:
    """A mode that writes down every operator that passes the choke point, and runs it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __enter__(self) -> Recorder:
        _C._push_mode(self)
        return self

    def __exit__(self, *exc: object) -> None:
        _C._pop_mode()

    def __call__(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = op(*args, **kwargs)
        self.calls.append((op, args, kwargs, result))
        return result

    def names(self) -> list[str]:
        return [op.__name__ for op, *_ in self.calls]

    def replay(self) -> dict[int, Any]:
        """Run the list again on the tensors it began with; results stand in for what they replace."""
        values: dict[int, Any] = {}

        def now(x: Any) -> Any:
            if isinstance(x, (list, tuple)):
                return (
                    type(x)(now(v) for v in x)
                    if not hasattr(x, "_fields")
                    else type(x)(*map(now, x))
                )
            return values.get(id(x), x) if isinstance(x, flambeau.Tensor) else x

        for op, args, kwargs, result in self.calls:
            again = op(*now(args), **{k: now(v) for k, v in kwargs.items()})
            for old, new in zip(tensors(result), tensors(again), strict=True):
                values[id(old)] = new
        return values


def tensors(x: Any) -> list[Any]:
    if isinstance(x, (list, tuple)):
        return [t for v in x for t in tensors(v)]
    return [x] if isinstance(x, flambeau.Tensor) else []


def training_step(model: Any, optimizer: Any, x: Any, y: Any) -> Any:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def build(kind: str) -> tuple[Any, Any, Any, Any]:
    flambeau.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 4))
    optimizer = {
        "adam": lambda p: flambeau.optim.Adam(p, lr=0.01),
        "sgd": lambda p: flambeau.optim.SGD(p, lr=0.1, momentum=0.9),
    }[kind](model.parameters())
    return model, optimizer, flambeau.randn(8, 6), flambeau.randint(0, 4, (8,))


def check_replay(kind: str) -> None:
    model, optimizer, x, y = build(kind)
    training_step(model, optimizer, x, y)  # states exist from here on
    state = [p.detach().clone() for p in model.parameters()]
    moments = [
        t.clone()
        for s in optimizer.state.values()
        for t in s.values()
        if isinstance(t, flambeau.Tensor)
    ]
    with Recorder() as recorder:
        loss = training_step(model, optimizer, x, y)
    after = [p.detach().clone() for p in model.parameters()]

    # Back to where the step began, and through the list alone.
    with flambeau.no_grad():
        for p, old in zip(model.parameters(), state, strict=True):
            p.copy_(old)
        held = [
            t
            for s in optimizer.state.values()
            for t in s.values()
            if isinstance(t, flambeau.Tensor)
        ]
        for t, old in zip(held, moments, strict=True):
            t.copy_(old)
        values = recorder.replay()
    assert values[id(loss)].item() == loss.item()
    for p, expected in zip(model.parameters(), after, strict=True):
        assert flambeau.equal(p, expected)


def test_a_training_step_replays_bit_for_bit_with_adam() -> None:
    check_replay("adam")


def test_a_training_step_replays_bit_for_bit_with_sgd() -> None:
    check_replay("sgd")


def test_forward_backward_and_optimizer_are_all_seen() -> None:
    model, optimizer, x, y = build("adam")
    with Recorder() as recorder:
        training_step(model, optimizer, x, y)
    names = recorder.names()
    for expected in ("linear", "functional_relu", "threshold_backward"):
        assert expected in names, names
    assert any("cross_entropy" in n and "backward" in n for n in names), names
    assert any("layer_norm" in n and "backward" in n for n in names), names
    assert any("adam" in n for n in names), names


def test_modes_nest_and_the_inner_one_is_asked_first() -> None:
    order: list[str] = []

    class Named(Recorder):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def __call__(self, op: Any, args: Any, kwargs: Any) -> Any:
            order.append(self.name)
            return super().__call__(op, args, kwargs)

    with Named("outer"), Named("inner"):
        flambeau.ones(2) + 1
    assert order[:2] == ["inner", "outer"]


def test_a_mode_may_replace_results() -> None:
    class Zeros(Recorder):
        def __call__(self, op: Any, args: Any, kwargs: Any) -> Any:
            result = op(*args, **kwargs)
            return flambeau.zeros_like(result) if op.__name__ == "exp" else result

    with Zeros():
        assert flambeau.exp(flambeau.ones(3)).tolist() == [0.0, 0.0, 0.0]


def test_an_error_in_a_mode_reaches_the_caller_and_leaves_the_stack_whole() -> None:
    class Refuses(Recorder):
        def __call__(self, op: Any, args: Any, kwargs: Any) -> Any:
            raise ValueError("refused")

    x = flambeau.ones(2)
    try:
        with Refuses():
            x.exp()
    except ValueError as error:
        assert str(error) == "refused"
    else:
        raise AssertionError("the mode's error was lost")
    assert x.exp().shape == (2,)

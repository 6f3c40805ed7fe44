"""Values on their way between processes: what arrives as it was, and what is refused."""

import contextlib
import dataclasses
import datetime
import enum
import random
import sys
import uuid

import numpy as np
import pytest

import flambeau as fb

pytest.importorskip("msgspec")

import msgspec

from flambeau.serve.errors import InvalidInput
from flambeau.serve.wire import PREFIX, Frame, RemoteFailure, WireError, pack


@dataclasses.dataclass
class Point:
    x: int
    names: list[str]


class Person(msgspec.Struct):
    name: str
    born: datetime.date


class Color(enum.Enum):
    RED = "red"


def received(data):
    """What comes of bytes that come in pieces."""
    frame, position = Frame(), 0
    while True:
        room = frame.room
        count = min(len(room), random.choice([1, 5, 1000]), len(data) - position)
        assert count, "the frame wants more than there is"
        room[:count] = data[position : position + count]
        position += count
        if frame.advance(count):
            assert position == len(data)
            return frame.value()


def travel(value):
    return received(b"".join(map(bytes, pack(value))))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, -1, 2**63 - 1, 0.5, float("inf"), True, "ä\0", b"\0\xff", "", b"", [], {}],
        {"a": {"b": [{"c": None}]}, 3: "three"},
        ((), (1, ("two", [3])), [(4,)]),
        [Point(1, ["a"]), {"p": Point(2, [])}],
        Person("Ada", datetime.date(1815, 12, 10)),
        [Color.RED, uuid.UUID(int=5), {1, 2}, datetime.datetime(2020, 1, 2, 3, 4, 5)],
    ],
)
def test_values_arrive_as_they_were(value):
    assert travel(value) == value


def test_pydantic_models_arrive():
    pydantic = pytest.importorskip("pydantic")
    global Settings

    class Settings(pydantic.BaseModel):
        points: list[Point]

    Settings.__qualname__ = "Settings"
    settings = Settings(points=[Point(1, [])])
    assert travel([settings]) == [settings]


@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ],
)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5, 7), (2, 3, 4)])
def test_tensors_arrive_as_they_were(dtype, shape):
    tensor = (fb.randn(shape) * 3).to(getattr(fb, dtype))
    back, again = travel({"t": [tensor, "x", tensor]})["t"][::2]
    for other in (back, again):
        assert other.dtype == tensor.dtype and other.shape == tensor.shape
        assert fb.equal(other, tensor)
    back.zero_()  # the memory is its own
    assert fb.equal(again, tensor)


def test_views_and_special_values_of_tensors_arrive():
    view = fb.randn(4, 6)[::2, 1:].t()
    assert fb.equal(travel(view), view)
    odd = fb.tensor([float("nan"), float("inf"), -0.0])
    assert travel(odd).numpy().tobytes() == odd.numpy().tobytes()
    assert not travel(fb.ones(2, requires_grad=True)).requires_grad
    conj = fb.tensor([1 + 2j]).conj()
    assert fb.equal(travel(conj), conj)


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3).T, np.zeros((0, 2), "i2"), np.array(["ab", "c"])]
)
def test_arrays_arrive_as_they_were(array):
    back = travel([array])[0]
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    assert travel(np.float32(2.5)) == np.float32(2.5)


def test_errors_arrive_as_text():
    refusal = travel(InvalidInput("no", param="input[3]", retry_after=2))
    assert type(refusal) is InvalidInput
    assert (refusal.message, refusal.param, refusal.retry_after) == ("no", "input[3]", 2)
    failure = travel([ZeroDivisionError("by zero")])[0]
    assert type(failure) is RemoteFailure and "ZeroDivisionError: by zero" in str(failure)


def test_what_cannot_travel_is_refused():
    class Local:
        pass

    looped = []
    looped.append(looped)
    for value in (object(), Local(), 2**80, lambda: 0, np.array([object()]), looped, sys, open):
        with pytest.raises(WireError):
            pack({"value": [value]})


def test_broken_frames_are_refused():
    whole = b"".join(
        map(bytes, pack([1, fb.randn(3, 4), Point(1, ["x"]), (2, "y"), InvalidInput("no")]))
    )
    size = PREFIX.size
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(random.randint(1, 4)):
            broken[random.randrange(size, len(broken))] = random.randrange(256)
        with contextlib.suppress(WireError):
            received(bytes(broken))
    for prefix in (
        b"GET / HTTP/1.1\r\n",
        PREFIX.pack(b"fbw1", 10, 1 << 60),
        PREFIX.pack(b"fbw1", 0, 0),
    ):
        with pytest.raises(WireError):
            received(prefix)

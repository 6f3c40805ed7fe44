"""The awkward signatures: overloads, varargs, numbers for tensors, axis, out=, introspection."""

from __future__ import annotations

import inspect
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracles import LIBRARIES

import flambeau

# Each takes a library and a (3, 4) tensor; both libraries must return the same.
SIGNATURES: dict[str, Callable[[Any, Any], Any]] = {
    "max": lambda t, x: t.max(x),
    "max_dim": lambda t, x: t.max(x, 1),
    "max_dim_keyword": lambda t, x: x.max(dim=-1, keepdim=True).values,
    "max_other": lambda t, x: t.max(x, x.flip(0)),
    "max_axis": lambda t, x: t.max(x, axis=0).indices,
    "view_varargs": lambda t, x: x.view(2, 6),
    "view_tuple": lambda t, x: x.view((2, 6)),
    "view_size": lambda t, x: x.view(t.Size([2, 6])),
    "view_negative": lambda t, x: x.view(-1, 2),
    "view_keyword": lambda t, x: x.view(size=(12,)),
    "view_dtype": lambda t, x: x.view(t.int32),
    "permute_varargs": lambda t, x: x.permute(1, 0),
    "permute_list": lambda t, x: x.permute([1, 0]),
    "sum_axis": lambda t, x: x.sum(axis=1),
    "sum_dims": lambda t, x: x.sum((0, 1)),
    "sum_keepdims": lambda t, x: t.sum(x, 1, keepdim=True),
    "sum_dtype": lambda t, x: x.sum(dtype=t.float64),
    "number_left": lambda t, x: 2 - x,
    "number_power": lambda t, x: 2**x,
    "number_floor": lambda t, x: 7 // (x + 10),
    "bool_plus_tensor": lambda t, x: True + x,
    "numpy_number": lambda t, x: x * np.float64(2),
    "add_alpha": lambda t, x: t.add(x, x, alpha=2),
    "add_number": lambda t, x: x.add(1),
    "where_numbers": lambda t, x: t.where(x > 0, 1.0, 0.0),
    "clamp_positional": lambda t, x: x.clamp(-0.5, 0.5),
    "clamp_min": lambda t, x: x.clamp(min=0),
    "clamp_tensor": lambda t, x: x.clamp(max=x.flip(0)),
    "zeros_varargs": lambda t, x: t.zeros(2, 3),
    "zeros_list": lambda t, x: t.zeros([2, 3], dtype=t.int64),
    "zeros_nothing": lambda t, x: t.zeros(()),
    "arange_one": lambda t, x: t.arange(3),
    "arange_float": lambda t, x: t.arange(0, 1, 0.25),
    "size_dim": lambda t, x: t.tensor(x.size(1)),
    "stack_keyword": lambda t, x: t.stack([x, x], dim=1),
    "cat_axis": lambda t, x: t.cat((x, x), axis=1),
    "chunk": lambda t, x: t.chunk(x, 2, 1)[1],
    "split_sizes": lambda t, x: x.split([1, 3], dim=1)[0],
    "transpose": lambda t, x: x.transpose(0, 1),
    "expand_varargs": lambda t, x: x[:, None].expand(3, 2, 4),
    "repeat_varargs": lambda t, x: x.repeat(2, 1),
    "matmul_operator": lambda t, x: x @ x.T,
    "index_none": lambda t, x: x[None, ..., 0],
    "comparison_chain": lambda t, x: (x > 0) & (x < 1) | (x == 2),
    "invert": lambda t, x: ~(x > 0),
    "input_keyword": lambda t, x: t.relu(input=x),
    "all_keywords": lambda t, x: t.add(input=x, other=x),
    "numpy_x1": lambda t, x: t.multiply(x, x),
    "tensor_as_int": lambda t, x: x.sum(t.tensor(1)),
    "flatten": lambda t, x: t.flatten(x, start_dim=0, end_dim=1),
    "std_correction": lambda t, x: x.std(dim=0, correction=0),
    "norm_string": lambda t, x: x.norm("fro"),
    "norm_number": lambda t, x: x.norm(1, dim=1),
    "dropout_eval": lambda t, x: t.nn.functional.dropout(x, 0.5, training=False),
    "named_result": lambda t, x: t.sort(x, dim=0, descending=True).values,
}


def same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, tuple):
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
        return
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


@pytest.mark.parametrize("oracle", LIBRARIES)
@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str, oracle: str) -> None:
    data = np.random.default_rng(2).standard_normal((3, 4)).astype("float32")
    same(*(SIGNATURES[name](t, t.tensor(data)) for t in (flambeau, LIBRARIES[oracle])))


# Wrong calls: the operator's name and what was expected are in the message.
WRONG: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "no_arguments": (lambda x: flambeau.exp(), TypeError, r"exp\(\).*input"),
    "too_many": (lambda x: x.exp(1, 2), TypeError, r"exp\(\)"),
    "unknown_keyword": (lambda x: x.sum(dimension=1), TypeError, "dimension"),
    "twice": (lambda x: flambeau.exp(x, input=x), TypeError, "input"),
    "wrong_type": (lambda x: flambeau.exp("x"), TypeError, r"exp\(\).*Tensor.*str"),
    "wrong_dim_type": (lambda x: x.sum("one"), TypeError, "sum"),
    "dim_out_of_range": (lambda x: x.softmax(5), IndexError, "Dimension out of range"),
    "shapes": (lambda x: x + flambeau.ones(5), RuntimeError, "size of tensor a .4.*tensor b .5"),
    "matmul_shapes": (lambda x: x @ x, RuntimeError, "3x4 and 3x4"),
    "view_shape": (
        lambda x: x.view(5),
        RuntimeError,
        r"shape '\[5\]' is invalid for input of size 12",
    ),
    "index": (lambda x: x[7], IndexError, "index 7 is out of bounds for dimension 0 with size 3"),
    "index_type": (lambda x: x["a"], (TypeError, IndexError), "index|indices"),
    "too_many_indices": (lambda x: x[0, 0, 0], IndexError, "too many indices"),
    "negative_size": (lambda x: flambeau.zeros(-1), RuntimeError, "negative"),
    "bool_minus": (lambda x: (x > 0) - (x > 0), RuntimeError, "[Ss]ubtraction"),
    "int_in_place_float": (
        lambda x: flambeau.ones(2, dtype=flambeau.int64).add_(1.5),
        RuntimeError,
        "can't be cast",
    ),
    "out_dtype": (
        lambda x: flambeau.exp(x, out=flambeau.empty(0, dtype=flambeau.int64)),
        RuntimeError,
        "can't be cast",
    ),
    "unknown_dtype": (lambda x: x.to("float33"), (RuntimeError, TypeError), "float33|device"),
    "unknown_device": (lambda x: x.to("quantum"), RuntimeError, "quantum"),
    "unknown_attribute": (lambda x: x.explode, AttributeError, "explode"),
    "unknown_function": (lambda x: flambeau.explode, AttributeError, "explode"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls_say_what_is_wrong(name: str) -> None:
    call, kind, words = WRONG[name]
    with pytest.raises(kind, match=words):
        call(flambeau.ones(3, 4))


def test_out_resizes_checks_and_returns_the_target() -> None:
    x = flambeau.arange(6.0).reshape(2, 3)
    target = flambeau.empty(0)
    assert flambeau.mul(x, 2, out=target) is target and target.shape == (2, 3)
    column = flambeau.zeros(2, 2).t()[0]
    flambeau.sum(x, 1, out=column)
    assert column.tolist() == [3.0, 12.0]
    values, indices = flambeau.empty(0), flambeau.empty(0, dtype=flambeau.int64)
    flambeau.max(x, 1, out=(values, indices))
    assert values.tolist() == [2.0, 5.0] and indices.tolist() == [2, 2]
    flambeau.add(x, x, out=x)
    assert x.tolist() == [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]


def test_operators_describe_themselves() -> None:
    signature = inspect.signature(flambeau.softmax)
    assert list(signature.parameters) == ["input", "dim", "dtype"]
    assert flambeau.softmax.__name__ == "softmax"
    assert "softmax(" in flambeau.softmax.__doc__
    assert len(flambeau.max.schemas) == 3
    assert callable(flambeau.add) and "add" in repr(flambeau.add)


@pytest.mark.parametrize("dotted", ["add", "max", "nn.functional.relu", "Tensor.view"])
def test_operators_can_be_pickled(dotted: str) -> None:
    op: Any = flambeau
    for part in dotted.split("."):
        op = getattr(op, part)
    assert pickle.loads(pickle.dumps(op)) is op


def test_an_interrupt_ends_a_long_computation() -> None:
    program = textwrap.dedent(
        """
        import flambeau
        x = flambeau.ones(300, 300)
        print("ready", flush=True)
        while True:
            x = (x @ x).softmax(1)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors


@pytest.mark.parametrize(
    "name", ["pow", "remainder", "xlogy", "bitwise_and", "eq", "lt", "float_power", "isin"]
)
def test_two_numbers_are_no_call_of_an_operator(name: str) -> None:
    with pytest.raises(TypeError, match="must be Tensor"):
        getattr(flambeau, name)(2, 3)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "floor_divide"])
def test_arithmetic_takes_two_numbers(name: str) -> None:
    assert getattr(flambeau, name)(7, 2).dim() == 0


def test_comparisons_want_a_tensor_first() -> None:
    with pytest.raises(TypeError, match="argument 'input'"):
        flambeau.lt(2, flambeau.ones(3))
    assert (flambeau.ones(3) < 2).all()
    assert flambeau.pow(2, flambeau.tensor([3])).item() == 8


def test_factories_make_strided_tensors() -> None:
    assert flambeau.ones(2, layout=flambeau.strided).tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"strided tensors only, got: torch\.sparse_coo"):
        flambeau.ones(2, layout=flambeau.sparse_coo)
    with pytest.raises(TypeError, match="argument 'layout'"):
        flambeau.ones(2, layout="strided")

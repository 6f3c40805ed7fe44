"""Tensors as Python objects: dtypes, printing, conversion, sharing, copies, subclasses."""

from __future__ import annotations

import copy
import itertools
import pickle
import sys
from typing import Any

import numpy as np
import pytest
from oracles import LIBRARIES, needs_torch, torch
from recorded import as_pytorch_says

import flambeau

DTYPES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128",
]  # fmt: skip


# --- dtypes and promotion -------------------------------------------------------------------------


@pytest.mark.parametrize("oracle", LIBRARIES)
@pytest.mark.parametrize("kind", ["tensor-tensor", "tensor-0d", "tensor-number"])
def test_promotion(kind: str, oracle: str) -> None:
    for a, b in itertools.product(DTYPES, DTYPES):
        if "float16" in (a, b) and kind != "tensor-tensor" and {a, b} & {"complex64", "complex128"}:
            continue  # PyTorch's answer is complex32, an experiment of its own
        names = []
        for library in (flambeau, LIBRARIES[oracle]):
            x = library.ones(2, dtype=getattr(library, a))
            y = library.ones(() if kind == "tensor-0d" else 2, dtype=getattr(library, b))
            other = y[0].item() if kind == "tensor-number" else y
            names.append([str((x + other).dtype), str(library.result_type(x, other))])
        assert names[0] == names[1], (kind, a, b)


@pytest.mark.parametrize("oracle", LIBRARIES)
def test_promote_types_and_can_cast(oracle: str) -> None:
    for a, b in itertools.product(DTYPES, DTYPES):
        ours, theirs = (
            (
                str(t.promote_types(getattr(t, a), getattr(t, b))),
                t.can_cast(getattr(t, a), getattr(t, b)),
            )
            for t in (flambeau, LIBRARIES[oracle])
        )
        assert ours == theirs


@pytest.mark.parametrize("name", DTYPES)
def test_dtype_attributes_and_limits_equal_pytorch(name: str) -> None:
    def facts(library: Any) -> list[Any]:
        dtype = getattr(library, name)
        found = [repr(dtype), dtype.itemsize, dtype.is_floating_point, dtype.is_complex]
        found.append(dtype.is_signed)
        if dtype.is_floating_point or dtype.is_complex:
            info, names = library.finfo(dtype), "min max eps tiny smallest_normal resolution bits"
        elif name != "bool":
            info, names = library.iinfo(dtype), "min max bits"
        else:
            return found
        return found + [getattr(info, n) for n in names.split()]

    as_pytorch_says(facts)


@pytest.mark.parametrize("oracle", LIBRARIES)
def test_casts_between_all_dtypes(oracle: str) -> None:
    data = [0.0, 1.0, 2.75, 100.0, 3.0]
    for a, b in itertools.product(DTYPES, DTYPES):
        ours, theirs = (
            t.tensor(data).to(getattr(t, a)).to(getattr(t, b)).to(t.complex128).tolist()
            for t in (flambeau, LIBRARIES[oracle])
        )
        assert ours == theirs, (a, b)


def test_default_dtype_changes_what_floats_become() -> None:
    try:
        flambeau.set_default_dtype(flambeau.float64)
        assert flambeau.get_default_dtype() is flambeau.float64
        for made in (flambeau.tensor(1.5), flambeau.ones(2), flambeau.tensor([1, 2]) / 2):
            assert made.dtype is flambeau.float64
        assert flambeau.tensor(1j).dtype is flambeau.complex128
    finally:
        flambeau.set_default_dtype(flambeau.float32)
    with pytest.raises(TypeError, match="floating"):
        flambeau.set_default_dtype(flambeau.int64)


# --- making and reading ---------------------------------------------------------------------------


@pytest.mark.parametrize("oracle", LIBRARIES)
@pytest.mark.parametrize(
    "data",
    [
        3, 2.5, True, 1j, [], [[]], [1, 2], [1, 2.0], [[True], [False]], [[[1], [2]], [[3], [4]]],
        (1, 2), [1, 2j], range(4), np.float64(2), np.arange(3), np.array(2.5),
        [np.float32(1), np.float32(2)], np.zeros((2, 0)), 2**40, -1,
    ],
    ids=repr,
)  # fmt: skip
def test_tensor_from_data(data: Any, oracle: str) -> None:
    ours, theirs = flambeau.tensor(data), LIBRARIES[oracle].tensor(data)
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert ours.tolist() == theirs.tolist()


BAD_DATA: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    ([[1, 2], [3]], {}, ValueError, "expected sequence of length 2 at dim 1"),
    ([1, [2]], {}, (TypeError, ValueError), "sequence|number"),
    ("text", {}, TypeError, "invalid data type 'str'"),
    (object(), {}, RuntimeError, "Could not infer dtype of object"),
    ([None], {}, RuntimeError, "Could not infer dtype of NoneType"),
    (float("nan"), {"dtype": "int64"}, ValueError, "cannot convert float NaN to integer"),
    (300, {"dtype": "uint8"}, RuntimeError, "overflow"),
    (2**70, {}, (RuntimeError, OverflowError), "[Oo]verflow|too large"),
    (1j, {"dtype": "float32"}, (RuntimeError, TypeError), "complex"),
]


@pytest.mark.parametrize(("data", "options", "kind", "words"), BAD_DATA, ids=lambda _: "")
def test_bad_data_is_refused(data: Any, options: dict[str, Any], kind: Any, words: str) -> None:
    options = {k: getattr(flambeau, v) for k, v in options.items()}
    with pytest.raises(kind, match=words):
        flambeau.tensor(data, **options)


def test_item_and_conversions_to_python() -> None:
    assert flambeau.tensor(2.5).item() == 2.5
    assert type(flambeau.tensor(2).item()) is int
    assert type(flambeau.tensor(True).item()) is bool
    assert int(flambeau.tensor([3.9])) == 3
    assert float(flambeau.tensor(3)) == 3.0
    assert complex(flambeau.tensor(1j)) == 1j
    assert [10, 20, 30][flambeau.tensor(1)] == 20
    assert bool(flambeau.tensor([0.0])) is False
    assert f"{flambeau.tensor(1.23456):.2f}" == "1.23"
    with pytest.raises(
        RuntimeError, match="a Tensor with 2 elements cannot be converted to Scalar"
    ):
        flambeau.ones(2).item()
    with pytest.raises(RuntimeError, match="Boolean value of Tensor with more than one value"):
        bool(flambeau.ones(2))
    with pytest.raises(TypeError, match="index"):
        [1, 2][flambeau.tensor(1.0)]


def test_iteration_length_membership_and_unpacking() -> None:
    x = flambeau.arange(6).reshape(3, 2)
    assert len(x) == 3
    assert [row.tolist() for row in x] == [[0, 1], [2, 3], [4, 5]]
    first, *rest = x
    assert first.tolist() == [0, 1] and len(rest) == 2
    assert 5 in x and 9 not in x
    assert next(iter(reversed(x))).tolist() == [4, 5]
    with pytest.raises(TypeError, match="0-d"):
        len(flambeau.tensor(1))
    with pytest.raises(TypeError, match="0-d"):
        iter(flambeau.tensor(1))


def test_equality_is_elementwise_and_hash_is_identity() -> None:
    x, y = flambeau.ones(2), flambeau.ones(2)
    assert (x == y).tolist() == [True, True]
    assert len({x, y, x}) == 2
    assert hash(x) == hash(x)
    assert (x == None) is False or not flambeau.is_tensor(x == None)  # noqa: E711
    assert (x == "text") is False


def test_size_is_a_tuple_with_numel() -> None:
    size = flambeau.ones(2, 3, 4).shape
    assert isinstance(size, tuple) and isinstance(size, flambeau.Size)
    assert size == (2, 3, 4) and size.numel() == 24
    assert repr(size) == "torch.Size([2, 3, 4])"
    assert isinstance(size[1:], flambeau.Size) and isinstance(size + size, flambeau.Size)
    a, b, c = size
    assert (a, b, c) == (2, 3, 4) and size[-1] == 4


# --- printing -------------------------------------------------------------------------------------

PRINTED = {
    "scalar": lambda t: t.tensor(1.5),
    "integers": lambda t: t.arange(12).reshape(3, 4),
    "mixed_widths": lambda t: t.tensor([1, -200, 30]),
    "floats": lambda t: t.tensor([[0.1, 2.25], [100.5, -3.0]]),
    "whole_floats": lambda t: t.tensor([1.0, 2.0, 300.0]),
    "small_and_large": lambda t: t.tensor([1e-10, 1.0, 1e10]),
    "nan_inf": lambda t: t.tensor([float("nan"), float("inf"), -float("inf"), 1.0]),
    "bool": lambda t: t.tensor([True, False]),
    "complex": lambda t: t.tensor([1 + 2j, -0.5j]),
    "empty": lambda t: t.empty(0),
    "empty_2d": lambda t: t.empty(2, 0),
    "float64": lambda t: t.tensor([1.5], dtype=t.float64),
    "bfloat16": lambda t: t.tensor([1.5, 2.0]).to(t.bfloat16),
    "requires_grad": lambda t: t.ones(2, requires_grad=True),
    "grad_fn": lambda t: t.ones(2, requires_grad=True) * 2,
    "summarised": lambda t: t.arange(2000.0),
    "summarised_2d": lambda t: t.arange(10000).reshape(100, 100),
    "three_d": lambda t: t.arange(24.0).reshape(2, 3, 4),
    "long_rows": lambda t: t.arange(60).reshape(2, 30),
    "meta": lambda t: t.empty(2, 3, device="meta"),
    "transposed": lambda t: t.arange(6.0).reshape(2, 3).t(),
    "negative_zero": lambda t: t.tensor([-0.0, 0.0]),
    "int8": lambda t: t.tensor([1, 2], dtype=t.int8),
    "device": lambda t: t.device("cpu"),
    "size": lambda t: t.ones(2, 3).shape,
    "dtype": lambda t: t.float32,
    "memory_format": lambda t: t.channels_last,
}


@pytest.mark.parametrize("name", PRINTED)
def test_printing_equals_pytorch(name: str) -> None:
    as_pytorch_says(lambda t: repr(PRINTED[name](t)))


def test_print_options_are_kept() -> None:
    def texts(t: Any) -> list[str]:
        made = []
        for options in ({"precision": 2}, {"sci_mode": True}, {"threshold": 3}, {"linewidth": 40}):
            try:
                t.set_printoptions(**options)
                made.append(repr(t.linspace(0, 1, 20)))
            finally:
                t.set_printoptions(profile="default")
        return made

    as_pytorch_says(texts)


# --- sharing with others --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bfloat16"])
def test_numpy_shares_memory_both_ways(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    x = flambeau.from_numpy(array)
    assert str(x.dtype) == f"torch.{dtype}" and tuple(x.stride()) == (3, 1)
    array[0, 1] = 0
    assert not x[0, 1].item()
    back = x.t().numpy()
    assert back.shape == (3, 2) and back.strides == array.T.strides
    back[2, 1] = 1
    assert array[1, 2] == 1
    assert np.asarray(x) is not None and np.shares_memory(np.asarray(x), array)


def test_numpy_functions_take_tensors() -> None:
    x = flambeau.arange(6.0).reshape(2, 3)
    assert np.sum(np.asarray(x)) == 15
    assert np.asarray(x, dtype="float64").dtype == np.float64
    assert isinstance(np.float32(2) * x, flambeau.Tensor)
    assert (x + np.ones(3, dtype="float32")).tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def test_numpy_refuses_what_it_must() -> None:
    with pytest.raises(RuntimeError, match="requires grad"):
        flambeau.ones(2, requires_grad=True).numpy()
    with pytest.raises(TypeError, match=r"BFloat16|bfloat16"):
        flambeau.ones(2, dtype=flambeau.bfloat16).numpy()
    with pytest.raises(TypeError, match=r"meta"):
        flambeau.empty(2, device="meta").numpy()
    with pytest.raises(TypeError, match=r"str_|<U"):
        flambeau.from_numpy(np.array(["a"]))
    with pytest.raises(TypeError, match=r"expected np.ndarray"):
        flambeau.from_numpy([1, 2])
    with pytest.raises(ValueError, match="negative"):
        flambeau.from_numpy(np.arange(3)[::-1])


@needs_torch
@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_shares_memory_with_pytorch(dtype: str) -> None:
    ours = flambeau.ones(2, 3, dtype=getattr(flambeau, dtype)).t()
    theirs = torch.from_dlpack(ours)
    assert theirs.data_ptr() == ours.data_ptr() and theirs.stride() == ours.stride()
    assert str(theirs.dtype) == str(ours.dtype)
    back = flambeau.from_dlpack(theirs)
    assert back.data_ptr() == ours.data_ptr()
    back.zero_()
    assert not ours.any()


def test_dlpack_and_buffers_outlive_their_tensor() -> None:
    array = np.from_dlpack(flambeau.arange(1000))
    view = memoryview(flambeau.arange(5, dtype=flambeau.int32))
    flambeau.zeros(1000)
    assert array.sum() == 499500
    assert view.tolist() == [0, 1, 2, 3, 4] and view.format == "i"


def test_frombuffer_reads_bytes() -> None:
    data = bytearray(np.arange(4, dtype="float32").tobytes())
    x = flambeau.frombuffer(data, dtype=flambeau.float32, offset=4)
    assert x.tolist() == [1.0, 2.0, 3.0]
    data[4:8] = np.float32(9).tobytes()
    assert x[0].item() == 9.0
    with pytest.raises(ValueError, match=r"size|larger|beyond|out of range|offset"):
        flambeau.frombuffer(data, dtype=flambeau.float32, count=99)


# --- copies, formats, subclasses ------------------------------------------------------------------


def test_copies() -> None:
    x = flambeau.arange(6.0).reshape(2, 3)
    shared = {"a": x, "b": x[0]}
    deep = copy.deepcopy(shared)
    assert flambeau.equal(deep["a"], x) and deep["a"].data_ptr() != x.data_ptr()
    assert deep["b"].data_ptr() == deep["a"].data_ptr()  # one storage stays one
    shallow = copy.copy(x)
    assert shallow.data_ptr() == x.data_ptr() and shallow is not x
    leaf = flambeau.ones(2, requires_grad=True)
    leaf.grad = flambeau.ones(2)
    twin = copy.deepcopy(leaf)
    assert twin.requires_grad and twin.grad.tolist() == [1.0, 1.0] and twin.grad is not leaf.grad


def test_pickle_between_processes_keeps_values() -> None:
    x = flambeau.arange(6.0).reshape(2, 3).t()
    again = pickle.loads(pickle.dumps(x))
    assert flambeau.equal(again, x) and again.stride() == x.stride()
    assert pickle.loads(pickle.dumps(flambeau.float32)) is flambeau.float32
    assert pickle.loads(pickle.dumps(flambeau.Size([1, 2]))) == (1, 2)
    assert pickle.loads(pickle.dumps(flambeau.add)) is flambeau.add


def test_memory_formats() -> None:
    x = flambeau.randn(2, 3, 4, 5)
    last = x.to(memory_format=flambeau.channels_last)
    assert last.stride() == (60, 1, 15, 3) and flambeau.equal(last, x)
    assert last.is_contiguous(memory_format=flambeau.channels_last) and not last.is_contiguous()
    assert (last * 2).stride() == last.stride()
    assert last.contiguous().stride() == x.stride()
    assert flambeau.empty_like(last).stride() == last.stride()


def test_subclasses_survive_operators() -> None:
    class Labelled(flambeau.Tensor):
        pass

    x = flambeau.ones(3).as_subclass(Labelled)
    assert type(x + 1) is Labelled and type(x[0]) is Labelled and type(x.sum()) is Labelled
    calls = []

    class Logged(flambeau.Tensor):
        @classmethod
        def __torch_function__(
            cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            calls.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    y = flambeau.ones(3).as_subclass(Logged)
    flambeau.add(y, 1)
    y.mul(2)
    assert calls[:1] == ["add"] and "mul" in calls


def test_attributes_can_be_set_and_tensors_referenced_weakly() -> None:
    import weakref

    x = flambeau.ones(2)
    x.note = "kept"
    assert weakref.ref(x)() is x and x.note == "kept"
    assert x.detach().__dict__ == {}


def test_one_tensor_is_one_object() -> None:
    x = flambeau.ones(2, requires_grad=True)
    y = x * 2
    assert y.grad_fn.next_functions[0][0].variable is x
    before = sys.getrefcount(x)
    for _ in range(100):
        y.grad_fn.next_functions[0][0].variable  # noqa: B018
    assert sys.getrefcount(x) == before


def test_versions_are_shared_by_views() -> None:
    x = flambeau.ones(4)
    view = x[:2]
    start = x._version
    view.add_(1)
    assert x._version == view._version == start + 1


def test_meta_tensors_carry_shapes_only() -> None:
    x = flambeau.empty(10**6, 10**6, device="meta")
    assert (x @ x).shape == (10**6, 10**6)
    assert (x[0] * 2).device.type == "meta"
    with pytest.raises((RuntimeError, NotImplementedError), match=r"meta"):
        x.sum().item()


# --- sizes that cannot be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: flambeau.empty(2**62, 2**62),
        lambda: flambeau.zeros(2**40, 2**40),
        lambda: flambeau.ones(1).expand(2**62, 4).contiguous(),
        lambda: flambeau.empty(2**61),
        lambda: flambeau.arange(0, 1e18),
        lambda: flambeau.ones(2).repeat(2**40, 2**40),
    ],
)
def test_sizes_that_overflow_or_do_not_fit_are_errors(make: Any) -> None:
    with pytest.raises((RuntimeError, MemoryError, flambeau.OutOfMemoryError)):
        make()
    assert flambeau.ones(2).sum().item() == 2.0

"""Softmax and normalization against PyTorch: values, gradients, types, layouts, errors."""

from typing import Any

import numpy as np
import pytest
from gradient_compare import compare, same_error

import flambeau

HALVES = ["float16", "bfloat16"]
DTYPES = ["float32", "float64", *HALVES]


def normal(*shape: int) -> Any:
    return np.random.standard_normal(shape)


# --- softmax --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize(
    ("shape", "dim"),
    [
        ((), 0),
        ((7,), 0),
        ((1,), -1),
        ((3, 4), 0),
        ((3, 4), 1),
        ((5, 70), -1),
        ((2, 3, 131), 1),
        ((2, 300, 3), 1),
        ((2, 3, 4, 5), -2),
        ((0, 4), 1),
        ((4, 0), 1),
        ((4, 0), 0),
        ((3, 1031), 1),
    ],
)
def test_softmax(name: str, shape: tuple[int, ...], dim: int) -> None:
    compare(lambda lib, x: getattr(lib.nn.functional, name)(x * 3, dim), normal(*shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_each_type(name: str, dtype: str, dim: int) -> None:
    x = normal(3, 17, 20)
    compare(lambda lib, x: getattr(lib, name)(x, dim), x, dtype=dtype, orders=1)
    if dtype in HALVES:
        compare(lambda lib, x: getattr(lib, name)(x, dim, dtype=lib.float32), x, dtype=dtype)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_other_layouts(name: str) -> None:
    x = normal(6, 5, 4)
    compare(lambda lib, x: getattr(lib, name)(x.transpose(0, 2), 1), x)
    compare(lambda lib, x: getattr(lib, name)(x.transpose(0, 2), 2), x)
    compare(lambda lib, x: getattr(lib, name)(x.narrow(1, 1, 3), -1), x)
    compare(lambda lib, x: getattr(lib, name)(x.narrow(0, 0, 1).expand(3, 5, 4), 1), x)
    compare(lambda lib, x: getattr(x, name)(0), x)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_special_numbers(name: str, dim: int) -> None:
    inf, nan = float("inf"), float("nan")
    x = np.array([[0.0, -inf, 2], [-inf, -inf, -inf], [nan, 1, 2], [inf, 0, 1], [1e4, -1e4, 0]])
    for dtype in ("float32", "float64"):
        compare(lambda lib, x: getattr(lib, name)(x, dim), x, dtype=dtype, orders=0)
        compare(lambda lib, x: getattr(lib, name)(x.T.contiguous(), dim), x, dtype=dtype, orders=0)


def test_large_softmax() -> None:
    compare(lambda lib, x: lib.softmax(x, 1), normal(3300, 2048), dtype="float32", orders=0)


def test_softmax_errors() -> None:
    same_error(lambda lib: lib.softmax(lib.zeros(2, 3), 2))
    same_error(lambda lib: lib.softmax(lib.zeros(2, 3).long(), 1))
    same_error(lambda lib: lib.softmax(lib.zeros(2, 3).long(), 0))
    same_error(lambda lib: lib.log_softmax(lib.zeros(2, 3).int(), 1))
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        flambeau.nn.functional.softmax(flambeau.zeros(2, 3))


# --- layer, RMS and group norm --------------------------------------------------------------------

LAYERS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((3, 4), (4,)),
    ((2, 3, 4), (3, 4)),
    ((5,), (5,)),
    ((3, 1), (1,)),
    ((0, 4), (4,)),
    ((70, 133), (133,)),
    ((2, 3, 2, 2), (2, 2)),
]


@pytest.mark.parametrize("given", ["", "w", "wb", "b"])
@pytest.mark.parametrize(("shape", "last"), LAYERS)
def test_layer_norm(shape: tuple[int, ...], last: tuple[int, ...], given: str) -> None:
    def norm(L: Any, x: Any, w: Any, b: Any) -> Any:
        w, b = w if "w" in given else None, b if "b" in given else None
        return L.nn.functional.layer_norm(x, last, w, b, 1e-3)

    orders = 1 if given == "b" else 2  # PyTorch has no second gradient for a bias alone
    compare(norm, normal(*shape), normal(*last), normal(*last), orders=orders)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("shape", "last"), LAYERS)
def test_rms_norm(shape: tuple[int, ...], last: tuple[int, ...], weighted: bool) -> None:
    def norm(L: Any, x: Any, w: Any) -> Any:
        return L.nn.functional.rms_norm(x, last, w if weighted else None, 1e-3)

    compare(norm, normal(*shape), normal(*last))
    compare(lambda L, x: L.nn.functional.rms_norm(x, last), normal(*shape), orders=1)


@pytest.mark.parametrize("given", ["", "w", "wb", "b"])
@pytest.mark.parametrize(
    ("shape", "groups"),
    [
        ((2, 4, 3), 2),
        ((3, 6), 3),
        ((2, 6, 3, 2), 1),
        ((2, 3, 40), 3),
        ((0, 4, 2), 2),
        ((1, 2, 5), 2),
    ],
)
def test_group_norm(shape: tuple[int, ...], groups: int, given: str) -> None:
    def norm(L: Any, x: Any, w: Any, b: Any) -> Any:
        w, b = w if "w" in given else None, b if "b" in given else None
        return L.nn.functional.group_norm(x, groups, w, b, 1e-3)

    orders = 0 if given == "b" else 2  # PyTorch has no gradient for a bias alone
    compare(norm, normal(*shape), normal(shape[1]), normal(shape[1]), orders=orders)


@pytest.mark.parametrize("dtype", ["float32", *HALVES])
def test_norms_of_each_type(dtype: str) -> None:
    x, w, b = normal(9, 33), normal(33), normal(33)
    compare(
        lambda L, x, w, b: L.nn.functional.layer_norm(x, (33,), w, b),
        x,
        w,
        b,
        dtype=dtype,
        orders=1,
    )
    compare(
        lambda L, x, w, b: L.nn.functional.layer_norm(x, (33,), w.float(), b.float()),
        x,
        w,
        b,
        dtype=dtype,
        orders=1,
        differences=False,  # float64 does not mix
    )
    compare(
        lambda L, x, w: L.nn.functional.rms_norm(x, (33,), w, 1e-3), x, w, dtype=dtype, orders=1
    )
    x, w, b = normal(3, 6, 5), normal(6), normal(6)
    compare(
        lambda L, x, w, b: L.nn.functional.group_norm(x, 3, w, b), x, w, b, dtype=dtype, orders=1
    )


def test_norms_of_other_layouts() -> None:
    x, w = normal(5, 4, 6), normal(6)
    compare(lambda L, x, w: L.nn.functional.layer_norm(x.transpose(0, 1), (6,), w), x, w)
    compare(lambda L, x: L.nn.functional.layer_norm(x.transpose(0, 2), (5,)), x)
    compare(lambda L, x: L.nn.functional.rms_norm(x[:, ::2], (6,)), x)
    compare(lambda L, x: L.nn.functional.group_norm(x.transpose(0, 2), 2), x)
    compare(lambda L, x: L.nn.functional.layer_norm(x, (6,)).sum(), x, orders=1)


def test_norms_far_from_zero() -> None:
    x = (normal(4, 6, 300) + 1e4).astype(np.float32)
    ours = flambeau.tensor(x)
    F = flambeau.nn.functional
    for wide, narrow in [
        (F.layer_norm(ours.double(), (300,)), F.layer_norm(ours, (300,))),
        (F.group_norm(ours.double(), 2), F.group_norm(ours, 2)),
        (
            F.batch_norm(ours.double(), None, None, training=True),
            F.batch_norm(ours, None, None, training=True),
        ),
    ]:
        assert float((wide - narrow).abs().sum() / x.size) < 1e-3


def test_norm_errors() -> None:
    F = "functional"
    for shape, last, w, b in [
        ((2, 3), (2,), None, None),
        ((2, 3), (3,), (2,), None),
        ((2, 3), (3,), (3,), (2,)),
        ((2, 3), (), None, None),
        ((3,), (2, 3), None, None),
    ]:

        def layer(L: Any, shape=shape, last=last, w=w, b=b) -> None:
            getattr(L.nn, F).layer_norm(L.zeros(shape), last, w and L.ones(w), b and L.ones(b))

        same_error(layer)
    same_error(lambda L: L.nn.functional.layer_norm(L.zeros(2, 3).long(), (3,)))
    same_error(lambda L: L.nn.functional.layer_norm(L.zeros(2, 3), (3,), L.ones(3).double()))
    same_error(lambda L: L.nn.functional.rms_norm(L.zeros(2, 3), (2,)))
    same_error(lambda L: L.nn.functional.rms_norm(L.zeros(2, 3).long(), (3,)))
    same_error(lambda L: L.nn.functional.group_norm(L.zeros(2, 3, 4), 2))
    same_error(lambda L: L.nn.functional.group_norm(L.zeros(2, 3, 4), 3, L.ones(2)))
    same_error(
        lambda L: L.nn.functional.group_norm(L.zeros(2, 3, 4), 3, L.ones(3), L.ones(2)),
        exact=False,  # PyTorch's names the weight's shape
    )
    same_error(lambda L: L.nn.functional.group_norm(L.zeros(3), 3))
    same_error(lambda L: L.nn.functional.group_norm(L.zeros(1, 3), 3))


# --- batch and instance norm ----------------------------------------------------------------------


def running(L: Any, channels: int, dtype: Any) -> tuple[Any, Any]:
    values = np.linspace(0.5, 1.5, channels)
    return L.tensor(values, dtype=dtype), L.tensor(values[::-1].copy(), dtype=dtype)


BATCHES = [(4, 3), (5, 3, 2), (2, 3, 4, 5), (1, 2, 3), (3, 4, 2, 2, 3), (40, 33), (2, 5, 100)]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("given", ["", "w", "wb"])
@pytest.mark.parametrize("shape", BATCHES)
def test_batch_norm(shape: tuple[int, ...], given: str, training: bool) -> None:
    channels = shape[1]

    def norm(L: Any, x: Any, w: Any, b: Any) -> Any:
        mean, var = running(L, channels, x.dtype)
        w, b = w if "w" in given else None, b if "b" in given else None
        return L.nn.functional.batch_norm(x, mean, var, w, b, training, 0.3, 1e-3), mean, var

    def output(L: Any, *tensors: Any) -> Any:
        return norm(L, *tensors)[0]

    values = normal(*shape), normal(channels), normal(channels)
    compare(norm, *values, orders=0)
    compare(output, *values)


@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_layouts(training: bool) -> None:
    def norm(L: Any, x: Any, w: Any) -> Any:
        mean, var = running(L, 6, x.dtype)
        return L.nn.functional.batch_norm(x, mean, var, w, w, training)

    x, w = normal(3, 6, 5, 4), normal(6)
    compare(lambda L, x, w: norm(L, x.contiguous(memory_format=L.channels_last), w), x, w)
    compare(lambda L, x, w: norm(L, x, w).contiguous(memory_format=L.channels_last), x, w)
    compare(lambda L, x, w: norm(L, x.transpose(0, 1), w), normal(6, 3, 5, 4), w)
    compare(lambda L, x, w: norm(L, x[:, :, ::2], w), x, w)
    compare(lambda L, x, w: norm(L, x.t(), w), normal(6, 5), w)
    compare(lambda L, x, w: norm(L, x, w).sum(), x, w, orders=1)
    y = norm(
        flambeau, flambeau.rand(2, 6, 3, 4).contiguous(memory_format=flambeau.channels_last), None
    )
    assert y.is_contiguous(memory_format=flambeau.channels_last)


@pytest.mark.parametrize("dtype", ["float32", *HALVES])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_types(dtype: str, mixed: bool, training: bool) -> None:
    def norm(L: Any, x: Any, w: Any, b: Any) -> Any:
        if mixed:
            w, b = w.float(), b.float()
        mean, var = running(L, 6, w.dtype)
        out = L.nn.functional.batch_norm(x, mean, var, w, b, training)
        return out, mean, var

    def output(L: Any, x: Any, w: Any, b: Any) -> Any:
        return norm(L, x, w, b)[0]

    for shape in [(9, 6), (3, 6, 4, 5)]:
        x, w, b = normal(*shape), normal(6), normal(6)
        compare(norm, x, w, b, dtype=dtype, orders=0)
        compare(output, x, w, b, dtype=dtype, orders=1, differences=not mixed)


def test_batch_norm_without_running_statistics() -> None:
    def norm(L: Any, x: Any) -> Any:
        return L.nn.functional.batch_norm(x, None, None, training=True)

    compare(norm, normal(4, 3, 2))
    compare(norm, normal(4, 0, 2), orders=0)
    compare(lambda L, x: norm(L, x.transpose(1, 3)), normal(2, 3, 4, 5))


@pytest.mark.parametrize("use_input_stats", [False, True])
@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 4, 3, 2), (1, 4, 6)])
def test_instance_norm(shape: tuple[int, ...], tracked: bool, use_input_stats: bool) -> None:
    if not (tracked or use_input_stats):
        return

    def norm(L: Any, x: Any, w: Any, b: Any) -> Any:
        mean, var = running(L, 4, x.dtype) if tracked else (None, None)
        out = L.nn.functional.instance_norm(x, mean, var, w, b, use_input_stats, 0.3)
        return (out, mean, var) if tracked else out

    def output(L: Any, *tensors: Any) -> Any:
        found = norm(L, *tensors)
        return found[0] if tracked else found

    values = normal(*shape), normal(4), normal(4)
    compare(norm, *values, orders=0)
    compare(output, *values)


def test_batch_norm_errors() -> None:
    def raises(name: str, shape: tuple[int, ...], *sizes: int | None, **options: Any) -> None:
        def run(L: Any) -> None:
            given = [None if size is None else L.ones(size) for size in sizes]
            getattr(L.nn.functional, name)(L.zeros(shape), *given, **options)

        same_error(run)

    raises("batch_norm", (2, 3, 4), None, None)
    raises("batch_norm", (2, 3, 4), 2, 3)
    raises("batch_norm", (2, 3, 4), 3, 2)
    raises("batch_norm", (2, 3, 4), 3, 3, 2)
    raises("batch_norm", (2, 3, 4), 3, 3, 3, 2)
    raises("batch_norm", (2, 3, 4), 3, None)
    raises("batch_norm", (2, 3, 4), 3, None, training=True)
    raises("batch_norm", (1, 3), None, None, training=True)
    raises("batch_norm", (1, 3, 1), None, None, training=True)
    raises("batch_norm", (3,), 3, 3)
    raises("instance_norm", (2, 3))
    raises("instance_norm", (2, 3, 1))
    raises("instance_norm", (2, 3, 2), use_input_stats=False)
    raises("instance_norm", (2, 3, 2), 3, use_input_stats=False)
    raises("instance_norm", (2, 3, 2), 2, 2, use_input_stats=False)
    raises("instance_norm", (2, 3, 2), None, None, 2)
    same_error(lambda L: L.nn.functional.batch_norm(L.zeros(2, 3).long(), L.zeros(3), L.zeros(3)))
    same_error(
        lambda L: L.nn.functional.batch_norm(
            L.zeros(2, 3), L.zeros(3).double(), L.zeros(3).double(), L.ones(3), L.ones(3)
        )
    )

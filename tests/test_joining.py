"""Joining, repeating and reordering: against PyTorch, with first and second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from op_compare import check, check_error

import flambeau

FORWARD: list[tuple[Any, ...]] = [
    (lambda L, *x: L.cat(x), (2, 3), (4, 3), (1, 3)),
    (lambda L, *x: L.cat(x, -1), (2, 3), (2, 1), (2, 0)),
    (lambda L, *x: L.concat(x, dim=1), (2, 3, 2), (2, 1, 2)),
    (lambda L, *x: L.concatenate(x, axis=1), (2, 3), (2, 2)),
    (lambda L, *x: L.cat(x, 1), (0,), (2, 3), (2, 2)),
    (lambda L, *x: L.cat(x), (0,), (0,)),
    (lambda L, *x: L.cat(x), ((3,), "float32"), (2,)),
    (lambda L, *x: L.cat(x), ((3,), "int64"), ((2,), "bool")),
    (lambda L, *x: L.cat(x), ((3,), "uint8"), ((2,), "int8")),
    (lambda L, *x: L.cat(x), ((3,), "complex128"), (2,)),
    (lambda L, *x: L.cat(x, 1), ((2, 3, 1), "float32"), ((2, 1, 1), "float64")),
    (lambda L, *x: L.cat([t.t() for t in x]), (2, 3), (2, 1)),
    (
        lambda L, *x: L.cat([t.to(memory_format=L.channels_last) for t in x]),
        (2, 3, 4, 5),
        (1, 3, 4, 5),
    ),
    (
        lambda L, *x: L.cat([t.to(memory_format=L.channels_last) for t in x], 1),
        (2, 3, 4, 5),
        (2, 2, 4, 5),
    ),
    (
        lambda L, *x: L.cat([t.to(memory_format=L.channels_last) for t in x], 3),
        (2, 3, 4, 5),
        (2, 3, 4, 2),
    ),
    (lambda L, x, y: L.cat([x.to(memory_format=L.channels_last), y]), (2, 3, 4, 5), (2, 3, 4, 5)),
    (lambda L, x: L.cat([x, x, x * 2], 1), (2, 3)),
    (lambda L, *x: L.stack(x), (2, 3), (2, 3)),
    (lambda L, *x: L.stack(x, -1), (2, 3), (2, 3), (2, 3)),
    (lambda L, *x: L.stack(x, 1), (2, 3), ((2, 3), "float32")),
    (lambda L, *x: L.stack(x), (), ()),
    (lambda L, *x: L.stack(x, 1), (3, 0), (3, 0)),
    (lambda L, *x: L.stack([t.t() for t in x], 1), (2, 3), (2, 3)),
    (lambda L, *x: L.hstack(x), (2, 3), (2, 1)),
    (lambda L, *x: L.hstack(x), (2,), (), (1,)),
    (lambda L, *x: L.vstack(x), (2, 3), (3,)),
    (lambda L, *x: L.dstack(x), (2, 3), (2, 3, 4)),
    (lambda L, *x: L.column_stack(x), (2, 3), (2,)),
    (lambda L, *x: L.column_stack(x), (), ()),
    (lambda L, x: x.flip(0), (3, 4)),
    (lambda L, x: x.flip(0, -1), (3, 4, 5)),
    (lambda L, x: L.flip(x, [1]), (3, 40, 7)),
    (lambda L, x: x.t().flip(1), (3, 4)),
    (lambda L, x: x.expand(3, 4).flip(0, 1), (4,)),
    (lambda L, x: x[:, ::2].flip(1), (3, 8)),
    (lambda L, x: x.flip(0), ((5, 2), "bool")),
    (lambda L, x: x.flip(0), ((5, 2), "complex128")),
    (lambda L, x: (x.flip(()), x.sum().flip(0)), (2, 3)),
    (lambda L, x: (x.fliplr(), x.flipud()), (3, 4)),
    (lambda L, x: [x.rot90(k) for k in range(-2, 6)], (2, 3)),
    (lambda L, x: [x.rot90(k, [2, 0]) for k in range(4)], (2, 3, 4)),
    (lambda L, x: x.roll(1), (3, 4)),
    (lambda L, x: x.roll(-7, 1), (3, 4)),
    (lambda L, x: x.roll((1, -2, 3), (0, 1, 0)), (3, 4)),
    (lambda L, x: x.t().roll((1, 5), (0, -1)), (3, 4)),
    (lambda L, x: (x.sum().roll(1), x[:0].roll(1, 0)), (3, 4)),
    (lambda L, x: x.repeat(2, 3), (2, 3)),
    (lambda L, x: x.repeat((2, 1, 3)), (3,)),
    (lambda L, x: x.repeat(2, 0), (2, 3)),
    (lambda L, x: x.t().repeat(2, 1, 1, 2), (2, 3)),
    (lambda L, x: x.sum().repeat(4), (2, 3)),
    (lambda L, x: x.sum().repeat(()), (2, 3)),
    (lambda L, x: (x.tile(2), x.tile((2, 1)), L.tile(x, (2, 1, 1))), (2, 3)),
    (lambda L, x: x.repeat_interleave(2), (2, 3)),
    (lambda L, x: L.repeat_interleave(x, 3, dim=-2), (2, 3, 2)),
    (lambda L, x: (x.repeat_interleave(0, 1), x.sum().repeat_interleave(2)), (2, 3)),
    (lambda L, x: x.repeat_interleave(L.tensor([2, 0, 3]), dim=1), (2, 3)),
    (lambda L, x: x.repeat_interleave(L.tensor([2]), dim=1), (2, 3)),
    (lambda L, x: x.repeat_interleave(L.tensor(2), dim=0, output_size=4), (2, 3)),
    (lambda L: L.repeat_interleave(L.tensor([2, 0, 3])),),
    (lambda L: L.repeat_interleave(L.tensor([2, 0, 3], dtype=L.int32)),),
    (lambda L, x: (L.combinations(x), L.combinations(x, 3), L.combinations(x, 1)), (4,)),
    (lambda L, x: L.combinations(x, 3, with_replacement=True), (3,)),
    (lambda L, x: (L.combinations(x, 4), L.combinations(x, 0)), (3,)),
    (lambda L, x: (x.tril(), x.triu(), x.tril(1), x.triu(-1)), (3, 4)),
    (lambda L, x: (L.tril(x, diagonal=-1), L.triu(x, 2)), (2, 4, 3)),
    (lambda L, x: (x.tril(9), x.tril(-9), x.triu(9), x.triu(-9)), (3, 4)),
    (lambda L, x: (x.t().tril(), x.t().triu()), (3, 4)),
    (lambda L, x: (x.tril(), x.triu()), ((3, 4), "bool")),
    (lambda L, x: (x.tril(), x.triu()), (0, 4)),
    (lambda L, x: (x * 1).tril_(), (3, 4)),
    (lambda L, x: (x * 1).t().triu_(1), (3, 4)),
    (lambda L, x: (x.diag(), x.diag(1), x.diag(-2)), (4,)),
    (lambda L, x: (x.diag(), x.diag(1), x.diag(-2), L.diag(x, diagonal=9)), (3, 4)),
    (
        lambda L, x: (
            x.diag_embed(),
            x.diag_embed(1),
            x.diag_embed(-1, 0, 2),
            x.diag_embed(0, 2, 0),
        ),
        (2, 3),
    ),
    (lambda L, x: (x.diagflat(), x.diagflat(-1), x.sum().diagflat()), (2, 3)),
    (lambda L, x: x.trace(), (3, 4)),
    (lambda L, x: x.trace(), ((3, 3), "int32")),
    (lambda L, x: L.constant_pad_nd(x, (1, 2)), (2, 3)),
    (lambda L, x: L.constant_pad_nd(x, (1, 2, 0, 3), 1.5), (2, 3)),
    (lambda L, x: L.constant_pad_nd(x, (-1, 2, 3, -1, 1, 1), 2), (2, 3, 4)),
    (lambda L, x: L.constant_pad_nd(x, (-1, -2)), (2, 3)),
    (
        lambda L, x: L.constant_pad_nd(x.to(memory_format=L.channels_last), (1, 1, 2, 0)),
        (2, 3, 4, 5),
    ),
    (lambda L, x: L.constant_pad_nd(x.t(), (1, 1)), (2, 3)),
    (lambda L, x: L.constant_pad_nd(x, (1, 1, 1, 1)), (0, 3)),
    (lambda L, x: L.constant_pad_nd(x, (1, 1), 7), ((2, 3), "int64")),
    (lambda L, x: L.constant_pad_nd(x, (1, 1), True), ((2, 3), "bool")),
    (lambda L, *x: L.block_diag(*x), (2, 3), (), (2,), (0, 2)),
    (lambda L, *x: L.block_diag(*x), ((2, 3), "int64"), ((1, 1), "float32")),
    (lambda L, *x: L.cartesian_prod(*x), (2,), (3,), (2,)),
    (lambda L, x: L.cartesian_prod(x), (2,)),
    (lambda L, x: (L.vander(x), L.vander(x, N=0), L.vander(x, 1)), ((3,), "int32")),
    (lambda L, x: L.nn.functional.pixel_shuffle(x, 2), (3, 8, 2, 5)),
    (lambda L, x: L.pixel_shuffle(x, 3), (9, 2, 5)),
    (lambda L, x: L.nn.functional.pixel_unshuffle(x, 2), (2, 3, 4, 6)),
    (lambda L, x, y: L.kron(x, y), (2, 3), (2, 2)),
    (lambda L, x, y: (x.kron(y), L.kron(y, x)), (2, 3), (2, 2, 2)),
    (lambda L, x, y: (L.inner(x, y), x[0].inner(y[0]), x.inner(y[0, 0])), (2, 3), (4, 3)),
    (lambda L, x, y: L.tensordot(x, y, 1), (2, 3), (3, 4)),
    (lambda L, x, y: L.tensordot(x, y), (2, 3, 4), (3, 4, 2)),
    (lambda L, x, y: L.tensordot(x, y, dims=0), (2,), (3,)),
    (lambda L, x, y: L.tensordot(x, y, ([0, -1], [1, 0])), (2, 3, 4), (4, 2, 5)),
    (lambda L, x, y: L.tensordot(x, y, L.tensor([[1], [0]])), (2, 3), (3, 4)),
    (lambda L, x, y: L.tensordot(x, y, ([1], [0])), (2, 1), (3, 4)),
    (lambda L, x: (x.sum_to_size(1, 3), x.sum_to_size(3), x.sum_to_size((2, 1))), (2, 3)),
    (lambda L, x: (x * 1).fill_diagonal_(5), (3, 4)),
    (lambda L, x: ((x * 1).fill_diagonal_(5), (x * 1).fill_diagonal_(5, wrap=True)), (8, 2)),
    (lambda L, x: (x * 1).fill_diagonal_(5), (3, 3, 3)),
    (lambda L: L.unravel_index(L.tensor([[5, 1], [0, 3]]), (2, 3)),),
    (lambda L: L.unravel_index(L.tensor(5), 7),),
    (lambda L: L.nn.functional.one_hot(L.tensor([[0, 2], [1, 5]])),),
    (lambda L: L.nn.functional.one_hot(L.tensor([[0, 2, 1], [1, 5, 3]]).t(), 7),),
    (lambda L: L.nn.functional.one_hot(L.tensor(3)),),
    (lambda L: L.nn.functional.one_hot(L.zeros(0, 2, dtype=L.int64), 3),),
]


@pytest.mark.parametrize("case", FORWARD, ids=lambda c: f"line_{c[0].__code__.co_firstlineno}")
def test_against_torch(case: tuple[Any, ...]) -> None:
    check(*case)


ERRORS: list[tuple[Any, ...]] = [
    (lambda L: L.cat([]),),
    (lambda L, x: L.cat([x, x.sum()]), (2, 3)),
    (lambda L, x, y: L.cat([x, y]), (2, 3), (2, 4)),
    (lambda L, x, y: L.cat([x, y]), (2, 3), (2,)),
    (lambda L, x: L.cat([x], 2), (2, 3)),
    (lambda L, x: L.stack([x, x], out=L.empty(4, 3, dtype=L.int64)), (2, 3)),
    (lambda L, x: L.cat([x, x], out=L.empty(0, dtype=L.float64), dim=5), (2, 3)),
    (lambda L: L.stack([]),),
    (lambda L, x: L.stack([x, x[:1]]), (2, 3)),
    (lambda L, x: L.stack([x, x], 3), (2, 3)),
    (lambda L: L.hstack([]),),
    (lambda L, x: x.flip(0, 0), (2, 3)),
    (lambda L, x: x.flip(2), (2, 3)),
    (lambda L, x: x.fliplr(), (2,)),
    (lambda L, x: x.flipud(), ()),
    (lambda L, x: x.rot90(1, [0, 0]), (2, 3)),
    (lambda L, x: x.rot90(1, [0]), (2, 3)),
    (lambda L, x: x.rot90(), (2,)),
    (lambda L, x: x.roll(1, (0, 1)), (2, 3)),
    (lambda L, x: x.roll(()), (2, 3)),
    (lambda L, x: x.repeat(2), (2, 3)),
    (lambda L, x: x.repeat(2, -1), (2, 3)),
    (lambda L, x: x.repeat_interleave(-1), (2, 3)),
    (lambda L, x: x.repeat_interleave(L.tensor([1, 2, 3]), 0), (2, 3)),
    (lambda L, x: x.repeat_interleave(L.tensor([1, -2]), 0), (2, 3)),
    (lambda L, x: x.repeat_interleave(L.tensor([1.0, 2.0]), 0), (2, 3)),
    (lambda L, x: x.repeat_interleave(L.tensor([1, 2]), 0, output_size=7), (2, 3)),
    (lambda L, x: L.combinations(x), (2, 3)),
    (lambda L, x: L.combinations(x, -1), (2,)),
    (lambda L, x: x.tril(), (2,)),
    (lambda L, x: x.triu(), ()),
    (lambda L, x: x.trace(), (2,)),
    (lambda L, x: x.diag(), (1, 2, 3)),
    (lambda L, x: x.diag_embed(0, 1, 1), (2, 3)),
    (lambda L, x: L.constant_pad_nd(x, (1,)), (2, 3)),
    (lambda L, x: L.constant_pad_nd(x, (-2, -2)), (2, 3)),
    (lambda L, x: L.block_diag(x), (1, 1, 1)),
    (lambda L, x: L.cartesian_prod(x), (2, 3)),
    (lambda L, x: L.vander(x), (2, 3)),
    (lambda L, x: L.vander(x, -1), (2,)),
    (lambda L, x: L.pixel_shuffle(x, 2), (2, 3)),
    (lambda L, x: L.pixel_shuffle(x, 2), (3, 2, 2)),
    (lambda L, x: L.pixel_shuffle(x, 0), (3, 2, 2)),
    (lambda L, x: L.pixel_unshuffle(x, 2), (3, 3, 2)),
    (lambda L, x: L.pixel_unshuffle(x, 2), (3, 2, 3)),
    (lambda L, x: L.pixel_unshuffle(x, -1), (3, 2, 3)),
    (lambda L, x: L.inner(x, x.t()), (2, 3)),
    (lambda L, x: L.tensordot(x, x, -1), (2, 3)),
    (lambda L, x: L.tensordot(x, x, 3), (2, 3)),
    (lambda L, x: L.tensordot(x, x, ([0, 1], [0])), (2, 3)),
    (lambda L, x: x.sum_to_size(2), (2, 3)),
    (lambda L, x: x.sum_to_size(2, 3, 1), (2, 3)),
    (lambda L, x: x.fill_diagonal_(1), (2,)),
    (lambda L, x: x.fill_diagonal_(1), (2, 3, 3)),
    (lambda L: L.unravel_index(L.tensor([1.0]), (2, 3)),),
    (lambda L, x: L.nn.functional.one_hot(x), (2, 3)),
    (lambda L: L.nn.functional.one_hot(L.tensor([-1])),),
    (lambda L: L.nn.functional.one_hot(L.tensor([3]), 2),),
    (lambda L: L.nn.functional.one_hot(L.zeros(0, dtype=L.int64)),),
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda c: f"line_{c[0].__code__.co_firstlineno}")
def test_errors(case: tuple[Any, ...]) -> None:
    check_error(*case)


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "complex128"])
def test_large_joins(dim: int, dtype: str) -> None:
    """Enough elements for several threads, in pieces of many lengths."""
    rng = np.random.default_rng()
    shapes = []
    for extra in (1, 3, 17, 64):
        shape = [61, 53, 40]
        shape[dim] = extra
        shapes.append(tuple(shape))
    parts = [rng.standard_normal(s).astype(dtype) for s in shapes]
    joined = flambeau.cat([flambeau.tensor(p) for p in parts], dim)
    assert np.array_equal(joined.numpy(), np.concatenate(parts, dim))
    whole = rng.standard_normal((129, 67, 31)).astype(dtype)
    stacked = flambeau.stack([flambeau.tensor(whole), flambeau.tensor(whole[::-1].copy())], dim)
    assert np.array_equal(stacked.numpy(), np.stack([whole, whole[::-1]], dim))


def test_joining_into_given_tensors() -> None:
    a, b = flambeau.ones(2, 3), flambeau.zeros(2, 3)
    target = flambeau.empty(4, 3)
    version = target._version
    assert flambeau.cat([a, b], out=target) is target
    assert target.tolist() == a.tolist() + b.tolist()
    assert target._version > version
    doubles = flambeau.empty(0, dtype=flambeau.float64)
    flambeau.stack([a, b], out=doubles)
    assert doubles.shape == (2, 2, 3)
    assert doubles[0].tolist() == a.tolist()
    flambeau.cat([target[2:], target[:2]], out=target)  # reads what it writes
    assert target.tolist() == b.tolist() + a.tolist()
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        flambeau.cat([a.requires_grad_(), b], out=target)


def test_joined_vector_of_nothing_gets_a_gradient() -> None:
    nothing = flambeau.zeros(0, requires_grad=True)
    flambeau.cat([nothing, flambeau.ones(2, 3)], 1).sum().backward()
    assert nothing.grad is not None
    assert nothing.grad.shape == (0,)


PADDINGS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((2, 5), (1, 2)),
    ((2, 3, 5), (4, -1)),
    ((2, 3, 4, 5), (2, 1, 0, 3)),
    ((2, 3, 4, 5), (-1, 2, 2, -1)),
    ((1, 2, 3, 4, 5), (1, 2, 0, 1, 2, 1)),
]


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(("shape", "amounts"), PADDINGS)
def test_padding_with_what_is_there(
    shape: tuple[int, ...], amounts: tuple[int, ...], mode: str
) -> None:
    def run(L: Any, x: Any) -> Any:
        return L.nn.functional.pad(x, amounts, mode=mode)

    check(run, shape, strides=False)
    if len(shape) == 4:
        check(lambda L, x: run(L, x.to(memory_format=L.channels_last)), shape, strides=False)
    halves = np.random.default_rng().standard_normal(shape).astype("float16")
    ours = run(flambeau, flambeau.tensor(halves, requires_grad=True))
    ours.sum().backward()
    assert ours.dtype == flambeau.float16


def test_padding_that_does_not_fit_stays_in_bounds() -> None:
    x = flambeau.ones(2, 3)
    pad = flambeau._C._find_op("_pad_modes")
    for amounts, mode in (
        ([3, 0], "reflect"),
        ([-2, -2], "replicate"),
        ([1, 0, 0, 0, 0, 0], "circular"),
    ):
        with pytest.raises(RuntimeError, match="pad: "):
            pad(x, amounts, mode)


def test_powers_as_columns() -> None:
    check(
        lambda L, x: (L.vander(x), L.vander(x, 5), L.vander(x, 2, increasing=True)),
        (3,),
        gradients=False,
    )
    x = flambeau.randn(3, dtype=flambeau.float64, requires_grad=True)
    flambeau.vander(x, 4).sum().backward()
    expected = 1 + 2 * x.detach() + 3 * x.detach() ** 2
    np.testing.assert_allclose(x.grad.numpy(), expected.numpy())


def test_triangles_in_place() -> None:
    x = flambeau.arange(12.0).reshape(3, 4)
    pointer = x.data_ptr()
    assert x.tril_() is x
    assert x.data_ptr() == pointer
    assert np.array_equal(x.numpy(), np.tril(np.arange(12.0).reshape(3, 4)))


def test_shapes_without_data() -> None:
    x = flambeau.empty(2, 3, device="meta")
    assert flambeau.cat([x, x]).shape == (4, 3)
    assert flambeau.stack([x, x], 1).shape == (2, 2, 3)
    assert x.repeat(2, 2).shape == (4, 6)
    assert x.flip(0).shape == (2, 3)
    assert x.tril().is_meta
    assert flambeau.constant_pad_nd(x, (1, 1)).shape == (2, 5)
    assert x.repeat_interleave(2, 0).shape == (4, 3)


def test_large_blocks_whose_rows_are_no_whole_lines():
    # 200 float32 numbers are 12.5 cache lines; results of this size are written past the caches.
    x, y = flambeau.rand(64, 1), flambeau.rand(1200, 200)
    assert (flambeau.kron(x, y).view(64, 1200, 200) == x.view(64, 1, 1) * y).all()
    a, b = flambeau.rand(30, 1, 1200, 1), flambeau.rand(1, 30, 1, 200)
    assert (a * b)[7, 5, 1000].tolist() == (a[7, 0, 1000] * b[0, 5, 0]).tolist()

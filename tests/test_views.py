"""Views: geometry, derivatives, and changes in place through them, against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
from op_compare import check, check_error

import flambeau

VIEWS: list[tuple[Any, ...]] = [
    (lambda L, x: (x.view(6), x.view(3, -1), x.view((1, 6, 1))), (2, 3)),
    (lambda L, x: (x.view(0, 5), x.view(7, 0)), (0, 3)),
    (lambda L, x: (x.transpose(0, 1).view(3, 2, 1), x[:, :2].view(2, 1, 2)), (2, 3)),
    (lambda L, x: x.view_as(L.zeros(3, 2)), (2, 3)),
    (
        lambda L, x: (x.reshape(6), x.t().reshape(6), x.t().reshape(-1, 2), x.reshape_as(x.t())),
        (2, 3),
    ),
    (lambda L, x: (x.sum().reshape(1, 1), x.sum().view(-1), x.ravel(), x.t().ravel()), (2, 3)),
    (lambda L, x: (x.flatten(), x.flatten(1), x.flatten(0, 1), x.sum().flatten()), (2, 3, 4)),
    (lambda L, x: x.permute(2, 0, 1).flatten(1), (2, 3, 4)),
    (
        lambda L, x: (x.unflatten(1, (2, 3)), x.unflatten(-1, (3, -1)), x.unflatten(0, [1, 2])),
        (2, 6),
    ),
    (lambda L, x: (x.transpose(0, 2), x.swapaxes(1, -1), x.swapdims(0, 0)), (2, 3, 4)),
    (lambda L, x: (x.t(), x[0].t(), x[0, 0].t(), x.T, x.mT), (2, 3)),
    (lambda L, x: (x.permute(2, 0, 1), L.permute(x, (-1, 0, 1)), x.mT), (2, 3, 4)),
    (lambda L, x: (x.movedim(0, 2), x.moveaxis((0, 1), (-1, 0)), x.movedim(-1, 0)), (2, 3, 4)),
    (lambda L, x: (x.expand(5, 2, 3), x.expand(-1, 3), x[:, :1].expand(2, 4)), (2, 3)),
    (lambda L, x: (x.expand_as(L.zeros(4, 2, 3)), x.broadcast_to(2, 2, 3)), (2, 3)),
    (lambda L, x: (x.sum().expand(2, 2), x.sum().expand(())), (2, 3)),
    (lambda L, x: (x.squeeze(), x.squeeze(0), x.squeeze(1), x.squeeze((0, -1))), (1, 3, 1)),
    (lambda L, x: (x.unsqueeze(0), x.unsqueeze(-1), x.unsqueeze(1), x.t().unsqueeze(1)), (2, 3)),
    (
        lambda L, x: (x.select(0, 1), x.select(-1, -1), x.narrow(1, 1, 2), x.narrow(0, -1, 1)),
        (2, 3),
    ),
    (lambda L, x: x.narrow(1, L.tensor(1), 2), (2, 3)),
    (lambda L, x: (x.diagonal(), x.diagonal(1), x.diagonal(-1), x.diagonal(9)), (3, 4)),
    (lambda L, x: (x.diagonal(0, 1, 2), x.diagonal(-1, -1, 0)), (2, 3, 4)),
    (lambda L, x: (x.unfold(0, 3, 2), x.unfold(0, 2, 1), x.unfold(0, 7, 1)), (7,)),
    (lambda L, x: (x.unfold(1, 2, 3), x.t().unfold(0, 3, 1)), (2, 6)),
    (lambda L, x: (x.as_strided((2, 2), (1, 2)), x.as_strided((2, 3), (1, 1), 2)), (7,)),
    (lambda L, x: x.as_strided((3, 2), (0, 1)), (7,)),
    (lambda L, x: (x.split(2), x.split(3, 1), L.split(x, split_size_or_sections=5)), (5, 3)),
    (lambda L, x: (x.split([2, 3]), x.split((1, 0, 2), -1), L.split(x, [5])), (5, 3)),
    (lambda L, x: (x.split(0), x.split(2), x.split([0, 0]), x.chunk(3)), (0, 3)),
    (lambda L, x: L.split_with_sizes(x, [1, 4]), (5, 3)),
    (lambda L, x: (x.chunk(2), x.chunk(4), x.chunk(9), L.chunk(x, 2, dim=1)), (5, 3)),
    (lambda L, x: (x.unbind(), x.unbind(-1), L.unbind(x, dim=1)), (2, 3)),
    (lambda L, x: x.unbind()[1] * 2, (2, 3)),
    (lambda L, x: list(x.split(2)[1:]), (5, 3)),
    (lambda L, x: (x.tensor_split(3), x.tensor_split((1, 3)), x.tensor_split([-2], 1)), (7, 3)),
    (lambda L, x: x.tensor_split(L.tensor([3, 1, 9])), (7, 3)),
    (lambda L, x: (x.tensor_split(L.tensor(2)), x.tensor_split(sections=2, dim=1)), (7, 3)),
    (lambda L, x: (x.hsplit(2), x.vsplit(2), x.dsplit([1, 2]), x[0, 0].hsplit([1])), (2, 4, 3)),
    (lambda L, x: (L.atleast_1d(x), L.atleast_2d(x), L.atleast_3d(x)), ()),
    (lambda L, x: (L.atleast_1d(x), L.atleast_2d(x), L.atleast_3d(x)), (3,)),
    (lambda L, x: (L.atleast_1d(x), L.atleast_2d(x), L.atleast_3d(x)), (2, 3)),
    (lambda L, x, y: (L.atleast_2d(x, y), L.atleast_3d([x, y])), (), (3,)),
    (lambda L, *x: L.broadcast_tensors(*x), (3, 1), (4,), ()),
    (lambda L, *x: L.meshgrid(*x, indexing="ij"), (2,), (3,), ()),
    (lambda L, *x: L.meshgrid(*x, indexing="xy"), (2,), (3,), (4,)),
    (lambda L, *x: L.meshgrid(x), (2,), (3,)),
    (lambda L, x: L.view_as_complex(x), (3, 2)),
    (lambda L, x: (L.view_as_real(x), x.real, x.imag), ((3, 2), "complex128")),
    (lambda L, x, s: (x.select_scatter(s, 0, 1), L.select_scatter(x, s, -2, 0)), (3, 4), (4,)),
    (lambda L, x, s: x.slice_scatter(s, 1, 0, 3, 2), (3, 4), (3, 2)),
    (lambda L, x, s: (x.diagonal_scatter(s, 1), x.diagonal_scatter(s)), (3, 4), (3,)),
]


@pytest.mark.parametrize("case", VIEWS, ids=lambda c: f"line_{c[0].__code__.co_firstlineno}")
def test_against_torch(case: tuple[Any, ...]) -> None:
    check(*case)


def test_bytes_under_another_dtype() -> None:
    check(
        lambda L, x: (x.view(L.int64), x.view(L.float32), x.view(L.int8), x[:, ::2].view(L.int64)),
        (2, 4),
        gradients=False,
    )
    check(lambda L, x: x.view(L.float64), ((2, 4), "float32"), gradients=False)
    check_error(lambda L, x: x.view(L.float64), ((2, 3), "float32"))
    check_error(lambda L, x: x.t().view(L.float32), (2, 3))


COPIES: list[tuple[Any, ...]] = [
    (lambda L, x: (L.transpose_copy(x, 0, 1), L.permute_copy(x, (1, 0)), L.t_copy(x)), (2, 3)),
    (lambda L, x: (L.alias_copy(x), L.expand_copy(x, (2, 2, 3)), L.view_copy(x, (3, 2))), (2, 3)),
    (lambda L, x: (L.as_strided_copy(x, (2, 2), (1, 2)), L.diagonal_copy(x, 1)), (2, 3)),
    (lambda L, x: (L.select_copy(x, 1, 0), L.slice_copy(x, 1, 0, 3, 2)), (2, 3)),
    (
        lambda L, x: (L.unfold_copy(x, 1, 2, 1), L.unsqueeze_copy(x, 1), x.narrow_copy(1, 1, 2)),
        (2, 3),
    ),
    (lambda L, x: (L.squeeze_copy(x), L.squeeze_copy(x, 0)), (1, 3, 1)),
    (
        lambda L, x: (L.split_copy(x, 2), L.split_with_sizes_copy(x, [1, 2], 1), L.unbind_copy(x)),
        (2, 3),
    ),
    (
        lambda L, x: (
            L.unsafe_split(x, 2),
            x.unsafe_chunk(2, 1),
            x.unsafe_split_with_sizes([1, 1]),
        ),
        (2, 3),
    ),
    (lambda L, x: (x.adjoint(), x[0].adjoint()), ((2, 3, 4), "complex128")),
    (lambda L, x: (x * 1).as_strided_((3,), (2,), 1), (2, 4)),
]


@pytest.mark.parametrize("case", COPIES, ids=lambda c: f"line_{c[0].__code__.co_firstlineno}")
def test_copies_against_torch(case: tuple[Any, ...]) -> None:
    check(*case)


def test_resizing() -> None:
    def run(L: Any, x: Any) -> Any:
        return [x.clone().resize_(3), x.t().resize_(3, 2), x.clone().resize_as_(L.zeros(3, 1))]

    check(run, (2, 3), gradients=False)
    grown = flambeau.ones(2).resize_(3, 4)
    assert grown.shape == (3, 4)
    assert grown.view(-1)[:2].tolist() == [1, 1]
    image = flambeau.zeros(1).resize_((1, 2, 3, 3), memory_format=flambeau.channels_last)
    assert image.stride() == (18, 1, 6, 2)
    check_error(lambda L, x: x.requires_grad_().resize_(6), (2, 3))
    check_error(lambda L, x: x.resize_(-1), (2, 3), same_text=False)


def test_strided_elements_replaced() -> None:
    def run(L: Any, x: Any, s: Any) -> Any:
        return x.as_strided_scatter(s, (2, 2), (4, 1), 1)

    check(run, (3, 4), (2, 2), gradients=False)
    # PyTorch's gradient of the input is not zero where elements were replaced; ours is.
    x, s = flambeau.randn(3, 4, requires_grad=True), flambeau.randn(2, 2, requires_grad=True)
    weights = flambeau.randn(3, 4)
    (run(flambeau, x, s) * weights).sum().backward()
    assert s.grad.tolist() == weights[:2, 1:3].tolist()
    weights[:2, 1:3] = 0
    assert x.grad.tolist() == weights.tolist()


ERRORS: list[tuple[Any, ...]] = [
    (lambda L, x: x.view(4), (2, 3)),
    (lambda L, x: x.view(-1, -1), (2, 3)),
    (lambda L, x: x.view(-1, 4), (2, 3)),
    (lambda L, x: x.t().view(6), (2, 3)),
    (lambda L, x: x.reshape(4), (2, 3)),
    (lambda L, x: x.flatten(1, 0), (2, 3)),
    (lambda L, x: x.unflatten(1, (2, 2)), (2, 3)),
    (lambda L, x: x.unflatten(1, ()), (2, 3)),
    (lambda L, x: x.transpose(0, 2), (2, 3)),
    (lambda L, x: x.t(), (2, 3, 4)),
    (lambda L, x: x.permute(0, 0), (2, 3)),
    (lambda L, x: x.squeeze(2), (2, 3)),
    (lambda L, x: x.unsqueeze(3), (2, 3)),
    (lambda L, x: x.select(0, 2), (2, 3)),
    (lambda L, x: x.select(0, 0), ()),
    (lambda L, x: x.narrow(0, 1, 2), (2, 3)),
    (lambda L, x: x.narrow(0, 3, 0), (2, 3)),
    (lambda L, x: x.narrow(0, 0, -1), (2, 3)),
    (lambda L, x: x.diagonal(0, 1, 1), (2, 3)),
    (lambda L, x: x.unfold(0, 3, 1), (2, 3)),
    (lambda L, x: x.unfold(0, 1, 0), (2, 3)),
    (lambda L, x: x.split(-1), (2, 3)),
    (lambda L, x: x.split(0), (2, 3)),
    (lambda L, x: x.split([1, 2]), (2, 3)),
    (lambda L, x: x.split([3, -1]), (2, 3)),
    (lambda L, x: x.split([2**62, 2**62, 2]), (2, 3)),
    (lambda L, x: x.split(1), ()),
    (lambda L, x: x.split(1, 5), (2, 3)),
    (lambda L, x: x.chunk(0), (2, 3)),
    (lambda L, x: x.chunk(1), ()),
    (lambda L, x: x.unbind(), ()),
    (lambda L, x: x.unbind(2), (2, 3)),
    (lambda L, x: x.tensor_split(0), (2, 3)),
    (lambda L, x: x.tensor_split(2), ()),
    (lambda L, x: x.tensor_split(L.tensor([1.0])), (2, 3)),
    (lambda L, x: x.tensor_split(L.tensor([[1]])), (2, 3)),
    (lambda L, x: x.hsplit(2), ()),
    (lambda L, x: x.hsplit(2), (2, 3)),
    (lambda L, x: x.vsplit(2), (3,)),
    (lambda L, x: x.dsplit(2), (2, 3)),
    (lambda L, x: L.meshgrid(x, indexing="no"), (3,)),
    (lambda L, x: L.meshgrid(x, x.float(), indexing="ij"), (3,)),
    (lambda L, x: x.select_scatter(x, 0, 1), (2, 3)),
    (lambda L, x: x.slice_scatter(x, 0, 1), (2, 3)),
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda c: f"line_{c[0].__code__.co_firstlineno}")
def test_errors(case: tuple[Any, ...]) -> None:
    check_error(*case)


# --- geometry changed in place --------------------------------------------------------------------


def _of_copy(change: Any) -> Any:
    """A function that changes a copy of its input; the copy is used afterwards."""

    def run(L: Any, x: Any) -> Any:
        copy = x * 2
        assert change(copy) is copy
        return copy, copy * copy

    return run


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.transpose_(0, 2),
        lambda t: t.swapaxes_(0, 1),
        lambda t: t.swapdims_(-1, 0),
        lambda t: t.squeeze_(),
        lambda t: t.squeeze_(1),
        lambda t: t.squeeze_((0, 1)),
        lambda t: t.unsqueeze_(1),
        lambda t: t.unsqueeze_(-1),
        lambda t: t.squeeze_().t_(),
        lambda t: t.squeeze_().t_().mul_(3).unsqueeze_(0),
    ],
)
def test_geometry_in_place(change: Any) -> None:
    check(_of_copy(change), (2, 1, 3))


def test_geometry_of_a_view_in_place() -> None:
    def run(L: Any, x: Any) -> Any:
        base = x * 2
        row = base[1]
        row.unsqueeze_(1)
        row.mul_(3)
        return base, row

    check(run, (2, 3))

    def transposed(L: Any, x: Any) -> Any:
        base = x * 2
        part = base[:, 1:]
        part.t_()
        part.mul_(part.detach().clone())
        return base, part, base.sum()

    check(transposed, (3, 3), differences=False)  # what is detached changes, too


def test_geometry_in_place_errors() -> None:
    check_error(lambda L, x: x.requires_grad_().t_(), (2, 3))
    check_error(lambda L, x: x.t_(), (2, 3, 4))
    check_error(lambda L, x: x.transpose_(0, 2), (2, 3))
    check_error(lambda L, x: x.unsqueeze_(4), (2, 3))

    def saved(L: Any, x: Any) -> Any:
        y = x.requires_grad_() * 2
        z = (y * y).sum()
        y.t_()
        z.backward()

    check_error(saved, (2, 3), same_text=False)


# --- changes in place through views ---------------------------------------------------------------


def _write(view: Any, value: Any = 3) -> Any:
    """Multiply what ``view(copy)`` shows, then use both."""

    def run(L: Any, x: Any) -> Any:
        base = x * 2
        before = base[0]
        shown = view(base)
        shown.mul_(value)
        return base, shown, before, base * base

    return run


@pytest.mark.parametrize(
    "view",
    [
        lambda t: t.view(-1),
        lambda t: t.t(),
        lambda t: t[1],
        lambda t: t[:, ::2],
        lambda t: t.diagonal(),
        lambda t: t.narrow(1, 1, 2).t()[0],
        lambda t: t.unsqueeze(0).squeeze(),
        lambda t: t.unfold(1, 2, 2),
        lambda t: t.as_strided((2, 2), (4, 1), 1),
        lambda t: t.permute(1, 0).select(0, 2).unsqueeze(-1),
        lambda t: t.tensor_split(2)[1],
        lambda t: t.unflatten(1, (2, 2)).movedim(1, 0),
    ],
)
def test_writing_through_views(view: Any) -> None:
    check(_write(view), (3, 4))


def test_writing_values_with_gradients_through_views() -> None:
    def run(L: Any, x: Any, y: Any) -> Any:
        base = x * 2
        base[1] = y
        base.t()[0].add_(y[0] * base[2, 1].clone())
        base.view(-1)[3:7].mul_(y)
        return base, base.exp()

    check(run, (4, 4), (4,))


def test_several_views_of_one_call_are_not_written() -> None:
    for cut in (
        lambda t: t.split(1),
        lambda t: t.split([1, 1]),
        lambda t: t.chunk(2),
        lambda t: t.unbind(),
    ):
        check_error(lambda L, x, cut=cut: cut(x.requires_grad_() * 1)[0].add_(1), (2, 3))
        check_error(
            lambda L, x, cut=cut: cut(x.requires_grad_() * 1)[1].view(-1).add_(1),
            (2, 3),
            same_text=False,
        )
        with flambeau.no_grad():
            x = flambeau.zeros(2, 3)
            cut(x)[0].add_(1)
        assert x.sum() == 3


def test_views_of_leaves_are_not_written() -> None:
    check_error(lambda L, x: x.requires_grad_()[0].add_(1), (2, 3))
    check_error(lambda L, x: x.requires_grad_().view(-1).zero_(), (2, 3))


def test_views_share_memory_and_version() -> None:
    x = flambeau.zeros(2, 3)
    parts = x.split(1)
    parts[1].fill_(7)
    assert x.tolist() == [[0, 0, 0], [7, 7, 7]]
    assert parts[0]._version == x._version == 1
    assert all(p._base is x for p in parts)
    assert x.view(6)[2:].unsqueeze(0)._base is x


def test_shapes_without_data() -> None:
    x = flambeau.empty(4, 6, device="meta")
    assert [tuple(p.shape) for p in x.split(3, 1)] == [(4, 3), (4, 3)]
    assert x.unfold(1, 2, 2).shape == (4, 3, 2)
    assert x.unflatten(1, (2, -1)).stride() == (6, 3, 1)

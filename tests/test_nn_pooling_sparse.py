"""Pooling, rearranging, embeddings."""

import pytest
from nn_compare import Case, Side, compare, label

import flambeau

CASES: list[Case] = [
    lambda L: L.go(L.nn.MaxPool1d(2), L.x(2, 3, 8)),
    lambda L: L.go(L.nn.MaxPool2d((2, 3), 1, 1, ceil_mode=True), L.x(2, 3, 8, 7)),
    lambda L: L.go(L.nn.MaxPool2d(2, return_indices=True), L.x(2, 3, 8, 7)),
    lambda L: L.go(L.nn.MaxPool3d(2, dilation=2), L.x(2, 3, 8, 7, 6)),
    lambda L: L.go(L.nn.AvgPool1d(2, ceil_mode=True), L.x(2, 3, 7)),
    lambda L: L.go(L.nn.AvgPool2d(2, divisor_override=3, padding=1), L.x(2, 3, 7, 7)),
    lambda L: L.go(L.nn.AvgPool2d(2, count_include_pad=False, padding=1), L.x(2, 3, 7, 7)),
    lambda L: L.go(L.nn.AvgPool3d(2), L.x(2, 3, 7, 7, 5)),
    lambda L: L.go(L.nn.LPPool1d(2, 3), L.x(2, 3, 7)),
    lambda L: L.go(L.nn.LPPool2d(3, 2, 1, True), L.x(2, 3, 7, 6)),
    lambda L: L.go(L.nn.LPPool3d(1, 2), L.x(2, 3, 7, 6, 5)),
    lambda L: L.go(L.nn.AdaptiveAvgPool1d(3), L.x(2, 3, 7)),
    lambda L: L.go(L.nn.AdaptiveAvgPool2d((3, None)), L.x(2, 3, 7, 6)),
    lambda L: L.go(L.nn.AdaptiveAvgPool3d((3, None, 2)), L.x(2, 3, 7, 6, 5)),
    lambda L: L.go(L.nn.AdaptiveMaxPool1d(3), L.x(2, 3, 7)),
    lambda L: L.go(L.nn.AdaptiveMaxPool2d((3, None), True), L.x(2, 3, 7, 6)),
    lambda L: L.go(L.nn.AdaptiveMaxPool3d((3, None, 2)), L.x(2, 3, 7, 6, 5)),
    lambda L: L.go(L.nn.FractionalMaxPool2d(2, output_size=3), L.x(2, 3, 7, 6, dtype="float64")),
    lambda L: L.go(
        L.nn.FractionalMaxPool2d((2, 3), output_ratio=(0.5, 0.6), return_indices=True),
        L.x(2, 3, 7, 8, dtype="float64"),
    ),
    lambda L: L.go(L.nn.FractionalMaxPool2d(2, output_size=1), L.x(3, 7, 6)),
    lambda L: L.go(
        L.nn.FractionalMaxPool3d(2, output_size=3, return_indices=True),
        L.x(2, 3, 7, 6, 5, dtype="float64"),
    ),
    lambda L: L.go(L.nn.FractionalMaxPool3d(2, output_ratio=0.5), L.x(3, 7, 6, 5, dtype="float64")),
    lambda L: L.F.fractional_max_pool2d(L.x(2, 3, 7, 6), 2, 3, _random_samples=L.u(2, 3, 2)),
    lambda L: L.F.fractional_max_pool2d(L.x(3, 7, 6), 2, 3, _random_samples=L.u(2, 3, 2)),
    lambda L: L.nn.FractionalMaxPool2d(2),
    lambda L: L.nn.FractionalMaxPool3d(2),
    lambda L: L.nn.FractionalMaxPool2d(2, output_size=3, output_ratio=0.5),
    lambda L: L.nn.FractionalMaxPool2d(2, output_ratio=1.5),
    lambda L: L.nn.FractionalMaxPool3d(2, output_ratio=1.5),
    lambda L: L.F.fractional_max_pool2d(L.x(2, 3, 7, 6), 2, 7),
    lambda L: L.F.fractional_max_pool2d(L.x(2, 3, 7, 6), 2),
    lambda L: L.F.max_pool2d_with_indices(L.x(2, 3, 7, 6), 2),
    lambda L: L.F.adaptive_max_pool2d_with_indices(L.x(2, 3, 7, 6), 2),
    lambda L: L.go(L.nn.PixelShuffle(2), L.x(2, 8, 3, 2)),
    lambda L: L.go(L.nn.PixelUnshuffle(2), L.x(2, 8, 4, 2)),
    lambda L: L.go(L.nn.ChannelShuffle(2), L.x(2, 8, 4, 2)),
    lambda L: L.F.channel_shuffle(L.x(2, 3, 4), 2),
    lambda L: L.F.channel_shuffle(L.x(2, 3), 2),
    lambda L: L.F.channel_shuffle(L.x(2, 3, 4), 0),
    lambda L: L.go(L.nn.Unfold(2), L.x(2, 3, 4, 5)),
    lambda L: L.go(L.nn.Unfold((2, 3), 2, 1, (1, 2)), L.x(2, 3, 6, 7)),
    lambda L: L.go(L.nn.Unfold(2), L.x(3, 4, 5)),
    lambda L: L.go(L.nn.Fold((4, 5), 2), L.x(2, 8, 12)),
    lambda L: L.go(L.nn.Fold((6, 7), (2, 3), 2, 1, (1, 2)), L.x(2, 12, 18)),
    lambda L: L.go(L.nn.Fold((4, 5), 2), L.x(8, 12)),
    lambda L: L.F.unfold(L.x(2, 3, 4), 5),
    lambda L: L.F.fold(L.x(2, 3, 4), (4, 5), 2),
    lambda L: L.F.fold(L.x(2, 8, 4), (4, 5), 2),
    lambda L: L.go(L.nn.Flatten(), L.x(2, 3, 4, 5)),
    lambda L: L.go(L.nn.Flatten(0, 1), L.x(2, 3, 4, 5)),
    lambda L: L.go(L.nn.Unflatten(1, (2, -1)), L.x(2, 6, 4, 5)),
    lambda L: L.nn.Unflatten(1, 3),
    lambda L: L.nn.Unflatten(1, (2, "a")),
    lambda L: L.go(L.nn.Embedding(5, 3), L.t([[1, 2], [4, 1]])),
    lambda L: L.go(L.nn.Embedding(5, 3, padding_idx=-1), L.t([[1, 2], [4, 1]])),
    lambda L: L.go(
        L.nn.Embedding(5, 3, max_norm=0.5, norm_type=1.0, scale_grad_by_freq=True),
        L.t([[1, 2], [4, 1]]),
    ),
    lambda L: L.nn.Embedding(5, 3, padding_idx=5),
    lambda L: L.nn.Embedding(5, 3, _weight=L.root.ones(3, 3)),
    lambda L: L.nn.Embedding.from_pretrained(L.x(4)),
    lambda L: L.go(L.nn.EmbeddingBag(5, 3), L.t([[1, 2], [4, 1]])),
    lambda L: L.go(
        L.nn.EmbeddingBag(5, 3, mode="sum", padding_idx=1), L.t([1, 2, 4, 1]), L.t([0, 2])
    ),
    lambda L: L.go(
        L.nn.EmbeddingBag(5, 3, mode="max", include_last_offset=True),
        L.t([1, 2, 4, 1]),
        L.t([0, 2, 4]),
    ),
    lambda L: L.nn.EmbeddingBag(5, 3, padding_idx=7),
]


def case(function: Case) -> Case:
    """Add ``function`` to the cases."""
    CASES.append(function)
    return function


@case
def max_pool1d(L: Side) -> object:
    x, i = L.F.max_pool1d(L.x(2, 3, 8), 2, return_indices=True)
    return L.go(L.nn.MaxUnpool1d(2), x, i)


@case
def max_pool2d(L: Side) -> object:
    x, i = L.F.max_pool2d(L.x(2, 3, 8, 7), 2, return_indices=True)
    return L.go(L.nn.MaxUnpool2d(2), x, i, output_size=(8, 7))


@case
def max_pool3d(L: Side) -> object:
    x, i = L.F.max_pool3d(L.x(3, 8, 7, 6), 2, return_indices=True)
    return L.go(L.nn.MaxUnpool3d(2), x, i, (1, 3, 8, 7, 6))


@case
def max_pool2d_4(L: Side) -> object:
    x, i = L.F.max_pool2d(L.x(2, 3, 8, 7), 2, return_indices=True)
    return L.nn.MaxUnpool2d(2)(x, i.int())


@case
def max_pool2d_5(L: Side) -> object:
    x, i = L.F.max_pool2d(L.x(2, 3, 8, 7), 2, return_indices=True)
    return L.nn.MaxUnpool2d(2)(x, i[:1])


@case
def max_pool2d_6(L: Side) -> object:
    x, i = L.F.max_pool2d(L.x(2, 3, 8, 7), 2, return_indices=True)
    return L.nn.MaxUnpool2d(2)(x, i, (9, 10))


@case
def max_pool2d_7(L: Side) -> object:
    x, i = L.F.max_pool2d(L.x(2, 3, 8, 7), 2, return_indices=True)
    return L.nn.MaxUnpool2d(2)(x, i, (9,))


@case
def layer(L: Side) -> object:
    m = L.nn.Embedding.from_pretrained(L.x(4, 3))
    return [repr(m), m.weight.requires_grad]


@case
def layer_2(L: Side) -> object:
    m = L.nn.EmbeddingBag.from_pretrained(L.x(4, 3), mode="sum")
    return [repr(m), m.weight.requires_grad]


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)


@pytest.mark.parametrize("shift", [0, 100])
def test_unpooling_checks_indices(shift: int) -> None:
    """Pooling an odd width leaves indices that do not fit the smallest size before pooling."""
    nn = flambeau.nn
    x, indices = nn.functional.max_pool2d(flambeau.randn(2, 3, 8, 7), 2, return_indices=True)
    with pytest.raises(RuntimeError, match="Found an invalid max index: "):
        nn.MaxUnpool2d(2)(x, indices + 48 + shift)


def test_clear_errors() -> None:
    nn = flambeau.nn
    with pytest.raises(ValueError, match="kernel_size must greater than zero"):
        nn.FractionalMaxPool2d(0, output_ratio=0.5)
    with pytest.raises(RuntimeError, match="Expected 3D or 4D"):
        nn.functional.unfold(flambeau.randn(2, 3), 2)
    with pytest.raises(TypeError, match="invalid argument type for dim: str"):
        nn.Unflatten("a", (2, 3))

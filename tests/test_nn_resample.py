"""Resizing and sampling."""

import math

import numpy as np
import pytest
import recorded
from nn_compare import Case, Side, compare, label
from oracles import torch

import flambeau

CASES: list[Case] = [
    lambda L: L.go(L.nn.Upsample(size=7), L.x(2, 3, 5)),
    lambda L: L.go(L.nn.Upsample(scale_factor=2.5), L.x(2, 3, 5, 4)),
    lambda L: L.go(L.nn.Upsample(scale_factor=(2.5, 0.6), mode="bilinear"), L.x(2, 3, 5, 4)),
    lambda L: L.go(
        L.nn.Upsample(scale_factor=(2.5, 0.6), mode="bilinear", recompute_scale_factor=True),
        L.x(2, 3, 5, 4),
    ),
    lambda L: L.go(
        L.nn.Upsample(size=(7, 3), mode="bilinear", align_corners=True), L.x(2, 3, 5, 4)
    ),
    lambda L: L.go(L.nn.Upsample(scale_factor=1.7, mode="linear"), L.x(2, 3, 5)),
    lambda L: L.go(L.nn.Upsample(scale_factor=1.7, mode="trilinear"), L.x(2, 3, 5, 3, 4)),
    lambda L: L.go(
        L.nn.Upsample(size=(7, 1, 8), mode="trilinear", align_corners=True), L.x(2, 3, 5, 3, 4)
    ),
    lambda L: L.go(L.nn.Upsample(scale_factor=1.7, mode="bicubic"), L.x(2, 3, 5, 4)),
    lambda L: L.go(L.nn.Upsample(size=(3, 8), mode="bicubic", align_corners=True), L.x(2, 3, 5, 4)),
    lambda L: L.go(L.nn.UpsamplingNearest2d(scale_factor=2), L.x(2, 3, 5, 4)),
    lambda L: L.go(L.nn.UpsamplingBilinear2d(size=7), L.x(2, 3, 5, 4)),
    lambda L: L.F.interpolate(L.x(2, 3, 5, 4), size=(3, 7), mode="area"),
    lambda L: L.F.interpolate(L.x(2, 3, 5, 4), scale_factor=1.3, mode="area"),
    lambda L: L.F.interpolate(L.x(2, 3, 5, 4), size=(3, 7), mode="nearest-exact"),
    lambda L: L.F.interpolate(L.x(2, 3, 5, 4, 3), scale_factor=0.7, mode="nearest-exact"),
    lambda L: L.F.interpolate(L.x(2, 3, 9, 8), size=(3, 4), mode="bilinear", antialias=True),
    lambda L: L.F.interpolate(L.x(2, 3, 9, 8), size=(12, 4), mode="bicubic", antialias=True),
    lambda L: L.F.interpolate(L.x(2, 3, 9, 8), scale_factor=0.4, mode="bicubic", antialias=True),
    lambda L: L.F.interpolate(
        L.x(2, 3, 9, 8), size=(5, 11), mode="bicubic", antialias=True, align_corners=True
    ),
    lambda L: L.F.interpolate(L.x(2, 3, 9, 8), size=(5, 11), mode="lanczos", antialias=True),
    lambda L: L.F.interpolate(L.x(2, 3, 9, 8), size=(5, 11), mode="lanczos"),
    lambda L: L.F.interpolate((L.u(1, 1, 4, 4) * 255).byte(), size=7),
    lambda L: [
        L.F.interpolate(L.root.arange(float(n)).view(1, 1, n), size=k)
        for n in (3, 7, 10, 13)
        for k in range(1, 30)
    ],
    lambda L: [
        L.F.interpolate(L.root.arange(float(n)).view(1, 1, n), size=k, mode="nearest-exact")
        for n in (3, 7, 10, 13)
        for k in range(1, 30)
    ],
    lambda L: L.F.interpolate(L.x(0, 1, 4, 4), size=3, mode="bilinear"),
    lambda L: L.F.interpolate(L.x(1, 2, 4, 4)),
    lambda L: L.F.interpolate(L.x(1, 2, 4, 4), size=3, scale_factor=2),
    lambda L: L.F.interpolate(L.x(1, 2, 4, 4), size=(3,)),
    lambda L: L.F.interpolate(L.x(1, 2, 4, 4), scale_factor=(3,)),
    lambda L: L.F.interpolate(L.x(1, 2, 4, 4), size=3, recompute_scale_factor=True),
    lambda L: L.F.interpolate(L.x(1, 2, 4, 4), size=3, align_corners=True),
    lambda L: L.F.interpolate(L.x(1, 2, 4, 4), size=3, mode="linear"),
    lambda L: L.F.interpolate(L.x(1, 2, 4, 4), size=3, mode="foo"),
    lambda L: L.F.interpolate(L.x(1, 2, 4, 4), size=3, mode="nearest", antialias=True),
    lambda L: L.F.interpolate(L.x(1, 2, 4, 4), size=0),
    lambda L: L.F.interpolate(L.x(1, 0, 4, 4), size=3, mode="bilinear"),
    lambda L: L.F.interpolate(L.x(4, 4), size=3),
    lambda L: L.F.interpolate(L.x(4, 4, 4, 4, 4), size=3, mode="bicubic"),
    lambda L: L.F.upsample(L.x(1, 2, 4, 4), size=3),
    lambda L: L.F.upsample_nearest(L.x(1, 2, 4, 4), size=3),
    lambda L: L.F.upsample_bilinear(L.x(1, 2, 4, 4), size=3),
    lambda L: L.F.affine_grid(L.x(2, 2, 3), (2, 3, 4, 5)),
    lambda L: L.F.affine_grid(L.x(2, 2, 3), (2, 3, 4, 5), align_corners=True),
    lambda L: L.F.affine_grid(L.x(2, 3, 4), (2, 3, 4, 5, 1), align_corners=False),
    lambda L: L.F.affine_grid(L.x(2, 3), (1, 2, 3, 3), False),
    lambda L: L.F.affine_grid(L.x(2, 2, 3).long(), (1, 2, 3, 3), False),
    lambda L: L.F.affine_grid(L.x(2, 2, 3), (1, 2, 3), False),
    lambda L: L.F.affine_grid(L.x(2, 2, 3), (1, 2, 3, 0), False),
    lambda L: [
        L.F.grid_sample(
            L.x(2, 3, 5, 4), L.x(2, 6, 7, 2) * 1.5, mode=m, padding_mode=p, align_corners=a
        )
        for m in ("bilinear", "nearest", "bicubic")
        for p in ("zeros", "border", "reflection")
        for a in (True, False)
    ],
    lambda L: [
        L.F.grid_sample(
            L.x(2, 3, 5, 4, 3), L.x(2, 6, 7, 2, 3) * 1.5, mode=m, padding_mode=p, align_corners=a
        )
        for m in ("bilinear", "nearest")
        for p in ("zeros", "border", "reflection")
        for a in (True, False)
    ],
    lambda L: L.F.grid_sample(
        L.x(1, 1, 3, 3),
        L.t([math.nan, 0.0, math.inf, 0.0, 0.0, -math.inf, 0.5, 0.5]).view(1, 2, 2, 2),
        align_corners=True,
    ),
    lambda L: L.F.grid_sample(L.x(1, 1, 3, 3), L.x(1, 1, 1, 2)),
    lambda L: L.F.grid_sample(L.x(1, 1, 3, 3), L.x(1, 1, 1, 2), mode="foo"),
    lambda L: L.F.grid_sample(L.x(1, 1, 3, 3), L.x(1, 1, 1, 2), padding_mode="foo"),
    lambda L: L.F.grid_sample(L.x(1, 1, 3, 3), L.x(1, 1, 1, 3), align_corners=True),
    lambda L: L.F.grid_sample(L.x(1, 1, 3, 3), L.x(2, 1, 1, 2), align_corners=True),
    lambda L: L.F.grid_sample(L.x(1, 1, 3, 0), L.x(1, 1, 1, 2), align_corners=True),
    lambda L: L.F.grid_sample(
        L.x(1, 1, 3, 3), L.x(1, 1, 1, 2, dtype="float64"), align_corners=True
    ),
    lambda L: L.F.grid_sample(
        L.x(1, 1, 3, 3, 3), L.x(1, 1, 1, 1, 3), "bicubic", align_corners=True
    ),
]


def case(function: Case) -> Case:
    """Add ``function`` to the cases."""
    CASES.append(function)
    return function


@case
def grid_sample(L: Side) -> object:
    x = L.x(2, 3, 5, 4, dtype="float64").requires_grad_()
    g = (L.x(2, 6, 7, 2, dtype="float64") * 1.5).requires_grad_()
    [
        (L.F.grid_sample(x, g, mode=m, padding_mode=p, align_corners=a) ** 2).sum().backward()
        for m in ("bilinear", "nearest", "bicubic")
        for p in ("zeros", "border", "reflection")
        for a in (True, False)
    ]
    return [x.grad, g.grad]


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)


def test_bytes_are_rounded_once() -> None:
    image = np.random.default_rng(3).integers(0, 256, (1, 2, 9, 7), dtype=np.uint8)
    options = {"size": (5, 11), "mode": "bilinear"}
    ours = flambeau.nn.functional.interpolate(flambeau.tensor(image), **options)
    theirs = recorded.kept("bytes")
    if torch:
        theirs = torch.nn.functional.interpolate(torch.tensor(image), **options).tolist()
    recorded.keep("bytes", theirs)
    assert ours.dtype == flambeau.uint8
    assert np.abs(np.asarray(ours.tolist()) - np.asarray(theirs)).max() <= 1

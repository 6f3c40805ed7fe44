"""Convolutions, normalization, dropout."""

import pytest
from nn_compare import Case, Side, compare, label

CASES: list[Case] = [
    lambda L: L.go(L.nn.Conv1d(4, 6, 3, padding=1), L.x(2, 4, 7)),
    lambda L: L.go(
        L.nn.Conv2d(4, 6, (3, 2), 2, padding="valid", dilation=2, groups=2, bias=False),
        L.x(2, 4, 7, 8),
    ),
    lambda L: L.go(
        L.nn.Conv2d(4, 6, (3, 2), padding="same", dilation=2, padding_mode="reflect"),
        L.x(2, 4, 7, 8),
    ),
    lambda L: L.go(L.nn.Conv2d(4, 6, 3, padding=(2, 1), padding_mode="circular"), L.x(4, 7, 8)),
    lambda L: L.go(L.nn.Conv3d(2, 3, 3, padding=1, padding_mode="replicate"), L.x(1, 2, 4, 5, 6)),
    lambda L: L.go(L.nn.Conv1d(4, 6, 4, padding="same"), L.x(2, 4, 7)),
    lambda L: L.go(L.nn.ConvTranspose1d(4, 6, 3, 2), L.x(2, 4, 7)),
    lambda L: L.go(L.nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, False, 2), L.x(2, 4, 5, 6)),
    lambda L: L.go(L.nn.ConvTranspose2d(4, 6, 3, 2, 1), L.x(2, 4, 5, 6), output_size=[10, 11]),
    lambda L: L.go(L.nn.ConvTranspose3d(2, 3, 2), L.x(2, 3, 3, 3)),
    lambda L: L.nn.ConvTranspose2d(4, 6, 3, 2, 1)(L.x(2, 4, 5, 6), output_size=[12, 11]),
    lambda L: L.nn.ConvTranspose2d(4, 6, 3, 2, 1)(L.x(2, 4, 5, 6), output_size=[12]),
    lambda L: L.nn.Conv1d(4, 6, 3, groups=0),
    lambda L: L.nn.Conv1d(4, 6, 3, groups=3),
    lambda L: L.nn.Conv1d(4, 6, 3, groups=4),
    lambda L: L.nn.Conv1d(4, 6, 3, 2, padding="same"),
    lambda L: L.nn.ConvTranspose1d(4, 6, 3, padding_mode="reflect"),
    lambda L: [
        repr(L.nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, dilation=2)),
        repr(
            L.nn.Conv2d(
                2,
                4,
                3,
                2,
                padding="valid",
                dilation=2,
                groups=2,
                bias=False,
                padding_mode="reflect",
            )
        ),
    ],
    lambda L: L.go(L.nn.LazyConv2d(3, 2), L.x(2, 4, 5, 6)),
    lambda L: L.go(L.nn.LazyConv1d(4, 2, groups=2, bias=False), L.x(4, 6)),
    lambda L: L.go(L.nn.LazyConvTranspose1d(3, 2), L.x(2, 4, 6)),
    lambda L: L.go(L.nn.LazyConv3d(3, 2), L.x(2, 4, 5, 6, 3)),
    lambda L: [
        repr(L.nn.LazyConv2d(3, 2)),
        repr(L.nn.LazyConvTranspose3d(3, 2)),
        list(L.nn.LazyConv2d(3, 2).state_dict()),
    ],
    lambda L: L.nn.LazyConv2d(3, 2)(L.x(4)),
    lambda L: L.nn.LazyConv2d(3, 2, groups=3)(L.x(4, 3, 3)),
    lambda L: L.go(L.nn.BatchNorm1d(3), L.x(4, 3)),
    lambda L: L.go(L.nn.BatchNorm1d(3).eval(), L.x(4, 3, 2)),
    lambda L: L.go(L.nn.BatchNorm2d(3, affine=False, momentum=None), L.x(4, 3, 2, 2)),
    lambda L: L.go(L.nn.BatchNorm2d(3, bias=False), L.x(4, 3, 2, 2)),
    lambda L: L.go(L.nn.BatchNorm3d(3, track_running_stats=False), L.x(4, 3, 2, 2, 2)),
    lambda L: L.go(L.nn.BatchNorm3d(3, track_running_stats=False).eval(), L.x(4, 3, 2, 2, 2)),
    lambda L: L.nn.BatchNorm1d(3)(L.x(3)),
    lambda L: L.nn.BatchNorm2d(3)(L.x(3)),
    lambda L: L.nn.BatchNorm3d(3)(L.x(3)),
    lambda L: L.go(L.nn.LazyBatchNorm1d(), L.x(4, 3)),
    lambda L: L.go(L.nn.LazyBatchNorm2d(affine=False), L.x(4, 3, 2, 2)),
    lambda L: L.go(L.nn.LazyBatchNorm3d(bias=False), L.x(4, 3, 2, 2, 2)),
    lambda L: [repr(L.nn.LazyBatchNorm1d()), list(L.nn.LazyBatchNorm1d().state_dict())],
    lambda L: L.go(L.nn.InstanceNorm1d(3), L.x(4, 3, 5)),
    lambda L: L.go(L.nn.InstanceNorm2d(3, affine=True, track_running_stats=True), L.x(4, 3, 5, 2)),
    lambda L: L.go(
        L.nn.InstanceNorm2d(3, affine=True, track_running_stats=True, bias=False).eval(),
        L.x(3, 5, 2),
    ),
    lambda L: L.go(L.nn.InstanceNorm3d(4), L.x(4, 3, 5, 2, 2)),
    lambda L: L.nn.InstanceNorm3d(4, affine=True)(L.x(4, 3, 5, 2, 2)),
    lambda L: L.nn.InstanceNorm1d(4)(L.x(4)),
    lambda L: L.go(L.nn.LazyInstanceNorm2d(), L.x(4, 3, 2, 2)),
    lambda L: L.go(L.nn.LayerNorm(3), L.x(4, 3)),
    lambda L: L.go(L.nn.LayerNorm((4, 3), bias=False), L.x(2, 4, 3)),
    lambda L: L.go(L.nn.LayerNorm([4, 3], elementwise_affine=False), L.x(2, 4, 3)),
    lambda L: L.go(L.nn.GroupNorm(2, 4), L.x(2, 4, 3)),
    lambda L: L.go(L.nn.GroupNorm(2, 4, bias=False), L.x(2, 4, 3)),
    lambda L: L.go(L.nn.GroupNorm(2, 4, affine=False), L.x(2, 4, 3)),
    lambda L: L.nn.GroupNorm(3, 4),
    lambda L: L.go(L.nn.RMSNorm(3), L.x(2, 4, 3)),
    lambda L: L.go(L.nn.RMSNorm((4, 3), 1e-2, False), L.x(2, 4, 3)),
    lambda L: L.go(L.nn.LocalResponseNorm(2), L.x(2, 4, 3)),
    lambda L: L.go(L.nn.LocalResponseNorm(3, 0.1, 0.5, 2.0), L.x(2, 4, 3, 2)),
    lambda L: L.go(L.nn.LocalResponseNorm(5), L.x(2, 4, 3, 2, 2)),
    lambda L: L.nn.LocalResponseNorm(5)(L.x(2, 4)),
    lambda L: L.go(L.nn.Dropout(), L.x(2, 4, 3)),
    lambda L: L.go(L.nn.Dropout(0.2).eval(), L.x(2, 4, 3)),
    lambda L: L.go(L.nn.Dropout1d(), L.x(2, 4, 3)),
    lambda L: L.go(L.nn.Dropout2d(), L.x(2, 4, 3, 2)),
    lambda L: L.go(L.nn.Dropout3d(), L.x(2, 4, 3, 2, 2)),
    lambda L: L.go(L.nn.AlphaDropout(), L.x(2, 4, 3, 2, 2)),
    lambda L: L.go(L.nn.FeatureAlphaDropout(), L.x(2, 4, 3, 2, 2)),
    lambda L: L.nn.Dropout(2),
]


def case(function: Case) -> Case:
    """Add ``function`` to the cases."""
    CASES.append(function)
    return function


@case
def batch_norm1d(L: Side) -> object:
    m = L.nn.BatchNorm1d(3)
    return m.load_state_dict({k: v for k, v in m.state_dict().items() if "num" not in k})


@case
def batch_norm1d_2(L: Side) -> object:
    m = L.nn.BatchNorm1d(3)
    m.reset_parameters()
    m.reset_running_stats()
    return [repr(m), m.state_dict()._metadata]


@case
def instance_norm1d(L: Side) -> object:
    m = L.nn.InstanceNorm1d(3, track_running_stats=True)
    return L.nn.InstanceNorm1d(3).load_state_dict(dict(m.state_dict()))


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)

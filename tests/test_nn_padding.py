"""Padding: modes, cropping, errors."""

import pytest
from nn_compare import Case, compare, label

CASES: list[Case] = [
    lambda L: L.F.pad(L.x(2, 3), (1, 2)),
    lambda L: L.F.pad(L.x(2, 3), (1, 2, -1, 3), value=2),
    lambda L: L.F.pad(L.x(2, 3), (1, 2), mode="constant", value=None),
    lambda L: L.F.pad(L.x(2, 3), (1, 2, 3)),
    lambda L: L.F.pad(L.x(2, 3), (1, 2, 3, 4, 5, 6)),
    lambda L: L.F.pad(L.x(2, 3), (1, 2), mode="reflect"),
    lambda L: L.F.pad(L.x(2, 3, 4), (1, 2), mode="reflect"),
    lambda L: L.F.pad(L.x(2, 3, 4), (1, 2, 2, 0), mode="reflect"),
    lambda L: L.F.pad(L.x(2, 3, 4, 5), (1, 2, 2, 0, 1, 1), mode="reflect"),
    lambda L: L.F.pad(L.x(1, 2, 3, 4, 5), (1, 2, 2, 0, 1, 1), mode="reflect"),
    lambda L: L.F.pad(L.x(1, 2, 3, 4, 5), (1, 2, 2, 0, 1, 7), mode="replicate"),
    lambda L: L.F.pad(L.x(2, 3, 4), (1, 2, 2, 0), mode="replicate"),
    lambda L: L.F.pad(L.x(2, 3, 4), (4, 2), mode="replicate"),
    lambda L: L.F.pad(L.x(2, 3, 4), (4, 2), mode="circular"),
    lambda L: L.F.pad(L.x(2, 3, 4), (4, 2, 3, 1), mode="circular"),
    lambda L: L.F.pad(L.x(2, 3, 4, 5), (4, 2, 3, 1, 2, 2), mode="circular"),
    lambda L: L.F.pad(L.x(2, 3, 4), (-1, 2), mode="circular"),
    lambda L: L.F.pad(L.x(2, 3, 4), (-1, 2), mode="reflect"),
    lambda L: L.F.pad(L.x(2, 3, 4), (-1, -1), mode="replicate"),
    lambda L: L.F.pad(L.x(2, 3, 4), (-1, 2), mode="replicate"),
    lambda L: L.F.pad(L.x(2, 3, 4), (5, 2), mode="circular"),
    lambda L: L.F.pad(L.x(2, 3, 4), (4, 2), mode="reflect"),
    lambda L: L.F.pad(L.x(2, 3, 4), (1, 2), mode="foo"),
    lambda L: L.F.pad(L.x(2, 3, 4), (1, 2), mode="reflect", value=3),
    lambda L: L.F.pad(L.x(2), (1, 2), mode="reflect"),
    lambda L: L.F.pad(L.x(2, 3, 4, 5), (1, 2), mode="reflect"),
    lambda L: L.F.pad(L.x(2, 3, 4, 5, 6), (1, 2, 3, 4), mode="replicate"),
    lambda L: L.F.pad(L.x(2, 0, 4), (1, 2), mode="replicate"),
    lambda L: L.F.pad(L.x(2, 3, 4), (-3, -3), mode="replicate"),
    lambda L: L.F.pad(L.x(2, 3, 4), (-3, -1), mode="reflect"),
    lambda L: L.F.pad(L.x(2, 3, 4), (-3, -3), mode="circular"),
    lambda L: L.F.pad(L.x(0, 3, 4), (1, 2), mode="reflect"),
    lambda L: L.F.pad(L.x(0, 3, 4), (1, 2), mode="circular"),
    lambda L: L.go(L.nn.CircularPad1d((1, 2)), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.CircularPad2d(1), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.CircularPad3d(1), L.x(2, 3, 4, 2, 2)),
    lambda L: L.nn.CircularPad1d(1)(L.x(3)),
    lambda L: L.nn.CircularPad2d(1)(L.x(3)),
    lambda L: L.nn.CircularPad3d(1)(L.x(3)),
    lambda L: L.go(L.nn.ConstantPad1d((1, 2), 3), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.ConstantPad2d(1, 3.0), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.ConstantPad3d(1, 3.0), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.ZeroPad1d(1), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.ZeroPad2d((1, 2, 3, 4)), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.ZeroPad3d(1), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.ReflectionPad1d(1), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.ReflectionPad2d(1), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.ReflectionPad3d(1), L.x(2, 3, 4, 3)),
    lambda L: L.go(L.nn.ReplicationPad1d(1), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.ReplicationPad2d(1), L.x(2, 3, 4)),
    lambda L: L.go(L.nn.ReplicationPad3d(1), L.x(2, 3, 4, 3)),
]


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)

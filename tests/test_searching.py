"""searchsorted and bucketize against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from op_compare import check

import flambeau as fl


def test_searching() -> None:
    edges = np.sort(np.random.randn(9))
    tables = np.sort(np.random.randn(3, 9), axis=-1)
    for right in (False, True):
        check(
            lambda root, x, e, r=right: root.bucketize(x, e, right=r),
            (4, 5), edges, gradients=False,
        )  # fmt: skip
        check(
            lambda root, x, e, r=right: root.searchsorted(e, x, right=r),
            (3, 5), tables, gradients=False,
        )  # fmt: skip
    check(lambda root, e: root.searchsorted(e, 0.1, out_int32=True), edges, gradients=False)
    check(lambda root, e: root.bucketize(e[4], e, right=True), edges, gradients=False)
    order = np.random.permutation(9)
    check(
        lambda root, x, e, s: root.searchsorted(e, x, side="right", sorter=s),
        (4,), np.sort(edges)[np.argsort(order)], order.copy(), gradients=False,
    )  # fmt: skip
    check(
        lambda root, x, e: root.searchsorted(e, x),
        ((7,), "int64"), np.array([-3, 0, 2, 2, 5]), gradients=False,
    )  # fmt: skip
    with pytest.raises(RuntimeError, match="side and right can't be set to opposites"):
        fl.searchsorted(fl.tensor(edges), fl.tensor([0.5]), right=True, side="left")

"""einsum: every form of the equation against PyTorch, with first and second derivatives."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from op_compare import check, check_error

import flambeau

EQUATIONS: list[tuple[str, list[tuple[int, ...]]]] = [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ij,kj->ki", [(2, 3), (4, 3)]),
    ("bij,bjk->bik", [(5, 2, 3), (5, 3, 4)]),
    ("bqhd,bkhd->bhqk", [(2, 3, 4, 5), (2, 6, 4, 5)]),
    ("bhqk,bkhd->bqhd", [(2, 4, 3, 6), (2, 6, 4, 5)]),
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("iij->ji", [(3, 3, 2)]),
    ("ijij->", [(2, 3, 2, 3)]),
    ("iii->i", [(3, 3, 3)]),
    ("ij->ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->j", [(2, 3)]),
    ("ij->ij", [(2, 3)]),
    ("ba", [(2, 3)]),
    ("bA,Ac", [(2, 3), (3, 4)]),
    ("i,i", [(3,), (3,)]),
    ("i,j", [(3,), (4,)]),
    ("i,i->i", [(3,), (3,)]),
    ("ij,ij->ij", [(2, 3), (2, 3)]),
    ("ij,j", [(2, 3), (3,)]),
    (",ij", [(), (2, 3)]),
    (",", [(), ()]),
    ("", [()]),
    ("->", [()]),
    ("...", [(2, 3)]),
    ("...->", [(2, 3)]),
    ("i...->i", [(2, 3)]),
    ("...i->i...", [(2, 3, 4)]),
    ("...ij,...jk->...ik", [(5, 1, 2, 3), (4, 3, 2)]),
    ("...ij,...->ij", [(5, 2, 3), (5,)]),
    ("...ij,jk", [(5, 2, 3), (3, 4)]),
    ("i...j,j...->...i", [(2, 5, 3), (3, 5)]),
    ("...,...", [(3, 1), (2,)]),
    ("ij,jk->...ik", [(2, 3), (3, 4)]),
    ("ij,jk->ik...", [(2, 3), (3, 4)]),
    ("ij,jk->i", [(2, 3), (3, 4)]),
    ("ij,kl->", [(2, 3), (4, 2)]),
    ("ij,jk->ik", [(2, 1), (3, 4)]),
    ("ij,jk->ik", [(2, 3), (1, 4)]),
    ("ij,ij->j", [(1, 3), (4, 3)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
    ("ij,jk,kl,lm", [(2, 3), (3, 4), (4, 5), (5, 2)]),
    ("a,ab,abc->abc", [(2,), (2, 3), (2, 3, 4)]),
    ("bi,ijk,bk->bj", [(5, 2), (2, 3, 4), (5, 4)]),
    ("i,i,i->", [(4,), (4,), (4,)]),
    ("ij,jk->ik", [(0, 3), (3, 2)]),
    ("ij,jk->ik", [(2, 0), (0, 3)]),
    (" i j , j k -> i k ", [(2, 3), (3, 4)]),
]


@pytest.mark.parametrize(("equation", "shapes"), EQUATIONS, ids=[e for e, _ in EQUATIONS])
def test_equations(equation: str, shapes: list[tuple[int, ...]]) -> None:
    check(lambda L, *x: L.einsum(equation, *x), *shapes)


@pytest.mark.parametrize("dtype", ["float32", "int64", "complex128"])
def test_dtypes(dtype: str) -> None:
    check(
        lambda L, x, y: L.einsum("ij,kj->ik", x, y),
        ((2, 3), dtype),
        ((4, 3), dtype),
        gradients=False,
    )


CALLS: list[tuple[Any, ...]] = [
    (lambda L, x, y: L.einsum("ij,jk", [x, y]), (2, 3), (3, 4)),
    (lambda L, x, y: L.einsum(x, [0, 1], y, [1, 2], [0, 2]), (2, 3), (3, 4)),
    (lambda L, x, y: L.einsum(x, [0, 30], y, [30, 2]), (2, 3), (3, 4)),
    (lambda L, x: L.einsum(x, [..., 1], [1, ...]), (2, 3)),
    (lambda L, x: L.einsum(x, [0, 0]), (3, 3)),
    (lambda L, x, y: L.einsum("ij,jk", x.t(), y.expand(3, 4)), (3, 2), (4,)),
]


@pytest.mark.parametrize("case", CALLS, ids=lambda c: f"line_{c[0].__code__.co_firstlineno}")
def test_ways_to_call(case: tuple[Any, ...]) -> None:
    check(*case)


WRONG: list[tuple[Any, ...]] = [
    (lambda L: L.einsum("ij,jk"),),
    (lambda L: L.einsum(),),
    (lambda L, x: L.einsum(x), (2, 3)),
    (lambda L, x: L.einsum(x, [0, 52]), (2, 3)),
    (lambda L, x: L.einsum("ij,jk", x), (2, 3)),
    (lambda L, x: L.einsum("ij", x, x), (2, 3)),
    (lambda L, x: L.einsum("i1", x), (2, 3)),
    (lambda L, x: L.einsum("ij->i-j", x), (2, 3)),
    (lambda L, x: L.einsum("ij-i", x), (2, 3)),
    (lambda L, x: L.einsum("ij->i.j", x), (2, 3)),
    (lambda L, x: L.einsum("i.j", x), (2, 3)),
    (lambda L, x: L.einsum("..j->j", x), (2, 3)),
    (lambda L, x: L.einsum("i...j...", x), (2, 3)),
    (lambda L, x: L.einsum("i...->...i...", x), (2, 3)),
    (lambda L, x: L.einsum("ijk", x), (2, 3)),
    (lambda L, x: L.einsum("i", x), (2, 3)),
    (lambda L, x: L.einsum("", x), (2, 3)),
    (lambda L, x: L.einsum("ijk...", x), (2, 3)),
    (lambda L, x: L.einsum("ij,ik", x, x.t()), (2, 3)),
    (lambda L, x: L.einsum("ii", x), (2, 3)),
    (lambda L, x: L.einsum("ij->ii", x), (2, 3)),
    (lambda L, x: L.einsum("ij->iz", x), (2, 3)),
    (lambda L, x: L.einsum("ij->ij->", x), (2, 3)),
    (lambda L, x: L.einsum("ij->ij,", x), (2, 3)),
]


@pytest.mark.parametrize("case", WRONG, ids=lambda c: f"line_{c[0].__code__.co_firstlineno}")
def test_errors(case: tuple[Any, ...]) -> None:
    check_error(*case)


def test_ellipsis_that_does_not_broadcast() -> None:
    with pytest.raises(
        RuntimeError, match="covered by ellipsis in operand 1 has size 4 which does not"
    ):
        flambeau.einsum("...,...", flambeau.ones(3, 2), flambeau.ones(4, 2))


def test_random_equations_against_numpy() -> None:
    """NumPy knows the convention too; sizes are distinct, so that a mix-up shows."""
    rng = np.random.default_rng()
    for _ in range(60):
        letters = random.sample("abcdeXYZ", 5)
        sizes = dict(zip(letters, rng.permutation([2, 3, 4, 5, 6]).tolist(), strict=True))
        operands = [
            "".join(random.sample(letters, random.randint(0, 3)))
            for _ in range(random.randint(1, 4))
        ]
        used = sorted(set("".join(operands)))
        output = "".join(random.sample(used, random.randint(0, len(used))))
        equation = ",".join(operands) + "->" + output
        data = [rng.standard_normal([sizes[c] for c in o]) for o in operands]
        expected = np.einsum(equation, *data)
        ours = flambeau.einsum(equation, *[flambeau.tensor(d) for d in data])
        assert tuple(ours.shape) == expected.shape, equation
        np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-9, atol=1e-9, err_msg=equation)

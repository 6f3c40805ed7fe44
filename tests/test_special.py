"""Special functions against PyTorch, in their common and their extreme arguments."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import recorded
from oracles import needs_torch, torch

import flambeau


def points() -> Any:
    u = np.random.uniform
    return np.concatenate(
        [u(-30, 30, 50), u(-1, 1, 20), [0.0, 1e-8, -1e-8, 24.9, 25.1, 60.0, 300.0]]
    )


def positive() -> Any:
    edges = [0.0, 1e-6, 24.9, 25.1, 100.0, 600.0]
    return np.concatenate([np.random.uniform(0, 30, 50), edges])


def same(ours: Any, theirs: Any, rtol: float = 1e-10, atol: float = 1e-13) -> None:
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    assert a.shape == b.shape and a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def as_pytorch(
    make: Callable[..., list[Any]],
    call: Callable[..., Any],
    rtol: float = 1e-10,
    atol: float = 1e-13,
) -> None:
    """``call(library, *make())`` is PyTorch's: for fresh numbers now, for others as recorded."""
    if torch:
        fresh = make()
        for ours, theirs in zip(call(flambeau, *fresh), call(torch, *fresh), strict=True):
            same(ours, theirs, rtol, atol)
    np.random.seed(0)
    fixed, key = make(), recorded.key_of_test(call)
    if torch:
        recorded.keep(key, [t.tolist() for t in call(torch, *fixed)])
        return
    kept = recorded.kept(key)
    if kept is None:
        pytest.skip("PyTorch is the oracle, and its answer is not recorded")
    for mine, wanted in zip(call(flambeau, *fixed), kept, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), wanted, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", ["i0", "i0e", "i1", "i1e", "erfcx", "log_ndtr", "ndtr"])
def test_values_and_derivatives(name: str) -> None:
    def numbers() -> list[Any]:
        return [np.clip(points(), -20, None) if name == "erfcx" else points()]

    def slopes(lib: Any, at: Any) -> list[Any]:
        x = lib.tensor(at, requires_grad=True)
        getattr(lib.special, name)(x).sum().backward()
        return [x.grad]

    as_pytorch(numbers, lambda lib, at: [getattr(lib.special, name)(lib.tensor(at))])
    as_pytorch(numbers, slopes, 1e-8)
    small = np.random.uniform(-2, 2, 4)
    leaf = flambeau.tensor(small, requires_grad=True)
    assert flambeau.autograd.gradcheck(getattr(flambeau.special, name), (leaf,))
    assert flambeau.autograd.gradgradcheck(getattr(flambeau.special, name), (leaf,))


@pytest.mark.parametrize(
    "name",
    ["bessel_j0", "bessel_j1", "modified_bessel_i0", "modified_bessel_i1", "spherical_bessel_j0"],
)
def test_bessel_functions_of_all_numbers(name: str) -> None:
    as_pytorch(
        lambda: [np.clip(points(), -60, 60)],
        lambda lib, at: [getattr(lib.special, name)(lib.tensor(at))],
        atol=1e-6 if name.startswith("bessel") else 1e-13,  # PyTorch's own are not closer
    )


@pytest.mark.parametrize(
    "name",
    ["bessel_y0", "bessel_y1", "modified_bessel_k0", "modified_bessel_k1",
     "scaled_modified_bessel_k0", "scaled_modified_bessel_k1"],
)  # fmt: skip
def test_bessel_functions_of_positive_numbers(name: str) -> None:
    as_pytorch(
        lambda: [positive()],
        lambda lib, at: [getattr(lib.special, name)(lib.tensor(at))],
        1e-8,
        atol=1e-6 if name.startswith("bessel") else 1e-13,
    )


def test_wronskians_tell_how_exact_bessel_functions_are() -> None:
    x = positive()
    x = x[x > 1e-3]
    t, f = flambeau.tensor(x), flambeau.special
    j0, j1, y0, y1 = (g(t).numpy() for g in (f.bessel_j0, f.bessel_j1, f.bessel_y0, f.bessel_y1))
    np.testing.assert_allclose(j1 * y0 - j0 * y1, 2 / (np.pi * x), rtol=1e-11)
    i0, i1 = f.i0e(t).numpy(), f.i1e(t).numpy()
    k0, k1 = f.scaled_modified_bessel_k0(t).numpy(), f.scaled_modified_bessel_k1(t).numpy()
    np.testing.assert_allclose(i0 * k1 + i1 * k0, 1 / x, rtol=1e-12)


def test_inverse_and_entropy() -> None:
    def probabilities() -> list[Any]:
        edges = [0.0, 1.0, 0.5, 1e-12, 1e-300, 1 - 1e-12, 2.0]
        return [np.concatenate([np.random.uniform(0, 1, 50), edges])]

    as_pytorch(probabilities, lambda lib, p: [lib.special.ndtri(lib.tensor(p))])
    x = np.array([0.0, 0.3, 1.0, 5.0, -1.0, np.inf, np.nan])
    as_pytorch(lambda: [x], lambda lib, x: [lib.special.entr(lib.tensor(x))])
    inside = flambeau.tensor(np.random.uniform(0.1, 0.9, 4), requires_grad=True)
    for function in (flambeau.special.ndtri, flambeau.special.entr):
        assert flambeau.autograd.gradcheck(function, (inside,))
        assert flambeau.autograd.gradgradcheck(function, (inside,))


def test_incomplete_gamma_functions() -> None:
    def numbers() -> list[Any]:
        u = np.random.uniform
        a = np.concatenate([u(0.01, 40, 60), [0.0, 1.0, 1.0, 1.0, -1.0, 200.0, 0.0]])
        return [a, np.concatenate([u(0, 60, 60), [1.0, 0.0, np.inf, -1.0, 1.0, 190.0, 0.0]])]

    def both(lib: Any, a: Any, x: Any) -> list[Any]:
        functions = lib.special.gammainc, lib.special.gammaincc
        return [f(lib.tensor(a), lib.tensor(x)) for f in functions]

    as_pytorch(numbers, both, 1e-7)
    leaf = flambeau.tensor(np.random.uniform(0.5, 5, 4), requires_grad=True)
    order = flambeau.tensor(np.random.uniform(0.5, 5, 4))
    assert flambeau.autograd.gradcheck(lambda t: flambeau.igamma(order, t), (leaf,))
    assert flambeau.autograd.gradcheck(lambda t: flambeau.igammac(order, t), (leaf,))
    with pytest.raises(NotImplementedError, match="igamma: input"):
        flambeau.igamma(leaf, order).sum().backward()


POLYNOMIALS = sorted(n for n in flambeau.special.__all__ if "polynomial" in n)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name: str) -> None:
    def numbers() -> list[Any]:
        return [np.random.uniform(-1, 1, 12), np.random.uniform(-2, 4, 12)]

    def values(lib: Any, x: Any, broken: Any) -> list[Any]:
        function = getattr(lib.special, name)
        n = np.array([0, 1, 2, 3, 4, 5, 6, 3, 2, 5, -1, 1])
        # Broken degrees are cut to integers.
        degrees = lib.tensor(n), lib.tensor(broken), 4
        return [function(lib.tensor(x), degree) for degree in degrees]

    as_pytorch(numbers, values, 1e-8)


def test_multigammaln() -> None:
    def values(lib: Any, a: Any) -> list[Any]:
        return [lib.special.multigammaln(lib.tensor(a), p) for p in (1, 2, 5)]

    as_pytorch(lambda: [np.random.uniform(3, 9, 5)], values)


def test_dtypes_and_shapes() -> None:
    for dtype in ("float32", "int64", "bool"):
        ours = flambeau.i0(flambeau.ones(2, 0, 3).to(getattr(flambeau, dtype)))
        assert ours.dtype == flambeau.float32 and ours.shape == (2, 0, 3)
    assert flambeau.special.i1(flambeau.ones(3, device="meta")).is_meta
    assert flambeau.special.ndtri(flambeau.tensor(0.5)).shape == ()
    x = flambeau.ones(2)
    assert x.i0_() is x


@needs_torch
def test_the_namespace_lists_native_and_python_functions() -> None:
    missing = set(torch.special.__all__) - set(flambeau.special.__all__)
    assert missing <= {"airy_ai"}

"""Fourier transforms against NumPy, PyTorch and the sum that defines them."""

import contextlib
import itertools
from typing import Any

import numpy as np
import numpy_reference
import pytest
from op_compare import check_differences, derivatives
from oracles import torch

import flambeau

COMPLEX_INPUT = ["fft", "ifft", "irfft", "hfft"]
REAL_INPUT = ["fft", "ifft", "rfft", "ihfft", "irfft", "hfft"]
NORMS = [None, "backward", "ortho", "forward"]


def random(shape: tuple[int, ...], complex_: bool = False) -> Any:
    made = np.random.standard_normal(shape)
    return made + 1j * np.random.standard_normal(shape) if complex_ else made


def check(name: str, array: Any, *args: Any, **kwargs: Any) -> None:
    """Values are NumPy's, derivatives those of differences, and all of it is PyTorch's."""

    def transform(lib: Any, x: Any) -> Any:
        return getattr(lib.fft, name)(x, *args, **kwargs)

    ours = transform(flambeau, flambeau.tensor(array))
    with contextlib.suppress(numpy_reference.NoReference):
        wanted = transform(numpy_reference, numpy_reference.tensor(array)).array
        assert ours.shape == wanted.shape and ours.numpy().dtype == wanted.dtype
        np.testing.assert_allclose(ours.numpy(), wanted, atol=1e-10, rtol=1e-9)
    check_differences(transform, [array], derivatives(flambeau, transform, [array], 7), 7)
    outcomes: list[Any] = []
    for lib in (flambeau, torch) if torch else ():
        x = lib.tensor(array, requires_grad=True)
        y = getattr(lib.fft, name)(x, *args, **kwargs)
        draw = np.random.default_rng(1)
        v = draw.standard_normal(tuple(y.shape))
        if y.dtype.is_complex:
            v = v + 1j * draw.standard_normal(tuple(y.shape))
        v = lib.tensor(v, requires_grad=True)
        (dx,) = lib.autograd.grad(y, x, v, create_graph=True)
        (dv,) = lib.autograd.grad((dx * dx.conj()).real.sum(), v)
        outcomes.append([t.detach().resolve_conj().numpy() for t in (y, dx, dv)])
    for ours, theirs in zip(*outcomes, strict=True) if outcomes else ():
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, atol=1e-10, rtol=1e-9)


def cases(names: list[str], real: list[str]) -> list[tuple[str, bool]]:
    return [(n, True) for n in names] + [(n, False) for n in real]


@pytest.mark.parametrize(("name", "complex_"), cases(COMPLEX_INPUT, REAL_INPUT))
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(7,), (2, 8, 3)], ids=str)
def test_one_dimension(name: str, complex_: bool, norm: str, shape: tuple[int, ...]) -> None:
    x = random(shape, complex_)
    for n, dim in itertools.product([None, 1, 4, 9, 12], range(-1, len(shape) - 1)):
        check(name, x, n=n, dim=dim, norm=norm)


@pytest.mark.parametrize(("name", "complex_"), cases(COMPLEX_INPUT, REAL_INPUT))
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
def test_several_dimensions(name: str, complex_: bool, norm: str) -> None:
    x = random((3, 4, 5), complex_)
    for s, dim in [
        (None, None), (None, (0, 2)), ((4, 3), None), ((5, 2), (2, 0)), ((-1, 6), (1, 0)),
        ((4,), (1,)),
    ]:  # fmt: skip
        check(name + "n", x, s=s, dim=dim, norm=norm)
    check(name + "2", x, norm=norm)
    check(name + "2", x, (2, 6), (0, 1), norm)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_the_defining_sum(n: int) -> None:
    x = random((n,), True)
    matrix = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
    ours = flambeau.fft.fft(flambeau.tensor(x))
    np.testing.assert_allclose(ours.numpy(), matrix @ x, atol=1e-10)
    np.testing.assert_allclose(flambeau.fft.ifft(ours).numpy(), x, atol=1e-10)


def test_precision_and_promotion() -> None:
    f = flambeau.fft
    assert f.fft(flambeau.ones(4)).dtype == flambeau.complex64
    assert f.rfft(flambeau.ones(4)).dtype == flambeau.complex64
    assert f.irfft(flambeau.ones(4, dtype=flambeau.complex64)).dtype == flambeau.float32
    assert f.fft(flambeau.ones(4, dtype=flambeau.float64)).dtype == flambeau.complex128
    assert f.fft(flambeau.ones(4, dtype=flambeau.int32)).dtype == flambeau.complex64
    assert f.rfft(flambeau.ones(4, dtype=flambeau.bool)).dtype == flambeau.complex64


def test_views_and_empty_batches() -> None:
    x = random((6, 8))
    part = flambeau.tensor(x)[::2, 1:7].transpose(0, 1)
    np.testing.assert_allclose(
        flambeau.fft.fft(part).numpy(), np.fft.fft(x[::2, 1:7].T), atol=1e-10
    )
    assert flambeau.fft.fft(flambeau.zeros(0, 4)).shape == (0, 4)
    assert flambeau.fft.rfft(flambeau.zeros(0, 4)).shape == (0, 3)
    assert flambeau.fft.irfft(flambeau.zeros(0, 4)).shape == (0, 6)


@pytest.mark.parametrize(
    "name", ["fft", "rfft", "irfft", "hfft", "ihfft", "fft2", "rfftn", "irfftn"]
)
def test_meta_shapes(name: str) -> None:
    function = getattr(flambeau.fft, name)
    real = function(flambeau.ones(3, 5))
    meta = function(flambeau.ones(3, 5, device="meta"))
    assert meta.is_meta and meta.shape == real.shape and meta.dtype == real.dtype


def test_frequencies() -> None:
    for n, d in itertools.product([0, 1, 4, 5], [1.0, 0.25]):
        if n:
            np.testing.assert_allclose(flambeau.fft.fftfreq(n, d).numpy(), np.fft.fftfreq(n, d))
            np.testing.assert_allclose(flambeau.fft.rfftfreq(n, d).numpy(), np.fft.rfftfreq(n, d))
    made = flambeau.fft.fftfreq(4, dtype=flambeau.float64, requires_grad=True)
    assert made.dtype == flambeau.float64 and made.requires_grad


@pytest.mark.parametrize("dim", [None, 0, -1, (0, 1)], ids=str)
def test_shifts(dim: Any) -> None:
    x = random((4, 5))
    for name in ("fftshift", "ifftshift"):
        ours = getattr(flambeau.fft, name)(flambeau.tensor(x), dim)
        np.testing.assert_array_equal(ours.numpy(), getattr(np.fft, name)(x, dim))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda t: t.fft.fft(t.ones(4), 0), RuntimeError, "Invalid number of data points"),
        (lambda t: t.fft.irfft(t.ones(1)), RuntimeError, "Invalid number of data points"),
        (lambda t: t.fft.fft(t.ones(4), dim=2), IndexError, "Dimension out of range"),
        (lambda t: t.fft.fft(t.ones(4), norm="x"), RuntimeError, 'Invalid normalization mode: "x"'),
        (lambda t: t.fft.rfft(t.ones(4) * 1j), RuntimeError, "expects a real input tensor"),
        (lambda t: t.fft.ihfft(t.ones(4) * 1j), RuntimeError, "expects a real input tensor"),
        (lambda t: t.fft.fftn(t.ones(4, 4), dim=(0, 0)), RuntimeError, "FFT dims must be unique"),
        (lambda t: t.fft.fftn(t.ones(4), s=(2, 2)), RuntimeError, "input tensor only has 1 dim"),
        (lambda t: t.fft.fftn(t.ones(4, 4), s=(2,), dim=(0, 1)), RuntimeError, "same length"),
        (lambda t: t.fft.rfftn(t.ones(())), RuntimeError, "must transform at least one axis"),
        (lambda t: t.fft.fft(t.ones(4, dtype=t.float16)), RuntimeError, "Unsupported dtype Half"),
    ],
)
def test_errors_are_those_of_pytorch(call: Any, error: type[Exception], text: str) -> None:
    for lib in (torch, flambeau) if torch else (flambeau,):
        with pytest.raises(error, match=text):
            call(lib)

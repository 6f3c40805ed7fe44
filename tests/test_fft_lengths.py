"""The kernels of Fourier transforms: every method, layout and precision against NumPy in float64."""

import threading
from typing import Any

import numpy as np
import pytest

import flambeau

# Radices with code of their own, other primes as radices, convolutions, and both halves of what is
# taken apart into columns and rows: multiples of 16 and others.
SHORT = [1, 2, 3, 4, 6, 7, 8, 11, 15, 16, 17, 24, 27, 30, 32, 49, 60, 61, 64, 67, 97, 100, 105, 127,
         128, 134, 143, 199, 211, 243, 256, 288, 360, 500, 512, 625, 776, 1000, 1009, 1024, 1331]  # fmt: skip
LONG = [2048, 2187, 3000, 4096, 4099, 8192, 10007, 12000, 16384, 15625, 17640, 36450, 65536, 131072]


def tolerance(dtype: Any, n: int) -> float:
    return float(np.finfo(dtype).eps * (4 + np.log2(n)))


def check(name: str, x: Any, exact: Any, dtype: Any, n: int, dim: int = -1) -> None:
    """The relative error of the root mean square stays below a few roundings for each doubling."""
    more = (n, dim) if name == "irfft" else (None, dim)
    made = getattr(flambeau.fft, name)(x, *more).numpy()
    assert made.shape == exact.shape
    scale = np.sqrt((np.abs(exact) ** 2).mean())
    error = np.sqrt((np.abs(made - exact) ** 2).mean())
    assert error <= tolerance(dtype, n) * scale, (name, n, dtype.__name__, x.shape, error / scale)


def inputs(lines: int, n: int, dtype: Any) -> list[tuple[str, Any, Any]]:
    """Name, input and exact result of each transform along the last dimension."""
    x = np.random.standard_normal((lines, n)).astype(dtype)
    kind = np.complex64 if dtype is np.float32 else np.complex128
    z = (x + 1j * np.random.standard_normal((lines, n))).astype(kind)
    half = np.fft.rfft(x.astype(np.float64)).astype(kind)
    half.imag[:, 0] += 1  # counts for nothing
    wide = half.astype(np.complex128)
    return [
        ("fft", z, np.fft.fft(z.astype(np.complex128))),
        ("ifft", z, np.fft.ifft(z.astype(np.complex128))),
        ("rfft", x, np.fft.rfft(x.astype(np.float64))),
        ("irfft", half, np.fft.irfft(wide, n)),
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lines", [1, 5, 16, 37])
def test_short_lengths(dtype: Any, lines: int) -> None:
    for n in SHORT:
        for name, x, exact in inputs(lines, n, dtype):
            check(name, flambeau.from_numpy(x), exact, dtype, n)
            columns = flambeau.from_numpy(np.ascontiguousarray(x.T))
            check(name, columns, exact.T, dtype, n, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", LONG)
def test_long_lengths(dtype: Any, n: int) -> None:
    for name, x, exact in inputs(2, n, dtype):
        check(name, flambeau.from_numpy(x), exact, dtype, n)
        check(name, flambeau.from_numpy(x[:1]), exact[:1], dtype, n)
        check(name, flambeau.from_numpy(np.ascontiguousarray(x.T)), exact.T, dtype, n, 0)


@pytest.mark.parametrize("n", [12, 96, 250, 2048, 20000])
def test_lines_anywhere_in_memory(n: int) -> None:
    for name, x, exact in inputs(24, n, np.float32):
        m = x.shape[-1]
        spread = np.zeros((2, 24, 3, 2 * m), x.dtype)
        spread[1, :, 2, ::2] = x
        check(name, flambeau.from_numpy(spread)[1, :, 2, ::2], exact, np.float32, n)
        turned = flambeau.from_numpy(x).reshape(4, 6, m).permute(1, 2, 0)
        wanted = exact.reshape(4, 6, -1).transpose(1, 2, 0)
        check(name, turned, wanted, np.float32, n, 1)
        same = flambeau.from_numpy(x[:1]).expand(20, m)
        check(name, same, np.broadcast_to(exact[:1], (20, exact.shape[-1])), np.float32, n)


@pytest.mark.parametrize("name", ["fft2", "rfft2", "irfft2"])
@pytest.mark.parametrize("shape", [(40, 60, 81), (3, 512, 200), (2, 2, 33, 500)], ids=str)
def test_two_dimensions_of_many_and_of_large_ones(name: str, shape: tuple[int, ...]) -> None:
    x = np.random.standard_normal(shape)
    if name != "rfft2":
        x = x + 1j * np.random.standard_normal(shape)
    ours = getattr(flambeau.fft, name)(flambeau.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours, getattr(np.fft, name)(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("lines", "n"), [(64, 1000), (20, 97), (3, 8192), (1, 65536), (2, 10007)])
def test_bits_do_not_depend_on_threads(lines: int, n: int) -> None:
    before = flambeau.get_num_threads()
    for name, x, _ in inputs(lines, n, np.float32):
        made = []
        for threads in (1, 2, 3):
            flambeau.set_num_threads(threads)
            try:
                made.append(getattr(flambeau.fft, name)(flambeau.from_numpy(x)).numpy())
            finally:
                flambeau.set_num_threads(before)
        for other in made[1:]:
            np.testing.assert_array_equal(made[0], other)


@pytest.mark.parametrize("n", [8, 60, 97, 4096, 10007, 40000])
def test_nan_reaches_its_whole_line_and_no_other(n: int) -> None:
    x = np.random.standard_normal((20, n)).astype(np.float32)
    x[3, n // 2] = np.nan
    made = flambeau.fft.rfft(flambeau.from_numpy(x)).numpy()
    lines = np.arange(20)
    assert np.isnan(made[3]).all()
    assert np.isfinite(made[lines != 3]).all()


def test_more_lengths_than_plans_are_kept_from_many_threads() -> None:
    lengths = list(range(2, 200, 2))
    wrong: list[int] = []

    def work(order: list[int]) -> None:
        for n in order:
            x = np.arange(n, dtype=np.float64) / n
            made = flambeau.fft.rfft(flambeau.from_numpy(x)).numpy()
            if not np.allclose(made, np.fft.rfft(x), atol=1e-9):
                wrong.append(n)

    threads = [
        threading.Thread(target=work, args=(lengths[i:] + lengths[:i],)) for i in (0, 40, 70)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_results_in_place_of_given_tensors() -> None:
    x = flambeau.randn(4, 30, dtype=flambeau.complex128)
    out = flambeau.empty(4, 30, dtype=flambeau.complex128)
    assert flambeau.fft.fft(x, out=out) is out
    np.testing.assert_allclose(out.numpy(), np.fft.fft(x.numpy()), atol=1e-10)
    wanted = np.fft.fft(x.numpy())
    flambeau.fft.fft(x, out=x)
    np.testing.assert_allclose(x.numpy(), wanted, atol=1e-10)

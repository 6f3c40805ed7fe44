"""Windows and short-time transforms against PyTorch."""

from typing import Any

import numpy as np
import pytest
import recorded
from oracles import torch

import flambeau

WINDOWS = ["hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"]


def compare(function: Any, tolerance: float) -> None:
    """``function(flambeau)`` gives PyTorch's tensors, now or as recorded."""

    def tensors(lib: Any) -> list[Any]:
        made = function(lib)
        return made if isinstance(made, list) else [made]

    ours, key = tensors(flambeau), recorded.key_of_test()
    if torch is None:
        recorded.assert_digest(ours, key, 0, tolerance)
        return
    theirs = tensors(torch)
    recorded.keep(key, recorded.digest(theirs))
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=tolerance)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 16])
def test_windows(name: str, n: int, periodic: bool) -> None:
    compare(lambda lib: getattr(lib, name)(n, periodic, dtype=lib.float64), 1e-12)
    made = getattr(flambeau, name)(n, requires_grad=True)
    assert made.dtype == flambeau.float32 and made.requires_grad


@pytest.mark.parametrize("sym", [False, True])
@pytest.mark.parametrize("m", [0, 1, 2, 9, 10])
def test_signal_windows(m: int, sym: bool) -> None:
    options: dict[str, dict[str, Any]] = {name: {} for name in flambeau.signal.windows.__all__}
    options["general_cosine"] = {"a": [0.4, 0.3, 0.2]}
    options["gaussian"] = {"std": 1.5}
    options["exponential"] = {"tau": 2.0}
    if torch:
        assert sorted(torch.signal.windows.__all__) == flambeau.signal.windows.__all__

    def windows(lib: Any) -> list[Any]:
        made = []
        for name, more in options.items():
            window = getattr(lib.signal.windows, name)
            made.append(window(m, sym=sym, dtype=lib.float64, **more))
        return made

    compare(windows, 1e-12)


STFT: list[dict[str, Any]] = [
    {}, {"hop_length": 3}, {"win_length": 6}, {"center": False}, {"pad_mode": "circular"},
    {"pad_mode": "constant"}, {"pad_mode": "replicate"}, {"normalized": True}, {"onesided": False},
    {"return_complex": False}, {"win_length": 5, "hop_length": 1, "onesided": False},
]  # fmt: skip


@pytest.mark.parametrize("options", STFT, ids=str)
@pytest.mark.parametrize("shape", [(30,), (2, 31)], ids=str)
def test_stft(options: dict[str, Any], shape: tuple[int, ...]) -> None:
    np.random.seed(0)
    n = options.get("win_length", 8)
    signal, window = np.random.standard_normal(shape), np.random.random(n) + 0.5

    def transform(lib: Any) -> list[Any]:
        x, w = lib.tensor(signal, requires_grad=True), lib.tensor(window, requires_grad=True)
        y = lib.stft(x, 8, window=w, **{"return_complex": True, **options})
        (y.abs() ** 2).sum().backward()
        return [y.detach().resolve_conj(), x.grad, w.grad]

    compare(transform, 1e-10)


@pytest.mark.parametrize(
    "options",
    [{}, {"length": 25}, {"length": 60}, {"normalized": True}, {"onesided": False},
     {"hop_length": 3, "win_length": 6}, {"center": False}],
    ids=str,
)  # fmt: skip
def test_istft(options: dict[str, Any]) -> None:
    np.random.seed(0)
    n = options.get("win_length", 8)
    window = np.random.random(n) + 0.5
    rows = 8 if options.get("onesided") is False else 5
    spectrum = np.random.standard_normal((2, rows, 16)) + 1j * np.random.standard_normal(
        (2, rows, 16)
    )
    if rows == 8:  # of a real signal
        signal = flambeau.tensor(np.random.standard_normal((2, 30)))
        spectrum = flambeau.stft(
            signal, 8, window=flambeau.tensor(window), onesided=False, return_complex=True
        ).numpy()

    def transform(lib: Any) -> list[Any]:
        x = lib.tensor(spectrum, requires_grad=True)
        y = lib.istft(x, 8, window=lib.tensor(window), **options)
        (y * y).sum().backward()
        return [y.detach(), x.grad.resolve_conj()]

    compare(transform, 1e-9)


def test_there_and_back() -> None:
    for complex_ in (False, True):
        x = np.random.standard_normal(50) + (1j * np.random.standard_normal(50) if complex_ else 0)
        window = flambeau.hann_window(16, dtype=flambeau.float64)
        y = flambeau.tensor(x).stft(16, window=window, return_complex=True)
        back = y.istft(16, window=window, length=50, return_complex=complex_)
        np.testing.assert_allclose(back.numpy(), x, atol=1e-10)


def test_mistakes() -> None:
    x, w = flambeau.ones(20), flambeau.ones(8)
    with pytest.raises(RuntimeError, match="requires non-negative window_length"):
        flambeau.hann_window(-1)
    with pytest.raises(RuntimeError, match="expects floating point dtypes"):
        flambeau.hann_window(3, dtype=flambeau.int64)
    with pytest.raises(ValueError, match="Center must be None for symmetric windows"):
        flambeau.signal.windows.exponential(5, center=1.0)
    with pytest.raises(RuntimeError, match="requires the return_complex parameter"):
        flambeau.stft(x, 8, window=w)
    with pytest.raises(RuntimeError, match="1D window tensor of size equal to win_length=8"):
        flambeau.stft(x, 8, window=flambeau.ones(9), return_complex=True)
    with pytest.raises(RuntimeError, match="Padding size should be less"):
        flambeau.stft(flambeau.ones(3), 8, window=w, return_complex=True)
    with pytest.raises(RuntimeError, match="requires a complex-valued input tensor"):
        flambeau.istft(flambeau.ones(5, 4), 8)
    with pytest.raises(RuntimeError, match="window overlap add min"):
        flambeau.istft(flambeau.ones(5, 4) * 1j, 8, window=flambeau.zeros(8))
    with pytest.warns(UserWarning, match="rectangular"):
        flambeau.stft(x, 8, return_complex=True)

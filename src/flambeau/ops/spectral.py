"""Short-time Fourier transforms, made of transforms, windows and sums."""

from __future__ import annotations

import warnings
from typing import Any

import numpy

import flambeau
from flambeau import Tensor
from flambeau.ops.record import composite, op

# PyTorch's names of ways to fill up, and NumPy's.
_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _padded(x: Tensor, amount: int, mode: str) -> Tensor:
    """More samples on both sides of the last dimension."""
    n = x.shape[-1]
    if mode == "constant":
        zeros = x.new_zeros((*x.shape[:-1], amount))
        made: Tensor = flambeau.cat([zeros, x, zeros], -1)
        return made
    if mode not in _MODES:
        raise NotImplementedError(f"stft: pad_mode must be constant or one of {sorted(_MODES)}")
    if mode == "reflect" and amount >= n:
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but "
            f"got: padding ({amount}, {amount}) at dimension {x.dim()} of input {list(x.shape)}"
        )
    kind: Any = _MODES[mode]
    index = numpy.pad(numpy.arange(n), amount, mode=kind)
    made = x.index_select(-1, flambeau.from_numpy(index))
    return made


def _window(name: str, window: Tensor | None, like: Tensor, n_fft: int, length: int) -> Tensor:
    """The window, filled up with zeros on both sides to the size of the transform."""
    if window is None:
        warnings.warn(
            f"{name}: no window was given, so a rectangular one is applied, whose spectrum leaks "
            "widely. Pass window=torch.hann_window(...) or, to keep this, a window of ones.",
            stacklevel=3,
        )
        window = flambeau.ones(length, dtype=like.dtype.to_real(), device=like.device)
    elif window.dim() != 1 or window.shape[0] != length:
        raise RuntimeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={length}, but got "
            f"window with size {list(window.shape)}"
        )
    left = (n_fft - length) // 2
    if n_fft == length:
        return window
    made: Tensor = flambeau.cat(
        [window.new_zeros(left), window, window.new_zeros(n_fft - length - left)]
    )
    return made


def _sizes(name: str, n_fft: int, hop: int | None, length: int | None) -> tuple[int, int]:
    hop = n_fft // 4 if hop is None else hop
    length = n_fft if length is None else length
    if hop <= 0:
        raise RuntimeError(f"{name}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise RuntimeError(f"{name}: expected 0 < win_length <= n_fft, but got win_length={length}")
    return hop, length


@op(
    "stft(Tensor input, int n_fft, int? hop_length=None, int? win_length=None,"
    " Tensor? window=None, bool center=True, str pad_mode='reflect', bool normalized=False,"
    " bool? onesided=None, bool? return_complex=None) -> Tensor",
    "stft, Tensor.stft",
    vjp=composite,
    autocast="float32",
    samples="(20,) 8 window=(8,) return_complex=True"
    " | (2,20) 8 3 6 window=(6,) center=False return_complex=True",
    errors="(20,) 8 -> RuntimeError: stft requires the return_complex parameter",
)
def stft(
    a: Tensor, n_fft: int, hop: int | None, length: int | None, window: Tensor | None, center: bool,
    pad_mode: str, normalized: bool, onesided: bool | None, return_complex: bool | None,
) -> Any:  # fmt: skip
    """The Fourier transforms of windows of a signal.

    Args:
        input: (n,) or (batch, n).
        n_fft: points of each transform.
        hop_length: samples from one window to the next; default: ``n_fft // 4``.
        win_length: points of the window; default: ``n_fft``.
        window: (win_length,).
        center: window t is around sample ``t * hop_length``: the signal is filled up by
            ``n_fft // 2`` on both sides.
        pad_mode: with what: 'reflect', 'replicate', 'circular' or 'constant'.
        normalized: divide by the root of ``n_fft``.
        onesided: only the first ``n_fft // 2 + 1`` frequencies; default for real signals.
        return_complex: a complex result; else real with a last dimension of 2.

    Returns:
        (batch, frequencies, windows).

    Example::

        >>> torch.stft(torch.ones(8), 4, window=torch.ones(4), return_complex=True).shape
        torch.Size([3, 9])
    """
    is_complex = a.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will "
                "further require that return_complex=True in a future PyTorch release."
            )
        return_complex = True
    if a.dim() not in (1, 2):
        raise RuntimeError("stft: expected a 1D or 2D tensor")
    hop, length = _sizes("stft", n_fft, hop, length)
    x = _padded(a, n_fft // 2, pad_mode) if center else a
    if not 0 < n_fft <= x.shape[-1]:
        raise RuntimeError(f"stft: expected 0 < n_fft <= {x.shape[-1]}, but got n_fft={n_fft}")
    frames = x.unfold(-1, n_fft, hop) * _window("stft", window, a, n_fft, length)
    onesided = not is_complex if onesided is None else onesided
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    norm = "ortho" if normalized else None
    transform = flambeau.fft.rfft if onesided else flambeau.fft.fft
    spectrum = transform(frames, norm=norm).transpose(-2, -1)
    return spectrum if return_complex else flambeau.view_as_real(spectrum)


@op(
    "istft(Tensor input, int n_fft, int? hop_length=None, int? win_length=None,"
    " Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None,"
    " int? length=None, bool return_complex=False) -> Tensor",
    "istft, Tensor.istft",
    vjp=composite,
    samples="(5,6):complex128 8 window=(8,)@0.5..1"
    " | (2,5,6):complex128 8 2 6 window=(6,)@0.5..1 length=9",
    errors="(5,6) 8 -> RuntimeError: istft requires a complex-valued input tensor",
)
def istft(
    a: Tensor, n_fft: int, hop: int | None, win_length: int | None, window: Tensor | None,
    center: bool, normalized: bool, onesided: bool | None, length: int | None,
    return_complex: bool,
) -> Any:  # fmt: skip
    """The signal whose ``stft`` is closest to the given one: overlapped and added.

    Griffin and Lim, Signal estimation from modified short-time Fourier transform (1984).

    Args:
        input: (frequencies, windows) or (batch, frequencies, windows), complex.
        length: samples wanted; default: as many as the windows cover.
        return_complex: whether the signal is complex; then all frequencies are given.

    The other arguments are those of ``stft``.

    Example::

        >>> w = torch.ones(4)
        >>> torch.istft(torch.stft(torch.ones(8), 4, window=w, return_complex=True), 4, window=w)
        tensor([1., 1., 1., 1., 1., 1., 1., 1.])
    """
    if not a.dtype.is_complex:
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    hop, win_length = _sizes("istft", n_fft, hop, win_length)
    if a.dim() not in (2, 3) or a.numel() == 0:
        raise RuntimeError("istft: expected a tensor with 2 or 3 dimensions that is not empty")
    onesided = a.shape[-2] != n_fft if onesided is None else onesided
    wanted = n_fft // 2 + 1 if onesided else n_fft
    if a.shape[-2] != wanted:
        raise RuntimeError(
            "istft: expected the frequency dimension (3rd to the last) of the input tensor to "
            f"match {'n_fft / 2 + 1' if onesided else 'n_fft'} when "
            f"onesided={onesided}, but got {a.shape[-2]}"
        )
    if return_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    taper = _window("istft", window, a, n_fft, win_length)
    frames, norm = a.transpose(-2, -1), "ortho" if normalized else None
    if return_complex:
        pieces = flambeau.fft.ifft(frames, norm=norm)
    else:
        half = frames if onesided else frames.narrow(-1, 0, n_fft // 2 + 1)
        pieces = flambeau.fft.irfft(half, n_fft, norm=norm)
    count = a.shape[-1]
    size = n_fft + hop * (count - 1)
    places = numpy.add.outer(numpy.arange(count) * hop, numpy.arange(n_fft)).reshape(-1)
    index = flambeau.from_numpy(places)
    flat = (pieces * taper).reshape((*a.shape[:-2], -1))
    signal = flat.new_zeros((*a.shape[:-2], size)).index_add(-1, index, flat)
    squares = (taper * taper).expand(count, n_fft).reshape((-1,))
    envelope = squares.new_zeros(size).index_add(0, index, squares)
    start = n_fft // 2 if center else 0
    stop = size - n_fft // 2 if center and length is None else size
    stop = stop if length is None else min(start + length, size)
    signal, envelope = (t.narrow(-1, start, stop - start) for t in (signal, envelope))
    least = 1.0 if a.is_meta or stop <= start else float(envelope.detach().abs().min())
    if least <= 1e-11:
        raise RuntimeError(
            f"istft: window overlap add min: {least}: the windows leave samples out, whose value "
            "cannot be known"
        )
    signal = signal / envelope
    missing = 0 if length is None else length - signal.shape[-1]
    if missing > 0:
        signal = flambeau.cat([signal, signal.new_zeros((*signal.shape[:-1], missing))], -1)
    return signal

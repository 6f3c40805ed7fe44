"""Tensors as text, laid out as PyTorch lays them out."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from flambeau import _C


class _Options:
    precision = 4
    threshold: float = 1000
    edgeitems = 3
    linewidth = 80
    sci_mode: bool | None = None


_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors are printed.

    Args:
        precision: digits after the point (default 4).
        threshold: number of elements above which a summary is printed (default 1000).
        edgeitems: elements at each end of a summarised dimension (default 3).
        linewidth: characters a line (default 80).
        profile: "default", "short" or "full" set the first four together.
        sci_mode: scientific notation always (True), never (False) or where needed (None).
    """
    profiles = {
        "default": (4, 1000, 3, 80),
        "short": (2, 1000, 2, 80),
        "full": (4, math.inf, 3, 80),
    }
    if profile is not None:
        values = profiles[profile]
        _options.precision, _options.threshold, _options.edgeitems, _options.linewidth = values
    if precision is not None:
        _options.precision = precision
    if threshold is not None:
        _options.threshold = threshold
    if edgeitems is not None:
        _options.edgeitems = edgeitems
    if linewidth is not None:
        _options.linewidth = linewidth
    _options.sci_mode = sci_mode


class _Formatter:
    """Widths and notation that fit all elements to be shown."""

    def __init__(self, values: list[Any], floating: bool) -> None:
        self.floating = floating
        self.integers = True  # all finite values are whole numbers
        self.scientific = False
        self.width = 1
        if not floating:
            self.width = max([1, *(len(str(v)) for v in values)])
            return
        # As in PyTorch, zeros, infinities and NaN do not widen the columns.
        shown = [v for v in values if math.isfinite(v) and v != 0]
        if not shown:
            return
        low, high = min(map(abs, shown)), max(map(abs, shown))
        self.integers = all(v == math.ceil(v) for v in shown)
        wide = high / low > 1000.0 or high > 1.0e8
        self.scientific = wide if self.integers else wide or low < 1.0e-4
        if _options.sci_mode is not None:
            self.scientific = _options.sci_mode
        if self.integers and not self.scientific:
            self.width = max([1, *(len(f"{v:.0f}") + 1 for v in shown)])
        else:
            self.width = max([1, *(len(self.text(v)) for v in shown)])

    def text(self, value: Any) -> str:
        if not self.floating:
            return str(value)
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.integers:
            text = f"{value:.0f}"
            return text if not math.isfinite(value) else text + "."
        return f"{value:.{_options.precision}f}"

    def format(self, value: Any) -> str:
        return self.text(value).rjust(self.width)


class _ComplexFormatter:
    def __init__(self, values: list[complex]) -> None:
        self.real = _Formatter([v.real for v in values], True)
        self.imag = _Formatter([v.imag for v in values], True)
        self.width = self.real.width + self.imag.width + 1

    def format(self, value: complex) -> str:
        imag = self.imag.format(value.imag).lstrip()
        sign = "" if imag.startswith(("-", "+")) else "+"
        return self.real.format(value.real) + sign + imag + "j"


def _flat(data: Any, out: list[Any]) -> list[Any]:
    if isinstance(data, list):
        for item in data:
            _flat(item, out)
    else:
        out.append(data)
    return out


_ELLIPSIS = object()


def _summary(tensor: Any, summarize: bool) -> Any:
    """Nested lists of the elements to show, with a mark where some are left out."""
    if tensor.dim() == 0:
        return _C._tolist(tensor)
    edge = _options.edgeitems
    size = tensor.size(0)
    if not summarize:
        return _C._tolist(tensor)
    if size > 2 * edge:
        rows = [*range(edge), *range(size - edge, size)]
        shown = [_summary(tensor[i], True) for i in rows]
        shown.insert(edge, _ELLIPSIS)
        return shown
    return [_summary(tensor[i], True) for i in range(size)]


def _vector(items: list[Any], indent: int, formatter: Any) -> str:
    per_line = max(1, (_options.linewidth - indent) // (formatter.width + 2))
    texts = [" ..." if v is _ELLIPSIS else formatter.format(v) for v in items]
    lines = [texts[i : i + per_line] for i in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(", ".join(line) for line in lines) + "]"


def _nested(data: Any, depth: int, indent: int, formatter: Any) -> str:
    if depth == 0:
        return str(formatter.format(data))
    if depth == 1:
        return _vector(data, indent, formatter)
    parts = [
        "..." if d is _ELLIPSIS else _nested(d, depth - 1, indent + 1, formatter) for d in data
    ]
    return "[" + ("," + "\n" * (depth - 1) + " " * (indent + 1)).join(parts) + "]"


def _elements(tensor: Any, indent: int) -> str:
    summarize = tensor.numel() > _options.threshold
    data = _summary(tensor, summarize)
    values = [v for v in _flat(data, []) if v is not _ELLIPSIS]
    if tensor.is_complex():
        formatter: Any = _ComplexFormatter(values)
    else:
        formatter = _Formatter(values, tensor.is_floating_point())
    return _nested(data, tensor.dim(), indent, formatter)


def tensor_text(tensor: Any) -> str:
    """What ``repr(tensor)`` shows."""
    from flambeau.nn.parameter import Parameter

    prefix = "tensor("
    default = _C.get_default_dtype()
    suffixes = []
    plain = tensor.detach()
    if type(plain) is not _C.Tensor:
        plain = plain.as_subclass(_C.Tensor)
    dtype = tensor.dtype
    if tensor.device.type != "cpu":
        suffixes.append(f"device='{tensor.device}'")
    implied = dtype in (default, _C.int64, _C.bool) or (
        tensor.is_complex() and dtype == default.to_complex()
    )
    if tensor.is_meta:
        suffixes.append(f"size={tuple(tensor.shape)}")
        if not implied:
            suffixes.append(f"dtype={dtype}")
        text = "..."
    elif tensor.numel() == 0:
        if tensor.dim() != 1:
            suffixes.append(f"size={tuple(tensor.shape)}")
        if dtype != default:
            suffixes.append(f"dtype={dtype}")
        text = "[]"
    else:
        if not implied:
            suffixes.append(f"dtype={dtype}")
        text = _elements(plain, len(prefix))
    if tensor.grad_fn is not None:
        suffixes.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    result = _join(prefix + text, suffixes, len(prefix), tensor.dim())
    if isinstance(tensor, Parameter):
        return "Parameter containing:\n" + result
    if type(tensor) is not _C.Tensor:
        return result.replace("tensor(", f"{type(tensor).__name__}(", 1)
    return result


def _join(text: str, suffixes: list[str], indent: int, ndim: int) -> str:
    parts = [text]
    line = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if line + len(suffix) + 2 > _options.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            line = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            line += len(suffix) + 2
    return "".join(parts) + ")"


def indent_text(text: str, spaces: int) -> str:
    """The text with all lines after the first indented."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(textwrap.indent(line, " " * spaces) for line in rest)])

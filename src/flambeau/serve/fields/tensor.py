"""Tensors: nested lists of numbers, or base64 of their bytes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Annotated, Any, Union

import msgspec
import numpy
from msgspec import Meta

import flambeau as fb
from flambeau.serve.errors import InvalidInput, UnsupportedMediaType
from flambeau.serve.fields.base import (
    BASE64,
    Field,
    WrongResult,
    as_list,
    from_base64,
    parse,
)
from flambeau.serve.limits import Limits

NUMPY: dict[fb.dtype, numpy.dtype[Any]] = {
    fb.float32: numpy.dtype("<f4"),
    fb.float64: numpy.dtype("<f8"),
    fb.float16: numpy.dtype("<f2"),
    fb.bfloat16: numpy.dtype("<f4"),  # NumPy has none: converted last
    fb.int8: numpy.dtype("i1"),
    fb.int16: numpy.dtype("<i2"),
    fb.int32: numpy.dtype("<i4"),
    fb.int64: numpy.dtype("<i8"),
    fb.uint8: numpy.dtype("u1"),
    fb.bool: numpy.dtype("?"),
}
MAX_DIMS = 16
# Longer lists are converted at once: they take eight times the memory while they wait.
SMALL = 1024


class Tensor(Field):
    """A tensor of a fixed or partly free shape, without the batch dimension.

    In JSON it is nested lists of numbers (a number where the shape is ``()``), or base64 of its
    little-endian bytes in C order. NaN and infinity are refused. The model gets a batch of shape
    (B, *shape) and returns one; where sizes are free, requests of different shapes run apart.

    Args:
        shape: sizes; None is any size from 1, bounded by the request's. One size may be an int.
        dtype: real floating point, integer or bool.
        min: smallest value allowed.
        max: largest value allowed.

    Raises:
        ValueError: The shape, the dtype or the bounds make no sense.

    Example:
        >>> Tensor[(2, 2), fb.float32].schema()["anyOf"][0]["maxItems"]
        2
        >>> Tensor((), fb.uint8).schema()["maximum"]
        255
    """

    kind = "tensor"
    media_types = ("application/octet-stream", "application/json")

    def __init__(
        self,
        shape: Sequence[int | None] | int | None = (),
        dtype: fb.dtype = fb.float32,
        *,
        min: float | None = None,
        max: float | None = None,
    ) -> None:
        sizes = (shape,) if shape is None or isinstance(shape, int) else tuple(shape)
        if not all(n is None or (type(n) is int and n > 0) for n in sizes) or len(sizes) > MAX_DIMS:
            raise ValueError(f"Tensor: sizes must be positive integers or None, not {sizes}")
        if dtype not in NUMPY:
            raise ValueError(f"Tensor: {dtype} has no form in JSON; use a real dtype")
        self.shape: tuple[int | None, ...] = sizes
        self.dtype = dtype
        self._given = (min, max)
        self.min, self.max = self._bounds(min, max)
        self.ragged = None in sizes
        self._eager = self.ragged or math.prod(n or 1 for n in sizes) > SMALL
        self._stored = NUMPY[dtype]
        self._decode_json = msgspec.json.Decoder(self.json_type()).decode

    def __class_getitem__(cls, key: Any) -> Tensor:
        """``Tensor[(64,), fb.float32]`` or ``Tensor[(64,)]``."""
        if isinstance(key, tuple) and len(key) == 2 and isinstance(key[1], fb.dtype):
            return cls(*key)
        return cls(key)

    def __repr__(self) -> str:
        return f"Tensor({self.shape}, {self.dtype})"

    def _bounds(self, low: float | None, high: float | None) -> tuple[Any, Any]:
        """The bounds of numbers; the dtype's own make sure that none becomes infinite."""
        if self.dtype == fb.bool:
            if low is not None or high is not None:
                raise ValueError("Tensor: bool has no min and max")
            return None, None
        floating = self.dtype.is_floating_point
        kind: type = float if floating else int
        info = fb.finfo(self.dtype) if floating else fb.iinfo(self.dtype)
        least, most = kind(info.min), kind(info.max)
        low, high = least if low is None else kind(low), most if high is None else kind(high)
        if not least <= low <= high <= most:
            raise ValueError(f"Tensor: min {low} and max {high} do not fit {self.dtype}")
        return low, high

    def _sizes(self, axis: int) -> tuple[int, int | None]:
        size = self.shape[axis]
        return (1, None) if size is None else (size, size)

    def json_type(self) -> Any:
        if self.dtype == fb.bool:
            made: Any = bool
        else:
            made = Annotated[
                float if self.dtype.is_floating_point else int, Meta(ge=self.min, le=self.max)
            ]
        for axis in reversed(range(len(self.shape))):
            least, most = self._sizes(axis)
            made = Annotated[list[made], Meta(min_length=least, max_length=most)]
        return Union[made, str] if self.shape else made  # noqa: UP007  Annotated has no |

    def schema(self, *, output: bool = False) -> dict[str, Any]:
        made: dict[str, Any]
        if self.dtype == fb.bool:
            made = {"type": "boolean"}
        else:
            kind = "number" if self.dtype.is_floating_point else "integer"
            made = {"type": kind, "minimum": self.min, "maximum": self.max}
        for axis in reversed(range(len(self.shape))):
            least, most = self._sizes(axis)
            made = {"type": "array", "items": made, "minItems": least}
            if most is not None:
                made["maxItems"] = most
        if output or not self.shape:
            return made
        return {"anyOf": [made, self._base64_schema()]}

    def _base64_schema(self) -> dict[str, Any]:
        made: dict[str, Any] = {
            "type": "string",
            "contentEncoding": "base64",
            "pattern": f"^{BASE64}$",
            "description": "Little-endian bytes in C order.",
            "minLength": 4,
        }
        if None not in self.shape:
            length = 4 * math.ceil(self._bytes() / 3)
            made |= {"minLength": length, "maxLength": length}
        return made

    def _bytes(self) -> int:
        """How many bytes a value has, free sizes counted as 1."""
        return math.prod(n or 1 for n in self.shape) * self.dtype.itemsize

    def hints(self) -> dict[str, Any]:
        name = str(self.dtype).rpartition(".")[2]
        low, high = self._given
        return {"shape": list(self.shape), "dtype": name, "min": low, "max": high}

    def decode(self, value: Any, limits: Limits) -> Any:
        if isinstance(value, str):
            return self._from_bytes(from_base64(value))
        if not self._eager:
            return value  # checked by its type; a whole batch of lists is converted at once
        try:
            return numpy.array(value, self._stored)
        except ValueError:
            raise InvalidInput("lists of one depth must have the same length") from None

    def decode_bytes(self, data: bytes, media_type: str, limits: Limits) -> Any:
        if media_type in ("application/json", "text/plain"):
            return self.decode(parse(self._decode_json, data), limits)
        if media_type != "application/octet-stream":
            raise UnsupportedMediaType(f"a tensor cannot be sent as {media_type[:100]}")
        return self._from_bytes(data)

    def _from_bytes(self, data: bytes) -> numpy.ndarray[Any, Any]:
        step = self._bytes()
        free = self.shape.count(None)
        if free > 1:
            raise InvalidInput("several sizes are free, so the value must be nested lists")
        if not data or (len(data) % step if free else len(data) != step):
            needed = f"a multiple of {step}" if free else step
            raise InvalidInput(f"expected {needed} bytes, but got {len(data)}")
        sizes = [-1 if n is None else n for n in self.shape]
        if self.dtype == fb.bfloat16:
            # The upper half of a float32.
            wide = numpy.frombuffer(data, "<u2").astype("<u4") << 16
            values: Any = wide.view("<f4")
        elif self.dtype == fb.bool:
            values = numpy.frombuffer(data, "u1")
            if values.max() > 1:
                raise InvalidInput("bool must be sent as bytes 0 and 1")
            values = values.astype("?")
        else:
            values = numpy.frombuffer(data, self._stored)
        self._check(values)
        return values.reshape(sizes)  # type: ignore[no-any-return]

    def _check(self, values: numpy.ndarray[Any, Any]) -> None:
        """Numbers from bytes were seen by no schema yet."""
        if self.dtype == fb.bool:
            return
        low, high = values.min(), values.max()
        # NaN passes no comparison.
        if not (low >= self.min and high <= self.max):
            raise InvalidInput(f"values must be finite and between {self.min} and {self.max}")

    def shape_of(self, value: Any) -> Hashable:
        return value.shape if self.ragged else None

    def collate(self, values: list[Any]) -> fb.Tensor:
        made = fb.from_numpy(numpy.array(values, self._stored))
        return made.to(fb.bfloat16) if self.dtype == fb.bfloat16 else made

    def split(self, batch: Any, count: int) -> list[Any]:
        if not hasattr(batch, "tolist"):
            values = as_list(batch, count)
            return [self._listed(_array(value), self.shape) for value in values]
        array = _array(batch)
        if array.ndim == 0 or array.shape[0] != count:
            raise WrongResult(
                f"predict got a batch of {count} and must return {count} results, but returned "
                f"shape {array.shape}"
            )
        listed: list[Any] = self._listed(array, (None, *self.shape))
        return listed

    def _listed(self, array: numpy.ndarray[Any, Any], shape: Sequence[int | None]) -> Any:
        fits = array.ndim == len(shape) and all(
            want is None or want == n for want, n in zip(shape, array.shape, strict=True)
        )
        if not fits:
            sizes = ", ".join("any" if n is None else str(n) for n in shape)
            raise WrongResult(f"expected a result of shape ({sizes}), but got {array.shape}")
        if not numpy.can_cast(array.dtype, self._stored, "same_kind"):
            raise WrongResult(f"expected a result of {self.dtype}, but got {array.dtype}")
        if array.size and self.dtype != fb.bool:
            low, high = array.min(), array.max()
            if not (low >= self.min and high <= self.max):
                raise WrongResult(
                    f"the result holds values from {low} to {high}; finite ones between "
                    f"{self.min} and {self.max} were declared"
                )
        return array.astype(self._stored, copy=False).tolist()

    def example(self) -> Any:
        low, high = (0, 0) if self.dtype == fb.bool else (self.min, self.max)
        value = 0 if low <= 0 <= high else low
        if self.dtype == fb.bool:
            value = False
        made = [value]
        for size in reversed(self.shape):
            made = [made * (size or 1)]
        return made[0]

    def to_json(self, value: Any) -> Any:
        return value.tolist() if hasattr(value, "tolist") else value


def _array(value: Any) -> numpy.ndarray[Any, Any]:
    """A result as NumPy array, without a copy where possible."""
    if isinstance(value, fb.Tensor):
        value = value.detach()
        return (value.float() if value.dtype == fb.bfloat16 else value).numpy()  # type: ignore[no-any-return]
    return numpy.asarray(value)

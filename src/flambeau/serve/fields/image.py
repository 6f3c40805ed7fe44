"""Pictures."""

from __future__ import annotations

import io
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy
from msgspec import Meta

import flambeau as fb
from flambeau.serve.errors import InvalidInput, ServeError, TooLarge
from flambeau.serve.fields.base import (
    BASE64,
    DATA_URI,
    Field,
    WrongResult,
    as_list,
    from_base64,
    media_matches,
    to_base64,
)
from flambeau.serve.limits import Limits

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

# What Pillow may try on a stranger's bytes: each decoder more is one more to trust.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


class Image(Field):
    """A picture: PNG, JPEG, WebP, GIF or BMP, upright, over white where it is transparent.

    It comes as base64 or data: URI in JSON, as a form's part or as the raw body. As a result it is
    base64 of a PNG; the model returns (C, H, W) in [0, 1] or PIL images.

    Args:
        mode: "RGB" or "L" (gray); C is 3 or 1.
        size: (height, width) to which pictures are scaled, whatever their proportions.
        transform: gets the PIL image in place of all that; what it returns goes to the model. A
            ValueError that it raises tells the caller what is wrong with the picture.
        drawing: whether a page should offer a canvas to draw on.

    The model gets float32 (B, C, H, W) in [0, 1]; without a size or with a transform that returns
    tensors, pictures of different shapes run apart.

    Raises:
        ValueError: The mode or the size makes no sense.

    Example:
        >>> Image("L", size=(28, 28)).hints()
        {'mode': 'L', 'size': [28, 28], 'drawing': False}
    """

    kind = "image"
    slow = True
    media_types = ("image/*",)

    def __init__(
        self,
        mode: str = "RGB",
        size: Sequence[int] | None = None,
        transform: Callable[[Picture], Any] | None = None,
        *,
        drawing: bool = False,
    ) -> None:
        if mode not in ("RGB", "L"):
            raise ValueError(f"Image: mode must be RGB or L, not {mode!r}")
        if size is not None and (len(size) != 2 or not all(type(n) is int and n > 0 for n in size)):
            raise ValueError(f"Image: size must be (height, width), not {size}")
        self.mode = mode
        self.size = None if size is None else (size[0], size[1])
        self.transform = transform
        self.drawing = drawing
        self.ragged = size is None or transform is not None

    def json_type(self) -> Any:
        return Annotated[str, Meta(min_length=4)]

    def schema(self, *, output: bool = False) -> dict[str, Any]:
        prefix = "" if output else f"(?:{DATA_URI})?"
        media = "image/png" if output else "image/*"
        return {
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": media,
            "pattern": f"^{prefix}{BASE64}$",
            "minLength": 4,
        }

    def hints(self) -> dict[str, Any]:
        size = None if self.size is None else list(self.size)
        return {"mode": self.mode, "size": size, "drawing": self.drawing}

    def decode(self, value: Any, limits: Limits) -> Any:
        return self._read(from_base64(value), limits)

    def decode_bytes(self, data: bytes, media_type: str, limits: Limits) -> Any:
        if not media_matches(media_type, ("image/*", "application/octet-stream")):
            super().decode_bytes(data, media_type, limits)
        return self._read(data, limits)

    def _read(self, data: bytes, limits: Limits) -> Any:
        picture = open_picture(data, self.mode, limits.pixels)
        if self.transform is not None:
            try:
                return self.transform(picture)
            except ValueError as error:
                raise InvalidInput(str(error)) from error
        if self.size is not None and picture.size != self.size[::-1]:
            from PIL.Image import Resampling

            picture = picture.resize(self.size[::-1], Resampling.BILINEAR)
        pixels = numpy.asarray(picture)
        return pixels[None] if self.mode == "L" else pixels.transpose(2, 0, 1)

    def shape_of(self, value: Any) -> Hashable:
        return tuple(value.shape) if hasattr(value, "shape") else None

    def collate(self, values: list[Any]) -> Any:
        if self.transform is None:
            return fb.from_numpy(numpy.stack(values)).to(fb.float32) / 255
        if isinstance(values[0], fb.Tensor):
            return fb.stack(values)
        return values

    def split(self, batch: Any, count: int) -> list[Any]:
        return as_list(list(batch) if hasattr(batch, "shape") else batch, count)

    def encode(self, value: Any) -> str:
        from PIL import Image as pillow

        if not isinstance(value, pillow.Image):
            value = self._to_picture(value)
        file = io.BytesIO()
        value.convert(self.mode).save(file, "PNG", compress_level=1)
        return to_base64(file.getvalue())

    def _to_picture(self, value: Any) -> Picture:
        from PIL import Image as pillow

        array = value.detach().float().numpy() if isinstance(value, fb.Tensor) else value
        array = numpy.asarray(array, numpy.float32)
        channels = 3 if self.mode == "RGB" else 1
        if array.ndim != 3 or array.shape[0] != channels or not array.size:
            raise WrongResult(
                f"expected a picture of shape ({channels}, height, width), but got {array.shape}"
            )
        if not numpy.isfinite(array).all():
            raise WrongResult("the picture holds values that are not finite")
        pixels = (array.clip(0, 1) * 255).round().astype(numpy.uint8)
        return pillow.fromarray(pixels[0] if channels == 1 else pixels.transpose(1, 2, 0))

    def to_json(self, value: Any) -> Any:
        if isinstance(value, bytes):
            return to_base64(value)
        return value if isinstance(value, str) else self.encode(value)


def open_picture(data: bytes, mode: str, pixels: int) -> Picture:
    """Decode a stranger's picture.

    Raises:
        TooLarge: It has more than ``pixels``, as its header says before anything is decoded.
        InvalidInput: It is of no known format, or broken.
    """
    from PIL import Image as pillow, ImageOps, UnidentifiedImageError

    try:
        with pillow.open(io.BytesIO(data), formats=FORMATS) as file:
            _check_size(file, pixels)
            file.verify()
        with pillow.open(io.BytesIO(data), formats=FORMATS) as file:
            file.load()
            _check_size(file, pixels)
            return flatten(ImageOps.exif_transpose(file), mode)
    except ServeError:
        raise
    except UnidentifiedImageError:
        known = ", ".join(FORMATS)
        raise InvalidInput(f"this is no picture that can be read ({known})") from None
    except pillow.DecompressionBombError:
        raise TooLarge(f"the picture has more than {pixels} pixels") from None
    except Exception:  # Pillow's decoders raise nearly everything on broken files
        raise InvalidInput("the picture is broken or truncated") from None


def _check_size(file: Picture, pixels: int) -> None:
    if file.width * file.height > pixels:
        raise TooLarge(f"the picture has {file.width} x {file.height} pixels, over {pixels} in all")


def flatten(picture: Picture, mode: str) -> Picture:
    """Return a picture without transparency, 8 bits deep."""
    from PIL import Image as pillow

    if picture.mode.startswith("I"):  # 16 bits
        deep = numpy.asarray(picture).astype(numpy.uint32).clip(0, 65535)
        picture = pillow.fromarray((deep >> 8).astype(numpy.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = pillow.new("RGBA", picture.size, "white")
        picture = pillow.alpha_composite(white, picture)
    return picture.convert(mode)

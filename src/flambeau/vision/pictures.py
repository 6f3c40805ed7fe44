"""Picture files made into what a data set's pictures look like: ink on an empty ground."""

import os
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import flambeau as fb
from flambeau.io.errors import FormatError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_SIDE = 1024
INK = 0.25  # fainter than this part of the darkest ink is paper


@dataclass(frozen=True)
class PictureFormat:
    """How the pictures of a training set were made.

    Args:
        height, width: In pixels.
        box: Longer side of the shape that the ink is scaled into, in pixels.
        centre: What lies in the middle: the "box" around the ink or its centre of "mass".
        stretch: Whether the strongest ink always has the value 1.
    """

    height: int
    width: int
    box: int
    centre: str = "box"
    stretch: bool = True

    def __post_init__(self) -> None:
        sides = (self.height, self.width, self.box)
        if not all(type(side) is int and 1 <= side <= MAX_SIDE for side in sides):
            raise ValueError(f"picture format: sides must be integers in 1..{MAX_SIDE}: {sides}")
        if self.box > min(self.height, self.width):
            raise ValueError(f"picture format: a box of {self.box} does not fit into the picture")
        if self.centre not in ("box", "mass"):
            raise ValueError(f"picture format: centre must be box or mass, not {self.centre!r}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "PictureFormat":
        """The format that ``to_dict`` described.

        Raises:
            FormatError: Something else was described.
        """
        known = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or not values.keys() <= known:
            raise FormatError("picture format: unknown entries")
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise FormatError(str(error)) from None


DIGITS = PictureFormat(8, 8, 8)
MNIST = PictureFormat(28, 28, 20, centre="mass")
FASHION_MNIST = PictureFormat(28, 28, 28, stretch=False)


def open_picture(path: str | os.PathLike[str]) -> "Image":
    """The picture in a file, gray, upright, over white where it is transparent.

    Raises:
        FileNotFoundError: There is no such file.
        FormatError: It is no picture, is broken, or has too many pixels.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file)
            if picture.has_transparency_data:
                picture = picture.convert("RGBA")
                white = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(white, picture)
            return picture.convert("F" if picture.mode.startswith(("I", "F")) else "L")
    except FileNotFoundError:
        raise
    except UnidentifiedImageError:
        raise FormatError(f"{path} is not a picture that can be read (PNG, JPEG, ...)") from None
    except Image.DecompressionBombError as error:
        raise FormatError(f"{path} is too large: {error}") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise FormatError(f"{path} cannot be read as a picture: {error}") from None


def ink_of(picture: "Image") -> "fb.Tensor":
    """How much each pixel differs from the ground, which is what the border shows.

    Args:
        picture: Gray, dark on light or light on dark.

    Returns:
        float32 tensor of shape (height, width) in [0, 1].

    Raises:
        ValueError: There is nothing but ground.
    """
    import numpy

    values = numpy.asarray(picture, dtype=numpy.float32)
    border = numpy.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    ground = numpy.median(border)
    darker, lighter = ground - values.min(), values.max() - ground
    ink = (ground - values if darker >= lighter else values - ground).clip(min=0)
    scale = 255.0 if values.max() <= 255 else float(numpy.abs(values).max())
    if not numpy.isfinite(ink).all() or ink.max() < scale / 16:
        raise ValueError("the picture is empty: nothing stands out from its border")
    return fb.from_numpy(ink / scale)


def fit(ink: "fb.Tensor", form: PictureFormat) -> "fb.Tensor":
    """Crop to the ink, scale it into the format's box and centre it.

    Args:
        ink: Shape (height, width), values in [0, 1], some above 0.
        form: What to make of it.

    Returns:
        float32 tensor of shape (form.height, form.width) in [0, 1].
    """
    import numpy
    from PIL import Image

    values = ink.numpy()
    marked = values >= INK * values.max()
    rows, columns = numpy.nonzero(marked.any(axis=1))[0], numpy.nonzero(marked.any(axis=0))[0]
    values = values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = values.shape
    factor = form.box / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    # Areas are averaged, as pictures of data sets were made from larger scans.
    filter = Image.Resampling.BOX if factor < 1 else Image.Resampling.BILINEAR
    small = numpy.asarray(Image.fromarray(values).resize(size, filter)).clip(0, 1)
    if form.stretch:
        small = small / small.max()
    made = numpy.zeros((form.height, form.width), numpy.float32)
    top = _start(small.sum(axis=1), form.height, form.centre)
    left = _start(small.sum(axis=0), form.width, form.centre)
    made[top : top + small.shape[0], left : left + small.shape[1]] = small
    return fb.from_numpy(made)


def _start(ink: Any, space: int, centre: str) -> int:
    """Where a shape begins along an axis, given its ink in each line across the axis."""
    length = len(ink)
    middle = length / 2
    if centre == "mass":
        middle = sum((i + 0.5) * float(part) for i, part in enumerate(ink)) / float(ink.sum())
    return min(max(round(space / 2 - middle), 0), space - length)


def read_picture(path: str | os.PathLike[str], form: PictureFormat) -> "fb.Tensor":
    """A picture file as a data set would have it.

    Raises:
        FileNotFoundError: There is no such file.
        FormatError: It is no picture or is broken.
        ValueError: The picture is empty.
    """
    return fit(ink_of(open_picture(path)), form)

"""Transforms of images, with torchvision's names and meaning.

They take PIL images or tensors of shape (..., channels, height, width). Random ones draw from
flambeau's generator, in torchvision's order, so that a seed gives the same pictures.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import flambeau as fb
from flambeau.vision.transforms import functional, functional as F
from flambeau.vision.transforms.functional import InterpolationMode

if TYPE_CHECKING:
    from flambeau.vision.transforms.functional import Image

Transform = Callable[[Any], Any]


class Compose:
    """Apply transforms one after the other.

    Example:
        >>> import flambeau
        >>> prepare = Compose([CenterCrop(2), Normalize([0.5], [0.5])])
        >>> prepare(flambeau.ones(1, 4, 4))
        tensor([[[1., 1.],
                 [1., 1.]]])
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"Compose({lines}\n)"


class ToTensor:
    """PIL image or array (height, width, channels) to a tensor; bytes become floats in [0, 1]."""

    def __call__(self, pic: Any) -> "fb.Tensor":
        return F.to_tensor(pic)

    def __repr__(self) -> str:
        return "ToTensor()"


class PILToTensor:
    """PIL image to a tensor (channels, height, width) of the same numbers."""

    def __call__(self, pic: Any) -> "fb.Tensor":
        return F.pil_to_tensor(pic)

    def __repr__(self) -> str:
        return "PILToTensor()"


class ToPILImage:
    """Tensor (channels, height, width) or array (height, width, channels) to a PIL image."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return F.to_pil_image(pic, self.mode)

    def __repr__(self) -> str:
        return f"ToPILImage({'' if self.mode is None else f'mode={self.mode}'})"


class ConvertImageDtype:
    """Change a tensor's dtype and scale its values: floats in [0, 1], integers in their range."""

    def __init__(self, dtype: "fb.dtype") -> None:
        self.dtype = dtype

    def __call__(self, image: "fb.Tensor") -> "fb.Tensor":
        return F.convert_image_dtype(image, self.dtype)

    def __repr__(self) -> str:
        return f"ConvertImageDtype(dtype={self.dtype})"


class Normalize:
    """Shift and scale each channel of a floating-point tensor: (x - mean) / std.

    Args:
        mean: One mean a channel.
        std: One standard deviation a channel.
        inplace: Overwrite the tensor.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, tensor: "fb.Tensor") -> "fb.Tensor":
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


class Resize:
    """Resize to (height, width), or with one number the shorter edge to it.

    Args:
        size: One or two sizes in pixels.
        interpolation: An InterpolationMode.
        max_size: The most the longer edge may get, with one number as size.
        antialias: Average over all pixels where a tensor shrinks; PIL images always do.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: InterpolationMode | str = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        if not isinstance(size, int | Sequence):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = InterpolationMode(interpolation)

    def __call__(self, img: "Image") -> "Image":
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"Resize(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class CenterCrop:
    """Cut out the middle of this size; smaller images are padded with zeros."""

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = F._pair(size)

    def __call__(self, img: "Image") -> "Image":
        return F.center_crop(img, self.size)

    def __repr__(self) -> str:
        return f"CenterCrop(size={self.size})"


class Pad:
    """Add a border.

    Args:
        padding: One number for all sides, (sideways, up and down), or (left, top, right, bottom).
        fill: Value, or one a channel, of a constant border.
        padding_mode: "constant", "edge", "reflect" or "symmetric".
    """

    def __init__(
        self,
        padding: int | Sequence[int],
        fill: float | Sequence[float] = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def __call__(self, img: "Image") -> "Image":
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return f"Pad(padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode})"


class Lambda:
    """Apply any function."""

    def __init__(self, lambd: Transform) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        return self.lambd(img)

    def __repr__(self) -> str:
        return "Lambda()"


class Grayscale:
    """Brightness of a colour image, in one channel or in three equal ones."""

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def __call__(self, img: "Image") -> "Image":
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self) -> str:
        return f"Grayscale(num_output_channels={self.num_output_channels})"


class RandomApply:
    """Apply transforms together with probability p."""

    def __init__(self, transforms: Sequence[Transform], p: float = 0.5) -> None:
        self.transforms, self.p = transforms, p

    def __call__(self, img: Any) -> Any:
        if self.p < fb.rand(1).item():
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self) -> str:
        lines = "".join(f"\n    {transform}" for transform in self.transforms)
        return f"RandomApply(\n    p={self.p}{lines}\n)"


class RandomHorizontalFlip:
    """Swap left and right with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, img: "Image") -> "Image":
        return F.hflip(img) if fb.rand(1).item() < self.p else img

    def __repr__(self) -> str:
        return f"RandomHorizontalFlip(p={self.p})"


class RandomVerticalFlip:
    """Swap top and bottom with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, img: "Image") -> "Image":
        return F.vflip(img) if fb.rand(1).item() < self.p else img

    def __repr__(self) -> str:
        return f"RandomVerticalFlip(p={self.p})"


def _random_corner(height: int, width: int, new_height: int, new_width: int) -> tuple[int, int]:
    """Upper left corner of a rectangle of the new size."""
    top = fb.randint(0, height - new_height + 1, size=(1,)).item()
    left = fb.randint(0, width - new_width + 1, size=(1,)).item()
    return int(top), int(left)


class RandomCrop:
    """Cut out a rectangle of this size at a random place.

    Args:
        size: One or two sizes in pixels.
        padding: Border to add first, as for Pad.
        pad_if_needed: Add a border where the image is too small.
        fill: Value of a constant border.
        padding_mode: As for Pad.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: float | Sequence[float] = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size, self.padding, self.pad_if_needed = F._pair(size), padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(img: "Image", output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """A random top, left, height and width for crop."""
        _, h, w = F.get_dimensions(img)
        height, width = output_size
        if h < height or w < width:
            raise ValueError(
                f"Required crop size {(height, width)} is larger than input image size {(h, w)}"
            )
        if (h, w) == (height, width):
            return 0, 0, h, w
        return (*_random_corner(h, w, height, width), height, width)

    def __call__(self, img: "Image") -> "Image":
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, h, w = F.get_dimensions(img)
        if self.pad_if_needed and w < self.size[1]:
            img = F.pad(img, [self.size[1] - w, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and h < self.size[0]:
            img = F.pad(img, [0, self.size[0] - h], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self) -> str:
        return f"RandomCrop(size={self.size}, padding={self.padding})"


class RandomResizedCrop:
    """Cut out a rectangle of random area and shape, and resize it.

    Args:
        size: One or two sizes in pixels.
        scale: Least and largest part of the image's area.
        ratio: Least and largest width divided by height.
        interpolation: An InterpolationMode.
        antialias: As for Resize.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: InterpolationMode | str = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=2)
        self.size, self.scale, self.ratio, self.antialias = F._pair(size), scale, ratio, antialias
        self.interpolation = InterpolationMode(interpolation)

    @staticmethod
    def get_params(
        img: "Image", scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """A random top, left, height and width for crop."""
        _, h, w = F.get_dimensions(img)
        low, high = fb.log(fb.tensor(ratio)).tolist()
        for _ in range(10):
            area = h * w * fb.empty(1).uniform_(scale[0], scale[1]).item()
            aspect = fb.exp(fb.empty(1).uniform_(low, high)).item()
            width, height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < width <= w and 0 < height <= h:
                return (*_random_corner(h, w, height, width), height, width)
        height, width = h, w
        if w / h < min(ratio):
            height = round(w / min(ratio))
        elif w / h > max(ratio):
            width = round(h * max(ratio))
        return (h - height) // 2, (w - width) // 2, height, width

    def __call__(self, img: "Image") -> "Image":
        place = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *place, self.size, self.interpolation, self.antialias)

    def __repr__(self) -> str:
        return (
            f"RandomResizedCrop(size={self.size}, "
            f"scale={tuple(round(s, 4) for s in self.scale)}, "
            f"ratio={tuple(round(r, 4) for r in self.ratio)}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )


__all__ = [
    "CenterCrop",
    "Compose",
    "ConvertImageDtype",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandomApply",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomVerticalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "functional",
]

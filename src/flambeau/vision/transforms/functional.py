"""What the transforms do, as functions of an image and its parameters.

An image is a PIL image or a tensor of shape (..., channels, height, width).
"""

import sys
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

import flambeau as fb

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as PILImage

    Image: TypeAlias = PILImage | fb.Tensor

PIL_CHANNELS = {"CMYK": 4, "F": 1, "HSV": 3, "I": 1, "L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "1": 1}
MODES_BY_CHANNELS = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
LUMA = (0.2989, 0.587, 0.114)  # ITU-R 601-2, as Pillow and torchvision weigh the colours


class InterpolationMode(Enum):
    """How values between pixels are found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


PIL_FILTERS = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.NEAREST_EXACT: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
}


def is_pil_image(image: object) -> bool:
    """Whether this is a PIL image; does not import Pillow to find out."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def _check_image(image: object, name: str) -> None:
    if isinstance(image, fb.Tensor):
        if image.dim() < 2:
            raise TypeError(
                f"{name}: expected a tensor of shape (..., height, width), but got "
                f"{tuple(image.shape)}"
            )
    elif not is_pil_image(image):
        raise TypeError(f"{name}: expected a PIL image or a tensor, but got {type(image).__name__}")


def get_dimensions(image: "Image") -> list[int]:
    """Channels, height and width of an image."""
    _check_image(image, "get_dimensions")
    if isinstance(image, fb.Tensor):
        channels = image.shape[-3] if image.dim() > 2 else 1
        return [channels, image.shape[-2], image.shape[-1]]
    return [len(image.getbands()), image.height, image.width]


def get_image_size(image: "Image") -> list[int]:
    """Width and height of an image."""
    return get_dimensions(image)[:0:-1]


def pil_to_tensor(image: "PILImage") -> "fb.Tensor":
    """The pixels of a PIL image as they are.

    Returns:
        Tensor of shape (channels, height, width); uint8 for the usual modes.
    """
    import numpy as np

    if not is_pil_image(image):
        raise TypeError(f"pil_to_tensor: expected a PIL image, but got {type(image).__name__}")
    pixels = np.array(image, copy=True)
    if pixels.dtype == np.bool_:
        pixels = pixels.view(np.uint8) != 0  # Pillow writes True as 255
    if pixels.dtype == np.uint16:  # mode I;16
        pixels = pixels.astype(np.int16) if pixels.max(initial=0) < 1 << 15 else pixels.astype("i4")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    return fb.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def to_tensor(image: "PILImage | np.ndarray[Any, Any]") -> "fb.Tensor":
    """Turn a PIL image, or an array of shape (height, width[, channels]), into a tensor.

    Bytes in [0, 255] become float32 in [0, 1]; other types keep their values.

    Returns:
        Tensor of shape (channels, height, width).
    """
    import numpy as np

    if isinstance(image, np.ndarray):
        if image.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {image.ndim} dimensions.")
        planes = image[:, :, None] if image.ndim == 2 else image
        tensor = fb.from_numpy(np.array(planes.transpose(2, 0, 1), order="C"))
    else:
        tensor = pil_to_tensor(image)
        if tensor.dtype == fb.bool:
            tensor = tensor.to(fb.uint8) * 255
    if tensor.dtype == fb.uint8:
        return tensor.to(fb.get_default_dtype()) / 255
    return tensor


def to_pil_image(image: "fb.Tensor | np.ndarray[Any, Any]", mode: str | None = None) -> "PILImage":
    """Turn a tensor (channels, height, width) or an array (height, width, channels) into a picture.

    Floating-point values in [0, 1] become bytes, unless the mode is "F".
    """
    import numpy as np
    from PIL import Image

    if isinstance(image, fb.Tensor):
        tensor = image.detach().cpu()
        pixels = (tensor.permute(1, 2, 0) if tensor.dim() == 3 else tensor).numpy()
    elif isinstance(image, np.ndarray):
        pixels = image
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(image)}.")
    if pixels.ndim not in (2, 3):
        raise ValueError(f"pic should be 2/3 dimensional. Got {pixels.ndim} dimensions.")
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    channels = pixels.shape[2]
    if not 1 <= channels <= 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if pixels.dtype.kind == "f" and mode != "F":
        pixels = (pixels * 255).astype(np.uint8)
    mode = _checked_mode(mode, pixels.dtype, channels)
    if channels == 1:
        pixels = pixels[:, :, 0]
    pixels = np.ascontiguousarray(pixels)
    size = (pixels.shape[1], pixels.shape[0])
    return Image.frombytes(mode, size, pixels.tobytes())


def _checked_mode(mode: str | None, dtype: "np.dtype[Any]", channels: int) -> str:
    """The PIL mode for pixels of this kind, or an error if another was asked for."""
    if channels == 1:
        found = {"uint8": "L", "int16": "I;16", "int32": "I", "float32": "F"}.get(dtype.name)
        allowed: tuple[str, ...] = (found,) if found else ()
    else:
        allowed = MODES_BY_CHANNELS[channels] if dtype.name == "uint8" else ()
    if not allowed:
        raise TypeError(f"Input type {dtype} is not supported for {channels} channels")
    if mode is not None and mode not in allowed:
        raise ValueError(
            f"Incorrect mode ({mode}) supplied for {channels} channels of {dtype}. Should be one "
            f"of {', '.join(allowed)}"
        )
    return mode or allowed[0]


def _largest(dtype: "fb.dtype") -> int:
    return 1 if dtype == fb.bool else int(fb.iinfo(dtype).max)


def convert_image_dtype(image: "fb.Tensor", dtype: "fb.dtype | None" = None) -> "fb.Tensor":
    """Change a tensor image's dtype and scale its values with it: float [0, 1], integers full.

    Raises:
        RuntimeError: The floating-point dtype cannot hold all values of the integer dtype.
    """
    dtype = fb.float32 if dtype is None else dtype
    if not isinstance(image, fb.Tensor):
        raise TypeError("Input img should be Tensor Image")
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        exact = {fb.float32: 24, fb.float64: 53}.get(image.dtype, 11)
        if _largest(dtype).bit_length() > max(exact, 8):
            raise RuntimeError(
                f"The cast from {image.dtype} to {dtype} cannot be performed safely."
            )
        # a little under max + 1, so that all integers get an equally wide range of floats
        return image.mul(_largest(dtype) + 1.0 - 1e-3).to(dtype)
    if dtype.is_floating_point:
        return image.to(dtype) / _largest(image.dtype)
    before, after = _largest(image.dtype) + 1, _largest(dtype) + 1
    if before > after:
        return fb.div(image, before // after, rounding_mode="floor").to(dtype)
    return image.to(dtype) * (after // before)


def normalize(
    tensor: "fb.Tensor", mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> "fb.Tensor":
    """Shift and scale each channel: (x - mean) / std.

    Args:
        tensor: Floating-point image of shape (..., channels, height, width).
        mean: One mean a channel.
        std: One standard deviation a channel, none zero.
        inplace: Overwrite the tensor.
    """
    if not isinstance(tensor, fb.Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.dim() < 3:
        raise ValueError(
            "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = "
            f"{tensor.size()}"
        )
    shift = fb.as_tensor(mean, dtype=tensor.dtype, device=tensor.device).view(-1, 1, 1)
    scale = fb.as_tensor(std, dtype=tensor.dtype, device=tensor.device).view(-1, 1, 1)
    if bool((scale == 0).any()):
        raise ValueError(
            f"std evaluated to zero after conversion to {tensor.dtype}, "
            "leading to division by zero."
        )
    if inplace:
        return tensor.sub_(shift).div_(scale)
    return (tensor - shift) / scale


def resized_size(
    height: int, width: int, size: Sequence[int], max_size: int | None
) -> tuple[int, int]:
    """Height and width after resizing; one number in `size` is for the shorter edge."""
    if len(size) == 2:
        if max_size is not None:
            raise ValueError("max_size should only be passed if size is given as one number")
        return size[0], size[1]
    short, long = min(height, width), max(height, width)
    new_short, new_long = size[0], int(size[0] * long / short)
    if max_size is not None:
        if max_size <= size[0]:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the "
                f"smaller edge size = {size[0]}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_long, new_short) if width <= height else (new_short, new_long)


def resize(
    img: "Image",
    size: int | Sequence[int],
    interpolation: InterpolationMode | str = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> "Image":
    """Resize an image.

    Args:
        img: PIL image or tensor of shape (..., height, width).
        size: Height and width, or one number for the shorter edge.
        interpolation: An InterpolationMode; tensors know nearest, bilinear and bicubic.
        max_size: The most the longer edge may get, with one number as size.
        antialias: Average over all pixels where a tensor shrinks; PIL images always do.
    """
    _check_image(img, "resize")
    mode = InterpolationMode(interpolation)
    wanted = [size] if isinstance(size, int) else list(size)
    if len(wanted) not in (1, 2) or min(wanted) < 1:
        raise ValueError(f"resize: expected one or two positive sizes, but got {wanted}")
    _, height, width = get_dimensions(img)
    new_height, new_width = resized_size(height, width, wanted, max_size)
    if (new_height, new_width) == (height, width):
        return img
    if not isinstance(img, fb.Tensor):
        return img.resize((new_width, new_height), PIL_FILTERS[mode])
    if mode in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        half = 0.5 if mode is InterpolationMode.NEAREST_EXACT else 0.0
        rows = _nearest(height, new_height, half).to(img.device)
        columns = _nearest(width, new_width, half).to(img.device)
        return img.index_select(-2, rows).index_select(-1, columns)
    if mode not in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
        raise ValueError(f"resize: tensors cannot be resized with interpolation {mode.value!r}")
    return _resample(img, new_height, new_width, mode is InterpolationMode.BICUBIC, bool(antialias))


def _nearest(length: int, new_length: int, half: float) -> "fb.Tensor":
    index = [min(int((i + half) * length / new_length), length - 1) for i in range(new_length)]
    return fb.tensor(index)


def _resample(
    img: "fb.Tensor", height: int, width: int, cubic: bool, antialias: bool
) -> "fb.Tensor":
    """Resize as a product with one matrix of weights for the rows and one for the columns."""
    dtype = img.dtype if img.dtype in (fb.float32, fb.float64) else fb.float32
    rows = _weights(img.shape[-2], height, cubic, antialias)
    columns = _weights(img.shape[-1], width, cubic, antialias)
    rows, columns = rows.to(img.device, dtype), columns.to(img.device, dtype)
    result = fb.matmul(rows, fb.matmul(img.to(dtype), columns.t()))
    if not img.is_floating_point():
        info = fb.iinfo(img.dtype)
        result = result.round().clamp(info.min, info.max)
    return result.to(img.dtype)


def _weights(length: int, new_length: int, cubic: bool, antialias: bool) -> "fb.Tensor":
    """How much each old pixel counts in each new one: shape (new_length, length).

    With antialiasing the kernel is stretched over all old pixels that a new one covers, as in
    Pillow; without, pixels beyond the border repeat the last one.
    """
    import numpy as np

    scale = length / new_length
    border = 0 if antialias else 2
    old = np.arange(-border, length + border) + 0.5
    distance = old - ((np.arange(new_length) + 0.5) * scale)[:, None]
    if antialias:
        distance /= max(scale, 1.0)
    weights = (
        _cubic(np.abs(distance), -0.5 if antialias else -0.75)
        if cubic
        else np.maximum(0, 1 - np.abs(distance))
    )
    if border:
        weights[:, border] += weights[:, :border].sum(1)
        weights[:, -border - 1] += weights[:, -border:].sum(1)
        weights = weights[:, border:-border]
    return fb.from_numpy(weights / weights.sum(1, keepdims=True))


def _cubic(x: "np.ndarray[Any, Any]", a: float) -> "np.ndarray[Any, Any]":
    """Keys' convolution kernel (IEEE Trans. ASSP 29, 1981) of a distance."""
    import numpy as np

    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def crop(img: "Image", top: int, left: int, height: int, width: int) -> "Image":
    """Cut out a rectangle; what lies outside of the image is zero."""
    _check_image(img, "crop")
    if not isinstance(img, fb.Tensor):
        return img.crop((left, top, left + width, top + height))
    _, h, w = get_dimensions(img)
    inside = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if top >= 0 and left >= 0 and top + height <= h and left + width <= w:
        return inside
    over, before = min(max(-top, 0), height), min(max(-left, 0), width)
    under, behind = height - over - inside.shape[-2], width - before - inside.shape[-1]
    return _pad_constant(inside, (before, over, behind, under), 0)


def center_crop(img: "Image", output_size: int | Sequence[int]) -> "Image":
    """Cut out the middle; smaller images are padded with zeros first."""
    height, width = _pair(output_size)
    _, h, w = get_dimensions(img)
    if height > h or width > w:
        tall, wide = max(height - h, 0), max(width - w, 0)
        img = pad(img, [wide // 2, tall // 2, (wide + 1) // 2, (tall + 1) // 2])
        _, h, w = get_dimensions(img)
    return crop(img, round((h - height) / 2), round((w - width) / 2), height, width)


def resized_crop(
    img: "Image",
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode | str = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> "Image":
    """Cut out a rectangle and resize it."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def pad(
    img: "Image",
    padding: int | Sequence[int],
    fill: float | Sequence[float] = 0,
    padding_mode: str = "constant",
) -> "Image":
    """Add a border.

    Args:
        img: PIL image or tensor of shape (..., height, width).
        padding: One number for all sides, (sideways, up and down), or (left, top, right, bottom).
        fill: Value, or one a channel, of a constant border.
        padding_mode: "constant", "edge", "reflect" or "symmetric".
    """
    import numpy as np

    _check_image(img, "pad")
    sides = [padding] if isinstance(padding, int) else list(padding)
    if len(sides) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not {sides}")
    left, top, right, bottom = (sides * 4)[:4] if len(sides) < 4 else sides
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(
            "Padding mode should be either constant, edge, reflect or symmetric, but got "
            f"{padding_mode!r}"
        )
    if not isinstance(img, fb.Tensor):
        if padding_mode == "constant":
            return _expand_pil(img, (left, top, right, bottom), fill)
        from PIL import Image

        around = [(top, bottom), (left, right)] + [(0, 0)] * (len(img.getbands()) > 1)
        pixels = np.pad(np.asarray(img), around, padding_mode)  # type: ignore[call-overload]
        result = Image.fromarray(pixels)
        if img.mode == "P":
            result.putpalette(img.getpalette() or [])
        return result
    if padding_mode == "constant":
        return _pad_constant(img, (left, top, right, bottom), fill)
    rows = np.pad(np.arange(img.shape[-2]), (top, bottom), padding_mode)  # type: ignore[call-overload]
    columns = np.pad(np.arange(img.shape[-1]), (left, right), padding_mode)  # type: ignore[call-overload]
    rows, columns = fb.from_numpy(rows).to(img.device), fb.from_numpy(columns).to(img.device)
    return img.index_select(-2, rows).index_select(-1, columns)


def _pad_constant(
    img: "fb.Tensor", sides: tuple[int, int, int, int], fill: float | Sequence[float]
) -> "fb.Tensor":
    left, top, right, bottom = sides
    inner_h, inner_w = img.shape[-2], img.shape[-1]
    shape = [*img.shape[:-2], inner_h + top + bottom, inner_w + left + right]
    result = fb.empty(shape, dtype=img.dtype, device=img.device)
    if isinstance(fill, Sequence):
        result[:] = fb.tensor(fill, dtype=img.dtype, device=img.device).view(-1, 1, 1)
    else:
        result.fill_(fill)
    result[..., top : top + inner_h, left : left + inner_w] = img
    return result


def _expand_pil(
    img: "PILImage", sides: tuple[int, int, int, int], fill: float | Sequence[float]
) -> "PILImage":
    from PIL import ImageOps

    bands = len(img.getbands())
    if isinstance(fill, Sequence):
        if len(fill) not in (1, bands):
            raise ValueError(f"pad: {len(fill)} fill values for an image with {bands} channels")
        fill = tuple(fill) * (bands if len(fill) == 1 else 1)
    elif bands > 1:
        fill = (fill,) * bands
    value: Any = fill[0] if isinstance(fill, tuple) and bands == 1 else fill
    return ImageOps.expand(img, border=sides, fill=value)


def hflip(img: "Image") -> "Image":
    """Swap left and right."""
    _check_image(img, "hflip")
    if isinstance(img, fb.Tensor):
        return img.flip(-1)
    from PIL import ImageOps

    return ImageOps.mirror(img)


def vflip(img: "Image") -> "Image":
    """Swap top and bottom."""
    _check_image(img, "vflip")
    if isinstance(img, fb.Tensor):
        return img.flip(-2)
    from PIL import ImageOps

    return ImageOps.flip(img)


def rgb_to_grayscale(img: "Image", num_output_channels: int = 1) -> "Image":
    """Brightness of a colour image, in one channel or in three equal ones."""
    _check_image(img, "rgb_to_grayscale")
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if not isinstance(img, fb.Tensor):
        from PIL import Image

        gray = img.convert("L")
        return gray if num_output_channels == 1 else Image.merge("RGB", [gray] * 3)
    if img.dim() < 3 or img.shape[-3] not in (1, 3):
        raise TypeError(
            "rgb_to_grayscale: expected a tensor of shape (..., 1 or 3, height, width), but got "
            f"{tuple(img.shape)}"
        )
    if img.shape[-3] == 3:
        red, green, blue = img.unbind(-3)
        mixed = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
        channel: fb.Tensor = mixed.to(img.dtype).unsqueeze(-3)
    else:
        channel = img
    return channel.expand(*img.shape[:-3], num_output_channels, *img.shape[-2:])


to_grayscale = rgb_to_grayscale


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width from one number or two."""
    if isinstance(size, int):
        return size, size
    if len(size) not in (1, 2):
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    return size[0], size[-1]

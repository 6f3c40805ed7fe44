"""Data sets of pictures. None is ever downloaded."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flambeau as fb
from flambeau.io.errors import FormatError
from flambeau.utils.data import Dataset
from flambeau.vision.idx import read_idx

DATA = Path(__file__).with_name("data")
FASHION_MNIST = "/usr/share/datasets/fashion-mnist"  # where Debian's package puts it
HELD_OUT = 360  # neighbours come from the same hand, so a random split would flatter


class Pictures(Dataset):  # type: ignore[type-arg]
    """Gray pictures with a class each, all in memory.

    Attributes:
        data: uint8 tensor of shape (count, height, width); 0 is background, 255 full ink.
        targets: int64 tensor of shape (count,), indices into `classes`.
        classes: Names of the classes.
    """

    classes: list[str]

    def __init__(
        self,
        data: "fb.Tensor",
        targets: "fb.Tensor",
        transform: Callable[[Any], Any] | None,
        target_transform: Callable[[Any], Any] | None,
    ) -> None:
        self.data, self.targets = data, targets
        self.transform, self.target_transform = transform, target_transform

    def __len__(self) -> int:
        return int(self.data.shape[0])

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """A PIL image and its class, each through its transform."""
        from PIL import Image

        pixels = self.data[index]
        height, width = pixels.shape
        picture: Any = Image.frombytes("L", (width, height), pixels.numpy().tobytes())
        target: Any = int(self.targets[index])
        if self.transform is not None:
            picture = self.transform(picture)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return picture, target

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Index of each class by name."""
        return {name: index for index, name in enumerate(self.classes)}

    def __repr__(self) -> str:
        transform = "" if self.transform is None else f"\n    Transform: {self.transform}"
        return f"Dataset {type(self).__name__}\n    Number of datapoints: {len(self)}{transform}"


class Digits(Pictures):
    """Handwritten digits of 13 people, 8x8 pixels, 1,797 in all; they ship with flambeau.

    This is the test set of "Optical Recognition of Handwritten Digits" by E. Alpaydin and
    C. Kaynak in the UCI Machine Learning Repository (CC BY 4.0). Ink is scaled from 0..16 to
    0..255.

    Args:
        train: True for the first 1,437 digits, False for the last 360, None for all.
        transform: Applied to each PIL image.
        target_transform: Applied to each class.

    Example:
        >>> digits = Digits(train=False)
        >>> digits.data.shape, digits[0][1]
        (torch.Size([360, 8, 8]), 2)
    """

    classes = [str(digit) for digit in range(10)]  # noqa: RUF012

    def __init__(
        self,
        train: bool | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        ink = read_idx(DATA / "digits-images-idx3-ubyte").to(fb.int32)
        data = ((ink * 255 + 8) // 16).to(fb.uint8)
        targets = read_idx(DATA / "digits-labels-idx1-ubyte").to(fb.int64)
        if train is not None:
            part = slice(None, -HELD_OUT) if train else slice(-HELD_OUT, None)
            data, targets = data[part], targets[part]
        super().__init__(data, targets, transform, target_transform)


class MNIST(Pictures):
    """Pictures in the four files of the MNIST data set, in a folder.

    Args:
        root: Folder with ``train-images-idx3-ubyte[.gz]`` and so on; the folder
            ``<name of the class>/raw`` in it, where torchvision puts them, is found too.
        train: Whether to take the training or the test pictures.
        transform: Applied to each PIL image.
        target_transform: Applied to each class.
        download: Accepted as in torchvision; flambeau never downloads.

    Raises:
        FileNotFoundError: The files are not there.
        FormatError: A file is corrupt.
    """

    classes = [str(digit) for digit in range(10)]  # noqa: RUF012
    hint = "pass the folder with the files as root"

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        folder = self._find(Path(root))
        part = "train" if train else "t10k"
        data = read_idx(folder / f"{part}-images-idx3-ubyte")
        targets = read_idx(folder / f"{part}-labels-idx1-ubyte").to(fb.int64)
        if data.dim() != 3 or targets.shape != data.shape[:1]:
            raise FormatError(
                f"{type(self).__name__}: pictures of shape {tuple(data.shape)} do not fit classes "
                f"of shape {tuple(targets.shape)}"
            )
        super().__init__(data, targets, transform, target_transform)

    def _find(self, root: Path) -> Path:
        for folder in (root, root / type(self).__name__ / "raw"):
            if any(folder.glob("*-images-idx3-ubyte*")):
                return folder
        raise FileNotFoundError(
            f"{type(self).__name__}: no *-images-idx3-ubyte[.gz] in {root}; flambeau does not "
            f"download, so {self.hint}"
        )


class FashionMNIST(MNIST):
    """Zalando's Fashion-MNIST (MIT licence): 60,000 + 10,000 pictures of clothes, 28x28 pixels.

    Without a root it is read from where Debian's package dataset-fashion-mnist installs it.

    Args:
        root: As for MNIST.
        train: Whether to take the training or the test pictures.
        transform: Applied to each PIL image.
        target_transform: Applied to each class.
        download: Accepted as in torchvision; flambeau never downloads.
    """

    classes = [  # noqa: RUF012
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]
    hint = "install Debian's package dataset-fashion-mnist, or pass the folder with the files"

    def __init__(
        self,
        root: str | os.PathLike[str] = FASHION_MNIST,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, train, transform, target_transform, download)


__all__ = ["MNIST", "Digits", "FashionMNIST", "Pictures"]

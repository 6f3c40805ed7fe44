"""Data sets of pictures and transforms."""

import gzip
import struct
import subprocess
import sys

import numpy as np
import pytest
import recorded
from oracles import torch

import flambeau as fb
from flambeau.io import FormatError
from flambeau.vision import datasets, transforms
from flambeau.vision.idx import read_idx
from flambeau.vision.transforms import functional as F

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def rng():
    return np.random.default_rng()


def picture(rng, height=9, width=7, mode="RGB"):
    channels = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}[mode]
    return Image.fromarray(rng.integers(0, 256, (height, width, *channels), np.uint8), mode)


def same(image, tensor):
    """Whether a PIL image and a tensor show the same."""
    return F.pil_to_tensor(image).tolist() == tensor.tolist()


def idx(array, magic=b"\0\0\x08"):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return magic + bytes([array.ndim]) + sizes + array.tobytes()


# data sets


def test_digits():
    digits = datasets.Digits()
    assert digits.data.shape == (1797, 8, 8) and digits.data.dtype is fb.uint8
    assert int(digits.data.max()) == 255 and int(digits.data.min()) == 0
    assert digits.targets.dtype is fb.int64 and set(digits.targets.tolist()) == set(range(10))
    image, target = digits[0]
    assert (image.mode, image.size, target) == ("L", (8, 8), 0)
    assert same(image, digits.data[:1])
    train, test = datasets.Digits(train=True), datasets.Digits(train=False)
    assert (len(train), len(test)) == (1437, 360)
    assert train.targets.tolist() + test.targets.tolist() == digits.targets.tolist()
    assert digits.class_to_idx["7"] == 7 and "1797" in repr(digits)


def test_digits_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.datasets")
    want, digits = sklearn.load_digits(), datasets.Digits()
    assert np.array_equal(np.round(want.images * 255 / 16), digits.data.numpy())
    assert np.array_equal(want.target, digits.targets.numpy())


def test_transforms_of_a_data_set():
    digits = datasets.Digits(True, transforms.ToTensor(), lambda target: target + 100)
    tensor, target = digits[3]
    assert tensor.shape == (1, 8, 8) and target == digits.targets[3].item() + 100
    assert tensor.mul(255).round().tolist() == digits.data[3:4].tolist()
    assert "ToTensor()" in repr(digits)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("inside", [True, False])
def test_fashion_mnist_files(tmp_path, rng, zipped, inside):
    folder = tmp_path / "FashionMNIST" / "raw" if inside else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = rng.integers(0, 256, (5, 28, 28), np.uint8), np.arange(5, dtype=np.uint8)
    for name, array in {"images-idx3": images, "labels-idx1": labels}.items():
        path = folder / f"t10k-{name}-ubyte{'.gz' if zipped else ''}"
        path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    data = datasets.FashionMNIST(tmp_path, train=False)
    assert np.array_equal(data.data.numpy(), images) and data.targets.tolist() == [0, 1, 2, 3, 4]
    assert data.classes[data[3][1]] == "Dress"
    with pytest.raises(FileNotFoundError, match="train-images"):
        datasets.FashionMNIST(tmp_path)


def test_missing_files_say_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="dataset-fashion-mnist"):
        datasets.FashionMNIST(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not download"):
        datasets.MNIST(tmp_path, download=True)


def test_pictures_and_classes_must_fit(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((3, 2, 2), np.uint8)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(4, np.uint8)))
    with pytest.raises(FormatError, match="do not fit"):
        datasets.MNIST(tmp_path)


GOOD = idx(np.arange(6, dtype=np.uint8).reshape(2, 3))


def test_idx_files(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(GOOD)
    assert read_idx(path).tolist() == [[0, 1, 2], [3, 4, 5]]
    path.write_bytes(idx(np.zeros((0, 28, 28), np.uint8)))
    assert read_idx(path).shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an idx file"),
        (b"PNG", "not an idx file"),
        (idx(np.zeros(3, np.float32), b"\0\0\x0d"), "not an idx file"),
        (GOOD[:-1], "another length"),
        (GOOD + b"\0", "another length"),
        (GOOD[:9], "impossible shape"),
        (b"\0\0\x08\xff" + b"\xff" * 1020, "impossible shape"),
        (b"\0\0\x08\x02" + b"\xff" * 8, "impossible shape"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_broken_idx_files(tmp_path, data, message, zipped):
    path = tmp_path / ("a.gz" if zipped else "a")
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(FormatError, match=message):
        read_idx(path)


def test_broken_gzip_files(tmp_path):
    path = tmp_path / "a.gz"
    data = gzip.compress(GOOD)
    for broken in (
        b"no gzip",
        data[:-9],
        data[:12] + b"\xff" * 8 + data[20:],
        data[:-8] + bytes(8),
    ):
        path.write_bytes(broken)
        with pytest.raises(FormatError):
            read_idx(path)
    path.write_bytes(gzip.compress(GOOD[:4] + GOOD[4:12] + bytes(100_000_000)))
    with pytest.raises(FormatError, match="another length"):
        read_idx(path)


# conversions


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pil_and_back(rng, mode):
    image = picture(rng, mode=mode)
    tensor = transforms.ToTensor()(image)
    pixels = np.asarray(image).reshape(9, 7, -1).transpose(2, 0, 1)
    assert tensor.dtype is fb.float32 and tensor.is_contiguous()
    assert np.array_equal(tensor.numpy(), pixels.astype(np.float32) / 255)
    assert np.array_equal(transforms.PILToTensor()(image).numpy(), pixels)
    back = transforms.ToPILImage()(tensor + 1e-4)
    assert back.mode == mode and np.array_equal(np.asarray(back), np.asarray(image))


def test_other_pil_modes(rng):
    bits = Image.fromarray(rng.random((3, 5)) > 0.5)
    assert transforms.ToTensor()(bits).tolist() == [np.asarray(bits).astype(float).tolist()]
    for array in (rng.integers(0, 1 << 30, (3, 5), np.int32), rng.random((3, 5), np.float32)):
        tensor = transforms.ToTensor()(Image.fromarray(array))
        assert np.array_equal(tensor.numpy()[0], array)
    for top in (1000, 60_000):
        array = np.array([[0, top]], np.uint16)
        assert transforms.ToTensor()(Image.fromarray(array)).tolist() == [[[0, top]]]


def test_arrays(rng):
    array = rng.integers(0, 256, (3, 5, 2), np.uint8)
    tensor = transforms.ToTensor()(array)
    assert tensor.shape == (2, 3, 5)
    assert transforms.ToTensor()(array[:, :, 0]).shape == (1, 3, 5)
    assert transforms.ToTensor()(array.astype(np.float64)).dtype is fb.float64
    assert transforms.ToPILImage("HSV")(np.zeros((2, 2, 3), np.uint8)).mode == "HSV"
    assert transforms.ToPILImage("F")(np.ones((2, 2), np.float32)).mode == "F"


@pytest.mark.parametrize(
    ("image", "mode", "error"),
    [
        (fb.ones(5, 2, 2), None, "4 channels"),
        (fb.ones(2), None, "2/3 dimensional"),
        (fb.ones(1, 1, 2, 2), None, "2/3 dimensional"),
        (fb.ones(3, 2, 2), "L", "Incorrect mode"),
        (fb.ones(3, 2, 2, dtype=fb.int64), None, "not supported"),
        ([1], None, "Tensor or ndarray"),
    ],
)
def test_what_is_no_picture(image, mode, error):
    with pytest.raises((TypeError, ValueError), match=error):
        transforms.ToPILImage(mode)(image)


def test_what_is_no_picture_for_tensors():
    with pytest.raises(TypeError, match="expected a PIL image, but got str"):
        transforms.ToTensor()("cat.png")
    with pytest.raises(ValueError, match="2/3 dimensional"):
        transforms.ToTensor()(np.zeros(3))
    for transform in (transforms.Resize(3), transforms.CenterCrop(2), F.hflip, F.rgb_to_grayscale):
        with pytest.raises(TypeError, match="PIL image or a tensor"):
            transform("cat.png")


def test_convert_image_dtype():
    byte = fb.tensor([0, 1, 255], dtype=fb.uint8)
    convert = F.convert_image_dtype
    assert convert(byte, fb.float64).tolist() == [0, 1 / 255, 1]
    assert convert(convert(byte), fb.uint8).tolist() == byte.tolist()
    assert convert(byte, fb.int16).tolist() == [0, 128, 32640]
    assert convert(convert(byte, fb.int32), fb.uint8).tolist() == byte.tolist()
    assert convert(fb.tensor([0.0, 0.5, 1.0]), fb.uint8).tolist() == [0, 127, 255]
    assert transforms.ConvertImageDtype(fb.float32)(byte).dtype is fb.float32
    for before, after in ((fb.float32, fb.int32), (fb.float64, fb.int64)):
        with pytest.raises(RuntimeError, match="cannot be performed safely"):
            convert(fb.ones(1, dtype=before), after)


def test_normalize(rng):
    values = rng.random((2, 3, 4, 5))
    mean, std = [0.1, 0.2, 0.3], [0.5, 1.0, 2.0]
    want = (values - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    tensor = fb.from_numpy(values.copy())
    assert np.allclose(transforms.Normalize(mean, std)(tensor).numpy(), want)
    assert np.array_equal(tensor.numpy(), values)
    assert transforms.Normalize(mean, std, inplace=True)(tensor) is tensor
    assert np.allclose(tensor.numpy(), want)
    with pytest.raises(TypeError, match="should be a float tensor"):
        F.normalize(fb.ones(3, 2, 2, dtype=fb.uint8), mean, std)
    with pytest.raises(ValueError, match="division by zero"):
        F.normalize(fb.ones(3, 2, 2), mean, [1, 0, 1])
    with pytest.raises(ValueError, match="size"):
        F.normalize(fb.ones(2, 2), [0], [1])


# geometry


@pytest.mark.parametrize(
    ("size", "options", "want"),
    [
        (10, {}, (10, 15)),
        ([10], {}, (10, 15)),
        ((7, 50), {}, (7, 50)),
        (10, {"max_size": 12}, (8, 12)),
        (20, {}, (20, 30)),
    ],
)
def test_resized_shapes(rng, size, options, want):
    resize = transforms.Resize(size, **options)
    assert resize(picture(rng, 20, 30)).size == want[::-1]
    assert resize(fb.ones(2, 3, 20, 30)).shape == (2, 3, *want)
    assert resize(fb.ones(3, 30, 20)).shape == (3, *(want if size == (7, 50) else want[::-1]))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(5, 6), (40, 31), (9, 23), (17, 3), (1, 1)])
def test_tensors_are_resized_as_pictures_are(rng, mode, size):
    # no extremes: Pillow cuts off bicubic overshoot between rows and columns
    image = Image.fromarray(rng.integers(64, 192, (17, 23, 3), np.uint8))
    resize = transforms.Resize(size, mode)
    want = np.asarray(resize(image)).astype(int).transpose(2, 0, 1)
    got = resize(F.pil_to_tensor(image))
    assert got.dtype is fb.uint8
    assert np.abs(got.numpy().astype(int) - want).max() <= 1


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest", "nearest-exact"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("size", [(5, 6), (40, 31), (17, 3)])
def test_tensors_are_resized_as_by_torch(mode, antialias, size):
    values = np.random.default_rng(0).random((2, 3, 17, 23))
    linear = mode.startswith("bi")
    options = {"antialias": antialias, "align_corners": False} if linear else {}
    got = F.resize(fb.from_numpy(values), size, mode, antialias=antialias)
    key = recorded.key_of_test()
    if torch is None:
        recorded.assert_digest([got], key, 1e-6, 1e-6)
        return
    want = torch.nn.functional.interpolate(torch.from_numpy(values), size, mode=mode, **options)
    recorded.keep(key, recorded.digest([want]))
    assert np.allclose(got.numpy(), want.numpy(), atol=1e-6 if linear else 0)


def test_wrong_sizes(rng):
    with pytest.raises(ValueError, match="1 or 2 values"):
        transforms.Resize((1, 2, 3))
    with pytest.raises(TypeError, match="int or sequence"):
        transforms.Resize(1.5)
    with pytest.raises(ValueError, match="positive sizes"):
        transforms.Resize(0)(fb.ones(1, 2, 2))
    with pytest.raises(ValueError, match="strictly greater"):
        transforms.Resize(5, max_size=5)(fb.ones(1, 2, 2))
    with pytest.raises(ValueError, match="cannot be resized with interpolation 'lanczos'"):
        transforms.Resize(3, "lanczos")(fb.ones(1, 2, 2))
    assert transforms.Resize(3, "lanczos")(picture(rng)).size == (3, 3)
    with pytest.raises(ValueError, match=r"crop size \(5, 5\) is larger"):
        transforms.RandomCrop(5)(fb.ones(1, 4, 6))
    with pytest.raises(ValueError, match="only two dimensions"):
        transforms.CenterCrop((1, 2, 3))


CROPS = [
    lambda image: F.crop(image, 2, 1, 4, 3),
    lambda image: F.crop(image, -2, -1, 4, 30),
    lambda image: F.crop(image, 5, 5, 9, 9),
    lambda image: F.crop(image, 100, 100, 2, 2),
    transforms.CenterCrop(4),
    transforms.CenterCrop((3, 4)),
    transforms.CenterCrop((20, 4)),
    transforms.CenterCrop((20, 21)),
    transforms.Pad(2),
    transforms.Pad([1, 2]),
    transforms.Pad([1, 2, 3, 4], 9),
    transforms.Pad([1, 2, 3, 4], (1, 2, 3)),
    transforms.Pad(3, padding_mode="edge"),
    transforms.Pad([1, 2, 3, 4], padding_mode="reflect"),
    transforms.Pad(4, padding_mode="symmetric"),
    F.hflip,
    F.vflip,
]


@pytest.mark.parametrize("transform", CROPS)
def test_tensors_are_cut_as_pictures_are(rng, transform):
    image = picture(rng)
    tensor = F.pil_to_tensor(image)
    assert same(transform(image), transform(tensor))
    batch = fb.stack([tensor, tensor])
    assert transform(batch)[1].tolist() == transform(tensor).tolist()


def test_padding_is_that_of_numpy(rng):
    values = rng.random((3, 4, 5))
    for mode in ("constant", "edge", "reflect", "symmetric"):
        want = np.pad(values, [(0, 0), (2, 1), (3, 0)], mode)
        got = F.pad(fb.from_numpy(values), [3, 2, 0, 1], padding_mode=mode)
        assert np.array_equal(got.numpy(), want)
    for wrong in ([1, 2, 3], []):
        with pytest.raises(ValueError, match="1, 2, or 4 element"):
            F.pad(fb.ones(1, 2, 2), wrong)
    with pytest.raises(ValueError, match="Padding mode"):
        F.pad(fb.ones(1, 2, 2), 1, padding_mode="wrap")


def test_palettes_survive_padding(rng):
    image = picture(rng).convert("P", palette=Image.Palette.ADAPTIVE)
    padded = F.pad(image, 1, padding_mode="edge")
    assert padded.mode == "P" and padded.getpalette() == image.getpalette()


def test_grayscale(rng):
    image = picture(rng)
    tensor = F.pil_to_tensor(image)
    want = np.asarray(image.convert("L")).astype(int)
    for channels in (1, 3):
        gray = transforms.Grayscale(channels)
        assert np.abs(gray(tensor).numpy().astype(int) - want).max() <= 1
        assert gray(tensor).shape == (channels, 9, 7) and len(gray(image).getbands()) == channels
        assert gray(tensor[:1]).shape == (channels, 9, 7)
    with pytest.raises(TypeError, match="1 or 3"):
        F.rgb_to_grayscale(fb.ones(2, 3, 3))
    with pytest.raises(ValueError, match="either 1 or 3"):
        F.rgb_to_grayscale(fb.ones(3, 3, 3), 2)


# chance


RANDOM = [
    transforms.RandomCrop(4),
    transforms.RandomCrop((4, 6), padding=2),
    transforms.RandomCrop((12, 5), pad_if_needed=True),
    transforms.RandomHorizontalFlip(),
    transforms.RandomVerticalFlip(),
    transforms.RandomApply([F.hflip]),
]


@pytest.mark.parametrize("transform", RANDOM, ids=lambda t: type(t).__name__)
def test_a_seed_gives_the_same_for_pictures_and_tensors(rng, transform):
    image = picture(rng)
    results = set()
    for seed in range(8):
        fb.manual_seed(seed)
        first = transform(image)
        fb.manual_seed(seed)
        second = transform(F.pil_to_tensor(image))
        assert same(first, second)
        results.add(second.numpy().tobytes())
    assert len(results) > 1


def test_random_crops_draw_as_torchvision_does():
    fb.manual_seed(5)
    want = [fb.randint(0, 27, (1,)).item(), fb.randint(0, 17, (1,)).item()]
    fb.manual_seed(5)
    assert transforms.RandomCrop.get_params(fb.ones(3, 30, 20), (4, 4)) == (*want, 4, 4)


def test_random_resized_crop():
    image = fb.arange(30.0).reshape(1, 5, 6)
    crop = transforms.RandomResizedCrop(3)
    assert crop(image).shape == (1, 3, 3)
    for _ in range(50):
        top, left, height, width = crop.get_params(image, (0.2, 1), (0.5, 2))
        assert 0 <= top <= 5 - height and 0 <= left <= 6 - width and height > 0 and width > 0
    # no such rectangle fits: the largest of the right shape in the middle
    assert crop.get_params(fb.ones(1, 100, 10), (1, 1), (1, 1)) == (45, 0, 10, 10)
    assert crop.get_params(fb.ones(1, 10, 100), (1, 1), (1, 1)) == (0, 45, 10, 10)
    with pytest.warns(UserWarning, match="kind"):
        transforms.RandomResizedCrop(3, scale=(1, 0.5))


def test_probabilities():
    image = fb.arange(4.0).reshape(1, 2, 2)
    for kind in (transforms.RandomHorizontalFlip, transforms.RandomVerticalFlip):
        assert kind(0.0)(image) is image
        assert kind(1.0)(image).tolist() != image.tolist()


def test_compose_and_lambda():
    prepare = transforms.Compose([transforms.Lambda(lambda x: x + 1), transforms.CenterCrop(1)])
    assert prepare(fb.zeros(1, 3, 3)).tolist() == [[[1]]]
    assert repr(prepare) == "Compose(\n    Lambda()\n    CenterCrop(size=(1, 1))\n)"
    with pytest.raises(TypeError, match="should be callable, got 'int'"):
        transforms.Lambda(3)


def test_nothing_is_imported_before_it_is_needed():
    script = "import sys, flambeau.vision.transforms; assert 'PIL.Image' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)

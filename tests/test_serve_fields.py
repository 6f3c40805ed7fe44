"""Fields: what JSON they take, what the model gets, what a wrong value is told."""

import base64
import dataclasses
import io
import struct
import typing
import zlib

import numpy
import pytest

import flambeau as fb
from flambeau import nn

pytest.importorskip("fastapi")
import msgspec
import pydantic
from PIL import Image as pillow

from flambeau.serve import File, Image, Json, Labels, Model, Tensor, Text
from flambeau.serve.errors import BadRequest, InvalidInput, ServeError, TooLarge
from flambeau.serve.fields import WrongResult
from flambeau.serve.limits import Limits
from flambeau.serve.signature import Signature

LIMITS = Limits()
DTYPES = [fb.float32, fb.float64, fb.float16, fb.bfloat16]
DTYPES += [fb.int8, fb.int16, fb.int32, fb.int64, fb.uint8, fb.bool]


def read(field, value):
    """The value as the batch of one that a model gets."""
    body = value if isinstance(value, bytes) else msgspec.json.encode({"input": value})
    signature = Signature(field, Text())
    item = signature.decode(signature.read_json(body), LIMITS)
    return signature.collate([item])["input"]


def refused(field, value, kind=InvalidInput):
    with pytest.raises(kind) as error:
        read(field, value)
    return error.value


def values_of(dtype, shape):
    if dtype == fb.bool:
        return fb.randint(0, 2, shape).to(dtype)
    if dtype.is_floating_point:
        return fb.randn(shape).to(dtype)
    info = fb.iinfo(dtype)
    return fb.randint(max(info.min, -1000), min(info.max, 1000), shape).to(dtype)


# ---- tensors ----


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 4, 2)])
def test_tensor_comes_back_as_it_was_sent(dtype, shape):
    tensor = values_of(dtype, shape)
    got = read(Tensor(shape, dtype), tensor.tolist())
    assert got.dtype == dtype and tuple(got.shape) == (1, *shape)
    assert got[0].tolist() == tensor.tolist()
    free = Tensor(tuple(None for _ in shape), dtype)
    assert read(free, tensor.tolist())[0].tolist() == tensor.tolist()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensor_from_bytes(dtype):
    tensor = values_of(dtype, (2, 3))
    data = bytes(tensor.contiguous().view(fb.uint8).flatten().tolist())
    for field in (Tensor((2, 3), dtype), Tensor((None, 3), dtype)):
        assert read(field, base64.b64encode(data).decode())[0].tolist() == tensor.tolist()
        sent = field.decode_bytes(data, "application/octet-stream", LIMITS)
        assert field.collate([sent])[0].tolist() == tensor.tolist()
        refused(field, base64.b64encode(data[:-1]).decode())
        refused(field, "")
        refused(field, "????")


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        (Tensor((2,)), [1], "input"),
        (Tensor((2,)), [1, 2, 3], "input"),
        (Tensor((2,)), 1, "input"),
        (Tensor((2,)), [[1], [2]], "input[0]"),
        (Tensor((2,)), [1, True], "input[1]"),
        (Tensor((2,)), [1, "2"], "input[1]"),
        (Tensor((2,)), [1, None], "input[1]"),
        (Tensor((2,)), [1, 3.5e38], "input[1]"),
        (Tensor((), fb.float16), 65505, "input"),
        (Tensor((2, 2)), [[1, 2], [3]], "input[1]"),
        (Tensor((None, None)), [[1, 2], [3]], "input"),
        (Tensor((None,)), [], "input"),
        (Tensor((), fb.uint8), 256, "input"),
        (Tensor((), fb.uint8), -1, "input"),
        (Tensor((), fb.uint8), 1.5, "input"),
        (Tensor((), fb.int64), 2**63, "input"),
        (Tensor((), fb.bool), 1, "input"),
        (Tensor((2,), min=0, max=1), [0.5, 1.5], "input[1]"),
        (Tensor((2,), min=0, max=1), [0.5, -0.1], "input[1]"),
    ],
)
def test_tensor_refuses_and_names(field, value, param):
    assert refused(field, value).param == param


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), 2.0])
def test_tensor_bytes_are_checked_like_numbers(bad):
    data = numpy.array([0.5, bad], "<f4").tobytes()
    refused(Tensor((2,), min=0, max=1), base64.b64encode(data).decode())


def test_tensor_of_strange_declarations():
    for shape in [(0,), (-1,), (2.5,), (True,)]:
        with pytest.raises(ValueError, match="sizes"):
            Tensor(shape)
    with pytest.raises(ValueError, match="dtype"):
        Tensor((2,), fb.complex64)
    with pytest.raises(ValueError, match="do not fit"):
        Tensor((2,), fb.uint8, max=300)
    with pytest.raises(ValueError, match="do not fit"):
        Tensor((2,), min=2, max=1)
    assert repr(Tensor[(2, 3), fb.int64]) == repr(Tensor((2, 3), fb.int64))
    assert Tensor[7].shape == (7,)


def test_tensor_schema_is_exact():
    schema = Tensor((2, None), fb.uint8, max=9).schema(output=True)
    assert schema == {
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "items": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "integer", "minimum": 0, "maximum": 9},
        },
    }


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensor_results(dtype):
    field = Tensor((2,), dtype)
    batch = values_of(dtype, (3, 2))
    assert field.split(batch, 3) == batch.tolist()
    assert field.split(list(batch), 3) == batch.tolist()


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (fb.zeros(2, 2), "batch of 3"),
        (fb.zeros(3, 3), r"\(any, 2\), but got \(3, 3\)"),
        (fb.zeros(3), "shape"),
        (fb.zeros(()), "batch of 3"),
        ([[1.0, 2.0]] * 2, "batch of 3"),
        (None, "NoneType"),
        ("abc", "str"),
        (fb.full((3, 2), float("nan")), "finite"),
        (fb.full((3, 2), float("inf")), "finite"),
    ],
)
def test_tensor_names_wrong_results(result, says):
    with pytest.raises(WrongResult, match=says):
        Tensor((2,)).split(result, 3)


def test_integer_output_refuses_fractions():
    with pytest.raises(WrongResult, match="int64"):
        Tensor((2,), fb.int64).split(fb.full((3, 2), 0.5), 3)


# ---- pictures ----


def picture(width=7, height=5, mode="RGB"):
    shape = (height, width, *{"RGB": (3,), "RGBA": (4,), "LA": (2,)}.get(mode, ()))
    pixels = numpy.random.randint(0, 256, shape).astype(numpy.uint8)
    return pillow.fromarray(pixels, mode)


def saved(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def b64(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF", "WEBP", "JPEG"])
def test_image_of_each_format(form):
    image = picture()
    options = {"lossless": True} if form == "WEBP" else {}
    data = saved(image, form, **options)
    for sent in (b64(data), f"data:image/{form.lower()};base64,{b64(data)}"):
        got = read(Image("RGB"), sent)
        assert tuple(got.shape) == (1, 3, 5, 7) and got.dtype == fb.float32
        wanted = numpy.asarray(pillow.open(io.BytesIO(data)).convert("RGB"))
        assert numpy.array_equal((got[0].numpy() * 255).round(), wanted.transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "LA", "I;16"])
def test_image_modes_become_what_was_declared(mode):
    if mode == "I;16":
        deep = numpy.array([[0, 65535, 256 * 77]], numpy.uint16)
        image = pillow.fromarray(deep)
    else:
        image = picture().convert(mode)
    for wanted, channels in (("RGB", 3), ("L", 1)):
        got = read(Image(wanted), b64(saved(image)))
        assert got.shape[1] == channels
        assert 0 <= got.min().item() <= got.max().item() <= 1
    if mode == "I;16":
        assert (read(Image("L"), b64(saved(image))) * 255).flatten().tolist() == [0, 255, 77]


def test_transparent_is_white():
    clear = pillow.new("RGBA", (2, 2), (0, 0, 0, 0))
    assert read(Image("L"), b64(saved(clear))).min().item() == 1
    palette = pillow.new("P", (2, 2), 0)
    assert read(Image("L"), b64(saved(palette, transparency=0))).min().item() == 1


def test_image_is_turned_as_its_camera_was_held():
    image = pillow.new("RGB", (4, 2), "black")
    exif = image.getexif()
    exif[0x0112] = 6  # a quarter turn
    got = read(Image(), b64(saved(image, "JPEG", exif=exif)))
    assert tuple(got.shape) == (1, 3, 4, 2)


def test_image_is_scaled():
    got = read(Image("L", size=(3, 6)), b64(saved(picture(40, 30))))
    assert tuple(got.shape) == (1, 1, 3, 6)


def test_image_transform():
    field = Image(transform=lambda image: fb.tensor([image.width, image.height]))
    assert read(field, b64(saved(picture()))).tolist() == [[7, 5]]

    def refuse(image):
        raise ValueError("too dark")

    error = refused(Image(transform=refuse), b64(saved(picture())))
    assert (error.message, error.param) == ("too dark", "input")


def bomb(width, height):
    """A PNG whose header promises more than its few bytes hold."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [5_000, 30_000, 2**31 - 1])
def test_bombs_are_refused_by_their_header(side):
    assert refused(Image(), b64(bomb(side, side)), TooLarge).param == "input"


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.4",
        saved(pillow.new("RGB", (3, 3)), "TIFF"),
        saved(pillow.new("RGB", (3, 3)), "PPM"),
    ],
)
def test_what_is_no_picture_is_refused(data):
    refused(Image(), b64(data))


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF", "WEBP", "JPEG"])
def test_broken_pictures_never_do_more_than_be_refused(form):
    data = saved(picture(20, 20), form)
    refused(Image(), b64(data[: len(data) // 2]))
    for _ in range(40):
        broken = bytearray(data)
        for at in numpy.random.randint(0, len(data), 5):
            broken[at] = numpy.random.randint(0, 256)
        try:
            read(Image(), b64(bytes(broken)))
        except ServeError as error:
            assert error.status in (413, 422)


@pytest.mark.parametrize("text", ["", "a", "abc!", "data:image/png;base64", "data:,abcd", "äöü="])
def test_what_is_no_base64_is_refused(text):
    refused(Image(), text)


def test_image_as_result():
    field = Image()
    batch = fb.rand(2, 3, 4, 5)
    for value, wanted in zip(field.split(batch, 2), batch, strict=True):
        png = base64.b64decode(field.encode(value))
        assert png.startswith(b"\x89PNG")
        got = read(Image(), b64(png))[0]
        assert fb.allclose(got, wanted, atol=0.5 / 255 + 1e-6)
    assert base64.b64decode(field.encode(picture())).startswith(b"\x89PNG")
    for wrong in (fb.zeros(1, 4, 5), fb.zeros(3, 4), fb.full((3, 2, 2), float("nan"))):
        with pytest.raises(WrongResult):
            field.encode(wrong)


# ---- the others ----


def test_large_tensors_wait_as_arrays():
    tensor = fb.randn(40, 50)
    field = Tensor((40, 50))
    assert isinstance(field.decode(tensor.tolist(), LIMITS), numpy.ndarray)
    assert fb.equal(read(field, tensor.tolist())[0], tensor)


def test_text():
    assert read(Text(), "a\0é\U0001f525") == ["a\0é\U0001f525"]
    assert refused(Text(max_length=2), "abc").param == "input"
    refused(Text(min_length=1), "")
    refused(Text(), 1)
    refused(Text(), "x" * (LIMITS.text_length + 1), TooLarge)
    sent = Text(max_length=2).decode_bytes("é!".encode(), "text/plain", LIMITS)
    assert sent == "é!"
    for data, kind in ((b"\xff", BadRequest), (b"abc", InvalidInput)):
        with pytest.raises(kind):
            Text(max_length=2).decode_bytes(data, "text/plain", LIMITS)
    with pytest.raises(WrongResult):
        Text().encode(1)


class Point(pydantic.BaseModel):
    x: float
    name: str = pydantic.Field("p", max_length=3)
    tags: list["Tag"] = []


class Tag(pydantic.BaseModel):
    value: int


class Pair(msgspec.Struct, forbid_unknown_fields=True):
    left: int
    right: list[int]


@dataclasses.dataclass
class Record:
    a: int
    b: str = "b"


class Entry(typing.TypedDict):
    key: str


@pytest.mark.parametrize(
    ("type_", "value", "got"),
    [
        (Point, {"x": 1, "tags": [{"value": 3}]}, Point(x=1, tags=[Tag(value=3)])),
        (Pair, {"left": 1, "right": [2]}, Pair(1, [2])),
        (Record, {"a": 1}, Record(1)),
        (Entry, {"key": "k"}, {"key": "k"}),
        (list[int], [1, 2], [1, 2]),
        (dict[str, float], {"a": 1.5}, {"a": 1.5}),
        (typing.Any, {"a": [None, True]}, {"a": [None, True]}),
        (list[Point], [{"x": 1}], [Point(x=1)]),
        (int | None, None, None),
    ],
)
def test_json_of_all_kinds_of_types(type_, value, got):
    field = Json[type_]
    assert read(field, value) == [got]
    encoded = field.encode(got)
    assert read(field, encoded) == [got]
    sent = field.decode_bytes(msgspec.json.encode(value), "application/json", LIMITS)
    assert sent == got


@pytest.mark.parametrize(
    ("type_", "value", "param"),
    [
        (Point, {"x": "1"}, "input.x"),
        (Point, {"x": True}, "input.x"),
        (Point, {}, "input.x"),
        (Point, {"x": 1, "name": "long"}, "input.name"),
        (Point, {"x": 1, "tags": [{"value": 1}, {"value": 1.5}]}, "input.tags[1].value"),
        (Point, b'{"input": {"x": 1e999}}', "input[...]"),
        (Pair, {"left": 1, "right": [2, "3"]}, "input.right[1]"),
        (Pair, {"left": 1, "right": [], "x": 1}, "input"),
        (Record, {"a": "1"}, "input.a"),
        (list[int], [1, 2.5], "input[1]"),
    ],
)
def test_json_errors_have_paths(type_, value, param):
    assert refused(Json[type_], value).param == param


def test_json_results_are_checked():
    assert Json[Point].encode({"x": 1}) == {"x": 1.0, "name": "p", "tags": []}
    for type_, wrong in (
        (Point, {"x": "no"}),
        (Pair, Record(1)),
        (list[int], ["1"]),
        (typing.Any, object()),
        (typing.Any, [{"a": float("nan")}]),
    ):
        with pytest.raises(WrongResult):
            Json[type_].encode(wrong)


def test_labels():
    field = Labels(["a", "b", "c"])
    logits = fb.randn(4, 3)
    wanted = fb.softmax(logits, dim=1)
    for row, value in zip(wanted, field.split(logits, 4), strict=True):
        found = field.encode(value)
        assert [each["score"] for each in found] == sorted(row.tolist(), reverse=True)
        assert found[0]["label"] == "abc"[row.argmax().item()]
    best = Labels(["a", "b", "c"], top=1, activation="sigmoid")
    [only] = best.encode(best.split(fb.tensor([[0.0, -9.0, -9.0]]), 1)[0])
    assert only == {"label": "a", "score": 0.5}
    assert field.split(list(logits), 4) == field.split(logits.tolist(), 4) == wanted.tolist()
    for wrong in (fb.zeros(4, 2), fb.zeros(3, 3), fb.full((4, 3), float("nan"))):
        with pytest.raises(WrongResult):
            field.split(wrong, 4)
    for classes, options in (([], {}), (["a", "a"], {}), ("ab", {}), (["a"], {"top": 2})):
        with pytest.raises(ValueError, match="Labels"):
            Labels(classes, **options)


def test_file():
    data = bytes(range(256))
    assert read(File(), b64(data)) == [data]
    refused(File(max_bytes=10), b64(data), TooLarge)
    field = File(["application/pdf", "text/*"])
    assert field.decode_bytes(data, "text/csv", LIMITS) == data
    with pytest.raises(ServeError) as error:
        field.decode_bytes(data, "image/png", LIMITS)
    assert error.value.status == 415
    assert base64.b64decode(File().encode(data)) == data


# ---- batches equal singles ----


class Net(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def convolution():
    return Net(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def lengths(texts):
    return fb.tensor([len(text) for text in texts])


CASES = {
    "tensor": lambda: (
        Net(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)),
        Tensor((6,)),
        Tensor((2,)),
        [fb.randn(6).tolist() for _ in range(9)],
    ),
    "integers": lambda: (
        lambda x: (x * x).sum(1),
        Tensor((4,), fb.int64),
        Tensor((), fb.int64),
        [fb.randint(-99, 99, (4,)).tolist() for _ in range(9)],
    ),
    "free sizes": lambda: (
        Net(nn.Linear(3, 2)),
        Tensor((None, 3)),
        Tensor((None, 2)),
        [fb.randn(1 + i % 3, 3).tolist() for i in range(9)],
    ),
    "image": lambda: (
        convolution(),
        Image(size=(8, 8)),
        Labels(["a", "b", "c"]),
        [b64(saved(picture(5 + i, 9))) for i in range(9)],
    ),
    "free image": lambda: (
        convolution(),
        Image(),
        Labels(["a", "b", "c"]),
        [b64(saved(picture(5 + i % 3, 9))) for i in range(9)],
    ),
    "text": lambda: (lengths, Text(), Tensor((), fb.int64), ["x" * i for i in range(9)]),
    "json": lambda: (
        lambda points: [{"sum": point.x + len(point.tags)} for point in points],
        Json[Point],
        Json[dict[str, float]],
        [{"x": i / 3} for i in range(9)],
    ),
    "file": lambda: (
        lambda files: [data[::-1] for data in files],
        File(),
        File(),
        [b64(bytes([i] * (i + 1)) + b"!") for i in range(9)],
    ),
    "pictures out": lambda: (
        lambda x: 1 - x,
        Image(size=(4, 4)),
        Image(),
        [b64(saved(picture(4, 4))) for _ in range(9)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_batch_equals_its_items_alone(case):
    predict, input, output, values = CASES[case]()
    model = Model(predict, input, output)
    signature = model.signature

    def item(value):
        return signature.decode(signature.read_json(msgspec.json.encode({"input": value})), LIMITS)

    together = model.run([item(value) for value in values])
    alone = [model.run([item(value)])[0] for value in values]
    if case in ("integers", "text", "json", "file", "pictures out"):
        assert together == alone
        return
    for a, b in zip(together, alone, strict=True):
        a, b = a["output"], b["output"]
        if isinstance(output, Labels):
            a, b = ([each["score"] for each in sorted(x, key=lambda e: e["label"])] for x in (a, b))
        assert fb.allclose(fb.tensor(a), fb.tensor(b), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_the_example_of_a_field_is_valid(case):
    _, input, _, _ = CASES[case]()
    signature = Signature(input, Text())
    example = signature.example()
    if example is not None:
        signature.decode(signature.read_json(msgspec.json.encode(example)), LIMITS)
    else:
        assert input.kind != "tensor"

"""Helpers of the tests of flambeau.io."""

import io
import struct
import zipfile

import numpy as np

import flambeau as fb

DTYPES = ["float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8"]
DTYPES += ["bool", "complex64", "complex128"]


def raw(tensor):
    """The tensor's elements as bytes, row by row."""
    flat = tensor.detach().contiguous().reshape(-1)
    if flat.numel() == 0:
        return b""
    integer = fb.int16 if isinstance(flat, fb.Tensor) else __import__("torch").int16
    return (flat.view(integer) if "bfloat16" in str(flat.dtype) else flat).numpy().tobytes()


def name(dtype):
    return str(dtype).rpartition(".")[2]


def assert_same(got, want):
    """Equal in every bit, shape, stride, dtype and requires_grad."""
    assert tuple(got.shape) == tuple(want.shape)
    assert got.numel() == 0 or tuple(got.stride()) == tuple(want.stride())
    assert name(got.dtype) == name(want.dtype)
    assert got.requires_grad == want.requires_grad
    assert raw(got) == raw(want)


def random_tensor(dtype, shape, rng):
    """A tensor of any dtype with random content, NaN and infinity among the floats."""
    if dtype == "bool":
        return fb.from_numpy(np.asarray(rng.random(shape) > 0.5))
    if dtype.startswith("complex"):
        values = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
        return fb.from_numpy(np.asarray(values, dtype))
    if dtype.startswith(("int", "uint")):
        info = np.iinfo(dtype)
        return fb.from_numpy(rng.integers(info.min, info.max, shape, dtype, endpoint=True))
    values = np.asarray(rng.standard_normal(shape), "float64")
    if values.size > 2:
        values.flat[:2] = np.nan, np.inf
    return fb.from_numpy(values).to(getattr(fb, dtype))


def saved(obj, **options):
    """The bytes that save writes."""
    buffer = io.BytesIO()
    fb.save(obj, buffer, **options)
    return buffer.getvalue()


def loaded(data, **options):
    """What load makes of these bytes."""
    return fb.load(io.BytesIO(data), **options)


def records(data):
    """The records of a zip file by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def zipped(entries, method=zipfile.ZIP_STORED):
    """A zip file with these records."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for key, value in entries:
            archive.writestr(key, value)
    return buffer.getvalue()


def pt_file(pickle, *storages, **more):
    """A PyTorch zip file with this pickle and these storages."""
    entries = [("archive/data.pkl", pickle), ("archive/byteorder", b"little")]
    entries += [(f"archive/data/{i}", data) for i, data in enumerate(storages)]
    return zipped([*entries, *more.items(), ("archive/version", b"3\n")])


def with_header(header, data=b""):
    """A safetensors file with this header."""
    return struct.pack("<Q", len(header)) + header + data

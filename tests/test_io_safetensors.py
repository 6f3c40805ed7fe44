"""The safetensors format, beside the reference package where PyTorch is installed."""

import json
import os
import struct

import numpy as np
import pytest
from io_helpers import DTYPES, assert_same, loaded, random_tensor, raw, saved, with_header

import flambeau as fb
import flambeau.io as fio
from flambeau.io import safetensors

SHAPES = [(), (0,), (3, 0, 2), (1,), (5, 7), (2, 3, 4, 5)]
FORMAT_DTYPES = [dtype for dtype in DTYPES if dtype != "complex128"]


def many_tensors():
    rng = np.random.default_rng()
    return {
        f"{dtype}.{i}": random_tensor(dtype, shape, rng)
        for dtype in FORMAT_DTYPES
        for i, shape in enumerate(SHAPES)
    }


@pytest.mark.parametrize("mmap", [None, True, False])
def test_tensors_survive(tmp_path, mmap):
    tensors = many_tensors()
    path = tmp_path / "m.safetensors"
    fb.save(tensors, path)
    result = fb.load(path, mmap=mmap)
    assert result.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert_same(result[name], tensor)


def test_the_reference_package_reads_ours_and_we_read_its(tmp_path):
    pytest.importorskip("torch")
    reference = pytest.importorskip("safetensors.torch")
    tensors, path = many_tensors(), str(tmp_path / "m.safetensors")
    fb.save(tensors, path, metadata={"note": "flambeau"})
    theirs = reference.load_file(path)
    assert theirs.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert_same(theirs[name], tensor)
    reference.save_file(theirs, path, metadata={"format": "pt"})
    result = fb.load(path)
    for name, tensor in tensors.items():
        assert_same(result[name], tensor)
    with safetensors.safe_open(path) as file:
        assert file.metadata() == {"format": "pt"} and set(file.keys()) == set(tensors)
        assert_same(file.get_tensor("float32.4"), tensors["float32.4"])
        with pytest.raises(KeyError, match="no tensor named 'x'"):
            file.get_tensor("x")


def test_mapped_tensors_are_private_and_aligned(tmp_path):
    path = tmp_path / "m.safetensors"
    tensors = {"a": fb.ones(3, dtype=fb.int8), "b": fb.arange(5.0), "c": fb.ones(1, dtype=fb.bool)}
    fb.save(tensors, path)
    before = path.read_bytes()
    first, second = fb.load(path), fb.load(path)
    assert first["b"].data_ptr() % 8 == 0
    first["b"] += 1
    assert second["b"].tolist() == [0, 1, 2, 3, 4] and path.read_bytes() == before
    os.remove(path)
    assert first["b"].tolist() == [1, 2, 3, 4, 5]


def test_unaligned_tensors_are_copied(tmp_path):
    header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
    header += b'"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}'
    path = tmp_path / "m.safetensors"
    path.write_bytes(with_header(header, b"\7" + struct.pack("<2f", 1.5, -2)))
    result = fb.load(path, mmap=True)
    assert result["a"].tolist() == [7] and result["b"].tolist() == [1.5, -2]


def test_views_are_saved_contiguous_and_separate():
    base = fb.arange(12.0).reshape(3, 4)
    tensors = {"base": base, "t": base.t(), "row": base[1, ::2], "wide": base[:1].expand(3, 4)}
    result = loaded(saved(tensors, format="safetensors"))
    for name, tensor in tensors.items():
        assert result[name].tolist() == tensor.tolist() and result[name].is_contiguous()
    result["base"].zero_()
    assert result["t"].tolist() == base.t().tolist()


def test_gradients_and_parameters_leave_only_data():
    weight = fb.nn.Parameter(fb.ones(2))
    result = loaded(saved({"w": weight, "y": weight * 2}, format="safetensors"))
    assert not result["w"].requires_grad and result["y"].tolist() == [2, 2]


def test_bytes_and_files():
    tensors = {"a": fb.arange(3), "ü": fb.ones(2)}
    data = safetensors.save(tensors, {"k": "v"})
    assert data == saved(tensors, format="safetensors", metadata={"k": "v"})
    assert len(data) % 8 == 0 and raw(safetensors.load(data)["ü"]) == raw(tensors["ü"])
    length = int.from_bytes(data[:8], "little")
    assert json.loads(data[8 : 8 + length])["__metadata__"] == {"k": "v"}
    assert loaded(saved({}, format="safetensors")) == {}


def test_meta_device_reads_no_data():
    data = saved({"a": fb.ones(2, 3)}, format="safetensors")
    tensor = loaded(data, map_location="meta")["a"]
    assert tensor.device.type == "meta" and tensor.shape == (2, 3)


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ([fb.ones(1)], "expected a dict of tensors, but got list"),
        ({"model": {"w": 1}}, "the entry 'model' is a dict; flatten it"),
        ({1: fb.ones(1)}, "the entry 1 is a Tensor"),
        ({"z": fb.ones(1, dtype=fb.complex128)}, "dtype complex128, which the format cannot hold"),
    ],
)
def test_what_the_format_cannot_hold(tmp_path, obj, message):
    with pytest.raises(TypeError, match=message):
        fb.save(obj, tmp_path / "m.safetensors")
    assert os.listdir(tmp_path) == []


def test_other_wrong_calls():
    with pytest.raises(ValueError, match="meta device and has no data"):
        saved({"a": fb.empty(1, device="meta")}, format="safetensors")
    with pytest.raises(ValueError, match="reserved"):
        saved({"__metadata__": fb.ones(1)}, format="safetensors")
    with pytest.raises(TypeError, match="metadata must map strings to strings"):
        saved({}, format="safetensors", metadata={"epoch": 1})
    with pytest.raises(ValueError, match="expected format"):
        saved({}, format="npz")
    with pytest.raises(ValueError, match="only the safetensors format stores metadata"):
        saved({}, metadata={"a": "b"})


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


HUGE = 1 << 62
HOSTILE = [
    (b"", "not valid JSON"),
    (b"{", "not valid JSON"),
    (b"{" * 100_000, "not valid JSON"),
    (b'{"a":' + b"[" * 100_000, "not valid JSON"),
    (b'{"a":\xff}', "not valid JSON"),
    (b'{"a":' + b"9" * 5000 + b"}", "not valid JSON"),
    (b'{"a":1}', "exactly dtype, shape and data_offsets"),
    (b'{"a":{},"a":{}}', "a name twice"),
    (b'{"__metadata__":{"a":1}}', "strings to strings"),
    (b'{"__metadata__":[]}', "strings to strings"),
    ({"a": {**entry(), "more": 1}}, "exactly dtype, shape and data_offsets"),
    ({"a": entry("F33")}, "unknown dtype 'F33'"),
    ({"a": entry(["F32"])}, "unknown dtype"),
    ({"a": entry(shape=[-1])}, "invalid shape"),
    ({"a": entry(shape=[True])}, "invalid shape"),
    ({"a": entry(shape=[1.0])}, "invalid shape"),
    ({"a": entry(shape=["1"])}, "invalid shape"),
    ({"a": entry(shape=[1] * 65)}, "65 dimensions"),
    ({"a": entry(shape=[HUGE, 4], offsets=(0, 0))}, "too large"),
    ({"a": entry(shape=[1 << 80], offsets=(0, 0))}, "invalid shape"),
    ({"a": entry(shape=[2])}, "takes 8 bytes, but its data_offsets span 4"),
    ({"a": entry(offsets=(4, 0))}, "invalid data_offsets"),
    ({"a": entry(offsets=(-4, 0))}, "invalid data_offsets"),
    ({"a": entry(offsets=(0, 4, 8))}, "two data_offsets"),
    ({"a": entry(offsets=(HUGE, HUGE + 4))}, "hole before it"),
    ({"a": entry(), "b": entry()}, "overlaps another"),
    ({"a": entry(), "b": entry(offsets=(2, 6))}, "overlaps another"),
    ({"a": entry(offsets=(4, 8))}, "hole before it"),
    ({"a": entry(), "b": entry(offsets=(4, 8))}, "truncated or corrupt"),
    ({}, "truncated or corrupt"),
]


@pytest.mark.parametrize(("header", "message"), HOSTILE)
@pytest.mark.parametrize("mmap", [True, False])
def test_hostile_headers(tmp_path, header, message, mmap):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(with_header(text, b"\0" * 4))
    with pytest.raises(fio.FormatError, match=message):
        safetensors.load_file(path, mmap=mmap)


@pytest.mark.parametrize("length", [0, 1, (1 << 64) - 1, 100_000_001, 30])
def test_wrong_header_lengths(length):
    data = struct.pack("<Q", length) + b'{"a":{}}'
    with pytest.raises(fio.FormatError):
        safetensors.load(data)


def test_every_truncation_is_an_error():
    data = saved({"a": fb.arange(3), "b": fb.ones(2)}, format="safetensors")
    for size in range(len(data)):
        with pytest.raises(fio.FormatError):
            loaded(data[:size])
    with pytest.raises(fio.FormatError, match="truncated or corrupt"):
        loaded(data + b"\0")

"""PyTorch's files: what torch.save writes we read, what we write torch.load reads."""

import errno
import io
import os
import pickle
import stat
import struct
from collections import Counter, OrderedDict
from fractions import Fraction

import numpy as np
import pytest
from io_helpers import (
    DTYPES,
    assert_same,
    loaded,
    pt_file,
    random_tensor,
    records,
    saved,
    zipped,
)

import flambeau as fb
import flambeau.io as fio
from flambeau.nn import Parameter
from flambeau.storage import UntypedStorage

PLAIN = {
    "none": None,
    "bools": [True, False],
    "ints": [0, 255, 256, 65535, 65536, -1, 2**31, -(2**31), 2**70, -(2**70), 2**63],
    "floats": [0.0, -0.0, 1e-310, float("inf")],
    "complex": 1.5 - 2j,
    "text": ["", "naïve \U0001f525", "a" * 1000, "\ud800"],
    "bytes": [b"", bytes(range(256)), bytearray(b"x"), bytearray()],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((),))],
    "set": {1, "a", (2, 3)},
    "ordered": OrderedDict(b=1, a=2),
    "counter": Counter("hello"),
    (1, "key"): {2.5: "float", None: "none", True: "bool"},
    "many": list(range(3000)),
    "wide": {i: str(i) for i in range(3000)},
}


def torch_bytes(torch, obj, **options):
    buffer = io.BytesIO()
    torch.save(obj, buffer, **options)
    return buffer.getvalue()


def test_plain_data_survives():
    result = loaded(saved(PLAIN))
    assert result == PLAIN
    assert type(result["ordered"]) is OrderedDict and type(result["counter"]) is Counter
    assert str(result["floats"]) == str(PLAIN["floats"])
    assert all(type(a) is type(b) for a, b in zip(result["bytes"], PLAIN["bytes"], strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5, 7), (2, 3, 4, 5)])
def test_tensors_survive(dtype, shape):
    tensor = random_tensor(dtype, shape, np.random.default_rng())
    assert_same(loaded(saved(tensor)), tensor)


@pytest.mark.parametrize("dtype", DTYPES)
def test_torch_reads_ours_and_we_read_torch(dtype):
    torch = pytest.importorskip("torch")
    tensor = random_tensor(dtype, (3, 5), np.random.default_rng())
    theirs = torch.load(io.BytesIO(saved({"t": tensor.t()})), weights_only=True)["t"]
    assert_same(theirs, tensor.t())
    assert_same(loaded(torch_bytes(torch, theirs)), theirs)


def test_torch_reads_our_plain_data():
    torch = pytest.importorskip("torch")
    assert torch.load(io.BytesIO(saved(PLAIN)), weights_only=True) == PLAIN
    assert loaded(torch_bytes(torch, PLAIN)) == PLAIN
    legacy = torch_bytes(torch, PLAIN, _use_new_zipfile_serialization=False)
    assert loaded(legacy) == PLAIN


@pytest.mark.parametrize("zipped_form", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("mmap", [True, False])
def test_we_read_a_checkpoint_of_torch(tmp_path, zipped_form, mmap):
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 2, 5, 5)).sum().backward()
    optimizer.step()
    want = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": 3,
        "empty": torch.empty(0, 3),
        "size": torch.Size([2, 3]),
        "dtype": torch.bfloat16,
        "device": torch.device("cpu"),
    }
    path = tmp_path / "checkpoint.pt"
    torch.save(want, path, _use_new_zipfile_serialization=zipped_form)
    got = fb.load(path, mmap=mmap)
    assert list(got["model"]) == list(want["model"])
    assert got["model"]._metadata == want["model"]._metadata
    for key, tensor in want["model"].items():
        assert_same(got["model"][key], tensor)
    for key, state in want["optimizer"]["state"].items():
        assert_same(got["optimizer"]["state"][key]["exp_avg"], state["exp_avg"])
    assert got["optimizer"]["param_groups"] == want["optimizer"]["param_groups"]
    assert_same(got["empty"], want["empty"])
    assert got["size"] == fb.Size([2, 3]) and isinstance(got["size"], fb.Size)
    assert got["dtype"] is fb.bfloat16 and got["device"] == fb.device("cpu")
    got["model"]["0.weight"].zero_()  # mapped pages are private
    assert_same(fb.load(path)["model"]["0.weight"], want["model"]["0.weight"])


def test_torch_maps_our_files(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "ours.pt"
    fb.save([fb.arange(5), fb.ones(3, 3)], path)
    first, second = torch.load(path, weights_only=True, mmap=True)
    assert first.tolist() == [0, 1, 2, 3, 4] and second.sum() == 9
    assert loaded(path.read_bytes())[0].tolist() == first.tolist()


def test_views_share_one_storage():
    base = fb.arange(12.0).reshape(3, 4)
    views = {
        "base": base,
        "row": base[1],
        "column": base[:, 2],
        "t": base.t(),
        "wide": base[:1].expand(5, 4),
        "empty": base[2:2].t(),
    }
    result = loaded(saved(views))
    for key, tensor in views.items():
        assert_same(result[key], tensor)
        assert result[key].storage_offset() == tensor.storage_offset()
        assert result[key].stride() == tensor.stride()
    result["base"].zero_()
    assert result["row"].sum() == 0 and result["column"].sum() == 0
    assert len([name for name in records(saved(views)) if "/data/" in name]) == 1


def test_one_storage_under_two_dtypes():
    words = fb.arange(4, dtype=fb.int32)
    data = saved([words, words.view(fb.uint8), words.view(fb.int16)[1:]])
    a, b, c = loaded(data)
    assert a.tolist() == [0, 1, 2, 3] and b.numel() == 16 and c.tolist() == [0, 1, 0, 2, 0, 3, 0]
    b.zero_()
    assert a.sum() == 0 and c.sum() == 0
    torch = pytest.importorskip("torch")
    theirs = torch.load(io.BytesIO(data), weights_only=True)
    assert theirs[2].tolist() == [0, 1, 0, 2, 0, 3, 0]


def test_the_same_object_stays_the_same():
    shared = [1]
    tensor = fb.ones(2)
    cyclic = {"tensor": tensor, "list": shared, "again": [shared, tensor]}
    cyclic["self"] = cyclic
    result = loaded(saved(cyclic))
    assert result["self"] is result
    assert result["again"][0] is result["list"] and result["again"][1] is result["tensor"]


def test_parameters_keep_their_class_and_flag():
    data = saved([Parameter(fb.ones(2)), Parameter(fb.ones(2), requires_grad=False)])
    first, second = loaded(data)
    assert type(first) is Parameter and first.requires_grad and first.is_leaf
    assert type(second) is Parameter and not second.requires_grad
    torch = pytest.importorskip("torch")
    theirs = torch.load(io.BytesIO(data), weights_only=True)
    assert type(theirs[0]) is torch.nn.Parameter and not theirs[1].requires_grad
    assert type(loaded(torch_bytes(torch, theirs))[0]) is Parameter


def test_requires_grad_is_kept_and_the_graph_is_not():
    leaf = fb.ones(2, requires_grad=True)
    first, second = loaded(saved([leaf, leaf * 2]))
    assert first.requires_grad and second.requires_grad and second.is_leaf


def test_attributes_of_tensors_are_kept():
    torch = pytest.importorskip("torch")
    tensor, parameter = torch.ones(2), torch.nn.Parameter(torch.zeros(1))
    tensor.note, parameter.note = "a", "b"
    first, second = loaded(torch_bytes(torch, [tensor, parameter]))
    assert (first.note, second.note) == ("a", "b")
    assert type(second) is Parameter


def test_conjugation_and_negation_are_applied():
    torch = pytest.importorskip("torch")
    tensor = torch.tensor([1 + 2j])
    first, second = loaded(torch_bytes(torch, [tensor.conj(), torch.tensor([2.0])._neg_view()]))
    assert first.tolist() == [1 - 2j] and second.tolist() == [-2.0]


def test_meta_tensors_have_no_data():
    torch = pytest.importorskip("torch")
    want = torch.empty_strided((2, 3), (1, 2), device="meta", dtype=torch.float16)
    for data in (
        torch_bytes(torch, want),
        saved(fb.empty_strided((2, 3), (1, 2), device="meta", dtype=fb.float16)),
    ):
        tensor = loaded(data)
        assert tensor.device.type == "meta" and tensor.stride() == (1, 2)
        assert tensor.dtype is fb.float16


@pytest.mark.parametrize("zipped_form", [True, False], ids=["zip", "legacy"])
def test_map_location(zipped_form):
    torch = pytest.importorskip("torch")
    data = torch_bytes(torch, [torch.ones(3)], _use_new_zipfile_serialization=zipped_form)
    assert loaded(data, map_location="meta")[0].device.type == "meta"
    assert loaded(data, map_location={"cpu": "meta"})[0].device.type == "meta"
    seen = []

    def function(storage, location):
        seen.append((storage.nbytes(), location))
        return storage

    for where in ("cpu", fb.device("cpu"), {"cuda:0": "cpu"}, function, lambda storage, at: None):
        assert loaded(data, map_location=where)[0].tolist() == [1, 1, 1]
    assert seen == [(12, "cpu")]
    with pytest.raises(TypeError, match="return a storage or None, but it returned str"):
        loaded(data, map_location=lambda storage, at: "cpu")


def test_a_missing_device_is_an_error_with_a_cure():
    data = saved([fb.ones(3)])
    moved = {k: v.replace(b"X\3\0\0\0cpu", b"X\6\0\0\0cuda:0") for k, v in records(data).items()}
    data = zipped(moved.items())
    assert loaded(data, map_location="cpu")[0].tolist() == [1, 1, 1]
    if not (hasattr(fb, "cuda") and fb.cuda.is_available()):
        with pytest.raises(
            RuntimeError, match=r"deserialize object on a CUDA device.*map_location"
        ):
            loaded(data)


def test_big_endian_files_are_swapped():
    values = fb.tensor([1.5, -2.25, 3e30])
    entries = records(saved([values, fb.tensor([1 + 2j])]))
    entries["archive/byteorder"] = b"big"
    entries["archive/data/0"] = struct.pack(">3f", 1.5, -2.25, 3e30)
    entries["archive/data/1"] = struct.pack(">2f", 1, 2)
    first, second = loaded(zipped(entries.items()))
    assert_same(first, values)
    assert second.tolist() == [1 + 2j]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_all_pickle_protocols_are_read(protocol):
    torch = pytest.importorskip("torch")
    want = {"plain": PLAIN, "tensor": torch.ones(2), "order": OrderedDict(a=1)}
    got = loaded(torch_bytes(torch, want, pickle_protocol=protocol))
    assert got["plain"] == PLAIN and got["order"] == want["order"]
    assert_same(got["tensor"], want["tensor"])


def test_strings_of_python_2():
    text = pt_file(b"\x80\x02U\x02h\xe9.")
    with pytest.raises(fio.UnpicklingError, match="encoding='latin1'"):
        loaded(text)
    assert loaded(text, encoding="latin1") == "hé"
    assert loaded(text, encoding="bytes") == b"h\xe9"


def test_untyped_storages():
    storage = UntypedStorage.of(fb.arange(4, dtype=fb.uint8))
    tensor, result = loaded(saved([fb.arange(3), storage]))
    assert isinstance(result, UntypedStorage) and result.nbytes() == 4
    assert tensor.tolist() == [0, 1, 2]


def test_numpy_scalars_are_saved_as_numbers():
    result = loaded(saved([np.float64(1.5), np.int32(3), np.bool_(True)]))
    assert result == [1.5, 3, True] and [type(item) for item in result] == [float, int, bool]


def test_numpy_objects_in_torch_files():
    torch = pytest.importorskip("torch")
    arrays = [
        np.arange(6, dtype="u4"),
        np.ones((2, 3), order="F"),
        np.zeros((0, 2)),
        np.array(True),
    ]
    want = {
        "best": np.float64(0.75),
        "n": np.int64(3),
        "random": np.random.get_state(),
        "a": arrays,
    }
    for protocol in (2, 4):
        got = loaded(torch_bytes(torch, want, pickle_protocol=protocol))
        assert got["best"] == 0.75 and type(got["best"]) is np.float64 and got["n"] == 3
        np.random.RandomState().set_state(got["random"])
        for a, b in zip(got["a"], arrays, strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
            assert a.flags.f_contiguous == b.flags.f_contiguous
    with pytest.raises(fio.UnpicklingError, match="not one of numbers"):
        loaded(torch_bytes(torch, np.array([{}])))


class Unknown:
    pass


class LikeModule:
    def state_dict(self):
        return {}


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (Unknown(), r"Unknown; turn it into"),
        ([{"a": lambda: 0}], "function"),
        (np.zeros(3), "from_numpy"),
        (frozenset([1]), "frozenset"),
        (LikeModule(), r"state_dict\(\)"),
    ],
)
def test_what_cannot_be_saved(tmp_path, obj, message):
    path = tmp_path / "old.pt"
    fb.save(1, path)
    with pytest.raises(TypeError, match=message):
        fb.save({"a": fb.ones(3), "b": obj}, path)
    assert fb.load(path) == 1 and os.listdir(tmp_path) == ["old.pt"]


def test_odd_structures_cannot_be_saved():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deep"):
        saved(deep)
    inner = []
    around = (inner,)
    inner.append(around)
    with pytest.raises(ValueError, match="contains itself"):
        saved(around)
    with pytest.raises(ValueError, match="bits is too large"):
        saved(1 << 5000)


def test_safe_globals():
    value = {"half": Fraction(1, 2)}
    with fio.safe_globals([Fraction]):
        data = saved(value)
        assert loaded(data) == value
    with pytest.raises(
        pickle.UnpicklingError, match=r"Unsupported global: GLOBAL fractions\.Fraction"
    ):
        loaded(data)
    with pytest.raises(TypeError, match=r"cannot save an object of type fractions\.Fraction"):
        saved(value)
    with fio.safe_globals([(Fraction, "elsewhere.Half")]):
        assert fio.get_safe_globals() == [Fraction]
        assert loaded(pt_file(b"\x80\x02celsewhere\nHalf\nK\x01K\x02\x86R.")) == Fraction(1, 2)
    assert fio.get_safe_globals() == []
    for bad in (os.system, eval):
        with pytest.raises(ValueError, match="never safe"):
            fio.add_safe_globals([bad])


def test_weights_only_false_stays_safe():
    data = pt_file(b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.")
    with pytest.raises(fio.UnpicklingError, match=r"os\.system.*weights_only=False"):
        loaded(data, weights_only=False)


def test_files_are_replaced_atomically(tmp_path, monkeypatch):
    path = tmp_path / "m.pt"
    fb.save({"v": 1}, path)
    path.chmod(0o640)

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            fb.save({"v": 2}, path)
    assert fb.load(path) == {"v": 1} and os.listdir(tmp_path) == ["m.pt"]
    link = tmp_path / "link.pt"
    link.symlink_to(path)
    fb.save({"v": 3}, str(link))
    assert link.is_symlink() and fb.load(path) == {"v": 3}
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(FileNotFoundError, match=r"missing/m\.pt"):
        fb.save(1, tmp_path / "missing" / "m.pt")
    with pytest.raises(IsADirectoryError):
        fb.save(1, tmp_path)


def test_saving_over_a_mapped_file(tmp_path):
    path = tmp_path / "m.pt"
    fb.save(fb.arange(100_000), path)
    mapped = fb.load(path, mmap=True)
    fb.save(mapped + 1, path)
    assert mapped[99_999] == 99_999 and fb.load(path, mmap=True)[99_999] == 100_000


def test_file_objects(tmp_path):
    path = tmp_path / "m.bin"
    with open(path, "wb") as file:
        file.write(b"before")
        fb.save([fb.arange(3)], file)
    with open(path, "rb") as file:
        file.seek(6)
        assert fb.load(file)[0].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap"):
        loaded(b"", mmap=True)
    with open(path, encoding="latin1") as file, pytest.raises(TypeError, match="binary mode"):
        fb.load(file)
    for bad in (3, None):
        with pytest.raises(TypeError, match="path or a binary file"):
            fb.load(bad)
        with pytest.raises(TypeError, match="path or a binary file"):
            fb.save(1, bad)


def test_numpy_files(tmp_path):
    array = np.arange(12.0).reshape(3, 4)
    np.save(tmp_path / "a.npy", array.T)
    assert_same(fb.load(tmp_path / "a.npy"), fb.from_numpy(array).t())
    np.savez(tmp_path / "b.npz", x=array.astype(">f4"), y=np.arange(3))
    result = fb.load(tmp_path / "b.npz")
    assert result["x"].tolist() == array.tolist() and result["y"].tolist() == [0, 1, 2]
    np.save(tmp_path / "o.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(fio.FormatError, match="not numbers"):
        fb.load(tmp_path / "o.npy")


def test_huge_archives_use_64_bit_directories():
    """More records than 16 bits count."""
    from flambeau.io.archive import ZipWriter, read_records
    from flambeau.io.files import BytesSource

    buffer = io.BytesIO()
    writer = ZipWriter(buffer)
    for i in range(70_000):
        writer.add(f"a/{i}", b"")
    writer.close()
    found = read_records(BytesSource(buffer.getvalue()))
    assert len(found) == 70_000 and all(record.offset % 64 == 0 for record in found.values())


def test_sizes_over_4_gib(tmp_path):
    """A sparse file with a record whose size and a header whose offset need 64 bits."""
    import zipfile

    from flambeau.io.archive import read_records
    from flambeau.io.files import open_source

    path = tmp_path / "big.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/first", b"x")
        with archive.open("a/big", "w", force_zip64=True):
            pass
        big = archive.getinfo("a/big")
        archive.fp.seek((4 << 30) + 100, 1)
        big.file_size = big.compress_size = (4 << 30) + 100
        archive.start_dir = archive.fp.tell()
        archive.writestr("a/last", b"y")
    with open_source(path, use_mmap=False) as source:
        found = read_records(source)
        assert found["a/big"].size == (4 << 30) + 100
        assert source.read(found["a/last"].offset, 1) == b"y"

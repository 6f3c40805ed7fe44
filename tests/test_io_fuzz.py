"""Hostile files: each is an error with a clear message, never a crash, never without bounds."""

import io
import json
import os
import random
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from copy import deepcopy

import pytest
from io_helpers import loaded, pt_file, records, saved, with_header, zipped

import flambeau as fb
import flambeau.io as fio

CASES = int(os.environ.get("FLAMBEAU_FUZZ_CASES", "400"))
SEEDS = range(4)

# pieces of pickles
P2 = b"\x80\x02"
EMPTY_HOOKS = b"ccollections\nOrderedDict\n)R"


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def integer(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def integers(values):
    return b"(" + b"".join(map(integer, values)) + b"t"


def storage(kind="torch\nFloatStorage", key="0", location="cpu", numel=4):
    parts = text("storage"), b"c" + kind.encode() + b"\n", text(key), text(location)
    return b"(" + b"".join(parts) + integer(numel) + b"tQ"


def tensor(place=None, offset=0, size=(4,), stride=(1,), grad=b"\x89"):
    call = b"ctorch._utils\n_rebuild_tensor_v2\n"
    place = storage() if place is None else place
    geometry = integer(offset) + integers(size) + integers(stride)
    return call + b"(" + place + geometry + grad + EMPTY_HOOKS + b"tR"


def test_the_pieces_are_right():
    assert loaded(pt_file(P2 + tensor() + b".", bytes(16))).tolist() == [0, 0, 0, 0]


BIG = 1 << 62
HOSTILE_TENSORS = [
    (tensor(size=(5,)), "outside of its storage"),
    (tensor(offset=1), "outside of its storage"),
    (tensor(offset=-1), "invalid strides|offset"),
    (tensor(stride=(2,)), "outside of its storage"),
    (tensor(stride=(-1,)), "invalid strides"),
    (tensor(size=(-4,)), "invalid shape"),
    (tensor(size=(2, 2), stride=(1,)), "invalid strides"),
    (tensor(size=(BIG, BIG), stride=(0, 0)), "too large"),
    (tensor(size=(4, BIG), stride=(1, BIG)), "too large"),
    (tensor(size=(2, 2), stride=(BIG, BIG)), "outside of its storage"),
    (tensor(size=(1 << 100,)), "invalid shape"),
    (tensor(size=(0,), offset=BIG), "outside of its storage"),
    (tensor(size=(1,) * 65, stride=(1,) * 65), "65 dimensions"),
    (tensor(storage(numel=BIG)), "too large|expected"),
    (tensor(storage(numel=-1)), "unknown way"),
    (tensor(storage(numel=5)), "16 bytes, but 20 are expected"),
    (tensor(storage(key="1")), "no record 'data/1'"),
    (tensor(storage(key="../data.pkl")), "no record"),
    (tensor(storage(location="/dev/mem")), "device ./dev/mem. does not exist"),
    (tensor(storage(kind="torch\nFooStorage")), r"torch\.FooStorage"),
    (tensor(storage(kind="torch\nSize")), "unknown way"),
    (tensor(grad=b"N"), "unknown way"),
    (tensor(b"N"), "unknown way"),
    (tensor(storage("torch\nLongStorage", numel=2), size=(2,), grad=b"\x88"), "require gradients"),
    (b"Nq\0(h\0tQ", "not a storage"),
    (b"ctorch._utils\n_rebuild_sparse_tensor\n)R", "sparse tensors"),
    (b"ctorch._utils\n_rebuild_tensor_v2\n)R", "unknown way"),
    (b"ctorch._utils\n_rebuild_parameter\nN\x85R", "without a tensor"),
    (b"ctorch\nTensor\n)R", "before 0.4"),
    (b"ctorch\nSize\n" + integers([-1]) + b"\x85R", "not a size"),
    (b"ctorch\ndevice\n" + text("nonsense") + b"\x85R", "nonsense"),
    (b"ctorch\nfloat32\n)R", "refusing to call"),
]


@pytest.mark.parametrize(("pickle", "message"), HOSTILE_TENSORS)
def test_hostile_tensors(pickle, message):
    with pytest.raises(fio.FormatError, match=message):
        loaded(pt_file(P2 + pickle + b".", bytes(16)))


def test_attributes_cannot_replace_methods():
    base = b"ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\n"
    args = (
        b"(" + storage() + integer(0) + integers([4]) + integers([1]) + b"\x89" + EMPTY_HOOKS + b"t"
    )
    for name in ("numpy", "data", "grad", "__class__", "__dict__"):
        state = b"}" + text(name) + b"Ns"
        for pickle in (
            base + b"ctorch\nTensor\n" + args + state + b"tR",
            EMPTY_HOOKS + state.replace(b"numpy", b"items") + b"b",
        ):
            if name in ("data", "grad") and pickle.startswith(EMPTY_HOOKS):
                continue
            with pytest.raises(fio.UnpicklingError, match="refusing to set"):
                loaded(pt_file(P2 + pickle + b".", bytes(16)))


def doubling(levels):
    """A tuple of two references to a tuple of two references ..."""
    return b")" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(levels))


def repeated(call, argument, times):
    """A list of many results of one call."""
    start = b"(c" + call + b"\nq\0" + argument + b"q\1\x85q\2R"
    return start + b"h\0h\2R" * times + b"l"


NUMPY_DTYPE = b"cnumpy\ndtype\n" + text("f8") + b"\x89\x88\x87R"
NUMPY_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\1b\x87R"

HOSTILE_PICKLES = [
    (b"cnumpy\ndtype\n" + text("O") + b"\x85R.", "not one of numbers"),
    (b"cnumpy.core.multiarray\nscalar\n" + NUMPY_DTYPE + b"C\4abcd\x86R.", "NumPy object"),
    (b"cnumpy\nndarray\nK\5\x85R.", "NumPy object"),
    (NUMPY_ARRAY + b"(K\1K\5\x85" + NUMPY_DTYPE + b"\x89C\0tb.", "NumPy object"),
    (NUMPY_ARRAY + b"(K\1J\xff\xff\xff\xff\x85" + NUMPY_DTYPE + b"\x89C\0tb.", "invalid shape"),
    (NUMPY_DTYPE + b"(K\3" + text(">") + b"NNNtb.", "foreign byte order"),
    (NUMPY_ARRAY + b"}b.", "NumPy object"),
    (b"", "truncated"),
    (b".", "more values than there are"),
    (b"q\0.", "more values than there are"),
    (b"\x86.", "more values than there are"),
    (b"t.", "more values than there are"),
    (b"(.", "more values than there are"),
    (b"h\0.", "nothing was stored as 0"),
    (b"j\xff\xff\xff\xff.", "nothing was stored"),
    (b"N\xff.", "unsupported pickle instruction"),
    (b"X\xff\xff\xff\xffabc.", "truncated"),
    (b"\x8d" + b"\xff" * 8 + b"abc.", "truncated"),
    (b"\x8e" + b"\xff" * 8 + b"abc.", "truncated"),
    (b"\x8b\xff\xff\xff\x7fabc.", "integer of 2147483647 bytes"),
    (b"X\1\0\0\0\xff.", "not UTF-8"),
    (b"\x80\x07N.", "protocol 7"),
    (b"cos\nsystem\nX\2\0\0\0ls\x85R.", r"os\.system"),
    (b"cbuiltins\neval\nX\1\0\0\x001\x85R.", r"builtins\.eval"),
    (b"c__builtin__\ngetattr\n)R.", r"builtins\.getattr"),
    (b"c\xff\nx\n.", "not UTF-8"),
    (b"c" + b"a" * 5000 + b"\nx\n.", "a line of more than"),
    (b"X\2\0\0\0osX\6\0\0\0system\x93X\2\0\0\0ls\x85R.", r"os\.system"),
    (b"KaKb\x93.", "name is not a string"),
    (b"X\2\0\0\0os)R.", "refusing to call os"),
    (b"N)\x81.", "refusing to call"),
    (b"ccollections\nOrderedDict\nNR.", "not a tuple"),
    (b"ccollections\nOrderedDict\nK\5\x85R.", "wrong arguments"),
    (b"ccollections\nOrderedDict\n.", "as data"),
    (b"ccollections\nOrderedDict\n\x85.", "as data"),
    (b"}ccollections\nOrderedDict\nNs.", "cannot be a dict's key"),
    (b"N}b.", "refusing to set the state of a NoneType"),
    (b"]}b.", "refusing to set the state of a list"),
    (EMPTY_HOOKS + b"]b.", "must be a dict"),
    (b"K\1s.", "more values than there are"),
    (b"}]Ns.", "list cannot be a dict's key"),
    (b"}]\x85Ns.", "list cannot be a dict's key"),
    (b"}(Nu.", "a key without a value"),
    (b"NNa.", "cannot append to a NoneType"),
    (b"N(NNu.", "cannot set items of a NoneType"),
    (b"](N\x90.", "cannot add items to a list"),
    (b"c__builtin__\nbytearray\n\x8a\5\0\0\0\0\x7f\x85R.", "wrong arguments"),
    (b"c__builtin__\ncomplex\nK\1\x85R.", "wrong arguments"),
    (b"c__builtin__\nset\n(]l\x85R.", "list cannot be a dict's key"),
    (b"c_codecs\nencode\nX\1\0\0\0aX\3\0\0\0zip\x86R.", "unknown encoding"),
    (b"c_codecs\nencode\nX\3\0\0\0\xe2\x82\xacX\6\0\0\0latin1\x86R.", "more than 255"),
    (b"]" * 100_000 + b"a" * 99_999 + b".", "nests more than"),
    (b")" + b"\x85" * 100_000 + b".", "nests more than"),
    (b"}" + b")" + b"\x85" * 100_000 + b"Ns.", "too deep or too large"),
    (b"}" + doubling(60) + b"Ns.", "too deep or too large"),
    (repeated(b"__builtin__\nbytearray", b"C\xff" + b"a" * 255, 300_000) + b".", "blows up"),
]


@pytest.mark.parametrize(("pickle", "message"), HOSTILE_PICKLES)
def test_hostile_pickles(pickle, message):
    with pytest.raises(fio.FormatError, match=message):
        loaded(pt_file(P2 + pickle))


def test_keys_made_to_collide():
    """Tuples of -1 and -2 all have the same hash: a dict of them is quadratic."""
    minus = {0: b"J\xff\xff\xff\xff", 1: b"J\xfe\xff\xff\xff"}
    items = b"".join(
        b"(" + b"".join(minus[i >> b & 1] for b in range(10)) + b"tN" for i in range(1024)
    )
    with pytest.raises(fio.UnpicklingError, match="the same hash"):
        loaded(pt_file(P2 + b"}(" + items + b"u."))


def test_shared_structure_is_no_bomb():
    """References to references are small and allowed as values."""
    result = loaded(pt_file(P2 + doubling(60) + b"."))
    assert result[0] is result[1]


def deflated(name, data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", P2 + tensor() + b".", zipfile.ZIP_STORED)
        archive.writestr(name, data)
    return buffer.getvalue()


HOSTILE_ARCHIVES = [
    (b"PK\3\4", "no central directory"),
    (deflated("archive/data/0", bytes(1 << 20)), "is compressed"),
    (zipped([("a/data.pkl", b""), ("b/data.pkl", b"")]), "no single data.pkl"),
    (zipped([("data.pkl", b"")]), "no single data.pkl"),
    (zipped([("x/y/data.pkl", b"")]), "no single data.pkl"),
    (zipped([("a/data.pkl", b""), ("a/constants.pkl", b"")]), "TorchScript"),
    (zipped([("a/data.pkl", b""), ("a/../../etc/passwd", b"")]), "suspicious"),
    (zipped([("a/data.pkl", b""), ("/etc/passwd", b"")]), "suspicious"),
    (zipped([("a/data.pkl", b""), ("a/b\\c", b"")]), "suspicious"),
    (zipped([("a/data.pkl", b"N."), ("a/byteorder", b"middle")]), "byte order"),
    (zipped([("a/data.pkl", b"N."), ("a/byteorder", b"little" * 1000)]), "6000 bytes"),
    (zipped([("a/data.pkl", P2 + b"N.")]) + b"more", "data behind the end"),
]


@pytest.mark.parametrize(("data", "message"), HOSTILE_ARCHIVES)
def test_hostile_archives(data, message):
    with pytest.raises(fio.FormatError, match=message):
        loaded(data)


def patched(data, signature, at, layout, value, nth=0):
    """A copy with one field of the n-th header of this signature overwritten."""
    position = -1
    for _ in range(nth + 1):
        position = data.index(signature, position + 1)
    copy = bytearray(data)
    struct.pack_into(layout, copy, position + at, value)
    return bytes(copy)


CENTRAL, LOCAL, END = b"PK\1\2", b"PK\3\4", b"PK\5\6"


@pytest.mark.parametrize(
    ("signature", "at", "layout", "value", "nth", "message"),
    [
        (CENTRAL, 42, "<L", 0, 1, "overlaps|corrupt"),
        (CENTRAL, 42, "<L", 0xFFFFFFFE, 0, "truncated"),
        (CENTRAL, 42, "<L", 0xFFFFFFFF, 0, "64-bit sizes"),
        (CENTRAL, 24, "<L", 0xFFFFFFF0, 0, "two different sizes"),
        (CENTRAL, 8, "<H", 1, 0, "encrypted"),
        (CENTRAL, 10, "<H", 8, 0, "compressed"),
        (CENTRAL, 28, "<H", 0xFFFF, 0, "corrupt"),
        (CENTRAL, 28, "<H", 3, 0, "corrupt"),
        (CENTRAL, 46, "<B", 0xFF, 0, "not UTF-8|corrupt"),
        (LOCAL, 30, "<B", 0x41, 0, "header of the record"),
        (LOCAL, 0, "<L", 0, 0, "header of the record|unknown file format"),
        (LOCAL, 28, "<H", 0xFFFF, 0, "overlaps|truncated"),
        (END, 10, "<H", 2, 0, "wrong length"),
        (END, 10, "<H", 0xFFFE, 0, "truncated|corrupt"),
        (END, 10, "<H", 0xFFFF, 0, "64-bit directory"),
        (END, 16, "<L", 0x7FFFFFFF, 0, "truncated"),
        (END, 12, "<L", 0x7FFFFFFF, 0, "truncated"),
        (END, 4, "<H", 1, 0, "several parts"),
        (END, 20, "<H", 5, 0, "behind the end"),
    ],
)
def test_hostile_directories(signature, at, layout, value, nth, message):
    data = pt_file(P2 + tensor() + b".", bytes(16))
    with pytest.raises(fio.FormatError, match=message):
        loaded(patched(data, signature, at, layout, value, nth))


def test_two_names_for_one_record_are_refused():
    data = pt_file(P2 + tensor() + b".", bytes(16), **{"archive/data/1": bytes(16)})
    first = data.index(b"archive/data/0")
    twice = patched(data, CENTRAL, 42, "<L", first - 30, 3)
    with pytest.raises(fio.FormatError, match=r"overlaps|corrupt"):
        loaded(twice)
    with pytest.raises(fio.FormatError, match="there twice"):
        loaded(data.replace(b"archive/data/1", b"archive/data/0"))


def test_a_flipped_bit_in_the_data_is_found():
    data = bytearray(saved(fb.arange(100)))
    data[data.index(struct.pack("<2q", 50, 51))] ^= 1
    with pytest.raises(fio.FormatError, match="check sum is wrong"):
        loaded(bytes(data))


def test_meaningless_check_sums_of_torch_are_ignored():
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(torch.arange(3), buffer)
    finally:
        torch.serialization.set_crc32_options(before)
    assert loaded(buffer.getvalue()).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"hello, world, this is text", "unknown file format.*'hello, w'"),
        (bytes(1000), "unknown file format"),
        (b"\x1f\x8b" + bytes(100), "unknown file format"),
        (bytes(257) + b"ustar", "tar file"),
        (b"\x93NUMPY\1\0\xff\xff{}", "header of the NumPy file"),
        (
            b"\x93NUMPY\1\0\x3f\0{'descr':'<f8','fortran_order':False,'shape':(1000000000000,)}\n",
            "truncated|corrupt",
        ),
        (P2 + b"N.", "not written by PyTorch"),
        (P2 + b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.", "big-endian"),
    ],
)
def test_other_files(data, message):
    with pytest.raises(fio.FormatError, match=message):
        loaded(data)


def checkpoint():
    shared = fb.arange(6.0)
    return {
        "model": OrderedDict(w=fb.ones(3, 4), b=fb.zeros(3, dtype=fb.bfloat16)),
        "views": [shared, shared[2:], shared.reshape(2, 3).t()],
        "plain": {"n": [1, 2.5, None, True, "text", b"bytes", (1, 2, 3)], "big": 1 << 70, "s": {1}},
        "parameter": fb.nn.Parameter(fb.ones(2)),
        "size": fb.Size([1, 2]),
    }


def with_numpy_objects(data):
    """The checkpoint's file with NumPy objects in a list with the rest."""
    scalar = b"cnumpy.core.multiarray\nscalar\n" + NUMPY_DTYPE + b"C\10abcdefgh\x86R"
    state = b"(K\1K\1K\2\x86" + NUMPY_DTYPE + b"\x89C\20" + bytes(16) + b"tb"
    entries = records(data)
    pickle = P2 + b"]" + scalar + b"a" + NUMPY_ARRAY + state + b"a"
    return {**entries, "archive/data.pkl": pickle + entries["archive/data.pkl"][2:-1] + b"a."}


def safetensors_sample():
    tensors = {"a": fb.arange(6.0), "b": fb.ones(2, 3, dtype=fb.int16), "c": fb.empty(0)}
    return saved(tensors, format="safetensors", metadata={"k": "v"})


def mutations(data, seed):
    """Random flips, truncations, insertions, repeated pieces and interesting numbers."""
    rng = random.Random(seed)
    numbers = [0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1]
    for _ in range(CASES):
        copy = bytearray(data)
        for _ in range(rng.choice([1, 1, 1, 2, 8])):
            at = rng.randrange(len(copy))
            kind = rng.randrange(6)
            if kind == 0:
                copy[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                copy[at] = rng.randrange(256)
            elif kind == 2:
                del copy[at : at + rng.choice([1, 2, 8, 64])]
            elif kind == 3:
                start = rng.randrange(len(copy))
                copy[at:at] = copy[start : start + rng.choice([1, 4, 16, 64])]
            elif kind == 4:
                width = rng.choice([1, 2, 4, 8])
                number = rng.choice(numbers) & ((1 << 8 * width) - 1)
                copy[at : at + width] = number.to_bytes(width, rng.choice(["little", "big"]))
            else:
                del copy[max(at, 1) :]
            if not copy:
                break
        yield bytes(copy)


def survives(data, **options):
    """Loads, or fails with one of our errors; whatever it loads can be walked and saved again."""
    try:
        result = loaded(data, **options)
    except fio.FormatError as error:
        assert str(error) and len(str(error)) < 1000
        return
    except RuntimeError as error:  # a saved device that this machine lacks
        assert "map_location" in str(error)
        return
    todo, seen = [result], set()
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, fb.Tensor) and value.device.type == "cpu" and value.numel() < 10_000:
            value.detach().clone()
        elif isinstance(value, dict):
            todo.extend(value.values())
        elif isinstance(value, list | tuple):
            todo.extend(value)


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_pickles(seed):
    entries = with_numpy_objects(saved(checkpoint()))
    assert len(loaded(zipped(entries.items()))) == 3
    for pickle in mutations(entries["archive/data.pkl"], seed):
        survives(zipped({**entries, "archive/data.pkl": pickle}.items()))


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_archives(seed):
    for data in mutations(saved(checkpoint()), seed):
        survives(data)


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_safetensors(seed):
    for data in mutations(safetensors_sample(), seed):
        survives(data)


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_legacy_files(seed):
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    sample = {"a": torch.arange(6.0), "b": torch.ones(2, 2).t(), "c": [1, "x"]}
    torch.save(sample, buffer, _use_new_zipfile_serialization=False)
    for data in mutations(buffer.getvalue(), seed):
        survives(data)


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_safetensors_structure(seed):
    """Edits of the header's JSON, which random bytes seldom get right."""
    rng = random.Random(seed)
    values = [
        None,
        True,
        -1,
        0,
        1,
        3,
        1.5,
        1 << 31,
        1 << 62,
        1 << 64,
        "F64",
        "BOOL",
        "",
        [],
        [0, 8],
        {},
        [1 << 40] * 3,
    ]
    good = safetensors_sample()
    length = int.from_bytes(good[:8], "little")
    header, data = json.loads(good[8 : 8 + length]), good[8 + length :]
    for _ in range(CASES):
        copy = json.loads(json.dumps(header))
        for _ in range(rng.choice([1, 1, 2])):
            name = rng.choice(list(copy))
            field = copy[name]
            if rng.random() < 0.1 or not isinstance(field, dict) or not field:
                copy[name] = deepcopy(rng.choice(values))
                continue
            key = rng.choice(list(field))
            if isinstance(field[key], list) and field[key] and rng.random() < 0.6:
                field[key][rng.randrange(len(field[key]))] = deepcopy(rng.choice(values))
            else:
                field[key] = deepcopy(rng.choice(values))
        survives(with_header(json.dumps(copy).encode(), data))


def test_every_truncation_is_an_error():
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    torch.save([torch.arange(6.0), 3], buffer, _use_new_zipfile_serialization=False)
    for data in (saved(checkpoint()), buffer.getvalue()):
        for size in range(0, len(data), 7):
            with pytest.raises(fio.FormatError):
                loaded(data[:size])


def test_claims_take_no_memory(tmp_path):
    """All hostile claims above, in a process that may not allocate half a gigabyte."""
    pytest.importorskip("resource")
    files = [pt_file(P2 + pickle + b".", bytes(16)) for pickle, _ in HOSTILE_TENSORS]
    files += [pt_file(P2 + pickle) for pickle, _ in HOSTILE_PICKLES]
    for i, data in enumerate(files):
        (tmp_path / str(i)).write_bytes(data)
    script = (
        "import os, resource, sys\n"
        "import flambeau.io as fio\n"
        "fio.load\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "limit = used + (512 << 20)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "for name in os.listdir(sys.argv[1]):\n"
        "    for mmap in (True, False):\n"
        "        try:\n"
        "            fio.load(os.path.join(sys.argv[1], name), mmap=mmap)\n"
        "        except fio.FormatError:\n"
        "            continue\n"
        "        raise SystemExit(name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr

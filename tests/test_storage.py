"""Storages: what tensors share, growing, sharing with other processes."""

import copy
import os
import random

import numpy as np
import pytest

import flambeau as fb
from flambeau.storage import TypedStorage, UntypedStorage


def test_views_share_a_storage():
    x = fb.arange(12, dtype=fb.int32).view(3, 4)
    storage = x.untyped_storage()
    for view in (x[1:], x.t(), x[:, ::2], x.flatten(), x.detach(), x[0, 0], x.view(fb.uint8)):
        assert view.untyped_storage() == storage
        assert view.untyped_storage().data_ptr() == x.data_ptr()
    assert storage.nbytes() == storage.size() == len(storage) == 48
    assert hash(storage) == hash(x[1:].untyped_storage())
    assert x.clone().untyped_storage() != storage
    assert storage.element_size() == 1 and storage.untyped() is storage
    assert storage.device == fb.device("cpu") and not storage.is_cuda and storage.get_device() == -1


def test_bytes_and_elements():
    x = fb.tensor([1, 2, 3], dtype=fb.int16)
    raw, typed = x[1:].untyped_storage(), x[1:].storage()
    assert raw.tolist() == list(raw) == [1, 0, 2, 0, 3, 0]
    assert typed.tolist() == list(typed) == [1, 2, 3]
    assert (len(typed), typed.nbytes(), typed.element_size()) == (3, 6, 2)
    assert typed.dtype == fb.int16 and typed.untyped() == raw and typed.data_ptr() == x.data_ptr()
    raw[2], typed[2] = 7, -1
    assert (raw[2], typed[1], typed[2]) == (7, 7, -1)
    assert x.tolist() == [1, 7, -1]
    raw.fill_(0)
    typed[0:2] = 5
    assert x.tolist() == [5, 5, 0]
    typed.fill_(9)
    assert x.tolist() == [9, 9, 9]
    with pytest.raises(IndexError):
        raw[6]
    with pytest.raises(IndexError):
        typed[-4]


@pytest.mark.parametrize("dtype", [fb.float32, fb.float64, fb.bfloat16, fb.bool, fb.complex64])
def test_every_dtype_has_storages(dtype):
    x = fb.tensor([[1, 0, 1], [0, 0, 1]], dtype=dtype)
    assert x.t().storage().tolist() == [1, 0, 1, 0, 0, 1]
    assert x.untyped_storage().nbytes() == 6 * dtype.itemsize
    assert fb.empty(0, dtype=dtype).storage().tolist() == []


def test_new_storages():
    assert len(UntypedStorage()) == 0 and UntypedStorage().tolist() == []
    assert UntypedStorage(5).nbytes() == 5
    assert UntypedStorage([1, 2, 255]).tolist() == [1, 2, 255]
    values = [random.randrange(256) for _ in range(9)]
    assert UntypedStorage.from_buffer(bytes(values)).tolist() == values
    part = UntypedStorage.from_buffer(
        np.arange(5, dtype=np.int16), dtype=fb.int16, count=2, offset=2
    )
    assert part.tolist() == [1, 0, 2, 0]
    meta = UntypedStorage(1 << 40, device="meta")
    assert meta.nbytes() == 1 << 40 and meta.device.type == "meta"


def test_copies():
    x = fb.tensor([1.0, 2.0])
    storage = x.storage()
    for twin in (storage.clone(), copy.copy(storage.untyped()), copy.deepcopy(storage.untyped())):
        assert twin.tolist() == storage.clone().tolist() or twin.nbytes() == 8
        assert twin.data_ptr() != storage.data_ptr()
    pair = [storage.untyped(), None]
    pair[1] = pair[0]
    first, second = copy.deepcopy(pair)
    assert first is second and first != storage.untyped()
    other = fb.tensor([3.0, 4.0])
    storage.copy_(other.storage())
    assert x.tolist() == [3.0, 4.0]
    storage.copy_(fb.tensor([7, 8]).storage())  # converts
    assert x.tolist() == [7.0, 8.0]
    storage.untyped().copy_(other.untyped_storage())
    assert x.tolist() == [3.0, 4.0]
    with pytest.raises(RuntimeError):
        storage.copy_(fb.zeros(3).storage())
    assert storage.untyped().cpu() is not None and storage.cpu() == storage


def test_storages_grow_but_do_not_shrink_under_tensors():
    x = fb.tensor([1.0, 2.0])
    storage, other = x.untyped_storage(), x.untyped_storage()
    assert storage.resizable()
    assert storage.resize_(64) is storage
    assert (storage.nbytes(), other.nbytes(), len(other.tolist())) == (64, 64, 64)
    assert x.tolist() == [1.0, 2.0] and x.storage()[1] == 2.0
    x.storage().resize_(20)
    assert storage.nbytes() == 80
    with pytest.raises(RuntimeError, match="80 bytes cannot shrink to 4"):
        storage.resize_(4)
    foreign = fb.from_numpy(np.zeros(3))
    assert not foreign.storage().resizable()
    with pytest.raises(RuntimeError, match="not resizable"):
        foreign.untyped_storage().resize_(100)


def test_repr():
    assert repr(UntypedStorage([1])) == "UntypedStorage(device=cpu) of size 1"
    text = repr(fb.tensor([1.5, 2.0]).storage())
    assert text == " 1.5\n 2.0\n[TypedStorage(dtype=torch.float32, device=cpu) of size 2]"
    assert fb.is_storage(UntypedStorage()) and fb.is_storage(fb.zeros(1).storage())
    assert not fb.is_storage(fb.zeros(1))
    assert (fb.UntypedStorage, fb.TypedStorage) == (UntypedStorage, TypedStorage)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.parametrize("source", ["own", "numpy"])
def test_shared_memory_is_seen_by_forked_processes(source):
    values = np.arange(5000.0)
    x = fb.from_numpy(values.copy()) if source == "numpy" else fb.arange(5000.0, dtype=fb.float64)
    view, array = x[10:20], x.numpy()
    assert not x.is_shared()
    assert x.share_memory_() is x
    assert x.is_shared() and view.is_shared() and view.untyped_storage().is_shared()
    assert x.storage().share_memory_().is_shared()  # again changes nothing
    assert np.array_equal(x.numpy(), values) and view.data_ptr() == x.data_ptr() + 80
    assert np.array_equal(array, values)  # it keeps the memory that it knows
    child = os.fork()
    if child == 0:
        try:
            view.numpy()[:] = -1
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert x[9:21].tolist() == [9.0, *[-1.0] * 10, 20.0]
    assert not x.untyped_storage().resizable()


def test_what_cannot_be_shared():
    assert fb.empty(0).share_memory_().tolist() == []
    with pytest.raises(RuntimeError, match="only memory of the CPU"):
        fb.empty(3, device="meta").share_memory_()


def test_a_shared_module_trains_as_before():
    module = fb.nn.Linear(3, 2)
    module.share_memory()
    assert all(parameter.is_shared() for parameter in module.parameters())
    optimizer = fb.optim.Adagrad(module.parameters(), lr=0.1)
    optimizer.share_memory()
    before = module.weight.tolist()
    module(fb.ones(1, 3)).sum().backward()
    optimizer.step()
    assert module.weight.tolist() != before and module.weight.is_shared()

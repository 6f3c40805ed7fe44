"""Loaders with worker processes: what travels, seeds, streams."""

import gc
import itertools
import os
import random
import sys
import time

import numpy as np
import pytest
from data_helpers import (
    Sharded,
    Squares,
    Stamped,
    compare,
    no_process_or_descriptor_is_left,  # noqa: F401
    same,
)

import flambeau as fb
from flambeau.utils import data
from flambeau.utils.data import DataLoader, TensorDataset

# ---- workers -----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_start_methods(method):
    x = fb.arange(20).view(10, 2)
    loader = DataLoader(
        TensorDataset(x), 4, num_workers=1, multiprocessing_context=method, shuffle=False
    )
    assert [batch[0].tolist() for batch in loader] == [p.tolist() for p in x.split(4)]


class Whole:
    """One batch of everything: hands out objects as they are."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def identity(value):
    return value


def through_worker(items):
    loader = DataLoader(Whole(items), None, num_workers=1, collate_fn=identity)
    return list(loader)


def test_what_travels_through_memory():
    base = fb.randn(4, 6)
    items = [
        base,
        base.t(),
        base[:, ::2],
        fb.randn(2, 3, 4, 5).permute(0, 3, 1, 2),
        base[0].expand(3, 6),
        fb.zeros(0, 3),
        fb.tensor(3.5),
        *(base.to(getattr(fb, name)) for name in ("bfloat16", "float16", "int8", "complex64")),
        base > 0,
        {"a": [base, 1, "x", (base, None)], "b": {1, 2}},
        [],
        "x" * 300_000,
        [str(i) for i in range(40_000)],
        [fb.tensor([i]) for i in range(3000)],
    ]
    got = through_worker(items)
    for sent, received in zip(items, got, strict=True):
        same(received, sent)
    assert got[1].stride() == base.t().stride()
    assert got[3].stride() == items[3].stride()


def test_arrays_travel_too():
    arrays = [np.arange(12.0).reshape(3, 4), np.arange(5)[::2], np.zeros((0, 2)), np.array("text")]
    got = through_worker([*arrays, {"a": np.ones(1000)}])
    for sent, received in zip(arrays, got, strict=False):
        np.testing.assert_array_equal(received, sent)
    got[0][0, 0] = 5  # writable
    held = got[4]["a"]
    del got
    gc.collect()
    assert held.sum() == 1000


def test_leaves_keep_requiring_gradients():
    leaf = fb.ones(3, requires_grad=True)
    (received,) = through_worker([leaf])
    assert received.requires_grad
    with pytest.raises(RuntimeError, match="non-leaf tensor which requires_grad"):
        through_worker([leaf * 2])


@pytest.mark.parametrize("collate_fn", [None, fb.stack])
def test_held_batches_stay_what_they_are(collate_fn):
    loader = DataLoader(Stamped(), 2, num_workers=2, collate_fn=collate_fn)
    batches = list(loader)
    assert len(batches) == 30
    for number, batch in enumerate(batches):
        assert batch.shape == (2, 40, 50)
        assert [set(part.flatten().tolist()) for part in batch] == [{2 * number}, {2 * number + 1}]


def test_dropped_and_held_batches_in_turn():
    loader = DataLoader(Stamped(), 1, num_workers=2)
    held = {}
    for number, batch in enumerate(loader):
        if random.Random(number).random() < 0.4:
            held[number] = batch[0, 3:, ::2]  # a view holds the batch's memory
        elif held and number % 5 == 0:
            held.pop(next(iter(held)))
    for number, view in held.items():
        assert set(view.flatten().tolist()) == {number}


def test_parts_of_a_batch_hold_its_memory():
    class Several(Stamped):
        def __getitem__(self, index):
            return {"a": fb.full((30,), index), "b": np.full(40, index)}

    kept = []
    for batch in DataLoader(Several(), None, num_workers=1, collate_fn=identity):
        kept.append(batch["b" if len(kept) % 2 else "a"])
    for number, part in enumerate(kept):
        assert set(part.tolist()) == {number}


class Seeds:
    def __len__(self):
        return 6

    def __getitem__(self, index):
        library = sys.modules[self.library]
        info = self.info()
        return {
            "seed": info.seed,
            "initial": library.initial_seed(),
            "ours": library.rand(2),
            "python": random.random(),
            "numpy": np.random.rand(),
            "worker": [info.id, info.num_workers],
            "same": info.dataset is self,
        }


class OurSeeds(Seeds):
    library = "flambeau"

    def info(self):
        return data.get_worker_info()


class TorchSeeds(Seeds):
    library = "torch"

    def info(self):
        return sys.modules["torch"].utils.data.get_worker_info()


def test_workers_are_seeded_as_pytorchs():
    def load(library, module):
        library.manual_seed(21)
        dataset = OurSeeds() if library is fb else TorchSeeds()
        loader = module.DataLoader(dataset, 1, num_workers=2)
        return [list(loader), list(loader)]

    compare(load)
    assert data.get_worker_info() is None


def test_one_thread_a_worker():
    class Threads(Squares):
        def __getitem__(self, index):
            return fb.get_num_threads()

    assert set(map(int, DataLoader(Threads(4), num_workers=2))) == {1}


def test_worker_init_fn():
    class Offset(Squares):
        def __getitem__(self, index):
            return index + data.get_worker_info().dataset.offset

    def init(worker):
        data.get_worker_info().dataset.offset = 100 * (worker + 1)

    loader = DataLoader(Offset(4), num_workers=2, worker_init_fn=init)
    assert [int(b) for b in loader] == [100, 201, 102, 203]


@pytest.mark.parametrize("persistent", [False, True])
def test_streams_in_workers(persistent):
    loader = DataLoader(Sharded(0, 23), 3, num_workers=2, persistent_workers=persistent)
    for _ in range(3):
        batches = [batch.tolist() for batch in loader]
        assert sorted(itertools.chain(*batches)) == list(range(23))
        assert batches[0] == [0, 2, 4]
        assert batches[1] == [1, 3, 5]


def test_streams_of_different_length_equal_pytorch():
    def load(library, module):
        class Uneven(module.IterableDataset):
            def __iter__(self):
                worker = module.get_worker_info().id
                return iter(range(worker * 100, worker * 100 + 3 + 9 * worker))

        loader = module.DataLoader(Uneven(), 2, num_workers=2, prefetch_factor=1)
        return sorted(batch.tolist() for batch in loader)

    compare(load)


def test_persistent_workers_stay():
    class Processes(Squares):
        def __getitem__(self, index):
            return os.getpid()

    loader = DataLoader(Processes(4), num_workers=2, persistent_workers=True)
    passes = [sorted(map(int, loader)) for _ in range(3)]
    assert passes[0] == passes[1] == passes[2]
    iterator = iter(loader)
    next(iterator)
    assert len(list(loader)) == 4  # begun anew, with answers to the old pass under way
    del iterator, loader
    gc.collect()


def test_out_of_order():
    class Slow(Squares):
        def __getitem__(self, index):
            if index == 0:
                time.sleep(0.5)
            return index

    got = [int(b) for b in DataLoader(Slow(8), num_workers=2, in_order=False)]
    assert sorted(got) == list(range(8))
    assert got[0] != 0
    assert [int(b) for b in DataLoader(Slow(8), num_workers=2)] == list(range(8))


@pytest.mark.parametrize("prefetch", [1, 5])
def test_prefetch_factor(prefetch):
    loader = DataLoader(Squares(30), 2, num_workers=2, prefetch_factor=prefetch)
    assert len(list(loader)) == 15


def test_large_index_lists_do_not_block():
    class Lists(Squares):
        def __getitems__(self, indices):
            return [str(i) for i in indices]

    loader = DataLoader(
        Lists(400_000), 100_000, num_workers=1, collate_fn=lambda items: items, prefetch_factor=4
    )
    assert [len(batch) for batch in loader] == [100_000] * 4

"""Data sets, samplers, collating and loaders: against PyTorch, and what can go wrong in workers."""

import collections
import gc
import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import flambeau as fb
from flambeau.utils import data
from flambeau.utils.data import DataLoader, TensorDataset

Pair = collections.namedtuple("Pair", ["a", "b"])


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def no_process_or_descriptor_is_left():
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    yield
    deadline = time.monotonic() + 5  # PyTorch's threads take their time
    while time.monotonic() < deadline:
        gc.collect()
        left = len(os.listdir("/proc/self/fd"))
        if not multiprocessing.active_children() and left <= before + 1:
            break  # the first use of a pool may open one
        time.sleep(0.02)
    assert not multiprocessing.active_children()
    assert left <= before + 1, [
        os.readlink(f) for f in Path("/proc/self/fd").iterdir() if f.exists()
    ]


def same(ours, theirs):
    """Compare nested batches of ours with those of PyTorch."""
    if hasattr(theirs, "dtype") and hasattr(theirs, "tolist"):
        assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert ours.tolist() == theirs.tolist()
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs)
        assert ours.keys() == theirs.keys()
        for key in theirs:
            same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    else:
        assert ours == theirs


# ---- data sets ---------------------------------------------------------------------


class Squares(data.Dataset):
    def __init__(self, size=10):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if not 0 <= index < self.size:
            raise IndexError(index)
        return index * index


class Counting(data.IterableDataset):
    def __init__(self, start, end):
        self.start, self.end = start, end

    def __iter__(self):
        return iter(range(self.start, self.end))

    def __len__(self):
        return self.end - self.start


class Sharded(Counting):
    """Each worker yields its share."""

    def __iter__(self):
        info = data.get_worker_info()
        return iter(range(self.start + info.id, self.end, info.num_workers))


def test_tensor_dataset():
    x, y = fb.arange(6).view(3, 2), fb.arange(3)
    rows = TensorDataset(x, y)
    assert len(rows) == 3
    assert [item.tolist() for item in rows[1]] == [[2, 3], 1]
    with pytest.raises(AssertionError, match="Size mismatch"):
        TensorDataset(x, fb.arange(4))
    with pytest.raises(IndexError):
        rows[3]


def test_concat_dataset():
    joined = Squares(3) + Squares(2) + Squares(4)
    assert list(joined) == [0, 1, 4, 0, 1, 0, 1, 4, 9]
    assert joined[-1] == 9
    assert joined[-9] == 0
    for index in (-10, 9):
        with pytest.raises((ValueError, IndexError)):
            joined[index]
    with pytest.raises(AssertionError, match="empty"):
        data.ConcatDataset([])
    with pytest.raises(AssertionError, match="IterableDataset"):
        data.ConcatDataset([Counting(0, 3)])


def test_chain_dataset():
    chained = Counting(0, 3) + Counting(10, 12)
    assert list(chained) == [0, 1, 2, 10, 11]
    assert len(chained) == 5
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(data.ChainDataset([Squares()]))


def test_stack_dataset():
    pairs = data.StackDataset(Squares(3), [7, 8, 9])
    assert pairs[1] == (1, 8)
    assert pairs.__getitems__([0, 2]) == [(0, 7), (4, 9)]
    named = data.StackDataset(x=Squares(3), y=[7, 8, 9])
    assert named[2] == {"x": 4, "y": 9}
    assert len(named) == 3
    assert named.__getitems__([1]) == [{"x": 1, "y": 8}]
    for args, kwargs in (((), {}), (([1],), {"x": [1]}), (([1], [1, 2]), {})):
        with pytest.raises(ValueError):
            data.StackDataset(*args, **kwargs)

    class Short(Squares):
        def __getitems__(self, indices):
            return [0]

    with pytest.raises(ValueError, match="Expected 2, got 1"):
        data.StackDataset(Short(3)).__getitems__([0, 1])


def test_subset():
    part = data.Subset(Squares(), [1, 3, 5])
    assert [part[0], part[-1], len(part)] == [1, 25, 3]
    assert part.__getitems__([2, 0]) == [25, 1]

    class Half(data.Subset):
        def __getitem__(self, index):
            return self.dataset[self.indices[index]] / 2

    with pytest.raises(NotImplementedError, match="overrides __getitem__ but not __getitems__"):
        Half(Squares(), [1])


def test_missing_getitem():
    with pytest.raises(NotImplementedError):
        data.Dataset()[0]
    assert data.Dataset[int] is not None


@pytest.mark.parametrize("lengths", [[3, 7], [10], [0.3, 0.7], [0.33, 0.33, 0.34], [0.05, 0.95]])
def test_random_split_equals_pytorch(torch, lengths):
    for seed in (None, 42):
        parts = []
        for library, module in ((fb, data), (torch, torch.utils.data)):
            library.manual_seed(5)
            options = {} if seed is None else {"generator": library.Generator().manual_seed(seed)}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                parts.append(module.random_split(range(10), lengths, **options))
        assert [list(p.indices) for p in parts[0]] == [list(p.indices) for p in parts[1]]


def test_random_split_mistakes():
    with pytest.raises(ValueError, match="does not equal"):
        data.random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0"):
        data.random_split(range(10), [1.5, -0.5])
    with pytest.warns(UserWarning, match="index 0 is 0"):
        data.random_split(range(3), [0.0, 1.0])


# ---- samplers ----------------------------------------------------------------------


SAMPLERS = {
    "sequential": lambda m, o: m.SequentialSampler(range(5)),
    "random": lambda m, o: m.RandomSampler(range(70), **o),
    "random many": lambda m, o: m.RandomSampler(range(7), num_samples=30, **o),
    "random few": lambda m, o: m.RandomSampler(range(70), num_samples=3, **o),
    "random replaced": lambda m, o: m.RandomSampler(range(7), True, 75, **o),
    "subset": lambda m, o: m.SubsetRandomSampler([3, 1, 4, 1, 5, 9], **o),
    "weighted": lambda m, o: m.WeightedRandomSampler([0.1, 0.0, 3.0, 0.5], 20, **o),
    "weighted once": lambda m, o: m.WeightedRandomSampler([0.1, 1.0, 3.0], 3, False, **o),
}


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_equal_pytorch(torch, name, own):
    results = []
    for library, module in ((fb, data), (torch, torch.utils.data)):
        library.manual_seed(11)
        generator = library.Generator().manual_seed(12)
        sampler = SAMPLERS[name](module, {"generator": generator} if own else {})
        passes = [list(sampler), list(sampler)]
        after = library.rand(2).tolist(), library.rand(2, generator=generator).tolist()
        results.append((passes, len(sampler), after))
    assert results[0] == results[1]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [0, 1, 5, 6])
def test_batch_sampler(size, drop_last):
    sampler = data.BatchSampler(range(size), 3, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert all(len(batch) == 3 for batch in batches[: size // 3])
    assert list(itertools.chain(*batches)) == list(range(size // 3 * 3 if drop_last else size))


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [1, 7, 12])
def test_distributed_sampler_equals_pytorch(torch, size, shuffle, drop_last):
    for rank in range(4):
        results = []
        for module in (data, torch.utils.data):
            sampler = module.DistributedSampler(range(size), 4, rank, shuffle, 3, drop_last)
            sampler.set_epoch(2)
            results.append((list(sampler), len(sampler)))
        assert results[0] == results[1]


def test_sampler_mistakes():
    for make, error in (
        (lambda: data.RandomSampler([]), ValueError),
        (lambda: data.RandomSampler([1], num_samples=0), ValueError),
        (lambda: data.RandomSampler([1], replacement=1), TypeError),
        (lambda: data.WeightedRandomSampler([1.0], 0), ValueError),
        (lambda: data.WeightedRandomSampler([1.0], 1, 1), ValueError),
        (lambda: data.WeightedRandomSampler([[1.0]], 1), ValueError),
        (lambda: data.BatchSampler([1], 0, False), ValueError),
        (lambda: data.BatchSampler([1], True, False), ValueError),
        (lambda: data.BatchSampler([1], 1, 1), ValueError),
        (lambda: data.DistributedSampler([1], 2, 2), ValueError),
        (lambda: iter(data.Sampler()), NotImplementedError),
    ):
        with pytest.raises(error):
            make()


# ---- collating ---------------------------------------------------------------------


def collations(library):
    tensor = library.tensor
    return [
        [tensor([1, 2]), tensor([3, 4])],
        [tensor(1.5), tensor(2.5)],
        [1, 2],
        [True, False],
        [1.5, 2.0],
        ["a", "b"],
        [b"a", b"b"],
        [(1, "a"), (2, "b")],
        [[1, 2.0], [3, 4.0]],
        [{"x": 1, "y": [tensor([1]), 2]}, {"x": 3, "y": [tensor([2]), 4]}],
        [Pair(1, tensor([1.0])), Pair(2, tensor([2.0]))],
        [np.array([1, 2], dtype=np.int16), np.array([3, 4], dtype=np.int16)],
        [np.float32(1.5), np.float32(2.5)],
        [np.int64(1), np.int64(2)],
        [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
        [range(2), range(2)],
    ]


@pytest.mark.parametrize("number", range(16))
def test_collate_equals_pytorch(torch, number):
    ours = data.default_collate(collations(fb)[number])
    theirs = torch.utils.data.default_collate(collations(torch)[number])
    same(ours, theirs)


@pytest.mark.parametrize("number", range(16))
def test_convert_equals_pytorch(torch, number):
    ours = data.default_convert(collations(fb)[number])
    theirs = torch.utils.data.default_convert(collations(torch)[number])
    same(ours, theirs)


def test_collate_keeps_the_type_of_containers():
    batch = [collections.defaultdict(int, a=1), collections.defaultdict(int, a=2)]
    assert data.default_collate(batch).default_factory is int
    converted = data.default_convert(batch[0])
    assert converted.default_factory is int
    assert converted is not batch[0]


def test_collate_mistakes():
    with pytest.raises(TypeError, match="must contain tensors, numpy arrays, numbers, dicts"):
        data.default_collate([object(), object()])
    with pytest.raises(TypeError, match="must contain tensors"):
        data.default_collate([np.array(["a"]), np.array(["b"])])
    with pytest.raises(RuntimeError, match="should be of equal size"):
        data.default_collate([[1, 2], [1]])
    with pytest.raises(RuntimeError):
        data.default_collate([fb.zeros(2), fb.zeros(3)])


def test_collate_functions_of_ones_own():
    from flambeau.utils.data._utils.collate import collate, default_collate_fn_map

    table = {**default_collate_fn_map, complex: lambda batch, *, collate_fn_map: sum(batch)}
    assert collate([{"z": 1j}, {"z": 2j}], collate_fn_map=table) == {"z": 3j}


# ---- loading in one process --------------------------------------------------------


def loader_results(library, module, workers=0, **options):
    library.manual_seed(7)
    x = library.arange(46).view(23, 2)
    loader = module.DataLoader(
        module.TensorDataset(x, x[:, 0] * 1.5), num_workers=workers, **options
    )
    passes = [list(loader), list(loader)]
    return passes, len(loader), library.rand(3)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 4},
        {"batch_size": 4, "shuffle": True},
        {"batch_size": 4, "shuffle": True, "drop_last": True},
        {"batch_size": None},
        {"batch_size": None, "shuffle": True},
        {"batch_size": 23, "shuffle": True},
        {"batch_sampler": [[1, 2], [3], [5, -1, 6]]},
        {"batch_size": 2, "sampler": [5, 4, 3, 3]},
        {"batch_size": 2, "collate_fn": len},
    ],
)
def test_loading_equals_pytorch(torch, options, workers):
    """Batches, order, lengths, and how many random numbers it took."""
    same(
        list(loader_results(fb, data, workers, **options)),
        list(loader_results(torch, torch.utils.data, workers, **options)),
    )


def test_generator_of_ones_own_equals_pytorch(torch):
    results = []
    for library, module in ((fb, data), (torch, torch.utils.data)):
        generator = library.Generator().manual_seed(3)
        loader = module.DataLoader(range(20), 3, shuffle=True, generator=generator)
        passes = [[batch.tolist() for batch in loader] for _ in range(2)]
        results.append((passes, library.rand(2, generator=generator).tolist()))
    assert results[0] == results[1]


def test_whole_batches_are_the_same_as_samples():
    x, y = fb.randn(11, 3), fb.arange(11)
    rows = TensorDataset(x, y)
    for dataset in (
        rows,
        data.Subset(rows, [3, 1, 9, 0]),
        data.StackDataset(rows, data.Subset(rows, range(11))),
        data.StackDataset(first=rows, second=rows),
    ):
        plain = DataLoader(dataset, 3, collate_fn=lambda batch: data.default_collate(batch))
        for fast, slow in zip(DataLoader(dataset, 3), plain, strict=True):
            same(fast, slow)


def test_batches_are_not_views_of_the_data():
    x = fb.zeros(4, 2)
    for batch in DataLoader(TensorDataset(x), 4):
        batch[0].fill_(1)
    assert x.sum().item() == 0


def test_a_subclass_decides_itself():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)[0] * 2

    class Listed(TensorDataset):
        def __getitems__(self, indices):
            return [index * 100 for index in indices]

    assert next(iter(DataLoader(Doubled(fb.arange(4)), 4))).tolist() == [0, 2, 4, 6]
    assert next(iter(DataLoader(Listed(fb.arange(4)), 4))).tolist() == [0, 100, 200, 300]


def test_stream():
    assert [b.tolist() for b in DataLoader(Counting(0, 5), 2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Counting(0, 5), 2, drop_last=True)] == [[0, 1], [2, 3]]
    assert list(DataLoader(Counting(0, 3), None)) == [0, 1, 2]
    assert len(DataLoader(Counting(0, 5), 2)) == 3


def test_stream_longer_than_it_says():
    class Liar(Counting):
        def __len__(self):
            return 1

    loader = DataLoader(Liar(0, 5), None)
    assert len(loader) == 1
    with pytest.warns(UserWarning, match="was reported to be 1"):
        list(loader)


def test_options_that_exclude_each_other():
    sequence = [1, 2]
    for options in (
        {"num_workers": -1},
        {"timeout": -1},
        {"prefetch_factor": 2},
        {"num_workers": 1, "prefetch_factor": -1},
        {"persistent_workers": True},
        {"shuffle": True, "sampler": [0]},
        {"batch_sampler": [[0]], "batch_size": 2},
        {"batch_sampler": [[0]], "shuffle": True},
        {"batch_size": None, "drop_last": True},
        {"batch_size": 0},
        {"multiprocessing_context": "fork"},
        {"num_workers": 1, "multiprocessing_context": "nonsense"},
    ):
        with pytest.raises(ValueError):
            DataLoader(sequence, **options)
    with pytest.raises(TypeError):
        DataLoader(sequence, num_workers=1, multiprocessing_context=3)
    for options in ({"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}):
        with pytest.raises(ValueError, match="DataLoader with IterableDataset"):
            DataLoader(Counting(0, 3), **options)
    loader = DataLoader(sequence)
    with pytest.raises(ValueError, match="should not be set after"):
        loader.batch_size = 3
    loader.timeout = 3
    with pytest.warns(UserWarning, match="suggested max number of worker"):
        DataLoader(sequence, num_workers=10_000)


def test_importing_it_loads_neither_numpy_nor_multiprocessing():
    script = (
        "import sys, flambeau.utils.data\n"
        "print({'numpy', 'multiprocessing', 'multiprocessing.context'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout.strip() == "set()", result.stderr


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


class Stamped:
    """Large batches that tell their number everywhere."""

    def __len__(self):
        return 60

    def __getitem__(self, index):
        return fb.full((40, 50), index)


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


def test_workers_are_seeded_as_pytorchs(torch):
    results = []
    for library, module, dataset in (
        (fb, data, OurSeeds()),
        (torch, torch.utils.data, TorchSeeds()),
    ):
        library.manual_seed(21)
        loader = module.DataLoader(dataset, 1, num_workers=2)
        results.append([list(loader), list(loader)])
    same(*results)
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


def test_streams_of_different_length_equal_pytorch(torch):
    results = []
    for module in (data, torch.utils.data):

        class Uneven(module.IterableDataset):
            def __iter__(self, module=module):
                worker = module.get_worker_info().id
                return iter(range(worker * 100, worker * 100 + 3 + 9 * worker))

        loader = module.DataLoader(Uneven(), 2, num_workers=2, prefetch_factor=1)
        results.append(sorted(batch.tolist() for batch in loader))
    assert results[0] == results[1]


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


# ---- what can go wrong -------------------------------------------------------------


class Special(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


class Raises(Squares):
    def __init__(self, error):
        super().__init__(6)
        self.error = error

    def __getitem__(self, index):
        if index == 3:
            raise self.error
        return index


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("mine"), ValueError),
        (KeyError("mine"), KeyError),
        (Special("mine", 2), RuntimeError),
        (StopIteration("mine"), StopIteration),
    ],
)
def test_exception_with_the_workers_traceback(error, kind):
    iterator = iter(DataLoader(Raises(error), num_workers=2))
    got = []
    with pytest.raises(kind) as caught:
        while True:
            got.append(int(next(iterator)))
    assert got == [0, 1, 2]
    text = str(caught.value)
    name = type(error).__name__
    assert f"Caught {name} in DataLoader worker process 1.\nOriginal Traceback" in text
    assert "raise self.error" in text
    assert "mine" in text
    assert [int(batch) for batch in iterator] == [4, 5]  # goes on after it


def test_exception_of_a_class_that_cannot_travel():
    class Local(Exception):
        pass

    with pytest.raises(RuntimeError, match="Caught Local in DataLoader worker process 0"):
        list(DataLoader(Raises(Local("mine")), None, num_workers=1))


def test_failure_to_start():
    def init(worker):
        raise ValueError("no start")

    with pytest.raises(ValueError, match="no start"):
        list(DataLoader(Squares(4), num_workers=2, worker_init_fn=init))


def test_result_that_cannot_travel():
    class Functions(Squares):
        def __getitem__(self, index):
            return lambda: index

    with pytest.raises(Exception, match="pickle"):
        list(DataLoader(Functions(4), None, num_workers=1))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_killed_worker_is_reported(number):
    class Dies(Squares):
        def __getitem__(self, index):
            if index == 5:
                os.kill(os.getpid(), number)
            return index

    start = time.monotonic()
    match = rf"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly: killed by {number.name}"
    with pytest.raises(RuntimeError, match=match):
        list(DataLoader(Dies(10), num_workers=2))
    assert time.monotonic() - start < 4


def test_worker_that_exits_is_reported():
    class Leaves(Squares):
        def __getitem__(self, index):
            os._exit(3)

    with pytest.raises(RuntimeError, match="exited unexpectedly: exit code 3"):
        list(DataLoader(Leaves(4), num_workers=1))


def test_killed_while_another_is_waited_for():
    class Dies(Squares):
        def __getitem__(self, index):
            if index == 1:
                os._exit(1)
            time.sleep(30)

    start = time.monotonic()
    iterator = iter(DataLoader(Dies(10), num_workers=2))
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(iterator)
    assert time.monotonic() - start < 4


def test_timeout():
    class Sleeps(Squares):
        def __getitem__(self, index):
            time.sleep(1.5)

    iterator = iter(DataLoader(Sleeps(2), num_workers=1, timeout=0.3))
    with pytest.raises(RuntimeError, match=r"timed out after 0\.3 seconds"):
        next(iterator)


def test_leaving_early_ends_the_workers():
    for stop in (0, 1, 5):
        loader = DataLoader(Stamped(), 2, num_workers=2)
        for _ in itertools.islice(loader, stop):
            pass
        iterator = iter(loader)
        del iterator
        gc.collect()
        assert not multiprocessing.active_children()


def test_nothing_with_a_name_is_left():
    before = set(os.listdir("/dev/shm"))
    iterator = iter(DataLoader(Stamped(), 2, num_workers=2))
    next(iterator)
    assert set(os.listdir("/dev/shm")) <= before
    del iterator


ORPHAN = """
import os, sys, time
import flambeau as fb
from flambeau.utils.data import DataLoader
from flambeau.utils.data._utils import worker
worker.WATCH_INTERVAL = 0.2
class Data:
    def __len__(self): return 1000
    def __getitem__(self, index): return fb.zeros(10)
iterators = [iter(DataLoader(Data(), 2, num_workers=2)) for _ in range(2)]
next(iterators[0])
print(*[p.pid for i in iterators for p in i._workers], flush=True)
time.sleep(60)
"""


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_workers_do_not_outlive_a_killed_parent():
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 4
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, pids))


INTERRUPTED = """
import time
import flambeau as fb
from flambeau.utils.data import DataLoader
class Data:
    def __len__(self): return 1000
    def __getitem__(self, index):
        time.sleep(0.05)
        return fb.zeros(10)
try:
    for number, batch in enumerate(DataLoader(Data(), 2, num_workers=2)):
        print(number, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_is_quiet_and_quick():
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    start = time.monotonic()
    out, errors = process.communicate(timeout=20)
    assert (out[-len("interrupted\n") :], errors) == ("interrupted\n", "")
    assert time.monotonic() - start < 8


OFTEN_INTERRUPTED = """
import random, signal
import flambeau as fb
from flambeau.utils.data import DataLoader
class Data:
    def __len__(self): return 4000
    def __getitem__(self, index): return fb.zeros(10)
def interrupt(*_): raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
caught = 0
for _ in range(100):
    batches = iter(DataLoader(Data(), 2, num_workers=1))
    next(batches)
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 4e-3))
        for batch in batches: pass
    except KeyboardInterrupt:
        caught += 1
print(caught)
"""


def test_no_interrupt_is_lost():
    result = subprocess.run(
        [sys.executable, "-c", OFTEN_INTERRUPTED], capture_output=True, text=True, timeout=60
    )
    assert (result.stdout, result.stderr) == ("100\n", "")


def test_a_forked_process_leaves_its_parents_workers_alone():
    loader = DataLoader(Squares(40), num_workers=1)
    iterator = iter(loader)
    assert int(next(iterator)) == 0
    pid = os.fork()
    if pid == 0:
        del iterator
        gc.collect()
        os._exit(0)
    os.waitpid(pid, 0)
    assert [int(batch) for batch in iterator] == [i * i for i in range(1, 40)]

"""Data sets, samplers, collating and loading in one process."""

import collections
import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest
from data_helpers import (
    Counting,
    Squares,
    compare,
    no_process_or_descriptor_is_left,  # noqa: F401
    same,
)

import flambeau as fb
from flambeau.utils import data
from flambeau.utils.data import DataLoader, TensorDataset

Pair = collections.namedtuple("Pair", ["a", "b"])


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
def test_random_split_equals_pytorch(lengths):
    def split(library, module):
        parts = []
        for seed in (None, 42):
            library.manual_seed(5)
            options = {} if seed is None else {"generator": library.Generator().manual_seed(seed)}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                parts.append(module.random_split(range(10), lengths, **options))
        return [[list(p.indices) for p in split] for split in parts]

    compare(split)


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
def test_samplers_equal_pytorch(name, own):
    def sample(library, module):
        library.manual_seed(11)
        generator = library.Generator().manual_seed(12)
        sampler = SAMPLERS[name](module, {"generator": generator} if own else {})
        passes = [list(sampler), list(sampler)]
        after = library.rand(2).tolist(), library.rand(2, generator=generator).tolist()
        return [passes, len(sampler), after]

    compare(sample)


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
def test_distributed_sampler_equals_pytorch(size, shuffle, drop_last):
    def sample(library, module):
        results = []
        for rank in range(4):
            sampler = module.DistributedSampler(range(size), 4, rank, shuffle, 3, drop_last)
            sampler.set_epoch(2)
            results.append([list(sampler), len(sampler)])
        return results

    compare(sample)


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
def test_collate_equals_pytorch(number):
    compare(lambda library, module: module.default_collate(collations(library)[number]))


@pytest.mark.parametrize("number", range(16))
def test_convert_equals_pytorch(number):
    compare(lambda library, module: module.default_convert(collations(library)[number]))


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
def test_loading_equals_pytorch(options, workers):
    """Batches, order, lengths, and how many random numbers it took."""
    compare(lambda library, module: list(loader_results(library, module, workers, **options)))


def test_generator_of_ones_own_equals_pytorch():
    def load(library, module):
        generator = library.Generator().manual_seed(3)
        loader = module.DataLoader(range(20), 3, shuffle=True, generator=generator)
        passes = [[batch.tolist() for batch in loader] for _ in range(2)]
        return [passes, library.rand(2, generator=generator).tolist()]

    compare(load)


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

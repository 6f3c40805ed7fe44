"""What tests of data sets and loaders share."""

import gc
import multiprocessing
import os
import time
from multiprocessing import resource_tracker
from pathlib import Path

import pytest
import recorded
from oracles import torch

import flambeau as fb
from flambeau.utils import data


@pytest.fixture(autouse=True)
def no_process_or_descriptor_is_left():
    resource_tracker.ensure_running()  # its pipe stays, whichever test is the first to need it
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


class Stamped:
    """Large batches that tell their number everywhere."""

    def __len__(self):
        return 60

    def __getitem__(self, index):
        return fb.full((40, 50), index)


def compare(make):
    """Hold ``make(library, its utils.data)`` against PyTorch's answer, now or as recorded."""
    ours, key = make(fb, data), recorded.key_of_test(make)
    if torch:
        theirs = make(torch, torch.utils.data)
        recorded.keep(key, recorded.digest(theirs))
        same(ours, theirs)
    else:
        recorded.assert_digest(ours, key, 0, 0)

"""Runs draws in flambeau and in PyTorch: equal to the bit, and generators in equal states."""

import zlib

import numpy as np
import pytest
import recorded
from oracles import torch

import flambeau as fl

BOTH = [lib for lib in (torch, fl) if lib]
SEEDS = [0, 42, -1, 123456789012]
FLOATS = ["float32", "float64", "float16", "bfloat16"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]


def bits(tensor):
    """A tensor's shape, dtype and bytes in the order of its indices, of either library."""
    name = str(tensor.dtype).removeprefix("torch.")
    tensor = tensor.detach()
    if name == "bfloat16":
        tensor = tensor.float()
    return name, tuple(tensor.shape), np.ascontiguousarray(tensor.numpy()).tobytes()


def state(lib):
    return bytes(lib.get_rng_state().numpy())


def draws_of(lib, draw, seed):
    """The bits that ``draw(library)`` makes after seeding, and what state that leaves."""
    lib.manual_seed(seed)
    drawn = draw(lib)
    drawn = drawn if isinstance(drawn, (list, tuple)) else [drawn]
    return [bits(t) for t in drawn], state(lib)


def checksum(draws):
    return zlib.crc32(repr(draws).encode())


def same_draws(draw, seeds=SEEDS):
    """Equal results and states of the generators, with PyTorch's or with their checksums."""
    ours = [draws_of(fl, draw, seed) for seed in seeds]
    key = recorded.key_of_test(draw)
    if torch:
        theirs = [draws_of(torch, draw, seed) for seed in seeds]
        recorded.keep(key, checksum(theirs))
        assert ours == theirs
    elif recorded.kept(key) is None:
        pytest.skip("PyTorch is the oracle, and its answer is not recorded")
    else:
        assert checksum(ours) == recorded.kept(key)


def leaf(lib, dtype="float32", shape=(3, 4, 5, 6)):
    values = np.random.default_rng(1).standard_normal(shape)
    return lib.tensor(values.tolist(), dtype=getattr(lib, dtype)).requires_grad_()

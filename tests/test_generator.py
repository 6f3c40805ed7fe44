"""Generators of random numbers: states, seeds, copies, threads; and wrong draws."""

import copy
import pickle
import threading

import numpy as np
import pytest
import recorded
from oracles import needs_torch, torch
from random_compare import BOTH, bits, same_draws, state

import flambeau as fl


def test_generator_argument():
    draws = [
        lambda lib, g: lib.rand(5, generator=g),
        lambda lib, g: lib.randn(20, generator=g),
        lambda lib, g: lib.randint(9, (5,), generator=g),
        lambda lib, g: lib.randint(3, 9, (5,), generator=g),
        lambda lib, g: lib.randperm(9, generator=g),
        lambda lib, g: lib.normal(0.0, 1.0, (3,), generator=g),
        lambda lib, g: lib.normal(lib.zeros(3), 1.0, generator=g),
        lambda lib, g: lib.normal(lib.zeros(3), lib.ones(3), generator=g),
        lambda lib, g: lib.bernoulli(lib.full((9,), 0.5), generator=g),
        lambda lib, g: lib.bernoulli(lib.full((9,), 0.5), 0.2, generator=g),
        lambda lib, g: lib.multinomial(lib.ones(9), 4, generator=g),
        lambda lib, g: lib.multinomial(lib.ones(9), 4, True, generator=g),
        lambda lib, g: lib.poisson(lib.full((9,), 3.0), generator=g),
        lambda lib, g: lib.binomial(lib.full((9,), 9.0), lib.full((9,), 0.5), generator=g),
        lambda lib, g: lib.zeros(5).uniform_(1, 2, generator=g),
        lambda lib, g: lib.zeros(5).normal_(1, 2, generator=g),
        lambda lib, g: lib.zeros(5).random_(generator=g),
        lambda lib, g: lib.zeros(5).bernoulli_(0.5, generator=g),
        lambda lib, g: lib.zeros(5).exponential_(generator=g),
    ]
    outside = state(fl)

    def from_generator(lib):
        generator = lib.Generator().manual_seed(5)
        return [*(draw(lib, generator) for draw in draws), generator.get_state()]

    same_draws(from_generator, [3])
    fl.set_rng_state(fl.tensor(list(outside), dtype=fl.uint8))
    from_generator(fl)
    assert state(fl) == outside


@needs_torch
def test_states_go_both_ways():
    for ours, theirs in ((fl, torch), (torch, fl)):
        ours.manual_seed(7)
        ours.randn(3)  # leaves a sample waiting
        theirs.set_rng_state(theirs.tensor(ours.get_rng_state().tolist(), dtype=theirs.uint8))
        assert bits(ours.randn(5)) == bits(theirs.randn(5))
        assert bits(ours.rand(1000)) == bits(theirs.rand(1000))
        assert ours.initial_seed() == theirs.initial_seed() == 7


def test_seeds():
    for lib in BOTH:
        generator = lib.Generator()
        assert generator.initial_seed() == 67280421310721
        assert lib.manual_seed(-1) is lib.default_generator
        assert lib.initial_seed() == 2**64 - 1
        chosen = lib.seed()
        assert chosen == lib.initial_seed()
        assert generator.seed() != generator.seed()


def test_generators_are_copied_with_their_state():
    generator = fl.Generator().manual_seed(5)
    fl.randn(3, generator=generator)  # leaves a sample waiting
    copies = [
        copy.deepcopy(generator),
        pickle.loads(pickle.dumps(generator)),
        generator.clone_state(),
    ]
    expected = fl.randn(700, generator=generator).tolist()
    assert all(fl.randn(700, generator=other).tolist() == expected for other in copies)


def test_fork_rng():
    fl.manual_seed(3)
    with fl.random.fork_rng():
        inside = fl.rand(4)
        fl.manual_seed(9)
    assert inside.tolist() == fl.rand(4).tolist()
    with fl.random.fork_rng(enabled=False):
        fl.manual_seed(9)
    assert fl.initial_seed() == 9


def test_forged_states_do_no_harm():
    """States with impossible positions are refused and change nothing."""
    fl.manual_seed(0)
    good = fl.get_rng_state()
    random = np.random.default_rng(0)
    for _ in range(200):
        forged = good.numpy().copy()
        forged[random.integers(0, 24, 3)] = random.integers(0, 256, 3)
        try:
            fl.set_rng_state(fl.tensor(forged.tolist(), dtype=fl.uint8))
        except RuntimeError as error:
            assert "Invalid mt19937 state" in str(error)
        fl.rand(1300)
        fl.set_rng_state(good)


def test_threads_share_the_default_generator():
    """Every number is drawn once: two threads get disjoint parts of one stream."""
    fl.manual_seed(0)
    expected = sorted(fl.rand(20000, dtype=fl.float64).tolist())
    fl.manual_seed(0)
    drawn = []

    def work():
        for _ in range(100):
            drawn.extend(fl.rand(100, dtype=fl.float64).tolist())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(drawn) == expected


# What PyTorch says, or the start of it.
ERRORS = [
    lambda lib: lib.rand(3, dtype=lib.int64),
    lambda lib: lib.randn(3, dtype=lib.int64),
    lambda lib: lib.rand(-1),
    lambda lib: lib.rand((2,), out=lib.zeros(2, dtype=lib.int64)),
    lambda lib: lib.rand((2,), dtype=lib.float32, out=lib.zeros(2, dtype=lib.float64)),
    lambda lib: lib.randint(5, 5, (3,)),
    lambda lib: lib.randint(0, (3,)),
    lambda lib: lib.randint(300, (3,), dtype=lib.uint8),
    lambda lib: lib.randint(0, 5, (3,), dtype=lib.complex64),
    lambda lib: lib.randperm(-1),
    lambda lib: lib.randperm(300, dtype=lib.uint8),
    lambda lib: lib.randperm(3000, dtype=lib.float16),
    lambda lib: lib.randperm(3, dtype=lib.bool),
    lambda lib: lib.zeros(3).uniform_(3, 1),
    lambda lib: lib.zeros(3).uniform_(-3e38, 3e38),
    lambda lib: lib.zeros(3).uniform_(0, 1e39),
    lambda lib: lib.zeros(3).normal_(0, -1),
    lambda lib: lib.zeros(3).exponential_(0),
    lambda lib: lib.zeros(3, dtype=lib.int64).exponential_(),
    lambda lib: lib.zeros(3).geometric_(1),
    lambda lib: lib.zeros(3, dtype=lib.bool).geometric_(0.5),
    lambda lib: lib.zeros(3).log_normal_(1, 0),
    lambda lib: lib.zeros(3, dtype=lib.int64).log_normal_(),
    lambda lib: lib.zeros(3).cauchy_(0, -1),
    lambda lib: lib.zeros(3, dtype=lib.int64).cauchy_(),
    lambda lib: lib.zeros(3).bernoulli_(2),
    lambda lib: lib.zeros(3).bernoulli_(lib.tensor([0.2, 0.3])),
    lambda lib: lib.zeros(3).random_(5, 3),
    lambda lib: lib.zeros(3).random_(0),
    lambda lib: lib.zeros(3, dtype=lib.uint8).random_(0, 257),
    lambda lib: lib.zeros(3, dtype=lib.uint8).random_(-1, None),
    lambda lib: lib.zeros(3, dtype=lib.float16).random_(0, 65600),
    lambda lib: lib.zeros(3, dtype=lib.complex64).random_(),
    lambda lib: lib.zeros(3).expand(2, 3).uniform_(),
    lambda lib: lib.multinomial(lib.tensor([1.0, 2.0]), 3),
    lambda lib: lib.multinomial(lib.tensor([1, 2]), 1),
    lambda lib: lib.multinomial(lib.tensor([1.0, -2.0]), 1),
    lambda lib: lib.multinomial(lib.tensor([1.0, float("nan")]), 1),
    lambda lib: lib.multinomial(lib.tensor([1.0, float("inf")]), 1, True),
    lambda lib: lib.multinomial(lib.tensor([[0.0, 0.0], [1.0, 1.0]]), 1),
    lambda lib: lib.multinomial(lib.ones(1, 1, 1), 1),
    lambda lib: lib.multinomial(lib.ones(2), 0),
    lambda lib: lib.multinomial(lib.tensor(1.0), 1),
    lambda lib: lib.multinomial(lib.ones(2), 1, out=lib.zeros(1, dtype=lib.int32)),
    lambda lib: lib.poisson(lib.tensor([-1.0])),
    lambda lib: lib.poisson(lib.tensor([1])),
    lambda lib: lib.poisson(lib.tensor([float("nan")])),
    lambda lib: lib.binomial(lib.tensor([1]), lib.tensor([0.5])),
    lambda lib: lib.binomial(lib.tensor([1.0]), lib.tensor([1])),
    lambda lib: lib.binomial(lib.tensor([1.0]), lib.tensor([0.5], dtype=lib.float64)),
    lambda lib: lib.normal(lib.tensor([1]), lib.tensor([1.0])),
    lambda lib: lib.normal(lib.tensor([1.0]), lib.tensor([-1.0])),
    lambda lib: lib.normal(lib.tensor([1.0]), -1.0),
    lambda lib: lib.normal(0.0, lib.ones(2, dtype=lib.complex64)),
    lambda lib: lib.normal(lib.zeros(3), lib.ones(2)),
    lambda lib: lib.dropout(lib.ones(3), 1.5, True),
    lambda lib: lib.dropout(lib.ones(3), float("nan"), True),
    lambda lib: lib.nn.functional.dropout(lib.ones(3), -0.1),
    lambda lib: lib.dropout(lib.ones(3, dtype=lib.int64), 0.5, True),
    lambda lib: lib.nn.functional.dropout1d(lib.ones(3)),
    lambda lib: lib.feature_dropout(lib.ones(3), 0.5, True),
    lambda lib: lib.rrelu(lib.ones(3), 0.5, 0.2, True),
    lambda lib: lib.rrelu(lib.ones(3, dtype=lib.int64), training=True),
    lambda lib: lib.set_rng_state(lib.zeros(7, dtype=lib.uint8)),
    lambda lib: lib.set_rng_state(lib.zeros(5056, dtype=lib.uint8)),
    lambda lib: lib.set_rng_state(lib.zeros(5056)),
    lambda lib: lib.manual_seed(2**64),
]


@pytest.mark.filterwarnings("ignore:.*out of bounds")
@pytest.mark.parametrize("index", range(len(ERRORS)))
def test_errors(index):
    def raised(lib):
        before = lib.get_rng_state()
        with pytest.raises(Exception) as info:
            ERRORS[index](lib)
        lib.set_rng_state(before)
        return [type(info.value).__name__, str(info.value)]

    key = recorded.key_of(ERRORS[index])
    theirs = raised(torch) if torch else recorded.kept(key)
    if theirs is None:
        pytest.skip("PyTorch says what the error is, and its answer is not recorded")
    recorded.keep(key, theirs)
    kind, text = raised(fl)
    assert kind == theirs[0]
    wording = theirs[1].split("\n")[0].split("(Could")[0].split("of size")[0]
    assert text[:24] == wording[:24]

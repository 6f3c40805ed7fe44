"""Random numbers against PyTorch's, bit for bit."""

import numpy as np
import pytest
from random_compare import BOTH, FLOATS, INTEGERS, SEEDS, same_draws, state

import flambeau as fl

SIZES = [0, 1, 15, 16, 17, 100, 1000, 100003]


FILLS = [
    ("uniform_", (), FLOATS),
    ("uniform_", (-2.0, 3.0), FLOATS),
    ("uniform_", (5.0, 5.0), FLOATS),
    ("normal_", (), FLOATS),
    ("normal_", (1.5, 0.1), FLOATS),
    ("log_normal_", (), FLOATS),
    ("cauchy_", (1.0, 3.0), FLOATS),
    ("exponential_", (1.5,), FLOATS),
    ("geometric_", (0.4,), FLOATS + INTEGERS),
    ("bernoulli_", (), [*FLOATS, *INTEGERS, "bool"]),
    ("bernoulli_", (0.3,), [*FLOATS, *INTEGERS, "bool"]),
    ("random_", (), [*FLOATS, *INTEGERS, "bool"]),
    ("random_", (2,), [*FLOATS, *INTEGERS, "bool"]),
    ("random_", (3, 100), FLOATS + INTEGERS),
    ("random_", (-(2**40), 2**40), ["int64", "float64", "float32"]),
    ("random_", (0, 2**28), ["int64", "int32", "float64"]),
    ("random_", (0, 2**28 - 1), ["int64", "int32"]),
    ("random_", (-(2**63), 2**63 - 1), ["int64"]),
    ("random_", (-(2**63), None), ["int64", "float64", "float32", "bfloat16"]),
    ("random_", (-5, None), ["int8", "int64", "float32", "float16"]),
    ("random_", (0, 65504), ["float16", "bfloat16"]),
]


@pytest.mark.filterwarnings("ignore:.*out of bounds")
@pytest.mark.parametrize(("name", "arguments", "dtypes"), FILLS)
def test_fills(name, arguments, dtypes):
    def draw(lib):
        return [
            getattr(lib.zeros(size, dtype=getattr(lib, dtype)), name)(*arguments)
            for dtype in dtypes
            for size in SIZES
        ]

    same_draws(draw, SEEDS[:2])


LAYOUTS = {
    "transposed": lambda lib, dtype: lib.zeros(7, 5, dtype=dtype).t(),
    "permuted": lambda lib, dtype: lib.zeros(3, 4, 5, dtype=dtype).permute(2, 0, 1),
    "sliced": lambda lib, dtype: lib.zeros(9, 10, dtype=dtype)[1::2, 2:9:3],
    "column": lambda lib, dtype: lib.zeros(40, 3, dtype=dtype)[:, 1],
    "sliced transposed": lambda lib, dtype: lib.zeros(6, 5, 8, dtype=dtype)[:, 1:4].transpose(0, 2),
    "offset": lambda lib, dtype: lib.zeros(50, dtype=dtype)[7:],
    "scalar": lambda lib, dtype: lib.zeros((), dtype=dtype),
    "unit": lambda lib, dtype: lib.zeros(1, 20, 1, dtype=dtype).transpose(0, 2),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("uniform_", (-2.0, 3.0)),
        ("normal_", (1.0, 2.0)),
        ("exponential_", (1.5,)),
        ("bernoulli_", (0.3,)),
        ("random_", (100,)),
        ("geometric_", (0.4,)),
        ("log_normal_", ()),
        ("cauchy_", ()),
    ],
)
def test_fills_go_through_memory_in_order(layout, name, arguments):
    """Not in the order of the indices: PyTorch fills a transposed matrix by its columns."""

    def draw(lib):
        tensors = [LAYOUTS[layout](lib, dtype) for dtype in (lib.float32, lib.float64)]
        return [getattr(t, name)(*arguments) for t in tensors]

    same_draws(draw, SEEDS[:2])


def test_what_lies_between_is_not_touched():
    whole = fl.full((9, 10), 7.0)
    whole[1::2, 2:9:3].uniform_()
    mask = np.ones((9, 10), dtype=bool)
    mask[1::2, 2:9:3] = False
    assert (whole.numpy()[mask] == 7).all()
    assert (whole.numpy()[~mask] < 1).all()


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex(dtype):
    same_draws(
        lambda lib: [
            lib.randn(20, dtype=getattr(lib, dtype)),
            lib.rand(3, 3, dtype=getattr(lib, dtype)),
            lib.zeros(4, 5, dtype=getattr(lib, dtype)).t().normal_(1, 3),
            lib.zeros(3, dtype=getattr(lib, dtype)).uniform_(-1, 1),
        ],
    )


FACTORIES = {
    "rand": lambda lib: [lib.rand(3, 17), lib.rand((2, 3)), lib.rand([]), lib.rand(0, 3)],
    "rand dtypes": lambda lib: [lib.rand(5, dtype=getattr(lib, dtype)) for dtype in FLOATS],
    "rand_like": lambda lib: [
        lib.rand_like(lib.zeros(5, 7).t()),
        lib.rand_like(lib.zeros(3, dtype=lib.int64), dtype=lib.float64),
        lib.rand_like(lib.zeros(4, 6)[:, ::2]),
    ],
    "randn": lambda lib: [lib.randn(3, 5), lib.randn(4, 8), lib.randn(3, 5), lib.randn(1)],
    "randn dtypes": lambda lib: [lib.randn(40, dtype=getattr(lib, dtype)) for dtype in FLOATS],
    "randn_like": lambda lib: [
        lib.randn_like(lib.zeros(5, 7)),
        lib.randn_like(lib.zeros(5, 7).t()),
    ],
    "randint": lambda lib: [
        lib.randint(10, (5,)),
        lib.randint(-3, 9, (2, 3)),
        lib.randint(low=2, high=5, size=(4,)),
        lib.randint(2**40, (4,)),
        lib.randint(5, (4,), dtype=lib.float32),
        lib.randint(-5, 5, [50], dtype=lib.int32),
    ],
    "randint_like": lambda lib: [
        lib.randint_like(lib.zeros(5), 9),
        lib.randint_like(lib.zeros(3, 2, dtype=lib.int16), -4, 9),
    ],
    "randperm": lambda lib: [lib.randperm(size) for size in SIZES],
    "randperm dtypes": lambda lib: [
        lib.randperm(20, dtype=getattr(lib, dtype)) for dtype in FLOATS + INTEGERS
    ],
    "normal": lambda lib: [
        lib.normal(2.0, 3.0, (33,)),
        lib.normal(0, 1, size=(3,), dtype=lib.float64),
        lib.normal(lib.arange(40.0), lib.arange(40.0) / 7),
        lib.normal(lib.zeros(3, 1), lib.ones(4)),
        lib.normal(lib.arange(5.0)),
        lib.normal(lib.arange(20.0).reshape(4, 5).t(), 0.5),
        lib.normal(1.5, lib.arange(20.0)),
        lib.normal(mean=lib.zeros(2, dtype=lib.float64), std=lib.ones(2)),
    ],
    "bernoulli": lambda lib: [
        lib.bernoulli(lib.arange(100.0) / 100),
        lib.bernoulli((lib.arange(100) / 100).to(lib.float64)),
        lib.bernoulli((lib.arange(100) / 100).to(lib.float16)),
        lib.bernoulli(lib.arange(12.0).reshape(3, 4).t() / 12),
        lib.bernoulli(lib.zeros(30, dtype=lib.int64), 0.5),
        lib.zeros(3, 4, dtype=lib.uint8).bernoulli_(lib.tensor([0.1, 0.9, 0.5, 0.4])),
        lib.zeros(5, 4).t().bernoulli_(lib.full((5,), 0.3, dtype=lib.float64)),
        lib.zeros(1000, dtype=lib.bool).bernoulli_(lib.full((1000,), 0.25)),
    ],
    "poisson": lambda lib: [
        lib.poisson(lib.arange(50.0)),
        lib.poisson(lib.arange(50).to(lib.float64) / 10),
        lib.poisson(lib.arange(20.0).reshape(4, 5).t()),
        lib.poisson(lib.arange(20).to(lib.bfloat16)),
    ],
    "binomial": lambda lib: [
        lib.binomial(lib.arange(100.0), lib.arange(100.0) / 99),
        lib.binomial(
            lib.full((5,), 400, dtype=lib.float64), lib.full((5,), 0.9, dtype=lib.float64)
        ),
        lib.binomial(lib.full((3, 1), 50.0), lib.tensor([0.1, 0.5])),
    ],
    "multinomial": lambda lib: [
        lib.multinomial(lib.arange(1.0, 21.0), 8),
        lib.multinomial(lib.arange(1.0, 21.0), 20),
        lib.multinomial(lib.arange(1.0, 501.0), 3),
        lib.multinomial(lib.arange(1.0, 121.0).reshape(6, 20), 1),
        lib.multinomial(lib.arange(1.0, 61.0).reshape(20, 3).t(), 4),
        lib.multinomial(lib.arange(1.0, 61.0).reshape(20, 3).t(), 4, replacement=True),
        lib.multinomial(lib.arange(1, 21).to(lib.float64), 50, True),
        lib.multinomial(lib.arange(1, 21).to(lib.bfloat16), 50, True),
        lib.multinomial(lib.arange(1, 21).to(lib.float16), 5),
        lib.multinomial(lib.tensor([0.0, 1.0, 0.0, 2.0, 0.0]), 2),
        lib.multinomial(lib.ones(0, 3), 2),
    ],
    "sequence": lambda lib: [lib.rand(3), lib.randn(5), lib.randn(20), lib.rand(2), lib.randn(1)],
}


@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
@pytest.mark.parametrize("name", FACTORIES)
def test_factories(name):
    same_draws(FACTORIES[name])


def test_strides_are_kept():
    for lib in BOTH:
        base = lib.zeros(2, 3, 4, 5)
        assert lib.rand_like(base.permute(0, 2, 3, 1)).stride() == (60, 5, 1, 20)
        assert lib.randn_like(
            base.transpose(0, 3), memory_format=lib.contiguous_format
        ).is_contiguous()
        assert lib.bernoulli(lib.zeros(3, 4).t()).stride() == (3, 1)


def test_out():
    same_draws(
        lambda lib: [
            lib.rand((3, 2), out=lib.zeros(0)),
            lib.randn(20, out=lib.zeros(20, dtype=lib.float64)),
            lib.rand((4, 3), out=lib.zeros(3, 4).t()),
            lib.randint(9, (5,), out=lib.zeros(5, dtype=lib.int64)),
            lib.randperm(6, out=lib.zeros(0, dtype=lib.int64)),
            lib.normal(lib.zeros(3, 1), lib.ones(2), out=lib.zeros(3, 2)),
            lib.bernoulli(lib.full((9,), 0.4), out=lib.zeros(9, dtype=lib.int64)),
            lib.multinomial(lib.ones(2, 3), 2, out=lib.zeros(2, 2, dtype=lib.int64)),
        ],
    )


GRADIENTS = {
    "uniform_": lambda lib, x: (x * 1).uniform_(),
    "normal_": lambda lib, x: (x * 1).normal_(),
    "random_": lambda lib, x: (x * 1).random_(5),
    "exponential_": lambda lib, x: (x * 1).exponential_(),
    "bernoulli_": lambda lib, x: (x * 1).bernoulli_(0.5),
    "bernoulli_ tensor": lambda lib, x: lib.zeros(6).bernoulli_(x),
    "bernoulli": lambda lib, x: lib.bernoulli(x),
    "poisson": lambda lib, x: lib.poisson(x),
    "normal mean": lambda lib, x: lib.normal(x, 1.0),
    "normal std": lambda lib, x: lib.normal(0.0, x),
    "normal both": lambda lib, x: lib.normal(x[:, None], x),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_zero(name):
    for lib in BOTH:
        x = lib.full((6,), 0.5, requires_grad=True)
        y = GRADIENTS[name](lib, x)
        assert y.requires_grad
        (dx,) = lib.autograd.grad(y.sum(), x)
        assert dx.tolist() == [0.0] * 6


@pytest.mark.parametrize("name", ["rand_like", "randn_like"])
def test_likes_require_no_gradient(name):
    assert not getattr(fl, name)(fl.ones(3, requires_grad=True)).requires_grad


def test_leaf_is_protected():
    for lib in BOTH:
        x = lib.ones(3, requires_grad=True)
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            x.uniform_()
        with lib.no_grad():
            x.uniform_()
        assert (x.detach() < 1).all()


@pytest.mark.parametrize(
    ("draw", "mean", "variance"),
    [
        (lambda: fl.rand(200000), 1 / 2, 1 / 12),
        (lambda: fl.randn(200000), 0, 1),
        (lambda: fl.zeros(200000).exponential_(2.0), 1 / 2, 1 / 4),
        (lambda: fl.zeros(200000).geometric_(0.25), 4, 12),
        (lambda: fl.zeros(200000).bernoulli_(0.3), 0.3, 0.21),
        (lambda: fl.poisson(fl.full((200000,), 3.5)), 3.5, 3.5),
        (lambda: fl.poisson(fl.full((200000,), 40.0)), 40, 40),
        (lambda: fl.binomial(fl.full((200000,), 50.0), fl.full((200000,), 0.6)), 30, 12),
        (lambda: fl.binomial(fl.full((200000,), 9.0), fl.full((200000,), 0.1)), 0.9, 0.81),
        (lambda: fl.randint(10, (200000,)).double(), 4.5, 8.25),
    ],
)
def test_moments(draw, mean, variance):
    """Needs no oracle: the sample's mean and variance, within six standard errors or so."""
    fl.manual_seed(11)
    sample = draw().numpy().astype(np.float64)
    assert abs(sample.mean() - mean) < 6 * (variance / sample.size) ** 0.5
    assert abs(sample.var() - variance) < 0.05 * variance


def test_permutation_is_one():
    fl.manual_seed(1)
    permutation = fl.randperm(1001)
    assert sorted(permutation.tolist()) == list(range(1001))


def test_meta():
    x = fl.rand(3, 4, device="meta")
    assert x.shape == (3, 4)
    assert x.device.type == "meta"
    before = state(fl)
    assert fl.nn.functional.dropout(x, 0.5).shape == (3, 4)
    assert x.normal_().shape == (3, 4)
    assert fl.multinomial(x, 2).shape == (3, 2)
    assert state(fl) == before

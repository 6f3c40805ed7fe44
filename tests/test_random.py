"""Random numbers against PyTorch's, bit for bit."""

import copy
import pickle
import threading

import numpy as np
import pytest

import flambeau as fl

SEEDS = [0, 42, -1, 123456789012]
SIZES = [0, 1, 15, 16, 17, 100, 1000, 100003]
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


def same_draws(torch, draw, seeds=SEEDS):
    """Run ``draw(library)`` in both libraries: equal results, equal states of the generators."""
    for seed in seeds:
        results = []
        for lib in (torch, fl):
            lib.manual_seed(seed)
            drawn = draw(lib)
            drawn = drawn if isinstance(drawn, (list, tuple)) else [drawn]
            results.append(([bits(t) for t in drawn], state(lib)))
        assert results[0] == results[1]


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


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.filterwarnings("ignore:.*out of bounds")
@pytest.mark.parametrize(("name", "arguments", "dtypes"), FILLS)
def test_fills(torch, name, arguments, dtypes):
    def draw(lib):
        return [
            getattr(lib.zeros(size, dtype=getattr(lib, dtype)), name)(*arguments)
            for dtype in dtypes
            for size in SIZES
        ]

    same_draws(torch, draw, SEEDS[:2])


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
def test_fills_go_through_memory_in_order(torch, layout, name, arguments):
    """Not in the order of the indices: PyTorch fills a transposed matrix by its columns."""

    def draw(lib):
        tensors = [LAYOUTS[layout](lib, dtype) for dtype in (lib.float32, lib.float64)]
        return [getattr(t, name)(*arguments) for t in tensors]

    same_draws(torch, draw, SEEDS[:2])


def test_what_lies_between_is_not_touched():
    whole = fl.full((9, 10), 7.0)
    whole[1::2, 2:9:3].uniform_()
    mask = np.ones((9, 10), dtype=bool)
    mask[1::2, 2:9:3] = False
    assert (whole.numpy()[mask] == 7).all()
    assert (whole.numpy()[~mask] < 1).all()


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex(torch, dtype):
    same_draws(
        torch,
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
def test_factories(torch, name):
    same_draws(torch, FACTORIES[name])


def test_strides_are_kept(torch):
    for lib in (torch, fl):
        base = lib.zeros(2, 3, 4, 5)
        assert lib.rand_like(base.permute(0, 2, 3, 1)).stride() == (60, 5, 1, 20)
        assert lib.randn_like(
            base.transpose(0, 3), memory_format=lib.contiguous_format
        ).is_contiguous()
        assert lib.bernoulli(lib.zeros(3, 4).t()).stride() == (3, 1)


def test_out(torch):
    same_draws(
        torch,
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


DROPOUTS = {
    "dropout": lambda lib, f, x: f.dropout(x, 0.4),
    "dropout small p": lambda lib, f, x: f.dropout(x, 0.05),
    "dropout all": lambda lib, f, x: f.dropout(x, 1.0),
    "dropout none": lambda lib, f, x: f.dropout(x, 0.0),
    "dropout evaluation": lambda lib, f, x: f.dropout(x, training=False),
    "native_dropout": lambda lib, f, x: lib.native_dropout(x, 0.3, True)[0],
    "native_dropout evaluation": lambda lib, f, x: lib.native_dropout(x, 0.3, False)[0],
    "torch.dropout": lambda lib, f, x: lib.dropout(x, 0.7, True),
    "dropout2d": lambda lib, f, x: f.dropout2d(x, 0.3),
    "dropout1d": lambda lib, f, x: f.dropout1d(x[0], 0.3),
    "dropout1d batch": lambda lib, f, x: f.dropout1d(x[:, :, 0], 0.3),
    "dropout3d": lambda lib, f, x: f.dropout3d(x, 0.3),
    "feature_dropout": lambda lib, f, x: lib.feature_dropout(x, 0.5, True),
    "alpha_dropout": lambda lib, f, x: f.alpha_dropout(x, 0.2, training=True),
    "feature_alpha_dropout": lambda lib, f, x: f.feature_alpha_dropout(x, 0.2, training=True),
    "rrelu": lambda lib, f, x: f.rrelu(x, training=True),
    "rrelu evaluation": lambda lib, f, x: f.rrelu(x, 0.1, 0.3),
}


def leaf(lib, dtype="float32", shape=(3, 4, 5, 6)):
    values = np.random.default_rng(1).standard_normal(shape)
    return lib.tensor(values.tolist(), dtype=getattr(lib, dtype)).requires_grad_()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout(torch, name, dtype):
    if "rrelu" in name and dtype == "float16":
        pytest.skip("PyTorch has no float16 rrelu on the CPU")

    def draw(lib):
        x = leaf(lib, dtype)
        y = DROPOUTS[name](lib, lib.nn.functional, x)
        cotangent = lib.arange(y.numel(), dtype=y.dtype).reshape(y.shape) / 7
        (dx,) = lib.autograd.grad(y, x, cotangent)
        return [y, dx]

    same_draws(torch, draw, SEEDS[:2])


@pytest.mark.parametrize(
    "name", ["dropout", "alpha_dropout", "dropout2d", "feature_alpha_dropout", "rrelu"]
)
@pytest.mark.parametrize("layout", ["channels last", "sliced", "expanded"])
def test_dropout_layouts(torch, name, layout):
    def draw(lib):
        x = leaf(lib).detach()
        x = {
            "channels last": lambda: x.permute(0, 3, 1, 2),
            "sliced": lambda: x[:, ::2, 1:],
            "expanded": lambda: x[:1].expand(3, 4, 5, 6),
        }[layout]()
        return getattr(lib.nn.functional, name)(x, training=True)

    same_draws(torch, draw, SEEDS[:2])


@pytest.mark.parametrize(
    "name", ["dropout", "alpha_dropout", "dropout2d", "dropout3d", "feature_alpha_dropout", "rrelu"]
)
def test_dropout_in_place(torch, name):
    def draw(lib):
        x = leaf(lib)
        y = x * 2
        z = getattr(lib.nn.functional, name)(y, training=True, inplace=True)
        assert z is y
        (dx,) = lib.autograd.grad(z.sum(), x)
        return [y, dx]

    same_draws(torch, draw, SEEDS[:2])


def test_dropout_spreads_what_is_not_finite(torch):
    same_draws(
        torch,
        lambda lib: lib.nn.functional.dropout(
            lib.tensor([float("inf"), float("nan"), -1.0, -0.0] * 9), 0.5
        ).isnan(),
    )


def test_dropout_second_derivative():
    x = leaf(fl, "float64", (40,))
    fl.manual_seed(0)
    y = fl.nn.functional.dropout(x * x, 0.5)
    (dx,) = fl.autograd.grad(y.sum(), x, create_graph=True)
    (ddx,) = fl.autograd.grad(dx.sum(), x)
    kept = y.detach().numpy() != 0
    np.testing.assert_array_equal(ddx.numpy(), np.where(kept, 4.0, 0.0))


def test_dropout_returns_its_input_when_idle():
    x = fl.ones(3)
    assert fl.nn.functional.dropout(x, training=False) is x
    assert fl.nn.functional.dropout(x, 0.0) is x


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
def test_gradients_are_zero(torch, name):
    for lib in (torch, fl):
        x = lib.full((6,), 0.5, requires_grad=True)
        y = GRADIENTS[name](lib, x)
        assert y.requires_grad
        (dx,) = lib.autograd.grad(y.sum(), x)
        assert dx.tolist() == [0.0] * 6


@pytest.mark.parametrize("name", ["rand_like", "randn_like"])
def test_likes_require_no_gradient(name):
    assert not getattr(fl, name)(fl.ones(3, requires_grad=True)).requires_grad


def test_leaf_is_protected(torch):
    for lib in (torch, fl):
        x = lib.ones(3, requires_grad=True)
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            x.uniform_()
        with lib.no_grad():
            x.uniform_()
        assert (x.detach() < 1).all()


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
def test_errors(torch, index):
    before = state(torch), state(fl)
    with pytest.raises(Exception) as expected:
        ERRORS[index](torch)
    with pytest.raises(Exception) as actual:
        ERRORS[index](fl)
    assert actual.type is expected.type
    wording = str(expected.value).split("\n")[0].split("(Could")[0].split("of size")[0]
    assert str(actual.value)[:24] == wording[:24]
    torch.set_rng_state(torch.frombuffer(bytearray(before[0]), dtype=torch.uint8))
    fl.set_rng_state(fl.tensor(list(before[1]), dtype=fl.uint8))


def test_generator_argument(torch):
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
    generators = torch.Generator().manual_seed(5), fl.Generator().manual_seed(5)
    for draw in draws:
        assert bits(draw(torch, generators[0])) == bits(draw(fl, generators[1]))
    assert bytes(generators[0].get_state().numpy()) == bytes(generators[1].get_state().numpy())
    assert state(fl) == outside


def test_states_go_both_ways(torch):
    for ours, theirs in ((fl, torch), (torch, fl)):
        ours.manual_seed(7)
        ours.randn(3)  # leaves a sample waiting
        theirs.set_rng_state(theirs.tensor(ours.get_rng_state().tolist(), dtype=theirs.uint8))
        assert bits(ours.randn(5)) == bits(theirs.randn(5))
        assert bits(ours.rand(1000)) == bits(theirs.rand(1000))
        assert ours.initial_seed() == theirs.initial_seed() == 7


def test_seeds(torch):
    for lib in (torch, fl):
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


def test_meta():
    x = fl.rand(3, 4, device="meta")
    assert x.shape == (3, 4)
    assert x.device.type == "meta"
    before = state(fl)
    assert fl.nn.functional.dropout(x, 0.5).shape == (3, 4)
    assert x.normal_().shape == (3, 4)
    assert fl.multinomial(x, 2).shape == (3, 2)
    assert state(fl) == before

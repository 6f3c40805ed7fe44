"""Linear maps and activations: values, gradients, text, starting values, errors."""

import pytest
from nn_compare import Case, Side, compare, label

CASES: list[Case] = [
    lambda L: L.go(L.nn.Linear(3, 4), L.x(2, 3)),
    lambda L: L.go(L.nn.Linear(3, 4, bias=False), L.x(5, 2, 3, dtype="float64")),
    lambda L: L.nn.Linear(0, 4).weight,
    lambda L: L.go(L.nn.Bilinear(3, 4, 5), L.x(2, 3), L.x(2, 4)),
    lambda L: L.nn.Bilinear(0, 4, 5),
    lambda L: L.go(L.nn.Identity(3, a=4), L.x(2, 3)),
    lambda L: L.go(L.nn.LazyLinear(4), L.x(2, 3)),
    lambda L: L.go(L.nn.LazyLinear(4, bias=False), L.x(2, 3)),
    lambda L: L.go(L.nn.ReLU(), L.x(2, 3)),
    lambda L: L.go(L.nn.ReLU6(), L.x(2, 3) * 5),
    lambda L: L.go(L.nn.RReLU(), L.x(2, 3)),
    lambda L: L.go(L.nn.RReLU().eval(), L.x(2, 3)),
    lambda L: L.go(L.nn.Hardtanh(-2, 0.3), L.x(2, 3)),
    lambda L: L.go(L.nn.Hardtanh(min_value=-0.2, max_value=0.3), L.x(2, 3)),
    lambda L: L.nn.Hardtanh(2, 1),
    lambda L: L.go(L.nn.Sigmoid(), L.x(2, 3)),
    lambda L: L.go(L.nn.Hardsigmoid(), L.x(2, 3) * 3),
    lambda L: L.go(L.nn.Tanh(), L.x(2, 3) * 3),
    lambda L: L.go(L.nn.SiLU(), L.x(2, 3) * 3),
    lambda L: L.go(L.nn.Mish(), L.x(2, 3) * 3),
    lambda L: L.go(L.nn.Hardswish(), L.x(2, 3) * 3),
    lambda L: L.go(L.nn.ELU(0.7), L.x(2, 3) * 3),
    lambda L: L.go(L.nn.CELU(0.7), L.x(2, 3) * 3),
    lambda L: L.go(L.nn.SELU(), L.x(2, 3) * 3),
    lambda L: L.go(L.nn.GLU(), L.x(2, 4) * 3),
    lambda L: L.go(L.nn.GELU(), L.x(2, 4) * 3),
    lambda L: L.go(L.nn.GELU("tanh"), L.x(2, 4) * 3),
    lambda L: L.go(L.nn.Hardshrink(), L.x(2, 4)),
    lambda L: L.go(L.nn.Softshrink(), L.x(2, 4)),
    lambda L: L.go(L.nn.LeakyReLU(0.2), L.x(2, 4)),
    lambda L: L.go(L.nn.LogSigmoid(), L.x(2, 4)),
    lambda L: L.go(L.nn.Softplus(2, 3), L.x(2, 4)),
    lambda L: L.go(L.nn.PReLU(), L.x(2, 4)),
    lambda L: L.go(L.nn.PReLU(4, 0.1), L.x(2, 4)),
    lambda L: L.go(L.nn.Softsign(), L.x(2, 4)),
    lambda L: L.go(L.nn.Tanhshrink(), L.x(2, 4)),
    lambda L: L.go(L.nn.Softmin(1), L.x(2, 4)),
    lambda L: L.go(L.nn.Softmax(0), L.x(2, 4)),
    lambda L: L.go(L.nn.Softmax(), L.x(2, 4)),
    lambda L: L.go(L.nn.LogSoftmax(-1), L.x(2, 4)),
    lambda L: L.go(L.nn.Softmax2d(), L.x(2, 4, 3, 2)),
    lambda L: L.nn.Softmax2d()(L.x(2, 4)),
    lambda L: L.go(L.nn.Threshold(0.1, 0.2), L.x(2, 4)),
    lambda L: L.F.gumbel_softmax(L.x(2, 4), tau=0.5),
    lambda L: L.F.gumbel_softmax(L.x(2, 4), hard=True),
    lambda L: L.F.gumbel_softmax(L.x(2, 4), hard=True, eps=1),
]


def case(function: Case) -> Case:
    """Add ``function`` to the cases."""
    CASES.append(function)
    return function


@case
def lazy_linear(L: Side) -> object:
    m = L.nn.LazyLinear(4)
    m.load_state_dict(L.nn.Linear(3, 4).state_dict())
    return L.go(m, L.x(2, 3))


@case
def lazy_linear_2(L: Side) -> object:
    m = L.nn.LazyLinear(4)
    return [repr(m), list(m.state_dict()), m.has_uninitialized_params()]


@case
def linear(L: Side) -> object:
    m = L.nn.Linear(3, 4)
    return m.load_state_dict(L.nn.LazyLinear(4).state_dict())


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)

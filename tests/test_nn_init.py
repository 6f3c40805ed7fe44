"""Starting values: the same draws as PyTorch."""

import pytest
from nn_compare import Case, compare, label

CASES: list[Case] = [
    lambda L: L.nn.init.uniform_(L.root.empty(3, 4), -1, 2),
    lambda L: L.nn.init.normal_(L.root.empty(3, 4), -1, 2),
    lambda L: L.nn.init.trunc_normal_(L.root.empty(30, 4), -1, 2, -2, 1),
    lambda L: L.nn.init.trunc_normal_(L.root.empty(30, 4), -10, 2, -2, 1),
    lambda L: L.nn.init.constant_(L.root.empty(3, 4), -1),
    lambda L: L.nn.init.ones_(L.root.empty(3, 4)),
    lambda L: L.nn.init.zeros_(L.root.empty(3, 4)),
    lambda L: L.nn.init.eye_(L.root.empty(3, 4)),
    lambda L: L.nn.init.eye_(L.root.empty(4, 3)),
    lambda L: L.nn.init.eye_(L.root.empty(3)),
    lambda L: L.nn.init.dirac_(L.root.empty(4, 2, 3)),
    lambda L: L.nn.init.dirac_(L.root.empty(4, 2, 3, 3), 2),
    lambda L: L.nn.init.dirac_(L.root.empty(2, 6, 4, 3, 2)),
    lambda L: L.nn.init.dirac_(L.root.empty(3, 2, 3), 2),
    lambda L: L.nn.init.dirac_(L.root.empty(3, 2)),
    lambda L: L.nn.init.xavier_uniform_(L.root.empty(3, 4, 2), 2),
    lambda L: L.nn.init.xavier_normal_(L.root.empty(3, 4, 2), 2),
    lambda L: L.nn.init.xavier_normal_(L.root.empty(3)),
    lambda L: L.nn.init.kaiming_uniform_(L.root.empty(3, 4, 2), 0.1),
    lambda L: L.nn.init.kaiming_uniform_(
        L.root.empty(3, 4, 2), mode="fan_out", nonlinearity="relu"
    ),
    lambda L: L.nn.init.kaiming_normal_(L.root.empty(3, 4, 2), mode="fan_out", nonlinearity="tanh"),
    lambda L: L.nn.init.kaiming_normal_(L.root.empty(3, 0)),
    lambda L: L.nn.init.kaiming_normal_(L.root.empty(3, 4), mode="foo"),
    lambda L: L.nn.init.kaiming_normal_(L.root.empty(3, 4), nonlinearity="foo"),
    lambda L: L.nn.init.orthogonal_(L.root.empty(3, 4)),
    lambda L: L.nn.init.orthogonal_(L.root.empty(5, 2, 2), 2),
    lambda L: L.nn.init.orthogonal_(L.root.empty(7, 2), 0.5),
    lambda L: L.nn.init.orthogonal_(L.root.empty(7)),
    lambda L: L.nn.init.sparse_(L.root.empty(5, 4), 0.4),
    lambda L: L.nn.init.sparse_(L.root.empty(5), 0.4),
    lambda L: L.nn.init.xavier_uniform(L.root.empty(3, 4, 2)),
    lambda L: [
        L.nn.init.calculate_gain(n)
        for n in ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
    ],
    lambda L: L.nn.init.calculate_gain("leaky_relu", 0.5),
    lambda L: L.nn.init.calculate_gain("leaky_relu", "a"),
    lambda L: L.nn.init.calculate_gain("foo"),
    lambda L: L.nn.init.uniform_(L.root.empty(3, 4), generator=L.root.Generator().manual_seed(3)),
]


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)

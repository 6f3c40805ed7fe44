"""Recurrent layers, cells and packed sequences."""

import pytest
from nn_compare import Case, Side, compare, label

import flambeau

CASES: list[Case] = [
    lambda L: L.go(L.nn.LSTM(3, 4), L.x(5, 2, 3)),
    lambda L: L.go(L.nn.LSTM(3, 4, 2, False, True, 0.3, True, 2), L.x(2, 5, 3)),
    lambda L: L.go(
        L.nn.LSTM(3, 4, 2, dropout=0.3),
        L.x(2, 3),
    ),
    lambda L: L.go(L.nn.GRU(3, 4, 2, bidirectional=True, dropout=0.5), L.x(5, 2, 3), L.x(4, 2, 4)),
    lambda L: L.go(L.nn.GRU(3, 4, bias=False), L.x(5, 3), L.x(1, 4)),
    lambda L: L.go(L.nn.RNN(3, 4, nonlinearity="relu"), L.x(5, 2, 3)),
    lambda L: L.go(L.nn.RNN(3, 4, 2, "relu", False, True), L.x(5, 2, 3)),
    lambda L: L.go(L.nn.RNN(3, 4, 2), L.x(5, 2, 3, dtype="float64")),
    lambda L: L.go(L.nn.LSTMCell(3, 4), L.x(2, 3)),
    lambda L: L.go(L.nn.LSTMCell(3, 4), L.x(3), (L.x(4), L.x(4))),
    lambda L: L.go(L.nn.GRUCell(3, 4, False), L.x(2, 3), L.x(2, 4)),
    lambda L: L.go(L.nn.RNNCell(3, 4, nonlinearity="relu"), L.x(2, 3), L.x(2, 4)),
    lambda L: L.go(L.nn.RNNCell(3, 4), L.x(3)),
    lambda L: L.nn.LSTM(3, 4)(L.x(5, 2, 4)),
    lambda L: L.nn.LSTM(3, 4)(L.x(5)),
    lambda L: L.nn.LSTM(3, 4)(L.x(5, 2, 3), (L.x(1, 2, 3), L.x(1, 2, 4))),
    lambda L: L.nn.LSTM(3, 4)(L.x(5, 2, 3), (L.x(1, 2, 4), L.x(1, 3, 4))),
    lambda L: L.nn.LSTM(3, 4)(L.x(5, 2, 3), (L.x(1, 4), L.x(1, 4))),
    lambda L: L.nn.LSTM(3, 4)(L.x(5, 3), (L.x(1, 2, 4), L.x(1, 2, 4))),
    lambda L: L.nn.GRU(3, 4)(L.x(5, 3), L.x(1, 2, 4)),
    lambda L: L.nn.GRU(3, 4)(L.x(5, 2, 3), L.x(1, 4)),
    lambda L: L.nn.GRU(3, 4)(L.x(5, 2, 3), L.x(2, 2, 4)),
    lambda L: L.nn.GRU(3, 4)(L.x(5, 2, 3, dtype="float64")),
    lambda L: L.nn.GRU(3, 4)(L.x(5, 2, 3, 4)),
    lambda L: L.nn.RNN(3, 4)(L.x(5, 2, 3, 4)),
    lambda L: L.nn.RNN(3, 4)(L.x(5, 2, 3), L.x(1, 4)),
    lambda L: L.nn.GRU(3, 4, dropout=2),
    lambda L: L.nn.GRU(3, 4, dropout="a"),
    lambda L: L.nn.GRU(3, 4, dropout=True),
    lambda L: repr(L.nn.GRU(3, 4, dropout=0.1)),
    lambda L: L.nn.GRU(3, 0),
    lambda L: L.nn.GRU(3, 4.0),
    lambda L: L.nn.GRU(3.0, 4),
    lambda L: L.nn.GRU(3, 4, 0),
    lambda L: L.nn.LSTM(3, 4, proj_size=-1),
    lambda L: L.nn.LSTM(3, 4, proj_size=4),
    lambda L: L.nn.GRU(3, 4, proj_size=2),
    lambda L: L.nn.RNN(3, 4, nonlinearity="foo"),
    lambda L: L.nn.RNNBase("foo", 3, 4),
    lambda L: L.nn.RNNCell(3, 4, nonlinearity="foo")(L.x(2, 3)),
    lambda L: L.nn.RNNCell(3, 4)(L.x(2, 4)),
    lambda L: L.nn.RNNCell(3, 4)(L.x(2, 3), L.x(3, 4)),
    lambda L: L.nn.RNNCell(3, 4)(L.x(2, 3), L.x(2, 3)),
    lambda L: L.nn.RNNCell(3, 4)(L.x(2, 3, 3)),
    lambda L: L.nn.RNNCell(3, 4)(L.x(2, 3), L.x(2, 3, 3)),
    lambda L: L.nn.LSTMCell(3, 4)(L.x(2, 3), (L.x(2, 4), L.x(2, 3, 3))),
    lambda L: L.nn.LSTMCell(3, 4)(L.x(2, 3, 3)),
    lambda L: L.nn.GRUCell(3, 4)(L.x(2, 3, 3)),
    lambda L: L.nn.LSTMCell(3, 4)(L.x(2, 3), (L.x(2, 4), L.x(2, 3))),
    lambda L: L.nn.utils.rnn.pad_sequence(3),
    lambda L: L.nn.utils.rnn.pad_sequence([]),
    lambda L: L.nn.utils.rnn.pad_sequence([L.root.ones(2)], padding_side="x"),
    lambda L: L.nn.utils.rnn.pack_padded_sequence(L.x(4, 3, 2), [1, 2, 3]),
    lambda L: L.nn.utils.rnn.pack_padded_sequence(L.x(4, 3, 2), [3, 2]),
    lambda L: L.nn.utils.rnn.pack_padded_sequence(L.x(4, 3, 2), [3, 2, 0]),
]


def case(function: Case) -> Case:
    """Add ``function`` to the cases."""
    CASES.append(function)
    return function


@case
def lstm(L: Side) -> object:
    m = L.nn.LSTM(3, 4, 2, bidirectional=True)
    return L.go(m, L.x(5, 2, 3), (L.x(4, 2, 4), L.x(4, 2, 4)))


@case
def lstm_packed(L: Side) -> object:
    P = L.nn.utils.rnn
    p = P.pack_sequence([L.x(4, 3), L.x(3, 3), L.x(1, 3)])
    return L.go(L.nn.LSTM(3, 4, 2, bidirectional=True), p)


@case
def lstm_packed_2(L: Side) -> object:
    P = L.nn.utils.rnn
    p = P.pack_sequence([L.x(2, 3), L.x(4, 3), L.x(2, 3)], enforce_sorted=False)
    return L.go(
        L.nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2), p, (L.x(4, 3, 2), L.x(4, 3, 4))
    )


@case
def gru_packed(L: Side) -> object:
    P = L.nn.utils.rnn
    p = P.pack_sequence([L.x(2, 3), L.x(4, 3), L.x(2, 3)], enforce_sorted=False)
    return L.go(L.nn.GRU(3, 4, 2, bidirectional=True), p, L.x(4, 3, 4))


@case
def rnn_packed(L: Side) -> object:
    P = L.nn.utils.rnn
    p = P.pack_sequence([L.x(2, 3), L.x(4, 3), L.x(2, 3)], enforce_sorted=False)
    return L.go(L.nn.RNN(3, 4), p)


@case
def lstm_2(L: Side) -> object:
    m = L.nn.LSTM(3, 4, 2, bidirectional=True)
    return next([repr(w) for w in made] for made in m.all_weights) and [
        m._flat_weights_names,
        m.flatten_parameters(),
        len(m._flat_weights),
    ]


@case
def pad_sequence(L: Side) -> object:
    P = L.nn.utils.rnn
    return P.pad_sequence([L.root.ones(2, 3), L.root.ones(4, 3), L.root.ones(1, 3)], True, 2.0)


@case
def pad_sequence_2(L: Side) -> object:
    P = L.nn.utils.rnn
    return P.pad_sequence(
        [L.root.ones(2, 3), L.root.ones(4, 3), L.root.ones(1, 3)], padding_side="left"
    )


@case
def pad_packed_sequence_packed(L: Side) -> object:
    P = L.nn.utils.rnn
    x = P.pack_padded_sequence(L.x(4, 3, 2), [4, 2, 1])
    return [x, P.pad_packed_sequence(x, total_length=6, padding_value=3.0), P.unpack_sequence(x)]


@case
def pack_padded_sequence_packed(L: Side) -> object:
    P = L.nn.utils.rnn
    x = (
        P.pack_padded_sequence(L.x(4, 3, 2), L.t([2, 1, 3]), True, False)
        if 0
        else P.pack_padded_sequence(L.x(3, 4, 2), L.t([2, 1, 3]), True, False)
    )
    return [x, P.pad_packed_sequence(x, True), P.unpack_sequence(x), repr(x), x.double().data.dtype]


@case
def pack_sequence_packed(L: Side) -> object:
    P = L.nn.utils.rnn
    return P.pad_packed_sequence(P.pack_sequence([L.root.ones(3)]), total_length=2)


@case
def unpad_sequence(L: Side) -> object:
    P = L.nn.utils.rnn
    return P.unpad_sequence(L.x(4, 3, 2), L.t([1, 4, 2]))


@case
def pad_packed_sequence_packed_2(L: Side) -> object:
    P = L.nn.utils.rnn
    x = L.x(4, 3, 2).requires_grad_()
    p = P.pack_padded_sequence(x, [4, 2, 1])
    y, _ = P.pad_packed_sequence(p)
    (y * L.root.arange(24.0).view(4, 3, 2)).sum().backward()
    return x.grad


@case
def packed_sequence(L: Side) -> object:
    P = L.nn.utils.rnn
    return P.PackedSequence(L.root.ones(3, 2), L.t([2, 1]))


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)


def test_packing_more_than_there_is() -> None:
    with pytest.raises(RuntimeError, match="lengths of at most 4"):
        flambeau.nn.utils.rnn.pack_padded_sequence(flambeau.zeros(4, 3, 2), [5, 2, 1])

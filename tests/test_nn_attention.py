"""Attention and Transformer layers."""

import math

import pytest
from nn_compare import Case, Side, compare, label

CASES: list[Case] = [
    lambda L: L.go(L.nn.MultiheadAttention(8, 2), L.x(3, 2, 8), L.x(5, 2, 8), L.x(5, 2, 8)),
    lambda L: L.go(
        L.nn.MultiheadAttention(8, 2, bias=False, batch_first=True),
        L.x(3, 2, 8),
        L.x(3, 4, 8),
        L.x(3, 4, 8),
        need_weights=False,
    ),
    lambda L: L.go(
        L.nn.MultiheadAttention(8, 2, kdim=3, vdim=5, add_bias_kv=True, add_zero_attn=True),
        L.x(3, 2, 8),
        L.x(5, 2, 3),
        L.x(5, 2, 5),
        average_attn_weights=False,
    ),
    lambda L: L.go(
        L.nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True),
        L.x(3, 2, 8),
        L.x(5, 2, 8),
        L.x(5, 2, 8),
        key_padding_mask=L.t([[0, 0, 0, 1, 1], [0, 0, 1, 1, 0]]).bool(),
        attn_mask=L.x(3, 5),
    ),
    lambda L: L.go(
        L.nn.MultiheadAttention(8, 2, dropout=0.3),
        L.x(3, 2, 8),
        L.x(5, 2, 8),
        L.x(5, 2, 8),
        attn_mask=L.x(4, 3, 5),
    ),
    lambda L: L.go(
        L.nn.MultiheadAttention(8, 2),
        L.x(3, 8),
        L.x(5, 8),
        L.x(5, 8),
        key_padding_mask=L.t([0, 0, 0, 1, 1]).bool(),
    ),
    lambda L: L.go(
        L.nn.MultiheadAttention(8, 2),
        L.x(3, 8),
        L.x(3, 8),
        L.x(3, 8),
        attn_mask=L.root.ones(3, 3).triu(1).bool(),
        is_causal=True,
        need_weights=False,
    ),
    lambda L: L.go(
        L.nn.MultiheadAttention(8, 2),
        L.x(3, 8),
        L.x(3, 8),
        L.x(3, 8),
        attn_mask=L.root.ones(3, 3).triu(1).bool(),
        is_causal=True,
    ),
    lambda L: L.nn.MultiheadAttention(8, 2)(L.x(3, 8), L.x(3, 8), L.x(3, 8), is_causal=True),
    lambda L: L.nn.MultiheadAttention(8, 3),
    lambda L: L.nn.MultiheadAttention(0, 3),
    lambda L: L.nn.MultiheadAttention(8, 2)(L.x(8), L.x(3, 8), L.x(3, 8)),
    lambda L: L.nn.MultiheadAttention(8, 2)(L.x(2, 8), L.x(3, 3, 8), L.x(3, 8)),
    lambda L: L.nn.MultiheadAttention(8, 2)(L.x(2, 3, 8), L.x(3, 8), L.x(3, 8)),
    lambda L: L.nn.MultiheadAttention(8, 2)(L.x(2, 3, 6), L.x(3, 3, 6), L.x(3, 3, 6)),
    lambda L: L.nn.MultiheadAttention(8, 2)(L.x(2, 3, 8), L.x(3, 3, 8), L.x(4, 3, 8)),
    lambda L: L.nn.MultiheadAttention(8, 2)(
        L.x(2, 3, 8), L.x(3, 3, 8), L.x(3, 3, 8), attn_mask=L.root.ones(3, 3)
    ),
    lambda L: L.nn.MultiheadAttention(8, 2)(
        L.x(2, 3, 8), L.x(3, 3, 8), L.x(3, 3, 8), attn_mask=L.root.ones(3, 3, 3)
    ),
    lambda L: L.nn.MultiheadAttention(8, 2)(
        L.x(2, 3, 8), L.x(3, 3, 8), L.x(3, 3, 8), attn_mask=L.root.ones(3)
    ),
    lambda L: L.nn.MultiheadAttention(8, 2)(
        L.x(2, 8), L.x(3, 8), L.x(3, 8), attn_mask=L.root.ones(3)
    ),
    lambda L: L.nn.MultiheadAttention(8, 2)(
        L.x(2, 8), L.x(3, 8), L.x(3, 8), attn_mask=L.root.ones(3, 3, 3)
    ),
    lambda L: L.nn.MultiheadAttention(8, 2)(
        L.x(2, 8), L.x(3, 8), L.x(3, 8), attn_mask=L.root.ones(3, 3).int()
    ),
    lambda L: L.nn.MultiheadAttention(8, 2)(
        L.x(2, 8), L.x(3, 8), L.x(3, 8), key_padding_mask=L.root.ones(1, 3).bool()
    ),
    lambda L: L.nn.MultiheadAttention(8, 2)(
        L.x(2, 3, 8), L.x(3, 3, 8), L.x(3, 3, 8), key_padding_mask=L.root.ones(3).bool()
    ),
    lambda L: L.nn.MultiheadAttention(8, 2)(
        L.x(2, 3, 8), L.x(3, 3, 8), L.x(3, 3, 8), key_padding_mask=L.root.ones(3, 4).bool()
    ),
    lambda L: L.nn.MultiheadAttention(8, 2)(
        L.x(2, 3, 8),
        L.x(3, 3, 8),
        L.x(3, 3, 8),
        key_padding_mask=L.root.ones(3, 3).bool(),
        attn_mask=L.x(2, 3),
    ),
    lambda L: L.go(L.nn.TransformerEncoderLayer(8, 2, 16), L.x(3, 2, 8)),
    lambda L: L.go(
        L.nn.TransformerEncoderLayer(
            8, 2, 16, activation="gelu", batch_first=True, norm_first=True, bias=False
        ),
        L.x(3, 2, 8),
    ),
    lambda L: L.go(
        L.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0).eval(),
        L.x(3, 2, 8),
        src_key_padding_mask=L.t([[0, 0, 0], [0, 0, 1]]).bool(),
    ),
    lambda L: L.go(L.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), L.x(3, 2, 8)),
    lambda L: L.go(L.nn.TransformerDecoderLayer(8, 2, 16, 0.2), L.x(3, 2, 8), L.x(4, 2, 8)),
    lambda L: L.go(
        L.nn.TransformerDecoderLayer(8, 2, 16, 0.2, norm_first=True),
        L.x(3, 2, 8),
        L.x(4, 2, 8),
        tgt_mask=L.root.full((3, 3), -math.inf).triu(1),
        tgt_is_causal=True,
    ),
    lambda L: L.go(
        L.nn.TransformerEncoder(
            L.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, L.nn.LayerNorm(8)
        ),
        L.x(3, 5, 8),
        mask=L.root.full((5, 5), -math.inf).triu(1),
    ),
    lambda L: L.go(
        L.nn.TransformerEncoder(L.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval(),
        L.x(3, 5, 8),
        mask=L.root.ones(5, 5).bool().triu(1),
        is_causal=True,
    ),
    lambda L: L.go(
        L.nn.TransformerDecoder(L.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 2),
        L.x(3, 5, 8),
        L.x(3, 4, 8),
    ),
    lambda L: L.go(L.nn.Transformer(8, 2, 1, 1, 16), L.x(3, 2, 8), L.x(4, 2, 8)),
    lambda L: L.go(
        L.nn.Transformer(8, 2, 1, 2, 16, batch_first=True),
        L.x(2, 3, 8),
        L.x(2, 4, 8),
        tgt_mask=L.nn.Transformer.generate_square_subsequent_mask(4),
        src_key_padding_mask=L.t([[0, 0, 1], [0, 0, 0]]).bool(),
    ),
    lambda L: L.go(L.nn.Transformer(8, 2, 1, 1, 16), L.x(3, 8), L.x(4, 8)),
    lambda L: L.nn.Transformer(8, 2, 1, 1, 16)(L.x(3, 2, 8), L.x(4, 3, 8)),
    lambda L: L.nn.Transformer(8, 2, 1, 1, 16)(L.x(3, 2, 8), L.x(4, 2, 7)),
    lambda L: L.nn.TransformerEncoderLayer(8, 2, 16, activation="foo"),
    lambda L: L.go(
        L.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10]), L.x(6, 8), L.t([0, 6, 12, 19, 4, 10])
    ),
    lambda L: L.go(L.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], 2.0, True), L.x(8), L.t(12)),
    lambda L: L.nn.AdaptiveLogSoftmaxWithLoss(8, 20, []),
    lambda L: L.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [10, 5]),
    lambda L: L.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])(
        L.x(6, 8), L.t([0, 6, 12, 20, 4, 10])
    ),
    lambda L: L.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])(L.x(6, 8), L.t([0, 6, 12])),
    lambda L: L.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])(L.x(6), L.t([0, 6, 12])),
    lambda L: L.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])(L.x(6, 8), L.t(1)),
    lambda L: L.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])(L.x(6, 8), L.root.ones(6, 1)),
]


def case(function: Case) -> Case:
    """Add ``function`` to the cases."""
    CASES.append(function)
    return function


@case
def multihead_attention(L: Side) -> object:
    x = L.x(3, 2, 8)
    return L.go(L.nn.MultiheadAttention(8, 2), x, x, x)


@case
def adaptive_log_softmax_with_loss(L: Side) -> object:
    m = L.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], 2.0)
    x = L.x(9, 8)
    return [m.log_prob(x), m.predict(x)]


@case
def adaptive_log_softmax_with_loss_2(L: Side) -> object:
    m = L.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10], 2.0)
    m.reset_parameters()
    return m.state_dict()


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)

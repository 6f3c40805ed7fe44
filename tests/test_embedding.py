"""Look-up tables: embedding and embedding_bag against PyTorch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from op_compare import check
from oracles import torch

import flambeau as fl
import flambeau.nn.functional as F


def indices(high: int, *shape: int) -> Any:
    return np.random.randint(0, high, shape)


@pytest.mark.parametrize("shape", [(), (6,), (2, 5), (3, 0), (2, 3, 4)])
@pytest.mark.parametrize("width", [1, 3, 200])
def test_embedding(shape: tuple[int, ...], width: int) -> None:
    def look_up(**options: Any) -> Any:
        return lambda root, i, w: root.nn.functional.embedding(i, w, **options)

    i = np.asarray(indices(4, *shape))
    # Padding gets no gradient, whatever it changes.
    on = i.size > 0  # PyTorch has no second derivative of an empty one
    check(look_up(), i, (4, width), gradients=on)
    check(look_up(padding_idx=1), i, (4, width), gradients=on, differences=False)
    check(look_up(padding_idx=-1), i.astype(np.int32), (4, width), gradients=on, differences=False)
    check(lambda root, i, w: root.nn.functional.embedding(i, w.t()), i, (width, 4), gradients=on)
    check(
        lambda root, i, w: root.embedding(w, i, 2), i, (4, width), gradients=on, differences=False
    )


def test_gradients_scaled_by_frequency() -> None:
    i = np.array([[0, 1, 1], [3, 1, 0]])
    weight = fl.randn(4, 2, requires_grad=True, dtype=fl.float64)
    given = fl.randn(2, 3, 2, requires_grad=True, dtype=fl.float64)
    y = F.embedding(fl.tensor(i), weight, scale_grad_by_freq=True)
    (grad,) = fl.autograd.grad(y, weight, given, create_graph=True)
    expected = np.zeros((4, 2))
    counts = np.bincount(i.reshape(-1), minlength=4)
    for k, row in zip(i.reshape(-1), given.detach().numpy().reshape(-1, 2), strict=True):
        expected[k] += row / counts[k]
    np.testing.assert_allclose(grad.detach().numpy(), expected)
    outer = fl.randn(4, 2, dtype=fl.float64)
    (second,) = fl.autograd.grad(grad, given, outer)
    np.testing.assert_allclose(second.numpy(), (outer.numpy() / np.maximum(counts, 1)[:, None])[i])


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
def test_max_norm_rescales_the_table(p: float) -> None:
    table, i = np.random.randn(6, 5).astype(np.float32) * 2, np.array([[0, 2], [5, 0]])
    bags = i + 1 - i // 5
    cut = shortened(table, i, 1.5, p)
    after = shortened(cut, bags, 1.0, p)
    counts = np.bincount(i.reshape(-1), minlength=6)[:, None] * np.ones(5)
    expected = [[cut[i], after, counts, after[bags].mean(1)]]
    for root in (fl, torch) if torch else (fl,):
        weight = root.tensor(table, requires_grad=True)
        version = weight._version
        y = root.nn.functional.embedding(root.tensor(i), weight, max_norm=1.5, norm_type=p)
        assert weight._version > version
        y.sum().backward()
        bag = root.nn.functional.embedding_bag(root.tensor(bags), weight, max_norm=1.0, norm_type=p)
        expected.append([t.detach().numpy() for t in (y, weight, weight.grad, bag)])
    ours = expected.pop(1)
    for theirs in expected:
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def shortened(table: Any, used: Any, longest: float, p: float) -> Any:
    """The rows that are used, of a norm of at most ``longest``."""
    made = table.copy()
    for k in np.unique(used):
        norm = np.linalg.norm(made[k], p)
        made[k] *= longest / (norm + 1e-7) if norm > longest else 1
    return made


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_many_equal_indices_lose_nothing(dtype: str) -> None:
    """Half types add up in float32."""
    weight = fl.zeros(3, 4, dtype=getattr(fl, dtype), requires_grad=True)
    y = F.embedding(fl.ones(4096, dtype=fl.int64), weight)
    y.sum().backward()
    assert weight.grad.tolist() == [[0.0] * 4, [4096.0] * 4, [0.0] * 4]


def test_backward_does_not_depend_on_threads() -> None:
    i = fl.tensor(indices(50, 3000))
    given, grads = fl.randn(3000, 257), []
    before = fl.get_num_threads()
    for threads in (1, 2, 5):
        fl.set_num_threads(threads)
        weight = fl.zeros(50, 257, requires_grad=True)
        grads.append(fl.autograd.grad(F.embedding(i, weight), weight, given)[0].tolist())
    fl.set_num_threads(before)
    assert grads[0] == grads[1] == grads[2]


def test_errors() -> None:
    weight = fl.zeros(4, 3)
    for bad in (4, -1):
        with pytest.raises(IndexError, match="index out of range in self"):
            F.embedding(fl.tensor([0, bad]), weight)
        with pytest.raises(RuntimeError, match=r"not in the valid range \[0, 4\)"):
            F.embedding_bag(fl.tensor([[0, bad]]), weight)
    with pytest.raises(RuntimeError, match=r"Long, Int; but got torch\.FloatTensor instead"):
        F.embedding(fl.tensor([0.5]), weight)
    with pytest.raises(RuntimeError, match="'weight' must be 2-D"):
        F.embedding(fl.tensor([0]), weight[0])
    with pytest.raises((ValueError, AssertionError), match="Padding_idx must be within"):
        F.embedding(fl.tensor([0]), weight, padding_idx=4)
    for offsets, text in [
        ([1, 2], r"offsets\[0\] has to be 0"),
        ([0, 4], "can not be greater than input's length 3"),
        ([0, 2, 1], "must not decrease"),
    ]:
        with pytest.raises(RuntimeError, match=text):
            F.embedding_bag(fl.tensor([1, 2, 3]), weight, fl.tensor(offsets))
    with pytest.raises(ValueError, match="offsets has to be None"):
        F.embedding_bag(fl.tensor([[1, 2]]), weight, fl.tensor([0]))
    with pytest.raises(NotImplementedError, match="only supported for mode='sum'"):
        F.embedding_bag(fl.tensor([[1]]), weight, per_sample_weights=fl.ones(1, 1))


def bag(root: Any, i: Any, w: Any, offsets: Any = None, scale: Any = None, **options: Any) -> Any:
    """Ours as it is; PyTorch's compared with plain operators, which it differentiates twice."""
    options = {"offsets": offsets, "per_sample_weights": scale, **options}
    result = root.nn.functional.embedding_bag(i, w, **options)
    if root is fl:
        return result
    i = i.long()
    if offsets is None:
        ends = range(0, i.numel() + 1, max(i.shape[-1], 1))
    else:
        ends = offsets.tolist() + ([] if options.get("include_last_offset") else [len(i)])
    reduce = {"sum": lambda t: t.sum(0), "mean": lambda t: t.mean(0), "max": lambda t: t.amax(0)}
    rows, flat = [], i.reshape(-1)
    for start, end in pairwise(ends):
        kept = [k for k in range(start, end) if flat[k] != options.get("padding_idx", -1)]
        vectors = w[flat[kept]]
        if scale is not None:
            vectors = vectors * scale.reshape(-1)[kept].unsqueeze(1)
        rows.append(reduce[options["mode"]](vectors) if kept else w[0] * 0)
    plain = root.stack(rows)
    root.testing.assert_close(plain, result)
    return plain


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("width", [1, 5, 300])
def test_embedding_bag(mode: str, width: int) -> None:
    def call(root: Any, i: Any, w: Any, offsets: Any = None, **options: Any) -> Any:
        return bag(root, i, w, offsets, mode=mode, **options)

    check(call, indices(6, 3, 4), (6, width))
    check(call, indices(6, 9).astype(np.int32), (6, width), np.array([0, 2, 2, 7], dtype=np.int32))
    check(call, indices(6, 9), (6, width), np.array([0, 9]))
    check(
        lambda root, i, w, o: call(root, i, w, o, include_last_offset=True),
        indices(6, 9), (6, width), np.array([0, 3, 3, 9]),
    )  # fmt: skip
    check(
        lambda root, i, w, o: call(root, i, w, o, padding_idx=2),
        np.array([2, 1, 2, 2, 0, 5]), (6, width), np.array([0, 2, 4]),
    )  # fmt: skip
    check(lambda root, i, w: call(root, i, w.t()), indices(6, 3, 4), (width, 6))


def test_weighted_bags() -> None:
    check(
        lambda root, i, w, s: bag(root, i, w, scale=s, mode="sum"),
        indices(6, 3, 4), (6, 5), (3, 4),
    )  # fmt: skip
    check(
        lambda root, i, w, s, o: bag(root, i, w, o, s, mode="sum", padding_idx=0),
        indices(6, 9), (6, 5), (9,), np.array([0, 4, 4]),
    )  # fmt: skip


def test_padding_gets_no_gradient_from_weighted_bags() -> None:
    weight = fl.randn(4, 3, requires_grad=True)
    scale = fl.randn(1, 3, requires_grad=True)
    i = fl.tensor([[0, 2, 0]])
    y = F.embedding_bag(i, weight, mode="sum", per_sample_weights=scale, padding_idx=0)
    y.sum().backward()
    assert weight.grad[0].tolist() == [0, 0, 0]
    assert scale.grad[0, 0].item() == scale.grad[0, 2].item() == 0
    np.testing.assert_allclose(scale.grad[0, 1].item(), weight[2].sum().item(), rtol=1e-5)
    np.testing.assert_allclose(weight.grad[2].tolist(), [scale[0, 1].item()] * 3)

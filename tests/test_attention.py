"""Scaled dot-product attention against PyTorch: masks, derivatives, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from op_compare import Function, check, check_error

import flambeau as fl


def attend(**options: Any) -> Function:
    return lambda root, *t: root.nn.functional.scaled_dot_product_attention(*t, **options)


def masked(root: Any, q: Any, k: Any, v: Any, mask: Any) -> Any:
    return root.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def test_options() -> None:
    shapes = (2, 4, 5, 8), (2, 4, 6, 8), (2, 4, 6, 3)
    check(attend(), *shapes, strides=False)
    check(attend(is_causal=True), *shapes, strides=False)
    for scale in (0.3, -0.3, 0.0):
        check(attend(scale=scale), *shapes, strides=False)
    check(attend(), (5, 8), (6, 8), (6, 3), strides=False)
    check(attend(), (2, 5, 8), (1, 6, 8), (6, 3), strides=False)
    check(attend(enable_gqa=True), (2, 4, 5, 8), (2, 2, 6, 8), (2, 2, 6, 3), strides=False)
    for empty in [((2, 0, 8), (2, 6, 8), (2, 6, 3)), ((2, 5, 8), (2, 0, 8), (2, 0, 3))]:
        check(attend(), *empty, strides=False, gradients=False)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("queries", "keys"), [(1, 76), (1, 1), (65, 63), (80, 81), (81, 80), (70, 200), (200, 70)]
)
def test_blocks_of_queries(queries: int, keys: int, causal: bool) -> None:
    """Lengths around the size of a block; heads that lie inside of time, as layers leave them."""

    def inside(root: Any, *tensors: Any) -> Any:
        return attend(is_causal=causal)(root, *(t.transpose(1, 2) for t in tensors))

    check(attend(is_causal=causal), (3, queries, 9), (3, keys, 9), (3, keys, 5), strides=False)
    check(inside, (2, queries, 2, 8), (2, keys, 2, 8), (2, keys, 2, 3), strides=False)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    q, k, v = (fl.randn(2, 3, 150, 16, requires_grad=True) for _ in range(3))
    before, found = fl.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            fl.set_num_threads(threads)
            y = attend(is_causal=True)(fl, q, k, v)
            found.append([y, *fl.autograd.grad((y * y).sum(), [q, k, v])])
    finally:
        fl.set_num_threads(before)
    for other in found[1:]:
        assert all(fl.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_what_is_not_a_number_stays_in_its_rows() -> None:
    q, k, v = fl.randn(5, 4), fl.randn(5, 4), fl.randn(5, 4)
    q[1, 0] = float("nan")
    k[3, 0] = float("inf")
    y = attend(is_causal=True)(fl, q, k, v)
    assert y.isnan().any(1).tolist()[:3] == [False, True, False]
    k, v = fl.randn(5, 4), fl.randn(5, 4, requires_grad=True)
    attend(is_causal=True)(fl, q, k, v).sum().backward()  # the second row sees the first two keys
    assert v.grad is not None
    assert v.grad.isnan().all(1).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("shape", [(5, 6), (4, 5, 6), (2, 1, 5, 6), (2, 1, 1, 6)])
def test_masks(shape: tuple[int, ...]) -> None:
    """Also queries that may look at no key at all."""
    rng = np.random.default_rng()
    shapes = (2, 4, 5, 8), (2, 4, 6, 8), (2, 4, 6, 3)
    allowed = rng.random(shape) < 0.6
    allowed[..., 0, :] = False
    check(masked, *shapes, allowed, strides=False)
    check(masked, *shapes, shape, strides=False)
    scores = np.where(allowed, rng.standard_normal(shape), -np.inf)

    def fixed(root: Any, *tensors: Any) -> Any:
        return masked(root, *tensors, root.tensor(scores))

    check(fixed, *shapes, strides=False)


def test_dropout_draws_as_pytorch_does() -> None:
    def function(root: Any, q: Any, k: Any, v: Any) -> Any:
        root.manual_seed(3)
        return root.nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=0.4)

    check(function, (2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 6), strides=False)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_types(dtype: str) -> None:
    tensors = [fl.randn(2, 3, 7, 16).to(getattr(fl, dtype)) for _ in range(3)]
    y = attend(is_causal=True)(fl, *tensors)
    expected = attend(is_causal=True)(fl, *[t.double() for t in tensors])
    assert y.dtype == tensors[0].dtype
    np.testing.assert_allclose(y.double().numpy(), expected.numpy(), rtol=0, atol=4e-2)


@pytest.mark.parametrize(
    ("shapes", "options"),
    [
        ([(8,), (5, 8), (5, 6)], {}),
        ([(4, 8), ((5, 8), "float32"), (5, 6)], {}),
        ([(4, 8), (5, 8), (5, 6)], {"dropout_p": 1.5}),
        ([(2, 6, 4, 8), (2, 3, 5, 8), (2, 3, 5, 6)], {}),
    ],
)
def test_errors(shapes: Any, options: dict[str, Any]) -> None:
    check_error(attend(**options), *shapes, same_text=len(shapes[0]) < 4)


def test_masks_are_checked() -> None:
    check_error(masked, (4, 8), (5, 8), (5, 6), ((4, 5), "int64"))
    q = fl.zeros(4, 8)
    with pytest.raises(RuntimeError, match="attn_mask should not be set when is_causal=True"):
        attend(attn_mask=fl.zeros(4, 4), is_causal=True)(fl, q, q, q)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("order", [(2, 0, 3, 1, 4), (2, 1, 3, 0, 4)])
def test_queries_keys_and_values_of_one_product(order: tuple[int, ...], count: int) -> None:
    """Their gradients lie beside each other; other uses of them add up all the same."""
    x = fl.randn(3, 5, count, 2, 4, dtype=fl.float64, requires_grad=True)
    own = fl.randn(*x.permute(order).shape[1:], dtype=fl.float64, requires_grad=True)

    def gradients(apart: bool) -> list[Any]:
        parts = x.permute(order).unbind(0)
        q, k, v = [own, *(t.clone() if apart else t for t in parts)][-3:]
        y = attend(is_causal=True)(fl, q, k, v) + q * v + k.mean(-2, keepdim=True)
        first = fl.autograd.grad((y * y).sum(), [x, own], create_graph=True, allow_unused=True)
        plain = fl.autograd.grad((y * y).sum(), [x, own], retain_graph=True, allow_unused=True)
        second = fl.autograd.grad((first[0] * first[0]).sum(), [x])
        return [t for t in (*first, *plain, *second) if t is not None]

    for found, wanted in zip(gradients(False), gradients(True), strict=True):
        np.testing.assert_allclose(found.tolist(), wanted.tolist(), rtol=1e-9, atol=1e-9)


def test_gradients_beside_each_other_do_not_write_into_each_other() -> None:
    x = fl.randn(2, 4, 3, 2, 8, requires_grad=True)
    q, k, v = x.permute(2, 0, 3, 1, 4).unbind(0)
    for t in (q, k, v):
        t.retain_grad()
    (attend()(fl, q, k, v).sum() + (x * 3).sum()).backward()
    assert x.grad is not None
    apart = x.grad.permute(2, 0, 3, 1, 4) - 3
    for t, whole in zip((q, k, v), apart, strict=True):
        assert t.grad is not None
        np.testing.assert_allclose(t.grad.numpy(), whole.numpy(), rtol=0, atol=1e-5)

"""set_float32_matmul_precision: what "medium" may round, and what it may not."""

from collections.abc import Callable, Iterator

import pytest

import flambeau as fb
from flambeau import Tensor, nn

Product = Callable[[Tensor, Tensor], Tensor]


@pytest.fixture(autouse=True)
def highest_again() -> Iterator[None]:
    yield
    fb.set_float32_matmul_precision("highest")


def in_both(product: Callable[[], Tensor]) -> tuple[Tensor, Tensor]:
    """What it gives exactly, and with "medium"."""
    fb.set_float32_matmul_precision("highest")
    exact = product()
    fb.set_float32_matmul_precision("medium")
    return exact, product()


def processor_rounds() -> bool:
    a = fb.randn(64, 64)
    return not fb.equal(*in_both(lambda: a @ a))


@pytest.mark.parametrize("shape", [(64, 1, 64), (64, 64, 64), (65, 300, 130), (512, 700, 64)])
@pytest.mark.parametrize(
    "product",
    [
        lambda a, b: a @ b,
        lambda a, b: a.t().contiguous().t() @ b,
        lambda a, b: a @ b.t().contiguous().t(),
        lambda a, b: fb.stack([a, a]) @ b,
        lambda a, b: fb.stack([a, -a]) @ fb.stack([b, b]),
        lambda a, b: nn.functional.linear(a, b.t()),
    ],
)
def test_operands_are_rounded_and_sums_are_not(
    shape: tuple[int, int, int], product: Product
) -> None:
    m, k, n = shape
    a, b = fb.randn(m, k), fb.randn(k, n)
    _, found = in_both(lambda: product(a, b))
    rounds = processor_rounds()
    wide = [x.bfloat16().double() if rounds else x.double() for x in (a, b)]
    expected = product(*wide)
    assert found.dtype == fb.float32
    assert (found.double() - expected).abs().max().item() < 1e-5 * expected.abs().max().item()


def test_what_is_added_is_not_rounded() -> None:
    a, b, bias = fb.randn(70, 80), fb.randn(80, 90), fb.randn(90) * 1000
    _, found = in_both(lambda: fb.addmm(bias, a, b, beta=0.5, alpha=1e-9))
    assert fb.allclose(found, (bias * 0.5).expand(70, 90), rtol=1e-6)
    _, found = in_both(lambda: nn.functional.linear(a * 1e-9, b.t(), bias))
    assert fb.allclose(found, bias.expand(70, 90), rtol=1e-6)


@pytest.mark.parametrize(
    "product",
    [
        lambda: fb.ones(63, 64) / 3 @ (fb.ones(64, 100) / 3),
        lambda: fb.ones(100, 64) / 3 @ (fb.ones(64) / 3),
        lambda: (fb.ones(100, 64, dtype=fb.float64) / 3) @ (fb.ones(64, 70, dtype=fb.float64) / 3),
        lambda: (fb.ones(64, 64) / 3 + 0j) @ (fb.ones(64, 64) / 3 + 0j),
        lambda: nn.functional.conv2d(fb.ones(1, 64, 16, 16) / 3, fb.ones(64, 64, 1, 1) / 3),
        lambda: fb.zeros(64, 0) @ fb.zeros(0, 64),
    ],
)
def test_all_else_stays_exact(product: Callable[[], Tensor]) -> None:
    exact, found = in_both(product)
    assert fb.equal(exact, found)


def test_nan_and_infinity_come_through() -> None:
    a = fb.eye(64)
    a[3, 3], a[5, 5] = float("nan"), float("inf")
    _, found = in_both(lambda: a @ fb.ones(64, 64))
    assert found[3].isnan().all()
    assert found[5].isinf().all()
    assert fb.equal(found[4], fb.ones(64))


def test_high_is_exact_and_names_are_checked() -> None:
    a = fb.randn(64, 64)
    exact = a @ a
    fb.set_float32_matmul_precision("high")
    assert fb.equal(a @ a, exact)
    with pytest.raises(RuntimeError, match="low is not one of 'highest', 'high', or 'medium'"):
        fb.set_float32_matmul_precision("low")
    assert fb.get_float32_matmul_precision() == "high"

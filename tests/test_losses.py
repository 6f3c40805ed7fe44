"""Native losses against PyTorch: values, gradients, types, layouts, errors."""

from typing import Any

import numpy as np
import pytest
from gradient_compare import compare, same_error

import flambeau
import flambeau.nn

HALVES = ["float16", "bfloat16"]
REDUCTIONS = ["none", "mean", "sum"]


def normal(*shape: int) -> Any:
    return np.random.standard_normal(shape)


def uniform(*shape: int) -> Any:
    return np.random.uniform(0.05, 0.95, shape)


def apart(*shape: int) -> tuple[Any, Any]:
    """Two arrays whose differences keep away from the kinks of losses, at 0, 0.3, 0.4 and 1."""
    near, far = np.random.uniform(0.02, 0.25, shape), np.random.uniform(0.5, 0.65, shape)
    gap = np.where(np.random.uniform(size=shape) < 0.5, near, far)
    low = np.random.uniform(0.05, 0.95 - gap)
    swapped = np.random.uniform(size=shape) < 0.5
    return np.where(swapped, low + gap, low), np.where(swapped, low, low + gap)


def labels(classes: int, *shape: int) -> Any:
    return np.random.randint(0, classes, shape)


# --- class indices --------------------------------------------------------------------------------

SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((5, 7), (5,)),
    ((3, 70), (3,)),
    ((4,), ()),
    ((4,), (1,)),
    ((0, 3), (0,)),
    ((2, 3, 5), (2, 5)),
    ((2, 3, 4, 5), (2, 4, 5)),
    ((2, 21, 12, 13), (2, 12, 13)),
    ((2, 3, 2, 3, 2), (2, 2, 3, 2)),
    ((2, 3, 0), (2, 0)),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("shape", "target"), SHAPES)
def test_cross_entropy(shape: tuple[int, ...], target: tuple[int, ...], reduction: str) -> None:
    classes = shape[0] if len(shape) == 1 else shape[1]
    t = labels(classes, *target)
    # PyTorch has no gradient for one score with a list of targets.
    orders = 0 if target == (1,) else 1 if 0 in shape else 2
    for name in ("cross_entropy", "nll_loss"):
        compare(
            lambda L, x, t, n=name: getattr(L.nn.functional, n)(x, t, reduction=reduction),
            normal(*shape),
            t,
            orders=orders,
        )


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(6, 5), (3, 5, 7), (4, 40)])
def test_cross_entropy_options(
    shape: tuple[int, ...], reduction: str, weighted: bool, smoothing: float
) -> None:
    t = labels(shape[1], shape[0], *shape[2:])
    weight = uniform(shape[1])

    def loss(L: Any, x: Any, t: Any, w: Any) -> Any:
        return L.nn.functional.cross_entropy(
            x,
            t,
            w.detach() if weighted else None,
            ignore_index=2,
            reduction=reduction,
            label_smoothing=smoothing,
        )

    def nll(L: Any, x: Any, t: Any, w: Any) -> Any:
        return L.nn.functional.nll_loss(
            x, t, w.detach() if weighted else None, ignore_index=2, reduction=reduction
        )

    compare(loss, normal(*shape), t, weight)
    compare(nll, normal(*shape), t, weight)


@pytest.mark.parametrize("dtype", ["float32", *HALVES])
@pytest.mark.parametrize("shape", [(6, 50), (3, 5, 7)])
def test_class_losses_of_each_type(shape: tuple[int, ...], dtype: str) -> None:
    t = labels(shape[1], shape[0], *shape[2:])
    for name in ("cross_entropy", "nll_loss"):
        compare(
            lambda L, x, t, name=name: getattr(L.nn.functional, name)(x, t),
            normal(*shape),
            t,
            dtype=dtype,
            orders=1,
        )
    if len(shape) == 2:
        compare(
            lambda L, x, t: L.nn.functional.cross_entropy(x, t.byte()), normal(*shape), t, orders=1
        )


def test_large_cross_entropy() -> None:
    # Enough for the results to be written past the caches.
    t = labels(4096, 1700)
    t[3] = -100
    compare(
        lambda L, x, t: L.nn.functional.cross_entropy(x, t),
        normal(1700, 4096),
        t,
        dtype="float32",
        orders=1,
    )


def test_class_losses_of_other_layouts() -> None:
    x, t = normal(7, 6), labels(7, 6)
    compare(lambda L, x, t: L.nn.functional.cross_entropy(x.t(), t), x, t)
    compare(lambda L, x, t: L.nn.functional.nll_loss(x.t(), t), x, t)
    x, t = normal(2, 4, 5, 3), labels(3, 2, 4, 5)
    compare(lambda L, x, t: L.nn.functional.cross_entropy(x.permute(0, 3, 1, 2), t), x, t)
    compare(
        lambda L, x, t: L.nn.functional.cross_entropy(x.permute(0, 3, 2, 1), t.transpose(1, 2)),
        x,
        t,
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5, 4), (4,), (2, 3, 4), (0, 3)])
def test_cross_entropy_of_probabilities(
    shape: tuple[int, ...], reduction: str, smoothing: float
) -> None:
    weight = uniform(shape[0] if len(shape) == 1 else shape[1])

    def loss(L: Any, x: Any, p: Any, w: Any) -> Any:
        return L.nn.functional.cross_entropy(
            x, p, w, reduction=reduction, label_smoothing=smoothing
        )

    compare(loss, normal(*shape), uniform(*shape), weight, orders=1 if 0 in shape else 2)
    compare(lambda L, x, p: L.nn.functional.cross_entropy(x, p), normal(3, 4), uniform(3, 4))


def test_everything_ignored() -> None:
    t = np.full(3, -100)
    for reduction in REDUCTIONS:
        compare(
            lambda L, x, t, r=reduction: L.nn.functional.cross_entropy(x, t, reduction=r),
            normal(3, 4),
            t,
            orders=1,
        )


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_class_loss_errors(name: str) -> None:
    def raises(shape: tuple[int, ...], target: Any, **options: Any) -> None:
        def run(L: Any) -> None:
            given = {k: L.tensor(v) if isinstance(v, list) else v for k, v in options.items()}
            getattr(L.nn.functional, name)(L.zeros(shape), L.tensor(target), **given)

        same_error(run)

    raises((3, 4), [0, 1, 4])
    raises((3, 4), [0, -1, 3])
    raises((3, 4), [0, 1])
    raises((3, 4), [[0, 1], [0, 1], [1, 1]])
    raises((3, 4), [0.0, 1.0, 2.0])
    raises((3, 4), [True, True, False])
    raises((3,), [0, 1])
    raises((2, 3, 4), [[0, 1, 2], [0, 1, 2]])
    raises((2, 3, 1, 2), [[[0], [1]], [[0], [1]]])
    raises((2, 3, 1, 2), [[0, 1], [0, 1]])
    raises((2, 3, 1, 1, 1), [[[[0, 1]]], [[[0, 1]]]])
    raises((3, 4), [0, 1, 2], weight=[1.0, 2.0])
    raises((3, 4, 1), [[0], [1], [2]], weight=[1.0, 2.0])
    raises((3, 4), [0, 1, 2], weight=[1, 2, 3, 4])
    raises((3, 4), [0, 1, 2], reduction="most")


def test_cross_entropy_errors() -> None:
    same_error(lambda L: L.nn.functional.cross_entropy(L.zeros(2, 3), L.zeros(2, 3).long()))
    same_error(
        lambda L: L.nn.functional.cross_entropy(L.zeros(2, 3), L.zeros(2, 3), ignore_index=1)
    )
    same_error(
        lambda L: L.nn.functional.cross_entropy(L.zeros(2, 3), L.zeros(2, 3), weight=L.ones(2))
    )
    same_error(lambda L: L.nn.functional.cross_entropy(L.zeros(2, 3).long(), L.zeros(2).long()))
    same_error(lambda L: L.nn.functional.nll_loss(L.zeros(()), L.zeros(()).long()))
    same_error(
        lambda L: L.nn.functional.cross_entropy(
            L.zeros(2, 3), L.zeros(2).long(), label_smoothing=2.0
        ),
        exact=False,
    )


def test_saved_targets_of_meta_tensors() -> None:
    x = flambeau.empty(3, 4, device="meta", requires_grad=True)
    t = flambeau.empty(3, dtype=flambeau.int64, device="meta")
    loss = flambeau.nn.functional.cross_entropy(x, t)
    loss.backward()
    assert x.grad is not None
    assert loss.shape == ()
    assert x.grad.shape == (3, 4)


# --- pairs ----------------------------------------------------------------------------------------

PAIRS: list[tuple[str, dict[str, Any]]] = [
    ("mse_loss", {}),
    ("l1_loss", {}),
    ("smooth_l1_loss", {}),
    ("smooth_l1_loss", {"beta": 0.3}),
    ("smooth_l1_loss", {"beta": 0.0}),
    ("huber_loss", {"delta": 0.4}),
    ("binary_cross_entropy", {}),
    ("binary_cross_entropy_with_logits", {}),
    ("kl_div", {}),
    ("kl_div", {"log_target": True}),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (0, 2), (130, 71)])
@pytest.mark.parametrize(("name", "options"), PAIRS)
def test_pair_loss(
    name: str, options: dict[str, Any], shape: tuple[int, ...], reduction: str
) -> None:
    flat = name == "l1_loss" or options.get("beta") == 0
    compare(
        lambda L, x, t: getattr(L.nn.functional, name)(x, t, reduction=reduction, **options),
        *apart(*shape),
        orders=1 if flat or 0 in shape else 2,
    )


@pytest.mark.parametrize("dtype", ["float32", *HALVES])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "options"), PAIRS)
def test_pair_loss_of_each_type(
    name: str, options: dict[str, Any], reduction: str, dtype: str
) -> None:
    compare(
        lambda L, x, t: getattr(L.nn.functional, name)(
            x, t.detach(), reduction=reduction, **options
        ),
        uniform(3, 33) * 0.6 + 0.2,
        uniform(3, 33) * 0.6 + 0.2,
        dtype=dtype,
        orders=1,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_pair_loss_of_other_layouts(name: str, reduction: str) -> None:
    def loss(L: Any, x: Any, t: Any) -> Any:
        return getattr(L.nn.functional, name)(x, t, reduction=reduction)

    orders = 1 if name == "l1_loss" else 2
    compare(lambda L, x, t: loss(L, x.t(), t), normal(5, 3), normal(3, 5), orders=orders)
    compare(loss, normal(5, 3), normal(3), orders=orders)
    compare(loss, normal(5, 1), normal(3), orders=orders)
    compare(loss, normal(5, 3), normal(5, 1), orders=orders)
    if name != "huber_loss":  # which PyTorch computes in input's type
        compare(lambda L, x, t: loss(L, x, t.float()), normal(5, 3), normal(5, 3), orders=0)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_weighted_pair_loss(name: str, reduction: str) -> None:
    compare(
        lambda L, x, t, w: getattr(L.nn.functional, name)(x, t, reduction=reduction, weight=w),
        normal(5, 3),
        normal(5, 3),
        uniform(5, 3),
    )
    same_error(lambda L: getattr(L.nn.functional, name)(L.ones(2), L.ones(2), weight=L.ones(1)))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_weighted_binary_cross_entropy(reduction: str) -> None:
    def plain(L: Any, x: Any, t: Any, w: Any) -> Any:
        return L.nn.functional.binary_cross_entropy(x, t, w.detach(), reduction=reduction)

    def logits(L: Any, x: Any, t: Any, w: Any, p: Any) -> Any:
        return L.nn.functional.binary_cross_entropy_with_logits(
            x,
            t,
            w if w is None else w.detach(),
            reduction=reduction,
            pos_weight=None if p is None else p.detach(),
        )

    compare(plain, uniform(5, 3), uniform(5, 3), uniform(3), orders=1)
    compare(logits, normal(5, 3), uniform(5, 3), uniform(3), uniform(3))
    compare(lambda L, x, t, w: logits(L, x, t, w, None), normal(5, 3), uniform(5, 3), uniform(5, 1))
    compare(lambda L, x, t, p: logits(L, x, t, None, p), normal(5, 3), uniform(5, 3), uniform(3))


def test_binary_cross_entropy_at_the_ends() -> None:
    x, t = np.array([0.0, 1, 0, 1, 0.5]), np.array([0.0, 1, 1, 0, 1])
    for dtype in ("float32", "float64"):
        compare(
            lambda L, x, t: L.nn.functional.binary_cross_entropy(x, t.detach(), reduction="none"),
            x,
            t,
            dtype=dtype,
            orders=1,
            differences=False,  # beyond the ends is an error
        )
    scores = np.array([0.0, 200, -200, 90, -90, np.inf, -np.inf])
    compare(
        lambda L, x, t: L.nn.functional.binary_cross_entropy_with_logits(
            x, t.detach(), reduction="none"
        ),
        scores,
        np.array([0.5, 1, 0, 0, 1, 1, 0]),
        dtype="float32",
        orders=0,
    )


def test_kl_div() -> None:
    x, t = normal(4, 3), uniform(4, 3)
    t[0, 0] = 0
    compare(lambda L, x, t: L.nn.functional.kl_div(x, t.detach(), reduction="batchmean"), x, t)
    compare(lambda L, x, t: L.nn.functional.kl_div(x, t.detach(), reduction="none"), x, t)
    with pytest.warns(UserWarning, match="divides the total loss by both"):
        flambeau.nn.functional.kl_div(flambeau.zeros(2), flambeau.zeros(2))


def test_sums_do_not_depend_on_threads() -> None:
    x, t = flambeau.rand(300, 1000), flambeau.rand(300, 1000)
    threads = flambeau.get_num_threads()
    try:
        found = []
        for count in (1, 3, threads):
            flambeau.set_num_threads(count)
            found.append(float(flambeau.nn.functional.mse_loss(x, t)))
    finally:
        flambeau.set_num_threads(threads)
    assert len(set(found)) == 1


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_pair_loss_errors(name: str) -> None:
    same_error(lambda L: getattr(L.nn.functional, name)(L.ones(2), L.ones(2), reduction="most"))
    same_error(lambda L: getattr(L.nn.functional, name)(L.ones(2), L.ones(3)))
    if name != "l1_loss":
        same_error(lambda L: getattr(L.nn.functional, name)(L.ones(2).long(), L.ones(2).long()))
    with pytest.warns(UserWarning, match="different to the input size"):
        getattr(flambeau.nn.functional, name)(flambeau.ones(2, 3), flambeau.ones(3))


def test_other_errors() -> None:
    same_error(lambda L: L.nn.functional.smooth_l1_loss(L.ones(2), L.ones(2), beta=-1.0))
    same_error(lambda L: L.nn.functional.huber_loss(L.ones(2), L.ones(2), delta=0.0))
    for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        same_error(lambda L, n=name: getattr(L.nn.functional, n)(L.ones(2), L.ones(2, 1)))
        same_error(lambda L, n=name: getattr(L.nn.functional, n)(L.ones(2), L.ones(2).long()))
        same_error(
            lambda L, n=name: getattr(L.nn.functional, n)(L.ones(2).long(), L.ones(2).long())
        )
    same_error(lambda L: L.nn.functional.binary_cross_entropy(L.ones(2) * 3, L.ones(2)))
    same_error(lambda L: L.nn.functional.binary_cross_entropy(L.ones(2), L.ones(2) * -3))
    same_error(lambda L: L.nn.functional.kl_div(L.ones(2).long(), L.ones(2).long()))

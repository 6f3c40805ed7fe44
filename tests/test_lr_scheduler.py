"""Learning-rate schedules: against PyTorch step by step, saving, loading, mistakes."""

import copy
import math
import warnings

import pytest
import recorded
from oracles import torch

import flambeau as fb
from flambeau.optim import lr_scheduler as schedules

STEPS = 24


def optimizer_of(library, lr=0.1, groups=1, kind="SGD", tensor_lr=False):
    options = {"momentum": 0.9} if kind == "SGD" else {}
    rate = library.tensor(lr, dtype=library.float64) if tensor_lr else lr
    parameters = [
        {"params": [library.zeros(1, requires_grad=True)], **({"lr": lr * 2} if index else {})}
        for index in range(groups)
    ]
    return getattr(library.optim, kind)(parameters, lr=rate, **options)


SCHEDULES = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda step: 0.9**step),
    "lambda list": lambda s, o: s.LambdaLR(o, [lambda step: 1 / (1 + step), lambda step: step]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda step: 0.9 + step / 100),
    "step": lambda s, o: s.StepLR(o, 3, gamma=0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], gamma=0.3),
    "constant": lambda s, o: s.ConstantLR(o, factor=0.5, total_iters=7),
    "constant 0 steps": lambda s, o: s.ConstantLR(o, total_iters=0),
    "linear": lambda s, o: s.LinearLR(o, 0.25, 0.75, total_iters=6),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.8),
    "polynomial": lambda s, o: s.PolynomialLR(o, total_iters=9, power=2.5),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 5, eta_min=0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, T_mult=2, eta_min=0.01),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.2, 3, 4),
    "cyclic 2": lambda s, o: s.CyclicLR(o, 0.01, 0.2, 3, mode="triangular2"),
    "cyclic exp": lambda s, o: s.CyclicLR(o, 0.01, 0.2, 3, mode="exp_range", gamma=0.9),
    "cyclic function": lambda s, o: s.CyclicLR(
        o, 0.01, 0.2, 3, scale_fn=lambda x: 1 / (1 + x), scale_mode="iterations"
    ),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=STEPS),
    "one cycle linear": lambda s, o: s.OneCycleLR(
        o, 0.5, epochs=5, steps_per_epoch=5, anneal_strategy="linear", pct_start=0.2
    ),
    "one cycle three": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=30, three_phase=True),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o), s.ExponentialLR(o, 0.9), s.CosineAnnealingLR(o, 4)], [5, 11]
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o), s.ExponentialLR(o, 0.9)]),
    "nested": lambda s, o: s.SequentialLR(
        o,
        [
            s.SequentialLR(o, [s.ConstantLR(o), s.StepLR(o, 2)], [3]),
            s.PolynomialLR(o, 8),
        ],
        [7],
    ),
}


def groups_of(name):
    return 2 if name == "lambda list" else 1


def snapshot(optimizer):
    return [
        [float(group["lr"]), group.get("momentum"), group.get("betas")]
        for group in optimizer.param_groups
    ]


def assert_close(ours, theirs):
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key in theirs:
            assert_close(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_close(a, b)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-15)
    elif hasattr(theirs, "item"):
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-9, abs=1e-15)
    else:
        assert ours == theirs


@pytest.mark.parametrize("tensor_lr", [False, True])
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_equal_pytorch(name, kind, tensor_lr):
    def run(library):
        optimizer = optimizer_of(library, 0.1, groups_of(name), kind, tensor_lr)
        schedule = SCHEDULES[name](library.optim.lr_scheduler, optimizer)
        seen = []
        for _ in range(STEPS):
            seen.append([snapshot(optimizer), [float(lr) for lr in schedule.get_last_lr()]])
            optimizer.step()
            schedule.step()
            if name == "one cycle":
                break
        return seen, schedule.state_dict()

    compare(run)


def compare(run):
    """Hold what ``run(library)`` gives against PyTorch's, or what was recorded of that."""
    ours, key = run(fb), recorded.key_of_test()
    if torch:
        theirs = run(torch)
        recorded.keep(key, recorded.digest(theirs))
        assert_close(ours, theirs)
    else:
        recorded.assert_digest(ours, key, 1e-9, 1e-15)


@pytest.mark.parametrize("name", SCHEDULES)
def test_resuming_goes_on_as_before(name):
    optimizer = optimizer_of(fb, groups=groups_of(name))
    schedule = SCHEDULES[name](schedules, optimizer)
    other = optimizer_of(fb, lr=0.7, groups=groups_of(name))
    resumed = SCHEDULES[name](schedules, other)
    for _ in range(7):
        optimizer.step()
        schedule.step()
    saved = copy.deepcopy(schedule.state_dict())
    keys = set(saved)
    resumed.load_state_dict(saved)
    other.load_state_dict(optimizer.state_dict())
    assert set(saved) == keys  # loading leaves it whole
    for _ in range(10):
        for o, s in ((optimizer, schedule), (other, resumed)):
            o.step()
            s.step()
        assert_close(snapshot(other), snapshot(optimizer))
    assert_close(resumed.state_dict(), schedule.state_dict())


@pytest.mark.parametrize(
    "name", ["step", "multistep", "constant", "linear", "exponential", "polynomial", "cosine"]
)
def test_jumping_to_an_epoch_uses_the_closed_form(name):
    walked, jumped = (optimizer_of(fb) for _ in range(2))
    walk, jump = SCHEDULES[name](schedules, walked), SCHEDULES[name](schedules, jumped)
    for epoch in range(1, 9):
        walked.step()
        walk.step()
        jumped.step()
        with pytest.warns(UserWarning, match="epoch parameter"):
            jump.step(epoch)
        assert_close(snapshot(jumped), snapshot(walked))


def test_restarts_take_fractions_of_epochs():
    def run(library):
        optimizer = optimizer_of(library)
        schedule = library.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, T_mult=2)
        rates = []
        for epoch in (0.5, 2.75, 3.25, 8.5, 9.0, 20.5, 1.0):
            schedule.step(epoch)
            rates.append(schedule.get_last_lr())
        return rates

    compare(run)


def test_last_epoch_resumes():
    optimizer = optimizer_of(fb)
    with pytest.raises(KeyError, match="initial_lr"):
        schedules.StepLR(optimizer, 3, last_epoch=5)
    optimizer.param_groups[0]["initial_lr"] = 0.1
    schedule = schedules.CosineAnnealingLR(optimizer, 10, last_epoch=4)
    assert schedule.last_epoch == 5


METRICS = [1.0, 0.9, 0.8, 0.8, 0.81, 0.82, 0.8, 0.79, 0.79, 0.79, 0.79, 0.7, math.nan, 0.72] * 2


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 1, "factor": 0.5, "cooldown": 2},
        {"mode": "max", "patience": 2, "threshold_mode": "abs", "threshold": 0.05},
        {"mode": "max", "patience": 0, "min_lr": 0.01},
        {"patience": 1, "min_lr": [0.02], "eps": 0.01, "threshold_mode": "abs"},
    ],
)
def test_plateau_equals_pytorch(options):
    def run(library):
        optimizer = optimizer_of(library)
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        seen = []
        for metric in METRICS:
            schedule.step(library.tensor(metric))
            seen.append(snapshot(optimizer))
        return seen, schedule.state_dict()

    compare(run)
    saved = run(fb)[1]
    fresh = schedules.ReduceLROnPlateau(optimizer_of(fb))
    fresh.load_state_dict(saved)
    assert_close(fresh.state_dict(), saved)


def test_plateau_with_a_new_group():
    optimizer = optimizer_of(fb)
    shared = schedules.ReduceLROnPlateau(optimizer, patience=0)
    own = schedules.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.0])
    optimizer.add_param_group({"params": [fb.zeros(1, requires_grad=True)]})
    for _ in range(2):
        shared.step(1.0)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01, 0.01])
    with pytest.raises(RuntimeError, match="number of param groups"):
        for _ in range(2):
            own.step(1.0)


def test_a_tensor_rate_is_updated_in_place():
    lr = fb.tensor(0.5)
    optimizer = fb.optim.SGD([fb.zeros(1, requires_grad=True)], lr=lr)
    schedule = schedules.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.25
    assert optimizer.param_groups[0]["initial_lr"].item() == 0.5
    assert schedule.get_last_lr()[0] is not lr


def test_callable_objects_are_saved_with_their_attributes():
    class Factor:
        def __init__(self, base):
            self.base = base

        def __call__(self, step):
            return self.base**step

    def make(base):
        return schedules.LambdaLR(optimizer_of(fb), Factor(base))

    first, second = make(0.5), make(0.25)
    state = first.state_dict()
    assert state["lr_lambdas"] == [{"base": 0.5}]
    second.load_state_dict(state)
    assert second.lr_lambdas[0].base == 0.5


# ---- order of calls, mistakes ------------------------------------------------------


def test_wrong_order_is_reported():
    optimizer = optimizer_of(fb)
    schedule = schedules.ExponentialLR(optimizer, 0.5)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        schedule.step()
    optimizer = optimizer_of(fb)
    schedule = schedules.ExponentialLR(optimizer, 0.5)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden"):
        schedule.step()


def test_right_order_is_silent():
    optimizer = optimizer_of(fb)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = schedules.ExponentialLR(optimizer, 0.5)
        second = schedules.StepLR(optimizer, 1)
        for _ in range(3):
            optimizer.step()
            first.step()
            second.step()


def test_get_lr_from_outside_warns():
    schedule = schedules.ExponentialLR(optimizer_of(fb), 0.5)
    with pytest.warns(UserWarning, match="get_last_lr"):
        schedule.get_lr()


def test_the_optimizer_can_still_be_copied():
    optimizer = optimizer_of(fb)
    schedules.ExponentialLR(optimizer, 0.5)
    twin = copy.deepcopy(optimizer)
    parameter = twin.param_groups[0]["params"][0]
    parameter.grad = fb.ones(1)
    twin.step()
    assert parameter.item() != 0.0
    assert optimizer.param_groups[0]["params"][0].item() == 0.0


def test_own_schedule():
    class Halves(schedules.LRScheduler):
        def get_lr(self):
            return [lr / 2**self.last_epoch for lr in self.base_lrs]

    optimizer = optimizer_of(fb)
    schedule = Halves(optimizer)
    optimizer.step()
    schedule.step()
    assert schedule.get_last_lr() == [0.05]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: schedules.StepLR(3, 1), TypeError, "int is not an Optimizer"),
        (lambda o: schedules.ReduceLROnPlateau(3), TypeError, "int is not an Optimizer"),
        (lambda o: schedules.LambdaLR(o, [abs, abs]), ValueError, "Expected 1 lr_lambdas"),
        (lambda o: schedules.MultiplicativeLR(o, 3), TypeError, "should be a function"),
        (lambda o: schedules.ConstantLR(o, 2.0), ValueError, "between 0 and 1"),
        (lambda o: schedules.LinearLR(o, 0), ValueError, "greater than 0"),
        (lambda o: schedules.LinearLR(o, 1, 2), ValueError, "between 0 and 1"),
        (lambda o: schedules.ReduceLROnPlateau(o, factor=1.0), ValueError, "Factor should be"),
        (lambda o: schedules.ReduceLROnPlateau(o, "mean"), ValueError, "mode mean is unknown"),
        (
            lambda o: schedules.ReduceLROnPlateau(o, threshold_mode="x"),
            ValueError,
            "threshold mode x is unknown",
        ),
        (lambda o: schedules.ReduceLROnPlateau(o, min_lr=[0, 0]), ValueError, "expected 1 min_lrs"),
        (lambda o: schedules.CyclicLR(o, 0.1, 1.0, mode="x"), ValueError, "mode is invalid"),
        (lambda o: schedules.CyclicLR(o, [0.1, 0.1], 1.0), ValueError, "same length"),
        (lambda o: schedules.OneCycleLR(o, 0.1), ValueError, "either total_steps OR"),
        (lambda o: schedules.OneCycleLR(o, 0.1, 0), ValueError, "positive integer total_steps"),
        (
            lambda o: schedules.OneCycleLR(o, 0.1, 9, pct_start=2.0),
            ValueError,
            "Expected float between 0 and 1 pct_start",
        ),
        (
            lambda o: schedules.OneCycleLR(o, 0.1, 9, anneal_strategy="x"),
            ValueError,
            "must be one of 'cos' or 'linear'",
        ),
        (
            lambda o: schedules.CosineAnnealingWarmRestarts(o, 0),
            ValueError,
            "positive integer T_0",
        ),
        (
            lambda o: schedules.CosineAnnealingWarmRestarts(o, 1, 0),
            ValueError,
            "integer T_mult >= 1",
        ),
        (lambda o: schedules.SequentialLR(o, [], []), ValueError, "at least one scheduler"),
        (
            lambda o: schedules.SequentialLR(o, [schedules.StepLR(o, 1)], [1]),
            ValueError,
            "one more than the number of milestone",
        ),
        (lambda o: schedules.ChainedScheduler([]), ValueError, "at least one scheduler"),
        (
            lambda o: schedules.ChainedScheduler([schedules.ReduceLROnPlateau(o)]),
            ValueError,
            "does not support `ReduceLROnPlateau`",
        ),
        (
            lambda o: schedules.ChainedScheduler(
                [schedules.StepLR(o, 1), schedules.StepLR(optimizer_of(fb), 1)]
            ),
            ValueError,
            "belong to the same optimizer",
        ),
    ],
)
def test_mistakes(make, error, message):
    with pytest.raises(error, match=message):
        make(optimizer_of(fb))


def test_momentum_wanted_from_an_optimizer_without():
    optimizer = fb.optim.Adagrad([fb.zeros(1, requires_grad=True)])
    for make in (
        lambda: schedules.CyclicLR(optimizer, 0.1, 1.0),
        lambda: schedules.OneCycleLR(optimizer, 1.0, 5),
    ):
        with pytest.raises(ValueError, match="must support momentum or beta1"):
            make()


def test_one_cycle_ends():
    optimizer = optimizer_of(fb)
    schedule = schedules.OneCycleLR(optimizer, 1.0, total_steps=3)
    for _ in range(2):
        optimizer.step()
        schedule.step()
    schedule.step()
    with pytest.raises(ValueError, match="Tried to step 4 times"):
        schedule.step()


# ---- averages ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "decay", "expected"),
    [("swa", (), 3.0), ("ema", (0.5,), 3.5)],
)
def test_averages(name, decay, expected):
    """The mean of 1, 3, 5, and the moving average."""
    swa = fb.optim.swa_utils
    one = getattr(swa, f"get_{name}_avg_fn")(*decay)
    many = getattr(swa, f"get_{name}_multi_avg_fn")(*decay)
    average, averages = fb.ones(3), [fb.ones(2, dtype=dtype) for dtype in (fb.float64, fb.int64)]
    for count, value in enumerate((3.0, 5.0), 1):
        average = one(average, fb.full((3,), value), fb.tensor(count))
        for item in averages:
            many([item], [fb.full((2,), value).to(item.dtype)], count)
    assert average.tolist() == [expected] * 3
    assert averages[0].tolist() == [expected] * 2
    assert averages[1].tolist() == [int(expected)] * 2


def test_decay_out_of_range():
    swa = fb.optim.swa_utils
    for make in (swa.get_ema_avg_fn, swa.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match="Invalid decay value"):
            make(1.5)


@pytest.mark.parametrize("options", [{}, {"anneal_epochs": 3, "anneal_strategy": "linear"}])
def test_swalr_equals_pytorch(options):
    def run(library):
        optimizer = optimizer_of(library)
        schedule = library.optim.swa_utils.SWALR(optimizer, 0.02, **options)
        seen = []
        for _ in range(15):
            seen.append(snapshot(optimizer))
            optimizer.step()
            schedule.step()
        return seen, schedule

    compare(lambda library: run(library)[0])
    saved = copy.deepcopy(run(fb)[1].state_dict())
    fresh = fb.optim.swa_utils.SWALR(optimizer_of(fb), 0.5)
    fresh.load_state_dict(saved)
    assert fresh.state_dict() == saved
    for wrong in ({"anneal_strategy": "x"}, {"anneal_epochs": -1}):
        with pytest.raises(ValueError, match="anneal"):
            fb.optim.swa_utils.SWALR(optimizer_of(fb), 0.5, **wrong)

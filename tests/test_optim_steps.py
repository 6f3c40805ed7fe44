"""Steps of optimizers: beside PyTorch's, after the formulas, and whatever the layout."""

import math

import numpy as np
import pytest
from optim_compare import (
    IDS,
    SETTINGS,
    as_parameters,
    compare,
    compare_runs,
    random_arrays,
    set_gradients,
)

import flambeau as fb
from flambeau import optim


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=IDS)
def test_steps_equal_pytorch(name, options):
    compare_runs(name, options)


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=IDS)
def test_steps_equal_pytorch_in_float64(name, options):
    compare_runs(name, options, array_dtype=np.float64, rtol=1e-9, atol=1e-11)


def fuses_products_and_sums():
    factor = 1 + 2.0**-12  # its square rounds to 1 + 2**-11
    (w,) = as_parameters(fb, [np.ones(1, np.float32)])
    set_gradients(fb, [w], [np.full(1, factor, np.float32)])
    optim.SGD([w], lr=factor).step()
    return w.item() != -(2.0**-11)


@pytest.mark.parametrize(("name", "options"), [case for case in SETTINGS if case[0] == "SGD"])
def test_sgd_follows_pytorch_to_the_bit(name, options):
    if not fuses_products_and_sums():
        pytest.skip("the kernels of this machine have no fused multiply-add")
    # PyTorch's fused step rounds otherwise than its plain one.
    options = {key: value for key, value in options.items() if key != "fused"}
    compare_runs(name, options, shapes=[(64,), (3, 64)], rtol=0, atol=0)


NATIVE = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad")
HALF_SETTINGS = [(name, options) for name, options in SETTINGS if name in NATIVE]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize(("name", "options"), HALF_SETTINGS)
def test_half_types_keep_their_state_dtype(name, options, dtype):
    # Each of PyTorch's operators rounds; the roundings of one step add up to a few of the dtype's.
    digits = 2.0**-8 if dtype == "bfloat16" else 2.0**-11
    # PyTorch's fused steps are wrong for half types.
    options = {key: value for key, value in options.items() if key != "fused"}
    if name != "SGD":
        options["eps"] = 1e-2  # 1e-8 is zero in float16, small averages of squares have few digits
    compare_runs(name, options, dtype, rtol=60 * digits, atol=60 * digits)


@pytest.mark.parametrize(
    ("name", "options"),
    [(n, o) for n, o in SETTINGS if n != "Adafactor" and not o.get("fused")],
)
def test_complex_parameters_are_pairs_of_real_ones(name, options):
    compare_runs(name, options, array_dtype=np.complex64, rtol=1e-4, atol=1e-5)


def test_muon_equals_pytorch():
    for options in ({}, {"nesterov": False, "adjust_lr_fn": "match_rms_adamw", "lr": 0.1}):
        compare_runs("Muon", options, shapes=[(4, 6), (6, 4), (5, 5)], rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize("options", [{}, {"line_search_fn": "strong_wolfe"}, {"lr": 0.1}])
def test_lbfgs_minimises_as_pytorch_does(options):
    matrix = np.diag([1.0, 5.0, 25.0, 2.0, 0.5])

    def minimise(library):
        a = library.from_numpy(matrix.copy())
        point = as_parameters(library, [np.ones(5)])[0]
        optimizer = library.optim.LBFGS([point], max_iter=8, **options)

        def closure():
            optimizer.zero_grad()
            loss = (a @ point * point).sum() / 2 + (point**4).sum() / 4
            loss.backward()
            return loss

        losses = [optimizer.step(closure).detach() for _ in range(3)]
        return [point, losses]

    compare(minimise, rtol=1e-4, atol=1e-6)


# ---- against the formulas, without PyTorch -----------------------------------------


def reference(name, p, g, state, t):
    """One step in float64, from the papers."""
    lr, eps = 0.1, 1e-8
    if name == "SGD":
        state["b"] = g if t == 1 else 0.9 * state["b"] + g
        return p - lr * state["b"]
    if name == "Adagrad":
        state["s"] = state.get("s", 0) + g * g
        return p - lr * g / (np.sqrt(state["s"]) + 1e-10)
    if name == "RMSprop":
        state["v"] = 0.99 * state.get("v", 0) + 0.01 * g * g
        return p - lr * g / (np.sqrt(state["v"]) + eps)
    if name == "AdamW":
        p = p - lr * 0.01 * p
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0) + 0.001 * g * g
    corrected = np.sqrt(state["v"] / (1 - 0.999**t)) + eps
    return p - lr * state["m"] / (1 - 0.9**t) / corrected


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_steps_follow_the_formula(name):
    start = random_arrays(0, dtype=np.float64)
    parameters = as_parameters(fb, start)
    options = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = getattr(optim, name)(parameters, lr=0.1, **options)
    states = [{} for _ in start]
    for t in range(1, 6):
        gradients = random_arrays(t, dtype=np.float64)
        set_gradients(fb, parameters, gradients)
        optimizer.step()
        start = [
            reference(name, p, g, s, t) for p, g, s in zip(start, gradients, states, strict=True)
        ]
        for parameter, expected in zip(parameters, start, strict=True):
            np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_layouts_do_not_matter(name):
    """A transposed, a sliced and an expanded gradient give what a plain one gives."""
    array, gradients = random_arrays(0, [(6, 4)])[0], random_arrays(1, [(6, 4), (4, 6), (6, 8)])
    row = random_arrays(2, [(1, 4)])[0]
    makers = [
        (lambda: fb.from_numpy(gradients[1].copy()).t(), gradients[1].T),
        (lambda: fb.from_numpy(gradients[2].copy())[:, ::2], gradients[2][:, ::2]),
        (lambda: fb.from_numpy(row.copy()).expand(6, 4), np.broadcast_to(row, (6, 4))),
    ]
    options = {"momentum": 0.9} if name == "SGD" else {}
    plain = as_parameters(fb, [array])[0]
    transposed = fb.from_numpy(array.T.copy()).t().requires_grad_()
    sliced = fb.from_numpy(np.repeat(array, 2, axis=1))[:, ::2].requires_grad_()
    everyone = [plain, transposed, sliced]
    optimizers = [getattr(optim, name)([p], lr=0.1, **options) for p in everyone]
    for make, values in makers:
        for parameter, optimizer in zip(everyone, optimizers, strict=True):
            parameter.grad = make()
            if parameter is plain:
                parameter.grad = fb.from_numpy(np.ascontiguousarray(values))
            optimizer.step()
    for other in everyone[1:]:
        np.testing.assert_allclose(other.detach().numpy(), plain.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_many_large_tensors(name):
    """Work that is split over threads comes out as work that is not."""
    shapes = [(300_001,), (5,), (64, 1025), (17,), (1 << 18,)]
    arrays, gradients = random_arrays(0, shapes), random_arrays(1, shapes)
    together = as_parameters(fb, arrays)
    alone = as_parameters(fb, arrays)
    options = {"momentum": 0.9} if name == "SGD" else {}
    joint = getattr(optim, name)(together, lr=0.1, **options)
    single = [getattr(optim, name)([p], lr=0.1, **options) for p in alone]
    for _ in range(3):
        set_gradients(fb, together, gradients)
        set_gradients(fb, alone, gradients)
        joint.step()
        for optimizer in single:
            optimizer.step()
    for a, b in zip(together, alone, strict=True):
        assert fb.equal(a, b)


def test_nan_and_infinity_stay_where_they_are():
    for name in ("SGD", "Adam", "RMSprop", "Adagrad"):
        parameter = fb.ones(40, requires_grad=True)
        optimizer = getattr(optim, name)([parameter], lr=0.1)
        gradient = fb.ones(40)
        gradient[3] = math.nan
        gradient[17] = math.inf
        parameter.grad = gradient
        optimizer.step()
        bad = [not math.isfinite(value) for value in parameter.tolist()]
        assert bad[3] and sum(bad) <= 2
        assert len({v for i, v in enumerate(parameter.tolist()) if i not in (3, 17)}) == 1

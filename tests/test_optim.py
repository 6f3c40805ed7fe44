"""Optimizers: what a user may do with them."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
from optim_compare import (
    IDS,
    SETTINGS,
    as_parameters,
    assert_same,
    random_arrays,
    set_gradients,
)

import flambeau as fb
from flambeau import optim
from flambeau.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

# ---- rates that are tensors, closures, hooks ---------------------------------------


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "RAdam"])
def test_lr_may_be_a_tensor(name):
    array, gradient = random_arrays(0, [(3, 5)])[0], random_arrays(1, [(3, 5)])[0]
    results = []
    for lr in (0.125, fb.tensor(0.125), fb.tensor([0.125])):
        parameter = as_parameters(fb, [array])[0]
        optimizer = getattr(optim, name)([parameter], lr=lr)
        for _ in range(3):
            set_gradients(fb, [parameter], [gradient])
            optimizer.step()
            if isinstance(lr, fb.Tensor):
                lr.fill_(0.25)  # as schedules do: the optimizer sees it
            else:
                optimizer.param_groups[0]["lr"] = 0.25
        results.append(parameter.detach().numpy())
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], rtol=1e-6)


def test_betas_may_be_tensors():
    array, gradient = random_arrays(0, [(5,)])[0], random_arrays(1, [(5,)])[0]
    results = []
    for betas in ((0.5, 0.75), (fb.tensor(0.5), fb.tensor(0.75))):
        parameter = as_parameters(fb, [array])[0]
        optimizer = optim.Adam([parameter], lr=0.1, betas=betas)
        for _ in range(3):
            set_gradients(fb, [parameter], [gradient])
            optimizer.step()
        results.append(parameter.detach().numpy())
    np.testing.assert_allclose(results[1], results[0], rtol=1e-6)


def test_closure_runs_with_gradients_and_its_loss_comes_back():
    w = fb.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.25)

    def closure():
        assert fb.is_grad_enabled()
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with fb.no_grad():
        assert optimizer.step(closure).item() == 5.0
        assert not fb.is_grad_enabled()
    assert fb.is_grad_enabled()
    assert w.tolist() == [0.5, 1.0]


def test_grad_mode_survives_an_error():
    w = fb.tensor([1.0], requires_grad=True)
    optimizer = optim.Adam([w])

    def closure():
        raise KeyError("mine")

    with pytest.raises(KeyError):
        optimizer.step(closure)
    assert fb.is_grad_enabled()


def test_zero_grad():
    w = fb.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    (w * w).sum().backward()
    gradient = w.grad
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is gradient or w.grad.data_ptr() == gradient.data_ptr()
    assert w.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert w.grad is None
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is None


def test_step_hooks_run_in_order_and_may_change_the_arguments():
    w = fb.tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    log = []
    handles = [
        register_optimizer_step_pre_hook(lambda o, a, k: log.append("every before")),
        register_optimizer_step_post_hook(lambda o, a, k: log.append("every after")),
        optimizer.register_step_pre_hook(lambda o, a, k: ((o, lambda: log.append("closure")), k)),
        optimizer.register_step_post_hook(lambda o, a, k: log.append(len(a))),
    ]
    optimizer.step()
    assert log == ["every before", "closure", 2, "every after"]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(log) == 4
    handle = optimizer.register_step_pre_hook(lambda o, a, k: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()
    handle.remove()
    optimizer.step()


def test_hooks_run_once_where_a_subclass_calls_super():
    class Mine(optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    optim.SGD([fb.zeros(1, requires_grad=True)])  # wraps SGD.step, as any use of it does
    optimizer = Mine([fb.zeros(1, requires_grad=True)])
    calls = []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    optimizer.step()
    assert calls == [1]


def test_state_dict_hooks():
    w = fb.tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    log = []
    optimizer.register_state_dict_pre_hook(lambda o: log.append("second"))
    optimizer.register_state_dict_pre_hook(lambda o: log.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, d: {**d, "extra": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, d: log.append(d.pop("extra")))
    optimizer.register_load_state_dict_post_hook(lambda o: log.append("loaded"))
    saved = optimizer.state_dict()
    assert saved["extra"] == 1
    optimizer.load_state_dict(saved)
    assert log == ["first", "second", 1, "loaded"]
    assert "extra" in saved


# ---- groups and state --------------------------------------------------------------


def test_groups_have_their_own_options():
    a, b, c = (fb.ones(1, requires_grad=True) for _ in range(3))
    optimizer = optim.SGD([{"params": a}, {"params": [b], "lr": 0.5}], lr=0.25)
    optimizer.add_param_group({"params": iter([c]), "lr": 1.0, "maximize": True})
    for p in (a, b, c):
        p.grad = fb.ones(1)
    optimizer.step()
    assert [p.item() for p in (a, b, c)] == [0.75, 0.5, 2.0]
    assert [group["momentum"] for group in optimizer.param_groups] == [0, 0, 0]


def test_named_parameters_keep_their_names():
    a, b = (fb.ones(1, requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([("first", a), ("second", b)], lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["first", "second"]
    assert optimizer.param_groups[0]["params"][1] is b
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["first", "second"]
    with pytest.raises(ValueError, match="with/without names"):
        optimizer.add_param_group({"params": [fb.ones(1, requires_grad=True)]})
    with pytest.raises(ValueError, match="Some param names are missing"):
        optim.SGD([("first", a), b], lr=0.1)


@pytest.mark.parametrize(("name", "options"), SETTINGS[::2], ids=IDS[::2])
def test_state_dict_resumes_training(name, options):
    shapes = [(3, 5), (7,)]
    first = as_parameters(fb, random_arrays(0, shapes))
    optimizer = getattr(optim, name)(first, **options)
    for step in range(3):
        set_gradients(fb, first, random_arrays(step, shapes))
        optimizer.step()
    second = [p.detach().clone().requires_grad_() for p in first]
    resumed = getattr(optim, name)(second)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    third = copy.deepcopy(optimizer)
    fourth = pickle.loads(pickle.dumps(third)) if pickles() else copy.deepcopy(third)
    everyone = [(optimizer, first), (resumed, second)]
    everyone += [(o, o.param_groups[0]["params"]) for o in (third, fourth)]
    for step in range(3, 5):
        for one, parameters in everyone:
            set_gradients(fb, parameters, random_arrays(step, shapes))
            one.step()
    for one, parameters in everyone[1:]:
        assert_same_exactly(parameters, first)
        assert repr(one) == repr(optimizer)


def pickles():
    try:
        pickle.dumps(fb.ones(1, requires_grad=True))
    except Exception:
        return False
    return True


def assert_same_exactly(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        assert fb.equal(a, b)


def test_replaced_state_is_used():
    """Nothing is remembered behind the back of ``state`` and ``param_groups``."""
    w, v = (fb.ones(2, requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([w], lr=1.0, momentum=0.5)
    for _ in range(2):
        w.grad = fb.ones(2)
        optimizer.step()
    optimizer.state[w]["momentum_buffer"] = fb.full((2,), 10.0)
    before = w.tolist()
    optimizer.step()
    assert [a - b for a, b in zip(before, w.tolist(), strict=True)] == [6.0, 6.0]
    optimizer.param_groups[0]["params"][0] = v
    v.grad = fb.ones(2)
    optimizer.step()
    assert v.tolist() == [0.0, 0.0]
    optimizer.state.clear()
    v.grad = fb.ones(2)
    optimizer.step()
    assert v.tolist() == [-1.0, -1.0]


def test_loaded_state_takes_the_parameters_dtype_but_counts_stay():
    w = fb.ones(2, requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)
    w.grad = fb.ones(2)
    optimizer.step()
    half = fb.ones(2).to(fb.bfloat16).requires_grad_()
    other = optim.Adam([half], lr=0.1)
    other.load_state_dict(optimizer.state_dict())
    assert other.state[half]["exp_avg"].dtype == fb.bfloat16
    assert other.state[half]["step"].dtype == fb.float32


def test_state_from_before_options_existed():
    w = fb.ones(2, requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)
    old = {
        "state": {0: {"step": 5, "exp_avg": fb.ones(2), "exp_avg_sq": fb.ones(2)}},
        "param_groups": [
            {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "params": [0]}
        ],
    }
    optimizer.load_state_dict(old)
    assert optimizer.state[w]["step"].item() == 5.0
    assert optimizer.param_groups[0]["amsgrad"] is False
    w.grad = fb.ones(2)
    optimizer.step()
    assert optimizer.state[w]["step"].item() == 6.0
    assert old["state"][0]["step"] == 5


def test_repr_lists_groups():
    optimizer = optim.SGD([{"params": fb.ones(1, requires_grad=True), "lr": 0.5}], lr=0.1)
    assert repr(optimizer) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n"
        "    fused: None\n    lr: 0.5\n    maximize: False\n    momentum: 0\n    nesterov: False\n"
        "    weight_decay: 0\n)"
    )


# ---- differentiable ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {"momentum": 0.9, "weight_decay": 0.1}),
        ("SGD", {"momentum": 0.9, "nesterov": True}),
        ("Adam", {"weight_decay": 0.1}),
        ("Adam", {"amsgrad": True}),
        ("AdamW", {}),
        ("RMSprop", {"momentum": 0.9, "centered": True}),
        ("Adagrad", {}),
        ("Adadelta", {}),
        ("Adamax", {}),
        ("NAdam", {}),
        ("RAdam", {}),
        ("ASGD", {}),
    ],
)
def test_gradient_through_training(name, options):
    """The derivative of parameters after three steps with respect to those before."""
    start = random_arrays(0, [(4,)], np.float64)[0]
    gradients = [np.abs(g) + 0.5 for g in random_arrays(1, [(4,)] * 3, np.float64)]

    def train(values):
        origin = fb.from_numpy(values.copy()).requires_grad_()
        parameter = origin.clone()
        optimizer = getattr(optim, name)([parameter], lr=0.1, differentiable=True, **options)
        for gradient in gradients:
            parameter.grad = (parameter * fb.from_numpy(gradient)).detach() * 1.0
            parameter.grad = parameter.grad + 0.1 * parameter.clone()
            optimizer.step()
        return origin, parameter.sum()

    origin, result = train(start)
    result.backward()
    for index in range(4):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[index] += sign * 1e-6
            ends.append(_train_plain(name, options, moved, gradients, start))
        # The detached part of the gradient does not move with the start: see `_train_plain`.
        expected = (ends[0] - ends[1]) / 2e-6
        assert origin.grad[index].item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def _train_plain(name, options, values, gradients, start):
    """Train as above, the detached part of the gradients from an undisturbed run."""
    moving = fb.from_numpy(values.copy()).requires_grad_()
    fixed = fb.from_numpy(start.copy()).requires_grad_()
    runs = [(p, getattr(optim, name)([p], lr=0.1, **options)) for p in (moving, fixed)]
    for gradient in gradients:
        detached = fixed.detach() * fb.from_numpy(gradient)
        for parameter, optimizer in runs:
            parameter.grad = detached + 0.1 * parameter.detach()
            optimizer.step()
    return moving.detach().sum().item()


def test_gradient_with_respect_to_the_rate():
    for name in ("SGD", "Adam", "AdamW", "RMSprop"):
        lr = fb.tensor(0.1, requires_grad=True)
        w = fb.ones(3, requires_grad=True)
        parameter = w.clone()
        optimizer = getattr(optim, name)([parameter], lr=lr, differentiable=True)
        for _ in range(2):
            parameter.grad = fb.full((3,), 0.5)
            optimizer.step()
        parameter.sum().backward()
        assert lr.grad.item() < -1.0


# ---- the operators ------------------------------------------------------------------


def recorded(function):
    """Run a function; return the operators that it called, with their arguments."""
    calls = []

    def record(op, args, kwargs):
        calls.append((op, args, kwargs))
        return op(*args, **kwargs)

    fb._C._push_mode(record)
    try:
        function()
    finally:
        fb._C._pop_mode()
    return calls


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_a_step_is_one_operator_that_can_be_replayed(name):
    arrays, gradients = random_arrays(0), random_arrays(1)
    runs = []
    for _ in range(2):
        parameters = as_parameters(fb, arrays)
        options = {"momentum": 0.9} if name == "SGD" else {}
        optimizer = getattr(optim, name)(parameters, lr=0.1, **options)
        set_gradients(fb, parameters, gradients)
        optimizer.step()  # starts the state
        runs.append((parameters, optimizer))
    calls = recorded(runs[0][1].step)
    assert len(calls) == 1
    for _ in range(2):
        op, args, kwargs = calls[0]
        with fb.no_grad():
            op(*args, **kwargs)
    for _ in range(3):
        runs[1][1].step()
    assert_same_exactly(runs[0][0], runs[1][0])
    assert_same(runs[0][1].state_dict(), runs[1][1].state_dict(), rtol=0, atol=0)


def test_a_step_counts_as_a_change_of_the_parameters():
    w = fb.ones(3, requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)
    (w * w).sum().backward()
    loss = (w * w).sum()
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_devices_may_differ_within_a_group():
    w, v = fb.ones(3, requires_grad=True), fb.ones(2, 2, device="meta", requires_grad=True)
    u = fb.ones(2, requires_grad=True)
    optimizer = optim.AdamW([w, v, u], lr=0.1, weight_decay=0.0)
    for parameter in (w, v, u):
        parameter.grad = fb.ones_like(parameter)
    optimizer.step()
    for parameter in (w, u):
        np.testing.assert_allclose(parameter.detach().numpy(), 0.9, rtol=1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adagrad"])
def test_what_a_gradient_scaler_leaves(name):
    w, v = (fb.ones(3, requires_grad=True) for _ in range(2))
    scaled, plain = (getattr(optim, name)([p], lr=0.1, fused=True) for p in (w, v))
    w.grad, v.grad = fb.full((3,), 16.0), fb.full((3,), 2.0)
    scaled.grad_scale, scaled.found_inf = fb.tensor(8.0), fb.tensor(0.0)
    scaled.step()
    plain.step()
    assert_same_exactly([w], [v])
    scaled.found_inf = fb.tensor(1.0)
    w.grad = fb.full((3,), math.inf)
    scaled.step()
    assert_same_exactly([w], [v])
    assert_same(scaled.state_dict()["state"], plain.state_dict()["state"], rtol=0, atol=0)


def test_wrong_lists():
    w, g = [fb.ones(3)], [fb.ones(3)]
    options = {"weight_decay": 0.0, "momentum": 0.9, "lr": 0.1, "dampening": 0.0}
    options |= {"nesterov": False, "maximize": False, "is_first_step": True}
    with pytest.raises(RuntimeError, match="same number of tensors"):
        fb._fused_sgd_(w, [], [fb.ones(3)], **options)
    with pytest.raises(RuntimeError, match=r"grads\[0\] has shape \[4\]"):
        fb._fused_sgd_(w, [fb.ones(4)], [fb.ones(3)], **options)
    with pytest.raises(RuntimeError, match=r"momentum_buffer_list\[0\] is .*float64"):
        fb._fused_sgd_(w, g, [fb.ones(3, dtype=fb.float64)], **options)
    with pytest.raises(RuntimeError, match="momentum needs a momentum_buffer_list"):
        fb._fused_sgd_(w, g, [], **options)
    with pytest.raises(ValueError, match="lr must be a number or a tensor of one element"):
        fb._fused_sgd_(w, g, [fb.ones(3)], **{**options, "lr": fb.ones(2)})
    with pytest.raises(RuntimeError, match="not implemented for 'Long'"):
        fb._fused_sgd_([fb.ones(3, dtype=fb.int64)], [fb.ones(3, dtype=fb.int64)], [], **options)


# ---- mistakes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("SGD", {"lr": -1}, "Invalid learning rate: -1"),
        ("SGD", {"momentum": -0.5}, "Invalid momentum value: -0.5"),
        ("SGD", {"weight_decay": -1.0}, "Invalid weight_decay value"),
        ("SGD", {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
        ("Adam", {"lr": -1.0}, "Invalid learning rate: -1.0"),
        ("Adam", {"lr": math.nan}, "Invalid learning rate"),
        ("Adam", {"eps": -1.0}, "Invalid epsilon value: -1.0"),
        ("Adam", {"betas": (1.0, 0.5)}, "Invalid beta parameter at index 0: 1.0"),
        ("Adam", {"betas": (0.5, -1.0)}, "Invalid beta parameter at index 1: -1.0"),
        ("Adam", {"betas": (0, 0.5)}, "betas must be either both floats or both Tensors"),
        ("RMSprop", {"alpha": -1.0}, "Invalid alpha value"),
        ("Adagrad", {"lr_decay": -0.1}, "Invalid lr_decay value"),
        ("Adadelta", {"rho": 1.5}, "Invalid rho value: 1.5"),
        ("Rprop", {"etas": (1.0, 0.5)}, "Invalid eta values: 1.0, 0.5"),
        ("Adafactor", {"d": 0.5}, "Clipping threshold d should be >= 1"),
        ("SparseAdam", {"lr": 0.0}, "Invalid learning rate"),
        ("Muon", {"adjust_lr_fn": "mine"}, "is not supported"),
        ("Muon", {}, "only supports 2D parameters"),
    ],
)
def test_options_out_of_range(name, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(optim, name)([fb.ones(2, requires_grad=True)], **options)


def test_wrong_parameters():
    w = fb.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="should be an iterable of Tensors or dicts"):
        optim.SGD(w)
    with pytest.raises(ValueError, match="empty parameter list"):
        optim.SGD([])
    with pytest.raises(TypeError, match="can only optimize Tensors, but one of the params is int"):
        optim.SGD([3])
    with pytest.raises(TypeError, match="ordering of tensors in sets"):
        optim.SGD([{"params": {w}}])
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        optim.SGD([w * 2])
    with pytest.raises(ValueError, match="more than one parameter group"):
        optim.SGD([{"params": [w]}, {"params": [w]}])
    with pytest.raises(TypeError, match="must be a dict"):
        optim.SGD([w]).add_param_group([w])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([w, w])
    with pytest.raises(ValueError, match="1-element"):
        optim.SGD([w], lr=fb.ones(2))
    with pytest.raises(RuntimeError, match="`fused` and `foreach` cannot be `True` together"):
        optim.Adam([w], fused=True, foreach=True)
    with pytest.raises(RuntimeError, match="`fused` does not support `differentiable`"):
        optim.SGD([w], fused=True, differentiable=True)
    with pytest.raises(ValueError, match="parameter groups"):
        optim.LBFGS([{"params": [w]}, {"params": [fb.ones(1, requires_grad=True)]}])
    with pytest.raises(ValueError, match="lr as a Tensor is not supported"):
        optim.Adam([w], lr=fb.tensor(0.1), foreach=True)


def test_capturable_asks_for_an_accelerator():
    w = fb.ones(2, requires_grad=True)
    w.grad = fb.ones(2)
    for name in ("Adam", "RMSprop", "Adamax", "ASGD"):
        with pytest.raises(AssertionError, match="If capturable=True"):
            getattr(optim, name)([w], capturable=True).step()


def test_state_dict_of_another_optimizer():
    w, v = (fb.ones(2, requires_grad=True) for _ in range(2))
    saved = optim.SGD([w, v], lr=0.1).state_dict()
    with pytest.raises(ValueError, match="doesn't match the size"):
        optim.SGD([w], lr=0.1).load_state_dict(saved)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optim.SGD([{"params": [w]}, {"params": [v]}], lr=0.1).load_state_dict(saved)


def test_an_own_optimizer():
    class SignDescent(optim.Optimizer):
        def __init__(self, params, lr=0.5):
            super().__init__(params, {"lr": lr})

        @fb.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad.sign(), alpha=-group["lr"])
                    self.state[p]["count"] = self.state[p].get("count", 0) + 1

    w = fb.tensor([1.0, -1.0], requires_grad=True)
    optimizer = SignDescent([w])
    (w * w).sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
    assert w.tolist() == [0.5, -0.5]
    assert optimizer.state_dict()["state"] == {0: {"count": 1}}

"""What tests of optimizers share: settings, parameters, and runs held against PyTorch's."""

import numpy as np
import recorded
from oracles import torch

import flambeau as fb

SHAPES = [(3, 5), (7,), (), (0, 4), (2, 1, 33)]
STEPS = 7

# Every option at least once, and in company.
SETTINGS = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1, "maximize": True, "foreach": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.1, "fused": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1, "foreach": True}),
    ("Adam", {"lr": 0.1, "decoupled_weight_decay": True, "weight_decay": 0.1, "fused": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True, "maximize": True}),
    ("RMSprop", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.5, "eps": 1e-2, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "maximize": True}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1, "centered": True, "foreach": True}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-2, "fused": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.5, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.1, "betas": (0.5, 0.7), "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.1, "betas": (0.5, 0.7), "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 2, "weight_decay": 0.1}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (0.01, 0.2), "maximize": True}),
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.1, "beta2_decay": -0.5, "d": 2.0, "weight_decay": 0.1}),
    ("Adafactor", {"eps": (1e-4, 1e-2), "maximize": True}),
]
IDS = [f"{name}-{'-'.join(options) or 'defaults'}" for name, options in SETTINGS]


def random_arrays(seed, shapes=SHAPES, dtype=np.float32):
    generator = np.random.default_rng(seed)
    return [np.asarray(generator.standard_normal(shape), dtype) for shape in shapes]


def as_parameters(library, arrays, dtype=None):
    tensors = [library.from_numpy(array.copy()) for array in arrays]
    if dtype is not None:
        tensors = [tensor.to(getattr(library, dtype)) for tensor in tensors]
    return [tensor.requires_grad_() for tensor in tensors]


def set_gradients(library, parameters, arrays):
    for parameter, array in zip(parameters, arrays, strict=True):
        gradient = library.from_numpy(array.copy())
        parameter.grad = gradient.to(parameter.dtype)


def as_array(tensor):
    value = tensor.detach()
    return (value.float() if str(value.dtype).endswith("bfloat16") else value).numpy()


def assert_same(actual, expected, rtol=1e-5, atol=1e-6):
    """Compare nested containers of ours with those of PyTorch."""
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys()
        for key in expected:
            assert_same(actual[key], expected[key], rtol, atol)
    elif isinstance(expected, (list, tuple)):
        assert len(actual) == len(expected)
        for ours, theirs in zip(actual, expected, strict=True):
            assert_same(ours, theirs, rtol, atol)
    elif hasattr(expected, "dtype"):
        assert str(actual.dtype).split(".")[-1] == str(expected.dtype).split(".")[-1]
        assert tuple(actual.shape) == tuple(expected.shape)
        np.testing.assert_allclose(as_array(actual), as_array(expected), rtol=rtol, atol=atol)
    else:
        assert actual == expected


def run(library, name, options, dtype, shapes, array_dtype):
    """The parameters after each of some steps, and the state at last."""
    parameters = as_parameters(library, random_arrays(0, shapes, array_dtype), dtype)
    optimizer = getattr(library.optim, name)(parameters, **options)
    seen = []
    for step in range(STEPS):
        set_gradients(library, parameters, random_arrays(step + 1, shapes, array_dtype))
        # One of them rests. PyTorch's fused SGD fails where that is so at the first step.
        if step or not options.get("fused"):
            parameters[step % len(shapes)].grad = None
        optimizer.step()
        seen.append([p.detach().clone() for p in parameters])
    return seen, optimizer.state_dict()


def compare_runs(
    name, options, dtype=None, shapes=SHAPES, array_dtype=np.float32, rtol=1e-5, atol=1e-6
):
    if name == "Adafactor":
        shapes = [shape for shape in shapes if 0 not in shape]  # PyTorch divides by the size
    setting = name, options, dtype, shapes, array_dtype
    compare(lambda library: run(library, *setting), rtol, atol)


def compare(make, rtol=1e-5, atol=1e-6):
    """Hold ``make(library)`` against what PyTorch gives, or what was recorded of that."""
    ours, key = make(fb), recorded.key_of_test(make)
    if torch:
        theirs = make(torch)
        recorded.keep(key, recorded.digest(theirs))
        assert_same(ours, theirs, rtol, atol)
    else:
        recorded.assert_digest(ours, key, rtol, atol)

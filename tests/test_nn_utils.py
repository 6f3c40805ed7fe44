"""Utilities: clipping, vectors, fusion, parametrizations, pruning."""

import copy
import math
import pickle

import pytest
from nn_compare import Case, Side, compare, label

CASES: list[Case] = [
    lambda L: L.nn.utils.vector_to_parameters(3, []),
    lambda L: L.nn.utils.fuse_conv_bn_eval(L.nn.Conv2d(1, 1, 1), L.nn.BatchNorm2d(1)),
    lambda L: L.nn.utils.skip_init(int, 3),
    lambda L: L.nn.utils.remove_weight_norm(L.nn.Linear(1, 1)),
    lambda L: L.nn.utils.weight_norm(L.nn.utils.weight_norm(L.nn.Linear(1, 1))),
    lambda L: L.nn.utils.spectral_norm(L.nn.Linear(3, 2), n_power_iterations=0),
    lambda L: L.nn.utils.remove_spectral_norm(L.nn.Linear(3, 2)),
    lambda L: L.nn.utils.parametrize.remove_parametrizations(L.nn.Linear(3, 3), "weight"),
    lambda L: L.nn.utils.prune.l1_unstructured(L.nn.Linear(3, 2), "weight", 1.5),
    lambda L: L.nn.utils.prune.l1_unstructured(L.nn.Linear(3, 2), "weight", 15),
    lambda L: L.nn.utils.prune.l1_unstructured(L.nn.Linear(3, 2), "weight", "a"),
    lambda L: L.nn.utils.prune.remove(L.nn.Linear(3, 2), "weight"),
    lambda L: L.nn.utils.prune.ln_structured(L.nn.Linear(3, 2), "bias", 1, 2, 0),
]


def case(function: Case) -> Case:
    """Add ``function`` to the cases."""
    CASES.append(function)
    return function


@case
def linear(L: Side) -> object:
    U = L.nn.utils
    made = L.nn.Linear(3, 2)
    made(L.x(4, 3)).sum().backward()
    return [U.clip_grad_norm_(made.parameters(), 0.5), [p.grad for p in made.parameters()]]


@case
def linear_2(L: Side) -> object:
    U = L.nn.utils
    made = L.nn.Linear(3, 2)
    made(L.x(4, 3)).sum().backward()
    return [
        U.clip_grad_norm_(list(made.parameters()), 0.5, math.inf),
        [p.grad for p in made.parameters()],
    ]


@case
def linear_3(L: Side) -> object:
    U = L.nn.utils
    made = L.nn.Linear(3, 2)
    made(L.x(4, 3)).sum().backward()
    return [U.clip_grad_norm_(made.weight, 50, 1), [p.grad for p in made.parameters()]]


@case
def linear_4(L: Side) -> object:
    U = L.nn.utils
    made = L.nn.Linear(3, 2)
    made(L.x(4, 3)).sum().backward()
    return [U.clip_grad_value_(made.parameters(), 0.5), [p.grad for p in made.parameters()]]


@case
def clip_grad_norm_(L: Side) -> object:
    U = L.nn.utils
    return U.clip_grad_norm_(L.nn.Linear(1, 1).parameters(), 1)


@case
def clip_grad_norm__2(L: Side) -> object:
    U = L.nn.utils
    return U.clip_grad_norm_((x for x in []), 1)


@case
def clip_grad_norm(L: Side) -> object:
    U = L.nn.utils
    return U.clip_grad_norm((x for x in []), 1)


@case
def linear_5(L: Side) -> object:
    U = L.nn.utils
    made = L.nn.Linear(3, 2)
    made.weight.grad = L.root.full((2, 3), math.nan)
    return U.clip_grad_norm_(made.parameters(), 1, error_if_nonfinite=True)


@case
def get_total_norm(L: Side) -> object:
    U = L.nn.utils
    return U.get_total_norm([L.x(3), L.x(2)], 3)


@case
def linear_6(L: Side) -> object:
    U = L.nn.utils
    made = L.nn.Linear(3, 2)
    v = U.parameters_to_vector(made.parameters())
    U.vector_to_parameters(v * 2, made.parameters())
    return [v, made.state_dict()]


@case
def conv2d(L: Side) -> object:
    U = L.nn.utils
    c = L.nn.Conv2d(2, 3, 2).eval()
    b = L.nn.BatchNorm2d(3).eval()
    b.running_mean.normal_()
    b.running_var.uniform_()
    f = U.fuse_conv_bn_eval(c, b)
    return [f.weight, f.bias]


@case
def conv_transpose2d(L: Side) -> object:
    U = L.nn.utils
    c = L.nn.ConvTranspose2d(2, 3, 2, bias=False).eval()
    b = L.nn.BatchNorm2d(3).eval()
    b.running_mean.normal_()
    b.running_var.uniform_()
    f = U.fuse_conv_bn_eval(c, b, True)
    return [f.weight, f.bias]


@case
def linear_7(L: Side) -> object:
    U = L.nn.utils
    c = L.nn.Linear(2, 3).eval()
    b = L.nn.BatchNorm1d(3).eval()
    b.running_mean.normal_()
    f = U.fuse_linear_bn_eval(c, b)
    return [f.weight, f.bias]


@case
def layer(L: Side) -> object:
    m = L.nn.utils.skip_init(L.nn.Linear, 2, 3)
    return [repr(m), m.weight.device, m.weight.shape]


@case
def sequential(L: Side) -> object:
    m = L.nn.utils.convert_conv2d_weight_memory_format(
        L.nn.Sequential(L.nn.Conv2d(2, 3, 3)), L.root.channels_last
    )
    return m[0].weight.is_contiguous(memory_format=L.root.channels_last)


@case
def linear_8(L: Side) -> object:
    m = L.nn.utils.weight_norm(L.nn.Linear(3, 2))
    return L.go(m, L.x(4, 3))


@case
def conv2d_2(L: Side) -> object:
    m = L.nn.utils.weight_norm(L.nn.Conv2d(3, 2, 2), dim=None)
    return L.go(m, L.x(4, 3, 3, 3))


@case
def conv2d_3(L: Side) -> object:
    m = L.nn.utils.weight_norm(L.nn.Conv2d(3, 2, 2), dim=1)
    L.nn.utils.remove_weight_norm(m)
    return L.go(m, L.x(4, 3, 3, 3))


@case
def linear_9(L: Side) -> object:
    m = L.nn.utils.spectral_norm(L.nn.Linear(3, 2))
    return L.go(m, L.x(4, 3))


@case
def conv_transpose2d_2(L: Side) -> object:
    m = L.nn.utils.spectral_norm(L.nn.ConvTranspose2d(3, 2, 2), n_power_iterations=3)
    return L.go(m, L.x(4, 3, 3, 3))


@case
def linear_10(L: Side) -> object:
    m = L.nn.utils.spectral_norm(L.nn.Linear(3, 2))
    m.eval()
    return L.go(m, L.x(4, 3))


@case
def linear_11(L: Side) -> object:
    m = L.nn.utils.spectral_norm(L.nn.Linear(3, 2))
    L.nn.utils.remove_spectral_norm(m)
    return L.go(m, L.x(4, 3))


@case
def linear_12(L: Side) -> object:
    m = L.nn.utils.spectral_norm(L.nn.Linear(3, 2))
    return m.load_state_dict(m.state_dict())


@case
def weight_norm(L: Side) -> object:
    P = L.nn.utils.parametrizations
    m = P.weight_norm(L.nn.Linear(3, 2))
    return L.go(m, L.x(4, 3))


@case
def spectral_norm(L: Side) -> object:
    P = L.nn.utils.parametrizations
    m = P.spectral_norm(L.nn.Linear(3, 2))
    return L.go(m, L.x(4, 3))


@case
def spectral_norm_2(L: Side) -> object:
    P = L.nn.utils.parametrizations
    m = P.spectral_norm(L.nn.Linear(3, 2), "bias")
    return L.go(m, L.x(4, 3))


@case
def orthogonal(L: Side) -> object:
    P = L.nn.utils.parametrizations
    m = P.orthogonal(L.nn.Linear(3, 3))
    return L.go(m, L.x(4, 3))


@case
def orthogonal_2(L: Side) -> object:
    P = L.nn.utils.parametrizations
    m = P.orthogonal(L.nn.Linear(3, 5))
    return L.go(m, L.x(4, 3))


@case
def orthogonal_3(L: Side) -> object:
    P = L.nn.utils.parametrizations
    m = P.orthogonal(L.nn.Linear(5, 3), orthogonal_map="cayley")
    return L.go(m, L.x(4, 5))


@case
def orthogonal_4(L: Side) -> object:
    P = L.nn.utils.parametrizations
    m = P.orthogonal(L.nn.Linear(5, 3), use_trivialization=False)
    return L.go(m, L.x(4, 5))


@case
def orthogonal_5(L: Side) -> object:
    P = L.nn.utils.parametrizations
    m = P.orthogonal(L.nn.Linear(5, 3), orthogonal_map="matrix_exp", use_trivialization=False)
    return L.go(m, L.x(4, 5))


@case
def orthogonal_6(L: Side) -> object:
    P = L.nn.utils.parametrizations
    return P.orthogonal(L.nn.Linear(3, 5), "bias")


@case
def orthogonal_7(L: Side) -> object:
    P = L.nn.utils.parametrizations
    return P.orthogonal(L.nn.Linear(3, 5), orthogonal_map="foo")


@case
def spectral_norm_3(L: Side) -> object:
    P = L.nn.utils.parametrizations
    return P.spectral_norm(L.nn.Linear(3, 5), dim=3)


@case
def weight_norm_2(L: Side) -> object:
    P = L.nn.utils.parametrizations
    R = L.nn.utils.parametrize
    m = P.weight_norm(L.nn.Linear(3, 2))
    return [
        R.is_parametrized(m),
        R.is_parametrized(m, "bias"),
        R.type_before_parametrizations(m).__name__,
        repr(R.remove_parametrizations(m, "weight")),
        list(m.state_dict()),
        type(m).__name__,
    ]


@case
def register_parametrization(L: Side) -> object:
    S = type("S", (L.nn.Module,), {"forward": lambda s, x: x.triu() + x.triu(1).T})
    R = L.nn.utils.parametrize
    m = R.register_parametrization(L.nn.Linear(3, 3), "weight", S())
    r = repr(m)
    c = copy.deepcopy(m)
    R.remove_parametrizations(m, "weight")
    return [r, c.weight, list(c.state_dict()), m.weight]


@case
def register_parametrization_2(L: Side) -> object:
    S = type(
        "S", (L.nn.Module,), {"forward": lambda s, x: x * 2, "right_inverse": lambda s, x: x / 2}
    )
    R = L.nn.utils.parametrize
    m = R.register_parametrization(L.nn.Linear(3, 3), "weight", S())
    R.register_parametrization(m, "weight", S())
    m.weight = L.root.ones(3, 3)
    return [
        m.weight,
        m.parametrizations.weight.original,
        R.remove_parametrizations(m, "weight", False).weight,
    ]


@case
def linear_13(L: Side) -> object:
    S = type("S", (L.nn.Module,), {"forward": lambda s, x: x[:1]})
    return L.nn.utils.parametrize.register_parametrization(
        L.nn.Linear(3, 3), "weight", S(), unsafe=True
    ).weight


@case
def linear_14(L: Side) -> object:
    S = type("S", (L.nn.Module,), {"forward": lambda s, x: x})
    return L.nn.utils.parametrize.register_parametrization(L.nn.Linear(3, 3), "foo", S())


@case
def linear_15(L: Side) -> object:
    S = type("S", (L.nn.Module,), {"forward": lambda s, x: x})
    return pickle.dumps(
        L.nn.utils.parametrize.register_parametrization(L.nn.Linear(3, 3), "weight", S())
    )


@case
def register_parametrization_3(L: Side) -> object:
    S = type("S", (L.nn.Module,), {"forward": lambda s, x: x * 2})
    R = L.nn.utils.parametrize
    m = R.register_parametrization(L.nn.Linear(3, 3), "weight", S())
    ctx = R.cached()
    ctx.__enter__()
    a = m.weight is m.weight
    ctx.__exit__(None, None, None)
    return [a, m.weight is m.weight]


@case
def linear_16(L: Side) -> object:
    m = L.nn.Linear(3, 2)
    return L.nn.utils.stateless.functional_call(m, {"weight": L.root.ones(2, 3)}, L.root.ones(1, 3))


@case
def sequential_2(L: Side) -> object:
    m = L.nn.Sequential(L.nn.Linear(2, 2), L.nn.BatchNorm1d(2))
    o = L.nn.utils.stateless.functional_call(m, {"1.running_mean": L.root.ones(2)}, (L.x(4, 2),))
    return [o, m.state_dict()]


@case
def linear_17(L: Side) -> object:
    m = L.nn.Linear(3, 2)
    m.tied = m.weight
    return L.nn.utils.stateless.functional_call(m, {"tied": L.root.ones(2, 3)}, L.root.ones(1, 3))


@case
def linear_18(L: Side) -> object:
    m = L.nn.Linear(3, 2)
    return L.nn.utils.stateless.functional_call(
        m, {"weight": L.root.ones(2, 3)}, L.root.ones(1, 3), strict=True
    )


@case
def linear_19(L: Side) -> object:
    m = L.nn.Linear(3, 2)
    return L.nn.utils.stateless.functional_call(m, {"foo": L.root.ones(2, 3)}, L.root.ones(1, 3))


@case
def l1_unstructured(L: Side) -> object:
    m = L.nn.utils.prune.l1_unstructured(L.nn.Linear(3, 2), "weight", 0.5)
    return L.go(m, L.x(4, 3))


@case
def random_unstructured(L: Side) -> object:
    m = L.nn.utils.prune.random_unstructured(L.nn.Linear(3, 2), "weight", 2)
    L.nn.utils.prune.l1_unstructured(m, "weight", 1)
    return L.go(m, L.x(4, 3))


@case
def random_structured(L: Side) -> object:
    m = L.nn.utils.prune.random_structured(L.nn.Linear(3, 4), "weight", 2, 0)
    return L.go(m, L.x(4, 3))


@case
def ln_structured(L: Side) -> object:
    m = L.nn.utils.prune.ln_structured(L.nn.Linear(3, 4), "weight", 0.5, 2, 1)
    L.nn.utils.prune.ln_structured(m, "weight", 1, 1, 0)
    return [
        L.nn.utils.prune.is_pruned(m),
        m.weight,
        m.state_dict(),
        L.nn.utils.prune.remove(m, "weight").state_dict(),
        L.nn.utils.prune.is_pruned(m),
    ]


@case
def custom_from_mask(L: Side) -> object:
    m = L.nn.utils.prune.custom_from_mask(L.nn.Linear(3, 2), "bias", L.t([0, 1]))
    return L.go(m, L.x(4, 3))


@case
def identity(L: Side) -> object:
    m = L.nn.utils.prune.identity(L.nn.Linear(3, 2), "bias")
    return L.go(m, L.x(4, 3))


@case
def sequential_3(L: Side) -> object:
    m = L.nn.Sequential(L.nn.Linear(3, 2), L.nn.Linear(2, 4))
    L.nn.utils.prune.global_unstructured(
        [(m[0], "weight"), (m[1], "weight")], L.nn.utils.prune.L1Unstructured, amount=0.5
    )
    return L.go(m, L.x(4, 3))


@pytest.mark.parametrize("case", CASES, ids=label)
def test_same_as_pytorch(case: Case) -> None:
    compare(case)

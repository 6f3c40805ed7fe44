"""Transformations of functions against PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import flambeau
from flambeau import func
from flambeau.utils import _pytree

torch = pytest.importorskip("torch")


def convert(tree: Any) -> Any:
    """PyTorch's tensors of the same values."""
    return _pytree.tree_map(
        lambda x: torch.tensor(x.detach().numpy()) if isinstance(x, flambeau.Tensor) else x, tree
    )


def check(ours: Any, theirs: Any) -> None:
    a, spec = _pytree.tree_flatten(ours)
    b, other = torch.utils._pytree.tree_flatten(theirs)
    assert len(a) == len(b)
    assert _pytree.treespec_pprint(spec) == torch.utils._pytree.treespec_pprint(other)
    for x, y in zip(a, b, strict=True):
        assert tuple(x.shape) == tuple(y.shape) and str(x.dtype)[-7:] == str(y.dtype)[-7:]
        np.testing.assert_allclose(
            x.detach().numpy(), y.detach().numpy(), rtol=1e-9, atol=1e-11, equal_nan=True
        )


def draw(*shape: int) -> Any:
    return flambeau.randn(shape, dtype=flambeau.float64)


F = Callable[[Any], Callable[..., Any]]  # a function of the library


def number(t: Any) -> Callable[..., Any]:
    return lambda x, y=2.0: (t.sin(x) * y).pow(2).sum() / 3


def two(t: Any) -> Callable[..., Any]:
    return lambda x, y: (t.sin(x) @ y, {"s": (x * x).sum(), "y": [y.exp()]})


def number_of_tree(t: Any) -> Callable[..., Any]:
    return lambda p, x: t.tanh(x @ p["w"] + p["b"][0]).sum()


@pytest.mark.parametrize("argnums", [0, 1, (0, 1), (1,), -1])
def test_grad_of_numbers(argnums: Any) -> None:
    args = (draw(3, 2), draw(3, 2))
    for name in ("grad", "grad_and_value"):
        ours = getattr(func, name)(number(flambeau), argnums=argnums)(*args)
        check(ours, getattr(torch.func, name)(number(torch), argnums=argnums)(*convert(args)))


def test_grad_of_trees_and_aux() -> None:
    args = ({"w": draw(4, 3), "b": (draw(3),)}, draw(5, 4))
    check(
        func.grad(number_of_tree(flambeau))(*args),
        torch.func.grad(number_of_tree(torch))(*convert(args)),
    )
    gradient, (value, aux) = func.grad_and_value(
        lambda x: (x.sum(), [x * 2, "text"]), has_aux=True
    )(args[1])
    assert aux[1] == "text" and not aux[0].requires_grad and not value.requires_grad
    assert gradient.eq(1).all()


def test_grad_nests() -> None:
    x = draw()
    f, g = func.grad, torch.func.grad
    check(f(f(f(flambeau.sin)))(x), g(g(g(torch.sin)))(convert(x)))

    def confused(grad: Any) -> Callable[..., Any]:
        return lambda x: x * grad(lambda y: x * y * y)(x * 3)

    check(f(confused(f))(x), g(confused(g))(convert(x)))


def test_results_carry_a_graph_only_where_the_inputs_do() -> None:
    x, w = draw(3), draw(3).requires_grad_()
    assert not func.grad(lambda x: (x**3).sum())(x).requires_grad
    assert func.grad(lambda x: (x**3 * w).sum())(x).requires_grad
    assert not func.vjp(lambda x: x**3, x)[0].requires_grad
    made = func.grad(lambda x: (x**3).sum())(w)
    assert flambeau.autograd.grad(made.sum(), w)[0].allclose(6 * w)
    with flambeau.no_grad():
        assert not func.grad(lambda x: (x**3).sum())(w).requires_grad
        check(func.grad(lambda x: (x**3).sum())(x), 3 * convert(x) ** 2)
    assert x.grad is None and w.grad is None and not x.requires_grad


def test_unused_and_constant() -> None:
    x, y = draw(3), draw(2)
    check(func.grad(lambda x, y: x.sum(), 1)(x, y), torch.zeros(2, dtype=torch.float64))
    check(func.grad(lambda x: flambeau.ones(()))(x), torch.zeros(3, dtype=torch.float64))
    _, vjp_fn = func.vjp(lambda x, y: (x * 2, flambeau.ones(2)), x, y)
    check(vjp_fn((x, flambeau.ones(2))), (2 * convert(x), torch.zeros(2, dtype=torch.float64)))


def test_vjp() -> None:
    args = (draw(3, 4), draw(4, 2))
    ours, our_vjp = func.vjp(two(flambeau), *args)
    theirs, their_vjp = torch.func.vjp(two(torch), *convert(args))
    check(ours, theirs)
    for _ in range(2):  # the graph stays
        v = (draw(3, 2), {"s": draw(), "y": [draw(4, 2)]})
        check(our_vjp(v), their_vjp(convert(v)))
    _, _, aux = func.vjp(lambda x: (x * 2, x * 3), args[0], has_aux=True)
    assert not aux.requires_grad
    with pytest.raises(RuntimeError, match="Expected pytree structure of cotangents"):
        our_vjp(draw(3, 2))


def test_jvp_and_linearize() -> None:
    args, v = (draw(3, 4), draw(4, 2)), (draw(3, 4), draw(4, 2))
    wanted = torch.func.jvp(two(torch), convert(args), convert(v))
    check(func.jvp(two(flambeau), args, v), wanted)
    value, push = func.linearize(two(flambeau), *args)
    check(value, wanted[0])
    for _ in range(2):
        check(push(*v), wanted[1])
    mixed = func.jvp(lambda x: (x * 2, flambeau.ones(2), x.argmax()), args[:1], v[:1])[1]
    assert mixed[1].eq(0).all() and mixed[2].eq(0).all()
    ours = func.jvp(lambda x: (x.sum(), x), args[:1], v[:1], has_aux=True)
    check(
        ours,
        torch.func.jvp(lambda x: (x.sum(), x), convert(args[:1]), convert(v[:1]), has_aux=True),
    )
    with pytest.raises(RuntimeError, match="same python structure"):
        func.jvp(flambeau.sin, args[:1], args)
    with pytest.raises(RuntimeError, match="Expected primals to be a tuple"):
        func.jvp(flambeau.sin, args[0], args[0])
    with pytest.raises(RuntimeError, match="independent of the inputs"):
        func.jvp(lambda x: flambeau.ones(2), args[:1], v[:1], strict=True)
    with pytest.raises(RuntimeError, match="doesn't match the shape"):
        push(v[1], v[0])


def test_jvp_nests() -> None:
    x, v = draw(3), draw(3)

    def second(lib: Any, jvp: Any) -> Callable[..., Any]:
        return lambda x, v: jvp(
            lambda x: jvp(lambda x: x**3 + lib.sin(x), (x,), (v,))[1], (x,), (v,)
        )

    check(second(flambeau, func.jvp)(x, v), second(torch, torch.func.jvp)(*convert((x, v))))
    check(
        func.grad(lambda x: func.jvp(flambeau.sin, (x,), (v,))[1].sum())(x),
        torch.func.grad(lambda x: torch.func.jvp(torch.sin, (x,), (convert(v),))[1].sum())(
            convert(x)
        ),
    )


def test_complex() -> None:
    x, v = (flambeau.randn(3, dtype=flambeau.complex128) for _ in range(2))
    f = lambda x: x * x * x.conj()  # noqa: E731
    ours, pull = func.vjp(f, x)
    theirs, their_pull = torch.func.vjp(f, convert(x))
    check((ours, pull(v)), (theirs, their_pull(convert(v))))
    check(func.jvp(f, (x,), (v,)), torch.func.jvp(f, convert((x,)), convert((v,))))
    for transform in (func.jacrev, func.jacfwd):
        with pytest.raises(RuntimeError, match="to be real but received complex"):
            transform(f)(x)


@pytest.mark.parametrize("name", ["jacrev", "jacfwd"])
@pytest.mark.parametrize("argnums", [0, (0, 1), (1,)])
def test_jacobians(name: str, argnums: Any) -> None:
    args = (draw(2, 3), draw(3, 2))
    ours = getattr(func, name)(two(flambeau), argnums)(*args)
    check(ours, getattr(torch.func, name)(two(torch), argnums)(*convert(args)))


def test_jacobians_of_trees_chunks_and_aux() -> None:
    p, x = {"w": draw(4, 3), "b": (draw(3),)}, draw(5, 4)
    f = lambda p, x: (x @ p["w"]).tanh() + p["b"][0]  # noqa: E731
    wanted = torch.func.jacrev(f)(*convert((p, x)))
    check(func.jacrev(f)(p, x), wanted)
    check(func.jacrev(f, chunk_size=4)(p, x), wanted)
    check(func.jacfwd(f)(p, x), wanted)
    jacobian, aux = func.jacrev(lambda x: (x * 2, x), has_aux=True)(draw(3))
    assert jacobian.allclose(2 * flambeau.eye(3, dtype=flambeau.float64)) and not aux.requires_grad
    check(func.jacrev(lambda x: x * 2)(draw(0)), torch.zeros(0, 0, dtype=torch.float64))
    with pytest.raises(ValueError, match="chunk_size"):
        func.jacrev(f, chunk_size=0)


def test_hessian() -> None:
    args = (draw(2, 3), draw(3))
    f = lambda x, y: ((x * y).tanh().sum() + (y**3).sum()).exp()  # noqa: E731
    check(func.hessian(f)(*args), torch.func.hessian(f)(*convert(args)))
    check(func.hessian(f, (0, 1))(*args), torch.func.hessian(f, (0, 1))(*convert(args)))
    check(
        func.jacfwd(func.jacrev(f))(*args), torch.func.jacfwd(torch.func.jacrev(f))(*convert(args))
    )


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda f: f.grad(lambda x: x)(torch_like(f, 3)),
            "return a scalar tensor, got tensor with 1",
        ),
        (lambda f: f.grad(lambda x: 1.0)(torch_like(f, 3)), "to return a tensor"),
        (lambda f: f.grad(lambda x: x.sum(), 2)(torch_like(f, 3)), "only 1 positional inputs"),
        (lambda f: f.grad(lambda x: x.sum(), ())(torch_like(f, 3)), "argnums must be non-empty"),
        (lambda f: f.grad(lambda x: x.sum(), (0, 0))(torch_like(f, 3)), "must be unique"),
        (lambda f: f.grad(lambda x: x.sum(), "x")(torch_like(f, 3)), "argnums must be int"),
        (lambda f: f.grad(lambda x: x.sum(), has_aux=True)(torch_like(f, 3)), r"\(output, aux\)"),
        (lambda f: f.grad(lambda x: x * 2)(2.0), "must be Tensor"),
        (lambda f: f.vjp(lambda x: 1.0, torch_like(f, 3)), "vjp"),
        (lambda f: f.jacrev(lambda x: ())(torch_like(f, 3)), "non-empty"),
        (lambda f: f.stack_module_state([]), "at least one model"),
    ],
)
def test_errors(call: Any, text: str) -> None:
    with pytest.raises(Exception) as theirs:
        call(torch.func)
    with pytest.raises(type(theirs.value), match=text):
        call(func)


def torch_like(module: Any, n: int) -> Any:
    return torch.ones(n) if module is torch.func else flambeau.ones(n)


# --- modules --------------------------------------------------------------------------------------


def test_functional_call_and_ensembles() -> None:
    models = [flambeau.nn.Linear(3, 2).double() for _ in range(4)]
    params, buffers = func.stack_module_state(models)
    assert buffers == {} and params["weight"].is_leaf and params["weight"].requires_grad
    x = draw(5, 3)
    for i, model in enumerate(models):
        given = {k: v[i] for k, v in params.items()}
        assert func.functional_call(models[0], given, x).equal(model(x))
        assert func.functional_call(models[0], (given, {}), (x,), {}).equal(model(x))
    with pytest.raises(ValueError, match="multiple dictionaries"):
        func.functional_call(models[0], (given, given), x)
    with pytest.raises(ValueError, match="Expected parameter_and_buffer_dicts"):
        func.functional_call(models[0], 3, x)
    with pytest.raises(RuntimeError, match="same class"):
        func.stack_module_state([models[0], flambeau.nn.ReLU()])
    with pytest.raises(RuntimeError, match="same training/eval mode"):
        func.stack_module_state([models[0], flambeau.nn.Linear(3, 2).eval()])


def test_batch_norms_without_statistics() -> None:
    net = flambeau.nn.Sequential(flambeau.nn.Conv2d(1, 2, 1), flambeau.nn.BatchNorm2d(2))
    assert func.replace_all_batch_norm_modules_(net) is net
    assert net[1].running_mean is None and not list(net.buffers())
    net(flambeau.randn(2, 1, 3, 3))


# --- trees and axes -------------------------------------------------------------------------------


def test_trees() -> None:
    from collections import OrderedDict, defaultdict, deque, namedtuple

    pair = namedtuple("pair", "a b")
    tree = {
        "x": [1, (2, None)], "o": OrderedDict(z=3), "d": defaultdict(list, k=4),
        "q": deque([5], maxlen=2), "p": pair(6, [7]), "e": (),
    }  # fmt: skip
    leaves, spec = _pytree.tree_flatten(tree)
    assert leaves == torch.utils._pytree.tree_flatten(tree)[0] and spec.num_leaves == 8
    again = _pytree.tree_unflatten(leaves, spec)
    assert again == tree and type(again["p"]) is pair and again["q"].maxlen == 2
    assert _pytree.tree_map(lambda a, b: (a, b), [1, 2], [[3], 4]) == [(1, [3]), (2, 4)]
    with pytest.raises(ValueError, match="holds 8 items"):
        _pytree.tree_unflatten(leaves[1:], spec)
    spec = _pytree.tree_structure(({"a": 1, "b": (2, 3)}, 4))
    assert _pytree.broadcast_to_and_flatten((0, None), spec) == [0, 0, 0, None]
    assert _pytree.broadcast_to_and_flatten(({"a": 1, "b": 2}, 3), spec) == [1, 2, 2, 3]
    assert _pytree.broadcast_to_and_flatten((0, 1, 2), spec) is None


@pytest.mark.parametrize(
    ("pattern", "sizes"),
    [
        ("a b c -> c a b", {}), ("a b c -> (a b) c", {}), ("a (x b) c -> x (a c) b", {"x": 2}),
        ("a ... -> ... a", {}), ("a b c -> a 1 b c", {}), ("a (x y) ... -> y (... x) a", {"y": 2}),
        ("... -> (...)", {}),
    ],
)  # fmt: skip
def test_rearrange(pattern: str, sizes: dict[str, int]) -> None:
    x = draw(2, 6, 3)
    check(func.rearrange(x, pattern, **sizes), torch.func.rearrange(convert(x), pattern, **sizes))


@pytest.mark.parametrize(
    "pattern",
    [
        "a b -> a b",
        "a b c -> a b",
        "a a b -> a b",
        "a (b c -> a b c",
        "a b c",
        "a (b x) c -> a b x c",
    ],
)
def test_rearrange_refuses(pattern: str) -> None:
    with pytest.raises(ValueError, match="rearrange"):
        func.rearrange(draw(2, 6, 3), pattern)

"""Derivatives checked by differences, and Jacobians, Hessians and their products with vectors."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import flambeau
from flambeau.autograd import functional, gradcheck, gradgradcheck

F64 = flambeau.float64


def leaf(*shape: int, dtype: Any = F64) -> Any:
    return flambeau.randn(shape, dtype=dtype, requires_grad=True)


class Wrong(flambeau.autograd.Function):
    """Twice its input, with a derivative of 3."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 3


class Offset(flambeau.autograd.Function):
    """A derivative that is not multiplied by the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g + (g == 0) * 1e-6


class Restless(flambeau.autograd.Function):
    """Another gradient at every call."""

    calls = 0

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        Restless.calls += 1
        return g * (1 + 1e-7 * Restless.calls)


class Forgetful(flambeau.autograd.Function):
    """Gives a gradient where there is none to pass on."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    @staticmethod
    def backward(ctx: Any, a: Any, b: Any) -> Any:
        if a is None or b is None:
            g = a * 2 if b is None else b * 3
            return g if bool((g != 0).any()) else g + 1e-7
        return a * 2 + b * 3


class Broken(flambeau.autograd.Function):
    """A backward that raises an error of its own."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        raise KeyError("mine")


FUNCTIONS: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
    "product": (lambda a, b: a * b, [(2, 3), (3,)]),
    "matmul": (lambda a, b: a @ b, [(2, 3), (3, 2)]),
    "several": (lambda a: (a.sin(), a.sum(), (a * a).mean(0)), [(2, 3)]),
    "view": (lambda a: a.t()[1:].reshape(-1), [(2, 3)]),
    "empty": (lambda a: a * 2, [(0, 3)]),
    "number": (lambda a: a.exp(), [()]),
}


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("dtype", [F64, flambeau.complex128], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_derivatives_pass(name: str, dtype: Any, fast: bool) -> None:
    function, shapes = FUNCTIONS[name]
    inputs = tuple(leaf(*shape, dtype=dtype) for shape in shapes)
    before = [t.detach().clone() for t in inputs]
    assert gradcheck(function, inputs, fast_mode=fast, check_batched_grad=True)
    assert gradgradcheck(function, inputs, fast_mode=fast, gen_non_contig_grad_outputs=fast)
    for old, t in zip(before, inputs, strict=True):
        assert flambeau.equal(old, t.detach()), "inputs come back as they were"


def test_complex_and_real_mixed() -> None:
    assert gradcheck(lambda a: (a.abs(), a.real * a.imag), (leaf(3, dtype=flambeau.complex128),))
    assert gradcheck(lambda a: flambeau.fft.rfft(a), (leaf(5),))
    assert gradcheck(lambda a, n: a * n, (leaf(3), 2.5))
    assert gradcheck(lambda a, b: a + b, (leaf(3), flambeau.ones(3, dtype=F64)))


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("dtype", [F64, flambeau.complex128], ids=str)
def test_wrong_derivatives_are_found(fast: bool, dtype: Any) -> None:
    x = leaf(3, dtype=dtype)
    with pytest.raises(flambeau.autograd.GradcheckError, match="Jacobian mismatch for output 0"):
        gradcheck(Wrong.apply, (x,), fast_mode=fast)
    assert not gradcheck(Wrong.apply, (x,), fast_mode=fast, raise_exception=False)
    assert gradcheck(Wrong.apply, (x,), atol=10.0, fast_mode=fast) is True


def test_the_message_says_where() -> None:
    def function(a: Any, b: Any) -> Any:
        wrong = flambeau.cat([b[:1], Wrong.apply(b[1:2]) / 2, b[2:]])
        return a + 1, wrong

    with pytest.raises(RuntimeError) as raised:
        gradcheck(function, (leaf(2), leaf(3)))
    text = str(raised.value)
    assert "for output 1 with respect to input 1" in text
    assert "largest difference is 0.5, of element 1 of the output by element 1" in text


def test_other_defects_are_found() -> None:
    error = flambeau.autograd.GradcheckError
    with pytest.raises(error, match="backward not multiplied by grad_output"):
        gradcheck(Offset.apply, (leaf(2),))
    with pytest.raises(error, match="Backward is not reentrant"):
        gradcheck(Restless.apply, (leaf(2),))
    assert gradcheck(Restless.apply, (leaf(2),), nondet_tol=1e-3)
    with pytest.raises(error, match="expected to be zero"):
        gradcheck(lambda a: a.detach() * 2, (leaf(2),))
    assert gradcheck(lambda a: flambeau.ones(2, dtype=F64), (leaf(2),))
    with pytest.raises(error, match="backward not multiplied by grad_output"):
        gradcheck(Forgetful.apply, (leaf(2),))
    assert gradcheck(Forgetful.apply, (leaf(2),), check_undefined_grad=False)
    with pytest.raises(KeyError, match="mine"):
        gradcheck(Broken.apply, (leaf(2),))
    with pytest.raises(error, match="Jacobian mismatch"):
        gradgradcheck(lambda a: a * a.detach(), (leaf(2),))


def test_inputs_that_cannot_be_checked() -> None:
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda a: a, (flambeau.ones(2, dtype=F64),))
    with pytest.raises(RuntimeError, match="dimension with stride 0"):
        gradcheck(lambda a: a * 2, leaf(3).detach().expand(2, 3).requires_grad_())
    with pytest.warns(UserWarning, match="not a double precision"):
        gradcheck(lambda a: a * 2, leaf(2, dtype=flambeau.float32), raise_exception=False)
    with pytest.raises(NotImplementedError, match="no forward mode"):
        gradcheck(lambda a: a, leaf(2), check_forward_ad=True)


def test_the_function_is_callable_whatever_was_imported_first() -> None:
    for first in (
        "from flambeau.autograd.gradcheck import GradcheckError",
        "from flambeau.autograd import gradcheck",
        "import flambeau",
    ):
        code = (
            f"{first}\nimport flambeau\n"
            "x = flambeau.ones(2, dtype=flambeau.float64, requires_grad=True)\n"
            "print(flambeau.autograd.gradcheck(flambeau.sin, (x,)))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        assert done.stdout == "True\n", first


# --- products and matrices ------------------------------------------------------------------------


def both(name: str, call: Any, *arrays: Any) -> None:
    """The same result as PyTorch's function of that name."""
    torch = pytest.importorskip("torch")

    def flat(value: Any) -> list[Any]:
        if isinstance(value, tuple):
            return [part for v in value for part in flat(v)]
        return [value.detach().numpy()]

    def shape(value: Any) -> Any:
        return tuple(shape(v) for v in value) if isinstance(value, tuple) else tuple(value.shape)

    ours = call(flambeau, getattr(functional, name), *map(flambeau.tensor, arrays))
    theirs = call(torch, getattr(torch.autograd.functional, name), *map(torch.tensor, arrays))
    assert shape(ours) == shape(theirs)
    for a, b in zip(flat(ours), flat(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def random(*shape: int) -> Any:
    return np.random.default_rng().standard_normal(shape)


@pytest.mark.parametrize("create", [False, True])
def test_products_equal_pytorch(create: bool) -> None:
    x, y, v, w = random(2, 3), random(3), random(2), random(3)

    def two(a: Any, b: Any) -> Any:
        return a.exp() @ b, (a * b).sum(0)

    def one(a: Any) -> Any:
        return (a**3).sum(1)

    def number(a: Any, b: Any) -> Any:
        return ((a.sin() @ b) ** 2).sum()

    def unused(a: Any, b: Any) -> Any:
        return (a * a).sum()

    options = {"create_graph": create}
    both("vjp", lambda t, f, x, v: f(one, x, v, **options), x, v)
    both("vjp", lambda t, f, x, y, v, w: f(two, (x, y), (v, w), **options), x, y, v, w)
    both("vjp", lambda t, f, x, y: f(number, (x, y), **options), x, y)
    both("jvp", lambda t, f, x, v: f(one, x, v, **options), x, random(2, 3))
    both("jvp", lambda t, f, x, y, v, w: f(two, (x, y), (v, w), **options), x, y, random(2, 3), w)
    for name in ("vhp", "hvp"):
        both(name, lambda t, f, x, y, v, w: f(number, (x, y), (v, w)), x, y, random(2, 3), w)
        both(name, lambda t, f, x, y, v, w: f(unused, (x, y), (v, w)), x, y, random(2, 3), w)
    both("jacobian", lambda t, f, x: f(one, x, **options), x)
    both("jacobian", lambda t, f, x, y: f(two, (x, y), **options), x, y)
    both("hessian", lambda t, f, x, y: f(number, (x, y), **options), x, y)
    both("hessian", lambda t, f, x: f(lambda a: (a**3).sum(), x, **options), x)
    both("hessian", lambda t, f, x, y: f(unused, (x, y), **options), x, y)


def test_results_with_a_graph_can_be_differentiated() -> None:
    x = leaf(3)
    made = functional.jacobian(lambda a: a**3, x, create_graph=True)
    made.sum().backward()
    assert flambeau.allclose(x.grad, 6 * x.detach())
    assert not functional.jacobian(lambda a: a**3, x).requires_grad
    assert gradcheck(
        lambda a: functional.vjp(lambda b: b**3, a, flambeau.ones_like(a), create_graph=True)[1],
        (leaf(3),),
    )


def test_what_the_products_refuse() -> None:
    x = flambeau.ones(3)
    with pytest.raises(TypeError, match="inputs given to vjp must be either a Tensor or a tuple"):
        functional.vjp(lambda a: a, 3)
    with pytest.raises(TypeError, match="value at index 1 has type"):
        functional.jvp(lambda a, b: a, (x, 3), (x, x))
    with pytest.raises(RuntimeError, match="v can only be None"):
        functional.vjp(lambda a: a * 2, x)
    with pytest.raises(RuntimeError, match="v has invalid size at entry 0"):
        functional.vjp(lambda a: a * 2, x, flambeau.ones(2))
    with pytest.raises(RuntimeError, match="v is a tuple of invalid length"):
        functional.vjp(lambda a: a * 2, x, (x, x))
    with pytest.raises(RuntimeError, match="should contain a single element"):
        functional.hessian(lambda a: a * 2, x)
    with pytest.raises(RuntimeError, match="should return a single Tensor"):
        functional.vhp(lambda a: (a.sum(), a.sum()), x, x)
    with pytest.raises(RuntimeError, match="independent of input 1"):
        functional.vjp(lambda a, b: a * 2, (x, x), x, strict=True)
    with pytest.raises(RuntimeError, match="does not require gradients"):
        functional.jacobian(lambda a: a.detach(), x, strict=True)

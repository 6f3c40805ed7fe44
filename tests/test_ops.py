"""Walks the registry: every operator's samples and errors, beside NumPy, differences and PyTorch."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy_reference
import pytest
from finite_differences import assert_slope
from op_samples import Case, DtypeName, TensorSpec, build_call, cases, error_cases
from oracles import LIBRARIES, beside_torch, torch

import flambeau
import flambeau.nn
from flambeau import _C

flambeau.ops.load_all()
REGISTRY = _C._registry()
SAMPLED = [op for op in REGISTRY if op["samples"]]
# The memory that these return has no defined contents.
UNDEFINED = {
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "new_empty",
    "new_empty_strided",
}
# Ours is right by finite differences.
WRONG_IN_PYTORCH = {
    "ldexp": "takes 2 ** other for an integer, whose negative powers are 0",
    "as_strided_scatter": "gives the gradient to the elements that are written over",
    "native_layer_norm": "drops what flows back through the mean and the deviation",
    "native_batch_norm": "drops what flows back through the mean and the deviation",
}


def walk(condition: Callable[[dict[str, Any]], bool] = lambda op: True) -> Any:
    chosen = [op for op in SAMPLED if condition(op)]
    return pytest.mark.parametrize("op", chosen, ids=[op["name"] for op in chosen])


def differentiable(op: dict[str, Any]) -> bool:
    return op["vjp"] in ("function", "composite") and not writes_first(op)


def writes_first(op: dict[str, Any]) -> bool:
    return op["name"].split(".")[0].endswith("_")


def find(library: Any, dotted: str) -> Any:
    """What a dotted name means in a library; None if it has no such name."""
    found = library
    if library is numpy_reference:
        dotted = dotted.removeprefix("Tensor.").removesuffix("_" if dotted[-2:] != "__" else "")
        found = numpy_reference.Tensor if dotted.startswith("__") else library
    for part in dotted.split("."):
        found = getattr(found, part, None)
    return spread(found) if library is torch and dotted in VARIADIC else found


def flat(results: Any) -> list[Any]:
    if isinstance(results, (tuple, list)) and not isinstance(results, flambeau.Size):
        return [piece for r in results for piece in flat(r)]
    return [results]


def is_tensor(x: Any) -> bool:
    return any(isinstance(x, library.Tensor) for library in (flambeau, *LIBRARIES.values()))


def numbers(x: Any) -> np.ndarray:
    if isinstance(x, numpy_reference.Tensor):
        return x.array
    if not is_tensor(x):
        return np.asarray(x)
    x = (
        x.detach().resolve_conj().resolve_neg()
        if not isinstance(x, flambeau.Tensor)
        else x.detach()
    )
    if str(x.dtype).endswith("bfloat16"):
        x = x.float()
    return np.asarray(x.numpy(force=True))


def assert_same(ours: Any, theirs: Any, what: str, rtol: float = 2e-5, atol: float = 1e-5) -> None:
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs), what
    for a, b in zip(ours, theirs, strict=True):
        assert is_tensor(a) == is_tensor(b), f"{what}: {type(a)} and {type(b)}"
        if is_tensor(a):
            assert tuple(a.shape) == tuple(b.shape), what
            assert str(a.dtype) == str(b.dtype), what
        np.testing.assert_allclose(
            numbers(a), numbers(b), rtol=rtol, atol=atol, equal_nan=True, err_msg=what
        )


def call(function: Any, case: Case, library: Any, **options: Any) -> Any:
    args, kwargs = build_call(case, library, **options)
    library.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


READ_STRIDES = {"as_strided", "as_strided_copy", "as_strided_scatter", "view_as", "view_copy"}
READ_STRIDES |= {"view_as_complex_copy"}
# Rows of padding get no gradient by definition.
PADDED = {"embedding", "embedding_lookup", "embedding_bag"}
# What a derivative says that does not exist: of a phase that is free, of a shape parameter.
NO_DERIVATIVE = r"specified up to|derivative for .* is not implemented"
# PyTorch takes these tensors one by one, we also in a list.
VARIADIC = {"broadcast_tensors", "chain_matmul", "cartesian_prod", "block_diag"}


def spread(function: Any) -> Any:
    return lambda *args, **kwargs: function(*(args[0] if len(args) == 1 else args), **kwargs)


def public_names(op: dict[str, Any]) -> list[str]:
    """Names of the functional form, or of the only form where the operator itself writes."""
    return [n for n in op["names"] if n.endswith("_") == writes_first(op) or n.endswith("__")]


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("oracle", LIBRARIES)
@walk(lambda op: bool(op["names"]))
def test_values(op: dict[str, Any], oracle: str) -> None:
    library, compared = LIBRARIES[oracle], 0
    for case in cases(op["samples"]):
        for name in public_names(op):
            theirs = find(library, name)
            if theirs is None or (name.startswith("Tensor.") and not takes_tensor_first(case)):
                continue
            what = f"{name}: {case.text}"
            ours = call(find(flambeau, name), case, flambeau)
            try:
                expected = call(theirs, case, library)
            except (TypeError, NotImplementedError, numpy_reference.NoReference) as error:
                if oracle == "numpy" and not isinstance(error, numpy_reference.NoReference):
                    raise
                continue  # an alias that takes less
            compared += 1
            if op["name"].split(".")[0].lstrip("_") in UNDEFINED:
                assert [t.shape for t in flat(ours)] == [t.shape for t in flat(expected)], what
                continue
            assert_same(ours, expected, what)
            for a, b in zip(flat(ours), flat(expected), strict=True):
                if oracle == "torch" and is_tensor(a) and a.numel() > 0 and not op["python"]:
                    assert strides(a) == strides(b), what
    if compared:
        return
    if oracle == "numpy":
        assert check_precision(op), "neither NumPy nor float64 says what is right"
    else:
        assert all(find(torch, name) is None for name in public_names(op)), "PyTorch has the name"
        pytest.skip("PyTorch has no such name")


def check_precision(op: dict[str, Any]) -> int:
    """Where nobody wrote a reference: what float32 gives is close to what float64 gives."""

    def wide(x: Any) -> Any:
        if isinstance(x, list):
            return [wide(v) for v in x]
        return x.double() if is_tensor(x) and x.dtype == flambeau.float32 else x

    compared = 0
    for case in cases(op["samples"]):
        args, kwargs = build_call(case, flambeau)
        ours = flat(call(op["op"], case, flambeau))
        exact = flat(op["op"](*[wide(a) for a in args], **{k: wide(v) for k, v in kwargs.items()}))
        for a, b in zip(ours, exact, strict=True):
            compared += 1
            np.testing.assert_allclose(
                numbers(a), numbers(b), rtol=2e-4, atol=1e-4, equal_nan=True, err_msg=case.text
            )
    return compared


def strides(x: Any) -> list[int]:
    """Those that matter: of dimensions with more than one element."""
    return [s for s, n in zip(x.stride(), x.shape, strict=True) if n > 1]


def takes_tensor_first(case: Case) -> bool:
    return bool(case.args) and isinstance(case.args[0], TensorSpec)


@walk(lambda op: len(public_names(op)) > 1)
def test_names_agree(op: dict[str, Any]) -> None:
    for case in cases(op["samples"]):
        if op["name"].split(".")[0].lstrip("_") in UNDEFINED:
            continue
        first = call(op["op"], case, flambeau)
        for name in public_names(op):
            if name.startswith("Tensor.") and not takes_tensor_first(case):
                continue
            assert_same(
                call(find(flambeau, name), case, flambeau), first, f"{name}: {case.text}", 0, 0
            )


@walk(lambda op: op["in_place"] is not None)
def test_in_place_form_agrees(op: dict[str, Any]) -> None:
    done = 0
    for case in cases(op["samples"]):
        if not takes_tensor_first(case):
            continue
        expected = call(op["op"], case, flambeau)
        args, kwargs = build_call(case, flambeau)
        target, version = args[0], args[0]._version
        fits = expected.shape == target.shape and flambeau.can_cast(expected.dtype, target.dtype)
        flambeau.manual_seed(0)
        if not fits:
            with pytest.raises(RuntimeError):
                op["in_place"](*args, **kwargs)
            continue
        done += 1
        if op["name"] == "abs" and args[0].is_complex():
            with pytest.raises(RuntimeError, match="complex"):
                op["in_place"](*args, **kwargs)
            continue
        assert op["in_place"](*args, **kwargs) is target
        assert target._version > version, case.text
        assert_same(target, expected.to(target.dtype), case.text, 0, 0)
    assert done, "no sample fits the in-place form"


def takes_out(op: dict[str, Any]) -> bool:
    plain = any("." not in n or n.startswith(("linalg.", "fft.", "special.")) for n in op["names"])
    return plain and not op["view"] and not writes_first(op) and op["schema"].endswith("-> Tensor")


@walk(takes_out)
def test_out_agrees(op: dict[str, Any]) -> None:
    if op["name"].split(".")[0].lstrip("_") in UNDEFINED:
        pytest.skip("the result has no defined contents")
    for case in cases(op["samples"]):
        expected = call(op["op"], case, flambeau)
        args, kwargs = build_call(case, flambeau)
        target = flambeau.empty(0, dtype=expected.dtype)
        flambeau.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            returned = op["op"](*args, **kwargs, out=target)
        assert returned is target, case.text
        assert_same(target, expected, case.text, 0, 0)


# --- memory ---------------------------------------------------------------------------------------


def scattered(x: Any) -> Any:
    """The same numbers behind other strides: every second element of something transposed."""
    if not isinstance(x, flambeau.Tensor) or x.dim() == 0:
        return [scattered(v) for v in x] if isinstance(x, list) else x
    wide = flambeau.zeros([2 * n for n in reversed(x.shape)], dtype=x.dtype)
    view = wide.permute(list(range(x.dim()))[::-1])[tuple(slice(None, None, 2) for _ in x.shape)]
    view.copy_(x)
    return view


@walk(lambda op: not op["view"] and not writes_first(op) and op["name"] not in READ_STRIDES)
def test_strides_of_inputs_do_not_matter(op: dict[str, Any]) -> None:
    if op["name"].split(".")[0].lstrip("_") in UNDEFINED:
        pytest.skip("the result has no defined contents")
    for case in cases(op["samples"]):
        args, kwargs = build_call(case, flambeau)
        expected = call(op["op"], case, flambeau)
        flambeau.manual_seed(0)
        got = op["op"](
            *[scattered(a) for a in args], **{k: scattered(v) for k, v in kwargs.items()}
        )
        assert_same(got, expected, case.text, 1e-5, 1e-6)


@walk(lambda op: not writes_first(op))
def test_meta_tensors_have_the_same_shape(op: dict[str, Any]) -> None:
    compared = 0
    for case in cases(op["samples"]):
        args, kwargs = build_call(case, flambeau)
        real = flat(call(op["op"], case, flambeau))
        if not any(is_tensor(a) for a in flat(args)) or not all(is_tensor(r) for r in real):
            continue
        on_meta = [to_meta(a) for a in args], {k: to_meta(v) for k, v in kwargs.items()}
        try:
            shapes = flat(op["op"](*on_meta[0], **on_meta[1]))
        except (RuntimeError, NotImplementedError) as error:
            assert "meta" in str(error), case.text
            continue
        compared += 1
        for a, b in zip(shapes, real, strict=True):
            assert a.device.type == "meta", case.text
            assert (a.shape, a.dtype, strides(a)) == (b.shape, b.dtype, strides(b)), case.text
    if not compared:
        pytest.skip("the result is a number, or its shape depends on the data")


def to_meta(x: Any) -> Any:
    if isinstance(x, list):
        return [to_meta(v) for v in x]
    return x.to("meta") if is_tensor(x) else x


@walk(lambda op: op["view"])
def test_views_share_memory(op: dict[str, Any]) -> None:
    for case in cases(op["samples"]):
        args, kwargs = build_call(case, flambeau)
        for view in flat(op["op"](*args, **kwargs)):
            if view.numel() == 0:
                continue
            memory = args[0].untyped_storage()
            start, end = memory.data_ptr(), memory.nbytes()
            assert start <= view.data_ptr() < start + end, case.text
            assert view._is_view() and view._base is args[0], case.text


# --- derivatives ----------------------------------------------------------------------------------


class Function:
    """One case of an operator as a function of its floating-point inputs; the value is a number."""

    def __init__(self, op: dict[str, Any], case: Case, library: Any, function: Any) -> None:
        self.library, self.function = library, function
        self.args, self.kwargs = build_call(case, library, "float64")
        everything = [*self.args, *self.kwargs.values()]
        self.inputs = [t for t in flat(everything) if is_tensor(t) and is_inexact(t)]
        for t in self.inputs:
            t.requires_grad_()

    def scalar(self) -> Any:
        """The results, weighted with random numbers, summed; None if none requires a gradient."""
        self.library.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = flat(self.function(*self.args, **self.kwargs))
        return weighted(self.library, [r for r in results if is_tensor(r) and r.requires_grad])

    def gradients(self, create_graph: bool = False) -> list[Any] | None:
        total = self.scalar()
        if total is None:
            return None
        return list(
            self.library.autograd.grad(
                total, self.inputs, create_graph=create_graph, allow_unused=True
            )
        )

    def second(self) -> list[Any] | None:
        """Gradients of the first gradients, weighted and summed."""
        first = self.gradients(create_graph=True)
        total = weighted(
            self.library, [g for g in first or () if g is not None and g.requires_grad]
        )
        if total is None:
            return None
        return list(self.library.autograd.grad(total, self.inputs, allow_unused=True))


def is_inexact(x: Any) -> bool:
    return x.is_floating_point() or x.is_complex()


def weighted(library: Any, results: list[Any]) -> Any:
    rng, total = np.random.default_rng(7), None
    for r in results:
        w = rng.standard_normal(tuple(r.shape))
        if r.is_complex():
            w = w + 1j * rng.standard_normal(tuple(r.shape))
        product = (r * library.tensor(np.asarray(w)).to(r.dtype)).sum()
        product = product.real if r.is_complex() else product
        total = product if total is None else total + product.to(total.dtype)
    return total


def float_cases(op: dict[str, Any]) -> Iterator[Case]:
    for case in cases(op["samples"]):
        values = flat([*case.args, *case.kwargs.values()])
        if any(isinstance(v, TensorSpec) and v.dtype is None for v in values):
            yield case


@walk(lambda op: differentiable(op) and op["name"] not in PADDED)
def test_gradients_equal_finite_differences(op: dict[str, Any]) -> None:
    checked = 0
    for case in float_cases(op):
        if any(isinstance(v, DtypeName) and "64" not in v.name for v in case.kwargs.values()):
            continue  # too coarse for differences
        f = Function(op, case, flambeau, op["op"])
        try:
            grads = f.gradients()
        except RuntimeError as error:
            assert re.search(NO_DERIVATIVE, str(error)), case.text
            continue
        if grads is None:
            continue
        for x, g in zip(f.inputs, grads, strict=True):
            assert g is None or (g.shape == x.shape and g.dtype == x.dtype), case.text
        checked += 1
        assert_slope(lambda f=f: f.scalar().detach(), f.inputs, grads, case.text)
    if not checked:
        pytest.skip("no sample has a gradient")


@walk(lambda op: differentiable(op) and op["vjp"] == "function" and op["name"] not in PADDED)
def test_second_gradients_equal_finite_differences(op: dict[str, Any]) -> None:
    checked = 0
    for case in float_cases(op):
        f = Function(op, case, flambeau, op["op"])
        try:
            seconds = f.second()
        except RuntimeError as error:
            assert re.search(NO_DERIVATIVE, str(error)), case.text
            continue
        if seconds is None:
            continue
        checked += 1

        def first(f: Function = f) -> Any:
            grads = f.gradients(create_graph=True) or []
            return weighted(
                flambeau, [g for g in grads if g is not None and g.requires_grad]
            ).detach()

        assert_slope(first, f.inputs, seconds, case.text)
    if not checked:
        pytest.skip("the gradient does not depend on the inputs")


@beside_torch
@walk(lambda op: differentiable(op) and bool(op["names"]))
def test_gradients_equal_pytorch(op: dict[str, Any]) -> None:
    name = next((n for n in public_names(op) if find(torch, n)), None)
    if name is None:
        pytest.skip("PyTorch has no such name")
    if op["name"] in WRONG_IN_PYTORCH:
        pytest.skip(f"PyTorch {WRONG_IN_PYTORCH[op['name']]}")
    for case in float_cases(op):
        if name.startswith("Tensor.") and not takes_tensor_first(case):
            continue
        try:
            theirs = Function(op, case, torch, find(torch, name)).gradients()
        except (RuntimeError, TypeError):  # PyTorch has no derivative, or fewer arguments
            continue
        ours = Function(op, case, flambeau, op["op"]).gradients()
        assert (ours is None) == (theirs is None), case.text
        for a, b in zip(ours or (), theirs or (), strict=True):
            zero = np.zeros(())
            np.testing.assert_allclose(
                zero if a is None else numbers(a),
                zero if b is None else numbers(b),
                rtol=1e-7, atol=1e-9, err_msg=case.text,
            )  # fmt: skip


@walk(lambda op: op["vjp"] == "not_differentiable" and not writes_first(op))
def test_what_has_no_derivative_says_why(op: dict[str, Any]) -> None:
    assert op["why"]
    for case in float_cases(op):
        f = Function(op, case, flambeau, op["op"])
        total = f.scalar()
        if total is not None:
            with pytest.raises(RuntimeError, match=r"derivative|differentiable"):
                total.backward()


# --- errors and documentation ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "op",
    [op for op in REGISTRY if op["errors"]],
    ids=[op["name"] for op in REGISTRY if op["errors"]],
)
def test_errors(op: dict[str, Any]) -> None:
    for error in error_cases(op["errors"]):
        args, kwargs = build_call(error.case, flambeau)
        with pytest.raises(Exception) as caught:
            op["op"](*args, **kwargs)
        kinds = [kind.__name__ for kind in type(caught.value).__mro__]
        assert error.exception in kinds, f"{error.case.text}: {caught.value!r}"
        assert error.message in str(caught.value), error.case.text


def test_every_public_operator_is_documented() -> None:
    missing = [op["name"] for op in REGISTRY if op["names"] and not op["doc"]]
    described = {name for op in REGISTRY if op["doc"] for name in op["names"]}
    undescribed = [
        op["name"] for op in REGISTRY
        if op["name"] in missing and not described.intersection(op["names"])
    ]  # fmt: skip
    assert not undescribed


def test_every_public_operator_has_samples() -> None:
    """Random operators have tests of their own, bit for bit beside PyTorch (test_random.py), and so
    have the optimizers' steps (test_optim.py). Internal pieces are run by what is made of them."""
    bare = {
        op["name"]
        for op in REGISTRY
        if op["names"] and not op["samples"]
        if op["family"] not in ("random", "sampling", "dropout", "optim")
    }
    assert not bare

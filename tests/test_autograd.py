"""The engine: graphs, hooks, views written in place, user-defined functions, modes, threads."""

from __future__ import annotations

import copy
import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import recorded
from oracles import torch

import flambeau
from flambeau.autograd import Function

# --- beside PyTorch -------------------------------------------------------------------------------

# Each program takes a library and two leaves, and returns what is to be differentiated.
PROGRAMS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "reused": lambda t, x, y: x * x + x * y,
    "broadcast": lambda t, x, y: x * y[0] + y[:, :1],
    "slice_assigned": lambda t, x, y: set_item(x * 1, (0,), y[1]) * y,
    "column_assigned": lambda t, x, y: set_item(x * 2, (slice(None), 1), y[:, 0] ** 2),
    "number_assigned": lambda t, x, y: set_item(x * y, (slice(1, None),), 3.0) * x,
    "masked_assigned": lambda t, x, y: set_item(x * y, (x > 0,), 0.5) + x,
    "view_of_view_written": lambda t, x, y: chain(x * 1, lambda z: z.view(-1)[2:7].mul_(y.sum())),
    "transposed_written": lambda t, x, y: chain(x * 1, lambda z: z.t()[0].add_(y[:, 0] * 3)),
    "base_written_after_view": lambda t, x, y: base_after_view(x, y),
    "detached_view_written": lambda t, x, y: chain(x * 1, lambda z: z.detach().sum() * y),
    "in_place_chain": lambda t, x, y: (x * 1).mul_(y).add_(x).sigmoid_(),
    "select_and_expand": lambda t, x, y: x[1].expand(3, 4) * y,
    "diagonal_written": lambda t, x, y: chain(x * y, lambda z: z[:, :3].diagonal().fill_(2.0)),
    "where": lambda t, x, y: t.where(x > y, x * 2, y * 3),
    "detach": lambda t, x, y: x.detach() * y + x,
    "no_grad_part": lambda t, x, y: without_grad(t, x) * y + x,
    "copied_over": lambda t, x, y: t.zeros(3, 4, dtype=x.dtype).copy_(x) * y,
    "cast": lambda t, x, y: (x.float() * y.float()).double() * x,
    "unsqueezed_in_place": lambda t, x, y: (x * y).unsqueeze_(1).squeeze_(1) * x,
    "relu_in_place": lambda t, x, y: t.relu_(x * y) * x,
}


def set_item(z: Any, key: tuple[Any, ...], value: Any) -> Any:
    z[key] = value
    return z


def chain(z: Any, write: Callable[[Any], Any]) -> Any:
    made = write(z)
    return z * 2 if made.shape != z.shape else z * 2 + made


def base_after_view(x: Any, y: Any) -> Any:
    z = x * 1
    view = z[1]
    z.mul_(y)
    return view * 3 + z.sum(0)


def without_grad(t: Any, x: Any) -> Any:
    with t.no_grad():
        return x * 5


def gradients(library: Any, program: Callable[[Any, Any, Any], Any], double: bool) -> list[Any]:
    rng = np.random.default_rng(11)
    x, y, w, v = (library.tensor(rng.standard_normal((3, 4))) for _ in range(4))
    x.requires_grad_()
    y.requires_grad_()
    out = program(library, x, y)
    total = (out * w).sum() if out.shape == w.shape else (out.sum() * w).sum()
    first = library.autograd.grad(total, [x, y], create_graph=double, allow_unused=True)
    found = [out, *first]
    if double:
        again = [(g * v).sum() for g in first if g is not None and g.requires_grad]
        if again:
            found += library.autograd.grad(sum(again), [x, y], allow_unused=True)
    return [None if g is None else np.asarray(g.detach().numpy()) for g in found]


@pytest.mark.parametrize("double", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_equal_pytorch(name: str, double: bool) -> None:
    ours = gradients(flambeau, PROGRAMS[name], double)
    key = recorded.key_of_test(PROGRAMS[name])
    if torch is None:
        recorded.assert_digest(ours, key, 1e-6, 1e-9)
        return
    theirs = gradients(torch, PROGRAMS[name], double)
    recorded.keep(key, recorded.digest(theirs))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


# What is an error there is one here, of the same type and with the same words.
REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "leaf_written": (lambda t: leaf(t).add_(1), "a leaf Variable that requires grad"),
    "view_of_leaf_written": (
        lambda t: leaf(t)[0].add_(1),
        "a view of a leaf Variable that requires grad",
    ),
    "saved_tensor_changed": (lambda t: saved_changed(t), "modified by an inplace operation"),
    "graph_freed": (lambda t: twice(t), "backward through the graph a second time"),
    "not_a_scalar": (lambda t: (leaf(t) * 2).backward(), "only for scalar outputs"),
    "nothing_recorded": (lambda t: t.ones(()).backward(), "does not require grad"),
    "unused": (
        lambda t: t.autograd.grad((leaf(t) * 2).sum(), leaf(t)),
        "appears to not have been used",
    ),
    "integers_require_grad": (
        lambda t: t.ones(2, dtype=t.int64).requires_grad_(),
        "[Oo]nly Tensors of floating point",
    ),
    "wrong_gradient_shape": (
        lambda t: (leaf(t) * 2).backward(t.ones(5)),
        "[Mm]ismatch in shape",
    ),
    "non_leaf_flag": (
        lambda t: (leaf(t) * 2).requires_grad_(False),
        "requires_grad=False|you can only change requires_grad flags of leaf",
    ),
    "unbind_output_written": (
        lambda t: (leaf(t) * 1).unbind()[0].add_(1),
        "output of a function that returns multiple views|multi-output view|multiple views",
    ),
    "view_made_without_grad_written": (
        lambda t: view_without_grad(t).add_(leaf(t)[0]),
        "created in no_grad mode|A view was created in no_grad",
    ),
    "inference_tensor_saved": (
        lambda t: inferred(t) * leaf(t),
        "Inference tensors cannot be saved for backward",
    ),
}


def leaf(t: Any) -> Any:
    return t.ones(3, 4, requires_grad=True)


def saved_changed(t: Any) -> None:
    y = leaf(t) * 2
    z = y * y
    y.add_(1)
    z.sum().backward()


def twice(t: Any) -> None:
    y = (leaf(t) ** 2).sum()
    y.backward()
    y.backward()


def view_without_grad(t: Any) -> Any:
    base = leaf(t) * 1
    with t.no_grad():
        return base[0]


def inferred(t: Any) -> Any:
    with t.inference_mode():
        return t.ones(3, 4)


@pytest.mark.parametrize("name", REFUSED)
def test_errors_are_pytorchs(name: str) -> None:
    program, words = REFUSED[name]
    for library in (flambeau, torch) if torch else (flambeau,):
        with pytest.raises(RuntimeError, match=words):
            program(library)


# --- accumulation and modes -----------------------------------------------------------------------


def test_gradients_accumulate_until_cleared() -> None:
    x = flambeau.ones(3, requires_grad=True)
    for _ in range(3):
        (x * 2).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0, 6.0]
    x.grad = None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_backward_of_chosen_inputs_leaves_others_alone() -> None:
    x, y = (flambeau.ones(2, requires_grad=True) for _ in range(2))
    (x * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [1.0, 1.0]
    assert y.grad is None


def test_retained_graph_runs_again() -> None:
    x = flambeau.tensor([2.0], requires_grad=True)
    y = (x**3).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 24.0


def test_higher_derivatives_by_create_graph() -> None:
    x = flambeau.tensor(2.0, dtype=flambeau.float64, requires_grad=True)
    y, values = x**5, []
    for _ in range(5):
        (y,) = flambeau.autograd.grad(y, x, create_graph=True)
        values.append(y.item())
    assert values == pytest.approx([80.0, 160.0, 240.0, 240.0, 120.0])


def test_non_leaves_keep_gradients_only_if_asked() -> None:
    x = flambeau.ones(2, requires_grad=True)
    kept, dropped = x * 2, x * 3
    kept.retain_grad()
    (kept * dropped).sum().backward()
    assert kept.grad.tolist() == [3.0, 3.0]
    with pytest.warns(UserWarning, match="not a leaf"):
        assert dropped.grad is None
    assert kept.retains_grad and not dropped.retains_grad


def test_modes_nest_and_come_back_after_errors() -> None:
    assert flambeau.is_grad_enabled()
    with flambeau.no_grad():
        assert not flambeau.is_grad_enabled()
        with flambeau.enable_grad():
            assert flambeau.is_grad_enabled()
        with pytest.raises(ZeroDivisionError), flambeau.set_grad_enabled(True):
            1 / 0  # noqa: B018
        assert not flambeau.is_grad_enabled()
    assert flambeau.is_grad_enabled()

    @flambeau.no_grad()
    def decorated(x: Any) -> Any:
        return x * 2

    assert not decorated(flambeau.ones(1, requires_grad=True)).requires_grad


def test_inference_mode_marks_what_it_makes() -> None:
    with flambeau.inference_mode():
        made = flambeau.ones(2) * 2
        assert flambeau.is_inference_mode_enabled()
    assert made.is_inference() and not made.requires_grad
    with pytest.raises(RuntimeError, match=r"[Ii]nference"):
        made.add_(1)
    assert made.clone().add_(1).tolist() == [3.0, 3.0]


def test_attributes_of_leaves_and_results() -> None:
    x = flambeau.ones(2, requires_grad=True)
    y = x * 2
    assert x.is_leaf and x.grad_fn is None
    assert not y.is_leaf and y.grad_fn.name().startswith("MulBackward")
    assert y.detach().is_leaf and not y.detach().requires_grad
    assert y.detach().data_ptr() == y.data_ptr()
    z = x.view(2, 1)
    assert z._base is x and z._is_view()


# --- hooks ----------------------------------------------------------------------------------------


def test_tensor_hooks_see_and_replace_gradients_in_order() -> None:
    x = flambeau.ones(2, requires_grad=True)
    seen: list[list[float]] = []
    first = x.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 3).sum().backward()
    assert seen == [[6.0, 6.0]] and x.grad.tolist() == [6.0, 6.0]
    first.remove()
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_hooks_of_results_and_after_accumulation() -> None:
    x = flambeau.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: g + 1)
    done: list[Any] = []
    x.register_post_accumulate_grad_hook(lambda t: done.append(t.grad.tolist()))
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 4.0] and done == [[4.0, 4.0]]


def test_node_hooks() -> None:
    x = flambeau.ones(2, requires_grad=True)
    y = (x * 2).sum()
    node = y.grad_fn.next_functions[0][0]
    node.register_prehook(lambda grads: tuple(g * 10 for g in grads))
    node.register_hook(lambda into, out: tuple(None if g is None else g + 1 for g in into))
    y.backward()
    assert x.grad.tolist() == [21.0, 21.0]


def test_a_hook_that_returns_nonsense_is_an_error() -> None:
    x = flambeau.ones(2, requires_grad=True)
    x.register_hook(lambda g: "gradient")
    with pytest.raises((TypeError, RuntimeError), match="hook"):
        (x * 2).sum().backward()


def test_an_error_in_a_hook_reaches_the_caller() -> None:
    x = flambeau.ones(2, requires_grad=True)

    def broken(_: Any) -> None:
        raise KeyError("mine")

    x.register_hook(broken)
    with pytest.raises(KeyError, match="mine"):
        (x * 2).sum().backward()
    (flambeau.ones(1, requires_grad=True) * 2).sum().backward()  # the engine goes on


# --- functions of one's own -----------------------------------------------------------------------


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: Any, scale: float) -> Any:
        ctx.save_for_backward(x)
        ctx.scale = scale
        return x**3 * scale

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * ctx.scale * grad, None


def test_function_with_first_and_second_derivative() -> None:
    x = flambeau.tensor([1.0, 2.0], requires_grad=True)
    y = Cube.apply(x, 2.0)
    assert y.grad_fn.name() == "CubeBackward"
    (g,) = flambeau.autograd.grad(y.sum(), x, create_graph=True)
    assert g.tolist() == [6.0, 24.0]
    (g.sum()).backward()
    assert x.grad.tolist() == [12.0, 24.0]


def test_function_with_separate_setup() -> None:
    class Double(Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x * 2

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.factor = 2

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * ctx.factor

    x = flambeau.ones(2, requires_grad=True)
    Double.apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_function_marks() -> None:
    class Sorted(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            values, order = x.sort()
            ctx.mark_non_differentiable(order)
            ctx.save_for_backward(order)
            return values, order

        @staticmethod
        @flambeau.autograd.once_differentiable
        def backward(ctx: Any, grad: Any, _: Any) -> Any:
            (order,) = ctx.saved_tensors
            return flambeau.zeros_like(grad).index_add(0, order, grad)

    x = flambeau.tensor([3.0, 1.0, 2.0], requires_grad=True)
    values, order = Sorted.apply(x)
    assert values.requires_grad and not order.requires_grad
    weight = flambeau.arange(3.0).requires_grad_()
    (g,) = flambeau.autograd.grad((values * weight).sum(), x, create_graph=True)
    assert g.tolist() == [2.0, 0.0, 1.0]
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()

    class AddOne(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.mark_dirty(x)
            return x.add_(1)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * 5

    y = x * 2
    z = AddOne.apply(y)
    assert z is y
    z.sum().backward()
    assert x.grad.tolist() == [10.0, 10.0, 10.0]


def test_function_with_wrong_number_of_gradients_names_itself() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x + y

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad, grad, grad

    x = flambeau.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"Wrong.*incorrect number of gradients"):
        Wrong.apply(x, x).sum().backward()


def test_function_without_needed_inputs_is_told_so() -> None:
    seen: list[Any] = []

    class Two(Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x * y

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            seen.append(ctx.needs_input_grad)
            return grad, None

    Two.apply(flambeau.ones(2, requires_grad=True), flambeau.ones(2)).sum().backward()
    assert seen == [(True, False)]


# --- depth, threads, memory -----------------------------------------------------------------------


def test_a_graph_of_100000_nodes_runs_and_is_freed_without_recursion() -> None:
    x = flambeau.ones(1, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1.0
    unused = x
    for _ in range(100_000):
        unused = unused * 1.0
    del unused, y  # freed without having run


def test_backward_from_several_threads() -> None:
    w = flambeau.ones(8, 8, requires_grad=True)
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            x = flambeau.full((8, 8), float(seed), requires_grad=True)
            for _ in range(50):
                (x @ w).sum().backward()
            expected = flambeau.full((8, 8), 8.0 * 50)
            assert flambeau.equal(x.grad, expected)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert w.grad[0, 0].item() == 50 * 8 * (0 + 1 + 2 + 3)


def test_other_threads_run_while_a_kernel_does() -> None:
    a = flambeau.ones(1500, 1500)
    ticks, stop = [0], threading.Event()

    def tick() -> None:
        while not stop.is_set():
            ticks[0] += 1
            time.sleep(0.0005)

    thread = threading.Thread(target=tick)
    thread.start()
    before = ticks[0]
    for _ in range(5):
        a @ a
    during = ticks[0] - before
    stop.set()
    thread.join()
    assert during > 5


def test_what_a_graph_holds_is_freed() -> None:
    x = flambeau.ones(3, requires_grad=True)

    class Big(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.helper = Marker()
            marks.append(weakref.ref(ctx.helper))
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * 2

    class Marker:
        pass

    marks: list[Any] = []
    y = Big.apply(x)
    y.sum().backward()
    del y
    gc.collect()
    assert marks[0]() is None


def test_a_cycle_through_a_hook_is_collected() -> None:
    class Marker:
        pass

    marker = Marker()
    alive = weakref.ref(marker)
    x = flambeau.ones(2, requires_grad=True)
    x.note = (marker, x)
    del marker, x
    gc.collect()
    assert alive() is None


def test_deepcopy_of_a_non_leaf_is_refused() -> None:
    x = flambeau.ones(2, requires_grad=True)
    assert copy.deepcopy(x).requires_grad
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)


def test_anomaly_mode_names_the_forward_line() -> None:
    x = flambeau.tensor([-1.0], requires_grad=True)
    with (
        flambeau.autograd.detect_anomaly(),
        pytest.warns(UserWarning, match="test_autograd"),
        pytest.raises(RuntimeError, match=r"SqrtBackward.*nan"),
    ):
        x.sqrt().sum().backward()

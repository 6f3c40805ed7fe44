"""The profiler: what it records of operators, derivatives, modules, memory, threads and steps."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import pytest
from profiler_helpers import Net, check_tree, named, no_garbage as no_garbage

import flambeau as fb
from flambeau import nn
from flambeau.profiler import (
    FunctionEvent,
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
)


def test_operators_nest_in_the_blocks_around_them() -> None:
    x = fb.ones(4, 5)
    with profile() as prof, record_function("outer"):
        with record_function("inner"):
            y = x + 1
        y.mul_(2)
    events = prof.events()
    check_tree(events)
    outer, inner, add, mul = events
    assert [event.name for event in events] == ["outer", "inner", "aten::add", "aten::mul_"]
    assert inner.cpu_parent is outer and add.cpu_parent is inner and mul.cpu_parent is outer
    assert outer.is_user_annotation and not add.is_user_annotation
    assert (outer.scope, add.scope) == (7, 0)
    assert not fb._C._profile_on()


def test_operators_inside_operators_are_seen() -> None:
    x = fb.rand(3, 4)
    with profile() as prof:
        nn.functional.relu(x)
    (outer,) = [event for event in prof.events() if event.cpu_parent is None]
    assert [child.name for child in outer.cpu_children] == ["aten::relu"]
    check_tree(prof.events())


def test_shapes_types_and_numbers() -> None:
    a, b = fb.rand(2, 3), fb.rand(3)
    with profile(record_shapes=True) as prof:
        fb.add(a, b, alpha=3)
        fb.cat([a, a.double()], dim=1)
        fb.sum(a, dim=(0, 1), keepdim=True)
    add, to_double, cat, total = [e for e in prof.events() if e.cpu_parent is None]
    assert add.input_shapes == [[2, 3], [3], []]
    assert add.concrete_inputs == [None, None, 3]
    assert add.input_dtypes == ["float32", "float32", None]
    assert to_double.input_shapes[0] == [2, 3]
    assert cat.input_shapes == [[], []]
    assert cat.structured_input_shapes[0] == [[2, 3], [2, 3]]
    assert cat.concrete_inputs == [None, 1]
    assert total.concrete_inputs[1:3] == [[0, 1], True]
    with profile() as prof:
        fb.add(a, b)
    assert prof.events()[0].input_shapes == []


def test_memory_is_what_was_allocated_less_what_was_released() -> None:
    x = fb.ones(1000, 256)
    nbytes = 1000 * 256 * 4
    with profile(profile_memory=True) as prof:
        with record_function("keeps"):
            y = x + 1
        with record_function("drops"):
            z = x * 2
            del z
        with record_function("releases"):
            del y
        view = x.t()
    by_name = {event.name: event for event in prof.events()}
    assert by_name["aten::add"].cpu_memory_usage == nbytes
    assert by_name["keeps"].cpu_memory_usage == nbytes
    assert by_name["keeps"].self_cpu_memory_usage == 0
    assert by_name["drops"].cpu_memory_usage == 0
    assert by_name["drops"].self_cpu_memory_usage == -nbytes
    assert by_name["releases"].cpu_memory_usage == -nbytes
    assert by_name["aten::t"].cpu_memory_usage == 0 and view.shape == (256, 1000)
    with profile() as prof:
        x + 1
    assert prof.events()[0].cpu_memory_usage == 0


def test_memory_released_between_operators() -> None:
    x = fb.ones(100)
    with profile(profile_memory=True) as prof:
        y = x + 1
        del y
        x * 2
    assert [event.cpu_memory_usage for event in named(prof.events(), "[memory]")] == [-400]
    assert sum(event.cpu_memory_usage for event in prof.events()) == 400


def test_memory_of_resized_and_shared_storages() -> None:
    with profile(profile_memory=True) as prof, record_function("all"):
        x = fb.ones(10)
        x.resize_(1000)
        x.share_memory_()
        del x
    assert named(prof.events(), "all")[0].cpu_memory_usage == 0


def test_module_paths_forward_and_backward() -> None:
    model, x = Net(), fb.rand(4, 8)
    with profile(with_modules=True) as prof:
        model(x).backward()
    events = prof.events()
    check_tree(events)
    assert [event.module for event in named(events, "aten::linear")] == [
        "encoder.layers.0.linear1",
        "encoder.layers.0.linear2",
        "encoder.layers.1.linear1",
        "encoder.layers.1.linear2",
        "head",
    ]
    assert [event.module for event in named(events, "aten::relu")] == [
        "encoder.layers.0",
        "encoder.layers.1",
    ]
    assert named(events, "aten::sum")[0].module == "Net"
    linear = named(events, "LinearBackward0")
    assert [event.module for event in linear] == [
        "head",
        "encoder.layers.1.linear2",
        "encoder.layers.1.linear1",
        "encoder.layers.0.linear2",
        "encoder.layers.0.linear1",
    ]
    assert all(child.module == event.module for event in linear for child in event.cpu_children)
    averages = prof.key_averages(group_by_module=True)
    assert {a.module: a.count for a in averages if a.key == "aten::relu"} == {
        "encoder.layers.0": 1,
        "encoder.layers.1": 1,
    }
    assert "encoder.layers.0.linear1" in averages.table()
    assert "Module" not in prof.key_averages().table()


def test_modules_that_are_replaced_get_their_new_path() -> None:
    x = fb.rand(1, 8)
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
    with profile(with_modules=True) as prof:
        model(x)
        model[1], model[0] = model[0], nn.Identity()
        with_new_root = nn.Sequential(model)
        with_new_root(x)
    assert [event.module for event in named(prof.events(), "aten::linear")][1] == "0.1"


def test_no_modules_unless_asked() -> None:
    with profile() as prof:
        Net()(fb.rand(1, 8))
    assert {event.module for event in prof.events()} == {""}


def test_an_error_in_a_module_ends_its_span() -> None:
    class Fails(nn.Module):
        def forward(self, x: Any) -> Any:
            x + 1
            raise KeyError("inside")

    with profile(with_modules=True) as prof:
        with pytest.raises(KeyError):
            Fails()(fb.ones(2))
        fb.ones(3)
    assert [(event.name, event.module) for event in prof.events() if not event.cpu_parent][1:] == [
        ("aten::add", "Fails"),
        ("aten::ones", ""),
    ]


def test_backward_joins_its_forward() -> None:
    x = fb.rand(3, requires_grad=True)
    with profile() as prof:
        (x * x).sum().backward()
    events = prof.events()
    check_tree(events)
    forward, backward = named(events, "aten::mul")[0], named(events, "MulBackward0")[0]
    assert forward.sequence_nr == backward.sequence_nr >= 0
    assert (backward.scope, backward.fwd_thread, forward.fwd_thread) == (1, forward.thread, 0)
    assert backward.cpu_children
    assert len(named(events, "AccumulateGrad")) == 1


def test_backward_alone_and_of_a_function() -> None:
    class Twice(fb.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * 2

    x = fb.rand(3, requires_grad=True)
    with profile() as prof:
        loss = Twice.apply(x).sum()
    assert [child.name for child in named(prof.events(), "Twice")[0].cpu_children] == ["aten::mul"]
    with profile() as prof:
        loss.backward()
    event = named(prof.events(), "TwiceBackward")[0]
    assert [child.name for child in event.cpu_children] == ["aten::mul"]


def test_the_steps_of_training_are_named() -> None:
    data = fb.utils.data.TensorDataset(fb.rand(4, 8))
    model = Net()
    optimizer = fb.optim.SGD(model.parameters(), lr=0.1)
    with profile() as prof:
        for (x,) in fb.utils.data.DataLoader(data, batch_size=2):
            optimizer.zero_grad()
            model(x).backward()
            optimizer.step()
    counts = {average.key: average.count for average in prof.key_averages()}
    assert counts["Optimizer.zero_grad#SGD.zero_grad"] == 2
    assert counts["Optimizer.step#SGD.step"] == 2
    # The third is the one that finds no more.
    assert counts["enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"] == 3
    check_tree(prof.events())


def test_all_threads_are_seen() -> None:
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait()
        with record_function("worker"):
            for _ in range(20):
                fb.ones(5) + 1

    with profile() as prof:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        fb.ones(2)
    events = prof.events()
    check_tree(events)
    workers = named(events, "worker")
    assert len({event.thread for event in workers}) == 2
    assert all(len(event.cpu_children) == 40 for event in workers)
    assert len({event.thread for event in events}) == 3
    assert len({event.device_resource_id for event in events}) == 3


def test_threads_that_run_while_it_stops() -> None:
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with record_function("loop"):
                fb.ones(3).sum()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(50):
            with profile(record_shapes=True, profile_memory=True) as prof:
                fb.ones(4) * 2
            check_tree(prof.events())
    finally:
        stop.set()
        thread.join()


def test_a_block_left_in_another_thread_ends_with_the_recording() -> None:
    block = record_function("moves")
    with profile() as prof:
        thread = threading.Thread(target=block.__enter__)
        thread.start()
        thread.join()
        fb.ones(1)
        block.__exit__(None, None, None)
    (event,) = named(prof.events(), "moves")
    assert event.time_range.end >= named(prof.events(), "aten::ones")[0].time_range.end


def test_blocks_open_when_it_starts_or_stops() -> None:
    before, after = record_function("before"), record_function("after")
    before.__enter__()
    with profile() as prof:
        before.__exit__(None, None, None)
        after.__enter__()
        fb.ones(1)
    after.__exit__(None, None, None)
    assert [event.name for event in prof.events()] == ["after", "aten::ones"]
    check_tree(prof.events())


def test_a_decorated_function_may_call_itself() -> None:
    @record_function("fib")
    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    with profile() as prof:
        assert fib(4) == 3
    assert len(prof.events()) == 9
    assert max(_depth(event) for event in prof.events()) == 4


def _depth(event: FunctionEvent) -> int:
    return 1 + (_depth(event.cpu_parent) if event.cpu_parent else 0)


def test_an_error_inside_ends_the_recording() -> None:
    with pytest.raises(ZeroDivisionError), profile() as prof, record_function("block"):
        fb.ones(2)
        _ = 1 / 0
    assert [event.name for event in prof.events()] == ["block", "aten::ones"]
    assert not fb._C._profile_on()


def test_an_operator_that_fails_is_recorded() -> None:
    with profile() as prof, pytest.raises(RuntimeError):
        fb.ones(2, 3) @ fb.ones(2, 3)
    assert named(prof.events(), "aten::matmul")
    check_tree(prof.events())


def test_a_second_profiler_is_refused() -> None:
    with profile() as prof:
        with pytest.raises(RuntimeError, match="already enabled"), profile():
            pass
        with pytest.raises(RuntimeError, match="started already"):
            prof.start()
        fb.ones(1)
    assert len(prof.events()) == 1
    with profile() as again:
        fb.ones(1)
    assert len(again.events()) == 1


def test_the_older_module() -> None:
    module = fb.autograd.profiler
    with module.profile(record_shapes=True) as prof, module.record_function("block"):
        fb.ones(2) + 1
    assert [event.name for event in prof.function_events] == ["block", "aten::ones", "aten::add"]
    assert "aten::add" in prof.table() and prof.total_average().count == 3
    assert prof.self_cpu_time_total == prof.events().self_cpu_time_total
    with fb.autograd.profiler.profile(enabled=False), profile() as inner:
        fb.ones(1)
    assert len(inner.events()) == 1
    with pytest.warns(UserWarning, match="CUDA is not available"):
        fb.autograd.profiler.profile(use_cuda=True)


def test_activities() -> None:
    with pytest.warns(UserWarning, match="CUDA is not available"):
        prof = profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA])
    with prof:
        fb.ones(1)
    assert len(prof.events()) == 1
    with pytest.raises(AssertionError, match="No valid profiler activities"):
        profile(activities=[])
    with pytest.raises(AssertionError, match="No activities"), pytest.warns(UserWarning):
        profile(activities=[ProfilerActivity.CUDA])
    with pytest.raises(TypeError, match="ProfilerActivity"):
        profile(activities=["cpu"])  # type: ignore[list-item]


def test_steps_follow_the_schedule() -> None:
    ready: list[list[str]] = []

    def collect(prof: profile) -> None:
        ready.append([e.name for e in prof.events() if e.is_user_annotation])

    plan = schedule(wait=1, warmup=1, active=2, repeat=2)
    with profile(schedule=plan, on_trace_ready=collect) as prof:
        for step in range(10):
            fb.ones(step + 1)
            prof.step()
    assert ready == [
        ["ProfilerStep#2", "ProfilerStep#3"],
        ["ProfilerStep#6", "ProfilerStep#7"],
    ]
    assert len(named(prof.events(), "aten::ones")) == 2


def test_a_cycle_that_is_cut_short_is_handed_over() -> None:
    ready = []
    plan = schedule(wait=0, warmup=1, active=5)
    with profile(schedule=plan, on_trace_ready=lambda p: ready.append(len(p.events()))) as prof:
        for _ in range(3):
            prof.step()
            fb.ones(1)
    assert ready == [6]


def test_cycles_are_added_up_where_asked() -> None:
    plan = schedule(wait=1, warmup=1, active=1, repeat=2)
    with profile(schedule=plan, acc_events=True) as prof:
        for _ in range(6):
            fb.ones(1)
            prof.step()
    assert len(named(prof.events(), "aten::ones")) == 2


def test_schedule_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    from itertools import product

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for wait, warmup, active, repeat, skip, skip_wait in product(
            (0, 2), (0, 1), (1, 3), (0, 1, 2), (0, 2), (0, 1)
        ):
            options = {
                "wait": wait, "warmup": warmup, "active": active, "repeat": repeat,
                "skip_first": skip, "skip_first_wait": skip_wait,
            }  # fmt: skip
            ours, theirs = schedule(**options), torch.profiler.schedule(**options)
            for step in range(20):
                assert ours(step).name == theirs(step).name, (options, step)
    with pytest.raises(AssertionError):
        schedule(wait=-1, warmup=0, active=1)
    with pytest.raises(AssertionError):
        schedule(wait=1, warmup=0, active=0)
    with pytest.warns(UserWarning, match="warmup"):
        plan = schedule(wait=0, warmup=0, active=1)
    assert plan(0) is ProfilerAction.RECORD_AND_SAVE
    with pytest.raises(AssertionError):
        plan(-1)


def test_operators_work_the_same_while_profiled() -> None:
    fb.manual_seed(0)
    model, x = Net(), fb.rand(4, 8)
    model(x).backward()
    plain = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    with profile(record_shapes=True, profile_memory=True, with_modules=True):
        model(x).backward()
    for parameter, grad in zip(model.parameters(), plain, strict=True):
        assert fb.equal(parameter.grad, grad)

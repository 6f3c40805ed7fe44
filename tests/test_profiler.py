"""The profiler: what it records of operators, derivatives, modules, memory, threads and steps."""

from __future__ import annotations

import gzip
import json
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

import flambeau as fb
from flambeau import nn
from flambeau.profiler import (
    EventList,
    FunctionEvent,
    ProfilerAction,
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    tensorboard_trace_handler,
)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(8, 16)
        self.linear2 = nn.Linear(16, 8)

    def forward(self, x: Any) -> Any:
        return x + self.linear2(fb.relu(self.linear1(x)))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        for layer in self.encoder.layers:
            x = layer(x)
        return self.head(x).sum()


def named(events: EventList, name: str) -> list[FunctionEvent]:
    return [event for event in events if event.name == name]


def check_tree(events: EventList) -> None:
    """Parents enclose their children, and the self times of a tree add up to its total."""
    for event in events:
        assert event.time_range.end >= event.time_range.start >= 0
        assert event.self_cpu_time_total >= -1e-6
        end = event.time_range.start
        for child in event.cpu_children:
            assert child.cpu_parent is event and child.thread == event.thread
            assert child.time_range.start >= end
            end = child.time_range.end
        assert end <= event.time_range.end + 1e-9
    roots = sum(event.cpu_time_total for event in events if event.cpu_parent is None)
    assert events.self_cpu_time_total == pytest.approx(roots)


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


def test_results_need_a_finished_recording() -> None:
    prof = profile()
    for call in (prof.events, prof.key_averages, prof.stop, lambda: prof.export_chrome_trace("x")):
        with pytest.raises(AssertionError, match="must be initialized"):
            call()
    with prof, pytest.raises(RuntimeError, match="didn't finish running"):
        prof.events()
    assert list(prof.events()) == []
    assert prof.key_averages().table() == ""


def test_averages_add_up() -> None:
    a, b = fb.rand(2, 3), fb.rand(4, 5)
    with profile(record_shapes=True) as prof:
        for _ in range(3):
            a + a
        b + b
    events = prof.events()
    (average,) = prof.key_averages()
    assert (average.key, average.count, average.input_shapes) == ("aten::add", 4, "")
    assert average.cpu_time_total == pytest.approx(sum(e.cpu_time_total for e in events))
    assert average.cpu_time == pytest.approx(average.cpu_time_total / 4)
    shapes = prof.key_averages(group_by_input_shape=True)
    assert [(e.input_shapes, e.count) for e in shapes] == [
        ([[2, 3], [2, 3], []], 3),
        ([[4, 5], [4, 5], []], 1),
    ]
    total = prof.key_averages().total_average()
    assert (total.key, total.count) == ("Total", 4)


def test_table_sorts_limits_and_refuses() -> None:
    x = fb.rand(50, 50)
    with profile(profile_memory=True, record_shapes=True) as prof:
        for _ in range(3):
            x + 1
        x @ x
    averages = prof.key_averages()
    table = averages.table(sort_by="count", row_limit=1, header="first")
    assert "aten::add" in table and "aten::matmul" not in table
    assert table.splitlines()[1] == "first" and "Self CPU Mem" in table
    assert "9.77 KB" in averages.table(row_limit=-1)
    assert "Input Shapes" in prof.key_averages(group_by_input_shape=True).table()
    assert averages.table(sort_by="cuda_time_total").count("aten::") == 2
    assert "ms" in averages.table(time_unit="ms")
    assert str(averages) == averages.table()
    with pytest.raises(ValueError, match="sort_by must be one of cpu_time, "):
        averages.table(sort_by="speed")
    with pytest.raises(ValueError, match="time_unit"):
        averages.table(time_unit="h")
    with pytest.raises(RuntimeError, match="no place in time"):
        averages.export_chrome_trace("nowhere.json")


def test_flops() -> None:
    F = nn.functional
    a, b, batch = fb.rand(3, 4), fb.rand(4, 5), fb.rand(2, 3, 4)
    image, weight = fb.rand(2, 6, 9, 10), fb.rand(8, 3, 3, 1)
    with profile(with_flops=True) as prof:
        found = {}
        for name, call in {
            "mm": lambda: a.mm(b),
            "batch": lambda: batch @ b,
            "vector": lambda: a @ b[:, 0],
            "addmm": lambda: fb.addmm(fb.zeros(5), a, b),
            "linear": lambda: F.linear(batch, fb.rand(7, 4)),
            "conv": lambda: F.conv2d(image, weight, stride=2, padding=1, groups=2),
            "same": lambda: F.conv2d(image, weight, padding="same", groups=2),
            "transposed": lambda: F.conv_transpose2d(fb.rand(1, 8, 5, 5), weight),
            "add": lambda: fb.rand(3, 1) + fb.rand(4),
            "attention": lambda: F.scaled_dot_product_attention(*[fb.rand(2, 3, 5, 4)] * 3),
            "other": lambda: a.exp(),
        }.items():
            with record_function(name):
                call()
    for event in prof.events():
        if event.is_user_annotation:
            found[event.name] = sum(inside.flops for inside in _inside(event))
    assert found == {
        "mm": 2 * 3 * 4 * 5,
        "batch": 2 * 2 * 3 * 4 * 5,
        "vector": 2 * 3 * 4,
        "addmm": 2 * 3 * 4 * 5,
        "linear": 2 * 6 * 4 * 7,
        "conv": 2 * 2 * 5 * 6 * weight.numel(),
        "same": 2 * 2 * 9 * 10 * weight.numel(),
        "transposed": 2 * 8 * 25 * 3 * 3,
        "add": 12,
        "attention": 2 * 6 * 5 * 5 * 8,
        "other": 0,
    }
    assert "KFLOPs" in prof.key_averages().table()


def test_flops_of_a_convolution_backward() -> None:
    conv = nn.Conv2d(3, 8, 3)
    with profile(with_flops=True) as prof:
        conv(fb.rand(2, 3, 8, 8, requires_grad=True)).sum().backward()
    forward = 2 * 2 * 36 * conv.weight.numel()
    parts = [event.flops for event in prof.events() if "conv" in event.name and event.flops]
    assert parts == [forward] * 3


def _inside(event: FunctionEvent) -> list[FunctionEvent]:
    return [event] + [each for child in event.cpu_children for each in _inside(child)]


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


@pytest.mark.parametrize("ending", ["json", "json.gz"])
def test_chrome_trace(tmp_path: Path, ending: str) -> None:
    model, x = Net(), fb.rand(2, 8)
    prof = profile(record_shapes=True, profile_memory=True, with_modules=True)
    with prof, record_function('a "quoted" näme'):
        model(x).backward()
    prof.add_metadata("model", "net")
    prof.add_metadata_json("sizes", "[1, 2]")
    path = tmp_path / f"trace.{ending}"
    prof.export_chrome_trace(str(path))
    opened = gzip.open if ending.endswith("gz") else open
    with opened(path, "rt", encoding="utf-8") as file:
        trace = json.load(file)
    assert (trace["model"], trace["sizes"], trace["displayTimeUnit"]) == ("net", [1, 2], "ms")
    entries = trace["traceEvents"]
    for entry in entries:
        assert {"ph", "name", "pid", "tid", "ts"} <= entry.keys()
        assert entry["ph"] in "XMCsf"
        if entry["ph"] == "X":
            assert entry["dur"] >= 0 and entry["ts"] >= 0
    spans = [entry for entry in entries if entry["ph"] == "X"]
    assert {entry["cat"] for entry in spans} == {"cpu_op", "user_annotation", "module"}
    linear = next(entry for entry in spans if entry["name"] == "aten::linear")
    assert linear["args"]["Input Dims"] == [[2, 8], [16, 8], [16]]
    assert linear["args"]["Module"] == "encoder.layers.0.linear1"
    assert linear["args"]["Bytes"] == 2 * 16 * 4
    assert {e["name"] for e in spans if e["cat"] == "module"} >= {"Net", "encoder.layers.1", "head"}
    arrows = [entry for entry in entries if entry.get("cat") == "fwdbwd"]
    assert len(arrows) % 2 == 0 and {entry["ph"] for entry in arrows} == {"s", "f"}
    assert any(entry["ph"] == "C" and entry["args"]["allocated"] > 0 for entry in entries)
    # On one thread spans nest: none begins inside another and ends after it.
    ends: list[float] = []
    for entry in sorted(spans, key=lambda e: (e["ts"], -e["dur"])):
        while ends and ends[-1] <= entry["ts"] + 2e-3:
            ends.pop()
        assert not ends or entry["ts"] + entry["dur"] <= ends[-1] + 2e-3
        ends.append(entry["ts"] + entry["dur"])


def test_tensorboard_files(tmp_path: Path) -> None:
    folder = tmp_path / "log" / "run"
    for zipped in (False, True):
        handler = tensorboard_trace_handler(str(folder), worker_name="w", use_gzip=zipped)
        with profile(on_trace_ready=handler):
            fb.ones(1)
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 2 and all(name.startswith("w.") for name in names)
    assert {name.endswith(".pt.trace.json.gz") for name in names} == {True, False}
    (tmp_path / "file").write_text("")
    prof = profile(on_trace_ready=tensorboard_trace_handler(str(tmp_path / "file")))
    with pytest.raises(RuntimeError, match="Can't create directory"), prof:
        fb.ones(1)
    assert not fb._C._profile_on()


def test_fields_and_columns_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")

    def run(lib: Any) -> Any:
        x = lib.ones(4, 6)
        with (
            lib.profiler.profile(
                activities=[lib.profiler.ProfilerActivity.CPU],
                record_shapes=True,
                profile_memory=True,
            ) as prof,
            lib.profiler.record_function("block"),
        ):
            y = x.add(x)
            lib.relu(y)
        return prof

    ours, theirs = run(fb), run(torch)
    for key in ("block", "aten::add", "aten::relu"):
        (a,) = [e for e in ours.key_averages(group_by_input_shape=True) if e.key == key]
        (b,) = [e for e in theirs.key_averages(group_by_input_shape=True) if e.key == key]
        assert (a.count, a.input_shapes) == (b.count, b.input_shapes)
        assert a.cpu_memory_usage == b.cpu_memory_usage
        assert a.is_user_annotation == b.is_user_annotation and a.scope == b.scope
        missing = {name for name in vars(b) if not name.startswith("_")} - set(dir(a))
        assert not missing - {"overload_name"}
    (event,) = [e for e in theirs.events() if e.name == "aten::add"]
    mine = next(e for e in ours.events() if e.name == "aten::add")
    assert mine.input_shapes == event.input_shapes
    assert mine.concrete_inputs == event.concrete_inputs
    columns = [
        [cell for cell in prof.key_averages().table().splitlines()[1].split("  ") if cell.strip()]
        for prof in (ours, theirs)
    ]
    assert [c.strip() for c in columns[0]] == [c.strip() for c in columns[1]]


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

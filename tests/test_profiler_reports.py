"""What the profiler makes of a recording: sums, tables, traces, stacks, estimates."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from profiler_helpers import Net, named, no_garbage as no_garbage

import flambeau as fb
from flambeau import nn
from flambeau.profiler import (
    FunctionEvent,
    profile,
    record_function,
    tensorboard_trace_handler,
)


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


def test_stacks_name_the_callers() -> None:
    x = fb.rand(3, requires_grad=True)

    def inner() -> Any:
        return (x * 2).sum()

    with profile(with_stack=True) as prof:
        inner().backward()
    mul = named(prof.events(), "aten::mul")[0]
    assert mul.stack[0].startswith(f"{__file__}(") and mul.stack[0].endswith("): inner")
    assert mul.stack[1].endswith("): test_stacks_name_the_callers")
    backward = named(prof.events(), "MulBackward0")[0]
    assert backward.stack == mul.stack
    assert all(child.stack == mul.stack for child in backward.cpu_children)
    averages = prof.key_averages(group_by_stack_n=2)
    assert "): inner" in averages.table() and "Source Location" in averages.table()
    assert all(len(average.stack) <= 2 for average in averages)
    assert "Source Location" not in prof.key_averages().table()
    with profile() as prof:
        inner()
    assert {len(event.stack) for event in prof.events()} == {0}


def test_stacks_of_operators_that_let_go_of_the_interpreter() -> None:
    big = fb.rand(300, 300)

    def work() -> None:
        for _ in range(20):
            big @ big

    with profile(with_stack=True) as prof:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        work()
    for thread in threads:
        thread.join()
    found = named(prof.events(), "aten::matmul")
    assert len(found) >= 20
    assert all("): work" in event.stack[0] for event in found)


def test_stacks_for_flame_graphs(tmp_path: Path) -> None:
    x = fb.rand(200, 200)
    with profile(with_stack=True) as prof:
        for _ in range(20):
            x @ x
    path = tmp_path / "stacks.txt"
    prof.export_stacks(str(path))
    lines = path.read_text().splitlines()
    assert lines
    for line in lines:
        frames, value = line.rsplit(" ", 1)
        assert int(value) > 0 and frames.endswith(";aten::matmul")
        assert "test_stacks_for_flame_graphs" in frames.split(";")[-2]
    with pytest.raises(ValueError, match="metric"):
        prof.export_stacks(str(path), "time")

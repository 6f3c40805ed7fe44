"""Models in processes: what travels, and what happens when one of the processes is lost."""

import asyncio
import datetime
import errno
import gc
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import flambeau as fb

pytest.importorskip("msgspec")

import msgspec
from serve_helpers import FAR, Heard, outcome, play, soon, submit, until

from flambeau.serve.batching import Answer, Batch, Batcher
from flambeau.serve.errors import DeadlineExceeded, InvalidInput, ModelFailed, Unavailable
from flambeau.serve.generators import AHEAD
from flambeau.serve.processes import ProcessRunner

__all__ = ["play"]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Person(msgspec.Struct):
    name: str
    born: datetime.date


def negate(items):
    return [{"y": -item["x"], "pid": os.getpid()} for item in items]


def runner(run, workers=1, **settings):
    return ProcessRunner(lambda: run, workers, **settings)


def ask(batcher, x):
    return submit(batcher, {"x": x})


async def answer(batcher, item):
    """Ask until there is an answer."""
    while not isinstance(found := await outcome(submit(batcher, item)), Answer):
        assert isinstance(found, DeadlineExceeded | Unavailable)
        await asyncio.sleep(0.01)
    return found


class Lost(Heard):
    def __init__(self):
        super().__init__()
        self.lost = 0

    def worker_lost(self, model):
        self.lost += 1


async def gone(*pids):
    """Wait until processes have ended; those that nobody waits for may stay as zombies."""

    def is_gone(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return True

    await until(lambda: all(map(is_gone, pids)))


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@needs_proc
def test_batches_run_in_processes_that_end_with_the_drain(play):
    async def main():
        run = runner(negate, 2)
        batcher = Batcher(run, Batch(max_size=4))
        batcher.start()
        xs = [fb.randn(3) for _ in range(40)]
        answers = await asyncio.gather(*[ask(batcher, x) for x in xs])
        assert all(fb.equal(a.result["y"], -x) for a, x in zip(answers, xs, strict=True))
        pids = {a.result["pid"] for a in answers}
        assert pids <= set(run._workers) and os.getpid() not in pids
        zygote = run._zygote.pid
        await batcher.drain(FAR)
        await gone(zygote, *pids)
        batcher.start()  # and again
        assert (await ask(batcher, 1)).result["y"] == -1
        await batcher.drain(FAR)

    play(main())


def test_batches_are_spread_over_idle_processes(play, tmp_path):
    def meet(items):
        """Waits until all have come."""
        (tmp_path / str(items[0])).touch()
        while len(list(tmp_path.iterdir())) < 3:
            time.sleep(0.001)
        return [os.getpid()] * len(items)

    async def main():
        batcher = Batcher(runner(meet, 3, timeout=FAR))
        answers = await asyncio.gather(*[submit(batcher, i) for i in range(3)])
        assert len({answer.result for answer in answers}) == 3
        await batcher.drain(FAR)

    play(main())


def test_failures_come_back(play, caplog):
    def run(items):
        if 1 in items:
            raise ValueError("in the process")
        return [
            InvalidInput("no", param="x") if i == 2 else object() if i == 3 else i for i in items
        ]

    async def main():
        batcher = Batcher(runner(run), Batch(max_size=4))
        tasks = [submit(batcher, i) for i in range(4)] + [submit(batcher, object())]
        found = [await outcome(task) for task in tasks]
        assert [type(f) for f in found] == [
            Answer,
            ModelFailed,
            InvalidInput,
            ModelFailed,
            ModelFailed,
        ]
        assert found[2].param == "x" and "process" not in str(found[1].body())
        await batcher.drain(FAR)

    play(main())
    assert "ValueError: in the process" in caplog.text


def test_large_batches_travel_whole_even_if_nobody_waits(play):
    def double(items):
        return [item * 2 for item in items]

    async def main():
        batcher = Batcher(runner(double, timeout=FAR))
        large = fb.randn(3, 500, 500)
        left = [submit(batcher, large), submit(batcher, large)]
        await until(lambda: not batcher.waiting)
        for task in left:
            task.cancel()
        for items in ([fb.ones(2)], [large] * 3, [fb.ones(2)] * 2):
            answers = await asyncio.gather(*[submit(batcher, item) for item in items])
            for item, answer in zip(items, answers, strict=True):
                assert fb.equal(answer.result, item * 2)
        await batcher.drain(FAR)

    play(main())


def test_async_functions_run_in_processes(play):
    async def run(items):
        await asyncio.sleep(0)
        return [(os.getpid(), item) for item in items]

    async def main():
        batcher = Batcher(runner(run))
        pid, item = (await submit(batcher, "x")).result
        assert item == "x" and pid != os.getpid()
        await batcher.drain(FAR)

    play(main())


def stall(items):
    """Answers, hangs, or ends its process."""
    for item in items:
        if item == "hang":
            time.sleep(FAR)
        if item == "exit":
            os._exit(3)
    return [os.getpid()] * len(items)


@pytest.mark.parametrize("how", ["SIGKILL", "exit"])
def test_who_waits_for_a_lost_process_is_told_at_once(play, how):
    async def main():
        events = Lost()
        run = runner(stall, 2, events=events, timeout=FAR)
        batcher = Batcher(run, Batch(max_size=3), events=events)
        first = (await submit(batcher, "x")).result
        tasks = [submit(batcher, "exit" if how == "exit" else "hang") for _ in range(6)]
        if how != "exit":
            await until(
                lambda: len(run._workers) == 2 and all(w.is_busy for w in run._workers.values())
            )
            for pid in list(run._workers):
                os.kill(pid, signal.SIGKILL)
        for task in tasks:
            error = await outcome(task)
            assert isinstance(error, Unavailable) and error.retry_after > 0
        again = await answer(batcher, "x")
        assert again.result != first
        assert events.lost >= 2
        await batcher.drain(FAR)

    play(main())


def test_a_process_that_hangs_is_killed_and_replaced(play):
    async def main():
        events = Lost()
        batcher = Batcher(runner(stall, 1, timeout=0.2, events=events))

        # On a busy machine any process may seem to hang.
        first = (await answer(batcher, "x")).result
        assert isinstance(await outcome(submit(batcher, "hang")), DeadlineExceeded)
        second = (await answer(batcher, "x")).result
        left = submit(batcher, "hang", time.monotonic() + 0.05)  # nobody waits when it is killed
        assert isinstance(await outcome(left), DeadlineExceeded)
        third = (await answer(batcher, "x")).result
        assert len({first, second}) == 2 and third and events.lost
        await batcher.drain(FAR)

    play(main())


@needs_proc
def test_the_runner_recovers_from_a_lost_zygote(play):
    async def main():
        run = runner(stall, 2, timeout=FAR)
        batcher = Batcher(run)
        assert (await submit(batcher, "x")).result
        await until(lambda: len(run._workers) == 2)
        waiting = submit(batcher, "hang")
        await until(lambda: any(worker.is_busy for worker in run._workers.values()))
        pids = list(run._workers)
        os.kill(run._zygote.pid, signal.SIGKILL)
        assert isinstance(await outcome(waiting), Unavailable)
        found = await answer(batcher, "x")
        assert found.result not in pids
        await gone(*pids)
        await batcher.drain(FAR)

    play(main())


def test_processes_that_do_not_start_are_started_ever_less_often(play, tmp_path, caplog):
    def make_run():
        with open(tmp_path / "starts", "a") as file:
            file.write("x")
        if not (tmp_path / "fixed").exists():
            raise RuntimeError("no such weights")
        return stall

    async def main():
        events = Lost()
        run = ProcessRunner(make_run, 2, events=events)
        batcher = Batcher(run)
        error = await outcome(submit(batcher, "x"))
        assert isinstance(error, Unavailable) and error.retry_after > 0
        await until(lambda: run._losses >= 6)
        assert len((tmp_path / "starts").read_text()) <= events.lost + 2
        delay = run._next_start - time.monotonic()
        assert delay < 30
        (tmp_path / "fixed").touch()
        found = await answer(batcher, "x")
        assert found.result != os.getpid() and run._losses == 0
        await batcher.drain(FAR)

    play(main())
    assert "no such weights" in caplog.text


def test_processes_that_cannot_be_forked_are_forked_later(play, tmp_path, monkeypatch, caplog):
    server, fork = os.getpid(), os.fork

    def failing():
        if os.getpid() != server and not (tmp_path / "room").exists():
            raise OSError(errno.EAGAIN, "no room")
        return fork()

    async def main():
        monkeypatch.setattr(os, "fork", failing)
        run = runner(stall)
        batcher = Batcher(run)
        error = await outcome(submit(batcher, "x"))
        assert isinstance(error, Unavailable)
        (tmp_path / "room").touch()
        found = await answer(batcher, "x")
        assert found.result != os.getpid()
        await batcher.drain(FAR)

    play(main())
    assert "no process could be started" in caplog.text


def counter(item):
    def note(what):
        with open(item["file"], "a") as file:
            file.write(what)

    try:
        for i in range(item["count"]):
            note(".")
            yield i
        if item.get("fail"):
            raise ValueError("at the end")
    finally:
        note("|")


async def async_counter(item):
    for i in counter(item):
        await asyncio.sleep(0)
        yield i


@pytest.mark.parametrize("generate", [counter, async_counter])
def test_generators_run_in_processes(play, generate, tmp_path):
    async def main():
        file = tmp_path / "steps"
        batcher = Batcher(runner(generate))

        def stream(count, **more):
            return batcher.stream({"count": count, "file": str(file), **more}, soon())

        counts = (0, 1, AHEAD + 1, 50)
        found = await asyncio.gather(*[read(stream(count)) for count in counts])
        assert found == [list(range(count)) for count in counts]
        failing = stream(2, fail=True)
        assert [await anext(failing), await anext(failing)] == [0, 1]
        with pytest.raises(ModelFailed):
            await anext(failing)
        file.unlink()
        left = stream(1 << 60)
        assert [await anext(left) for _ in range(3)] == [0, 1, 2]
        await left.aclose()
        await until(lambda: "|" in file.read_text())
        # Three were taken, so many may be on their way, and the last step.
        assert len(file.read_text()) <= 3 + AHEAD + 1 + len("|")
        assert await read(stream(3)) == [0, 1, 2]
        await batcher.drain(FAR)

    play(main())


async def read(stream):
    return [part async for part in stream]


def test_a_lost_process_ends_its_stream(play, tmp_path):
    async def main():
        run = runner(counter)
        batcher = Batcher(run)
        stream = batcher.stream({"count": 1 << 60, "file": str(tmp_path / "f")}, soon())
        assert await anext(stream) == 0
        os.kill(next(iter(run._workers)), signal.SIGKILL)
        with pytest.raises(Unavailable):
            await read(stream)
        again = batcher.stream({"count": 2, "file": str(tmp_path / "f")}, soon())
        assert await read(again) == [0, 1]
        await batcher.drain(FAR)

    play(main())


def test_every_request_is_answered_once_while_processes_are_killed(play):
    async def main():
        events = Lost()
        run = runner(negate, 2, events=events, timeout=FAR)
        batcher = Batcher(run, Batch(max_size=4), queue=1000, events=events)
        fates = {}

        async def client(number):
            for step in range(25):
                x = number * 100 + step
                fate = await outcome(ask(batcher, x))
                assert x not in fates
                fates[x] = fate
                if isinstance(fate, Unavailable):
                    await asyncio.sleep(0.001)

        async def killer():
            for _ in range(4):
                await until(
                    lambda: any(w.is_busy for w in run._workers.values()) or len(fates) == 400
                )
                if run._workers:
                    os.kill(random.choice(list(run._workers)), signal.SIGKILL)
                await asyncio.sleep(0.005)

        await asyncio.gather(killer(), *[client(i) for i in range(16)])
        assert len(fates) == 16 * 25
        answered = 0
        for x, fate in fates.items():
            if isinstance(fate, Answer):
                assert fate.result["y"] == -x
                answered += 1
            else:
                assert isinstance(fate, Unavailable), fate
        assert answered and events.lost
        await batcher.drain(FAR)

    play(main())


def test_a_drain_under_load_loses_nothing(play):
    async def main():
        batcher = Batcher(runner(negate, 2), Batch(max_size=3))
        tasks = [ask(batcher, x) for x in range(60)]
        await until(lambda: batcher.waiting > 0)
        drain = asyncio.ensure_future(batcher.drain(FAR))
        assert [(await task).result["y"] for task in tasks] == [-x for x in range(60)]
        await drain

    play(main())


def test_a_runner_outlives_its_loop(play):
    batcher = Batcher(runner(negate))

    async def use():
        return (await ask(batcher, 2)).result["y"]

    assert play(use()) == -2
    assert play(use()) == -2
    play(end(batcher))


async def end(batcher):
    batcher.start()
    await batcher.drain(FAR)


@needs_proc
def test_a_forgotten_runner_ends_its_processes(play):
    pids = []

    async def use():
        run = runner(negate)
        await run([{"x": 1}])
        pids.extend([run._zygote.pid, *run._workers])

    play(use())
    gc.collect()
    play(gone(*pids))


ORPHANS = """
    import asyncio, os, sys, time
    from flambeau.serve.processes import ProcessRunner

    async def main():
        run = ProcessRunner(lambda: lambda items: [time.sleep(i) for i in items], 2)
        await run([0])
        while len(run._workers) < 2:
            await asyncio.sleep(0.001)
        print(run._zygote.pid, *run._workers, flush=True)
        if sys.argv[1] == "exit":
            os._exit(0)
        await run([1000])

    asyncio.run(main())
"""


@needs_proc
@pytest.mark.parametrize("how", ["kill", "exit"])
def test_processes_end_with_their_server(play, how):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(ORPHANS), how],
        stdout=subprocess.PIPE,
        env=environment,
    )
    with server:
        pids = list(map(int, server.stdout.readline().split()))
        assert len(pids) == 3
        if how == "kill":
            server.kill()
    play(gone(*pids))


def test_processes_share_the_threads_and_draw_other_numbers(play):
    def run(items):
        return [(fb.get_num_threads(), fb.randn(4), random.random()) for _ in items]

    async def main():
        calls = ProcessRunner(lambda: run, 2), ProcessRunner(lambda: run, 1, threads=1)
        for call in calls:
            first, second = (await call([0]))[0], (await call([0]))[0]
            assert first[0] == second[0] == max(1, fb.get_num_threads() // 2) or call is calls[1]
            assert not fb.equal(first[1], second[1]) and first[2] != second[2]
            await call.drain(FAR)
        assert first[0] == 1

    play(main())


def test_replaced_processes_finish_and_end(play, tmp_path):
    def wait(items):
        while not (tmp_path / "go").exists():
            time.sleep(0.001)
        return negate(items)

    async def main():
        old, new = runner(wait, timeout=FAR), runner(lambda items: ["new"] * len(items))
        batcher = Batcher(old, Batch(max_size=2))
        batcher.start()
        assert not batcher.is_ready
        before = [ask(batcher, i) for i in range(4)]
        await until(lambda: batcher.waiting == 2 and old.is_ready)
        batcher.replace(new)
        (tmp_path / "go").touch()
        found = [(await task).result for task in before]
        assert [f["y"] for f in found[:2]] == [0, -1] and found[2:] == ["new", "new"]
        assert (await ask(batcher, 1)).result == "new" and batcher.is_ready
        await until(lambda: not old._workers)
        with pytest.raises(Unavailable):  # who comes late starts nothing
            await old([{"x": 1}])
        assert not old._workers
        await batcher.drain(FAR)
        assert not new._workers

    play(main())


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="workers"):
        ProcessRunner(lambda: negate, 0)


def shift(batch):
    return batch + os.getpid()


def spell(text):
    yield from text


def test_served_models_run_in_processes():
    pytest.importorskip("fastapi")
    testclient = pytest.importorskip("starlette.testclient")
    from flambeau.serve import Json, Model, Tensor, Text, serve

    def name(people):
        return [[person.name, os.getpid()] for person in people]

    models = [
        Model(shift, Tensor((2,), fb.float64), Tensor((2,), fb.float64), name="shift", workers=2),
        Model(name, Json[Person], Json(list), name="name", workers=1),
        Model(spell, Text(), Text(), name="spell", workers=1),
    ]
    with testclient.TestClient(serve(models)) as client:
        found = client.post("/models/shift/predict", json={"input": [1, 2]})
        assert found.status_code == 200, found.text
        one, two = found.json()["output"]
        assert two - one == 1 and one - 1 != os.getpid() and one == int(one)
        person = {"name": "Ada", "born": "1815-12-10"}
        found = client.post("/models/name/predict", json={"input": person})
        assert found.status_code == 200, found.text
        assert found.json()["output"][0] == "Ada" and found.json()["output"][1] != os.getpid()
        found = client.post("/models/spell/predict", json={"input": "fire"})
        assert found.text.count("data:") == len("fire") + 1, found.text


def test_clients_of_a_lost_process_hear_503(tmp_path):
    pytest.importorskip("fastapi")
    testclient = pytest.importorskip("starlette.testclient")
    from flambeau.serve import Json, serve

    def run(files):
        for file in map(Path, files):
            if not file.exists():
                file.write_text(str(os.getpid()))
                time.sleep(FAR)
        return [os.getpid()] * len(files)

    file = tmp_path / "pid"
    with testclient.TestClient(serve(run, input=Json[str], output=Json[int], workers=1)) as client:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.post, "/predict", json={"input": str(file)})
            end = time.monotonic() + FAR
            while not (file.exists() and file.read_text()):
                assert time.monotonic() < end and not asked.done()
                time.sleep(0.001)
            os.kill(int(file.read_text()), signal.SIGKILL)
            lost = asked.result(FAR)
        assert lost.status_code == 503 and int(lost.headers["retry-after"]) >= 1
        assert lost.json()["error"]["type"] == "unavailable"
        again = client.post("/predict", json={"input": str(file)})
        assert again.status_code == 200 and again.json()["output"] != int(file.read_text())

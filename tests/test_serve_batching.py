"""Dynamic batching: who is answered, who is refused, and how requests run together."""

import asyncio
import logging
import os
import random
import subprocess
import sys
import textwrap
import threading
import time

import pytest

pytest.importorskip("msgspec")

from serve_helpers import FAR, Heard, outcome, play, soon, submit, until

from flambeau.serve.batching import Answer, Batch, Batcher
from flambeau.serve.errors import DeadlineExceeded, InvalidInput, ModelFailed, Unavailable
from flambeau.serve.events import Events

__all__ = ["play"]


class Gate:
    """A model that runs when it is let."""

    def __init__(self):
        self.batches = []
        self.open = threading.Semaphore(0)
        self.begun = 0

    def __call__(self, items):
        self.begun += 1
        assert self.open.acquire(timeout=FAR)
        self.batches.append(list(items))
        return [item * 2 for item in items]


class AsyncGate(Gate):
    async def __call__(self, items):
        self.begun += 1
        await until(lambda: self.open.acquire(blocking=False))
        self.batches.append(list(items))
        return [item * 2 for item in items]


@pytest.fixture(params=[Gate, AsyncGate])
def gate(request):
    return request.param()


def test_what_comes_while_the_model_runs_is_its_next_batch(play, gate):
    async def main():
        heard = Heard()
        batcher = Batcher(gate, Batch(max_size=4), events=heard)
        batcher.start()
        first = submit(batcher, 1)
        await until(lambda: gate.begun == 1)
        rest = [submit(batcher, i) for i in range(2, 8)]
        await until(lambda: batcher.waiting == 6)
        gate.open.release(3)
        answers = await asyncio.gather(first, *rest)
        assert [answer.result for answer in answers] == [2 * i for i in range(1, 8)]
        assert gate.batches == [[1], [2, 3, 4, 5], [6, 7]]
        assert [answer.size for answer in answers] == [1, 4, 4, 4, 4, 2, 2]
        assert all(answer.waited >= 0 and answer.took >= 0 for answer in answers)
        assert isinstance(answers[0], Answer)
        await batcher.drain(FAR)
        assert heard.sizes == [1, 4, 2]

    play(main())


def test_a_full_queue_refuses_at_once(play, gate):
    async def main():
        heard = Heard()
        batcher = Batcher(gate, Batch(max_size=2), queue=3, events=heard)
        first = submit(batcher, 0)
        await until(lambda: gate.begun == 1)
        waiting = [submit(batcher, i) for i in range(3)]
        await until(lambda: batcher.waiting == 3)
        refused = batcher.submit(9, soon())
        with pytest.raises(Unavailable) as caught:
            refused.send(None)  # it raises before it awaits anything
        assert caught.value.retry_after > 0
        assert heard.refusals == ["queue_full"]
        waiting[0].cancel()
        await asyncio.wait([waiting[0]])
        another = submit(batcher, 5)  # there is room again
        gate.open.release(10)
        assert (await another).result == 10
        assert (await first).result == 0
        await batcher.drain(FAR)

    play(main())


def test_a_late_request_does_not_run(play, gate):
    async def main():
        heard = Heard()
        batcher = Batcher(gate, events=heard)
        first = submit(batcher, 0)
        await until(lambda: gate.begun == 1)
        late = submit(batcher, 1, time.monotonic() + 0.02)
        fine = submit(batcher, 2)
        assert isinstance(await outcome(late), DeadlineExceeded)
        with pytest.raises(DeadlineExceeded):
            await batcher.submit(3, time.monotonic() - 1)
        gate.open.release(10)
        assert (await fine).result == 4
        await first
        await batcher.drain(FAR)
        assert [item for batch in gate.batches for item in batch] == [0, 2]
        assert heard.refusals == ["deadline", "deadline"]

    play(main())


def test_a_caller_does_not_wait_for_a_model_that_hangs(play, gate):
    async def main():
        batcher = Batcher(gate)
        with pytest.raises(DeadlineExceeded):
            await batcher.submit(0, time.monotonic() + 0.02)
        gate.open.release(10)
        assert (await batcher.submit(1, soon())).result == 2
        await batcher.drain(FAR)

    play(main())


def test_who_has_left_is_not_run(play, gate):
    async def main():
        heard = Heard()
        batcher = Batcher(gate, Batch(max_size=2), events=heard)
        first = submit(batcher, 0)
        await until(lambda: gate.begun == 1)
        leaving = [submit(batcher, i) for i in (1, 2)]
        staying = submit(batcher, 3)
        await until(lambda: batcher.waiting == 3)
        for task in leaving:
            task.cancel()
        await asyncio.wait(leaving)
        assert batcher.waiting == 1
        gate.open.release(10)
        assert (await staying).result == 6
        await first
        await batcher.drain(FAR)
        assert gate.batches == [[0], [3]]
        assert heard.refusals == ["cancelled", "cancelled"]

    play(main())


def test_an_async_function_whose_callers_have_left_is_cancelled(play):
    async def main():
        states = []

        async def run(items):
            states.append("begun")
            try:
                await asyncio.sleep(FAR)
            except asyncio.CancelledError:
                states.append("cancelled")
                raise

        batcher = Batcher(run)
        tasks = [submit(batcher, i) for i in range(2)]
        await until(lambda: states == ["begun"])
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        assert states == ["begun"]
        tasks[1].cancel()
        await until(lambda: states == ["begun", "cancelled"])
        await batcher.drain(FAR)

    play(main())


@pytest.mark.parametrize("is_async", [False, True])
def test_a_bad_item_does_not_fail_its_neighbours(play, is_async, caplog):
    def run(items):
        if "bad" in items:
            raise ValueError("a secret of the model")
        return [item.upper() for item in items]

    async def async_run(items):
        return run(items)

    async def main():
        batcher = Batcher(async_run if is_async else run, Batch(wait_ms=FAR * 1e3, max_size=4))
        tasks = [submit(batcher, item) for item in ("a", "bad", "c", "d")]
        answers = [await outcome(task) for task in tasks]
        assert [a.result for a in answers if isinstance(a, Answer)] == ["A", "C", "D"]
        assert isinstance(answers[1], ModelFailed)
        assert "secret" not in str(answers[1].body())
        await batcher.drain(FAR)

    with caplog.at_level(logging.ERROR, "flambeau.serve"):
        play(main())
    assert len(caplog.records) == 1
    assert "a secret of the model" in str(caplog.records[0].exc_info[1])


def test_results_that_are_exceptions_go_to_their_own_caller(play):
    def run(items):
        return [
            InvalidInput("no", param="input") if i == 1 else KeyError(i) if i == 2 else i
            for i in items
        ]

    async def main():
        batcher = Batcher(run, Batch(wait_ms=FAR * 1e3, max_size=3))
        answers = [await outcome(t) for t in [submit(batcher, i) for i in range(3)]]
        assert answers[0].result == 0 and answers[0].size == 3
        assert isinstance(answers[1], InvalidInput) and answers[1].param == "input"
        assert isinstance(answers[2], ModelFailed)
        await batcher.drain(FAR)

    play(main())


@pytest.mark.parametrize("result", [None, [], [1, 2, 3], "ab"])
def test_a_wrong_number_of_results_is_the_models_fault(play, result):
    async def main():
        batcher = Batcher(lambda items: result)
        with pytest.raises(ModelFailed):
            await batcher.submit(1, soon())
        await batcher.drain(FAR)

    play(main())


def test_the_refusal_of_one_is_not_told_to_its_neighbours(play):
    """A function that checks the whole batch fails it with what is wrong with one item."""

    def run(items):
        if 2 in items:
            raise InvalidInput("2 is wrong", param="input")
        return items

    async def main():
        batcher = Batcher(run, Batch(wait_ms=FAR * 1e3, max_size=3))
        found = [await outcome(t) for t in [submit(batcher, i) for i in range(1, 4)]]
        assert [type(f) for f in found] == [Answer, InvalidInput, Answer]
        await batcher.drain(FAR)

    play(main())


def test_events_that_fail_harm_nobody(play, caplog):
    class Broken(Events):
        def queued(self, model, waiting):
            raise RuntimeError("metrics are broken")

        batch = refused = queued

    async def main():
        batcher = Batcher(lambda items: items, events=Broken(), queue=1)
        assert (await batcher.submit(1, soon())).result == 1
        with pytest.raises(DeadlineExceeded):
            await batcher.submit(1, time.monotonic() - 1)
        await batcher.drain(FAR)

    play(main())
    assert "metrics are broken" in caplog.text


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError, StopIteration])
def test_nothing_that_a_model_raises_ends_its_thread(play, error):
    def run(items):
        if items == ["raise"]:
            raise error
        return items

    async def main():
        batcher = Batcher(run)
        with pytest.raises(ModelFailed):
            await batcher.submit("raise", soon())
        assert (await batcher.submit("x", soon())).result == "x"
        await batcher.drain(FAR)

    play(main())


def test_refusals_of_the_run_reach_every_caller_as_they_are(play):
    calls = []

    def run(items):
        calls.append(len(items))
        raise Unavailable("the worker was lost", retry_after=3)

    async def main():
        batcher = Batcher(run, Batch(wait_ms=FAR * 1e3, max_size=3))
        errors = [await outcome(t) for t in [submit(batcher, i) for i in range(3)]]
        assert all(isinstance(e, Unavailable) and e.retry_after == 3 for e in errors)
        assert len(set(map(id, errors))) == 3
        assert calls == [3]
        await batcher.drain(FAR)

    play(main())


def test_drain_answers_what_was_accepted_and_refuses_the_rest(play, gate):
    async def main():
        heard = Heard()
        batcher = Batcher(gate, Batch(max_size=2), events=heard)
        accepted = [submit(batcher, i) for i in range(5)]
        await until(lambda: gate.begun == 1)
        drain = asyncio.ensure_future(batcher.drain(FAR))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await batcher.submit(9, soon())
        gate.open.release(10)
        assert [(await task).result for task in accepted] == [0, 2, 4, 6, 8]
        await drain
        assert heard.refusals == ["stopping"]
        batcher.start()
        batcher.start()
        assert (await batcher.submit(4, soon())).result == 8
        await batcher.drain(FAR)
        await batcher.drain(FAR)

    play(main())


def test_drain_gives_up_in_time(play, gate):
    async def main():
        batcher = Batcher(gate)
        task = submit(batcher, 1)
        await until(lambda: gate.begun == 1)
        await batcher.drain(0.01)
        assert isinstance(await outcome(task), Unavailable)
        gate.open.release(10)

    play(main())


def test_replace_swaps_between_batches(play):
    async def main():
        gate = Gate()
        batcher = Batcher(gate)
        first = submit(batcher, 1)
        await until(lambda: gate.begun == 1)
        second = submit(batcher, 2)
        await until(lambda: batcher.waiting == 1)
        batcher.replace(lambda items: [-item for item in items])
        gate.open.release()
        assert (await first).result == 2
        assert (await second).result == -2

        async def run(items):
            return ["async" for _ in items]

        batcher.replace(run)
        assert (await batcher.submit(3, soon())).result == "async"
        batcher.replace(str)
        batcher.replace(lambda items: items)
        assert (await batcher.submit(3, soon())).result == 3
        await batcher.drain(FAR)

    play(main())


def test_wait_ms_is_ended_by_a_full_batch_or_the_time(play):
    async def main():
        batcher = Batcher(lambda items: items, Batch(max_size=3, wait_ms=FAR * 1e3))
        answers = await asyncio.gather(*[batcher.submit(i, soon()) for i in range(6)])
        assert [answer.size for answer in answers] == [3] * 6
        last = submit(batcher, 7)
        await until(lambda: batcher.waiting == 1)
        await batcher.drain(FAR)  # nobody waits for more any longer
        assert (await last).size == 1
        quick = Batcher(lambda items: items, Batch(max_size=3, wait_ms=1))
        assert (await quick.submit(1, soon())).waited >= 0.001
        await quick.drain(FAR)

    play(main())


def test_a_batcher_outlives_its_loop(play):
    batcher = Batcher(lambda items: items)

    async def use():
        return (await batcher.submit(1, soon())).result

    async def leave():
        task = submit(batcher, 2)
        await asyncio.sleep(0)
        return task

    for _ in range(3):
        assert play(use()) == 1
        play(leave())

    play(end(batcher))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_serves_anew(play):
    batcher = Batcher(lambda items: [item + os.getpid() for item in items])

    async def use():
        return (await batcher.submit(1, soon())).result - 1

    async def fork():
        assert await use() == os.getpid()
        stuck = submit(batcher, 2)
        await asyncio.sleep(0)
        pid = os.fork()
        if pid:
            await stuck
            return pid
        status = 1
        try:
            asyncio._set_running_loop(None)
            with asyncio.Runner() as runner:
                status = runner.run(use()) != os.getpid()
        finally:
            os._exit(status)

    pid = play(fork())
    assert os.waitpid(pid, 0)[1] == 0
    play(end(batcher))


async def end(batcher):
    await batcher.drain(FAR)


LEFT_RUNNING = """
    import asyncio, os, sys, time
    import flambeau as fb
    from flambeau.serve.batching import Batcher

    weight = fb.randn(256, 256)

    def run(items):
        end = time.monotonic() + 0.2
        while time.monotonic() < end:
            weight @ weight
        return items

    def generate(item):
        while True:
            yield weight @ weight

    async def main():
        batcher, generating = Batcher(run), Batcher(generate)
        asyncio.ensure_future(batcher.submit(1, time.monotonic() + 100))
        async for part in generating.stream(1, time.monotonic() + 100):
            break

    asyncio.run(main())
    print("left")
"""


def test_a_process_may_exit_while_models_run():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LEFT_RUNNING)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=FAR,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")


@pytest.mark.parametrize("is_async", [False, True])
def test_every_accepted_request_is_answered_exactly_once(play, is_async):
    draw = random.Random(random.random())
    ran = []

    def run(items):
        ran.extend(items)
        if draw.random() < 0.1:
            time.sleep(draw.random() * 2e-3)
        if len(items) > 1 and any(item % 31 == 0 for item in items):
            raise ValueError("together")
        return [ValueError(item) if item % 37 == 0 else item * 3 for item in items]

    async def async_run(items):
        await asyncio.sleep(0)
        return run(items)

    async def main():
        batch = Batch(max_size=draw.randint(1, 9), wait_ms=draw.choice([0, 0, 0.5]))
        batcher = Batcher(async_run if is_async else run, batch, queue=draw.randint(4, 40))
        fates = {}

        async def client(number):
            for step in range(40):
                item = number * 1000 + step
                deadline = (
                    soon() if draw.random() < 0.9 else time.monotonic() + draw.random() * 2e-3
                )
                task = submit(batcher, item, deadline)
                if draw.random() < 0.1:
                    asyncio.get_running_loop().call_later(draw.random() * 1e-3, task.cancel)
                await asyncio.wait([task])
                assert item not in fates
                fates[item] = (
                    "left" if task.cancelled() else task.exception() or task.result().result
                )

        clients = [asyncio.ensure_future(client(i)) for i in range(32)]
        await asyncio.gather(*clients)
        await batcher.drain(FAR)
        assert len(fates) == 32 * 40
        assert batcher.waiting == 0 and not batcher._admission._taken
        refused = (Unavailable, DeadlineExceeded)
        for item, fate in fates.items():
            if isinstance(fate, ModelFailed):
                assert item % 37 == 0
            elif not isinstance(fate, refused) and fate != "left":
                assert fate == item * 3
            if not isinstance(fate, refused) and fate != "left":
                assert item in ran
            if isinstance(fate, Unavailable):
                assert item not in ran

    play(main())


@pytest.mark.parametrize("settings", [{"max_size": 0}, {"wait_ms": -1}, {"wait_ms": float("inf")}])
def test_wrong_settings_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Batch(**settings)

"""Answers in parts: plain and async generators behind a batcher."""

import asyncio
import gc
import logging
import threading
import time

import pytest

pytest.importorskip("msgspec")

from serve_helpers import FAR, Heard, outcome, play, soon, until

from flambeau.serve.batching import Batch, Batcher
from flambeau.serve.errors import DeadlineExceeded, InvalidInput, ModelFailed, Unavailable
from flambeau.serve.generators import AHEAD

__all__ = ["play"]


class Plain:
    """Counts, and notes what happens to it."""

    def __init__(self):
        self.steps = {}
        self.ended = []
        self.begun = []
        self.failure = None
        self.hold = threading.Event()  # clear: the generators wait before each step
        self.hold.set()

    def __call__(self, item):
        self.begun.append(item)
        try:
            for step in range(item if isinstance(item, int) else 1 << 60):
                assert self.hold.wait(FAR)
                self.steps[item] = step + 1
                yield step
            if self.failure is not None:
                raise self.failure
        finally:
            self.ended.append(item)


class Async(Plain):
    async def __call__(self, item):
        self.begun.append(item)
        try:
            for step in range(item if isinstance(item, int) else 1 << 60):
                await asyncio.sleep(0)
                await until(self.hold.is_set)
                self.steps[item] = step + 1
                yield step
            if self.failure is not None:
                raise self.failure
        finally:
            self.ended.append(item)


@pytest.fixture(params=[Plain, Async])
def generate(request):
    return request.param()


async def read(stream):
    return [part async for part in stream]


def test_parts_come_in_order_and_all(play, generate):
    async def main():
        heard = Heard()
        batcher = Batcher(generate, events=heard)
        batcher.start()
        counts = [0, 1, 7, AHEAD, AHEAD + 1, 200]
        found = await asyncio.gather(*[read(batcher.stream(n, soon())) for n in counts])
        assert found == [list(range(n)) for n in counts]
        assert sorted(generate.ended) == sorted(counts)
        await batcher.drain(FAR)
        assert heard.sizes == [1] * len(counts)

    play(main())


def test_a_generator_waits_for_its_reader(play, generate):
    async def main():
        batcher = Batcher(generate)
        stream = await batcher.stream("endless", soon())
        assert await anext(stream) == 0
        for _ in range(50):
            await asyncio.sleep(0.001)
        # One was taken, so many may lie ready.
        assert generate.steps["endless"] <= 1 + AHEAD
        assert await anext(stream) == 1
        await stream.aclose()
        await until(lambda: generate.ended == ["endless"])
        assert generate.steps["endless"] <= 3 + AHEAD
        assert await read(stream) == []
        await batcher.drain(FAR)

    play(main())


def test_a_reader_that_leaves_ends_the_generator(play, generate):
    async def main():
        batcher = Batcher(generate)

        async def reader():
            async for _ in batcher.stream("left", soon()):
                generate.hold.clear()

        task = asyncio.ensure_future(reader())
        await until(lambda: not generate.hold.is_set())
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])
        steps = generate.steps["left"]
        generate.hold.set()
        await until(lambda: generate.ended == ["left"])
        assert generate.steps["left"] <= steps + 1
        await batcher.drain(FAR)

    play(main())


def test_a_forgotten_stream_ends(play, generate):
    async def main():
        batcher = Batcher(generate)
        stream = await batcher.stream("forgotten", soon())
        assert await anext(stream) == 0
        del stream
        gc.collect()
        await until(lambda: generate.ended == ["forgotten"])
        never = batcher.stream("never", soon())
        del never
        await batcher.drain(FAR)
        assert "never" not in generate.begun

    play(main())


def test_deadlines_of_streams(play, generate):
    async def main():
        heard = Heard()
        batcher = Batcher(generate, events=heard)
        generate.hold.clear()
        with pytest.raises(DeadlineExceeded):
            await read(batcher.stream("slow", soon(), pause=0.02))
        generate.hold.set()
        await until(lambda: sorted(generate.ended) == sorted(generate.begun))
        with pytest.raises(DeadlineExceeded):
            await read(batcher.stream("long", time.monotonic() + 0.05))
        await until(lambda: sorted(generate.ended) == sorted(generate.begun))
        with pytest.raises(DeadlineExceeded):
            await batcher.stream("late", time.monotonic() - 1)
        assert heard.refusals == ["deadline"] * 3
        assert "late" not in generate.begun
        await batcher.drain(FAR)

    play(main())


def test_only_so_many_run_and_the_others_wait(play, generate):
    async def main():
        heard = Heard()
        batcher = Batcher(generate, Batch(max_size=2), queue=2, events=heard)
        running = [await batcher.stream(f"running {i}", soon()) for i in range(2)]
        waiting = [asyncio.ensure_future(read(batcher.stream(n, soon()))) for n in (3, 4)]
        await until(lambda: batcher.waiting == 2)
        with pytest.raises(Unavailable) as caught:
            await batcher.stream(5, soon())
        assert caught.value.retry_after > 0
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        assert batcher.waiting == 1
        late = batcher.stream(6, time.monotonic() + 0.01)
        with pytest.raises(DeadlineExceeded):
            await late
        assert not {3, 4, 6} & set(generate.begun)
        for stream in running:
            await stream.aclose()
        assert await waiting[1] == [0, 1, 2, 3]
        await batcher.drain(FAR)
        assert heard.refusals == ["queue_full", "cancelled", "deadline"]
        assert not {3, 6} & set(generate.begun)

    play(main())


@pytest.mark.parametrize("error", [ValueError("a secret"), InvalidInput("no", param="input")])
def test_a_generator_that_fails_gives_its_parts_first(play, generate, error, caplog):
    generate.failure = error

    async def main():
        batcher = Batcher(generate)
        stream = batcher.stream(3, soon())
        assert [await anext(stream) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(
            InvalidInput if isinstance(error, InvalidInput) else ModelFailed
        ) as caught:
            await anext(stream)
        assert "secret" not in str(caught.value.body())
        await batcher.drain(FAR)

    with caplog.at_level(logging.ERROR, "flambeau.serve"):
        play(main())
    assert len(caplog.records) == isinstance(error, ValueError)


def test_what_gives_no_generator_has_failed(play):
    async def nothing(item):
        return None

    async def main():
        for run in (lambda item: item, nothing):
            batcher = Batcher(run)
            with pytest.raises(ModelFailed):
                await read(batcher.stream(3, soon()))
            await batcher.drain(FAR)

    play(main())


def test_an_async_function_may_return_the_generator(play):
    async def numbers(count):
        for i in range(count):
            yield i

    async def run(item):
        return numbers(item)

    async def main():
        batcher = Batcher(run)
        assert await read(batcher.stream(3, soon())) == [0, 1, 2]
        await batcher.drain(FAR)

    play(main())


def test_drain_lets_streams_finish_or_aborts_them(play, generate):
    async def main():
        batcher = Batcher(generate)
        stream = await batcher.stream(30, soon())
        drain = asyncio.ensure_future(batcher.drain(FAR))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await batcher.stream(3, soon())
        assert await read(stream) == list(range(30))
        await drain
        batcher.start()
        stream = batcher.stream("endless", soon())
        await anext(stream)
        generate.hold.clear()
        reader = asyncio.ensure_future(read(stream))
        await asyncio.sleep(0.005)
        await batcher.drain(0.01)
        assert isinstance(await outcome(reader), Unavailable)
        generate.hold.set()
        await until(lambda: generate.ended == [30, "endless"])

    play(main())


def test_each_generator_has_its_own_thread_state(play):
    import flambeau as fb

    def run(item):
        with fb.inference_mode() if item else fb.enable_grad():
            for _ in range(20):
                yield fb.is_inference_mode_enabled()

    async def main():
        batcher = Batcher(run)
        streams = [read(batcher.stream(i % 2, soon())) for i in range(6)]
        assert await asyncio.gather(*streams) == [[bool(i % 2)] * 20 for i in range(6)]
        await batcher.drain(FAR)

    play(main())

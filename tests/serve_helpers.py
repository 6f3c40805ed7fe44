"""What the tests of batchers share: event loops, and waiting for conditions in place of times."""

import asyncio
import time

import pytest

from flambeau.serve.events import Events

FAR = 120.0  # seconds: a time that no test reaches


def soon():
    return time.monotonic() + FAR


def loops():
    choices = [asyncio.SelectorEventLoop]
    try:
        import uvloop

        choices.append(uvloop.new_event_loop)
    except ImportError:
        pass
    return choices


@pytest.fixture(params=loops(), ids=lambda loop: loop.__module__)
def play(request):
    """Runs a coroutine on each kind of event loop."""

    def run(coroutine):
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(asyncio.wait_for(coroutine, FAR))

    return run


async def until(condition):
    end = time.monotonic() + FAR
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        await asyncio.sleep(0.001)


def submit(batcher, item, deadline=None):
    return asyncio.ensure_future(batcher.submit(item, deadline or soon()))


async def outcome(task):
    try:
        return await task
    except Exception as error:
        return error


class Heard(Events):
    def __init__(self):
        self.refusals = []
        self.sizes = []

    def refused(self, model, reason):
        self.refusals.append(reason)

    def batch(self, model, size, waited, took):
        assert waited >= 0 and took >= 0
        self.sizes.append(size)

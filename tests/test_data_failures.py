"""Loaders with worker processes: what can go wrong."""

import gc
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from data_helpers import (
    Squares,
    Stamped,
    no_process_or_descriptor_is_left,  # noqa: F401
)

from flambeau.utils.data import DataLoader

# ---- what can go wrong -------------------------------------------------------------


class Special(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


class Raises(Squares):
    def __init__(self, error):
        super().__init__(6)
        self.error = error

    def __getitem__(self, index):
        if index == 3:
            raise self.error
        return index


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("mine"), ValueError),
        (KeyError("mine"), KeyError),
        (Special("mine", 2), RuntimeError),
        (StopIteration("mine"), StopIteration),
    ],
)
def test_exception_with_the_workers_traceback(error, kind):
    iterator = iter(DataLoader(Raises(error), num_workers=2))
    got = []
    with pytest.raises(kind) as caught:
        while True:
            got.append(int(next(iterator)))
    assert got == [0, 1, 2]
    text = str(caught.value)
    name = type(error).__name__
    assert f"Caught {name} in DataLoader worker process 1.\nOriginal Traceback" in text
    assert "raise self.error" in text
    assert "mine" in text
    assert [int(batch) for batch in iterator] == [4, 5]  # goes on after it


def test_exception_of_a_class_that_cannot_travel():
    class Local(Exception):
        pass

    with pytest.raises(RuntimeError, match="Caught Local in DataLoader worker process 0"):
        list(DataLoader(Raises(Local("mine")), None, num_workers=1))


def test_failure_to_start():
    def init(worker):
        raise ValueError("no start")

    with pytest.raises(ValueError, match="no start"):
        list(DataLoader(Squares(4), num_workers=2, worker_init_fn=init))


def test_result_that_cannot_travel():
    class Functions(Squares):
        def __getitem__(self, index):
            return lambda: index

    with pytest.raises(Exception, match="pickle"):
        list(DataLoader(Functions(4), None, num_workers=1))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_killed_worker_is_reported(number):
    class Dies(Squares):
        def __getitem__(self, index):
            if index == 5:
                os.kill(os.getpid(), number)
            return index

    start = time.monotonic()
    match = rf"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly: killed by {number.name}"
    with pytest.raises(RuntimeError, match=match):
        list(DataLoader(Dies(10), num_workers=2))
    assert time.monotonic() - start < 4


def test_worker_that_exits_is_reported():
    class Leaves(Squares):
        def __getitem__(self, index):
            os._exit(3)

    with pytest.raises(RuntimeError, match="exited unexpectedly: exit code 3"):
        list(DataLoader(Leaves(4), num_workers=1))


def test_killed_while_another_is_waited_for():
    class Dies(Squares):
        def __getitem__(self, index):
            if index == 1:
                os._exit(1)
            time.sleep(30)

    start = time.monotonic()
    iterator = iter(DataLoader(Dies(10), num_workers=2))
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(iterator)
    assert time.monotonic() - start < 4


def test_timeout():
    class Sleeps(Squares):
        def __getitem__(self, index):
            time.sleep(1.5)

    iterator = iter(DataLoader(Sleeps(2), num_workers=1, timeout=0.3))
    with pytest.raises(RuntimeError, match=r"timed out after 0\.3 seconds"):
        next(iterator)


def test_leaving_early_ends_the_workers():
    for stop in (0, 1, 5):
        loader = DataLoader(Stamped(), 2, num_workers=2)
        for _ in itertools.islice(loader, stop):
            pass
        iterator = iter(loader)
        del iterator
        gc.collect()
        assert not multiprocessing.active_children()


def test_nothing_with_a_name_is_left():
    before = set(os.listdir("/dev/shm"))
    iterator = iter(DataLoader(Stamped(), 2, num_workers=2))
    next(iterator)
    assert set(os.listdir("/dev/shm")) <= before
    del iterator


ORPHAN = """
import os, sys, time
import flambeau as fb
from flambeau.utils.data import DataLoader
from flambeau.utils.data._utils import worker
worker.WATCH_INTERVAL = 0.2
class Data:
    def __len__(self): return 1000
    def __getitem__(self, index): return fb.zeros(10)
iterators = [iter(DataLoader(Data(), 2, num_workers=2)) for _ in range(2)]
next(iterators[0])
print(*[p.pid for i in iterators for p in i._workers], flush=True)
time.sleep(60)
"""


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_workers_do_not_outlive_a_killed_parent():
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 4
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, pids))


INTERRUPTED = """
import time
import flambeau as fb
from flambeau.utils.data import DataLoader
class Data:
    def __len__(self): return 1000
    def __getitem__(self, index):
        time.sleep(0.05)
        return fb.zeros(10)
try:
    for number, batch in enumerate(DataLoader(Data(), 2, num_workers=2)):
        print(number, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_is_quiet_and_quick():
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    start = time.monotonic()
    out, errors = process.communicate(timeout=20)
    assert (out[-len("interrupted\n") :], errors) == ("interrupted\n", "")
    assert time.monotonic() - start < 8


OFTEN_INTERRUPTED = """
import random, signal
import flambeau as fb
from flambeau.utils.data import DataLoader
class Data:
    def __len__(self): return 4000
    def __getitem__(self, index): return fb.zeros(10)
def interrupt(*_): raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
caught = 0
for _ in range(100):
    batches = iter(DataLoader(Data(), 2, num_workers=1))
    next(batches)
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 4e-3))
        for batch in batches: pass
    except KeyboardInterrupt:
        caught += 1
print(caught)
"""


def test_no_interrupt_is_lost():
    result = subprocess.run(
        [sys.executable, "-c", OFTEN_INTERRUPTED], capture_output=True, text=True, timeout=60
    )
    assert (result.stdout, result.stderr) == ("100\n", "")


def test_a_forked_process_leaves_its_parents_workers_alone():
    loader = DataLoader(Squares(40), num_workers=1)
    iterator = iter(loader)
    assert int(next(iterator)) == 0
    pid = os.fork()
    if pid == 0:
        del iterator
        gc.collect()
        os._exit(0)
    os.waitpid(pid, 0)
    assert [int(batch) for batch in iterator] == [i * i for i in range(1, 40)]

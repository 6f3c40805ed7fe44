"""Ctrl-C in the middle of one long kernel: noticed soon, nothing lost, the process goes on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")

# Calls that would run for many seconds (an interrupt that is not noticed fails the test by the
# call's return), and the memory that tells that they have begun.
CALLS = {
    "float32 product": ("a = flambeau.rand(7000, 7000)", "a @ a", 150),
    "bfloat16 product": ("a = flambeau.ones(16000, 16000, dtype=flambeau.bfloat16)", "a @ a", 400),
    "int64 product": ("a = flambeau.ones(3000, 3000, dtype=flambeau.int64)", "a @ a", 60),
    "LU factors": ("a = flambeau.rand(9000, 9000)", "flambeau.linalg.lu_factor(a)", 150),
    "convolution": (
        "a, w = flambeau.rand(1, 64, 1200, 1200), flambeau.rand(64, 64, 9, 9)",
        "flambeau.conv2d(a, w)",
        300,
    ),
    "sum": ("a = flambeau.rand(1 << 20).expand(1 << 17, 1 << 20)", "a.sum()", 4),
    "sort": ("a = flambeau.rand(1 << 26)", "a.sort()", 1600),
    "scan": ("a = flambeau.rand(1 << 26)", "a.logcumsumexp(0)", 200),
    "elementwise": ("a = flambeau.rand(1 << 24, 1).double()", "a.expand(-1, 8).lgamma()", 900),
    "random": ("a = flambeau.empty(0)", "flambeau.empty(1 << 28).log_normal_()", 1000),
    "backward": (
        "x = flambeau.ones(7000, 7000, requires_grad=True)\n"
        "y = flambeau.ones(7000, 7000)\n"
        "class Product(flambeau.autograd.Function):\n"
        "    forward = staticmethod(lambda ctx, x: x.sum())\n"
        "    backward = staticmethod(lambda ctx, g: y @ y)\n"
        "a = Product.apply(x)",
        "a.backward()",
        150,
    ),
}
PROGRAM = """
import gc, os, signal, sys, threading, time
import flambeau

{setup}
gc.collect()
before = flambeau.memory.current()
sent = []

def interrupt():
    while flambeau.memory.current() < before + {mebibytes} * (1 << 20):
        time.sleep(0.001)
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)

thread = threading.Thread(target=interrupt, daemon=True)
thread.start()
try:
    {call}
    print("returned")
except KeyboardInterrupt:
    print("interrupted after", time.monotonic() - sent[0], file=sys.stderr)
thread.join()
gc.collect()
held = flambeau.memory.current() - before
assert held < 1 << 20, f"{{held}} bytes are still held"
b = flambeau.rand(300, 300)
assert (b @ b - (b.double() @ b.double()).float()).abs().max() < 1e-3
assert flambeau.rand(1 << 16).sort().values.diff().min() >= 0
assert abs(flambeau.ones(1 << 22).sum() - (1 << 22)) == 0
print("usable")
"""


@pytest.mark.parametrize(
    ("call", "threads"), [*((call, 2) for call in CALLS), ("float32 product", 1), ("sum", 1)]
)
def test_a_long_call_is_interrupted(call: str, threads: int) -> None:
    setup, text, mebibytes = CALLS[call]
    program = PROGRAM.format(setup=setup, call=text, mebibytes=mebibytes)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "FLAMBEAU_NUM_THREADS": str(threads)},
    )
    print(done.stderr)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["usable"]

"""Memory statistics: what they count, and that blocks are kept and given back."""

import subprocess
import sys

import pytest

import flambeau as fb

MIB = 1 << 20


@pytest.fixture(autouse=True)
def nothing_kept():
    fb.memory.empty_cache()
    fb.memory.reset_peak()


def test_what_tensors_take():
    before = fb.memory.stats()
    x = fb.empty(3 * MIB, dtype=fb.uint8)
    small = fb.empty(100, dtype=fb.float64)
    now = fb.memory.stats()
    assert now["allocated"] - before["allocated"] >= 3 * MIB + 800
    assert now["allocated"] - before["allocated"] < 3 * MIB + 4096  # storages' own records
    assert now["reserved"] >= now["allocated"]
    assert now["allocations"] >= before["allocations"] + 2
    view = x[10:20]
    del x
    assert fb.memory.current() >= before["allocated"] + 3 * MIB  # a view holds it all
    del view, small
    assert fb.memory.current() == before["allocated"]


def test_blocks_are_kept_and_used_again():
    x = fb.empty(5 * MIB, dtype=fb.uint8)
    address = x.data_ptr()
    reserved, hits = fb.memory.reserved(), fb.memory.stats()["cache_hits"]
    del x
    assert fb.memory.reserved() == reserved
    y = fb.empty(5 * MIB, dtype=fb.uint8)
    assert y.data_ptr() == address and fb.memory.stats()["cache_hits"] > hits
    del y
    fb.memory.empty_cache()
    assert fb.memory.reserved() <= reserved - 5 * MIB


def test_the_peak_stays_until_it_is_reset():
    before = fb.memory.current()
    x = fb.empty(4 * MIB, dtype=fb.uint8)
    del x
    assert fb.memory.current() == before
    assert before + 4 * MIB <= fb.memory.peak() < before + 5 * MIB
    assert fb.memory.peak_reserved() >= fb.memory.peak()
    fb.memory.reset_peak()
    assert fb.memory.peak() < before + MIB


def test_tracking_a_block_of_code():
    x = fb.ones(MIB)
    with fb.memory.track() as usage:
        y = (x + 1) * 2  # a sum and a product live at the same time
    assert 8 * MIB - 4096 <= usage.peak < 9 * MIB  # small blocks may have gone meanwhile
    assert 4 * MIB <= usage.kept < 5 * MIB
    with fb.memory.track() as usage:
        del x, y
    assert usage.kept <= -8 * MIB and usage.peak <= 0
    with pytest.raises(KeyError), fb.memory.track() as usage:
        raise KeyError
    assert usage.kept < MIB


def test_backward_gives_back_what_forward_saved():
    x = fb.ones(MIB, requires_grad=True)
    before = fb.memory.current()
    loss = (x * x).exp().sum()
    assert fb.memory.current() >= before + 4 * MIB  # the exponentials, for their derivative
    loss.backward()
    del loss
    assert fb.memory.current() < before + 5 * MIB  # the gradient
    x.grad = None
    assert fb.memory.current() < before + MIB


CAPPED = """
import flambeau as fb
fb.memory.set_cap({cap})
blocks = [fb.empty(1 << 20, dtype=fb.uint8) for _ in range(16)]
del blocks
print(fb.memory.reserved() - fb.memory.current())
"""


@pytest.mark.parametrize(("cap", "least", "most"), [(0, 0, 2), (4, 2, 6), (2**70, 16, 64)])
def test_the_cap_limits_what_is_kept(cap, least, most):
    script = CAPPED.format(cap=cap if cap > MIB else cap * MIB)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert least * MIB <= int(result.stdout) <= most * MIB, result.stderr


def test_a_cap_cannot_be_negative():
    with pytest.raises(ValueError, match="at least 0, but got -1"):
        fb.memory.set_cap(-1)


def test_summary():
    x = fb.empty(3 * MIB, dtype=fb.uint8)
    text = fb.memory.summary()
    assert "allocated" in text and "reserved" in text and " MiB" in text and x is not None
    assert [fb.memory._size(n) for n in (0, 1023, 1536, 5 << 40)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "5.0 TiB",
    ]


def test_impossible_sizes_are_an_error():
    with pytest.raises(fb.OutOfMemoryError):
        fb.empty(1 << 56, dtype=fb.uint8)
    assert fb.memory.current() < 1 << 50

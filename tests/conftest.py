"""What all tests share."""

import os
import random
import secrets
import signal
import sys
import zlib
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import flambeau

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Shells start what runs in the background so, and what tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Processes that pytest-xdist starts inherit it.
RUN_SEED = int(os.environ.setdefault("FLAMBEAU_TEST_SEED", str(secrets.randbelow(1 << 31))))


class _NoTorch(MetaPathFinder):
    """Makes PyTorch look as if it were not installed; other packages ask for it, too."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch': FLAMBEAU_ORACLE is 0", name=name)


if os.environ.get("FLAMBEAU_ORACLE") == "0":
    # What needs it as the oracle is skipped, with that reason.
    sys.meta_path.insert(0, _NoTorch())


def _seed(name: str) -> None:
    seed = zlib.crc32(f"{RUN_SEED} {name}".encode())
    random.seed(seed)
    np.random.seed(seed)
    flambeau.manual_seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Lists of cases are drawn when a file is read."""
    if isinstance(collector, pytest.Module):
        _seed(collector.nodeid)


@pytest.fixture(autouse=True)
def _numbers_that_can_be_drawn_again(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run draws other numbers; FLAMBEAU_TEST_SEED, shown with failures, draws them again."""
    _seed(request.node.nodeid)
    default_rng = np.random.default_rng

    def seeded_rng(seed: Any = None) -> np.random.Generator:
        return default_rng(np.random.randint(1 << 31) if seed is None else seed)

    monkeypatch.setattr(np.random, "default_rng", seeded_rng)


def pytest_sessionfinish() -> None:
    if os.environ.get("FLAMBEAU_RECORD") == "1":
        import recorded  # after PyTorch was hidden, if it is to be

        recorded.save()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    report = yield
    if report.failed:
        report.sections.append(
            ("random numbers", f"FLAMBEAU_TEST_SEED={RUN_SEED} draws them again: {item.nodeid}")
        )
    return report

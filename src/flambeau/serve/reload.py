"""Model files that are loaded anew when they change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from flambeau.serve.events import Events
from flambeau.serve.models import Model, stamp_of

log = logging.getLogger("flambeau.serve")

INTERVAL = 1.0  # seconds between two looks


class Watcher:
    """Watches the file of one model.

    A changed file is loaded on a thread and tried on the example; only then, and between two
    batches, does it take over. A file that fails changes nothing; its next change is tried again.

    Args:
        model: loaded from a path.
        replace: lets another ``predict`` take over.
        events: is told.
    """

    def __init__(self, model: Model, replace: Callable[[Any], None], events: Events) -> None:
        assert model.path is not None
        self._model = model
        self._path = model.path
        self._replace = replace
        self._events = events

    async def look(self) -> bool | None:
        """Reload a changed file; tell whether that worked, or None if nothing has changed."""
        stamp = stamp_of(self._path)
        # A file that is just being replaced may be missing for a moment.
        if stamp is None or stamp == self._model.stamp:
            return None
        model = self._model
        model.stamp = stamp
        loop = asyncio.get_running_loop()
        try:
            predict = await loop.run_in_executor(None, model.reload)
        except Exception as error:
            log.error("%s: the changed file is not used: %s", self._path, error)
            self._events.reloaded(model.id, model.version, False)
            return False
        self._replace(predict)
        log.info("%s: loaded anew", self._path)
        self._events.reloaded(model.id, model.version, True)
        return True


async def watch(watchers: list[Watcher]) -> None:
    """Look at all files again and again, until cancelled."""
    while watchers:
        await asyncio.sleep(INTERVAL)
        for watcher in watchers:
            try:
                await watcher.look()
            except Exception:  # a listener failed: go on watching
                log.exception("watching a model's file failed")

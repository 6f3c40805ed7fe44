"""Logs: one JSON object for each line, without payloads and without keys."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from typing import TextIO

LOGGER = logging.getLogger("flambeau.serve")

_FLUSH = 0.05  # seconds that lines of the access log are gathered, to write them at once
_MOST = 512  # lines after which they are written in any case


class AccessLog:
    """Writes a line for every answered request.

    Args:
        stream: where to; standard error if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(
        self, request: str, method: str, route: str, status: int, size: int, took: float, key: str
    ) -> None:
        """Note one answer: its id, method, route template, status, bytes, seconds, key's name."""
        # Ids, routes and names are checked or the server's own; only a foreign method or template
        # could hold a quote, and dumps costs more than all the rest.
        if '"' in method or '"' in route or "\\" in route:
            method, route = json.dumps(method)[1:-1], json.dumps(route)[1:-1]
        self._lines.append(
            f'{{"time":{time.time():.3f},"level":"info","event":"request","request_id":"{request}",'
            f'"method":"{method}","route":"{route}","status":{status},"bytes":{size},'
            f'"ms":{took * 1000:.2f},"key":"{key}"}}\n'
        )
        if len(self._lines) >= _MOST:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH, self.flush)

    def flush(self) -> None:
        """Write what has gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        if lines:
            stream = self._stream or sys.stderr
            stream.write("".join(lines))
            stream.flush()


class JsonFormatter(logging.Formatter):
    """One JSON object for each record; ``extra={"request_id": ...}`` is taken over."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "event": "log",
            "logger": record.name,
            "message": record.getMessage(),
        }
        request = getattr(record, "request_id", None)
        if request is not None:
            line["request_id"] = request
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send the logs of the server and of uvicorn to ``stream``.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``json`` or ``text``.
        stream: standard error if None.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    for name in ("flambeau.serve", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level.upper())
        logger.propagate = False
    # Its "started" and "waiting" lines are ours to print.
    logging.getLogger("uvicorn.error").setLevel(
        max(logging.WARNING, logging.getLevelName(level.upper()))
    )

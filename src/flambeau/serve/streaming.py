"""Server-sent events (WHATWG HTML, section 9.2), as generators and text models answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from flambeau.serve.asgi import Scope, Send, encode_json
from flambeau.serve.errors import ModelFailed, ServeError

log = logging.getLogger("flambeau.serve")

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


def event(value: Any, name: str | None = None) -> bytes:
    """Return one event; its data is JSON, which holds no line breaks."""
    head = b"" if name is None else b"event: %s\n" % name.encode()
    return b"%sdata: %s\n\n" % (head, encode_json(value))


DONE = event({}, "done")


async def send_events(
    scope: Scope,
    send: Send,
    values: AsyncIterator[Any],
    *,
    headers: list[tuple[bytes, bytes]] | None = None,
    done: bytes = DONE,
) -> None:
    """Answer with one event for each value, and ``done`` after the last.

    What fails before the first value is raised, so that the answer can still be an error; what
    fails later becomes ``event: error``. The values are closed in any case.
    """
    async with aclosing(values):  # type: ignore[type-var]
        first = await anext(values, None)
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": [*HEADERS, *(headers or [])]})
        try:
            if first is not None:
                await _send(send, event(first))
                async for value in values:
                    await _send(send, event(value))
            end = done
        except Exception as error:
            end = _failed(scope, error)
        await send({"type": "http.response.body", "body": end})


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


def _failed(scope: Scope, error: Exception) -> bytes:
    request_id = scope.get("flambeau.request_id")
    if not isinstance(error, ServeError):
        log.error("a stream failed", exc_info=error, extra={"request_id": request_id})
        error = ModelFailed("the model failed")
    return event(error.body(request_id), "error")

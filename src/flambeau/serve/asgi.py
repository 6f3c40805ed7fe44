"""The few pieces of ASGI that the hot path writes itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import msgspec

from flambeau.serve.errors import BadRequest, ServeError, TooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
encode_json = msgspec.json.Encoder().encode


def header(scope: Scope, name: bytes) -> bytes:
    """Return a request's header, or b"" where it is missing."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""


async def read_body(receive: Receive, most: int) -> bytes:
    """Return a request's body.

    Raises:
        TooLarge: It has more than ``most`` bytes; no more than those are ever kept.
        BadRequest: The client left before its end.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body") and message["type"] == "http.request" and len(body) <= most:
        return body
    parts, size = [body], len(body)
    while message["type"] == "http.request" and message.get("more_body") and size <= most:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if message["type"] != "http.request":
        raise BadRequest("the request ended before its body did")
    if size > most:
        raise TooLarge(f"the body has more than {most} bytes")
    return b"".join(parts)


async def send_body(send: Send, body: bytes, headers: Headers, status: int = 200) -> None:
    """Answer with a whole body."""
    length = (b"content-length", b"%d" % len(body))
    start = {"type": "http.response.start", "status": status, "headers": [length, *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, value: Any, status: int = 200) -> None:
    """Answer with JSON."""
    await send_body(send, encode_json(value), (JSON,), status)


async def send_error(scope: Scope, send: Send, error: ServeError) -> None:
    """Answer with an error in its one form."""
    extra = [(name.encode(), value.encode()) for name, value in error.headers().items()]
    body = encode_json(error.body(scope.get("flambeau.request_id")))
    await send_body(send, body, (JSON, *extra), error.status)

"""HTTP/1.1 on one connection: uvicorn's protocol with bounds on what a client may take up.

A connection that does not finish its headers in time gets 408 and is closed, headers that are too
large or too many get 431, and connections beyond the limit 503; whatever is wrong is answered in
the one form of errors. A connection whose client still sends is closed in two steps, so that the
answer arrives.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from flambeau.serve.errors import BadRequest, RequestTimeout, ServeError, Unavailable
from flambeau.serve.limits import Limits

MOST_HEADERS = 100
_MOST_PIPELINED = 32  # requests that may wait for the answer to the one before them
_LINGER = 1.0  # seconds that a client may still send after it got its last answer
_MOST_LINGERING = 64  # connections beyond the limit
_LINGER_BYTES = 1 << 20  # and how much
_FAREWELL = 0.3  # seconds that an idle connection stays open after a stop was asked for
_TOGETHER = 1 << 16  # bytes
_SPECIAL = frozenset((b"connection", b"transfer-encoding"))
_STUCK = 30.0  # seconds after which an answer that nobody reads is given up


class HeadersTooLarge(ServeError):
    """The request line and headers exceed their limit."""

    status, type = 431, "headers_too_large"


class Gate:
    """What the connections of one server share: the limits, and who still owes headers.

    Args:
        limits: of connections and headers.
        refused: told why a connection was turned away.
    """

    def __init__(
        self, limits: Limits | None = None, refused: Callable[[str], None] | None = None
    ) -> None:
        self.limits = limits or Limits()
        self.refused = refused or (lambda reason: None)
        self._owing: dict[Protocol, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, connection: Protocol) -> None:
        """The headers of ``connection`` have to come from now on."""
        self._owing[connection] = perf_counter()
        if self._timer is None:
            period = max(0.01, min(0.5, self.limits.header_timeout / 8))
            self._timer = connection.loop.call_later(period, self._sweep, connection.loop)

    def settle(self, connection: Protocol) -> None:
        """They have come, or never will."""
        self._owing.pop(connection, None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at all connections with one timer."""
        self._timer = None
        oldest = perf_counter() - self.limits.header_timeout
        for connection, since in list(self._owing.items()):
            if since > oldest:  # whoever came later stands further back
                break
            del self._owing[connection]
            connection.refuse(RequestTimeout("The headers did not arrive in time."))
        if self._owing:
            period = max(0.01, min(0.5, self.limits.header_timeout / 8))
            self._timer = loop.call_later(period, self._sweep, loop)


class Protocol(HttpToolsProtocol):
    """One connection.

    For uvicorn's ``http`` setting: ``uvicorn --http flambeau.serve.protocol:Protocol app:app`` has
    the limits' defaults, :func:`flambeau.serve.run` those of the application.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        gate = getattr(server_state, "gate", None)
        if gate is None:
            gate = Gate()
            setattr(server_state, "gate", gate)  # noqa: B010
        self.gate: Gate = gate
        self._header_bytes = 0
        self._in_headers = True
        self._in_message = False
        self._refused = False
        self._discarded = 0
        self._stopping = False
        self._unsent = 0
        self._active: RequestResponseCycle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._transport = transport
        self.transport = Lingering(transport, self)  # type: ignore[assignment]
        if len(self.connections) > self.gate.limits.connections:
            self.gate.refused("connections")
            self.refuse(Unavailable("Too many connections: come again.", retry_after=1))
        else:
            self.gate.expect(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.gate.settle(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._refused or self.transport.is_closing():
            self._discarded += len(data)
            if self._discarded > _LINGER_BYTES:
                self.transport.abort()
            return
        if self._in_headers:
            self._header_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.gate.settle(self)
                self.transport = self._transport  # another protocol's from now on
                self.handle_websocket_upgrade()
        except httptools.HttpParserError as error:
            cause = error.__context__
            wrong = BadRequest("This is no valid HTTP/1.1 request.")
            self.refuse(cause if isinstance(cause, ServeError) else wrong)
        else:
            if self._in_headers and self._header_bytes > self.gate.limits.header_bytes:
                self.refuse(self._too_large())
            elif self.timeout_keep_alive_task is None and not self._in_headers and self._idle():
                self._rest()  # empty lines are no request

    def _idle(self) -> bool:
        return not self._in_message and (self.cycle is None or self.cycle.response_complete)

    def _rest(self) -> None:
        wait = self.timeout_keep_alive
        self.timeout_keep_alive_task = self.loop.call_later(wait, self.timeout_keep_alive_handler)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        cycle.__class__ = Cycle
        super()._start_asgi_task(cycle, app)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_message = True
        if not self._in_headers:  # of a connection's first message the time runs already
            self._in_headers = True
            self.gate.expect(self)

    def on_headers_complete(self) -> None:
        self.gate.settle(self)
        if self._header_bytes > self.gate.limits.header_bytes or len(self.headers) > MOST_HEADERS:
            self._check_headers()
        self._in_headers = False
        self._header_bytes = 0
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise BadRequest(f"More than {_MOST_PIPELINED} requests wait on this connection.")
        super().on_headers_complete()
        if self._stopping:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._in_message = False
        super().on_message_complete()

    def _check_headers(self) -> None:
        """What came along may have been a body: count the headers alone."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.gate.limits.header_bytes or len(self.headers) > MOST_HEADERS:
            raise self._too_large()

    def _too_large(self) -> HeadersTooLarge:
        most = self.gate.limits.header_bytes
        return HeadersTooLarge(f"More than {most} bytes or {MOST_HEADERS} headers are not taken.")

    def refuse(self, error: ServeError) -> None:
        """Answer what the application never hears of, and close the connection."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self.gate.settle(self)
        if self._ends_after_answers():
            return
        self.gate.refused(error.type)
        body = json.dumps(error.body()).encode()
        lines = [STATUS_LINE[error.status]]
        headers = [*self.server_state.default_headers, (b"content-type", b"application/json")]
        headers += [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        headers += [(name.encode(), value.encode()) for name, value in error.headers().items()]
        lines += [b"%s: %s\r\n" % header for header in headers]
        self.transport.write(b"".join([*lines, b"\r\n", body]))
        self.transport.close()

    def may_still_send(self) -> bool:
        """Whether it is likely that the client sends, and can be listened to for a moment."""
        room = len(self.connections) < self.gate.limits.connections + _MOST_LINGERING
        return (self._in_message or self._refused) and room

    def _ends_after_answers(self) -> bool:
        """Where earlier requests are still to be answered, do only that, and close then."""
        newest = self.cycle
        if newest is None or newest.response_complete:
            return False
        if not newest.more_body:
            newest.keep_alive = False
            return True
        newest.disconnected = True  # its body is broken: the application need not go on
        newest.message_event.set()
        if newest is not self._active:
            self.pipeline.popleft()
            (self.pipeline[0][0] if self.pipeline else self._active).keep_alive = False
            return True
        if newest.response_started:
            self.transport.close()
        return newest.response_started

    def shutdown(self) -> None:
        """Finish what was begun; on an idle connection a request may still be on its way."""
        self._stopping = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(_FAREWELL, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if (self._idle() or self._in_headers) and not self.transport.is_closing():
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection; one that still takes its answer is not idle."""
        if self.transport.is_closing():
            return
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0:
            self.transport.close()
        elif unsent == self._unsent:
            self.transport.abort()
        else:
            self._unsent = unsent
            self._rest()


class Cycle(RequestResponseCycle):
    """One request and its answer: headers and a small body leave in one write."""

    _held: Any = None

    async def send(self, message: Any) -> None:
        """Hold the headers back until the body is there, where they tell its length."""
        if message["type"] == "http.response.start":
            for name, _ in message.get("headers", ()):
                if name == b"content-length":
                    self._held = message
                    return
        held = self._held
        if held is None:
            await super().send(message)
            return
        self._held = None
        if self._send_whole(held, message):
            return
        await super().send(held)
        await super().send(message)

    def _send_whole(self, start: Any, message: Any) -> bool:
        """Send a small answer that came at once; what is special about one uvicorn does."""
        headers = [*self.default_headers, *start["headers"]]
        names, values = [name for name, _ in headers], [value for _, value in headers]
        body = message.get("body", b"")
        plain = (
            message["type"] == "http.response.body"
            and not (message.get("more_body") or self.response_started or self.disconnected)
            and not (self.access_log or self.flow.write_paused)
            and self.keep_alive
            and self.scope["method"] != "HEAD"
            and len(body) <= _TOGETHER
            and dict(headers).get(b"content-length") == b"%d" % len(body)
            and _SPECIAL.isdisjoint(names)
            and not HEADER_RE.search(b"".join(names))
            and not HEADER_VALUE_RE.search(b"".join(values))
        )
        if plain:
            lines = [name + b": " + value + b"\r\n" for name, value in headers]
            head = b"".join((STATUS_LINE[start["status"]], *lines, b"\r\n"))
            self.response_started = self.response_complete = True
            self.waiting_for_100_continue = self.chunked_encoding = False
            self.expected_content_length = 0
            self.transport.write(head + body)
            self.message_event.set()
            self.on_response()
        return plain


class Lingering:
    """A transport whose ``close`` lets the client read its answer.

    Closing a socket on which unread data waits makes the system reset the connection, and the
    client loses the answer that says why. So the sending side is closed first, and what still comes
    is read and forgotten for a moment.
    """

    def __init__(self, transport: asyncio.Transport, protocol: Protocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self._closing = False
        self.write: Callable[[bytes], None] = transport.write  # as fast as it was
        self.abort = transport.abort
        self.get_extra_info = transport.get_extra_info
        self.get_write_buffer_size = transport.get_write_buffer_size
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.set_protocol = transport.set_protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        protocol, transport = self._protocol, self._transport
        if transport.is_closing():
            return
        if protocol.may_still_send() and transport.can_write_eof():
            transport.write_eof()
            protocol.flow.resume_reading()
            protocol.loop.call_later(_LINGER, self._close)
        else:
            self._close()

    def _close(self) -> None:
        transport = self._transport
        if not transport.is_closing():
            transport.close()
            if transport.get_write_buffer_size():
                self._protocol.loop.call_later(_STUCK, transport.abort)

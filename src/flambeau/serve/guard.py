"""The one middleware that everything passes: who may ask, how much, how often and how long.

It stands outside of every route, those of users and mounted applications included, so that nothing
is open by being forgotten. Its cost is some microseconds a request: plain Python on the event loop,
one timer for all requests together.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from flambeau.serve.errors import (
    BadRequest,
    DeadlineExceeded,
    Forbidden,
    RateLimited,
    RequestTimeout,
    ServeError,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)
from flambeau.serve.json_depth import check_depth
from flambeau.serve.keys import ApiKey, KeyRing
from flambeau.serve.limits import Limits
from flambeau.serve.logging_ import LOGGER, AccessLog
from flambeau.serve.signin import COOKIE, Sessions, page

if TYPE_CHECKING:
    from fastapi import FastAPI

    from flambeau.serve.tracing import Begun, Tracer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CLIENT_LEFT = 499  # how the log calls an answer that nobody waited for
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
OPEN = frozenset({"/livez", "/readyz"})
_SCOPES = {"/metrics": "metrics"}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ONCE = frozenset(
    {b"host", b"authorization", b"x-api-key", b"content-length", b"content-type", b"origin"}
    | {b"transfer-encoding", b"content-encoding", b"cookie"}
)
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_HTML = (
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
)
_CSP = (
    b"default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; "
    b"style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    b"frame-ancestors 'none'"
)


class Serving(Protocol):
    """What the guard needs to know of a server."""

    limits: Limits
    keys: Any
    stopping: bool


class Observer(Protocol):
    """Who counts requests."""

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""

    def turned_away(self, reason: str) -> None:
        """A request was refused before it reached a route."""


class Guard:
    """ASGI middleware: request ids, keys, rates, limits, deadlines, security headers, access log.

    Args:
        app: what stands behind it.
        server: gives the limits, and says when it stops.
        keys: who may ask; empty means everybody.
        origins: web pages of other origins that may call (CORS).
    """

    def __init__(
        self, app: App, server: Serving, keys: Iterable[ApiKey] = (), origins: Sequence[str] = ()
    ) -> None:
        self.app = app
        self.server = server
        self.keys = KeyRing(keys)
        self.sessions = Sessions()
        self.origins = frozenset(origin.lower() for origin in origins)
        self.hosts: frozenset[str] | None = None  # names that Host may have; None for any
        self.access_log: AccessLog | None = None
        self.observer: Observer | None = None
        self.tracer: Tracer | None = None
        self.in_flight: set[Exchange] = set()
        self.routes: list[Any] = []  # Starlette's own, of which the scope tells only the endpoint
        self.configure(server.limits)
        self._sweeping = False
        self._ids = count(1)
        self._run = os.urandom(5).hex()

    def configure(self, limits: Limits, origins: Iterable[str] = ()) -> None:
        """Set the limits, and let pages of further origins ask; before the first request."""
        self.server.limits = limits
        self.origins |= {origin.lower() for origin in origins}
        shortest = min(limits.timeout, limits.body_timeout, limits.stream_timeout)
        self._period = max(0.005, min(0.1, shortest / 8))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        exchange = Exchange(self, scope, receive, send)
        self.in_flight.add(exchange)
        span = self.tracer.begin(scope) if self.tracer is not None else None
        if not self._sweeping:
            self._sweeping = True
            exchange.loop.call_later(self._period, self._sweep, exchange.loop)
        try:
            try:
                self._admit(exchange, scope)
                if exchange.length:
                    await exchange.read_body()
            except ServeError as error:
                self.turned_away(error)
                await exchange.fail(error, scope)
            else:
                await self.app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            await exchange.cancelled(scope)
        except Exception as error:
            await exchange.raised(error, scope)
        finally:
            exchange.over = True
            self.in_flight.discard(exchange)
            if exchange.watcher is not None:
                exchange.watcher.cancel()
            self._note(exchange, scope, span)

    def _admit(self, exchange: Exchange, scope: Scope) -> None:
        """Raise the error that the request is refused with, or let it pass."""
        headers = dict(scope["headers"])
        if len(headers) != len(scope["headers"]):
            _refuse_duplicates(scope["headers"])
        asked = headers.get(b"x-request-id")
        if asked is not None and _ID.fullmatch(asked):
            exchange.id = asked.decode()
        else:
            exchange.id = f"{self._run}{next(self._ids):08x}"
        scope["flambeau.request_id"] = exchange.id
        path = scope["path"]
        root = exchange.root
        if root and path.startswith(root):
            path = path[len(root) :]
        if self.hosts is not None:
            self._check_host(headers.get(b"host", b""))
        method = scope["method"]
        if b"origin" in headers and method not in _SAFE:
            self._check_origin(headers)
        if path in OPEN and method in _SAFE:
            exchange.length = 0
            return
        if self.server.stopping:
            raise Unavailable("The server is stopping: ask again.", retry_after=1)
        if self.keys.keys and not (path == "/signin" and method == "POST"):
            self._check_key(exchange, scope, headers, path)
        exchange.expects(headers, self.server.limits.body_bytes)

    def _check_key(
        self, exchange: Exchange, scope: Scope, headers: dict[bytes, bytes], path: str
    ) -> None:
        key = self._key(scope["method"], headers)
        if key is None:
            if scope["method"] == "GET" and b"text/html" in headers.get(b"accept", b""):
                exchange.page = True
            raise Unauthorized(
                "A key is needed: send it as Authorization: Bearer KEY or as X-Api-Key: KEY."
            )
        exchange.key = scope["flambeau.key"] = key.name
        needed = _SCOPES.get(path, "predict")
        if not key.may(needed) and path not in ("/", "/signout"):
            raise Forbidden(f"The key {key.name!r} is not for {needed!r}.")
        wait = self.keys.wait(key, exchange.started)
        if wait:
            raise RateLimited(
                f"The key {key.name!r} is limited to {key.rate} requests: wait and ask again.",
                retry_after=wait,
            )

    def _key(self, method: str, headers: dict[bytes, bytes]) -> ApiKey | None:
        secret = headers.get(b"x-api-key")
        if secret is None:
            scheme, _, secret = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer":
                secret = b""
        if secret:
            return self.keys.find(secret.strip())
        cookie = headers.get(b"cookie")
        if cookie is None or COOKIE not in cookie:
            return None
        name = self.sessions.name_in(cookie)
        key = None if name is None else self.keys.named(name)
        # A page of another site may send our cookie along, but cannot hide where it comes from.
        if key is not None and method not in _SAFE and not same_origin(headers):
            raise Forbidden("A signed-in page may ask only its own server.")
        return key

    def admits(self, scope: Scope) -> bool:
        """Say whether a request to an open route brings a key, or needs none."""
        return not self.keys.keys or self._key(scope["method"], dict(scope["headers"])) is not None

    def _check_host(self, host: bytes) -> None:
        assert self.hosts is not None
        if host_name(host) not in self.hosts:
            raise BadRequest(
                "This server is not called so: ask for localhost, or list the name in `hosts`."
            )

    def _check_origin(self, headers: dict[bytes, bytes]) -> None:
        origin = headers[b"origin"].decode("latin-1").lower()
        if not (same_origin(headers) or origin in self.origins or "*" in self.origins):
            raise Forbidden("Pages of this origin may not ask: list it in `cors`.")

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """WebSockets need the key too; lifespan passes."""
        if scope["type"] == "websocket":
            headers = dict(scope["headers"])
            try:
                if self.server.stopping:
                    raise Unavailable("The server is stopping.")
                if b"origin" in headers:
                    self._check_origin(headers)
                if self.keys.keys:
                    key = self._key("WEBSOCKET", headers)
                    if key is None or self.keys.wait(key, perf_counter()):
                        raise Unauthorized("No key, or too many requests.")
                    scope["flambeau.key"] = key.name
            except ServeError as error:
                self.turned_away(error)
                await send({"type": "websocket.close", "code": 1008})
                return
        await self.app(scope, receive, send)

    def turned_away(self, error: ServeError) -> None:
        """Count a request that no route answers."""
        if self.observer is not None:
            self.observer.turned_away(error.type)

    def _note(self, exchange: Exchange, scope: Scope, span: Begun | None) -> None:
        took = perf_counter() - exchange.started
        if self.observer is None and self.access_log is None and span is None:
            return
        method: str = scope["method"]
        path = self._template(scope, exchange.root)
        status = exchange.status or CLIENT_LEFT
        if self.observer is not None:
            self.observer.request(method, path, status, took)
        if self.access_log is not None:
            self.access_log.add(
                exchange.id, method, path, status, exchange.sent, took, exchange.key
            )
        if span is not None and self.tracer is not None:
            self.tracer.end(span, method, path, status, exchange.id)

    def _template(self, scope: Scope, root: str) -> str:
        """Return the path of the route that answered, with its parameters' names: never a value."""
        route = scope.get("route")
        prefix: str = scope.get("root_path", "")[len(root) :]
        if route is not None:
            included = scope.get("fastapi", {}).get("effective_route_context")
            return prefix + str(getattr(included or route, "path", "/*"))
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return "unmatched"
        if prefix:
            return prefix + "/*"
        if scope.get("path_params"):
            return str(next((r.path for r in self.routes if r.endpoint is endpoint), "unmatched"))
        return str(scope["path"][len(root) :])

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what takes too long, and watch whether the clients of the rest are still there."""
        if not self.in_flight:
            self._sweeping = False
            return
        now = perf_counter()
        for exchange in list(self.in_flight):
            exchange.check(now, self.server.limits)
        loop.call_later(self._period, self._sweep, loop)


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_guard",
        "_receive",
        "_send",
        "body",
        "done",
        "gone",
        "id",
        "json",
        "key",
        "left",
        "length",
        "loop",
        "over",
        "page",
        "reading",
        "reason",
        "root",
        "sent",
        "started",
        "status",
        "task",
        "touched",
        "watcher",
    )

    def __init__(self, guard: Guard, scope: Scope, receive: Receive, send: Send) -> None:
        self._guard = guard
        self._receive = receive
        self._send = send
        self.started = self.touched = perf_counter()
        task = asyncio.current_task()
        assert task is not None
        self.task: asyncio.Task[Any] = task
        self.loop = task.get_loop()
        self.id = ""
        self.key = ""
        self.length: int | None = None  # of the body, in bytes; -1 chunked; None not read
        self.root: str = scope.get("root_path", "")
        self.json = False
        self.body: Message | None = None
        self.page = False
        self.reading = False
        self.status = 0
        self.sent = 0
        self.done = False  # answered in full; what runs on is the application's own affair
        self.left = False  # the client has
        self.over = False
        self.gone: asyncio.Event | None = None
        self.watcher: asyncio.Task[None] | None = None
        self.reason: ServeError | None = None

    def expects(self, headers: dict[bytes, bytes], most: int) -> None:
        """Learn from the headers what body comes, and refuse it where it cannot be taken."""
        length = headers.get(b"content-length")
        if length is not None:
            if not length.isdigit():
                raise BadRequest("Content-Length is no number.")
            expected = int(length) if len(length) < 20 else most + 1
            if expected > most:
                raise TooLarge(f"The body exceeds {most} bytes.")
        elif b"transfer-encoding" in headers:
            if headers[b"transfer-encoding"].lower() != b"chunked":
                raise BadRequest("Of transfer encodings only chunked is taken.")
            expected = -1
        else:
            self.length = 0
            return
        coding = headers.get(b"content-encoding")
        if coding is not None and coding.lower() != b"identity":
            raise UnsupportedMediaType("Send the body as it is: no Content-Encoding is taken.")
        self.length = expected
        self.json = b"json" in headers.get(b"content-type", b"")

    async def read_body(self) -> None:
        """Read the whole body, as far as the limits let it."""
        limits = self._guard.server.limits
        self.reading = True
        message = await self._receive()
        if message.get("more_body"):
            parts = [message.get("body", b"")]
            size = len(parts[0])
            while size <= limits.body_bytes and message.get("more_body"):
                message = await self._receive()
                parts.append(message.get("body", b""))
                size += len(parts[-1])
            message = {**message, "body": b"".join(parts)}
        self.reading = False
        if message["type"] == "http.disconnect":
            self.left = True
            raise asyncio.CancelledError
        body = message.get("body", b"")
        if len(body) > limits.body_bytes:
            self.length = None
            raise TooLarge(f"The body exceeds {limits.body_bytes} bytes.")
        if self.json:
            check_depth(body, limits.json_depth)
        self.body = message

    async def receive(self) -> Message:
        """What the application gets: the body at once, then nothing until the client leaves."""
        message = self.body
        if message is not None:
            self.body = None
            return message
        if not self.length:
            self.length = -1
            return {"type": "http.request", "body": b"", "more_body": False}
        self.watch()
        assert self.gone is not None
        await self.gone.wait()
        return {"type": "http.disconnect"}

    def watch(self) -> None:
        """Begin to watch whether the client leaves."""
        if self.watcher is None:
            self.gone = asyncio.Event()
            self.watcher = self.loop.create_task(self._watch())

    async def _watch(self) -> None:
        assert self.gone is not None
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone.set()
        if not (self.over or self.done):
            self.left = True
            self.task.cancel()

    def check(self, now: float, limits: Limits) -> None:
        """End the request where its time is over; begin to watch the client of a slow one."""
        if self.reason is not None or self.done:
            return
        age = now - self.started
        if self.reading:
            if age > limits.body_timeout:
                self._end(RequestTimeout("The body did not arrive in time."))
        elif self.status:
            if age > limits.stream_timeout or now - self.touched > limits.timeout:
                self._end(DeadlineExceeded("The stream took too long."))
        elif age > limits.timeout:
            self._end(DeadlineExceeded("The answer was not ready in time."))
        if self.reason is None and not self.reading:
            self.watch()

    def _end(self, reason: ServeError) -> None:
        self.reason = reason
        self.task.cancel()

    async def send(self, message: Message) -> None:
        """Send on what the application answers, with the headers that belong to every answer."""
        kind = message["type"]
        if kind == "http.response.body":
            self.sent += len(message.get("body", b""))
            if message.get("more_body"):
                self.touched = perf_counter()
            else:
                self.done = True
        elif kind == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            if self._guard.tracer is not None:
                self._guard.tracer.answered(headers)
            names = dict(headers)
            headers.append((b"x-request-id", self.id.encode()))
            headers.append((b"x-content-type-options", b"nosniff"))
            if b"cache-control" not in names:
                headers.append((b"cache-control", b"no-store"))
            if names.get(b"content-type", b"").startswith(b"text/html"):
                headers += _HTML
                if b"content-security-policy" not in names:
                    headers.append((b"content-security-policy", _CSP))
            message["headers"] = headers
        await self._send(message)

    async def fail(self, error: ServeError, scope: Scope) -> None:
        """Answer with ``error``."""
        if self.page and isinstance(error, Unauthorized):
            body, headers = page()
        else:
            body = json.dumps(error.body(self.id)).encode()
            headers = [(b"content-type", b"application/json")]
        headers.append((b"content-length", b"%d" % len(body)))
        headers += [(name.encode(), value.encode()) for name, value in error.headers().items()]
        unread = self.reading
        if self.length is None:  # nothing of the body was read, or its length is in doubt
            unread = unread or isinstance(error, BadRequest) or _much_to_come(scope)
        if unread or self._guard.server.stopping:
            headers.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    async def cancelled(self, scope: Scope) -> None:
        """The time is over, the client has left, or the server ends."""
        if self.left or (self.reason is not None and self.status):
            self.task.uncancel()
            return
        reason = self.reason
        if reason is None:
            if not self._guard.server.stopping:
                raise  # not ours: whoever cancels the task waits for it
            reason = Unavailable("The server is stopping: ask again.", retry_after=1)
        self.task.uncancel()
        if not self.status:
            self._guard.turned_away(reason)
            await self.fail(reason, scope)

    async def raised(self, error: Exception, scope: Scope) -> None:
        """Something failed that nobody expected: log it, and tell the caller only its id."""
        LOGGER.error("the request failed", exc_info=error, extra={"request_id": self.id})
        if not self.status:
            await self.fail(ServeError("Something failed inside; the log has more."), scope)


def same_origin(headers: dict[bytes, bytes]) -> bool:
    """Say whether a browser's request comes from a page of this server."""
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site in (b"same-origin", b"none")
    origin, host = headers.get(b"origin"), headers.get(b"host")
    return origin is not None and host is not None and origin.partition(b"://")[2] == host


def host_name(host: bytes) -> str:
    """Return a Host header's name without the port."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0]


def _refuse_duplicates(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Of two such headers a proxy before us may have believed the other one."""
    seen = set()
    for name, _ in headers:
        if name in seen and name in _ONCE:
            raise BadRequest(f"There is more than one {name.decode()} header.")
        seen.add(name)


def _much_to_come(scope: Scope) -> bool:
    """Say whether so much of the body may still come that the connection is better closed."""
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or len(length) > 5


def install(app: FastAPI, server: Serving, origins: Sequence[str] = ()) -> Guard:
    """Put a guard around ``app``, and give its errors their form.

    Keys of the environment (``FLAMBEAU_SERVE_KEYS`` and ``_KEY``) count under every server, so that
    a deployment cannot lose them by starting the application in another way.
    """
    from starlette.routing import Route

    from flambeau.serve import handlers, shortcut, signin
    from flambeau.serve.keys import environment_keys

    layers = app.build_middleware_stack
    guard = Guard(_nothing, server, origins=origins)
    guard.keys.add([*server.keys, *environment_keys()])
    handlers.install(app)
    signin.install(app, guard)
    ours = dict(app.exception_handlers)

    def outermost() -> App:
        guard.app = shortcut.shorten(app, layers(), ours)
        guard.routes = [route for route in app.routes if type(route) is Route]
        return _cors(guard) if guard.origins else guard

    # Middleware that users add later stands inside too: nothing runs for those without a key.
    setattr(app, "build_middleware_stack", outermost)  # noqa: B010
    app.state.guard = guard
    return guard


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the application is not built yet")


def _cors(guard: Guard) -> App:
    from starlette.middleware.cors import CORSMiddleware

    return CORSMiddleware(
        guard,
        allow_origins=sorted(guard.origins),
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "x-api-key", "content-type", "x-request-id", "traceparent"],
        expose_headers=["x-request-id", "server-timing", "retry-after"],
    )

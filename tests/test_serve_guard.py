"""The guard: who may ask, how much, how often, how long; and the one form of errors."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fastapi")

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.testclient import TestClient

from flambeau.serve import guard as guarding, health
from flambeau.serve.errors import BadRequest, InvalidInput, ModelFailed, Unavailable
from flambeau.serve.guard import Guard
from flambeau.serve.json_depth import check_depth
from flambeau.serve.keys import ApiKey
from flambeau.serve.limits import Limits

KEY = "a-key-for-tests"
BEARER = {"authorization": f"Bearer {KEY}"}


class Point(BaseModel):
    x: int
    names: list[str] = []


def make(
    *keys: ApiKey, limits: Limits | None = None, cors: tuple[str, ...] = ()
) -> tuple[FastAPI, Guard]:
    app = FastAPI()
    server = SimpleNamespace(limits=limits or Limits(), keys=keys, stopping=False)
    guard = guarding.install(app, server, cors)
    waiting: list[str] = []
    app.state.waiting = waiting
    health.install(app, guard, lambda: waiting)

    @app.get("/")
    async def home() -> HTMLResponse:
        return HTMLResponse("<h1>page</h1>")

    @app.post("/point")
    async def point(point: Point) -> Point:
        return point

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.get("/metrics")
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse("up 1")

    @app.get("/fail")
    async def fail() -> None:
        raise RuntimeError("secret inside")

    @app.get("/known")
    async def known() -> None:
        raise InvalidInput("x is wrong", param="x")

    @app.get("/model")
    async def model() -> None:
        raise ModelFailed("The model failed.") from ZeroDivisionError("secret inside")

    @app.get("/busy")
    async def busy() -> None:
        raise Unavailable("busy", retry_after=2.4)

    return app, guard


def key(name: str = "tests", secret: str = KEY, **rest: Any) -> ApiKey:
    return ApiKey.of(secret, name=name, **rest)


def client(app: FastAPI, **rest: Any) -> TestClient:
    return TestClient(app, raise_server_exceptions=False, follow_redirects=False, **rest)


def error_of(answer: Any) -> dict[str, Any]:
    body = answer.json()
    assert list(body) == ["error"], body
    assert set(body["error"]) == {"message", "type", "param", "code", "request_id"}
    assert body["error"]["request_id"] == answer.headers["x-request-id"]
    return body["error"]


def test_open_without_keys() -> None:
    app, _ = make()
    with client(app) as c:
        answer = c.post("/point", json={"x": 1})
    assert answer.status_code == 200 and answer.json() == {"x": 1, "names": []}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.headers["x-request-id"]) >= 16


@pytest.mark.parametrize(
    "headers", [BEARER, {"authorization": f"bearer {KEY}"}, {"x-api-key": KEY}]
)
def test_right_key(headers: dict[str, str]) -> None:
    app, _ = make(key(), key("other", "another-key-here"))
    assert client(app).post("/point", json={"x": 1}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong-key-1"},
        {"authorization": f"Basic {KEY}"},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": f"Bearer {KEY[:-1]}"},
        {"x-api-key": ""},
        {"x-api-key": "ä" * 600},
        {"x-api-key": "wrong-key-1", "authorization": f"Bearer {KEY}"},
        {"cookie": f"flambeau_session={KEY}"},
        {"cookie": "flambeau_session=AAAA." + "0" * 64},
    ],
)
def test_wrong_key(headers: dict[str, str]) -> None:
    app, _ = make(key())
    raw = {name: value.encode("utf-8") for name, value in headers.items()}
    answer = client(app).post("/point", json={"x": 1}, headers=raw)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert error_of(answer)["type"] == "unauthorized"
    assert KEY not in answer.text


def test_everything_is_closed() -> None:
    """Routes of users, mounted applications, unknown paths and wrong methods."""
    app, _ = make(key())
    inner = FastAPI()
    inner.add_api_route("/deep", lambda: 1)
    router = APIRouter(prefix="/routed")
    router.add_api_route("/x", lambda: 1)
    app.mount("/mounted", inner)
    app.include_router(router)
    app.add_api_route("/late", lambda: 1)
    c = client(app)
    paths = ["/late", "/routed/x", "/mounted/deep", "/mounted/nothing", "/nothing", "/openapi.json"]
    paths += [
        "/docs",
        "/redoc",
        "/metrics",
        "/",
        "//livez",
        "/livez/",
        "/LIVEZ",
        "/readyz/x",
        "/livez%2f",
    ]
    for path in paths:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
            assert c.request(method, path).status_code == 401, (method, path)
    assert c.get("/mounted/deep", headers=BEARER).json() == 1
    assert c.get("/nothing", headers=BEARER).status_code == 404
    assert c.get("/livez").status_code == c.get("/readyz").status_code == 200


def test_scopes_and_expiry() -> None:
    import time

    app, _ = make(
        key("all"),
        key("predict", "predict-only", scopes=("predict",)),
        key("metrics", "metrics-only", scopes=["metrics"]),
        key("old", "an-old-key", expires=time.time() - 1),
        key("young", "a-young-key", expires="2999-01-01"),
    )
    c = client(app)

    def status(path: str, secret: str) -> int:
        return c.get(path, headers={"x-api-key": secret}).status_code

    assert [status("/metrics", s) for s in (KEY, "predict-only", "metrics-only")] == [200, 403, 200]
    assert [status("/known", s) for s in (KEY, "predict-only", "metrics-only")] == [422, 422, 403]
    assert status("/metrics", "an-old-key") == 401 and status("/metrics", "a-young-key") == 200


def test_rate() -> None:
    app, _ = make(key(rate="3/day"), key("free", "another-key-here"))
    c = client(app)
    assert [c.get("/known", headers=BEARER).status_code for _ in range(5)] == [422] * 3 + [429] * 2
    answer = c.get("/known", headers=BEARER)
    assert error_of(answer)["type"] == "rate_limited"
    assert 28000 <= int(answer.headers["retry-after"]) <= 28800
    assert c.get("/known", headers={"x-api-key": "another-key-here"}).status_code == 422
    assert c.get("/livez", headers=BEARER).status_code == 200


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-1.2_X", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ('a"b', False),
        ("", False),
    ],
)
def test_request_id(sent: str, kept: bool) -> None:
    app, _ = make()
    answer = client(app).get("/known", headers={"x-request-id": sent})
    assert (answer.headers["x-request-id"] == sent) == kept
    error_of(answer)


def test_request_ids_differ() -> None:
    c = client(make()[0])
    assert len({c.get("/livez").headers["x-request-id"] for _ in range(50)}) == 50


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 5000])
@pytest.mark.parametrize("chunked", [False, True])
def test_body_limit(size: int, chunked: bool) -> None:
    app, _ = make(limits=Limits(body_bytes=100))
    data = b"x" * size
    pieces = (data[i : i + 7] for i in range(0, size, 7))
    answer = client(app).post("/size", content=pieces if chunked else data)
    if size <= 100:
        assert answer.status_code == 200 and answer.json() == size
    else:
        assert answer.status_code == 413 and error_of(answer)["type"] == "too_large"


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "GZIP", "gzip, identity"])
def test_compressed_bodies_are_refused(coding: str) -> None:
    answer = client(make()[0]).post("/size", content=b"x", headers={"content-encoding": coding})
    assert answer.status_code == 415
    error_of(answer)


def test_json_depth() -> None:
    app, _ = make(limits=Limits(json_depth=4))
    c = client(app)
    deep = {"content-type": "application/json"}
    assert c.post("/size", content=b"[[[[1]]]]", headers=deep).status_code == 200
    answer = c.post("/size", content=b"[[[[[1]]]]]", headers=deep)
    assert answer.status_code == 400 and "nested" in error_of(answer)["message"]
    assert c.post("/size", content=b"[[[[[1]]]]]").status_code == 200  # no JSON


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (b"[" * 3 + b"]" * 3, True),
        (b"[" * 4 + b"]" * 4, False),
        (b"[[1],[2],[3],[4],[5]]", True),
        (b'{"a":[{"b":1},{"c":{}}]}', False),
        (b'{"a":[{"b":1},{"c":2}]}', True),
        (b'["[[[[[[", "{{{{{{", "\\"[[[[[[", "\\\\"]', True),
        (b'["\\\\", [[[]]]]', False),
        (b"[" * 1_000_000, False),
        (b"[]" * 500_000, True),  # no JSON, which whoever reads it says
        (b"[" * 500_000 + b"]" * 500_000, False),
        (b"", True),
    ],
)
def test_check_depth(text: bytes, fits: bool) -> None:
    if fits:
        check_depth(text, 3)
    else:
        with pytest.raises(BadRequest):
            check_depth(text, 3)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind", "param"),
    [
        ("GET", "/nothing", None, 404, "not_found", None),
        ("GET", "/point", None, 405, "method_not_allowed", None),
        ("POST", "/point", b"{", 400, "bad_request", None),
        ("POST", "/point", b"\xff\xfe", 400, "bad_request", None),
        ("POST", "/point", b"{}", 422, "invalid_input", "x"),
        ("POST", "/point", b'{"x":1,"names":["a",2]}', 422, "invalid_input", "names[1]"),
        ("GET", "/known", None, 422, "invalid_input", "x"),
        ("GET", "/fail", None, 500, "internal_error", None),
        ("GET", "/model", None, 500, "model_failed", None),
        ("GET", "/busy", None, 503, "unavailable", None),
    ],
)
def test_errors_have_one_form(
    method: str, path: str, body: bytes | None, status: int, kind: str, param: str | None
) -> None:
    headers = {"content-type": "application/json"}
    answer = client(make()[0]).request(method, path, content=body, headers=headers)
    assert answer.status_code == status
    error = error_of(answer)
    assert (error["type"], error["param"]) == (kind, param)
    assert "secret" not in answer.text and "Traceback" not in answer.text
    if path == "/busy":
        assert answer.headers["retry-after"] == "2"
    if status == 405:
        assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/fail", "/model"])
def test_failures_are_logged(path: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="flambeau.serve"):
        answer = client(make()[0]).get(path)
    (record,) = [r for r in caplog.records if r.name == "flambeau.serve"]
    assert record.request_id == answer.headers["x-request-id"]  # type: ignore[attr-defined]
    assert "secret inside" in caplog.text and "Traceback" in caplog.text


def test_pages_have_their_headers() -> None:
    answer = client(make()[0]).get("/")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"


def test_host() -> None:
    app, guard = make()
    guard.hosts = guarding.LOCAL_NAMES | {"models.example"}
    c = client(app)
    for host in (
        "localhost",
        "LOCALHOST:8000",
        "127.0.0.1:1",
        "[::1]:80",
        "[::1]",
        "models.example",
    ):
        assert c.get("/known", headers={"host": host}).status_code == 422, host
    for host in ("evil.example", "localhost.evil.example", "", "127.0.0.1.evil:80", "[::2]"):
        answer = c.get("/known", headers={"host": host})
        assert answer.status_code == 400, host
        error_of(answer)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://testserver"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://other.testserver", "sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://listed.example"}, 200),
        ({"origin": "http://testserver", "sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_other_origins(headers: dict[str, str], status: int) -> None:
    """Without keys a page of another site could make the browser ask a server on localhost."""
    app, _ = make(cors=("https://listed.example",))
    answer = client(app).post("/point", json={"x": 1}, headers=headers)
    assert answer.status_code == status
    allowed = answer.headers.get("access-control-allow-origin")
    assert allowed == ("https://listed.example" if "listed" in str(headers) else None)


def test_cors_is_off() -> None:
    ask = {"origin": "https://a.example", "access-control-request-method": "POST"}
    answer = client(make()[0]).options("/point", headers=ask)
    assert answer.status_code == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_preflight_needs_no_key() -> None:
    app, _ = make(key(), cors=("https://a.example",))
    ask = {
        "origin": "https://a.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    c = client(app)
    answer = c.options("/point", headers=ask)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert c.options("/point", headers=ask | {"origin": "https://b.example"}).status_code == 400
    refused = c.post("/point", json={"x": 1}, headers={"origin": "https://a.example"})
    assert refused.status_code == 401  # and the page may read why
    assert refused.headers["access-control-allow-origin"] == "https://a.example"


def test_readiness() -> None:
    app, guard = make(key())
    c = client(app)
    assert c.get("/readyz").json() == {"status": "ok"}
    app.state.waiting.append("digits")
    assert (c.get("/readyz").status_code, c.get("/readyz").json()) == (503, {"status": "loading"})
    assert c.get("/readyz", headers=BEARER).json() == {"status": "loading", "models": ["digits"]}
    app.state.waiting.clear()
    guard.server.stopping = True
    assert (c.get("/readyz").status_code, c.get("/livez").status_code) == (503, 200)
    answer = c.get("/known", headers=BEARER)
    assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
    assert answer.headers["connection"] == "close"


# --- what takes time: the application is called as a server calls it ---


@asynccontextmanager
async def request(
    app: Callable[..., Awaitable[None]],
    path: str,
    *parts: bytes,
    complete: bool = True,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[Any]:
    """A POST whose client can leave; `.sent` are the messages of the answer."""
    left = asyncio.Event()
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for index, part in enumerate(parts):
        more = not complete or index < len(parts) - 1
        queue.put_nowait({"type": "http.request", "body": part, "more_body": more})
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    if parts:
        raw.append((b"transfer-encoding", b"chunked"))
    else:
        queue.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode()}
    scope |= {"headers": raw, "query_string": b"", "root_path": "", "server": ("t", 80)}
    scope |= {
        "client": ("c", 1),
        "scheme": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
    }

    async def receive() -> dict[str, Any]:
        if queue.empty():
            await left.wait()
            return {"type": "http.disconnect"}
        return await queue.get()

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    task = asyncio.create_task(app(scope, receive, send))  # type: ignore[arg-type]
    call = SimpleNamespace(task=task, sent=sent, leave=left.set)
    call.status = lambda: sent[0]["status"]
    call.body = lambda: b"".join(message.get("body", b"") for message in sent[1:])
    yield call
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def add_slow(app: FastAPI) -> Any:
    seen = SimpleNamespace(begun=asyncio.Event(), cancelled=asyncio.Event(), after=asyncio.Event())

    @app.post("/wait")
    async def wait() -> None:
        seen.begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.cancelled.set()
            raise

    @app.post("/stream")
    async def stream(request: Request) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            seen.begun.set()
            try:
                yield b"first"
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                seen.cancelled.set()
                raise

        return StreamingResponse(parts())

    @app.post("/background")
    async def background() -> JSONResponse:
        async def work() -> None:
            await asyncio.sleep(1.5)
            seen.after.set()

        return JSONResponse(1, background=BackgroundTask(work))

    return seen


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await test()

    asyncio.run(bounded())


def test_timeout_answers_504() -> None:
    async def test() -> None:
        app, guard = make(limits=Limits(timeout=1.0))
        seen = add_slow(app)
        async with request(app, "/wait") as call:
            await call.task
            assert call.status() == 504 and seen.cancelled.is_set()
            assert json.loads(call.body())["error"]["type"] == "deadline_exceeded"
        assert not guard.in_flight

    run(test)


def test_slow_body_answers_408() -> None:
    async def test() -> None:
        app, guard = make(limits=Limits(body_timeout=0.1))
        async with request(app, "/size", b"some", complete=False) as call:
            await call.task
            assert call.status() == 408
            assert (b"connection", b"close") in call.sent[0]["headers"]
        assert not guard.in_flight

    run(test)


@pytest.mark.parametrize("path", ["/wait", "/stream"])
@pytest.mark.parametrize("parts", [(), (b"{}",), (b"[", b"]")])
def test_leaving_cancels(path: str, parts: tuple[bytes, ...]) -> None:
    async def test() -> None:
        app, guard = make()
        seen = add_slow(app)
        async with request(app, path, *parts) as call:
            await seen.begun.wait()
            assert len(guard.in_flight) == 1
            call.leave()
            await call.task
            assert seen.cancelled.is_set() and not guard.in_flight
            if path == "/wait":
                assert not call.sent

    run(test)


def test_leaving_in_the_body() -> None:
    async def test() -> None:
        app, guard = make()
        async with request(app, "/size", b"some", complete=False) as call:
            while not guard.in_flight:
                await asyncio.sleep(0)
            call.leave()
            await call.task
            assert not call.sent and not guard.in_flight

    run(test)


@pytest.mark.parametrize("limits", [Limits(timeout=1.0), Limits(stream_timeout=1.0)])
def test_streams_end(limits: Limits) -> None:
    async def test() -> None:
        app, guard = make(limits=limits)
        seen = add_slow(app)
        async with request(app, "/stream") as call:
            await call.task
            assert seen.cancelled.is_set() and call.status() == 200
            assert call.sent[-1]["more_body"]  # cut off, which the client sees
        assert not guard.in_flight

    run(test)


def test_background_tasks_run_on() -> None:
    """After the answer neither the client nor a time limit ends what the application still does."""

    async def test() -> None:
        app, _ = make(limits=Limits(timeout=1.0, stream_timeout=1.0))
        seen = add_slow(app)
        async with request(app, "/background") as call:
            while len(call.sent) < 2:
                await asyncio.sleep(0.001)
            call.leave()
            await call.task
            assert seen.after.is_set() and call.status() == 200

    run(test)


def test_cancelling_from_outside_passes_through() -> None:
    async def test() -> None:
        app, guard = make()
        seen = add_slow(app)
        async with request(app, "/wait") as call:
            await seen.begun.wait()
            call.task.cancel()
            await asyncio.wait([call.task])
            assert call.task.cancelled() and not guard.in_flight
        guard.server.stopping = False
        seen.begun.clear()
        async with request(app, "/wait") as call:
            await seen.begun.wait()
            guard.server.stopping = True  # the time for accepted requests is over
            call.task.cancel()
            await call.task
            assert call.status() == 503

    run(test)


def test_one_timer_for_all() -> None:
    async def test() -> None:
        app, guard = make(limits=replace(Limits(), timeout=0.2))
        seen = add_slow(app)
        async with request(app, "/wait") as one, request(app, "/wait") as two:
            await seen.begun.wait()
            await asyncio.gather(one.task, two.task)
            assert (one.status(), two.status()) == (504, 504)
        while guard._sweeping:
            await asyncio.sleep(0.01)  # it stops when nothing is in flight

    run(test)


def test_websockets_need_the_key() -> None:
    from starlette.websockets import WebSocket, WebSocketDisconnect

    app, _ = make(key())

    @app.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    c = client(app)
    for headers in ({}, {"x-api-key": "wrong-key-1"}, BEARER | {"origin": "https://evil.example"}):
        with (
            pytest.raises(WebSocketDisconnect) as caught,
            c.websocket_connect("/ws", headers=headers),
        ):
            pass
        assert caught.value.code == 1008
    with c.websocket_connect("/ws", headers=BEARER) as socket:
        assert socket.receive_text() == "hello"

"""What hostile clients do to a running server, and what they get for it."""

import gzip
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from serve_process import (
    PATIENCE,
    Answer,
    Served,
    read_all,
    read_answer,
    send_all,
    served,
    wait_for,
)

KEY = "a-key-for-tests"
LIMITS = (
    *("--body-bytes", "100000", "--header-bytes", "16384", "--header-timeout", "2"),
    *("--body-timeout", "2", "--connections", "60", "--keep-alive", "2"),
)
MODELS = """
import flambeau as fb
from flambeau.serve import Model, Tensor, Text, serve

app = serve([
    Model(fb.nn.Linear(4, 2), Tensor((4,)), Tensor((2,)), name="linear"),
    Model(lambda texts: texts, Text(), Text(), name="echo"),
])
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """Without keys: what is refused here is refused for what it is."""
    with served(*LIMITS) as running:
        yield running
        assert running.stop() == 0


@pytest.fixture(autouse=True)
def still_well(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each attack the server answers others."""
    yield
    if "server" in request.fixturenames:
        running = request.getfixturevalue("server")
        assert running.get("/").json() == "home"


def head(*lines: str) -> bytes:
    return "\r\n".join(lines).encode() + b"\r\n"


POST = ("POST /echo HTTP/1.1", "host: localhost")
GET = ("GET / HTTP/1.1", "host: localhost")


def refusal(data: bytes, status: int, kind: str) -> Answer:
    answer = Answer.parse(data)
    assert (answer.status, answer.error()) == (status, kind), data
    assert answer.headers["connection"] == "close" and answer.rest == b""
    return answer


# --- slowness ---


@pytest.mark.parametrize("sent", [b"", b"GET", head(*GET), head(*GET, "x: y")], ids=repr)
def test_headers_that_do_not_end(server: Served, sent: bytes) -> None:
    refusal(server.exchange(sent), 408, "request_timeout")


def test_headers_that_drip(server: Served) -> None:
    """Each byte comes in time, all of them do not."""
    with server.connect() as connection:
        send_all(connection, head(*GET))
        end = time.monotonic() + PATIENCE
        connection.settimeout(0.05)
        data = b""
        while not data:
            assert time.monotonic() < end
            send_all(connection, b"x")
            try:
                data = connection.recv(1 << 16)
            except TimeoutError:
                continue
        connection.settimeout(PATIENCE)
        refusal(data + read_all(connection), 408, "request_timeout")


def test_many_slow_headers_leave_room(server: Served) -> None:
    slow = [server.connect() for _ in range(30)]
    for connection in slow:
        connection.sendall(b"GET / HTTP/1.1\r\nx:")
    assert server.get("/").json() == "home"
    for connection in slow:
        refusal(read_all(connection), 408, "request_timeout")
        connection.close()


@pytest.mark.parametrize("form", ["content-length: 1000", "transfer-encoding: chunked"])
def test_body_that_does_not_end(server: Served, form: str) -> None:
    refusal(server.exchange(head(*POST, form) + b"\r\n5\r\nabcde\r\n"), 408, "request_timeout")


def test_connection_limit() -> None:
    with served("--connections", "5", "--keep-alive", "300") as server:
        taken = [server.connect() for _ in range(5)]
        for connection in taken:
            connection.sendall(head(*GET) + b"\r\n")
            assert read_answer(connection).status == 200
        for _ in range(3):
            data = server.exchange(head(*GET) + b"\r\n")
            assert refusal(data, 503, "unavailable").headers["retry-after"] == "1"
        taken.pop().close()

        def room() -> bool:
            return server.get("/").status == 200

        wait_for(room, "a connection is given back")
        for connection in taken:
            connection.close()
        assert server.stop() == 0


def test_idle_connections_are_closed(server: Served) -> None:
    with server.connect() as connection:
        connection.sendall(head(*GET) + b"\r\n")
        assert read_answer(connection).status == 200
        assert read_all(connection) == b""  # after keep_alive


def test_answers_that_nobody_reads(server: Served) -> None:
    """A client that asks for much and takes nothing does not hold the others up."""
    stuck = server.connect()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.sendall(head("GET /large?size=20000000 HTTP/1.1", "host: localhost") + b"\r\n")
    for _ in range(5):
        assert server.get("/").json() == "home"
    stuck.close()


# --- connections ---


def test_half_closed(server: Served) -> None:
    """Closing one's side means leaving: what is being worked on is cancelled."""
    with server.connect() as connection:
        connection.sendall(head("GET /slow/half?seconds=25 HTTP/1.1", "host: localhost") + b"\r\n")
        wait_for(lambda: server.began("half"), "the request began")
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b""
        wait_for(lambda: server.began("half.cancelled"), "the request was cancelled")


@pytest.mark.parametrize(
    "sent", [b"", b"GET", head(*GET), head(*POST, "content-length: 9") + b"\r\nab"]
)
def test_half_closed_in_the_middle(server: Served, sent: bytes) -> None:
    assert server.exchange(sent, half_close=True) == b""


def test_leaving_cancels(server: Served) -> None:
    connection = server.connect()
    connection.sendall(head("GET /slow/left?seconds=25 HTTP/1.1", "host: localhost") + b"\r\n")
    wait_for(lambda: server.began("left"), "the request began")
    connection.close()
    wait_for(lambda: server.began("left.cancelled"), "the request was cancelled")


def test_pipelining(server: Served) -> None:
    requests = b"".join(
        head(f"GET /slow/p{i}?seconds={0.2 - i * 0.02:.2f} HTTP/1.1", "host: localhost") + b"\r\n"
        for i in range(10)
    )
    last = head("GET / HTTP/1.1", "host: localhost", "connection: close") + b"\r\n"
    data = server.exchange(requests + last)
    names = []
    while data:
        answer = Answer.parse(data)
        assert answer.status == 200
        names.append(answer.json())
        data = answer.rest
    assert names == [*(f"p{i}" for i in range(10)), "home"]


def test_pipelining_has_an_end(server: Served) -> None:
    """What came first is answered, in order; the flood behind it is not."""
    one = head("GET /slow/flood?seconds=0.3 HTTP/1.1", "host: localhost") + b"\r\n"
    data = server.exchange(one + (head(*GET) + b"\r\n") * 3000)
    count = 0
    while data:
        answer = Answer.parse(data)
        assert answer.status == 200
        data = answer.rest
        count += 1
    assert 1 <= count < 3000


def test_broken_request_behind_a_good_one(server: Served) -> None:
    """The refusal never mixes with an answer that is still being made."""
    good = head("GET /slow/good?seconds=0.3 HTTP/1.1", "host: localhost") + b"\r\n"
    for bad in (
        b"\x00\x01 nonsense\r\n\r\n",
        head(*POST, "transfer-encoding: chunked") + b"\r\nzz\r\n",
    ):
        answer = Answer.parse(server.exchange(good + bad))
        assert (answer.status, answer.json(), answer.rest) == (200, "good", b"")


def test_empty_lines(server: Served) -> None:
    with server.connect() as connection:
        connection.sendall(head(*GET) + b"\r\n")
        assert read_answer(connection).status == 200
        connection.sendall(b"\r\n\r\n\r\n")
        assert read_all(connection) == b""  # they keep nothing open


# --- sizes ---


def test_large_by_content_length(server: Served) -> None:
    """Refused from its headers: nothing of the body is waited for."""
    data = server.exchange(head(*POST, "content-length: 100001") + b"\r\n")
    assert Answer.parse(data).error() == "too_large"
    for length in (10**18, 10**19 - 1):
        refusal(
            server.exchange(head(*POST, f"content-length: {length}") + b"\r\n"), 413, "too_large"
        )


def test_continue_is_not_said_to_what_is_refused(server: Served) -> None:
    lines = (*POST, "expect: 100-continue")
    refused = server.exchange(head(*lines, "content-length: 100001") + b"\r\n")
    assert Answer.parse(refused).status == 413
    with server.connect() as connection:
        connection.sendall(head(*lines, "content-length: 3") + b"\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"abc")
        assert read_answer(connection).json() == 3


def test_large_and_sent_all_the_same(server: Served) -> None:
    """The answer arrives although the client does not stop sending."""
    for lines, body in (
        (("content-length: 5000000",), b"x" * 5_000_000),
        (("transfer-encoding: chunked",), (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 1200),
    ):
        with server.connect() as connection:
            sender = threading.Thread(
                target=send_all, args=(connection, head(*POST, *lines) + b"\r\n" + body)
            )
            sender.start()
            data = read_all(connection)
            connection.close()
            sender.join(PATIENCE)
        refusal(data, 413, "too_large")


def test_chunked_up_to_the_limit(server: Served) -> None:
    body = b"186a0\r\n" + b"x" * 100_000 + b"\r\n0\r\n\r\n"
    lines = (*POST, "transfer-encoding: chunked", "connection: close")
    assert Answer.parse(server.exchange(head(*lines) + b"\r\n" + body)).json() == 100_000


def test_decompression_bomb(server: Served) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    assert len(bomb) < 100_000
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "x-gzip"):
        answer = server.request("POST", "/echo", bomb, content_encoding=coding)
        assert (answer.status, answer.error()) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "lines",
    [
        [f"GET /{'a' * 20_000} HTTP/1.1"],
        [*GET, "x: " + "a" * 20_000],
        [*GET, "a" * 20_000 + ": x"],
        [*GET, *(f"x{i}: {'a' * 200}" for i in range(90))],
        [*GET, *(f"x{i}: a" for i in range(150))],
        [*GET, *(["x: a"] * 150)],
    ],
    ids=["path", "value", "name", "many large", "many small", "same"],
)
def test_header_floods(server: Served, lines: list[str]) -> None:
    refusal(server.exchange(head(*lines) + b"\r\n"), 431, "headers_too_large")


def test_header_flood_without_end(server: Served) -> None:
    with server.connect() as connection:
        sender = threading.Thread(
            target=send_all, args=(connection, head(*GET) + b"x: " + b"a" * 3_000_000)
        )
        sender.start()
        data = read_all(connection)
        connection.close()
        sender.join(PATIENCE)
    refusal(data, 431, "headers_too_large")


# --- bytes that are no HTTP, JSON or text ---


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 100 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS where there is none
        b"GET / HTTP/9.9\r\nhost: localhost\r\n\r\n",
        b"GET /\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n b: folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nho\x00st: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: a\x00b\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ],
)
def test_no_http(server: Served, data: bytes) -> None:
    refusal(server.exchange(data), 400, "bad_request")


def test_absolute_form(server: Served) -> None:
    """No proxy: the path counts, and Host still has to be ours."""
    close = "connection: close"
    ours = server.exchange(
        head("GET http://localhost/ HTTP/1.1", "host: localhost", close) + b"\r\n"
    )
    assert Answer.parse(ours).json() == "home"
    other = server.exchange(head("GET http://localhost/ HTTP/1.1", "host: evil", close) + b"\r\n")
    assert Answer.parse(other).status == 400


def test_bad_utf8_in_headers(server: Served) -> None:
    for name in ("x-request-id", "authorization", "x-api-key", "cookie", "accept", "origin"):
        data = f"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{name}: ".encode()
        answer = Answer.parse(server.exchange(data + b"\xff\xfe\x80\r\n\r\n"))
        assert answer.status == 200 and answer.headers["x-request-id"].isalnum(), name
    data = b"GET / HTTP/1.1\r\nhost: \xff\xfe\r\nconnection: close\r\n\r\n"
    assert Answer.parse(server.exchange(data)).status == 400


@pytest.mark.parametrize(
    "lines",
    [
        ["content-length: 5", "transfer-encoding: chunked"],
        ["transfer-encoding: chunked", "content-length: 5"],
        ["content-length: 5", "content-length: 6"],
        ["content-length: 5", "content-length: 5"],
        ["content-length: 5, 5"],
        ["content-length: +5"],
        ["content-length: -5"],
        ["content-length: 0x5"],
        ["content-length: 5 5"],
        ["content-length: "],
        ["content-length: 99999999999999999999999"],
        ["transfer-encoding: gzip, chunked"],
        ["transfer-encoding: chunked, gzip"],
        ["transfer-encoding: identity"],
        ["transfer-encoding: xchunked"],
        ["transfer-encoding : chunked"],
        [" transfer-encoding: chunked"],
        ["transfer-encoding: chunked", "transfer-encoding: identity"],
        ["host: other", "content-length: 5"],
    ],
)
def test_smuggling(server: Served, lines: list[str]) -> None:
    """Two readings of where a request ends: only one is ever given, and the rest is not a request."""
    hidden = b"0\r\n\r\nGET /slow/smuggled?seconds=0 HTTP/1.1\r\nhost: localhost\r\n\r\n"
    answer = Answer.parse(server.exchange(head(*POST, *lines) + b"\r\n" + hidden))
    assert answer.status in (400, 413), lines
    assert answer.headers["connection"] == "close" and answer.rest == b""
    assert not server.began("smuggled")


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"-1\r\nabc",
        b"5\r\nabcdeXX",
        b"ffffffffffffffffffff\r\n",
        b"5;" + b"x" * 30_000,
        b"1\r\na\r\n0\r\nx: " + b"a" * 40_000,
    ],
    ids=["size", "negative", "end", "overflow", "extension", "trailer"],
)
def test_broken_chunks(server: Served, body: bytes) -> None:
    data = server.exchange(head(*POST, "transfer-encoding: chunked") + b"\r\n" + body)
    answer = Answer.parse(data)
    assert answer.status in (400, 408, 413, 431) and answer.headers["connection"] == "close"
    answer.error()


def test_asterisk_form(server: Served) -> None:
    answer = server.request("OPTIONS", "*")
    assert answer.status in (400, 404) and answer.error()


# --- models ---


@pytest.fixture(scope="module")
def models() -> Iterator[Served]:
    with served(app=MODELS, env={"FLAMBEAU_SERVE_KEY": KEY}) as running:
        yield running
        assert running.stop() == 0


def test_every_route_needs_the_key(models: Served) -> None:
    import json

    document = models.get("/openapi.json", x_api_key=KEY).json()
    paths = set(document["paths"]) | {"/metrics", "/openapi.json", "/", "/signout", "/nothing"}
    paths |= {"/models/linear/predict", "/models/echo/versions/1/predict", "/docs", "/v1/models"}
    assert len(paths) > 8
    for path in sorted(paths - {"/livez", "/readyz"}):
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            answer = models.request(method, path, b"{}" if method == "POST" else b"")
            assert (answer.status, answer.error()) == (401, "unauthorized"), (method, path)
    assert models.get("/livez").status == models.get("/readyz").status == 200
    body = json.dumps({"input": [1, 2, 3, 4]}).encode()
    asked = {"x_api_key": KEY, "content_type": "application/json"}
    assert models.request("POST", "/models/linear/predict", body, **asked).status == 200


def test_every_route_of_an_application_needs_the_key() -> None:
    """Whatever app.routes holds, and what is mounted or added by users."""
    from fastapi import FastAPI
    from starlette.routing import Mount
    from starlette.testclient import TestClient

    import flambeau as fb
    from flambeau.serve import ApiKey, Tensor, serve

    app = serve(
        fb.nn.Linear(2, 2), input=Tensor((2,)), output=Tensor((2,)), keys=[ApiKey.of(KEY, name="t")]
    )
    inner = FastAPI()
    inner.add_api_route("/deep/{x}", lambda x: x)
    app.mount("/mounted", inner)
    app.add_api_route("/mine/{x}", lambda x: x, methods=["GET", "PUT"])
    client = TestClient(app, follow_redirects=False)
    asked = 0

    def ask(routes: Any, prefix: str) -> None:
        nonlocal asked
        for route in routes:
            if isinstance(route, Mount):
                ask(getattr(route, "routes", ()), prefix + route.path)
                continue
            path = prefix + re.sub(r"\{[^}]*\}", "x", route.path)
            if path in ("/livez", "/readyz"):
                continue
            for method in sorted(route.methods - {"HEAD"}):
                signing_in = (method, path) == ("POST", "/signin")
                answer = client.request(method, path)
                assert answer.status_code == 401, (method, path)
                assert signing_in or answer.json()["error"]["type"] == "unauthorized"
                asked += 1

    ask(app.routes, "")
    assert asked >= 10
    assert client.get("/mounted/deep/x", headers={"x-api-key": KEY}).json() == "x"


@pytest.mark.parametrize(
    "path",
    [
        "/models/../../etc/passwd/predict",
        "/models/%2e%2e/predict",
        "/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd/predict",
        "/models/..%2f..%2fapp.py/predict",
        "/models/..%5c..%5capp.py/predict",
        "/models/linear%00/predict",
        "/models/linear/versions/..%2f1/predict",
        "/models/linear/versions/%2e%2e/predict",
        "/models/%c0%ae%c0%ae/predict",
        "/models/%ff/predict",
        "/models//predict",
        "/models/linear//predict",
        "//etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%252f..%252fetc/passwd",
        "/livez/../models",
        "/livez%2f..%2fmodels",
    ],
)
def test_path_traversal(models: Served, path: str) -> None:
    assert models.get(path).status == 401
    for method in ("GET", "POST"):
        answer = models.request(method, path, b"", x_api_key=KEY)
        assert (answer.status, answer.error()) == (404, "not_found"), (method, path)
        assert b"root:" not in answer.body and models.folder.as_posix().encode() not in answer.body


@pytest.mark.parametrize(
    ("body", "media_type", "statuses"),
    [
        (b'{"input":"a"}', "text/html", {415}),
        (b'{"input":"a"}', "", {415}),
        (b'{"input":"a"}', "application/xml", {415}),
        (b'{"input":"a"}', "application/json; charset=utf-16", {200, 400, 415}),
        (b"\xff\xfe", "application/json", {400}),
        (b'{"input":"\xff\xfe"}', "application/json", {400, 422}),
        (b'{"input":"\\ud800"}', "application/json", {200, 400, 422, 500}),
        (b"{", "application/json", {400}),
        (b"", "application/json", {400, 422}),
        (b"[" * 50_000, "application/json", {400}),
        (b'{"input":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "application/json", {400}),
        (b"x", "multipart/form-data", {400, 415, 422}),
        (b"x", "multipart/form-data; boundary=" + "a" * 500, {400, 415, 422}),
        (b"--a\r\n" * 20_000, "multipart/form-data; boundary=a", {400, 413, 415, 422}),
    ],
)  # fmt: skip
def test_wrong_bodies(
    models: Served, body: bytes, media_type: str | bytes, statuses: set[int]
) -> None:
    answer = models.request(
        "POST", "/models/echo/predict", body, x_api_key=KEY, content_type=str(media_type)
    )
    assert answer.status in statuses, answer.body
    if answer.status != 200:
        answer.error()
        assert b"Traceback" not in answer.body and b'File "' not in answer.body


def test_a_stop_under_load_loses_nothing() -> None:
    """Every request that the server took up is answered, 200 or 503, while it goes away."""
    with served(app=MODELS) as server:
        outcomes: list[str] = []
        body = b'{"input":[1,2,3,4]}'
        request = head(
            *("POST /models/linear/predict HTTP/1.1", "host: localhost"),
            *("content-type: application/json", f"content-length: {len(body)}"),
        )

        def client() -> None:
            with server.connect() as connection:
                while True:
                    try:
                        connection.sendall(request + b"\r\n" + body)
                        answer = read_answer(connection)
                    except (AssertionError, OSError):  # closed before the request was there
                        return
                    outcomes.append(str(answer.status))
                    if answer.headers.get("connection") == "close":
                        return

        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_for(lambda: outcomes.count("200") > 200, "the load is on")
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        for thread in threads:
            thread.join(PATIENCE)
        taken = [str(line["status"]) for line in server.log() if line["event"] == "request"]
        assert sorted(taken) == sorted(outcomes)
        assert set(outcomes) <= {"200", "503"}

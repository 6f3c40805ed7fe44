"""A server in a process of its own, for the tests of what only sockets and signals show."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PATIENCE = 60.0  # seconds that a condition may take on a busy machine
COMMAND = [sys.executable, "-c", "from flambeau.cli import main; main()"]

APP = """
import asyncio, os
from pathlib import Path
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

app = FastAPI()
begun = Path(os.environ["BEGUN"])


@app.get("/")
async def home() -> str:
    return "home"


@app.post("/echo")
async def echo(request: Request) -> int:
    return len(await request.body())


@app.get("/slow/{name}")
async def slow(name: str, seconds: float = 0.5) -> str:
    (begun / name).touch()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        (begun / f"{name}.cancelled").touch()
        raise
    return name


@app.get("/sized")
@app.head("/sized")
async def sized(size: int) -> Response:
    return Response(bytes(range(256)) * (size // 256) + b"x" * (size % 256))


@app.get("/unfinished")
async def unfinished() -> Response:
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        raise RuntimeError("in the middle")

    return type("Broken", (Response,), {"__call__": lambda self, *given: broken(*given)})()


@app.get("/large")
async def large(size: int) -> StreamingResponse:
    async def parts():
        for _ in range(size // 65536):
            yield b"x" * 65536

    return StreamingResponse(parts())
"""


class Served:
    """A running server.

    Args:
        process: of the server.
        url: from its ready line.
        folder: holds app.py, and begun/ with a file for each slow request that began.
    """

    def __init__(self, process: "subprocess.Popen[str]", url: str, folder: Path) -> None:
        self.process = process
        self.url = url
        self.folder = folder
        found = re.match(r"https?://(?:\[(.*)\]|([^:/]*)):(\d+)$", url)
        self.address = (found[1] or found[2], int(found[3])) if found else None

    def connect(self) -> socket.socket:
        assert self.address is not None
        connection = socket.create_connection(self.address, timeout=PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def exchange(self, data: bytes, *, half_close: bool = False) -> bytes:
        """Send raw bytes, and return all that comes until the server closes."""
        with self.connect() as connection:
            send_all(connection, data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    def get(self, path: str, **headers: str) -> "Answer":
        return self.request("GET", path, **headers)

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> "Answer":
        lines = [f"{method} {path} HTTP/1.1", "host: localhost", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body or method == "POST":
            lines.append(f"content-length: {len(body)}")
        return Answer.parse(self.exchange("\r\n".join([*lines, "", ""]).encode() + body))

    def began(self, name: str) -> bool:
        return (self.folder / "begun" / name).exists()

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sign)
        return self.process.wait(PATIENCE)

    def log(self) -> list[dict[str, Any]]:
        """The lines of the log, which is complete after the end."""
        text = (self.folder / "stderr").read_text()
        return [json.loads(line) for line in text.splitlines()]


class Answer:
    """An answer, read from bytes."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes, rest: bytes) -> None:
        self.status, self.headers, self.body, self.rest = status, headers, body, rest

    @classmethod
    def parse(cls, data: bytes) -> "Answer":
        head, gap, rest = data.partition(b"\r\n\r\n")
        assert gap, data
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", len(rest)))
        return cls(int(first.split()[1]), headers, rest[:length], rest[length:])

    def length(self) -> int:
        return int(self.headers["content-length"])

    def json(self) -> Any:
        return json.loads(self.body)

    def error(self) -> str:
        """The error's type; fails where the answer is no error of the one form."""
        error = self.json()["error"]
        assert set(error) == {"message", "type", "param", "code", "request_id"}
        return str(error["type"])


def read_all(connection: socket.socket) -> bytes:
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def read_answer(connection: socket.socket) -> Answer:
    """Read one answer with a content-length from a connection that stays open."""
    data = b""
    while b"\r\n\r\n" not in data or len(Answer.parse(data).body) < Answer.parse(data).length():
        part = connection.recv(1 << 16)
        assert part, data
        data += part
    return Answer.parse(data)


def send_all(connection: socket.socket, data: bytes) -> None:
    """Send as much as the server takes: it may close while we still send."""
    with suppress(OSError):
        connection.sendall(data)


def wait_for(condition: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"did not happen: {what}"
        time.sleep(0.01)


@contextmanager
def served(
    *flags: str,
    app: str = APP,
    toml: str | None = None,
    env: dict[str, str] | None = None,
    port: bool = True,
) -> Iterator[Served]:
    """Run ``flambeau serve app.py`` on a free port; ``toml`` is its flambeau.toml."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "begun").mkdir()
        (folder / "app.py").write_text(app)
        if toml is not None:
            (folder / "flambeau.toml").write_text(toml)
        process = start(folder, *flags, *(("--port", "0") if port else ()), env=env)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("flambeau: ready at "), (line, (folder / "stderr").read_text())
            yield Served(process, line.split()[-1], folder)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)
            process.stdout.close()


def start(folder: Path, *flags: str, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FLAMBEAU_SERVE_")}
    clean |= {"BEGUN": str(folder / "begun"), "PYTHONUNBUFFERED": "1"} | (env or {})
    command = [*COMMAND, "serve", "app.py", *flags]
    with (folder / "stderr").open("w") as stderr:
        return subprocess.Popen(
            command, cwd=folder, env=clean, stdout=subprocess.PIPE, stderr=stderr, text=True
        )

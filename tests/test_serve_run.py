"""run: addresses, signals, the log, and that nothing accepted is lost."""

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

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
    start,
    wait_for,
)

from flambeau.serve.keys import ApiKey

KEY = "a-key-for-tests"
HASH = ApiKey.of(KEY).hash


def ask(server: Served, path: str, answers: dict[str, bytes]) -> threading.Thread:
    """Ask on a thread of its own; the answer, or what there is of it, goes to ``answers``."""

    def work() -> None:
        try:
            answers[path] = server.exchange(
                f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
            )
        except OSError as error:
            answers[path] = repr(error).encode()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_loses_nothing(sign: signal.Signals) -> None:
    with served("--header-timeout", "60") as server:
        answers: dict[str, bytes] = {}
        names = [f"r{i}" for i in range(20)]
        threads = [ask(server, f"/slow/{name}?seconds=1", answers) for name in names]
        idle = server.connect()
        wait_for(lambda: all(server.began(name) for name in names), "all requests began")
        assert server.stop(sign) == 0
        for thread in threads:
            thread.join(PATIENCE)
        for name in names:
            answer = Answer.parse(answers[f"/slow/{name}?seconds=1"])
            assert (answer.status, answer.json()) == (200, name)
        assert read_all(idle) == b""
        idle.close()
        lines = server.log()
        assert [line["status"] for line in lines if line["event"] == "request"] == [200] * 20


def test_while_stopping() -> None:
    """Open connections hear that the server stops; nobody new is let in; readiness says so."""
    with served() as server:
        answers: dict[str, bytes] = {}
        kept = server.connect()
        kept.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert read_answer(kept).status == 200
        thread = ask(server, "/slow/last?seconds=3", answers)
        wait_for(lambda: server.began("last"), "the request began")
        server.process.send_signal(signal.SIGTERM)

        def refused() -> bool:
            try:
                server.connect().close()
            except OSError:
                return True
            return False

        wait_for(refused, "the port is closed")
        rest = read_all(kept)  # idle: closed
        assert rest == b"" or Answer.parse(rest).status == 503
        kept.close()
        thread.join(PATIENCE)
        assert Answer.parse(answers["/slow/last?seconds=3"]).status == 200
        assert server.process.wait(PATIENCE) == 0


def test_requests_during_the_stop_get_503() -> None:
    with served() as server:
        answers: dict[str, bytes] = {}
        thread = ask(server, "/slow/last?seconds=2", answers)
        wait_for(lambda: server.began("last"), "the request began")
        kept = server.connect()
        send_all(kept, b"GET /slow/here?seconds=0 HTTP/1.1\r\nhost: localhost\r\n")
        pid = server.process.pid
        os.kill(pid, signal.SIGTERM)
        send_all(kept, b"\r\n")  # ends the headers while the server stops
        got = read_all(kept)
        kept.close()
        if got:  # it may have been closed before
            answer = Answer.parse(got)
            assert answer.status in (200, 503)
            if answer.status == 503:
                assert answer.headers["retry-after"] == "1" and answer.error() == "unavailable"
        thread.join(PATIENCE)
        assert Answer.parse(answers["/slow/last?seconds=2"]).status == 200
        assert server.process.wait(PATIENCE) == 0


def test_a_second_signal_ends_at_once() -> None:
    with served() as server:
        answers: dict[str, bytes] = {}
        thread = ask(server, "/slow/long?seconds=600", answers)
        wait_for(lambda: server.began("long"), "the request began")
        server.process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(0.5)
        assert server.stop(signal.SIGINT) == 128 + signal.SIGINT
        thread.join(PATIENCE)


def test_the_time_for_a_stop_is_bounded() -> None:
    with served("--shutdown", "0.5") as server:
        answers: dict[str, bytes] = {}
        thread = ask(server, "/slow/long?seconds=25", answers)
        wait_for(lambda: server.began("long"), "the request began")
        assert server.stop() == 0
        thread.join(PATIENCE)
        assert Answer.parse(answers["/slow/long?seconds=25"]).status == 503


def test_log_has_no_secrets() -> None:
    toml = f'[[serve.keys]]\nname = "web"\nhash = "{HASH}"\n'
    with served(toml=toml, env={"FLAMBEAU_SERVE_KEY": "one-key-in-clear"}) as server:
        assert server.request("POST", "/echo?q=inquery", b"payload", x_api_key=KEY).json() == 7
        assert server.get("/slow/secretname?seconds=0", x_api_key="one-key-in-clear").status == 200
        assert server.get("/", x_api_key="a-wrong-key").status == 401
        assert server.stop() == 0
        text = (server.folder / "stderr").read_text()
        for secret in (KEY, "payload", "inquery", "secretname", "wrong-key", "one-key-in-clear"):
            assert secret not in text
        echo, slow, home = (line for line in server.log() if line["event"] == "request")
        assert (echo["route"], echo["key"], echo["status"], echo["bytes"]) == (
            "/echo",
            "web",
            200,
            1,
        )
        assert (slow["route"], slow["key"]) == ("/slow/{name}", "default")
        assert (home["key"], home["status"]) == ("", 401)
        assert all(
            line["ms"] > 0 and line["request_id"] and line["time"] > 1e9 for line in (echo, slow)
        )


def test_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with served("--unix-socket", str(path), port=False) as server:
        assert server.url == f"unix:{path}"
        assert path.stat().st_mode & 0o777 == 0o660
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(path))
            connection.sendall(b"GET / HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n")
            assert Answer.parse(read_all(connection)).status == 200
        assert server.stop() == 0
        assert not path.exists()


@pytest.mark.parametrize(
    ("flags", "env", "says"),
    [
        (["--host", "0.0.0.0"], {}, "flambeau keys new"),
        (["--host", "::"], {}, "flambeau keys new"),
        (["--host", ""], {}, "flambeau keys new"),
        (["--host", "192.0.2.1"], {"FLAMBEAU_SERVE_KEY": KEY}, "cannot listen at 192.0.2.1"),
        (["--port", "70000"], {}, "port (flag)"),
        (["--unix-socket", "nowhere/s"], {}, "nowhere/s"),
    ],
)
def test_refuses_to_start(flags: list[str], env: dict[str, str], says: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n")
    process = start(tmp_path, *flags, env=env)
    assert process.communicate(timeout=PATIENCE)[0] == ""
    message = (tmp_path / "stderr").read_text()
    assert process.returncode == 1 and says in message and "Traceback" not in message
    assert KEY not in message


def test_other_addresses_with_keys() -> None:
    with served("--host", "0.0.0.0", env={"FLAMBEAU_SERVE_KEY": KEY}) as server:
        assert server.url.startswith("http://0.0.0.0:")
        assert server.get("/", x_api_key=KEY).status == 200
        assert server.get("/").status == 401
        raw = b"GET / HTTP/1.1\r\nhost: models.example\r\nconnection: close\r\n\r\n"
        assert Answer.parse(server.exchange(raw)).status == 401
        taken = start(server.folder, "--port", str(server.address[1]))  # type: ignore[index]
        assert taken.wait(PATIENCE) == 1


def test_a_start_that_fails() -> None:
    app = """
from contextlib import asynccontextmanager
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no model today")
    yield

app = FastAPI(lifespan=lifespan)
"""
    with pytest.raises(AssertionError, match="no model today"), served(app=app):
        pass


def test_tls(tmp_path: Path) -> None:
    import ssl

    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    try:
        subprocess.run(
            [*openssl, "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    with served("--tls-cert", str(certificate), "--tls-key", str(key)) as server:
        assert server.url.startswith("https://")
        with context.wrap_socket(server.connect()) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            assert Answer.parse(read_all(connection)).status == 200
        assert b"200 OK" not in server.exchange(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert server.stop() == 0


def test_answers_arrive_whole() -> None:
    with served() as server:
        for size in (0, 1, 255, 65_000, 65_536, 66_000, 1_000_000):
            answer = server.get(f"/sized?size={size}")
            expected = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            assert answer.status == 200 and answer.body == expected
            assert answer.headers["content-length"] == str(size)
            head = server.request("HEAD", f"/sized?size={size}")
            assert (head.headers["content-length"], head.body) == (str(size), b"")
        assert len(server.get("/large?size=1000000").body) > 900_000
        assert server.get("/unfinished").status == 500
        assert server.stop() == 0


@pytest.mark.parametrize("trusted", [True, False])
def test_proxies(trusted: bool) -> None:
    """Whether https stands in front of us is believed of those that are named, and of nobody else."""
    flags = ("--trusted-proxies", "127.0.0.1") if trusted else ()
    with served(*flags, env={"FLAMBEAU_SERVE_KEY": KEY}) as server:
        answer = server.request(
            "POST",
            "/signin",
            f"key={KEY}".encode(),
            content_type="application/x-www-form-urlencoded",
            x_forwarded_proto="https",
            x_forwarded_for="192.0.2.7",
        )
        assert answer.status == 303
        assert ("secure" in answer.headers["set-cookie"].lower()) == trusted

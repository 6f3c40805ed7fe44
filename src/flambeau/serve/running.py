"""``run``: serve an application until somebody stops it, and lose nothing that was accepted."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, SimpleNamespace

import uvicorn
from fastapi import FastAPI

from flambeau.serve import guard as guarding, health, logging_, metrics, tracing
from flambeau.serve.guard import LOCAL_NAMES, Guard
from flambeau.serve.limits import Limits
from flambeau.serve.protocol import Gate, Protocol
from flambeau.serve.settings import Settings


class UnsafeAddress(ValueError):
    """Others could reach the server, and nobody needs a key."""


def run(
    app: FastAPI,
    *,
    host: str | None = None,
    port: int | None = None,
    settings: Settings | None = None,
) -> None:
    """Serve ``app`` until SIGINT or SIGTERM; a second signal ends it at once.

    Args:
        app: from :func:`flambeau.serve.serve`, or any FastAPI application, which gets the same
            guard around it.
        host: address to listen at; other machines reach it only where keys are configured.
        port: 0 takes a free one and prints it.
        settings: all the rest; without any, the environment and ``flambeau.toml`` tell.

    Raises:
        UnsafeAddress: The address can be reached from other machines, and there are no keys.
        OSError: The address cannot be listened at.
    """
    given = {"host": host, "port": port}
    chosen = {name: value for name, value in given.items() if value is not None}
    if settings is None:
        settings = Settings.load(chosen)[0]
    elif chosen:
        settings = settings.model_copy(update=chosen)
    guard = apply(app, settings)
    tracing.configure(guard, settings)
    sockets = [_listen(settings, guard)]
    server = _Server(app, guard, settings)
    loop_factory = server.config.get_loop_factory()
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(server.serve(sockets))
    finally:
        gc.unfreeze()  # what startup froze
    if server.failed:
        sys.exit(3)


def apply(app: FastAPI, settings: Settings) -> Guard:
    """Give ``app`` what the settings say: keys, limits, hosts and logs.

    Raises:
        ValueError: Two keys have one name.
    """
    guard: Guard | None = getattr(app.state, "guard", None)
    if guard is None:
        server = SimpleNamespace(limits=Limits(), keys=(), stopping=False)
        guard = guarding.install(app, server, settings.cors)
        health.install(app, guard, lambda: ())
        metrics.install(app, guard, metrics.Metrics())
    guard.configure(settings.limits(guard.server.limits), settings.cors)
    guard.keys.add(settings.api_keys())
    if settings.hosts or _is_local(settings):
        guard.hosts = LOCAL_NAMES | {name.lower() for name in settings.hosts}
    guard.access_log = logging_.AccessLog() if settings.access_log else None
    return guard


def _is_local(settings: Settings) -> bool:
    """Whether only this machine reaches the address."""
    if settings.unix_socket is not None:
        return False  # it has no address that a browser could be led to
    try:
        found = socket.getaddrinfo(settings.host or "0.0.0.0", None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(each[4][0]).split("%")[0]).is_loopback for each in found)


def check_address(settings: Settings, guard: Guard) -> None:
    """Raise :class:`UnsafeAddress` where others could reach a server that asks for no key."""
    if settings.unix_socket is None and not (guard.keys.keys or _is_local(settings)):
        raise UnsafeAddress(
            f"{settings.host} can be reached from other machines, and no keys are configured: "
            "make one with `flambeau keys new --name NAME` and add it to flambeau.toml or to "
            "FLAMBEAU_SERVE_KEYS, or listen at 127.0.0.1"
        )


def _listen(settings: Settings, guard: Guard) -> socket.socket:
    if settings.unix_socket is not None:
        return _listen_unix(settings.unix_socket)
    check_address(settings, guard)
    try:
        info = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(
            info[4][:2], family=info[0], backlog=1024, dualstack_ipv6=False
        )
    except OSError as error:
        why = error.strerror or str(error)
        message = f"cannot listen at {settings.host} port {settings.port}: {why.lower()}"
        raise OSError(error.errno, message) from None
    return listener


def _listen_unix(path: Path) -> socket.socket:
    """Bind a socket file that only its owner and group may use."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                if probe.connect_ex(str(path)) != 0:
                    path.unlink()  # of a server that has gone
        before = os.umask(0o117)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen at {path}: {error.strerror}") from None
    return listener


class _Server(uvicorn.Server):
    """uvicorn's server with our protocol, our signals, and the limits on what comes in."""

    def __init__(self, app: FastAPI, guard: Guard, settings: Settings) -> None:
        limits = guard.server.limits
        logging_.configure(settings.log_level, settings.log_format)
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                loop=_loop(),
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                timeout_keep_alive=settings.keep_alive,  # type: ignore[arg-type]
                timeout_graceful_shutdown=limits.shutdown,  # type: ignore[arg-type]
                ssl_certfile=settings.tls_cert,
                ssl_keyfile=settings.tls_key,
            )
        )
        self.guard = guard
        self.settings = settings
        self.failed = False
        refused = guard.observer.turned_away if guard.observer is not None else None
        setattr(self.server_state, "gate", Gate(limits, refused))  # noqa: B010

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen."""
        assert sockets
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            self.failed = self.should_exit = True
            for listener in sockets:
                listener.close()
            return
        # The collector need not look at the modules, routes and models again and again: with them a
        # full pass makes all requests wait for 50 ms.
        gc.collect()
        gc.freeze()
        loop = asyncio.get_running_loop()
        tls = self.config.ssl
        limits = self.guard.server.limits
        self.servers = [
            await loop.create_server(
                lambda: Protocol(self.config, self.server_state, self.lifespan.state, loop),
                sock=listener,
                ssl=tls,
                ssl_handshake_timeout=limits.header_timeout if tls else None,
                backlog=1024,
            )
            for listener in sockets
        ]
        self.started = True
        print(f"flambeau: ready at {self._url(sockets[0])}", flush=True)

    def _url(self, listener: socket.socket) -> str:
        if self.settings.unix_socket is not None:
            return f"unix:{self.settings.unix_socket}"
        host, port = listener.getsockname()[:2]
        scheme = "https" if self.config.is_ssl else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was accepted."""
        self.guard.server.stopping = True
        await super().shutdown(sockets)
        if self.guard.access_log is not None:
            self.guard.access_log.flush()
        if self.settings.unix_socket is not None:
            self.settings.unix_socket.unlink(missing_ok=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks to stop, the second does not ask."""
        if self.should_exit:
            if self.guard.access_log is not None:
                self.guard.access_log.flush()
            os._exit(128 + sig)
        self.guard.server.stopping = True
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals while serving; a stop that was asked for is no failure."""
        signals = (signal.SIGINT, signal.SIGTERM)
        try:
            before = {each: signal.signal(each, self.handle_exit) for each in signals}
        except ValueError:  # not in the main thread: whoever runs us there stops us
            before = {}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _loop() -> str:
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return "asyncio"
    return "uvloop"


__all__ = ["UnsafeAddress", "apply", "run"]

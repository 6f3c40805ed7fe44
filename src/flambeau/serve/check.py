"""Tries the models of an application as requests would, without a server around it."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI

from flambeau.serve.guard import Guard


async def try_models(app: FastAPI, guard: Guard) -> list[tuple[str, str | None]]:
    """Ask each model for its example.

    Returns:
        Each model's name, with what is wrong; None where nothing is.
    """
    stack = app.build_middleware_stack()
    assert stack is not None  # builds what the guard guards: it is passed by below
    found: list[tuple[str, str | None]] = []
    async with app.router.lifespan_context(app):
        for model in app.openapi().get("x-flambeau", {}).get("models", []):
            name = f"{model['name']} {model['version']}"
            if model.get("example") is None:
                found.append((name, None))
                continue
            status, body = await _post(app, guard, model["path"], model["example"])
            found.append((name, None if status == 200 else f"status {status}: {_message(body)}"))
    return found


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:200]


async def _post(app: FastAPI, guard: Guard, path: str, example: Any) -> tuple[int, bytes]:
    body = json.dumps(example).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
        "state": {},
        "app": app,
    }
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    answer: list[Any] = []

    async def receive() -> Any:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answer.append(message)

    try:
        await guard.app(scope, receive, send)
    except Exception as error:  # the application's own failure, which the guard would have logged
        return 500, f"{type(error).__name__}: {error}".encode()
    return answer[0]["status"], b"".join(message.get("body", b"") for message in answer[1:])

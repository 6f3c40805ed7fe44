"""The routes that predict: from the request to the Batcher and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from flambeau.serve.asgi import (
    JSON,
    Receive,
    Scope,
    Send,
    encode_json,
    header,
    read_body,
    send_body,
    send_json,
)
from flambeau.serve.batching import Answer
from flambeau.serve.errors import ModelFailed, UnsupportedMediaType
from flambeau.serve.fields.base import media_matches
from flambeau.serve.forms import bare_type, read_form
from flambeau.serve.models import Model
from flambeau.serve.streaming import send_events

if TYPE_CHECKING:
    from fastapi import FastAPI

    from flambeau.serve.app import Server


class Predict:
    """Answers requests to one model; a plain ASGI application.

    Args:
        server: whose limits hold.
        model: what answers.
    """

    def __init__(self, server: Server, model: Model) -> None:
        self.server = server
        self.model = model
        self.signature = model.signature
        self.batcher = server.batchers[model]
        self.raw = raw_input(model)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        limits = self.server.limits
        deadline = loop.time() + limits.timeout
        if self.server.loop is not loop:
            await self.server.start()
        content_type = header(scope, b"content-type")
        body = await read_body(receive, limits.body_bytes)
        if self.signature.slow:
            item = await loop.run_in_executor(None, self._decode, body, content_type)
        else:
            item = self._decode(body, content_type)
        if self.model.stream:
            await send_events(scope, send, self._stream(item, loop.time()))
            return
        answer = await self.batcher.submit(item, deadline)
        try:
            encoded = encode_json(answer.result)
        except (TypeError, ValueError) as error:  # a text with half a surrogate pair, say
            raise ModelFailed("the model's result cannot be sent as JSON") from error
        await send_body(send, encoded, (JSON, (b"server-timing", _timing(answer))))

    def _stream(self, item: Any, now: float) -> AsyncIterator[Any]:
        limits = self.server.limits
        deadline = now + limits.stream_timeout
        return self.batcher.stream(item, deadline, pause=limits.timeout)

    def _decode(self, body: bytes, content_type: bytes) -> Any:
        """The item in a body of any of the types that the model takes."""
        signature, limits = self.signature, self.server.limits
        if content_type == b"application/json":
            return signature.decode(signature.read_json(body), limits)
        media_type = bare_type(content_type)
        if media_type == "application/json":
            return signature.decode(signature.read_json(body), limits)
        if media_type == "multipart/form-data":
            parts = read_form(body, content_type, len(signature.inputs))
            return signature.decode_parts(parts, limits)
        if self.raw is not None and media_matches(media_type, self.raw[1]):
            return signature.decode_parts({self.raw[0]: (body, media_type)}, limits)
        raise UnsupportedMediaType(
            f"expected {' or '.join(media_types(self.model))}, but the content type is "
            f"{media_type[:100] or 'missing'}"
        )


def raw_input(model: Model) -> tuple[str, tuple[str, ...]] | None:
    """The input that may be the whole body, and with which media types; JSON has its own form."""
    if len(model.signature.inputs) != 1:
        return None
    [(name, field)] = model.signature.inputs.items()
    types = tuple(each for each in field.media_types if each != "application/json")
    return (name, types) if types else None


def media_types(model: Model) -> list[str]:
    """What the body of a request to ``model`` may be."""
    raw = raw_input(model)
    return ["application/json", "multipart/form-data", *(raw[1] if raw else ())]


def _timing(answer: Answer) -> bytes:
    return b'queue;dur=%.2f, model;dur=%.2f, batch;desc="%d"' % (
        answer.waited * 1000,
        answer.took * 1000,
        answer.size,
    )


class Describe:
    """Answers with what ``describe`` returns at that time, as JSON."""

    def __init__(self, describe: Any) -> None:
        self.describe = describe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_json(send, self.describe())


def paths(server: Server, model: Model) -> list[str]:
    """The paths under which a model predicts, the most specific last."""
    found = [f"/models/{model.name}/versions/{model.version}/predict"]
    if server.registry.versions(model.name)[0] is model:
        found.insert(0, f"/models/{model.name}/predict")
    if next(iter(server.registry)) is model:
        found.insert(0, "/predict")
    return found


def install(app: FastAPI, server: Server) -> None:
    """Add the routes of all models; no part of a path is ever taken from a request."""
    from flambeau.serve.openapi import describe_model, describe_models

    routes: list[Route] = []
    for model in server.registry:
        endpoint = Predict(server, model)
        routes += [Route(path, endpoint, methods=["POST"]) for path in paths(server, model)]
    if len(server.registry):
        routes.append(Route("/models", Describe(lambda: describe_models(server)), methods=["GET"]))
    for name in server.registry.names():
        described = Describe(lambda name=name: describe_model(server, name))
        routes.append(Route(f"/models/{name}", described, methods=["GET"]))
    app.router.routes[:0] = routes

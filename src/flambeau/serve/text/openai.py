"""OpenAI's API for text models: ``/v1/models``, chat, completions, embeddings."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from flambeau.serve.errors import (
    BadRequest,
    DeadlineExceeded,
    InvalidInput,
    ServeError,
    UnsupportedMediaType,
)
from flambeau.serve.text import schemas
from flambeau.serve.text.answers import ChatForm, CompletionForm, Form, usage
from flambeau.serve.text.generation import Generation, Piece
from flambeau.serve.text.protocol import describe
from flambeau.serve.text.schema_bounds import service_schema
from flambeau.serve.text.schemas import ChatRequest, CompletionRequest, EmbeddingRequest
from flambeau.serve.text.service import Job, Served, TextService

if TYPE_CHECKING:
    from flambeau.serve.app import Server

_encode = msgspec.json.Encoder().encode
_ERRORS = (400, 401, 404, 408, 413, 415, 422, 429, 500, 503, 504)


def install(app: FastAPI, server: Server, models: Sequence[Any]) -> TextService:
    """Serve text models under ``/v1``.

    Args:
        app: gets the routes.
        server: gives limits and events, starts and drains the models, and describes them.
        models: objects of the :class:`TextModel` or :class:`EmbeddingModel` protocol.
    """
    service = TextService(models, server.limits, server.events)
    server.text_models.extend(describe(model) for model in models)
    server.on_start.append(service.start)
    server.on_stop.append(service.drain)
    server.extend_openapi.append(service_schema(service))
    app.state.text = service
    app.include_router(routes(service))
    return service


def routes(service: TextService) -> APIRouter:
    """Return the routes of OpenAI's API for the models of ``service``."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": schemas.ErrorAnswer} for status in _ERRORS
    }
    router = APIRouter(prefix="/v1", tags=["openai"], route_class=_Route, responses=responses)

    @router.get("/models", operation_id="list_models", response_model=schemas.ModelList)
    async def list_models() -> Response:
        """List the text models."""
        data = [_entry(served) for served in service.served.values()]
        return _json({"object": "list", "data": data})

    @router.get("/models/{model:path}", operation_id="get_model", response_model=schemas.ModelEntry)
    async def get_model(model: str) -> Response:
        """Describe one text model."""
        return _json(_entry(service.find(model)))

    @router.post(
        "/chat/completions",
        operation_id="create_chat_completion",
        response_model=schemas.ChatAnswer,
        responses=_streams("chat.completion.chunk"),
    )
    async def create_chat_completion(body: ChatRequest, request: Request) -> Response:
        """Answer a conversation."""
        served = service.find(body.model)
        job = await served.chat(body)
        return await _generate(served, job, ChatForm(served, job), body, request)

    @router.post(
        "/completions",
        operation_id="create_completion",
        response_model=schemas.CompletionAnswer,
        responses=_streams("text_completion"),
    )
    async def create_completion(body: CompletionRequest, request: Request) -> Response:
        """Continue texts."""
        served = service.find(body.model)
        job = await served.completion(body)
        echo = _echo(served, body, job) if body.echo else ()
        return await _generate(served, job, CompletionForm(served, job, echo), body, request)

    @router.post(
        "/embeddings",
        operation_id="create_embedding",
        response_model=schemas.EmbeddingAnswer,
    )
    async def create_embedding(body: EmbeddingRequest) -> Response:
        """Turn texts into vectors."""
        served = service.find(body.model)
        lists = await served.embedding(body)
        try:
            async with asyncio.timeout(service.limits.timeout):
                vectors = await served.scheduler.embed(lists)
        except TimeoutError:
            raise DeadlineExceeded("The answer was not ready in time.") from None
        data = [
            {"object": "embedding", "index": index, "embedding": _vector(vector, body)}
            for index, vector in enumerate(vectors)
        ]
        read = sum(map(len, lists))
        counts = {"prompt_tokens": read, "total_tokens": read}
        return _json({"object": "list", "data": data, "model": body.model, "usage": counts})

    return router


def _vector(vector: Any, body: EmbeddingRequest) -> Any:
    if body.encoding_format == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return vector.tolist()


def _echo(served: Served, body: CompletionRequest, job: Job) -> list[str]:
    given = body.prompt
    if isinstance(given, str):
        return [given]
    return [
        item if isinstance(item, str) else served.text_of(tokens)
        for item, tokens in zip(
            given if len(given) == len(job.prompts) else job.prompts, job.prompts, strict=True
        )
    ]


async def _generate(
    served: Served,
    job: Job,
    form: Form,
    body: ChatRequest | CompletionRequest,
    request: Request,
) -> Response:
    limits = served.limits
    generation = served.scheduler.submit(
        job.prompts,
        job.sampling,
        n=job.n,
        max_tokens=job.max_tokens,
        stop=job.stop,
        timeout=limits.stream_timeout if body.stream else limits.timeout,
        gap=limits.timeout,
    )
    watcher = asyncio.create_task(_watch(request.receive, generation))
    try:
        # Also before a stream begins: what fails until here still gets its own status.
        pieces = await generation.ready()
        if body.stream:
            counted = bool(body.stream_options and body.stream_options.include_usage)
            return _Stream(generation, pieces, form, counted, _request_id(request), watcher)
        while more := await generation.ready():
            pieces += more
        watcher.cancel()
        return _json(form.answer(pieces))
    except _ClientLeft:
        return Response(status_code=499)
    except BaseException:
        generation.cancel()
        watcher.cancel()
        raise


class _ClientLeft(ServeError):
    """Nobody waits for the answer any more."""


async def _watch(receive: Receive, generation: Generation) -> None:
    """End the generation when the client leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass
    generation.push(_ClientLeft("The client left."))


class _Stream(Response):
    """Pieces as server-sent events, until the model is done or the client leaves."""

    media_type = "text/event-stream"

    def __init__(
        self,
        generation: Generation,
        pieces: list[Piece],
        form: Form,
        counted: bool,
        request_id: str | None,
        watcher: asyncio.Task[None],
    ) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._generation = generation
        self._pieces = pieces
        self._form = form
        self._counted = counted
        self._request_id = request_id
        self._watcher = watcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            await send(start)
            try:
                await self._send_pieces(send)
                end = b"data: [DONE]\n\n"
            except _ClientLeft:
                return
            except ServeError as error:
                end = b"data: %b\n\n" % _encode(error.body(self._request_id))
            await send({"type": "http.response.body", "body": end, "more_body": False})
        finally:
            self._generation.cancel()
            self._watcher.cancel()

    async def _send_pieces(self, send: Send) -> None:
        form, pieces, written = self._form, self._pieces, 0
        nothing: dict[str, Any] = {"usage": None} if self._counted else {}
        head = {**form.head, "object": form.chunk_kind, **nothing}
        body = [_event({**head, "choices": [choice]}) for choice in form.first()]
        while pieces:
            for piece in pieces:
                written += piece.written
                body.append(_event({**head, "choices": [form.chunk(piece)]}))
            await send({"type": "http.response.body", "body": b"".join(body), "more_body": True})
            body = []
            pieces = await self._generation.ready()
        if self._counted:
            last = _event({**head, "choices": [], "usage": usage(form.job, written)})
            await send({"type": "http.response.body", "body": last, "more_body": True})


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % _encode(chunk)


class _Route(APIRoute):
    """Answers errors in the one form, whatever handlers the application has."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                found = _invalid(error, request)
            except HTTPException as error:
                if error.status_code != 400:
                    raise
                found = BadRequest(str(error.detail))
            except ServeError as error:
                found = error
            return _json(found.body(_request_id(request)), found.status, dict(found.headers()))

        return answer


def _invalid(error: RequestValidationError, request: Request) -> ServeError:
    """Say what is wrong with a body in one sentence."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return BadRequest("The body is no JSON.")
    if isinstance(error.body, bytes):
        return UnsupportedMediaType("Send the body as application/json.")
    path, at = "", error.body
    for part in first["loc"][1:]:
        if isinstance(at, dict) and isinstance(part, str):
            if part not in at and first["type"] != "missing":
                break  # the name of a variant in the schema, not of a field
            path += f".{part}" if path else part
            at = at.get(part)
        elif isinstance(at, list) and isinstance(part, int) and part < len(at):
            path += f"[{part}]"
            at = at[part]
        else:
            break
    name = path.split(".")[0].split("[")[0]
    if name in schemas.UNSUPPORTED and path:
        message = f"{path} with this value is not supported by this server: leave it out."
    elif first["type"] == "extra_forbidden":
        message = f"{path} is unknown to this server: leave it out."
    elif path.endswith(".type") and "content" in path:
        message = f"{path}: only text is supported."
    else:
        message = f"{path}: {first['msg']}" if path else str(first["msg"])
    return InvalidInput(message, param=path or None)


def _streams(kind: str) -> dict[int | str, dict[str, Any]]:
    """Return the second form of an answer. Of events 3.1 has no schemas."""
    text = f"The answer; with `stream`, `data:` events of `{kind}` objects, then `data: [DONE]`."
    return {200: {"description": text, "content": {"text/event-stream": {}}}}


def _entry(served: Served) -> dict[str, Any]:
    name = served.model.name
    return {"id": name, "object": "model", "created": served.created, "owned_by": "flambeau"}


def _request_id(request: Request) -> str | None:
    name: str | None = request.scope.get("flambeau.request_id")
    return name


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(_encode(value), status, headers, "application/json")

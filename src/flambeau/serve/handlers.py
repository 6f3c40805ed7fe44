"""Answers of one form for whatever FastAPI's routes raise."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flambeau.serve import errors
from flambeau.serve.asgi import Scope
from flambeau.serve.errors import ServeError
from flambeau.serve.logging_ import LOGGER

_KINDS: dict[int, type[ServeError]] = {
    kind.status: kind
    for kind in (
        errors.BadRequest,
        errors.Unauthorized,
        errors.Forbidden,
        errors.NotFound,
        errors.RequestTimeout,
        errors.TooLarge,
        errors.UnsupportedMediaType,
        errors.InvalidInput,
        errors.RateLimited,
        errors.Unavailable,
        errors.DeadlineExceeded,
    )
}
_WORDS = {404: "There is nothing at this path.", 405: "This path does not take that method."}


def install(app: Starlette) -> None:
    """Register the handlers of errors."""

    async def serve_error(request: Request, error: Any) -> Response:
        log_failure(error, request.scope)
        return _answer(request, error.status, error.body(_id(request)), dict(error.headers()))

    async def http_error(request: Request, error: Any) -> Response:
        status = error.status_code
        detail = error.detail if isinstance(error.detail, str) else ""
        if status in _WORDS and detail == HTTPStatus(status).phrase:
            detail = _WORDS[status]
        kind = _KINDS.get(status, ServeError)
        body = kind(detail or _phrase(status)).body(_id(request))
        if kind is ServeError and status < 500:
            body["error"]["type"] = _phrase(status).lower().replace(" ", "_")
        return _answer(request, status, body, dict(error.headers or {}))

    async def invalid(request: Request, error: Any) -> Response:
        first = error.errors()[0]
        where = [part for part in first["loc"] if part not in ("body", "query", "path", "header")]
        found: ServeError
        if first["type"] == "json_invalid":
            found = errors.BadRequest("The body is no valid JSON.")
        else:
            found = errors.InvalidInput(first["msg"], param=_path(where) or None)
        return _answer(request, found.status, found.body(_id(request)), {})

    async def unexpected(request: Request, error: Any) -> Response:
        failed = ServeError("Something failed inside; the log has more.")
        return _answer(request, 500, failed.body(_id(request)), {})

    app.add_exception_handler(ServeError, serve_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unexpected)


def log_failure(error: ServeError, scope: Scope) -> None:
    """Log an error that the caller is told little of."""
    if error.status == 500 and not error.reported:
        extra = {"request_id": scope.get("flambeau.request_id")}
        LOGGER.error(error.message, exc_info=error, extra=extra)


def _id(request: Request) -> str | None:
    name: str | None = request.scope.get("flambeau.request_id")
    return name


def _answer(
    request: Request, status: int, body: dict[str, Any], headers: dict[str, str]
) -> Response:
    if status in (204, 304):
        return Response(status_code=status, headers=headers)
    return JSONResponse(body, status, headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _path(parts: list[Any]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text

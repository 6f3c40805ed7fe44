"""What can go wrong with a request, and how the answer says so.

Every error answer has one form, which OpenAI's clients read too::

    {"error": {"message": "...", "type": "invalid_input", "param": "input[3]", "code": null,
               "request_id": "..."}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ServeError(Exception):
    """An error that the caller is told about.

    Args:
        message: one sentence for the caller: what was expected, what came, what to do.
        param: the field at fault, as a path: ``input[3]``, ``messages[0].content``.
        retry_after: seconds after which to try again, for the ``Retry-After`` header.
    """

    status = 500
    type = "internal_error"
    # The log has its cause already.
    reported = False

    def __init__(
        self, message: str, *, param: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after

    def body(self, request_id: str | None = None) -> dict[str, Any]:
        """Return the answer's JSON."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": None}
        return {"error": error | {"request_id": request_id}}

    def headers(self) -> Mapping[str, str]:
        """Return the headers that belong to the answer."""
        if self.retry_after is None:
            return {}
        return {"retry-after": str(max(1, round(self.retry_after)))}


class BadRequest(ServeError):
    """The request is no HTTP, JSON or form that can be read."""

    status, type = 400, "bad_request"


class Unauthorized(ServeError):
    """No key came, or a wrong one."""

    status, type = 401, "unauthorized"

    def headers(self) -> Mapping[str, str]:
        return {**super().headers(), "www-authenticate": "Bearer"}


class Forbidden(ServeError):
    """The key is right, and may not do this."""

    status, type = 403, "forbidden"


class NotFound(ServeError):
    """There is no such route, model or version."""

    status, type = 404, "not_found"


class RequestTimeout(ServeError):
    """The request did not arrive in time."""

    status, type = 408, "request_timeout"


class TooLarge(ServeError):
    """The body, a picture or a text exceeds its limit."""

    status, type = 413, "too_large"


class UnsupportedMediaType(ServeError):
    """The content type is none that the route takes."""

    status, type = 415, "unsupported_media_type"


class InvalidInput(ServeError):
    """A field's value is wrong."""

    status, type = 422, "invalid_input"


class RateLimited(ServeError):
    """This key has used up what it may."""

    status, type = 429, "rate_limited"


class ModelFailed(ServeError):
    """The model raised; the server's log has the traceback under the request's id."""

    status, type = 500, "model_failed"


class Unavailable(ServeError):
    """The queue is full, the server stops, or the model's process was lost."""

    status, type = 503, "unavailable"


class DeadlineExceeded(ServeError):
    """The answer was not ready in time."""

    status, type = 504, "deadline_exceeded"

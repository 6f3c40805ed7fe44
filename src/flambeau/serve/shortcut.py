"""The short way to a prediction: past the layers that have nothing to do for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Match, Route

from flambeau.serve.asgi import Receive, Scope, Send, send_error
from flambeau.serve.endpoint import Predict
from flambeau.serve.errors import ServeError
from flambeau.serve.handlers import log_failure

if TYPE_CHECKING:
    from fastapi import FastAPI

    from flambeau.serve.guard import App


class Shortcut:
    """ASGI application: calls the routes that predict itself, and ``app`` for all else.

    Args:
        app: the layers and routes of FastAPI.
        endpoints: what answers a POST to a path.
    """

    def __init__(self, app: App, endpoints: dict[str, Predict]) -> None:
        self.app = app
        self.endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self.endpoints.get(scope.get("path", ""))
        if endpoint is None or scope.get("method") != "POST" or scope.get("root_path"):
            await self.app(scope, receive, send)
            return
        scope["endpoint"] = endpoint  # by which requests are counted
        try:
            await endpoint(scope, receive, send)
        except ServeError as error:
            log_failure(error, scope)
            await send_error(scope, send, error)


def shorten(app: FastAPI, layers: App, handlers: dict[Any, Any]) -> App:
    """Return ``layers`` with a shortcut past them, if they hold nothing that users have added.

    Args:
        app: whose layers they are.
        layers: its middleware and routes.
        handlers: of errors, that are not the user's.
    """
    own = app.user_middleware or app.debug or app.exception_handlers != handlers
    if own or getattr(app, "max_body_size", None) is not None:
        return layers
    endpoints = {path: _endpoint(app, path) for path in _paths(app)}
    return Shortcut(layers, {path: found for path, found in endpoints.items() if found is not None})


def _paths(app: FastAPI) -> list[str]:
    ours = [route for route in app.routes if isinstance(route, Route)]
    return [route.path for route in ours if isinstance(route.endpoint, Predict)]


def _endpoint(app: FastAPI, path: str) -> Predict | None:
    """What answers a POST to ``path`` with one prediction; a user's route may stand before ours."""
    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    route = next(route for route in app.routes if route.matches(scope)[0] is Match.FULL)
    endpoint = getattr(route, "endpoint", None)
    return endpoint if isinstance(endpoint, Predict) and not endpoint.model.stream else None

"""``/livez`` and ``/readyz``: whether the process lives, and whether it should get requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from flambeau.serve.guard import Guard


def install(app: FastAPI, guard: Guard, unready: Callable[[], Sequence[str]]) -> None:
    """Add both routes.

    Args:
        app: gets the routes.
        guard: knows keys, and whether the server stops.
        unready: returns the names of models that cannot answer yet.
    """

    async def livez() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> JSONResponse:
        waiting = list(unready())
        if not waiting and not guard.server.stopping:
            return JSONResponse({"status": "ok"})
        body: dict[str, Any] = {"status": "stopping" if guard.server.stopping else "loading"}
        if waiting and guard.admits(request.scope):
            body["models"] = waiting  # names are for those who may ask
        return JSONResponse(body, 503, {"retry-after": "1"})

    for path, endpoint, summary in (
        ("/livez", livez, "Whether the process lives"),
        ("/readyz", readyz, "Whether requests are answered"),
    ):
        app.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            summary=summary,
            tags=["health"],
            operation_id=path[1:],
            response_model=None,
        )

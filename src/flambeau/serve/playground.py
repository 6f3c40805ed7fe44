"""The page at ``/`` on which people try the models: files that were built from web/playground.

The guard adds the content security policy: nothing may run that is no file of this server.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from flambeau.serve.errors import NotFound

if TYPE_CHECKING:
    from fastapi import FastAPI

    from flambeau.serve.app import Server

FOLDER = Path(__file__).with_name("_page")
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
MISSING = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>flambeau</title>
<h1>The page is not built</h1>
<p>The models are served all the same: <a href="openapi.json">openapi.json</a> describes how to
call them. This installation was made without Node.js, of which the page needs 20.19 or newer.</p>
<p>To build the page, run <code>make build</code> in flambeau's source folder, or install Node.js
and install flambeau again.</p>
</html>
"""


class Asset:
    """A built file, kept in memory as it is and compressed."""

    def __init__(self, path: Path, forever: bool) -> None:
        self.plain = path.read_bytes()
        self.packed = gzip.compress(self.plain, mtime=0)
        # Names under assets/ hold a hash of the content.
        keep = "public, max-age=31536000, immutable" if forever else "no-cache"
        self.headers = {
            "cache-control": keep,
            "content-type": MEDIA_TYPES[path.suffix],
            "vary": "accept-encoding",
        }

    def answer(self, request: Request) -> Response:
        """Return the file, compressed for those who take that."""
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.packed, headers=self.headers | {"content-encoding": "gzip"})
        return Response(self.plain, headers=self.headers)


def load(folder: Path = FOLDER) -> dict[str, Asset]:
    """Return the built files by name, as in ``assets/index-Bq2v1k.js``; empty if none are."""
    if not (folder / "index.html").is_file():
        return {}
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in MEDIA_TYPES]
    names = [path.relative_to(folder).as_posix() for path in files]
    return {
        name: Asset(path, name.startswith("assets/"))
        for name, path in zip(names, files, strict=True)
    }


def install(app: FastAPI, server: Server, folder: Path = FOLDER) -> None:
    """Add ``GET /`` and the files that the page loads.

    Args:
        app: gets the routes.
        server: is not asked: the page learns everything from openapi.json.
        folder: of the built files.
    """
    files = load(folder)

    async def home(request: Request) -> Response:
        page = files.get("index.html")
        return page.answer(request) if page else HTMLResponse(MISSING)

    async def asset(request: Request) -> Response:
        found = files.get(f"assets/{request.path_params['name']}")
        if found is None:
            raise NotFound("there is no such file")
        return found.answer(request)

    async def licenses(request: Request) -> Response:
        return files["licenses.txt"].answer(request)

    app.router.routes.append(Route("/", home, methods=["GET"], include_in_schema=False))
    if files:
        app.router.routes.append(
            Route("/assets/{name}", asset, methods=["GET"], include_in_schema=False)
        )
        app.router.routes.append(
            Route("/licenses.txt", licenses, methods=["GET"], include_in_schema=False)
        )

"""``flambeau client``: write a typed TypeScript client of a server."""

from __future__ import annotations

import json
import os
import runpy
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any

import typer

_LARGEST = 32 << 20
_SECONDS = 30.0


def client(
    out: Annotated[Path, typer.Argument(help="File to write, such as src/flambeau.ts.")],
    url: Annotated[
        str, typer.Option(help="Running server; its key is read from FLAMBEAU_API_KEY.")
    ] = "http://127.0.0.1:8000",
    app: Annotated[
        str | None, typer.Option(help="Python file with the application, PATH or PATH:name.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where OUT is out of date.")
    ] = False,
) -> None:
    """Write a typed TypeScript client of a server: one file, no dependencies."""
    try:
        from flambeau.serve.typescript import typescript_client

        text = typescript_client(_document_of_app(app) if app else _document_at(url))
        if not check:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(text, encoding="utf-8")
            typer.echo(f"{out}: written")
        elif not out.is_file() or out.read_text(encoding="utf-8") != text:
            _fail(f"{out} is out of date: write it again without --check")
        else:
            typer.echo(f"{out}: up to date")
    except ModuleNotFoundError as error:
        _fail(f"{error.name} is missing: pip install 'flambeau[serve]'")
    except OSError as error:
        _fail(f"{error.filename or out}: {error.strerror or error}")
    except ValueError as error:
        _fail(str(error))


def _document_at(url: str) -> Any:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"--url is to begin with http:// or https://, not {url!r}")
    headers = {"accept": "application/json"}
    if key := os.environ.get("FLAMBEAU_API_KEY"):
        headers["authorization"] = f"Bearer {key}"
    request = urllib.request.Request(f"{url.rstrip('/')}/openapi.json", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            data = answer.read(_LARGEST + 1)
    except urllib.error.HTTPError as error:
        hint = ": set FLAMBEAU_API_KEY" if error.code == 401 else ""
        raise ValueError(f"{request.full_url} answers with status {error.code}{hint}") from None
    except urllib.error.URLError as error:
        raise ValueError(f"{request.full_url} cannot be reached: {error.reason}") from None
    if len(data) > _LARGEST:
        raise ValueError(f"{request.full_url} is larger than {_LARGEST >> 20} MiB")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError(f"{request.full_url} is no JSON") from None


def _document_of_app(target: str) -> Any:
    path, _, name = target.partition(":")
    if not Path(path).is_file():
        raise ValueError(f"--app: there is no file {path!r}")
    sys.path.insert(0, str(Path(path).resolve().parent))
    found = runpy.run_path(path).get(name or "app")
    if not callable(getattr(found, "openapi", None)):
        raise ValueError(f"--app: {path} has no application named {name or 'app'!r}")
    return json.loads(json.dumps(found.openapi()))  # type: ignore[union-attr]


def _fail(message: str) -> None:
    typer.echo(f"flambeau: {message}", err=True)
    raise typer.Exit(1)

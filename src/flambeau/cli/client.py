"""``flambeau client``: write a typed TypeScript client of a server."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any

import typer

from flambeau.cli.keys import fail

_LARGEST = 32 << 20
_SECONDS = 30.0


def client(
    out: Annotated[Path, typer.Argument(help="File to write, such as src/flambeau.ts.")],
    url: Annotated[
        str, typer.Option(help="Running server; its key is read from FLAMBEAU_API_KEY.")
    ] = "http://127.0.0.1:8000",
    app: Annotated[
        str | None, typer.Option(help="What to serve, as for `flambeau serve`, in place of --url.")
    ] = None,
    react: Annotated[
        bool, typer.Option("--react", help="Also write React hooks, into OUT-react.ts.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail where a file is out of date.")
    ] = False,
) -> None:
    """Write a typed TypeScript client of a server: one file, no dependencies."""
    try:
        from flambeau.serve.typescript import react_hooks, typescript_client

        texts = {out: typescript_client(_document_of(app) if app else _document_at(url))}
        if react:
            texts[out.with_name(f"{out.stem}-react{out.suffix}")] = react_hooks(f"./{out.stem}")
        for path, text in texts.items():
            (_check if check else _write)(path, text)
    except ModuleNotFoundError as error:
        fail(f"{error.name} is missing: pip install 'flambeau[serve]'")
    except OSError as error:
        fail(f"{error.filename or out}: {error.strerror or error}")
    except (ValueError, TypeError) as error:
        fail(str(error))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    typer.echo(f"{path}: written")


def _check(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        fail(f"{path} is out of date: write it again without --check")
    typer.echo(f"{path}: up to date")


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


def _document_of(target: str) -> Any:
    from flambeau.cli.serve import load
    from flambeau.serve.settings import Settings

    return json.loads(json.dumps(load(target, Settings.load({})[0]).openapi()))

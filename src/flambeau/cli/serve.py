"""``flambeau serve``: its flags are the settings of flambeau.serve, each defined there."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flambeau.cli.keys import fail
from flambeau.serve.settings import PREFIX, Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

# What is decided where a Model is made, and where an application is.
_OF_MODELS = ("workers", "batch_size", "batch_wait_ms")
_OF_APPS = (*_OF_MODELS, "playground", "queue")
_NAMES = ("app", "model")


def command() -> Any:
    """Return the function for typer, with a parameter for each setting."""
    typer_types = (bool, int, float, Path)
    parameters = [
        inspect.Parameter(
            "target",
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            annotation=Annotated[
                str, typer.Argument(help="Model file, or PATH.py[:name], or module:name.")
            ],
        ),
        _option("check", bool, "Print the settings, try the models, and exit.", default=False),
        _option("config", Path | None, f"Settings file. [env: {PREFIX}CONFIG]"),
    ]
    for name in Settings.names():
        field = Settings.model_fields[name]
        extra = field.json_schema_extra
        if isinstance(extra, dict) and not extra["flag"]:
            continue
        kinds = (field.annotation, *get_args(field.annotation))
        kind = next((kind for kind in typer_types if kind in kinds), str)
        default = "" if field.default in (None, ()) else f" [default: {field.default}]"
        about = f"{field.description}{default} [env: {PREFIX}{name.upper()}]"
        parameters.append(_option(name, kind | None, about))

    def serve(target: str, check: bool, config: Path | None, **flags: Any) -> None:
        """Serve a model or an application, until Ctrl-C."""
        given = {name: value for name, value in flags.items() if value is not None}
        _serve(target, check, config, given)

    serve.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    serve.__annotations__ = {each.name: each.annotation for each in parameters}
    return serve


def _option(name: str, kind: Any, about: str, default: Any = None) -> inspect.Parameter:
    flag = "--" + name.replace("_", "-")
    names = [f"{flag}/--no-{flag[2:]}"] if bool in get_args(kind) else [flag]
    annotation = Annotated[kind, typer.Option(*names, help=escape(about), show_default=False)]
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=default, annotation=annotation)


def _serve(target: str, check: bool, config: Path | None, flags: dict[str, Any]) -> None:
    from flambeau.serve.running import run

    try:
        settings, sources = Settings.load(flags, config)
        if check:
            Console().print(_table(settings, sources))
        app = load(target, settings)
        if check:
            _check(app, settings)
        else:
            run(app, settings=settings)
    except (ValueError, TypeError, OSError) as error:
        if isinstance(error, OSError) and error.filename:
            fail(f"{error.filename}: {error.strerror}")
        fail(str(error))


def load(target: str, settings: Settings) -> FastAPI:
    """Make the application that ``target`` means.

    Raises:
        ValueError: There is no such thing, or it cannot be served.
    """
    from fastapi import FastAPI

    from flambeau.serve import Batch, Limits, Model, serve

    found = _find(target)
    is_app = isinstance(found, FastAPI)
    made = _OF_APPS if is_app else _OF_MODELS if isinstance(found, Model | list) else ()
    unused = [name for name in made if name in settings.model_fields_set]
    if unused:
        what = "application" if is_app else "Model"
        raise ValueError(f"{unused[0]} is decided where the {what} is made: set it in {target}")
    if isinstance(found, FastAPI):
        return found
    try:
        return serve(
            found,
            batch=Batch(settings.batch_size, settings.batch_wait_ms),
            limits=settings.limits(Limits()),
            workers=settings.workers,
            playground=settings.playground,
            cors=settings.cors,
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"{target}: {error}") from error


def _find(target: str) -> Any:
    path, _, name = target.partition(":")
    file = Path(path)
    if file.is_file() and file.suffix != ".py":
        return path
    sys.path.insert(0, str(file.resolve().parent if file.is_file() else Path.cwd()))
    if file.is_file():
        module = _import_file(file)
    elif name and all(part.isidentifier() for part in path.split(".")):
        try:
            module = importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name is None or not path.startswith(error.name):
                raise
            raise ValueError(f"{target}: there is no module {error.name!r}") from None
    else:
        raise ValueError(f"{target}: there is no such file; a module is written module:name")
    if name:
        if not hasattr(module, name):
            raise ValueError(f"{path} has no {name!r}")
        return getattr(module, name)
    for each in _NAMES:
        if hasattr(module, each):
            return getattr(module, each)
    raise ValueError(f"{path} has neither {' nor '.join(_NAMES)}: name what to serve, {path}:NAME")


def _import_file(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # pydantic and dataclasses look there for a class's module
    spec.loader.exec_module(module)
    return module


def _table(settings: Settings, sources: dict[str, str]) -> Table:
    table = Table(title="settings", title_justify="left")
    for heading in ("setting", "value", "from"):
        table.add_column(heading, overflow="fold")
    for name in Settings.names():
        table.add_row(name, escape(settings.shown(name)), escape(sources[name]))
    return table


def _check(app: FastAPI, settings: Settings) -> None:
    """Try everything short of listening."""
    import asyncio

    from flambeau.serve.check import try_models
    from flambeau.serve.running import apply, check_address

    guard = apply(app, settings)
    check_address(settings, guard)
    failed = False
    for name, problem in asyncio.run(try_models(app, guard)):
        typer.echo(f"{name}: {problem or 'ok'}")
        failed = failed or problem is not None
    if failed:
        fail("not every model answers")
    typer.echo("ready to serve")

"""The commands, with what they print."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from flambeau.cli.client import client
from flambeau.cli.keys import keys


class Commands(TyperGroup):
    """All commands; ``serve``, whose flags come from the settings, is loaded when asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), "serve"]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return _serve_command() if cmd_name == "serve" else super().get_command(ctx, cmd_name)


def _serve_command() -> Any:
    try:
        from flambeau.cli.serve import command
    except ModuleNotFoundError as error:
        _fail(f"{error.name} is missing: pip install 'flambeau[serve]'")
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(name="serve")(command())
    return typer.main.get_command(single)


app = typer.Typer(
    name="flambeau",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        import flambeau

        typer.echo(f"flambeau {flambeau.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train, save and use networks."""


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="Model file that a training wrote (safetensors).")],
    image: Annotated[
        Path, typer.Argument(help="Picture file, PNG or JPEG: dark on light or light on dark.")
    ],
    top: Annotated[int, typer.Option(min=1, help="Print only the likeliest classes.")] = 1000,
) -> None:
    """Recognise a picture: print the classes with their probabilities."""
    from flambeau.vision.classifier import load_classifier
    from flambeau.vision.pictures import read_picture

    try:
        classifier = load_classifier(model)
        probabilities = classifier.probabilities(read_picture(image, classifier.form))
    except OSError as error:
        _fail(f"{error.filename or image}: {error.strerror or error}")
    except ValueError as error:  # FormatError too
        _fail(str(error))
    ranked = sorted(zip(classifier.classes, probabilities, strict=True), key=lambda pair: -pair[1])
    Console().print(_table(image.name, ranked[:top]))


app.command()(client)
app.add_typer(keys, name="keys")


def _fail(message: str) -> None:
    Console(stderr=True, highlight=False).print(f"flambeau: {message}", markup=False)
    raise typer.Exit(1)


def _table(title: str, ranked: list[tuple[str, float]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("class", style="bold")
    table.add_column("probability", justify="right")
    table.add_column("")
    for name, probability in ranked:
        table.add_row(name, f"{100 * probability:.1f} %", "█" * round(20 * probability))
    return table

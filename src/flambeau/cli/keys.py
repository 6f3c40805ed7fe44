"""``flambeau keys``: make the keys of a server."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

keys = typer.Typer(no_args_is_help=True, help="Make the keys of a server.")


@keys.callback()
def options() -> None:
    """Make the keys of a server."""


@keys.command()
def new(
    name: Annotated[str, typer.Option(help="What logs and metrics call the holder.")],
    rate: Annotated[
        str | None, typer.Option(help="Most requests: 10/s, 600/min, 1000/hour, 5000/day.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="predict, metrics or admin; all without any.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends: 2027-01-31.")] = None,
) -> None:
    """Make a key: print it once, and the lines for flambeau.toml that let it in."""
    from flambeau.serve.keys import ApiKey, new_key

    secret = new_key()
    try:
        key = ApiKey.of(secret, name=name, rate=rate, scopes=scope or (), expires=expires)
    except ValueError as error:
        fail(str(error))
    typer.echo("The key, shown only now:\n", err=True)
    typer.echo(secret)
    typer.echo("\nFor flambeau.toml, where only its hash is kept:\n", err=True)
    lines = ["[[serve.keys]]", f'name = "{key.name}"', f'hash = "{key.hash}"']
    if key.rate is not None:
        lines.append(f'rate = "{key.rate}"')
    if key.scopes:
        listed = ", ".join(f'"{each}"' for each in key.scopes)
        lines.append(f"scopes = [{listed}]")
    if expires is not None:
        lines.append(f"expires = {expires}")
    typer.echo("\n".join(lines))


def fail(message: str) -> NoReturn:
    """Say what is wrong, and exit with 1."""
    typer.echo(f"flambeau: {message}", err=True)
    raise typer.Exit(1)

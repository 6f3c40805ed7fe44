"""The ``flambeau`` command."""


def main() -> None:
    """Run the command line; everything it needs is loaded here, not with the package."""
    from flambeau.cli.app import app

    app()

"""``python -m flambeau`` is the ``flambeau`` command."""

from flambeau.cli import main

main()

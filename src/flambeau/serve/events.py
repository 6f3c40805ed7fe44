"""What happens while models serve, as the metrics and the traces hear of it."""

from __future__ import annotations


class Events:
    """Told of what happens; does nothing itself. Methods are cheap and may run in any thread."""

    def queued(self, model: str, waiting: int) -> None:
        """So many requests wait for ``model`` now."""

    def refused(self, model: str, reason: str) -> None:
        """A request was turned away: ``queue_full``, ``deadline``, ``stopping``, ``cancelled``."""

    def batch(self, model: str, size: int, waited: float, took: float) -> None:
        """A batch has run; its oldest request ``waited`` and the model ``took`` so many seconds."""

    def tokens(self, model: str, prompt: int, generated: int) -> None:
        """A text model has read and written so many tokens since the last call."""

    def first_token(self, model: str, seconds: float) -> None:
        """From a request's arrival to its first token it took so long."""

    def reloaded(self, model: str, version: str, ok: bool) -> None:
        """A changed model file was loaded, or was refused and the old model stays."""

    def worker_lost(self, model: str) -> None:
        """A process that runs ``model`` ended unexpectedly."""

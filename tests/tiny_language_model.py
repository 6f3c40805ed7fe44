"""Language models that tests can look into: a scripted one, and the GPT of examples/chatbot."""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

CHATBOT = Path(__file__).parents[1] / "examples" / "chatbot"


class Scripted:
    """Writes the bytes of its script, from the one that the prompt's last byte says.

    A token is a byte; 256 ends the answer. What was called with what is kept in ``prefills`` and
    ``decodes``. With ``gate`` set, each decode waits until the test lets it go.
    """

    vocabulary = 257
    stop_tokens = (256,)

    def __init__(
        self,
        script: bytes = b"abcdefghijklmnopqrstuvwxyz",
        *,
        name: str = "scripted",
        slots: int = 4,
        context_length: int = 64,
    ) -> None:
        self.script = script
        self.name = name
        self.slots = slots
        self.context_length = context_length
        self.read: list[list[int]] = [[] for _ in range(slots)]
        self.prefills: list[tuple[list[int], list[int], list[int]]] = []
        self.decodes: list[list[int]] = []
        self.gate: threading.Semaphore | None = None
        self.entered = threading.Semaphore(0)
        self.broken: Any = lambda tokens: False

    def tokenize(self, text: str) -> list[int]:
        if "\0" in text:
            raise ValueError("no token for NUL")
        return list(text.encode())

    def token_bytes(self, token: int) -> bytes:
        return bytes([token]) if token < 256 else b""

    def chat_template(self, messages: list[dict[str, str]]) -> str:
        return "".join(f"{message['role']}:{message['content']}\n" for message in messages)

    def prefill(
        self, slots: list[int], prompts: list[list[int]], starts: list[int]
    ) -> np.ndarray[Any, Any]:
        self.prefills.append((list(slots), [len(prompt) for prompt in prompts], list(starts)))
        for slot, prompt, start in zip(slots, prompts, starts, strict=True):
            assert len(self.read[slot]) >= start, "a part is missing"
            self.read[slot][start:] = prompt
        return self._logits(slots, [len(self.read[slot]) for slot in slots])

    def decode(
        self, slots: list[int], tokens: list[int], positions: list[int]
    ) -> np.ndarray[Any, Any]:
        self.entered.release()
        if self.gate is not None:
            self.gate.acquire()
        self.decodes.append(list(slots))
        assert len(set(slots)) == len(slots)
        for slot, token, position in zip(slots, tokens, positions, strict=True):
            assert len(self.read[slot]) >= position, "a token is missing"
            self.read[slot][position:] = [token]
        return self._logits(slots, [position + 1 for position in positions])

    def _logits(self, slots: list[int], lengths: list[int]) -> np.ndarray[Any, Any]:
        logits = np.zeros((len(slots), self.vocabulary), np.float32)
        for row, (slot, length) in enumerate(zip(slots, lengths, strict=True)):
            read = self.read[slot]
            assert len(read) == length
            if self.broken(read):
                raise RuntimeError("secret of the model")
            logits[row, self.next(read)] = 30.0
        return logits

    def next(self, read: list[int]) -> int:
        """The script's byte after the one read last; the script is a cycle."""
        at = self.script.find(self.token_bytes(read[-1]) or b"$")
        following = self.script[(at + 1) % len(self.script)]
        return 256 if following == ord("$") else following


def chatbot() -> tuple[Any, Any]:
    """The modules of examples/chatbot."""
    sys.path.insert(0, str(CHATBOT))
    try:
        return importlib.import_module("gpt"), importlib.import_module("train")
    finally:
        sys.path.remove(str(CHATBOT))


@functools.cache
def trained() -> Any:
    """A GPT that knows its conversations; trained once."""
    return chatbot()[1].train()


def served_gpt(**options: Any) -> Any:
    """The trained GPT with a cache of its own."""
    return chatbot()[0].text_model(trained(), **options)

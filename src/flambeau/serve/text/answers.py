"""OpenAI's answers and stream chunks, made of pieces."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from flambeau.serve.text.generation import Piece, Written
from flambeau.serve.text.service import Job, Served

_ids = random.Random()  # no secret; asking the system each time would give up the interpreter
_LOWEST = -9999.0  # OpenAI's value for a token that cannot come; JSON has no infinity


def usage(job: Job, written: int) -> dict[str, int]:
    """Return the token counts of an answer."""
    read = sum(map(len, job.prompts))
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


class Form:
    """One request's way of saying things: chat or completion, whole or streamed."""

    kind = chunk_kind = prefix = ""

    def __init__(self, served: Served, job: Job) -> None:
        self.served = served
        self.job = job
        self.logprobs = job.sampling.logprobs is not None
        self.head = {
            "id": f"{self.prefix}-{_ids.getrandbits(96):024x}",
            "object": self.kind,
            "created": int(time.time()),
            "model": served.model.name,
            "system_fingerprint": served.fingerprint,
        }
        self.count = len(job.prompts) * job.n

    def answer(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        """Return the whole answer."""
        texts: list[list[str]] = [[] for _ in range(self.count)]
        tokens: list[list[Written]] = [[] for _ in range(self.count)]
        reasons = ["length"] * self.count
        for piece in pieces:
            texts[piece.choice].append(piece.text)
            tokens[piece.choice].extend(piece.tokens)
            reasons[piece.choice] = piece.finish or "length"
        choices = [
            self.choice(index, "".join(texts[index]), tokens[index], reasons[index])
            for index in range(self.count)
        ]
        written = sum(piece.written for piece in pieces)
        return {**self.head, "choices": choices, "usage": usage(self.job, written)}

    def first(self) -> list[dict[str, Any]]:
        """Return the chunks that come before any token."""
        return []

    def chunk(self, piece: Piece) -> dict[str, Any]:
        """Return a piece as a chunk's choice."""
        raise NotImplementedError

    def choice(
        self, index: int, text: str, tokens: Sequence[Written], reason: str
    ) -> dict[str, Any]:
        """Return one whole choice."""
        raise NotImplementedError

    def text(self, token: int) -> str:
        """Return a single token as text."""
        data: bytes = self.served.model.token_bytes(token)
        return data.decode("utf-8", "replace")


class ChatForm(Form):
    """Answers of ``/v1/chat/completions``."""

    kind, chunk_kind, prefix = "chat.completion", "chat.completion.chunk", "chatcmpl"

    def choice(
        self, index: int, text: str, tokens: Sequence[Written], reason: str
    ) -> dict[str, Any]:
        return {
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": self._logprobs(tokens) if self.logprobs else None,
            "finish_reason": reason,
        }

    def first(self) -> list[dict[str, Any]]:
        delta = {"role": "assistant", "content": ""}
        return [
            {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
            for index in range(self.count)
        ]

    def chunk(self, piece: Piece) -> dict[str, Any]:
        return {
            "index": piece.choice,
            "delta": {"content": piece.text} if piece.text else {},
            "logprobs": self._logprobs(piece.tokens) if piece.tokens else None,
            "finish_reason": piece.finish,
        }

    def _logprobs(self, tokens: Sequence[Written]) -> dict[str, Any]:
        content = [
            self._entry(written.token, written.logprob)
            | {"top_logprobs": [self._entry(*pair) for pair in written.top]}
            for written in tokens
        ]
        return {"content": content, "refusal": None}

    def _entry(self, token: int, logprob: float) -> dict[str, Any]:
        data: bytes = self.served.model.token_bytes(token)
        text = data.decode("utf-8", "replace")
        return {"token": text, "logprob": max(logprob, _LOWEST), "bytes": list(data)}


class CompletionForm(Form):
    """Answers of ``/v1/completions``.

    Args:
        echo: texts to put before the answers, one for each prompt.
    """

    kind = chunk_kind = "text_completion"
    prefix = "cmpl"

    def __init__(self, served: Served, job: Job, echo: Sequence[str] = ()) -> None:
        super().__init__(served, job)
        self._echo = echo

    def choice(
        self, index: int, text: str, tokens: Sequence[Written], reason: str
    ) -> dict[str, Any]:
        if self._echo:
            text = self._echo[index // self.job.n] + text
        return {
            "index": index,
            "text": text,
            "logprobs": self._logprobs(tokens) if self.logprobs else None,
            "finish_reason": reason,
        }

    def first(self) -> list[dict[str, Any]]:
        return [
            {"index": index, "text": text, "logprobs": None, "finish_reason": None}
            for number, text in enumerate(self._echo)
            for index in range(number * self.job.n, (number + 1) * self.job.n)
        ]

    def chunk(self, piece: Piece) -> dict[str, Any]:
        return {
            "index": piece.choice,
            "text": piece.text,
            "logprobs": self._logprobs(piece.tokens) if piece.tokens else None,
            "finish_reason": piece.finish,
        }

    def _logprobs(self, tokens: Sequence[Written]) -> dict[str, Any]:
        return {
            "tokens": [written.data.decode("utf-8", "replace") for written in tokens],
            "token_logprobs": [max(written.logprob, _LOWEST) for written in tokens],
            "top_logprobs": [
                {self.text(token): max(logprob, _LOWEST) for token, logprob in written.top}
                for written in tokens
            ],
            "text_offset": [written.offset for written in tokens],
        }

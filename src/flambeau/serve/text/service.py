"""The text models of a server with their threads, and what a request asks of them."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import flambeau
from flambeau.serve.errors import BadRequest, InvalidInput, ModelFailed, NotFound, TooLarge
from flambeau.serve.events import Events
from flambeau.serve.limits import Limits
from flambeau.serve.text.protocol import abilities
from flambeau.serve.text.sampling import Sampling
from flambeau.serve.text.scheduler import Scheduler
from flambeau.serve.text.schemas import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    Message,
    TextPart,
)

# Longer texts are tokenized on another thread, so that other callers are answered meanwhile.
_SHORT = 4096


@dataclass(frozen=True)
class Job:
    """What a request asks of the scheduler."""

    prompts: list[list[int]]
    sampling: Sampling
    n: int
    max_tokens: int
    stop: list[str] = field(default_factory=list)


class Served:
    """A text model with its scheduler."""

    def __init__(self, model: Any, limits: Limits, events: Events) -> None:
        self.model = model
        self.limits = limits
        self.can = abilities(model)
        self.scheduler = Scheduler(model, queue=limits.queue, events=events)
        self.created = int(time.time())
        identity = f"{model.name} {flambeau.__version__} {self.created}"
        self.fingerprint = "fp_" + hashlib.sha256(identity.encode()).hexdigest()[:10]

    async def chat(self, request: ChatRequest) -> Job:
        """Turn a conversation into a job."""
        if not self.can.chat:
            raise BadRequest(
                f"The model {self.model.name!r} has no chat template: use /v1/completions.",
                param="model",
            )
        messages = [_plain(message) for message in request.messages]
        size = sum(len(message["content"]) for message in messages)
        prompt = await self._tokens(self._chat_tokens, messages, size, "messages")
        limit = request.max_completion_tokens or request.max_tokens
        wanted = request.top_logprobs is not None if request.logprobs is None else request.logprobs
        logprobs = (request.top_logprobs or 0) if wanted else None
        return self._job(request, [prompt], "messages", limit, logprobs)

    async def completion(self, request: CompletionRequest) -> Job:
        """Turn prompts into a job."""
        if not self.can.completion:
            raise BadRequest(
                f"The model {self.model.name!r} writes no text: use /v1/embeddings.", param="model"
            )
        if request.echo and request.logprobs is not None:
            raise InvalidInput(
                "logprobs of an echoed prompt are not supported: leave out one of the two.",
                param="logprobs",
            )
        prompts = await self._inputs(request.prompt, "prompt")
        # OpenAI's default.
        limit = 16 if request.max_tokens is None else request.max_tokens
        return self._job(request, prompts, "prompt", limit, request.logprobs)

    async def embedding(self, request: EmbeddingRequest) -> list[list[int]]:
        """Turn texts into token lists."""
        if not self.can.embedding:
            raise BadRequest(f"The model {self.model.name!r} has no embeddings.", param="model")
        lists = await self._inputs(request.input, "input")
        for where, tokens in _paths(lists, request.input, "input"):
            if len(tokens) > self.model.context_length:
                raise self._too_long(len(tokens), where)
        if sum(map(len, lists)) > self.limits.tokens:
            raise TooLarge(f"The texts exceed {self.limits.tokens} tokens.", param="input")
        return lists

    def text_of(self, tokens: list[int]) -> str:
        """Return the text of tokens, to echo a prompt that came as tokens."""
        return b"".join(map(self.model.token_bytes, tokens)).decode("utf-8", "replace")

    def _job(
        self,
        request: ChatRequest | CompletionRequest,
        prompts: list[list[int]],
        param: str,
        max_tokens: int | None,
        logprobs: int | None,
    ) -> Job:
        longest, n = max(map(len, prompts)), request.n or 1
        if longest >= self.model.context_length:
            raise self._too_long(longest + 1, param)
        # An equal share of what the request may cost, for each of its answers.
        room = self.limits.tokens // (n * len(prompts)) - longest
        if room < 1:
            raise TooLarge(
                f"A request may cost {self.limits.tokens} tokens in all: ask for fewer answers, "
                "or shorten the prompt.",
                param=param,
            )
        stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
        sampling = Sampling(
            temperature=1.0 if request.temperature is None else request.temperature,
            top_p=1.0 if request.top_p is None else request.top_p,
            top_k=request.top_k or 0,
            seed=request.seed,
            frequency_penalty=request.frequency_penalty or 0.0,
            presence_penalty=request.presence_penalty or 0.0,
            logit_bias=self._biases(request.logit_bias or {}),
            logprobs=logprobs,
        )
        return Job(prompts, sampling, n, min(max_tokens or room, room), stop)

    def _biases(self, given: dict[str, float]) -> dict[int, float]:
        """Return biases by token; those of tokens that the model does not have change nothing."""
        biases = {int(token): bias for token, bias in given.items()}
        return {token: bias for token, bias in biases.items() if token < self.model.vocabulary}

    def _chat_tokens(self, messages: list[dict[str, str]]) -> list[int]:
        prompt = self.model.chat_template(messages)
        tokens: list[int] = self.model.tokenize(prompt) if isinstance(prompt, str) else prompt
        return tokens

    async def _inputs(self, given: Any, param: str) -> list[list[int]]:
        """Return token lists of a text, texts, a token list or token lists."""
        if isinstance(given, str) or isinstance(given[0], int):
            given = [given]
        whole = sum(len(item) for item in given)
        if whole > self.limits.text_length:
            raise TooLarge(f"The text exceeds {self.limits.text_length} characters.", param=param)
        lists = []
        for number, item in enumerate(given):
            where = f"{param}[{number}]" if len(given) > 1 else param
            if isinstance(item, str):
                item = await self._tokens(self.model.tokenize, item, len(item), where)
            elif max(item) >= self.model.vocabulary:
                raise InvalidInput(
                    f"The model has tokens 0 to {self.model.vocabulary - 1}.", param=where
                )
            lists.append(item)
        return lists

    async def _tokens(self, tokenize: Any, value: Any, size: int, param: str) -> list[int]:
        if size > self.limits.text_length:
            raise TooLarge(f"The text exceeds {self.limits.text_length} characters.", param=param)
        try:
            if size <= _SHORT:
                tokens = list(tokenize(value))
            else:
                tokens = list(await asyncio.to_thread(tokenize, value))
        except ValueError as error:
            raise InvalidInput("The model's tokenizer refuses this text.", param=param) from error
        except Exception as error:
            raise ModelFailed("The model's tokenizer failed.") from error
        if not tokens:
            raise InvalidInput("The text has no tokens.", param=param)
        return tokens

    def _too_long(self, count: int, param: str) -> InvalidInput:
        return InvalidInput(
            f"The model's context is {self.model.context_length} tokens, but this needs {count}.",
            param=param,
        )


class TextService:
    """All text models of a server.

    Args:
        models: objects of the :class:`TextModel` or :class:`EmbeddingModel` protocol.
        limits: what a request may cost.
        events: told of queues and tokens.
    """

    def __init__(
        self, models: Iterable[Any], limits: Limits | None = None, events: Events | None = None
    ) -> None:
        self.limits = limits or Limits()
        self.served: dict[str, Served] = {}
        for model in models:
            served = Served(model, self.limits, events or Events())
            if self.served.setdefault(model.name, served) is not served:
                raise ValueError(f"two text models are called {model.name!r}")

    def find(self, name: str) -> Served:
        """Return the model called ``name``."""
        if name not in self.served:
            raise NotFound("There is no such model: see /v1/models.", param="model")
        return self.served[name]

    def start(self) -> None:
        """Start the models' threads."""
        for served in self.served.values():
            served.scheduler.start()

    async def drain(self, seconds: float) -> None:
        """Refuse new requests and finish those accepted, within ``seconds``."""
        await asyncio.gather(*(each.scheduler.drain(seconds) for each in self.served.values()))


def _plain(message: Message) -> dict[str, str]:
    """Return what a chat template gets."""
    content = message.content
    if not isinstance(content, str):
        content = "".join(part.text for part in content if isinstance(part, TextPart))
    role = "system" if message.role == "developer" else message.role
    plain = {"role": role, "content": content}
    return plain if message.name is None else plain | {"name": message.name}


def _paths(lists: Sequence[list[int]], given: Any, param: str) -> Iterable[tuple[str, list[int]]]:
    if len(lists) == 1:
        return [(param, lists[0])]
    return [(f"{param}[{number}]", tokens) for number, tokens in enumerate(lists)]

"""What an object must offer to be served as a text model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class TextModel(Protocol):
    """A language model that many callers use at once. Any object with these members is one.

    The server decides who is computed when; the model only computes. Every sequence that is being
    written has a *slot*, a number below ``slots``, and the model keeps what it needs to go on with
    the sequence (keys and values of attention, a recurrent state, or just its tokens) at that
    number. This is the whole contract about the cache, chosen because

    - a slot is a row of tensors allocated once: a step over many sequences is one batched forward,
      and no cache is ever stacked, copied or grown;
    - sequences join and leave between any two steps without the model hearing of it: a slot is
      free when the server stops naming it, and ``start=0`` begins a new sequence in it;
    - a long prompt comes in parts (``start`` says where a part goes on), so that it does not hold
      up those who are already being answered.

    All calls come from one thread, inside ``flambeau.inference_mode()``. A call that raised is
    repeated for each sequence alone, so that only those at fault fail: it must not matter that it
    runs again with the same arguments. What a sequence gets must not depend on who else is in the
    batch.

    Attributes:
        name: the ``model`` that callers ask for.
        vocabulary: number of tokens; they are ``0 .. vocabulary - 1``.
        context_length: most tokens of a sequence, prompt and answer together.
        slots: most sequences at a time.
        stop_tokens: tokens that end an answer; they are not part of its text.

    Further methods are optional: :class:`ChatModel` makes ``/v1/chat/completions`` work and
    :class:`EmbeddingModel` makes ``/v1/embeddings`` work.

    Example: a model that continues the alphabet. It caches nothing but the last letter. ::

        >>> import flambeau as fb
        >>> class Alphabet:
        ...     name, vocabulary, context_length, slots = "alphabet", 26, 64, 8
        ...     stop_tokens = {25}
        ...     def __init__(self):
        ...         self.last = [0] * self.slots
        ...     def tokenize(self, text):
        ...         return [ord(letter) - ord("a") for letter in text]
        ...     def token_bytes(self, token):
        ...         return bytes([ord("a") + token])
        ...     def prefill(self, slots, prompts, starts):
        ...         return self.decode(slots, [prompt[-1] for prompt in prompts], starts)
        ...     def decode(self, slots, tokens, positions):
        ...         logits = fb.zeros(len(slots), self.vocabulary)
        ...         for row, (slot, token) in enumerate(zip(slots, tokens)):
        ...             self.last[slot] = token
        ...             logits[row, (token + 1) % 26] = 9.0
        ...         return logits
        >>> isinstance(Alphabet(), TextModel)
        True
        >>> Alphabet().decode([3], [0], [0]).argmax().item()
        1

    For a transformer in flambeau see :class:`flambeau.serve.text.CachedTextModel`, which does all
    of this for an ``nn.Module``.
    """

    name: str
    vocabulary: int
    context_length: int
    slots: int
    stop_tokens: Collection[int]

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of ``text``. A ``ValueError`` says that it has none."""

    def token_bytes(self, token: int) -> bytes:
        """Return the UTF-8 bytes that ``token`` stands for: perhaps a part of a character."""

    def prefill(
        self, slots: list[int], prompts: list[list[int]], starts: list[int]
    ) -> Any:  # a Tensor or an array
        """Read prompts, or the next parts of them.

        Args:
            slots: the slot of each sequence.
            prompts: the tokens to read, of different lengths, none empty.
            starts: the position of each first token: so many tokens of the sequence have been
                read before. 0 begins a new sequence and voids what the slot held.

        Returns:
            Logits of the token that follows, ``(len(slots), vocabulary)``.
        """

    def decode(self, slots: list[int], tokens: list[int], positions: list[int]) -> Any:
        """Read one more token of each sequence: the one just written, at its position.

        Returns:
            Logits of the token that follows, ``(len(slots), vocabulary)``.
        """


@runtime_checkable
class ChatModel(Protocol):
    """A text model that knows how a conversation is written down."""

    def chat_template(self, messages: list[dict[str, str]]) -> str | list[int]:
        """Return the prompt that makes the model answer as the assistant.

        Args:
            messages: dictionaries with ``role`` (``system``, ``user`` or ``assistant``),
                ``content``, and sometimes ``name``.

        Returns:
            The prompt's text; or its tokens, for models whose callers must not be able to write
            special tokens.
        """


@runtime_checkable
class EmbeddingModel(Protocol):
    """A model that turns token lists into vectors."""

    name: str
    vocabulary: int
    context_length: int

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of ``text``."""

    def embed(self, tokens: list[list[int]]) -> Any:
        """Return one vector for each list of tokens, ``(len(tokens), size)``."""


@dataclass(frozen=True)
class Abilities:
    """What a model can be asked for."""

    completion: bool
    chat: bool
    embedding: bool


def abilities(model: object) -> Abilities:
    """Return what ``model`` offers of the protocol."""
    completion = isinstance(model, TextModel)
    chat = completion and isinstance(model, ChatModel)
    return Abilities(completion, chat, isinstance(model, EmbeddingModel))


def is_text_model(value: object) -> bool:
    """Whether ``value`` is an object that the text routes can serve."""
    return not isinstance(value, type) and isinstance(value, (TextModel, EmbeddingModel))


def describe(model: Any) -> dict[str, Any]:
    """Return the model's entry in ``x-flambeau`` of openapi.json."""
    can = abilities(model)
    return {
        "id": model.name,
        "chat": can.chat,
        "completion": can.completion,
        "embedding": can.embedding,
        "context_length": model.context_length,
    }


def check(model: Any) -> None:
    """Raise an error that says what is wrong with a model, before it is served."""
    if not is_text_model(model):
        missing = [name for name in _members(TextModel) if not hasattr(model, name)]
        raise TypeError(
            f"{type(model).__name__} is no TextModel: it has no {', '.join(missing)}. "
            "See flambeau.serve.TextModel."
        )
    sizes: Sequence[str] = ("vocabulary", "context_length")
    for size in (*sizes, "slots") if abilities(model).completion else sizes:
        if not isinstance(getattr(model, size), int) or getattr(model, size) < 1:
            raise ValueError(f"{type(model).__name__}.{size} must be a positive int")
    if not isinstance(model.name, str) or not model.name:
        raise ValueError(f"{type(model).__name__}.name must be a string that is not empty")


def _members(protocol: type) -> list[str]:
    methods = [name for name, value in vars(protocol).items() if callable(value)]
    return [name for name in (*protocol.__annotations__, *methods) if not name.startswith("_")]

"""Keys and values of many sequences, and the adapter that serves an ``nn.Module`` with them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

import flambeau
from flambeau import Tensor, nn


class KVCache:
    """Room for the keys and values of ``slots`` sequences, allocated once.

    Args:
        layers: attention layers of the model.
        slots: most sequences at a time.
        heads: heads of keys and values.
        length: most tokens of a sequence.
        head_size: size of one key.
        dtype: of keys and values.

    Memory: ``2 * layers * slots * heads * (length + 1) * head_size`` elements. The position
    behind the last takes what padding writes.
    """

    def __init__(
        self,
        layers: int,
        slots: int,
        heads: int,
        length: int,
        head_size: int,
        dtype: flambeau.dtype = flambeau.float32,
    ) -> None:
        shape = (slots, heads, length + 1, head_size)
        self.keys = [flambeau.zeros(shape, dtype=dtype) for _ in range(layers)]
        self.values = [flambeau.zeros(shape, dtype=dtype) for _ in range(layers)]
        self.slots = slots
        self.length = length


class CachedStep:
    """What a module's forward needs to know about one step over a :class:`KVCache`.

    Attributes:
        positions: the position of each token in its sequence, ``(B, T)`` int64.
        last: the column of each sequence's last token, ``(B,)`` int64.
        mask: which cached tokens each token may look at, ``(B, 1, T, S)`` bool: those up to
            itself.
    """

    def __init__(
        self, cache: KVCache, slots: list[int], starts: list[int], counts: list[int]
    ) -> None:
        width, batch = max(counts), len(slots)
        begin = np.asarray(starts)
        count = np.asarray(counts)
        columns = np.arange(width)
        positions = begin[:, None] + columns
        real = columns < count[:, None]
        used = int((begin + count).max())
        self._cache = cache
        self._used = used
        first, last = slots[0], slots[-1]
        self._rows = slice(first, first + batch)
        self._gather: Tensor | None = None
        if slots != list(range(first, last + 1)):
            self._gather = flambeau.from_numpy(np.asarray(slots))
        self._slot = flambeau.from_numpy(np.asarray(slots)[:, None])
        self._place = flambeau.from_numpy(np.where(real, positions, cache.length))
        self.positions = flambeau.from_numpy(np.where(real, positions, 0))
        self.last = flambeau.from_numpy(count - 1)
        self.mask = flambeau.from_numpy(
            (np.arange(used) <= positions[:, :, None]).reshape(batch, 1, width, used)
        )

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store this step's keys and values; return all of the sequences.

        Args:
            layer: the number of the attention layer.
            key, value: ``(B, heads, T, head_size)``.

        Returns:
            Keys and values ``(B, heads, S, head_size)``, for attention with ``mask``.
        """
        return (
            self._store(self._cache.keys[layer], key),
            self._store(self._cache.values[layer], value),
        )

    def _store(self, cached: Tensor, new: Tensor) -> Tensor:
        cached[self._slot, :, self._place] = new.transpose(1, 2)
        rows = cached[self._rows] if self._gather is None else cached[self._gather]
        return rows[:, :, : self._used]


class CachedTextModel:
    """Serves an ``nn.Module`` as a :class:`TextModel`.

    The module is called as ``module(tokens, step)`` with tokens ``(B, T)`` and a
    :class:`CachedStep`, and returns logits ``(B, T, vocabulary)``. Where it computes attention it
    stores its keys and values and attends to all of the sequence::

        keys, values = step.update(layer, key, value)
        y = scaled_dot_product_attention(query, keys, values, attn_mask=step.mask)

    and where it adds positions (a table, or rotary ones) it takes ``step.positions``. To save the
    output layer the work for tokens that nobody asks about, it may return logits ``(B, 1,
    vocabulary)`` of the columns ``step.last``. ``examples/chatbot`` has a complete GPT.

    Args:
        module: the network; it is put into eval mode.
        cache: its keys and values; gives ``slots`` and ``context_length``.
        name: what callers ask for.
        vocabulary: number of tokens.
        tokenize: text to tokens.
        token_bytes: token to the UTF-8 bytes it stands for.
        stop_tokens: tokens that end an answer.
        chat_template: messages to a prompt, for models that chat.
        embed: token lists to vectors, for models that embed.
    """

    def __init__(
        self,
        module: nn.Module,
        cache: KVCache,
        *,
        name: str,
        vocabulary: int,
        tokenize: Callable[[str], list[int]],
        token_bytes: Callable[[int], bytes],
        stop_tokens: Collection[int] = (),
        chat_template: Callable[[list[dict[str, str]]], str | list[int]] | None = None,
        embed: Callable[[list[list[int]]], Any] | None = None,
    ) -> None:
        self.module = module.eval()
        self.cache = cache
        self.name = name
        self.vocabulary = vocabulary
        self.context_length = cache.length
        self.slots = cache.slots
        self.stop_tokens = frozenset(stop_tokens)
        self.tokenize = tokenize
        self.token_bytes = token_bytes
        if chat_template is not None:
            self.chat_template = chat_template
        if embed is not None:
            self.embed = embed

    def prefill(self, slots: list[int], prompts: list[list[int]], starts: list[int]) -> Tensor:
        """Read parts of prompts; see :meth:`TextModel.prefill`."""
        counts = [len(prompt) for prompt in prompts]
        padded = np.zeros((len(prompts), max(counts)), np.int64)
        for row, prompt in zip(padded, prompts, strict=True):
            row[: len(prompt)] = prompt
        step = CachedStep(self.cache, slots, starts, counts)
        logits = self._last(self.module(flambeau.from_numpy(padded), step), step)
        return self._cleaned(logits, slots)

    def decode(self, slots: list[int], tokens: list[int], positions: list[int]) -> Tensor:
        """Read one more token of each sequence; see :meth:`TextModel.decode`.

        Slots between those in use are computed too, as padding, where they are few: so the
        cache is read in place and not gathered.
        """
        first, last = min(slots), max(slots)
        if last - first + 1 > 2 * len(slots):
            return self._decode(slots, tokens, positions, [1] * len(slots))
        size = last - first + 1
        rows = [slot - first for slot in slots]
        all_tokens, all_positions, counts = [0] * size, [0] * size, [0] * size
        for row, token, position in zip(rows, tokens, positions, strict=True):
            all_tokens[row], all_positions[row], counts[row] = token, position, 1
        every = list(range(first, last + 1))
        logits = self._decode(every, all_tokens, all_positions, counts)
        return logits if rows == list(range(size)) else logits[flambeau.tensor(rows)]

    def _decode(
        self, slots: list[int], tokens: list[int], positions: list[int], counts: list[int]
    ) -> Tensor:
        step = CachedStep(self.cache, slots, positions, counts)
        logits: Tensor = self.module(flambeau.from_numpy(np.array(tokens)[:, None]), step)
        return self._cleaned(logits[:, 0], slots)

    def _cleaned(self, logits: Tensor, slots: list[int]) -> Tensor:
        """Clear the cache of sequences that became NaN: zero weight times NaN is NaN again."""
        if logits.sum().isnan().item():
            for slot in np.asarray(slots)[logits.isnan().any(dim=1).numpy()].tolist():
                for cached in (*self.cache.keys, *self.cache.values):
                    cached[slot] = 0.0
        return logits

    @staticmethod
    def _last(logits: Tensor, step: CachedStep) -> Tensor:
        if logits.shape[1] == 1:
            return logits[:, 0]
        return logits[flambeau.arange(logits.shape[0]), step.last]

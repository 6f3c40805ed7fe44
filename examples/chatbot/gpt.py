"""A small GPT over bytes that can be trained, and served with a key-value cache."""

from __future__ import annotations

import flambeau
from flambeau import Tensor, nn
from flambeau.nn import functional
from flambeau.serve.text import CachedStep, CachedTextModel, KVCache

# The first 256 tokens are bytes, so that every text has tokens. The others mark who speaks.
SYSTEM, USER, ASSISTANT, END = range(256, 260)
VOCABULARY = 260
_ROLES = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT}


class Block(nn.Module):
    """A layer of attention and a perceptron, both with residual connections."""

    def __init__(self, layer: int, size: int, heads: int) -> None:
        super().__init__()
        self.layer = layer
        self.heads = heads
        self.norm1 = nn.LayerNorm(size)
        self.qkv = nn.Linear(size, 3 * size)
        self.project = nn.Linear(size, size)
        self.norm2 = nn.LayerNorm(size)
        self.expand = nn.Linear(size, 4 * size)
        self.contract = nn.Linear(4 * size, size)

    def forward(self, x: Tensor, step: CachedStep | None = None) -> Tensor:
        x = x + self.project(self._attend(self.qkv(self.norm1(x)), step))
        return x + self.contract(functional.gelu(self.expand(self.norm2(x))))

    def _attend(self, qkv: Tensor, step: CachedStep | None) -> Tensor:
        batch, time, size = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
        shape = (batch, time, 3, self.heads, size // self.heads)
        query, key, value = qkv.view(shape).permute(2, 0, 3, 1, 4).unbind(0)
        attention = functional.scaled_dot_product_attention
        if step is None:
            y = attention(query, key, value, is_causal=True)
        else:
            key, value = step.update(self.layer, key, value)
            y = attention(query, key, value, attn_mask=step.mask)
        return y.transpose(1, 2).reshape(batch, time, size)


class GPT(nn.Module):
    """A decoder-only transformer.

    Args:
        context: most tokens of a sequence.
        size: of a token's vector.
        layers: number of blocks.
        heads: of attention.
    """

    def __init__(self, context: int = 128, size: int = 64, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.context, self.size, self.heads = context, size, heads
        self.token = nn.Embedding(VOCABULARY, size)
        self.position = nn.Embedding(context, size)
        self.blocks = nn.ModuleList(Block(layer, size, heads) for layer in range(layers))
        self.norm = nn.LayerNorm(size)
        self.head = nn.Linear(size, VOCABULARY)

    def features(self, tokens: Tensor, step: CachedStep | None = None) -> Tensor:
        """Return the vectors from which tokens are predicted, ``(B, T, size)``."""
        positions = flambeau.arange(tokens.shape[1]) if step is None else step.positions
        x = self.token(tokens) + self.position(positions)
        for block in self.blocks:
            x = block(x, step)
        return self.norm(x)

    def forward(self, tokens: Tensor, step: CachedStep | None = None) -> Tensor:
        x = self.features(tokens, step)
        if step is not None and tokens.shape[1] > 1:
            # Only the last token of each prompt has a successor that is asked for.
            x = x[flambeau.arange(len(x)), step.last].unsqueeze(1)
        return self.head(x)


def conversation(messages: list[dict[str, str]]) -> list[int]:
    """Write a conversation down. Callers cannot write the marks: those are no bytes."""
    tokens: list[int] = []
    for message in messages:
        tokens += [_ROLES[message["role"]], *message["content"].encode(), END]
    return [*tokens, ASSISTANT]


def text_model(gpt: GPT, name: str = "chatbot", slots: int = 16) -> CachedTextModel:
    """Make a GPT servable: completions, conversations and embeddings."""

    def embed(lists: list[list[int]]) -> Tensor:
        # Alone, each: so that no text's vector depends on padding.
        means = [gpt.features(flambeau.tensor([tokens]))[0].mean(dim=0) for tokens in lists]
        return functional.normalize(flambeau.stack(means), dim=1)

    return CachedTextModel(
        gpt,
        KVCache(len(gpt.blocks), slots, gpt.heads, gpt.context, gpt.size // gpt.heads),
        name=name,
        vocabulary=VOCABULARY,
        tokenize=lambda text: list(text.encode()),
        token_bytes=lambda token: bytes([token]) if token < 256 else b"",
        stop_tokens={END},
        # It was taught single questions, so it is shown the last message only.
        chat_template=lambda messages: conversation(messages[-1:]),
        embed=embed,
    )

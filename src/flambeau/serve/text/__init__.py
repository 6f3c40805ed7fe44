"""Text models behind OpenAI's API: continuous batching, streaming, embeddings."""

from __future__ import annotations

from flambeau.serve.text.cache import CachedStep, CachedTextModel, KVCache
from flambeau.serve.text.protocol import (
    ChatModel,
    EmbeddingModel,
    TextModel,
    describe,
    is_text_model,
)
from flambeau.serve.text.sampling import Sampling
from flambeau.serve.text.scheduler import Scheduler

__all__ = [
    "CachedStep",
    "CachedTextModel",
    "ChatModel",
    "EmbeddingModel",
    "KVCache",
    "Sampling",
    "Scheduler",
    "TextModel",
    "describe",
    "is_text_model",
]

"""Text models behind OpenAI's API: continuous batching, streaming, embeddings."""

from typing import TYPE_CHECKING

from flambeau.utils.lazy import lazy_names

if TYPE_CHECKING:
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

__getattr__ = lazy_names(
    __name__,
    {
        "cache": ("CachedStep", "CachedTextModel", "KVCache"),
        "protocol": ("ChatModel", "EmbeddingModel", "TextModel", "describe", "is_text_model"),
        "sampling": ("Sampling",),
        "scheduler": ("Scheduler",),
    },
)

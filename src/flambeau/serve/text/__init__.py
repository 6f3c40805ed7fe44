"""Text models behind OpenAI's API: continuous batching, streaming, embeddings."""

from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "cache": ("CachedStep", "CachedTextModel", "KVCache"),
    "protocol": ("ChatModel", "EmbeddingModel", "TextModel", "describe", "is_text_model"),
    "sampling": ("Sampling",),
    "scheduler": ("Scheduler",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

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


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    found = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found

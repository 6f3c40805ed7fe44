"""What the schemas of a server's text routes say beyond those of OpenAI's API: its own models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.serve.text.service import TextService


def service_schema(service: TextService) -> Callable[[dict[str, Any]], None]:
    """Return what writes the served models' names and sizes into an OpenAPI document."""

    def extend(document: dict[str, Any]) -> None:
        schemas = document.get("components", {}).get("schemas", {})
        for request, ability, text, spare in (
            ("ChatRequest", "chat", None, 0),
            ("CompletionRequest", "completion", "prompt", 1),
            ("EmbeddingRequest", "embedding", "input", 0),
        ):
            models = [
                served.model for served in service.served.values() if getattr(served.can, ability)
            ]
            if not models or request not in schemas:
                continue
            properties = schemas[request]["properties"]
            properties["model"]["enum"] = [model.name for model in models]
            if text is not None:
                length = max(model.context_length for model in models) - spare
                _bound(properties[text], max(model.vocabulary for model in models), length)

    return extend


def _bound(schema: dict[str, Any], vocabulary: int, length: int) -> None:
    """Bound tokens and lists of tokens, at any depth."""
    for part in schema.get("anyOf", ()):
        _bound(part, vocabulary, length)
    items = schema.get("items", {})
    if items.get("type") == "integer":
        items.pop("exclusiveMaximum", None)
        items["maximum"] = vocabulary - 1
        schema["maxItems"] = max(1, length)
    elif items:
        _bound(items, vocabulary, length)

"""Class labels with scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flambeau as fb
from flambeau.serve.fields.base import Field, WrongResult


class Labels(Field):
    """The classes of a classifier with their scores, best first.

    The model returns logits of shape (B, len(classes)). With softmax the scores are
    exp(x_i) / sum_j exp(x_j) and add up to 1; with sigmoid each is 1 / (1 + exp(-x_i)).

    Args:
        classes: name of each class, in the order of the logits.
        top: how many to give; all by default.
        activation: "softmax", "sigmoid", or None where the model returns scores itself.

    Raises:
        ValueError: There are no classes, two of one name, or fewer than ``top``.

    Example:
        >>> field = Labels(["cat", "dog"], top=1)
        >>> field.encode(field.split(fb.tensor([[0.0, 0.0], [0.0, 100.0]]), 2)[1])
        [{'label': 'dog', 'score': 1.0}]
    """

    kind = "labels"
    is_input = False

    def __init__(
        self,
        classes: Sequence[str],
        top: int | None = None,
        activation: str | None = "softmax",
    ) -> None:
        self.classes = list(classes)
        if isinstance(classes, str) or not all(isinstance(name, str) for name in self.classes):
            raise ValueError("Labels: classes must be a list of names")
        if not self.classes or len(set(self.classes)) < len(self.classes):
            raise ValueError("Labels: there must be classes, each with a name of its own")
        if top is not None and not 1 <= top <= len(self.classes):
            raise ValueError(f"Labels: top must be 1 to {len(self.classes)}, not {top}")
        if activation not in ("softmax", "sigmoid", None):
            raise ValueError(f"Labels: activation must be softmax, sigmoid or None: {activation!r}")
        self.top = top or len(self.classes)
        self.activation = activation

    def schema(self, *, output: bool = True) -> dict[str, Any]:
        score: dict[str, Any] = {"type": "number"}
        if self.activation:
            score |= {"minimum": 0, "maximum": 1}
        return {
            "type": "array",
            "minItems": self.top,
            "maxItems": self.top,
            "items": {
                "type": "object",
                "properties": {"label": {"type": "string", "enum": self.classes}, "score": score},
                "required": ["label", "score"],
                "additionalProperties": False,
            },
        }

    def hints(self) -> dict[str, Any]:
        return {"classes": self.classes, "top": self.top}

    def split(self, batch: Any, count: int) -> list[Any]:
        if isinstance(batch, list) and batch and isinstance(batch[0], fb.Tensor):
            batch = fb.stack(batch)
        elif not isinstance(batch, fb.Tensor):
            batch = fb.tensor(batch)
        if tuple(batch.shape) != (count, len(self.classes)):
            raise WrongResult(
                f"predict got a batch of {count} and must return scores of shape "
                f"{(count, len(self.classes))}, but returned {tuple(batch.shape)}"
            )
        with fb.no_grad():
            scores = batch.detach().float()
            if self.activation == "softmax":
                scores = fb.softmax(scores, dim=1)
            elif self.activation == "sigmoid":
                scores = fb.sigmoid(scores)
            if not bool(fb.isfinite(scores).all()):
                raise WrongResult("the scores are not finite")
            return scores.tolist()  # type: ignore[no-any-return]

    def encode(self, value: Any) -> list[dict[str, Any]]:
        order = sorted(range(len(value)), key=value.__getitem__, reverse=True)[: self.top]
        return [{"label": self.classes[i], "score": value[i]} for i in order]

"""Text."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from flambeau.serve.errors import BadRequest, InvalidInput, TooLarge
from flambeau.serve.fields.base import Field, WrongResult
from flambeau.serve.limits import Limits


class Text(Field):
    """A text; the model gets a list of them.

    Args:
        max_length: most characters; without it ``Limits.text_length`` holds.
        min_length: fewest characters.

    Example:
        >>> Text(max_length=5).schema()
        {'type': 'string', 'maxLength': 5}
    """

    kind = "text"
    media_types = ("text/plain",)

    def __init__(self, *, max_length: int | None = None, min_length: int = 0) -> None:
        if min_length < 0 or (max_length is not None and max_length < min_length):
            raise ValueError(f"Text: no text has {min_length} to {max_length} characters")
        self.max_length = max_length
        self.min_length = min_length

    def json_type(self) -> Any:
        return Annotated[str, Meta(min_length=self.min_length, max_length=self.max_length)]

    def schema(self, *, output: bool = False) -> dict[str, Any]:
        made: dict[str, Any] = {"type": "string"}
        if self.min_length and not output:
            made["minLength"] = self.min_length
        if self.max_length is not None and not output:
            made["maxLength"] = self.max_length
        return made

    def hints(self) -> dict[str, Any]:
        return {"min_length": self.min_length, "max_length": self.max_length}

    def decode(self, value: Any, limits: Limits) -> str:
        if self.max_length is None and len(value) > limits.text_length:
            raise TooLarge(f"the text has {len(value)} characters, over {limits.text_length}")
        return str(value)

    def decode_bytes(self, data: bytes, media_type: str, limits: Limits) -> str:
        if media_type != "text/plain":
            super().decode_bytes(data, media_type, limits)
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise BadRequest("the text is not valid UTF-8") from None
        longest = len(text) if self.max_length is None else self.max_length
        if not self.min_length <= len(text) <= longest:
            raise InvalidInput(
                f"expected {self.min_length} to {self.max_length or 'any number of'} characters, "
                f"but got {len(text)}"
            )
        return self.decode(text, limits)

    def encode(self, value: Any) -> str:
        if not isinstance(value, str):
            raise WrongResult(f"expected a text as result, but got {type(value).__name__}")
        return value

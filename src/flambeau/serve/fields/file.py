"""Files of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from flambeau.serve.errors import TooLarge, UnsupportedMediaType
from flambeau.serve.fields.base import (
    BASE64,
    DATA_URI,
    Field,
    WrongResult,
    from_base64,
    media_matches,
    to_base64,
)
from flambeau.serve.limits import Limits


class File(Field):
    """A file; the model gets a list of bytes.

    Args:
        media_types: which a form's part or a raw body may have, such as ``["audio/*"]``.
        max_bytes: its largest size; the request's limit holds in any case.

    Example:
        >>> File(["application/pdf"]).hints()
        {'media_types': ['application/pdf'], 'max_bytes': None}
    """

    kind = "file"

    def __init__(
        self, media_types: Sequence[str] | None = None, max_bytes: int | None = None
    ) -> None:
        if isinstance(media_types, str) or not all("/" in each for each in media_types or ()):
            raise ValueError("File: media_types must be a list such as ['application/pdf']")
        if max_bytes is not None and max_bytes < 1:
            raise ValueError(f"File: max_bytes must be positive, not {max_bytes}")
        self.media_types = tuple(media_types or ("application/octet-stream",))
        self.max_bytes = max_bytes
        self._accepted = self.media_types if media_types else ("*/*",)

    def json_type(self) -> Any:
        return Annotated[str, Meta(min_length=1)]

    def schema(self, *, output: bool = False) -> dict[str, Any]:
        prefix = "" if output else f"(?:{DATA_URI})?"
        made: dict[str, Any] = {
            "type": "string",
            "contentEncoding": "base64",
            "pattern": f"^{prefix}{BASE64}$",
        }
        if not output:
            made["minLength"] = 1
        if len(self.media_types) == 1 and "*" not in self.media_types[0]:
            made["contentMediaType"] = self.media_types[0]
        return made

    def hints(self) -> dict[str, Any]:
        return {"media_types": list(self.media_types), "max_bytes": self.max_bytes}

    def decode(self, value: Any, limits: Limits) -> bytes:
        return self._checked(from_base64(value))

    def decode_bytes(self, data: bytes, media_type: str, limits: Limits) -> bytes:
        if not media_matches(media_type, self._accepted):
            raise UnsupportedMediaType(
                f"expected {' or '.join(self.media_types)}, but got {media_type[:100]}"
            )
        return self._checked(data)

    def _checked(self, data: bytes) -> bytes:
        if self.max_bytes is not None and len(data) > self.max_bytes:
            raise TooLarge(f"the file has {len(data)} bytes, over {self.max_bytes}")
        return data

    def encode(self, value: Any) -> str:
        if not isinstance(value, bytes):
            raise WrongResult(f"expected bytes as result, but got {type(value).__name__}")
        return to_base64(value)

    def to_json(self, value: Any) -> Any:
        return to_base64(value) if isinstance(value, bytes) else value

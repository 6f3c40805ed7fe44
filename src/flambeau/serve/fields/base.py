"""What every kind of field can do."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec

from flambeau.serve.errors import BadRequest, InvalidInput, UnsupportedMediaType
from flambeau.serve.limits import Limits

# A whole number of bytes; a data: URI may stand before them, as browsers write it.
BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
DATA_URI = r"data:[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+;base64,"
_PREFIX = re.compile(DATA_URI)


class WrongResult(Exception):
    """The model gave something else than its output was declared to be; for the server's log."""


class Field:
    """One input or output of a model.

    A request's value goes through ``decode`` or ``decode_bytes``, those that run together through
    ``collate``; what the model returns goes through ``split``, and each part through ``encode``.
    """

    kind = "field"
    is_input = True
    is_output = True
    # Decoding takes long enough to be moved off the event loop.
    slow = False
    # Only values of one shape can be collated: ``shape_of`` tells which belong together.
    ragged = False
    # Media types of a raw body or a part of a form; "image/*" is a family.
    media_types: tuple[str, ...] = ("application/json",)

    def json_type(self) -> Any:
        """Return the msgspec type into which the JSON value is read."""
        raise NotImplementedError

    def schema(self, *, output: bool = False) -> dict[str, Any]:
        """Return the JSON schema of the value, definitions under ``$defs``."""
        raise NotImplementedError

    def hints(self) -> dict[str, Any]:
        """Return what a page or a client needs besides the schema."""
        return {}

    def decode(self, value: Any, limits: Limits) -> Any:
        """Return the decoded JSON ``value`` as ``collate`` takes it.

        Raises:
            InvalidInput: ``param`` is the path within the field, such as ``[3]``.
        """
        return value

    def decode_bytes(self, data: bytes, media_type: str, limits: Limits) -> Any:
        """Return what a form's part or a raw body holds, as ``collate`` takes it."""
        expected = " or ".join(self.media_types)
        raise UnsupportedMediaType(f"expected {expected}, but got {media_type[:100]}")

    def shape_of(self, value: Any) -> Hashable:
        """Return what values must have in common to be collated."""
        return None

    def collate(self, values: list[Any]) -> Any:
        """Return the batch of ``values`` that the model gets."""
        return values

    def single(self, value: Any) -> Any:
        """Return ``value`` as a generator gets it: alone."""
        return self.collate([value])[0]

    def split(self, batch: Any, count: int) -> list[Any]:
        """Return the ``count`` values of a result.

        Raises:
            WrongResult: It holds another number of values.
        """
        return as_list(batch, count)

    def encode(self, value: Any) -> Any:
        """Return one value of a result as JSON can hold it.

        Raises:
            WrongResult: It is not what the field declares.
        """
        return value

    def example(self) -> Any:
        """Return a JSON value that the field takes, or None where only the user knows one."""
        return None

    def to_json(self, value: Any) -> Any:
        """Return an example given as Python object the way it would be sent."""
        return value


def as_list(batch: Any, count: int) -> list[Any]:
    """Return a batch's values, checking how many they are."""
    if isinstance(batch, str | bytes | dict) or not isinstance(batch, Sequence):
        raise WrongResult(
            f"expected a list of {count} results, one for each input, but predict returned "
            f"{type(batch).__name__}"
        )
    if len(batch) != count:
        raise WrongResult(
            f"predict got a batch of {count} and must return {count} results, but returned "
            f"{len(batch)}"
        )
    return list(batch)


def parse(decode: Callable[[bytes], Any], data: bytes) -> Any:
    """Return what a msgspec decoder makes of ``data``.

    Raises:
        BadRequest: It is no JSON.
        InvalidInput: It is not of the decoder's type; ``param`` says where.
    """
    try:
        return decode(data)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except UnicodeDecodeError:
        raise BadRequest("the JSON is not valid UTF-8") from None
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise BadRequest("this is not valid JSON") from None


def _invalid(error: msgspec.ValidationError) -> InvalidInput:
    message, _, path = str(error).partition(" - at `$")
    param = path.rstrip("`").removeprefix(".") or None
    if param is None and "field `" in message:
        param = message.rsplit("`", 2)[1]
    return InvalidInput(message[:500], param=None if param is None else param[:200])


def from_base64(text: str) -> bytes:
    """Return the bytes of a base64 string or a base64 data: URI.

    Raises:
        InvalidInput: It is neither.
    """
    prefix = _PREFIX.match(text)
    if prefix:
        text = text[prefix.end() :]
    elif text.startswith("data:"):
        raise InvalidInput("a data: URI must be of the form data:type/subtype;base64,...")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("expected base64 (RFC 4648, with padding)") from None


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def media_matches(media_type: str, accepted: Sequence[str]) -> bool:
    """Whether a media type is one of ``accepted``, where ``image/*`` stands for a family."""
    family = media_type.partition("/")[0] + "/*"
    return any(each in (media_type, family, "*/*") for each in accepted)

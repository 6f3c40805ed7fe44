"""Forms: multipart/form-data (RFC 7578) of a body that is already in memory."""

from __future__ import annotations

from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from flambeau.serve.errors import BadRequest, InvalidInput

Parts = dict[str, tuple[bytes, str]]


def read_form(body: bytes, content_type: bytes, most: int) -> Parts:
    """Return the parts of a form by name, each with its media type.

    Args:
        body: of the request.
        content_type: the request's header, which names the boundary.
        most: how many parts there may be.

    Raises:
        BadRequest: It is no form, or not a whole one.
        InvalidInput: There are too many parts, or two of one name.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise BadRequest("the content type names no boundary between the form's parts")
    reader = _Reader(most)
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError):
        raise BadRequest("the body is not a valid form") from None
    if not reader.ended:
        raise BadRequest("the form is incomplete")
    return reader.parts


class _Reader:
    """Gathers what the parser calls out."""

    def __init__(self, most: int) -> None:
        self.parts: Parts = {}
        self.ended = False
        self._most = most
        self._name = self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._data = bytearray()

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._add_name,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) == self._most:
            raise InvalidInput(f"the form has more than {self._most} parts")
        self._headers, self._data = {}, bytearray()

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _end_part(self) -> None:
        options = parse_options_header(self._headers.get(b"content-disposition", b""))[1]
        try:
            name = options[b"name"].decode()
        except (KeyError, UnicodeDecodeError):
            raise BadRequest("a part of the form has no name") from None
        if name in self.parts:
            raise InvalidInput("this input comes twice", param=name[:200])
        media_type = self._headers.get(b"content-type", b"text/plain")
        self.parts[name] = bytes(self._data), bare_type(media_type)

    def _end(self) -> None:
        self.ended = True


def bare_type(content_type: bytes) -> str:
    """Return a media type without its parameters, in lower case."""
    return content_type.partition(b";")[0].strip().lower().decode("latin-1")

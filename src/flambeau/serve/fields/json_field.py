"""JSON values of a declared type."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from flambeau.serve.errors import InvalidInput
from flambeau.serve.fields.base import Field, WrongResult, parse
from flambeau.serve.json_depth import check_depth
from flambeau.serve.limits import Limits


class Json(Field):
    """A JSON value of a type; the model gets a list of them.

    Args:
        type: a pydantic model, a msgspec.Struct, a dataclass, a TypedDict or a plain type such as
            ``list[int]``; any JSON by default. Pydantic validates strictly: "1" is no number.

    Example:
        >>> Json[dict[str, int]].schema()
        {'type': 'object', 'additionalProperties': {'type': 'integer'}}
    """

    kind = "json"

    def __init__(self, type: Any = Any) -> None:
        self.type = type
        self._adapter = _pydantic(type)
        self._decode_json = msgspec.json.Decoder(self.json_type()).decode
        try:
            self._schemas = {output: self._schema(output) for output in (False, True)}
        except Exception as error:  # both libraries raise their own
            raise ValueError(f"Json: {type} has no JSON schema: {error}") from None

    def __class_getitem__(cls, type: Any) -> Json:
        return cls(type)

    def _schema(self, output: bool) -> dict[str, Any]:
        if self._adapter is None:
            return _resolved(msgspec.json.schema(self.type))
        mode = "serialization" if output else "validation"
        return _resolved(self._adapter.json_schema(mode=mode))

    def json_type(self) -> Any:
        return self.type if self._adapter is None else msgspec.Raw

    def schema(self, *, output: bool = False) -> dict[str, Any]:
        return self._schemas[output]

    def hints(self) -> dict[str, Any]:
        return {"schema": self.schema()}

    def decode(self, value: Any, limits: Limits) -> Any:
        if self._adapter is None:
            return value
        # Pydantic would take 1e999 as infinity.
        parse(msgspec.json.decode, value)
        return self._validated(bytes(value))

    def decode_bytes(self, data: bytes, media_type: str, limits: Limits) -> Any:
        if media_type not in ("application/json", "text/plain"):
            super().decode_bytes(data, media_type, limits)
        check_depth(data, limits.json_depth)
        return self.decode(parse(self._decode_json, data), limits)

    def _validated(self, data: bytes) -> Any:
        from pydantic import ValidationError

        assert self._adapter is not None
        try:
            return self._adapter.validate_json(data, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"])
            raise InvalidInput(first["msg"], param=path[:200]) from None

    def encode(self, value: Any) -> Any:
        try:
            if self._adapter is not None:
                checked = self._adapter.validate_python(value)
                made = self._adapter.dump_python(checked, mode="json", by_alias=True)
            else:
                made = msgspec.to_builtins(value)
                msgspec.convert(made, self.type)
        except Exception as error:  # both libraries raise their own
            raise WrongResult(f"the result is no {self.type}: {error}") from None
        _check_finite(made)
        return made

    def to_json(self, value: Any) -> Any:
        return value if isinstance(value, str | bytes) else self.encode(value)


def _pydantic(type_: Any) -> Any:
    """The adapter of a type that pydantic has to validate, or None."""
    from pydantic import BaseModel, TypeAdapter

    if isinstance(type_, type) and issubclass(type_, BaseModel):
        return TypeAdapter(type_)
    try:
        msgspec.json.schema(type_)
    except TypeError:  # pydantic models inside, or what only pydantic knows
        return TypeAdapter(type_)
    return None


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that is nothing but a reference into itself, resolved."""
    reference = schema.get("$ref", "")
    definitions = schema.get("$defs", {})
    name = reference.removeprefix("#/$defs/")
    if not reference or _mentions(definitions, reference):
        return schema
    rest = {key: value for key, value in definitions.items() if key != name}
    return {**definitions[name], **({"$defs": rest} if rest else {})}


def _mentions(value: Any, reference: str) -> bool:
    if isinstance(value, dict):
        return value.get("$ref") == reference or any(
            _mentions(each, reference) for each in value.values()
        )
    return isinstance(value, list) and any(_mentions(each, reference) for each in value)


def _check_finite(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise WrongResult(f"the result holds {value}, which JSON cannot say")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            _check_finite(each)

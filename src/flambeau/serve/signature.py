"""A model's inputs and outputs: from a request's body to an item, from results to an answer."""

from __future__ import annotations

import keyword
from collections.abc import Hashable, Mapping
from typing import Any

import msgspec

from flambeau.serve.errors import InvalidInput, ServeError
from flambeau.serve.fields import Field, WrongResult
from flambeau.serve.fields.base import as_list, parse
from flambeau.serve.limits import Limits

Item = dict[str, Any]


class Signature:
    """The fields of a model by name.

    Args:
        inputs: a field, called "input", or fields by name.
        outputs: a field, called "output", or fields by name.

    Raises:
        ValueError: Something is missing, has a bad name or stands on the wrong side.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs = fields_of(inputs, "input")
        self.outputs = fields_of(outputs, "output")
        self.alone = next(iter(self.inputs)) if isinstance(inputs, Field | type) else None
        self.result = next(iter(self.outputs)) if isinstance(outputs, Field | type) else None
        self.slow = any(field.slow for field in self.inputs.values())
        self._ragged = [name for name, field in self.inputs.items() if field.ragged]
        types = [(name, field.json_type()) for name, field in self.inputs.items()]
        body = msgspec.defstruct("Body", types, forbid_unknown_fields=True)
        self._decode_json = msgspec.json.Decoder(body).decode
        self._decoders = [
            (name, field.decode)
            for name, field in self.inputs.items()
            if type(field).decode is not Field.decode
        ]

    def read_json(self, body: bytes) -> Any:
        """Return the values that a JSON body holds, checked against their types.

        Raises:
            BadRequest: It is no JSON.
            InvalidInput: It is not what the fields declare.
        """
        return parse(self._decode_json, body)

    def decode(self, values: Any, limits: Limits) -> Item:
        """Return the item that ``read_json`` has read.

        Raises:
            ServeError: A value is wrong.
        """
        item = {name: getattr(values, name) for name in self.inputs}
        for name, decode in self._decoders:
            try:
                item[name] = decode(item[name], limits)
            except ServeError as error:
                error.param = name + (error.param or "")
                raise
        return item

    def decode_parts(self, parts: Mapping[str, tuple[bytes, str]], limits: Limits) -> Item:
        """Return the item made of a form's parts, each with its media type.

        Raises:
            ServeError: A part is missing, unknown or wrong.
        """
        for name in parts.keys() - self.inputs.keys():
            raise InvalidInput("there is no such input", param=name[:200])
        item = {}
        for name, field in self.inputs.items():
            if name not in parts:
                raise InvalidInput("this input is missing", param=name)
            data, media_type = parts[name]
            try:
                item[name] = field.decode_bytes(data, media_type, limits)
            except ServeError as error:
                error.param = name + (error.param or "")
                raise
        return item

    def collate(self, items: list[Item]) -> Item:
        """Return the arguments for a batch of items."""
        return {
            name: field.collate([item[name] for item in items])
            for name, field in self.inputs.items()
        }

    def single(self, item: Item) -> Item:
        """Return the arguments for one item alone."""
        return {name: field.single(item[name]) for name, field in self.inputs.items()}

    def groups(self, items: list[Item]) -> list[list[int]]:
        """Return the positions of items that can be collated, together."""
        if not self._ragged or len(items) == 1:
            return [list(range(len(items)))]
        found: dict[Hashable, list[int]] = {}
        for position, item in enumerate(items):
            key = tuple(self.inputs[name].shape_of(item[name]) for name in self._ragged)
            found.setdefault(key, []).append(position)
        return list(found.values())

    def encode(self, result: Any, count: int) -> list[Any]:
        """Return ``count`` answers from what predict returned for a batch.

        An exception in a list of results is the answer to its own request.

        Raises:
            WrongResult: It is not what the outputs declare.
        """
        answers: list[Any] = [{} for _ in range(count)]
        for name, value in self._named(result).items():
            field = self.outputs[name]
            for position, each in enumerate(_parts(field, value, count)):
                if isinstance(each, BaseException):
                    answers[position] = each
                elif isinstance(answers[position], dict):
                    answers[position][name] = field.encode(each)
        return answers

    def encode_single(self, result: Any) -> Item:
        """Return the answer from one item that a generator gave."""
        return {
            name: self.outputs[name].encode(self.outputs[name].split(_batch(value), 1)[0])
            for name, value in self._named(result).items()
        }

    def _named(self, result: Any) -> Mapping[str, Any]:
        if self.result is not None:
            return {self.result: result}
        if not isinstance(result, Mapping) or result.keys() != self.outputs.keys():
            got = sorted(map(str, result)) if isinstance(result, Mapping) else type(result).__name__
            raise WrongResult(f"predict must return a dict of {sorted(self.outputs)}, not {got}")
        return result

    def example(self) -> Item | None:
        """Return a body that the fields know to be valid, or None."""
        body = {name: field.example() for name, field in self.inputs.items()}
        return None if any(value is None for value in body.values()) else body

    def example_from(self, given: Any) -> Item:
        """Return a user's example, a body or the value of the only input, as JSON would hold it.

        Raises:
            ValueError: The fields do not take it.
        """
        whole = isinstance(given, Mapping) and given.keys() == self.inputs.keys()
        if not whole and len(self.inputs) > 1:
            raise ValueError(f"the example must be a dict of {sorted(self.inputs)}")
        body = given if whole else {next(iter(self.inputs)): given}
        try:
            made = {name: self.inputs[name].to_json(value) for name, value in body.items()}
            self.decode(self.read_json(msgspec.json.encode(made)), Limits())
        except ServeError as error:
            where = f" at {error.param}" if error.param else ""
            raise ValueError(f"the example does not fit the inputs{where}: {error}") from None
        except (TypeError, WrongResult) as error:
            raise ValueError(f"the example cannot be sent as JSON: {error}") from None
        return made


def _parts(field: Field, value: Any, count: int) -> list[Any]:
    """The parts of a batch; exceptions stay where they are."""
    if not isinstance(value, list) or not any(isinstance(v, BaseException) for v in value):
        return field.split(value, count)
    good = [each for each in as_list(value, count) if not isinstance(each, BaseException)]
    parts = iter(field.split(good, len(good)))
    return [each if isinstance(each, BaseException) else next(parts) for each in value]


def _batch(value: Any) -> Any:
    """A batch of one: tensors with one dimension more, anything else as a list."""
    return value.unsqueeze(0) if hasattr(value, "unsqueeze") else [value]


def fields_of(given: Any, name: str) -> dict[str, Field]:
    """Return fields by name from a field, a class of fields, or a dict of those."""
    if given is None:
        raise ValueError(f"{name}= is missing: say what it is, such as {name}=Tensor((64,))")
    named = dict(given) if isinstance(given, Mapping) else {name: given}
    if not named:
        raise ValueError(f"{name}= holds no field")
    return {key: _field(key, field, name) for key, field in named.items()}


def _field(name: str, given: Any, side: str) -> Field:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"{side}: {name!r} is no name that a keyword argument can have")
    if name.startswith("_"):
        raise ValueError(f"{side}: the name {name!r} starts with an underscore")
    try:
        field = given() if isinstance(given, type) and issubclass(given, Field) else given
    except TypeError as error:
        raise ValueError(f"{side}: {given.__name__} needs arguments: {error}") from None
    if not isinstance(field, Field):
        raise ValueError(f"{side}: {name!r} must be a field such as Text(), not {given!r}")
    if not (field.is_input if side == "input" else field.is_output):
        raise ValueError(f"{type(field).__name__} can be no {side}")
    return field


__all__ = ["Item", "Signature", "fields_of"]

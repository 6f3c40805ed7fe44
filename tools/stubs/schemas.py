"""Schemas of the registry as Python signatures."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

# How a parameter of a schema type is annotated. Builtins have other names here, since flambeau.int,
# Tensor.float() and the like stand in their place where the annotations are read.
TYPES = {
    "Tensor": "Tensor",
    "Tensor|Number": "Tensor | _Number",
    "Number|Tensor": "Tensor | _Number",
    "Tensor[]": "Sequence[Tensor]",
    "Tensor?[]": "Sequence[Tensor | None]",
    "int": "_int",
    "int[]": "Sequence[_int]",
    "int[n]": "_int | Sequence[_int]",
    "float": "_float",
    "float[]": "Sequence[_float]",
    "bool": "_bool",
    "Scalar": "_Number | Tensor",
    "ScalarType": "_Dtype",
    "Device": "_Device",
    "MemoryFormat": "_Format",
    "str": "str",
    "Generator": "_Generator",
}
RETURNS = {
    "Tensor": "Tensor",
    "Tensor[]": "tuple[Tensor, ...]",
    "int": "_int",
    "float": "_float",
    "bool": "_bool",
    "Scalar": "_int | _float | _bool | complex",
    "()": "None",
}
KEYWORDS = {"from": "from_", "lambda": "lambda_", "is": "is_", "in": "in_"}
LITERAL = re.compile(r"None|True|False|-?[\d.]+(e[-+]?\d+)?|'[^']*'")


@dataclass
class Parameter:
    """One parameter: its Python name, annotation and default ("" if it has none)."""

    name: str
    schema_type: str
    default: str
    keyword_only: bool

    @property
    def annotation(self) -> str:
        plain = self.schema_type.removesuffix("?")
        annotation = TYPES[re.sub(r"\[\d+\]", "[n]", plain)]
        optional = self.schema_type.endswith("?") or self.default == "None"
        return f"{annotation} | None" if optional else annotation

    def __str__(self) -> str:
        default = self.default if LITERAL.fullmatch(self.default) else self.default and "..."
        return f"{self.name}: {self.annotation}" + (f" = {default}" if default else "")


@dataclass
class Schema:
    """A schema taken apart."""

    full_name: str
    parameters: list[Parameter]
    returns: str
    result_names: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.full_name.split(".")[0]

    @property
    def writes_first(self) -> bool:
        return self.name.endswith("_")


def split_arguments(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [part for part in [*parts, text[start:].strip()] if part]


def parse(schema: str) -> Schema:
    match = re.fullmatch(r"([\w.]+)\((.*)\)\s*->\s*(.+)", schema)
    if not match:
        raise ValueError(f"not a schema: {schema}")
    full_name, arguments, result = match.groups()
    parameters, keyword_only = [], False
    for piece in split_arguments(arguments):
        if piece == "*":
            keyword_only = True
            continue
        declared, _, default = piece.partition("=")
        schema_type, name = declared.rsplit(" ", 1)
        schema_type = re.sub(r"\(\w+!?\)", "", schema_type)
        name = KEYWORDS.get(name, name)
        parameters.append(Parameter(name, schema_type, default, keyword_only))
    result = re.sub(r"\(\w+!?\)", "", result)
    if result in RETURNS:
        return Schema(full_name, parameters, RETURNS[result])
    parts = [part.split(" ") for part in split_arguments(result.strip("()"))]
    names = [part[1] for part in parts if len(part) == 2]
    if names:
        return Schema(full_name, parameters, result_class(names), names)
    return Schema(full_name, parameters, f"tuple[{', '.join(RETURNS[p[0]] for p in parts)}]")


def result_class(names: list[str]) -> str:
    """The name of the stub's class for named results."""
    return "_" + "".join(part.title() for name in names for part in name.split("_"))


def is_factory(schema: Schema) -> bool:
    return {"dtype", "device"} <= {parameter.name for parameter in schema.parameters}


def extra_keywords(schema: Schema, inplace: bool) -> list[str]:
    """Keywords that calls take without their being in the schema."""
    extra = []
    if not inplace and not schema.writes_first:
        if schema.result_names:
            extra.append("out: Sequence[Tensor] | None = None")
        elif schema.returns == "Tensor":
            extra.append("out: Tensor | None = None")
    if is_factory(schema):
        extra += [
            "requires_grad: _bool = False",
            "layout: layout | None = None",
            "pin_memory: _bool | None = None",
        ]
    taken = {parameter.name for parameter in schema.parameters}
    return [text for text in extra if text.split(":")[0] not in taken]


def signatures(schema: Schema, dotted: str) -> list[str]:
    """``name(parameters) -> result`` for a dotted name; two where a list may be spelled out."""
    name = dotted.rsplit(".", 1)[-1]
    method = dotted.startswith("Tensor.")
    inplace = name.endswith("_") and not name.endswith("__")
    parameters = schema.parameters[1:] if method else schema.parameters
    positional = [parameter for parameter in parameters if not parameter.keyword_only]
    keywords = [str(parameter) for parameter in parameters if parameter.keyword_only]
    keywords += extra_keywords(schema, inplace)
    returns = "Tensor" if inplace and schema.returns != "None" else schema.returns
    fronts = [as_python(positional)]
    if positional and positional[-1].schema_type in ("int[]", "Tensor[]"):
        spelled = positional[-1]
        element = "_int" if spelled.schema_type == "int[]" else "Tensor"
        fronts.append([*as_python(positional[:-1]), f"*{spelled.name}: {element}"])
    result = []
    for front in fronts:
        star = ["*"] if keywords and not (front and front[-1].startswith("*")) else []
        pieces = [*(["self"] if method else []), *front, *star, *keywords]
        result.append(f"{name}({', '.join(pieces)}) -> {returns}")
    return result


def as_python(parameters: list[Parameter]) -> list[str]:
    """Positional parameters; Python wants those with defaults last."""
    texts = []
    required = True
    for parameter in reversed(parameters):
        required = required and bool(parameter.default)
        text = str(parameter)
        texts.insert(0, text if required or not parameter.default else text.split(" = ")[0])
    return texts


def by_name(registry: list[dict[str, Any]]) -> dict[str, list[tuple[Schema, dict[str, Any]]]]:
    """Overloads of each dotted name, in the order in which calls try them."""
    found: dict[str, list[tuple[Schema, dict[str, Any]]]] = {}
    for record in registry:
        schema = parse(record["schema"])
        for dotted in record["names"]:
            found.setdefault(dotted, []).append((schema, record))
    return dict(sorted(found.items()))

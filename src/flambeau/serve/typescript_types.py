"""TypeScript's types for JSON schemas, and its spelling of names, texts and comments.

Everything here may come from a server that is not trusted: no name, text or comment can end the
literal or comment that it stands in.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_KEYWORDS = frozenset(
    word
    for line in (
        "any arguments as async await bigint boolean break case catch class const continue",
        "debugger declare default delete do else enum eval export extends false finally for",
        "function if implements import in infer instanceof interface is keyof let module",
        "namespace never new null number object package private protected public readonly",
        "return static string super switch symbol this throw true try type typeof undefined",
        "unique unknown var void while with yield Client Float32Array Float64Array Int8Array",
        "Int16Array Int32Array BigInt64Array",
    )
    for word in line.split()
)
_DEEPEST = 60
_LONGEST_TUPLE = 16


def quote(text: str) -> str:
    """Return a string literal; what does not print, or turns the direction of text, is escaped."""
    literal = json.dumps(text, ensure_ascii=False)
    return "".join(c if c == " " or c.isprintable() else _escape(c) for c in literal)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def comment(text: str) -> list[str]:
    """Return the lines of a documentation comment, none for an empty text."""
    lines = [
        "".join(c if c.isprintable() else " " for c in line).replace("*/", "*\\/").rstrip()
        for line in text.strip().splitlines()
    ]
    if len(lines) <= 1:
        return [f"/** {line} */" for line in lines if line]
    return ["/**", *(f" * {line}".rstrip() for line in lines), " */"]


def key(name: str) -> str:
    """Return ``name`` as the key of an object or of an object's type."""
    if name == "__proto__":  # as any other spelling sets the prototype
        return '["__proto__"]'
    return name if _IDENTIFIER.fullmatch(name) else quote(name)


class Names:
    """Chooses names of types that nothing else in a file has, which contains ``text``."""

    def __init__(self, text: str) -> None:
        self._taken = {*_IDENTIFIER.findall(text), *_KEYWORDS}

    def choose(self, stem: str, ending: str = "") -> str:
        """Return a free name that recalls ``stem``: ``my-model 2`` becomes ``MyModel2``."""
        words = re.findall(r"[A-Za-z0-9]+", stem)
        plain = "".join(word[0].upper() + word[1:] for word in words) or "Value"
        plain = plain[:80] if not plain[0].isdigit() else f"Model{plain[:80]}"
        name, number = plain + ending, 1
        while name in self._taken:
            number += 1
            name = f"{plain}{number}{ending}"
        self._taken.add(name)
        return name


class Types:
    """Turns JSON schemas into types; what is referred to becomes a type with a name.

    Args:
        document: what references of ``#/components`` point into.
        names: chooses the names.
    """

    def __init__(self, document: Mapping[str, Any], names: Names) -> None:
        self.names = names
        self._document = document
        self._named: dict[int, str] = {}  # by the identity of the schema referred to
        self._pending: list[tuple[str, Any, Any]] = []

    def of(self, schema: Any) -> str:
        """Return the type of values of ``schema``, whose ``$defs`` are its own."""
        return self._of(schema, schema, 0)

    def properties(self, path: Sequence[str]) -> Mapping[str, Any]:
        """Return the properties of the object schema at ``path`` of the document, if it is one."""
        node: Any = self._document
        for step in path:
            node = node.get(step) if isinstance(node, Mapping) else None
        if isinstance(node, Mapping) and "$ref" in node:
            node = self._resolve(node["$ref"], node)
        found = node.get("properties") if isinstance(node, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def definitions(self) -> Iterator[str]:
        """Yield the lines of the types with names that were used so far."""
        while self._pending:
            name, schema, root = self._pending.pop(0)
            if isinstance(schema, Mapping):
                yield from comment(str(schema.get("description") or ""))
            yield f"export type {name} = {self._of(schema, root, 0, defining=schema)};"
            yield ""

    def _of(self, schema: Any, root: Any, depth: int, defining: Any = None) -> str:
        if depth > _DEEPEST:
            raise ValueError(f"a JSON schema is nested deeper than {_DEEPEST} levels")
        if schema is False:
            return "never"
        if not isinstance(schema, Mapping):
            return "unknown"
        if "$ref" in schema:
            return self._reference(schema["$ref"], root, defining)
        if "const" in schema:
            return _literal(schema["const"])
        if isinstance(schema.get("enum"), list):
            return _union(map(_literal, schema["enum"]))
        for word, sign in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
            options = schema.get(word)
            if isinstance(options, list) and options:
                parts = [self._of(each, root, depth + 1, defining) for each in options]
                return parts[0] if len(parts) == 1 else f"({sign.join(dict.fromkeys(parts))})"
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return _union(self._of({**schema, "type": each}, root, depth + 1) for each in kinds)
        text = self._simple(kinds, schema, root, depth)
        return f"({text} | null)" if schema.get("nullable") is True else text

    def _simple(self, kind: Any, schema: Mapping[str, Any], root: Any, depth: int) -> str:
        match kind:
            case "string":
                return "string"
            case "number" | "integer":
                return "number"
            case "boolean":
                return "boolean"
            case "null":
                return "null"
            case "array":
                return self._array(schema, root, depth)
            case "object":
                return self._object(schema, root, depth)
        return self._object(schema, root, depth) if "properties" in schema else "unknown"

    def _array(self, schema: Mapping[str, Any], root: Any, depth: int) -> str:
        rest = schema.get("items", True)
        prefix = schema.get("prefixItems")
        if isinstance(prefix, list):
            parts = [self._of(each, root, depth + 1) for each in prefix]
            full = schema.get("maxItems") == len(parts) or rest is False
            parts += [] if full else [f"...({self._of(rest, root, depth + 1)})[]"]
            return f"[{', '.join(parts)}]"
        item = self._of(rest, root, depth + 1)
        size = schema.get("minItems")
        if isinstance(size, int) and size == schema.get("maxItems") and 0 < size <= _LONGEST_TUPLE:
            return f"[{', '.join([item] * size)}]"
        return f"{item}[]"

    def _object(self, schema: Mapping[str, Any], root: Any, depth: int) -> str:
        properties = schema.get("properties")
        others = schema.get("additionalProperties")
        rest = self._of(others, root, depth + 1) if isinstance(others, Mapping) else "unknown"
        if not isinstance(properties, Mapping) or not properties:
            return "{ [key: string]: never }" if others is False else f"{{ [key: string]: {rest} }}"
        required = schema.get("required")
        needed = set(required) if isinstance(required, list) else set()
        parts = [
            f"{key(str(name))}{'' if name in needed else '?'}: {self._of(each, root, depth + 1)}"
            for name, each in properties.items()
        ]
        parts += ["[key: string]: unknown"] if others is True or isinstance(others, Mapping) else []
        return f"{{ {'; '.join(parts)} }}"

    def _reference(self, reference: Any, root: Any, defining: Any) -> str:
        target = self._resolve(reference, root)
        if target is None:
            return "unknown"
        if defining is not None and self._leads_to(target, defining, root):
            return "unknown"  # a type that is nothing but itself
        if id(target) not in self._named:
            name = self.names.choose(str(reference).rsplit("/", 1)[-1])
            self._named[id(target)] = name
            self._pending.append((name, target, root))
        return self._named[id(target)]

    def _resolve(self, reference: Any, root: Any) -> Mapping[str, Any] | None:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return None
        steps = [step.replace("~1", "/").replace("~0", "~") for step in reference[2:].split("/")]
        for start in (root, self._document):
            node: Any = start
            for step in steps:
                node = node.get(step) if isinstance(node, Mapping) else None
            if isinstance(node, Mapping):
                return node
        return None

    def _leads_to(self, start: Any, goal: Any, root: Any) -> bool:
        """Whether ``start`` refers to ``goal`` with no object or array in between."""
        seen: set[int] = set()
        waiting = [start]
        while waiting:
            schema = waiting.pop()
            if schema is goal:
                return True
            if not isinstance(schema, Mapping) or id(schema) in seen:
                continue
            seen.add(id(schema))
            waiting.append(self._resolve(schema.get("$ref"), root))
            for word in ("anyOf", "oneOf", "allOf"):
                options = schema.get(word)
                waiting.extend(options if isinstance(options, list) else [])
        return False


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "number"
    return json.dumps(value) if value is None or isinstance(value, int) else "unknown"


def _union(parts: Iterator[str] | map[str]) -> str:
    unique = list(dict.fromkeys(parts))
    if not unique:
        return "never"
    return unique[0] if len(unique) == 1 else f"({' | '.join(unique)})"

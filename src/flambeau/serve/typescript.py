"""Write a typed TypeScript client, in one file without dependencies, from a server's OpenAPI.

What every client shares stands in ``web/client/src`` and is copied as it is; only the types and the
functions of the server at hand are written here. The same OpenAPI always gives the same text.
"""

from __future__ import annotations

import math
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from flambeau.serve.typescript_types import Names, Types, comment, key, quote

# Each imports only from those before it.
RUNTIME = ("errors", "events", "transport", "pictures", "inputs", "text", "models")
HOOKS = ("state", "usePredict", "useChat", "useCompletion")
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_NAMED = re.compile(r'^import (?:type )?{([^}]*)} from "(react|\.\./text)";\n', re.MULTILINE)
_TYPED_ARRAYS = {
    "float32": "Float32Array",
    "float64": "Float64Array",
    "int8": "Int8Array",
    "int16": "Int16Array",
    "int32": "Int32Array",
    "int64": "BigInt64Array",
    "uint8": "Uint8Array",
}
# Bounds from here on are the type's own; a little less than the largest number of each.
_LARGEST = {
    "float16": 65504.0,
    "bfloat16": 3.38e38,
    "float32": 3.4e38,
    "float64": 1.79e308,
    "int8": 127,
    "int16": 2**15 - 1,
    "int32": 2**31 - 1,
    "int64": 2.0**62,
    "uint8": 255,
}
# What the generated class has for each ability of a text model, and the function that makes it.
_ABILITIES = (
    ("chat", "chat", "ChatFunction", "chatWith", "Continue a conversation."),
    ("completion", "complete", "CompletionFunction", "completionWith", "Continue a text."),
    ("embedding", "embed", "EmbeddingFunction", "embeddingWith", "Turn texts into vectors."),
)


class _Field(msgspec.Struct, frozen=True):
    kind: Literal["tensor", "image", "text", "json", "labels", "file"]
    shape: Annotated[list[int | None], msgspec.Meta(max_length=64)] | None = None
    dtype: str | None = None
    min: float | None = None
    max: float | None = None
    mode: str | None = None
    size: tuple[int, int] | None = None
    min_length: int | None = None
    max_length: int | None = None
    classes: list[str] | None = None
    schema: Any = True
    media_types: list[str] | None = None
    max_bytes: int | None = None


class _Model(msgspec.Struct, frozen=True):
    name: str
    version: str
    inputs: dict[str, _Field]
    outputs: dict[str, _Field]
    stream: bool = False
    description: str | None = None


class _TextModel(msgspec.Struct, frozen=True):
    id: str
    chat: bool = False
    completion: bool = False
    embedding: bool = False


class _Served(msgspec.Struct, frozen=True):
    models: list[_Model] = []
    text: list[_TextModel] = []


def typescript_client(openapi: Mapping[str, Any]) -> str:
    """Return the text of a TypeScript client.

    Args:
        openapi: the server's ``openapi.json``, parsed.

    Raises:
        ValueError: ``openapi`` is not that of a flambeau server, or is damaged.

    >>> text = typescript_client({"info": {"title": "empty"}, "x-flambeau": {}})
    >>> "export class Client" in text
    True
    """
    if not isinstance(openapi, Mapping) or "x-flambeau" not in openapi:
        raise ValueError("this is not the OpenAPI of a flambeau server: it has no x-flambeau")
    try:
        served = msgspec.convert(openapi["x-flambeau"], _Served)
    except msgspec.ValidationError as error:
        raise ValueError(f"x-flambeau of the OpenAPI is damaged: {error}") from None
    info = openapi.get("info")
    title = info.get("title") if isinstance(info, Mapping) else None
    shared = runtime()
    writer = _Writer(Types(openapi, Names(shared)))
    own = "\n".join(writer.client(served))
    return f"{_heading(title)}\n{own}\n{shared}"


def runtime() -> str:
    """Return what all clients share, as one text."""
    folder = runtime_folder()
    texts = [(folder / f"{name}.ts").read_text(encoding="utf-8") for name in RUNTIME]
    return _joined(texts)


def _joined(texts: list[str]) -> str:
    return "\n".join(_IMPORT.sub("", text).strip("\n") + "\n" for text in texts)


def react_hooks(client: str) -> str:
    """Return the text of a file with React hooks, which needs React and nothing else.

    Args:
        client: the module of the client beside it, such as ``./flambeau``.
    """
    texts = [
        (runtime_folder() / "react" / f"{name}.ts").read_text(encoding="utf-8") for name in HOOKS
    ]
    names: dict[str, set[str]] = {"react": set(), "../text": set()}
    for listed, module in (found for text in texts for found in _NAMED.findall(text)):
        names[module].update(name for part in listed.split(",") if (name := part.strip()))
    lines = [
        "// React hooks for a client of flambeau, written by `flambeau client --react`.",
        "/* eslint-disable */",
        "",
        f"import {{ {', '.join(sorted(names['react']))} }} from {quote('react')};",
        f"import type {{ {', '.join(sorted(names['../text']))} }} from {quote(client)};",
        "",
    ]
    return "\n".join(lines) + "\n" + _joined(texts)


def runtime_folder() -> Path:
    """Return where the shared part lies: in the installed package, or in the source tree."""
    installed = Path(__file__).with_name("client")
    return installed if installed.is_dir() else Path(__file__).parents[3] / "web/client/src"


def _heading(title: object) -> str:
    name = quote(title) if isinstance(title, str) else "a server"
    return (
        f"// Client of {name}, written by `flambeau client` from its OpenAPI.\n"
        "// Do not edit: write it again when the server changes, and check it with --check.\n"
        "/* eslint-disable */\n"
    )


class _Writer:
    def __init__(self, types: Types) -> None:
        self.types = types
        self.chosen: dict[tuple[int, str], str] = {}

    def client(self, served: _Served) -> Iterator[str]:
        groups: dict[str, list[_Model]] = {}
        for model in served.models:
            groups.setdefault(model.name, []).append(model)
        fields: list[str] = []  # lines of the class
        makers: list[str] = []  # lines of its constructor
        declared: list[str] = []
        if groups:
            lines: list[str] = []
            values: list[str] = []
            for versions in groups.values():
                yield from self._types(versions)
                lines.extend(self._declare(versions))
                values.extend(self._make(versions))
            declared = ["readonly models: {", *_indent(lines), "};"]
            makers = ["this.models = {", *_indent(values), "};"]
            first = served.models[0]
            method = _method(first)
            fields.extend(comment(f"Ask `{first.name}`, the server's first model."))
            fields.append(f"readonly {method}: {self._function(first)};")
            makers.append(f"this.{method} = {_maker(first, '/predict')};")
        for ability, name, type_, maker, text in _ABILITIES:
            ids = [model.id for model in served.text if getattr(model, ability)]
            if ids:
                union = " | ".join(map(quote, ids))
                fields.extend(comment(text))
                fields.append(f"readonly {name}: {type_}<{union}>;")
                makers.append(f"this.{name} = {maker}<{union}>(transport, {quote(ids[0])});")
        yield from self.types.definitions()
        yield "/** Asks the server; `new Client({ baseUrl, apiKey })`. */"
        yield "export class Client {"
        yield "  /** Sends the requests: for routes that this client does not know. */"
        yield "  readonly transport: Transport;"
        yield from _indent([*fields, *declared])
        yield ""
        yield "  constructor(options: ClientOptions = {}) {"
        yield "    const transport = new Transport(options);"
        yield "    this.transport = transport;"
        yield from _indent(_indent(makers))
        yield "  }"
        yield "}"

    def _types(self, versions: list[_Model]) -> Iterator[str]:
        main = versions[0]
        for model in versions:
            stem = model.name if model is main else f"{model.name} v{model.version}"
            for part, fields, incoming in (
                ("Input", model.inputs, True),
                ("Output", model.outputs, False),
            ):
                name = self.types.names.choose(stem, part)
                self.chosen[id(model), part] = name
                verb = "takes" if incoming else "answers"
                which = "" if model is main else f", version {model.version}"
                yield from comment(f"What `{model.name}`{which} {verb}.")
                yield f"export interface {name} {{"
                schemas = self.types.properties(_schema_path(model, incoming))
                for each, field in fields.items():
                    type_ = self._field(field, schemas.get(each, field.schema), incoming)
                    yield from _indent(comment(_describe(field)))
                    yield f"  {key(each)}: {type_};"
                yield "}"
                yield ""

    def _function(self, model: _Model) -> str:
        form = "Stream" if model.stream else "Predict"
        names = (self.chosen[id(model), part] for part in ("Input", "Output"))
        return f"{form}<{', '.join(names)}>"

    def _declare(self, versions: list[_Model]) -> Iterator[str]:
        main = versions[0]
        yield from comment(main.description or "")
        yield f"readonly {key(main.name)}: {{"
        yield f"  readonly {_method(main)}: {self._function(main)};"
        yield "  readonly versions: {"
        for model in versions:
            function = f"readonly {_method(model)}: {self._function(model)}"
            yield f"    readonly {key(model.version)}: {{ {function} }};"
        yield "  };"
        yield "};"

    def _make(self, versions: list[_Model]) -> Iterator[str]:
        main = versions[0]
        yield f"{key(main.name)}: {{"
        yield f"  {_method(main)}: {_maker(main, _path(main))},"
        yield "  versions: {"
        for model in versions:
            maker = _maker(model, _path(model, model.version))
            yield f"    {key(model.version)}: {{ {_method(model)}: {maker} }},"
        yield "  },"
        yield "},"

    def _field(self, field: _Field, schema: Any, incoming: bool) -> str:
        match field.kind:
            case "tensor":
                nested = _nested(field, incoming)
                array = _TYPED_ARRAYS.get(field.dtype or "")
                # With several free sizes bytes do not tell the shape.
                as_bytes = incoming and field.shape and field.shape.count(None) <= 1
                return f"{nested} | {array}" if array and as_bytes else nested
            case "image":
                return "ImageInput" if incoming else "string"
            case "file":
                return "FileInput" if incoming else "string"
            case "text":
                return "string"
            case "labels":
                label = " | ".join(dict.fromkeys(map(quote, field.classes or []))) or "string"
                return f"{{ label: {label}; score: number }}[]"
            case "json":
                return self.types.of(schema)


def _path(model: _Model, version: str | None = None) -> str:
    """Return the route of a model, or of one version of it."""
    parts = [model.name] if version is None else [model.name, "versions", version]
    return "/".join(["/models", *(urllib.parse.quote(part, safe="") for part in parts), "predict"])


def _schema_path(model: _Model, incoming: bool) -> list[str]:
    """Return where the OpenAPI has the schema of a model's request or answer."""
    media, word = "application/json", "schema"
    if model.stream and not incoming:
        media, word = "text/event-stream", "x-item"
    part = ["requestBody"] if incoming else ["responses", "200"]
    return ["paths", _path(model, model.version), "post", *part, "content", media, word]


def _method(model: _Model) -> str:
    return "stream" if model.stream else "predict"


def _maker(model: _Model, path: str) -> str:
    kinds = (f"{key(name)}: {quote(field.kind)}" for name, field in model.inputs.items())
    return f"{_method(model)}With(transport, {quote(path)}, {{ {', '.join(kinds)} }})"


def _nested(field: _Field, incoming: bool) -> str:
    """Return nested arrays: a dimension of few entries is a tuple, a longer one an array."""
    text = "boolean" if field.dtype == "bool" else "number"
    readonly = "readonly " if incoming else ""
    for size in reversed(field.shape or []):
        if size is not None and 0 <= size * (len(text) + 2) <= 80:
            text = f"{readonly}[{', '.join([text] * size)}]"
        else:
            inner = f"({text})" if text.startswith("readonly") else text
            text = f"{readonly}{inner}[]"
    return text


def _describe(field: _Field) -> str:
    """Say in words what a field takes beyond its type."""
    words: list[str] = []
    match field.kind:
        case "tensor":
            shape = ", ".join("any" if n is None else str(n) for n in field.shape or [])
            words.append(f"{field.dtype or 'tensor'} ({shape})")
            words += _bounds(field)
        case "image":
            words.append(f"picture, mode {field.mode}" if field.mode else "picture")
            words += [f"{field.size[0]} x {field.size[1]} (height x width)"] if field.size else []
        case "text":
            words.append("text")
            words += [f"at least {field.min_length} characters"] if field.min_length else []
            words += [f"at most {field.max_length} characters"] if field.max_length else []
        case "labels":
            words.append("likeliest first")
        case "file":
            words += ["file", *(field.media_types or [])]
            words += [f"at most {field.max_bytes} bytes"] if field.max_bytes else []
        case "json":
            pass
    return ", ".join(words)


def _bounds(field: _Field) -> list[str]:
    """Say the bounds of numbers where they are others than the type's own."""
    dtype, words = field.dtype or "", []
    largest = _LARGEST.get(dtype, math.inf)
    least = 0.0 if dtype.startswith("u") else -largest
    if field.min is not None and field.min > least:
        words.append(f"from {field.min:g}")
    if field.max is not None and field.max < largest:
        words.append(f"to {field.max:g}")
    return words


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" if line else line for line in lines]

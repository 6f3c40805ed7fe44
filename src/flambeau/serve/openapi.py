"""What the server says of itself: OpenAPI 3.1 with ``x-flambeau`` for pages and clients."""

from __future__ import annotations

import re
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any

from flambeau.serve import errors
from flambeau.serve.endpoint import paths, raw_input
from flambeau.serve.fields import Field
from flambeau.serve.guard import OPEN
from flambeau.serve.models import Model
from flambeau.serve.signin import COOKIE

if TYPE_CHECKING:
    from fastapi import FastAPI

    from flambeau.serve.app import Server

Schema = dict[str, Any]

ERRORS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ServeError)
]
_NULLABLE = {"type": ["string", "null"]}
ERROR: Schema = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": _NULLABLE,
                "code": _NULLABLE,
                "request_id": _NULLABLE,
            },
            "required": ["message", "type", "param", "code", "request_id"],
            "additionalProperties": False,
        }
    },
    "required": ["error"],
    "additionalProperties": False,
}


_FIELDS: Schema = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "properties": {"kind": {"type": "string"}},
        "required": ["kind"],
    },
}
_DESCRIBED: Schema = {
    "name": {"type": "string"},
    "version": {"type": "string"},
    "path": {"type": "string"},
    "default": {"type": "boolean"},
    "stream": {"type": "boolean"},
    "description": {"type": "string"},
    "inputs": _FIELDS,
    "outputs": _FIELDS,
    "example": {"type": ["object", "null"]},
    "state": {"type": "string", "enum": ["loading", "ready"]},
}
DESCRIBED: Schema = {
    "type": "object",
    "properties": _DESCRIBED,
    "required": list(_DESCRIBED),
    "additionalProperties": False,
}


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def error_responses(*statuses: int) -> Schema:
    """The responses that say what went wrong, by status; all there are by default.

    A route declares those that it can give; what refuses requests before they reach a route can
    give 401, 403, 408, 413, 429 and 503 anywhere.
    """
    made = {}
    for kind in sorted(ERRORS, key=lambda kind: kind.status):
        if not statuses or kind.status in statuses:
            made[str(kind.status)] = {
                "description": (kind.__doc__ or HTTPStatus(kind.status).phrase).splitlines()[0],
                "content": {"application/json": {"schema": reference("Error")}},
            }
    return made


def event_schema() -> Schema:
    """What one server-sent event is."""
    return {
        "type": "object",
        "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
        "required": ["data"],
    }


EVERYWHERE = (400, 401, 403, 408, 413, 415, 429, 500, 503, 504)


class Components:
    """The schemas that others refer to."""

    def __init__(self) -> None:
        self.schemas: Schema = {"Error": ERROR}

    def add(self, name: str, schema: Schema) -> Schema:
        """Keep a schema and return the reference to it; a name that is taken gets a number."""
        wanted = name = _safe(name)
        for number in count(2):
            if self.schemas.get(name, schema) == schema:
                break
            name = f"{wanted}{number}"
        self.schemas[name] = schema
        return reference(name)

    def lift(self, schema: Schema) -> Schema:
        """Return a schema whose own definitions have moved here."""
        definitions = schema.get("$defs", {})
        for number in count(1):
            ending = "" if number == 1 else str(number)
            names = {name: reference(f"{_safe(name)}{ending}")["$ref"] for name in definitions}
            moved = {
                names[name].rpartition("/")[2]: _renamed(definition, names)
                for name, definition in definitions.items()
            }
            # Names are shared only by what is the same.
            if all(self.schemas.get(name, made) == made for name, made in moved.items()):
                break
        self.schemas.update(moved)
        plain = {key: value for key, value in schema.items() if key != "$defs"}
        made: Schema = _renamed(plain, names)
        return made


def _safe(name: str) -> str:
    """A name as components may have it."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    made = {key: _renamed(each, names) for key, each in value.items()}
    target = value.get("$ref")
    if isinstance(target, str):
        made["$ref"] = names.get(target.removeprefix("#/$defs/"), target)
    return made


def _object(fields: dict[str, Field], components: Components, output: bool) -> Schema:
    properties = {
        name: components.lift(field.schema(output=output)) for name, field in fields.items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _bytes_schema(field: Field) -> Schema:
    """What ``decode_bytes`` takes."""
    return field.schema() if field.kind == "text" else {"type": "string", "format": "binary"}


def _form(model: Model) -> Schema:
    """The same inputs as parts of a form."""
    properties: Schema = {}
    encoding: Schema = {}
    for name, field in model.signature.inputs.items():
        properties[name] = _bytes_schema(field)
        encoding[name] = {"contentType": ", ".join(field.media_types)}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"schema": schema, "encoding": encoding}


def _body(model: Model, schema: Schema) -> Schema:
    content: Schema = {"application/json": {"schema": schema}}
    if model.example is not None:
        content["application/json"]["example"] = model.example
    content["multipart/form-data"] = _form(model)
    name, media_types = raw_input(model) or ("", ())
    for media_type in media_types:
        content[media_type] = {"schema": _bytes_schema(model.signature.inputs[name])}
    return {"required": True, "content": content}


def _answer(model: Model, schema: Schema) -> Schema:
    if model.stream:
        return {
            "description": "An event for each result, then `event: done` or `event: error`.",
            "content": {"text/event-stream": {"schema": event_schema(), "x-item": schema}},
        }
    timing = {"description": "Time in the queue and in the model, and the batch's size."}
    return {
        "description": "What the model found.",
        "headers": {"server-timing": {**timing, "schema": {"type": "string"}}},
        "content": {"application/json": {"schema": schema}},
    }


def _operation(model: Model, operation_id: str, request: Schema, response: Schema) -> Schema:
    made: Schema = {
        "operationId": operation_id,
        "summary": f"Predict with {model.name}",
        "tags": ["models"],
        "requestBody": _body(model, request),
        "responses": {
            "200": _answer(model, response),
            **error_responses(*EVERYWHERE, 422),
        },
    }
    if model.description:
        made["description"] = model.description
    return made


class _Ids:
    """Operation ids, which must differ."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def make(self, *parts: str) -> str:
        wanted = made = re.sub(r"\W", "_", "_".join(parts), flags=re.ASCII)
        number = 1
        while made in self._taken:
            number += 1
            made = f"{wanted}_{number}"
        self._taken.add(made)
        return made


def model_paths(server: Server, components: Components) -> Schema:
    """The paths of all models."""
    found: Schema = {}
    ids = _Ids()
    for model in server.registry:
        title = model.id
        request = components.add(
            f"{title}.Request", _object(model.signature.inputs, components, False)
        )
        response = components.add(
            f"{title}.Response", _object(model.signature.outputs, components, True)
        )
        for path in paths(server, model):
            parts = ["predict"]
            if path != "/predict":
                parts.append(model.name)
            if "/versions/" in path:
                parts.append(model.version)
            found[path] = {"post": _operation(model, ids.make(*parts), request, response)}
    found.update(_listings(server, components, ids))
    return found


def _listings(server: Server, components: Components, ids: _Ids) -> Schema:
    if not len(server.registry):
        return {}
    listing = {
        "type": "object",
        "properties": {"models": {"type": "array", "minItems": 1, "items": DESCRIBED}},
        "required": ["models"],
        "additionalProperties": False,
    }
    schema = components.add("Models", listing)
    found = {"/models": {"get": _get(ids.make("list_models"), "List the models", schema)}}
    for name in server.registry.names():
        operation = _get(ids.make("describe", name), f"Describe {name}", schema)
        found[f"/models/{name}"] = {"get": operation}
    return found


def _get(operation_id: str, summary: str, schema: Schema) -> Schema:
    content = {"application/json": {"schema": schema}}
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["models"],
        "responses": {
            "200": {"description": summary + ".", "content": content},
            **error_responses(*EVERYWHERE),
        },
    }


def _describe(server: Server, model: Model) -> Schema:
    signature = model.signature
    return {
        "name": model.name,
        "version": model.version,
        "path": paths(server, model)[0],
        "default": next(iter(server.registry)) is model,
        "stream": model.stream,
        "description": model.description,
        "inputs": {n: {"kind": f.kind, **f.hints()} for n, f in signature.inputs.items()},
        "outputs": {n: {"kind": f.kind, **f.hints()} for n, f in signature.outputs.items()},
        "example": model.example,
    }


def describe_model(server: Server, name: str) -> Schema:
    """What ``GET /models/{name}`` answers."""
    versions = server.registry.versions(name)
    return {"models": [_describe(server, m) | {"state": server.state(m)} for m in versions]}


def describe_models(server: Server) -> Schema:
    """What ``GET /models`` answers."""
    return {"models": [_describe(server, m) | {"state": server.state(m)} for m in server.registry]}


def _secure(document: Schema) -> None:
    """Say how a key is given."""
    document["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE.decode()},
    }
    document["security"] = [{"bearer": []}, {"header": []}, {"session": []}]
    for path in OPEN & document["paths"].keys():
        for operation in document["paths"][path].values():
            operation["security"] = []


def install(app: FastAPI, server: Server) -> None:
    """Let ``app.openapi()`` tell of the models beside the routes that users add."""
    plain = app.openapi

    def openapi() -> Schema:
        document = plain()
        if "x-flambeau" in document:
            return document
        components = Components()
        components.schemas.update(document.get("components", {}).get("schemas", {}))
        document["paths"] = {**model_paths(server, components), **document.get("paths", {})}
        document.setdefault("components", {})["schemas"] = components.schemas
        document["x-flambeau"] = {
            "models": [_describe(server, model) for model in server.registry],
            "text": server.text_models,
        }
        if app.state.guard.keys.keys:
            _secure(document)
        for extend in server.extend_openapi:
            extend(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]

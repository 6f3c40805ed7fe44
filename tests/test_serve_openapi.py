"""What openapi.json says is what the server does."""

import json
import typing

import pytest

import flambeau as fb
from flambeau import nn

pytest.importorskip("fastapi")
pytest.importorskip("schemathesis")
import msgspec
import pydantic
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema_rs import Draft202012Validator
from starlette.testclient import TestClient

from flambeau.serve import File, Image, Json, Labels, Model, Tensor, Text, serve
from flambeau.serve.openapi import Components


class Tag(pydantic.BaseModel):
    value: int


class Point(pydantic.BaseModel):
    x: float
    name: str = pydantic.Field("p", max_length=3)
    tags: list[Tag] = []


class Pair(msgspec.Struct, forbid_unknown_fields=True):
    left: int
    right: list["Pair"]


def letters(text):
    yield from text[:3]


def same(values):
    return values


def labels(texts):
    return fb.randn(len(texts), 3)


def make_app():
    return serve(
        [
            Model(nn.Linear(4, 2), Tensor((4,)), Tensor((2,)), name="linear"),
            Model(same, Tensor((None, 2), min=-1, max=1), Tensor((None, 2)), name="free"),
            Model(same, Tensor((2, 2), fb.uint8), Tensor((2, 2), fb.uint8), name="bytes"),
            Model(same, Tensor((), fb.bool), Tensor((), fb.bool), name="bool"),
            Model(labels, Text(max_length=9), Labels(["a", "b", "c"], top=2), name="labels"),
            Model(same, Json[Point], Json[Point], name="point"),
            Model(same, Json[Pair], Json[Pair], name="pair"),
            Model(same, Json(), Json(), name="any"),
            Model(same, Image(size=(4, 4)), Image(), name="image"),
            Model(same, File(), File(), name="file"),
            Model(letters, Text(min_length=1), Text(), name="letters"),
            Model(
                lambda a, b: {"c": a, "d": b},
                {"a": Tensor((2,)), "b": Text()},
                {"c": Tensor((2,)), "d": Text()},
                name="two",
            ),
        ]
    )


APP = make_app()
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", APP).exclude(path_regex="/versions/")
CHECKS = [
    schemathesis.checks.not_a_server_error,
    *(
        getattr(schemathesis.specs.openapi.checks, name)
        for name in (
            "status_code_conformance",
            "content_type_conformance",
            "response_headers_conformance",
            "response_schema_conformance",
            "negative_data_rejection",
            "unsupported_method",
        )
    ),
]
REJECTION = schemathesis.specs.openapi.checks.negative_data_rejection


@SCHEMA.parametrize()
@settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_strangers_find_nothing_that_is_not_declared(case):
    # In a form a number is the text of its digits: there is no wrong type.
    excluded = [REJECTION] if case.media_type == "multipart/form-data" else []
    case.call_and_validate(checks=CHECKS, excluded_checks=excluded)


def document():
    return json.loads(json.dumps(APP.openapi()))


def test_operations_are_named_and_errors_declared():
    paths = document()["paths"]
    operations = [op for path in paths.values() for op in path.values()]
    ids = [op["operationId"] for op in operations]
    assert len(set(ids)) == len(ids)
    assert paths["/predict"]["post"]["operationId"] == "predict"
    assert paths["/models/linear/predict"]["post"]["operationId"] == "predict_linear"
    versioned = paths["/models/linear/versions/1/predict"]["post"]
    assert versioned["operationId"] == "predict_linear_1"
    for path, methods in paths.items():
        if path.endswith("predict"):
            responses = methods["post"]["responses"]
            expected = [
                str(n) for n in (200, 400, 401, 403, 408, 413, 415, 422, 429, 500, 503, 504)
            ]
            assert sorted(responses) == expected
            schemas = [
                responses[status]["content"]["application/json"]["schema"]
                for status in expected[1:]
            ]
            assert all(each == {"$ref": "#/components/schemas/Error"} for each in schemas)


def test_x_flambeau_tells_pages_and_clients_what_they_need():
    told = {model["name"]: model for model in document()["x-flambeau"]["models"]}
    assert told["linear"] == {
        "name": "linear",
        "version": "1",
        "path": "/predict",
        "default": True,
        "stream": False,
        "description": "",
        "inputs": {
            "input": {
                "kind": "tensor",
                "shape": [4],
                "dtype": "float32",
                "min": None,
                "max": None,
            }
        },
        "outputs": {
            "output": {
                "kind": "tensor",
                "shape": [2],
                "dtype": "float32",
                "min": None,
                "max": None,
            }
        },
        "example": {"input": [0, 0, 0, 0]},
    }
    assert told["letters"]["stream"] is True
    assert told["labels"]["outputs"]["output"]["classes"] == ["a", "b", "c"]
    assert told["image"]["inputs"]["input"] == {
        "kind": "image",
        "mode": "RGB",
        "size": [4, 4],
        "drawing": False,
    }
    assert told["point"]["inputs"]["input"]["schema"]["properties"]["x"] == {
        "title": "X",
        "type": "number",
    }


def resolve(schema, root):
    return {**schema, "components": root["components"]}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("linear", {"input": [1, 2, 3, 4]}),
        ("free", {"input": [[0, 0], [1, 1]]}),
        ("bytes", {"input": [[0, 1], [2, 255]]}),
        ("bool", {"input": True}),
        ("labels", {"input": "abc"}),
        ("point", {"input": {"x": 1, "tags": [{"value": 3}]}}),
        ("pair", {"input": {"left": 1, "right": [{"left": 2, "right": []}]}}),
        ("any", {"input": {"a": [None]}}),
        ("file", {"input": "AAAA"}),
        ("two", {"a": [1, 2], "b": "x"}),
    ],
)
def test_requests_and_answers_fit_their_schemas(name, body):
    root = document()
    operation = root["paths"][f"/models/{name}/predict"]["post"]
    request = operation["requestBody"]["content"]["application/json"]["schema"]
    response = operation["responses"]["200"]["content"]["application/json"]["schema"]
    with TestClient(make_app()) as client:
        answer = client.post(f"/models/{name}/predict", json=body)
    assert answer.status_code == 200, answer.text
    Draft202012Validator(resolve(request, root)).validate(body)
    Draft202012Validator(resolve(response, root)).validate(answer.json())
    for wrong in ({}, {**body, "more": 1}, [], None):
        assert not Draft202012Validator(resolve(request, root)).is_valid(wrong)


def test_definitions_share_a_name_only_if_they_are_the_same():
    components = Components()

    def schema(kind: str) -> dict[str, typing.Any]:
        tree = {"properties": {"child": {"$ref": "#/$defs/Node"}, "value": {"type": kind}}}
        return {"type": "array", "items": {"$ref": "#/$defs/Node"}, "$defs": {"Node": tree}}

    first = components.lift(schema("string"))
    again = components.lift(schema("string"))
    other = components.lift(schema("number"))
    assert first == again != other
    assert first["items"] == {"$ref": "#/components/schemas/Node"}
    assert components.schemas["Node2"]["properties"]["child"] == other["items"]
    assert "$defs" not in json.dumps(components.schemas)

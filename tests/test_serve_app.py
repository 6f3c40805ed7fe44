"""The application that serve() makes: routes, answers, errors, lifespan."""

import pytest

import flambeau as fb
from flambeau import nn

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from flambeau.serve import Tensor, serve


def linear_app(**options):
    return serve(nn.Linear(4, 2), input=Tensor((4,)), output=Tensor((2,)), **options)


def test_predict_equals_the_module():
    module = nn.Linear(4, 2)
    x = fb.randn(4)
    with TestClient(serve(module, input=Tensor((4,)), output=Tensor((2,)))) as client:
        answer = client.post("/predict", json={"input": x.tolist()})
    assert answer.status_code == 200
    assert fb.allclose(fb.tensor(answer.json()["output"]), module(x))
    assert 'batch;desc="1"' in answer.headers["server-timing"]
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b'{"input": [1, 2, 3]}', 422, "input"),
        (b'{"input": [1, 2, 3, true]}', 422, "input[3]"),
        (b'{"input": [1, 2, 3, "4"]}', 422, "input[3]"),
        (b'{"input": [1, 2, 3, null]}', 422, "input[3]"),
        (b'{"input": [1, 2, 3, 1e999]}', 422, "input[3]"),
        (b'{"input": [1, 2, 3, 1e39]}', 422, "input[3]"),
        (b'{"input": [1, 2, 3, [4]]}', 422, "input[3]"),
        (b'{"input": [1, 2, 3, NaN]}', 400, None),
        (b'{"input": [1, 2, 3, 4], "x": 1}', 422, "x"),
        (b"{}", 422, "input"),
        (b"[]", 422, None),
        (b"", 400, None),
        (b"{", 400, None),
        (b'{"input": [1, 2, 3, 4]} {}', 400, None),
        (b'{"input": "\xff"}', 400, None),
        (b'{"input": "\\ud800"}', 400, None),
        (b'{"input": ' + b"[" * 100_000, 400, None),
        (b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, None),
    ],
)
def test_wrong_bodies_are_named(body, status, param):
    with TestClient(linear_app()) as client:
        answer = client.post("/predict", content=body, headers={"content-type": "application/json"})
        error = answer.json()["error"]
        assert (answer.status_code, error["param"]) == (status, param), error
        assert error["request_id"] == answer.headers["x-request-id"]
        assert client.post("/predict", json={"input": [1, 2, 3, 4]}).status_code == 200

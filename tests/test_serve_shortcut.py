"""The short way to a prediction, and what keeps requests on the long one."""

import logging

import pytest

import flambeau as fb
from flambeau import nn

pytest.importorskip("fastapi")
from fastapi import FastAPI
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from flambeau.serve import Tensor, Text, serve
from flambeau.serve.errors import InvalidInput, ServeError
from flambeau.serve.shortcut import Shortcut

RIGHT, WRONG = {"input": [1, 2, 3, 4]}, {"input": [1, 2, 3, "4"]}


def make(model=None, **options) -> FastAPI:
    fb.manual_seed(0)
    return serve(
        model or nn.Linear(4, 2),
        input=Tensor((4,)),
        output=Tensor((2,)),
        playground=False,
        **options,
    )


def add_middleware(app):
    @app.middleware("http")
    async def mark(request, call_next):
        answer = await call_next(request)
        answer.headers["x-seen"] = "yes"
        return answer


def add_handler(app):
    @app.exception_handler(ZeroDivisionError)
    async def teapot(request, error):
        return PlainTextResponse("own", 418)


def replace_handler(app):
    @app.exception_handler(InvalidInput)
    async def own(request, error):
        return PlainTextResponse("own", 418)


def stack(app):
    """What stands behind the guard."""
    return app.build_middleware_stack().app


def test_a_plain_application_takes_it():
    assert sorted(stack(make()).endpoints) == [
        "/models/default/predict",
        "/models/default/versions/1/predict",
        "/predict",
    ]


@pytest.mark.parametrize(
    "change",
    [add_middleware, add_handler, replace_handler, lambda app: setattr(app, "debug", True)],
)
def test_what_users_add_keeps_requests_on_the_long_way(change):
    app = make()
    change(app)
    assert not isinstance(stack(app), Shortcut)


def test_added_layers_see_predictions():
    app = make()
    add_middleware(app)
    replace_handler(app)
    with TestClient(app) as client:
        assert client.post("/predict", json=RIGHT).headers["x-seen"] == "yes"
        assert client.post("/predict", json=WRONG).text == "own"


def test_a_body_limit_of_the_application_holds():
    app = make()
    app.max_body_size = 10
    with TestClient(app) as client:
        assert client.post("/predict", json=RIGHT).status_code == 413


def test_a_route_before_ours_answers():
    async def own(request):
        return JSONResponse("own")

    app = make()
    app.router.routes.insert(0, Route("/predict", own, methods=["POST"]))
    with TestClient(app) as client:
        assert client.post("/predict", json=RIGHT).json() == "own"
        assert client.post("/models/default/predict", json=RIGHT).json().keys() == {"output"}


def test_streams_go_the_long_way():
    async def words(text):
        yield text

    app = serve(words, input=Text(), output=Text(), playground=False)
    assert stack(app).endpoints == {}


def long_way(app):
    """The same application without the shortcut."""
    app.add_middleware(lambda inner: inner)
    return app


def broken(x):
    raise RuntimeError("secret inside")


def refusing(x):
    raise ServeError("not today", retry_after=3)


@pytest.mark.parametrize("model", [None, broken, refusing])
@pytest.mark.parametrize("body", [RIGHT, WRONG])
@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
def test_both_ways_answer_alike(model, body, method, caplog):
    answers, logged = [], []
    for app in (make(model), long_way(make(model))):
        caplog.clear()
        with caplog.at_level(logging.ERROR), TestClient(app) as client:
            answer = client.request(method, "/predict", json=body)
            counted = client.get("/metrics").text
        content = answer.json()
        if "error" in content:
            assert content["error"].pop("request_id") == answer.headers["x-request-id"]
        headers = set(answer.headers) - {"server-timing"}
        numbers = [line for line in counted.splitlines() if "requests_total" in line]
        answers.append((answer.status_code, content, headers, numbers))
        logged.append([(record.levelno, record.getMessage()) for record in caplog.records])
    assert answers[0] == answers[1]
    assert logged[0] == logged[1]
    assert any('route="/predict"' in line for line in answers[0][3])


def test_behind_a_path_prefix_requests_take_the_long_way():
    outer = FastAPI()
    outer.mount("/inner", make())
    with TestClient(outer) as client:
        assert client.post("/inner/predict", json=RIGHT).status_code == 200
        assert client.post("/predict", json=RIGHT).status_code == 404

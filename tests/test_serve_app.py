"""The application that serve() makes: routes, answers, errors, lifespan."""

import asyncio
import contextlib
import io
import struct
import subprocess
import sys
import threading
import time

import pytest

import flambeau as fb
from flambeau import nn

pytest.importorskip("fastapi")
import httpx2 as httpx
from fastapi import FastAPI
from PIL import Image as pillow
from starlette.testclient import TestClient

from flambeau.serve import ApiKey, Batch, Image, Limits, Tensor, Text, serve
from flambeau.serve.errors import TooLarge


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


# ---- other bodies ----


def upper(texts):
    return [text.upper() for text in texts]


def upper_app(**options):
    return serve(upper, input=Text(max_length=9), output=Text(), **options)


def png():
    file = io.BytesIO()
    pillow.new("L", (3, 2), 255).save(file, "PNG")
    return file.getvalue()


def test_raw_bodies():
    with TestClient(upper_app()) as client:
        for kind in ("text/plain", "text/plain; charset=utf-8", "Text/Plain"):
            answer = client.post("/predict", content="é", headers={"content-type": kind})
            assert answer.json() == {"output": "É"}
    with TestClient(linear_app()) as client:
        data = struct.pack("<4f", 1, 2, 3, 4)
        raw = client.post(
            "/predict", content=data, headers={"content-type": "application/octet-stream"}
        )
        assert raw.json() == client.post("/predict", json={"input": [1, 2, 3, 4]}).json()
    app = serve(lambda x: x.sum((1, 2, 3)), input=Image("L", size=(2, 3)), output=Tensor(()))
    with TestClient(app) as client:
        for kind in ("image/png", "image/jpeg"):  # the bytes tell what it is
            answer = client.post("/predict", content=png(), headers={"content-type": kind})
            assert answer.json() == {"output": 6.0}


def test_forms():
    app = serve(
        lambda image, text, x: {"size": x + image.sum((1, 2, 3)), "text": text},
        input={"image": Image("L", size=(2, 3)), "text": Text(), "x": Tensor(())},
        output={"size": Tensor(()), "text": Text()},
    )
    with TestClient(app) as client:
        whole = {"image": ("a.png", png(), "image/png")}
        answer = client.post("/predict", files=whole, data={"text": "ä", "x": "1.5"})
        assert answer.json() == {"size": 7.5, "text": "ä"}
        for files, data, status, param in (
            (whole, {"text": "a"}, 422, "x"),
            (whole, {"text": "a", "x": "1", "y": "2"}, 422, None),
            (whole, {"text": "a", "z": "2"}, 422, "z"),
            (whole, {"text": "a", "x": "one"}, 400, "x"),
            (whole, {"text": "a", "x": "true"}, 422, "x"),
            ({"image": ("a", b"no", "image/png")}, {"text": "a", "x": "1"}, 422, "image"),
            ({"image": ("a", png(), "text/html")}, {"text": "a", "x": "1"}, 415, "image"),
        ):
            answer = client.post("/predict", files=files, data=data)
            found = answer.status_code, answer.json()["error"]["param"]
            assert found == (status, param), answer.text


BOUNDARY = {"content-type": "multipart/form-data; boundary=b"}
PART = b'--b\r\ncontent-disposition: form-data; name="input"\r\n\r\nhi\r\n'


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (PART + b"--b--\r\n", 200),
        (PART + b"--b--", 200),
        (PART, 400),
        (PART[:-10], 400),
        (b"", 400),
        (b"--b--", 422),
        (PART + PART + b"--b--\r\n", 422),
        (b"--b\r\n\r\nhi\r\n--b--", 400),
        (b'--b\r\ncontent-disposition: form-data; name="\xff"\r\n\r\nhi\r\n--b--', 400),
        (b"--b\r\n" + b"x: y\r\n" * 1000 + b"\r\nhi\r\n--b--", 400),
        (b"--b\r\n" + b"x" * 100_000 + b": y\r\n\r\nhi\r\n--b--", 400),
        (b"\0" * 1000, 400),
    ],
)
def test_forms_of_strangers(body, status):
    with TestClient(upper_app()) as client:
        assert client.post("/predict", content=body, headers=BOUNDARY).status_code == status


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/html",
        "application/x-www-form-urlencoded",
        "image/png",
        "multipart/mixed; boundary=b",
        "application/jsonx",
        "x" * 1000,
        "\x7f;\xff",
    ],
)
def test_other_media_types_are_refused(kind):
    with TestClient(upper_app()) as client:
        headers = {"content-type": kind.encode("latin-1")}
        answer = client.post("/predict", content=b'{"input": "a"}', headers=headers)
        assert answer.status_code == 415
        assert "application/json" in answer.json()["error"]["message"]
        assert client.post("/predict", content=b"{}", headers={}).status_code == 415
        form = {"content-type": "multipart/form-data"}
        assert client.post("/predict", content=b"", headers=form).status_code == 400


def test_too_large_bodies_are_never_gathered():
    read = []

    async def ask(app, size):
        sent = []

        async def receive():
            read.append(size)
            return {"type": "http.request", "body": b" " * 600, "more_body": True}

        async def send(message):
            sent.append(message)

        scope = post_scope(b"")
        scope["headers"][1:] = [(b"transfer-encoding", b"chunked")]
        await app(scope, receive, send)
        return sent[0]["status"]

    app = linear_app(limits=Limits(body_bytes=1000))
    assert asyncio.run(ask(app, 600)) == 413 and len(read) == 2
    endpoint = next(route.app for route in app.routes if route.path == "/predict")
    del read[:]
    with pytest.raises(TooLarge):
        asyncio.run(ask(endpoint, 600))
    assert len(read) == 2


def test_other_paths_and_methods():
    with TestClient(linear_app()) as client:
        for path in ("/nowhere", "/models/default/versions/2/predict", "/models//predict"):
            answer = client.post(path, json={})
            assert answer.status_code == 404 and answer.json()["error"]["type"] == "not_found"
        assert client.get("/predict").status_code == 405
        assert client.get("/predict").headers["allow"] == "POST"


# ---- life ----


def test_an_application_can_be_extended():
    app = upper_app()

    @app.get("/hello")
    async def hello(name: str) -> dict[str, str]:
        return {"hello": name}

    with TestClient(app) as client:
        assert client.get("/hello", params={"name": "x"}).json() == {"hello": "x"}
        assert client.get("/hello").json()["error"]["param"] == "name"
        paths = client.get("/openapi.json").json()["paths"]
        assert {"/hello", "/predict"} <= paths.keys()

        @app.get("/later")
        async def later() -> str:
            return "later"

        document = client.get("/openapi.json").json()
        assert {"/hello", "/later", "/predict"} <= document["paths"].keys()
        assert document["x-flambeau"]["models"]


def test_mounted_without_a_lifespan_it_starts_with_the_first_request():
    outer = FastAPI()
    outer.mount("/ml", upper_app())
    with TestClient(outer) as client:
        for _ in range(2):
            assert client.post("/ml/predict", json={"input": "a"}).json() == {"output": "A"}
        assert client.get("/ml/openapi.json").json()["servers"] == [{"url": "/ml"}]


def test_mounted_with_the_lifespan_of_the_other_application():
    inner = upper_app()
    server = inner.state.flambeau

    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with server.running():
            yield

    outer = FastAPI(lifespan=lifespan)
    outer.mount("/ml", inner)
    with TestClient(outer) as client:
        assert server.unready() == []
        assert client.post("/ml/predict", json={"input": "a"}).json() == {"output": "A"}
        assert client.get("/ml/readyz").status_code == 200
    assert server.stopping


def test_mounted_it_is_guarded_as_before():
    outer = FastAPI()
    outer.mount("/ml", upper_app(keys=[ApiKey.of("secret" * 6, name="me")]))
    with TestClient(outer) as client:
        assert client.get("/ml/livez").status_code == 200
        assert client.get("/ml/openapi.json").status_code == 401
        assert client.post("/ml/predict", json={"input": "a"}).status_code == 401
        key = {"x-api-key": "secret" * 6}
        answer = client.post("/ml/predict", json={"input": "a"}, headers=key)
        assert answer.json() == {"output": "A"}


def test_without_any_lifespan_each_loop_is_served():
    app = upper_app()
    for _ in range(2):  # without `with` each request has a loop of its own
        answer = TestClient(app).post("/predict", json={"input": "a"})
        assert answer.json() == {"output": "A"}


def test_started_stopped_and_started_again():
    app = upper_app()
    for _ in range(2):
        with TestClient(app) as client:
            assert client.post("/predict", json={"input": "a"}).json() == {"output": "A"}
            assert client.get("/models").json()["models"][0]["state"] == "ready"


def test_requests_that_run_when_it_stops_are_answered():
    entered, go_on = threading.Event(), threading.Event()

    def slow(texts):
        entered.set()
        assert go_on.wait(60)
        return upper(texts)

    app = serve(slow, input=Text(), output=Text())
    server = app.state.flambeau
    answers = []
    with TestClient(app) as client:

        def ask():
            answers.append(client.post("/predict", json={"input": "a"}))

        asking = threading.Thread(target=ask)
        asking.start()
        assert entered.wait(60)
        stopping = client.portal.start_task_soon(server.stop)
        while not server.stopping:
            time.sleep(0.001)
        late = client.post("/predict", json={"input": "b"})
        assert late.status_code == 503 and int(late.headers["retry-after"]) >= 1
        go_on.set()
        asking.join()
        stopping.result()
    assert [answer.json() for answer in answers] == [{"output": "A"}]


def test_requests_that_come_together_run_together():
    app = linear_app(batch=Batch(max_size=8, wait_ms=10_000))
    bodies = [[float(i), 0, 0, 0] for i in range(16)]

    async def ask_all():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await asyncio.gather(
                *(client.post("/predict", json={"input": body}) for body in bodies)
            )

    answers = asyncio.run(ask_all())
    sizes = {answer.headers["server-timing"].rpartition("=")[2] for answer in answers}
    assert sizes == {'"8"'}
    with TestClient(app) as client:
        for body, answer in zip(bodies, answers, strict=True):
            alone = client.post("/predict", json={"input": body}).json()["output"]
            assert fb.allclose(fb.tensor(answer.json()["output"]), fb.tensor(alone))


def test_workers_answer_as_a_thread_does():
    module = nn.Linear(4, 2)
    answers = []
    for workers in (0, 1):
        app = serve(module, input=Tensor((4,)), output=Tensor((2,)), workers=workers)
        with TestClient(app) as client:
            answers.append(client.post("/predict", json={"input": [1, 2, 3, 4]}).json())
    assert answers[0] == answers[1]


def test_names_come_only_when_asked_for():
    code = (
        "import sys, flambeau, flambeau.serve\n"
        "assert not {'fastapi', 'msgspec', 'pydantic'} & sys.modules.keys()\n"
        "import flambeau.serve.running\n"
        "from flambeau.serve import run, serve\n"
        "assert callable(run) and callable(serve)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_extra_says_how_to_install_it():
    code = (
        "import sys\n"
        "sys.modules['fastapi'] = None\n"
        "from flambeau.serve import Limits\n"
        "try:\n"
        "    from flambeau.serve import serve\n"
        "except ImportError as error:\n"
        "    assert \"pip install 'flambeau[serve]'\" in str(error), error\n"
        "else:\n"
        "    raise SystemExit(1)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def post_scope(body, kind=b"application/json"):
    length = str(len(body)).encode()
    return {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "headers": [(b"content-type", kind), (b"content-length", length)],
        "query_string": b"",
    }


def test_a_generator_ends_when_its_client_leaves():
    ended = threading.Event()

    def endless(text):
        try:
            while True:
                yield text
        finally:
            ended.set()

    app = serve(endless, input=Text(), output=Text())
    body = b'{"input": "a"}'

    async def ask_and_leave():
        streaming = asyncio.Event()
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive():
            if messages:
                return messages.pop()
            await streaming.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.body":
                streaming.set()

        await asyncio.wait_for(app(post_scope(body), receive, send), 60)

    asyncio.run(ask_and_leave())
    assert ended.wait(60)

"""Models: what predict may be, mistakes of those who serve, versions, files that change."""

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

import flambeau as fb
from flambeau import nn

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from flambeau.io.errors import FormatError
from flambeau.io.safetensors import save_file
from flambeau.serve import Batch, Events, Labels, Model, Tensor, Text, serve
from flambeau.serve.models import Registry
from flambeau.serve.reload import Watcher
from flambeau.vision.classifier import Classifier
from flambeau.vision.pictures import PictureFormat

FOUR, TWO = Tensor((4,)), Tensor((2,))


def upper(texts):
    return [text.upper() for text in texts]


async def upper_later(texts):
    await asyncio.sleep(0)
    return upper(texts)


def letters(text):
    yield from text


async def letters_later(text):
    for letter in text:
        await asyncio.sleep(0)
        yield letter


class Shout:
    def __call__(self, texts):
        return upper(texts)


class ShoutLater:
    async def __call__(self, texts):
        return upper(texts)


def post(app, text="abc", path="/predict"):
    with TestClient(app) as client:
        return client.post(path, json={"input": text})


@pytest.mark.parametrize("predict", [upper, upper_later, Shout(), ShoutLater()])
def test_functions_of_all_kinds(predict):
    app = serve(predict, input=Text(), output=Text(), example="x")
    assert post(app).json() == {"output": "ABC"}


@pytest.mark.parametrize("predict", [letters, letters_later])
def test_generators_stream_what_they_make_of_one_value(predict):
    answer = post(serve(predict, input=Text(), output=Text()), "ab")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == (
        'data: {"output":"a"}\n\ndata: {"output":"b"}\n\nevent: done\ndata: {}\n\n'
    )


def test_generator_gets_a_single_tensor_and_may_yield_tensors():
    def partial_sums(x):
        assert tuple(x.shape) == (4,)
        for i in range(4):
            yield x[: i + 1].sum()

    app = serve(partial_sums, input=FOUR, output=Tensor(()))
    assert post(app, [1, 2, 3, 4]).text.count('data: {"output":') == 4
    assert 'data: {"output":10.0}' in post(app, [1, 2, 3, 4]).text


def test_generator_that_fails_midway_says_so():
    def broken(text):
        yield "a"
        raise RuntimeError("secret")

    answer = post(serve(broken, input=Text(), output=Text()))
    assert answer.status_code == 200 and "secret" not in answer.text
    assert answer.text.startswith('data: {"output":"a"}\n\nevent: error\ndata: {"error":')
    assert "done" not in answer.text


def test_generator_that_fails_at_once_is_an_error():
    def broken(text):
        raise RuntimeError("secret")
        yield text

    answer = post(serve(broken, input=Text(), output=Text()))
    assert answer.status_code == 500 and "secret" not in answer.text


def test_several_inputs_and_outputs_by_name():
    def both(x, text):
        assert tuple(x.shape)[1:] == (4,)
        return {"length": [len(t) for t in text], "sum": x.sum(1)}

    app = serve(
        both,
        input={"x": FOUR, "text": Text()},
        output={"length": Tensor((), fb.int64), "sum": Tensor(())},
        example={"x": [0, 0, 0, 0], "text": ""},
    )
    with TestClient(app) as client:
        answer = client.post("/predict", json={"x": [1, 2, 3, 4], "text": "abc"})
        assert answer.json() == {"length": 3, "sum": 10.0}
        missing = client.post("/predict", json={"x": [1, 2, 3, 4]})
        assert (missing.status_code, missing.json()["error"]["param"]) == (422, "text")


def test_module_is_evaluated_without_gradients():
    seen = []

    class Net(nn.Module):
        def forward(self, x):
            seen.append((self.training, fb.is_inference_mode_enabled()))
            return x[:, :2]

    net = Net().train()
    assert post(serve(net, input=FOUR, output=TWO), [1, 2, 3, 4]).status_code == 200
    assert set(seen) == {(False, True)}


def test_shapes_that_differ_run_apart():
    sizes = []

    def double(x):
        sizes.append(tuple(x.shape))
        return x * 2

    model = Model(double, Tensor((None,)), Tensor((None,)))
    items = [
        model.signature.decode(model.signature.read_json(body), None)
        for body in (b'{"input":[1]}', b'{"input":[1,2]}', b'{"input":[3]}')
    ]
    assert [answer["output"] for answer in model.run(items)] == [[2.0], [2.0, 4.0], [6.0]]
    assert sorted(sizes) == [(1, 2), (2, 1)]


# ---- mistakes ----


@pytest.mark.parametrize(
    ("target", "options", "says"),
    [
        (upper, {"output": Text()}, "input= is missing"),
        (upper, {"input": Text()}, "output= is missing"),
        (upper, {"input": Text(), "output": Labels}, "needs arguments"),
        (upper, {"input": Labels(["a"]), "output": Text()}, "Labels can be no input"),
        (upper, {"input": str, "output": Text()}, "must be a field"),
        (upper, {"input": {}, "output": Text()}, "no field"),
        (upper, {"input": {"a b": Text()}, "output": Text()}, "keyword argument"),
        (upper, {"input": {"class": Text()}, "output": Text()}, "keyword argument"),
        (upper, {"input": {"_x": Text()}, "output": Text()}, "underscore"),
        (upper, {"input": Text(), "output": Text(), "name": "a/b"}, "name"),
        (upper, {"input": Text(), "output": Text(), "name": ".."}, "name"),
        (upper, {"input": Text(), "output": Text(), "name": ""}, "name"),
        (upper, {"input": Text(), "output": Text(), "version": "1 2"}, "version"),
        (upper, {"input": Text(), "output": Text(), "workers": -1}, "workers"),
        (upper, {"input": Text(), "output": Text(), "example": 3}, "example"),
        (upper, {"input": Text(max_length=2), "output": Text(), "example": "abc"}, "example"),
        (lambda texts: texts[:1], {"input": Text(), "output": Text(), "example": "a"}, "batch of 2"),
        (lambda texts: "ab", {"input": Text(), "output": Text(), "example": "a"}, "list of 2"),
        (lambda texts: 1 / 0, {"input": Text(), "output": Text(), "example": "a"}, "ZeroDivision"),
        (lambda texts: [1, 2], {"input": Text(), "output": Text(), "example": "a"}, "expected a text"),
        (nn.Linear(4, 3), {"input": FOUR, "output": TWO}, r"shape \(any, 2\), but got \(2, 3\)"),
        (nn.Linear(5, 2), {"input": FOUR, "output": TWO}, "fails on its example"),
        (nn.Flatten(0), {"input": FOUR, "output": Tensor((4,))}, "batch of 2"),
        ([], {}, "empty"),
        (Model(upper, Text(), Text()), {"input": Text()}, "belongs to the Model"),
        ([Model(upper, Text(), Text())], {"name": "x"}, "belongs to the Model"),
        (Model(upper, Text(), Text()), {"batch": Batch(max_size=3)}, "belongs to the Model"),
        (Model(upper, Text(), Text()), {"workers": 2}, "belongs to the Model"),
        ([Model(upper, Text(), Text()), Model(upper, Text(), Text())], {}, "two models"),
    ],
)  # fmt: skip
def test_mistakes_are_told_at_once(target, options, says):
    with pytest.raises(ValueError, match=says):
        serve(target, **options)


@pytest.mark.parametrize("target", [3, None, [3], [upper], object()])
def test_what_cannot_be_served(target):
    with pytest.raises(TypeError, match="serve"):
        serve(target, input=Text(), output=Text())


def test_an_async_function_is_tried_when_the_server_starts():
    async def too_few(texts):
        return texts[1:]

    app = serve(too_few, input=Text(), output=Text(), example="a")
    with pytest.raises(ValueError, match="batch of 2"), TestClient(app):
        pass


def test_neither_or_both_of_predict_and_path(tmp_path):
    for options in ({}, {"predict": upper, "path": tmp_path / "x"}):
        with pytest.raises(ValueError, match="either"):
            Model(**options)


def test_results_that_are_wrong_only_now_and_then_stay_secret(caplog):
    app = serve(lambda texts: texts[1:], input=Text(), output=Text())
    answer = post(app)
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "model_failed")
    assert "batch of 1" not in answer.text and "batch of 1" in caplog.text


def test_a_model_may_refuse_what_only_it_can_judge():
    from flambeau.serve import InvalidInput

    def picky(texts):
        return [InvalidInput("no vowels", param="input") if "a" in t else t for t in texts]

    answer = post(serve(picky, input=Text(), output=Text()))
    assert answer.status_code == 422 and answer.json()["error"]["message"] == "no vowels"


# ---- several ----


def test_models_and_versions():
    def says(what):
        return lambda texts: [what] * len(texts)

    def model(what, **options):
        return Model(says(what), Text(), Text(), **options)

    app = serve(
        [
            model("a1", name="a"),
            model("a2", name="a", version="2"),
            model("b", name="b", batch=Batch(max_size=1)),
        ]
    )
    with TestClient(app) as client:

        def said(path):
            return client.post(path, json={"input": ""}).json()["output"]

        assert said("/predict") == "a1"
        assert said("/models/a/predict") == "a1"
        assert said("/models/a/versions/2/predict") == "a2"
        assert said("/models/b/versions/1/predict") == "b"
        for path in ("/models/c/predict", "/models/b/versions/2/predict"):
            assert client.post(path, json={"input": ""}).status_code in (404, 405)
        listed = client.get("/models").json()["models"]
        assert [(m["name"], m["version"], m["default"]) for m in listed] == [
            ("a", "1", True),
            ("a", "2", False),
            ("b", "1", False),
        ]
        assert len(client.get("/models/a").json()["models"]) == 2
        assert client.get("/models/c").status_code == 404
    assert [m.version for m in Registry([model("x", name="n")]).versions("n")] == ["1"]


# ---- files ----


class Told(Events):
    def __init__(self):
        self.reloads = []

    def reloaded(self, model, version, ok):
        self.reloads.append((model, version, ok))


def classifier(seed, classes=("zero", "one", "two"), box=8):
    fb.manual_seed(seed)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, len(classes)))
    return Classifier(net, list(classes), PictureFormat(8, 8, box))


def drawing():
    from io import BytesIO

    from PIL import Image as pillow, ImageDraw

    picture = pillow.new("L", (40, 40), "white")
    ImageDraw.Draw(picture).line([(10, 5), (30, 35)], fill="black", width=4)
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def wait_for(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_a_classifier_file_is_all_that_it_takes(tmp_path):
    from flambeau.vision.pictures import read_picture

    path = tmp_path / "model.safetensors"
    made = classifier(1)
    made.save(path)
    (tmp_path / "picture.png").write_bytes(drawing())
    wanted = made.probabilities(read_picture(tmp_path / "picture.png", made.form))
    app = serve(path)
    with TestClient(app) as client:
        headers = {"content-type": "image/png"}
        answer = client.post("/predict", content=drawing(), headers=headers)
        assert answer.status_code == 200, answer.text
        scores = {each["label"]: each["score"] for each in answer.json()["output"]}
        assert fb.allclose(fb.tensor([scores[c] for c in made.classes]), fb.tensor(wanted))
        empty = client.post("/predict", files={"input": ("e.png", blank(), "image/png")})
        assert empty.status_code == 422 and "empty" in empty.json()["error"]["message"]
        [described] = client.get("/models").json()["models"]
        assert described["inputs"]["input"]["drawing"] is True


def blank():
    from io import BytesIO

    from PIL import Image as pillow

    file = BytesIO()
    pillow.new("L", (9, 9), "white").save(file, "PNG")
    return file.getvalue()


def test_a_list_of_files(tmp_path):
    for name in ("first", "second"):
        classifier(1).save(tmp_path / f"{name}.safetensors")
    app = serve([tmp_path / "first.safetensors", tmp_path / "second.safetensors"])
    assert app.state.flambeau.registry.names() == ["first", "second"]


def test_files_that_say_nothing_of_themselves(tmp_path):
    save_file({"w": fb.zeros(2)}, tmp_path / "weights.safetensors")
    with pytest.raises(FormatError, match="load="):
        serve(tmp_path / "weights.safetensors")
    with pytest.raises(FileNotFoundError):
        serve(tmp_path / "missing.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(FormatError):
        serve(str(tmp_path / "broken.safetensors"))


def number_in(path):
    """A model that answers with the number in its file."""
    number = float(Path(path).read_text())
    return lambda x: fb.full((len(x),), number)


def replace(path, text):
    """As a careful writer does: at once."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


def test_a_changed_file_takes_over_under_load_and_a_broken_one_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr("flambeau.serve.reload.INTERVAL", 0.02)
    path = tmp_path / "number"
    path.write_text("1")
    told = Told()
    model = Model(path=path, load=number_in, input=Tensor(()), output=Tensor(()), example=0.0)
    app = serve(model, events=told)
    seen, failures, stop = [], [], threading.Event()

    def ask(client):
        while not stop.is_set():
            answer = client.post("/predict", json={"input": 0})
            if answer.status_code != 200:
                failures.append(answer.text)
                return
            seen.append(answer.json()["output"])

    with TestClient(app) as client:
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            wait_for(lambda: 1.0 in seen)
            replace(path, "2")
            wait_for(lambda: 2.0 in seen)
            replace(path, "broken")
            wait_for(lambda: ("default", "1", False) in told.reloads)
            assert client.get("/readyz").status_code == 200
            assert client.post("/predict", json={"input": 0}).json() == {"output": 2.0}
            replace(path, "3")
            wait_for(lambda: 3.0 in seen)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert not failures
    assert told.reloads == [("default", "1", True), ("default", "1", False), ("default", "1", True)]


def test_a_file_that_became_another_kind_of_model_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    classifier(1).save(path)
    model = Model(path=path)
    told, used = Told(), []
    watcher = Watcher(model, used.append, told)

    async def looks():
        found = [await watcher.look()]
        classifier(2, classes=("other", "classes")).save(path)
        found.append(await watcher.look())
        classifier(2, box=6).save(path)
        found.append(await watcher.look())
        classifier(2).save(path)
        found.append(await watcher.look())
        os.unlink(path)
        found.append(await watcher.look())
        return found

    assert asyncio.run(looks()) == [None, False, False, True, None]
    assert len(used) == 1 and [ok for *_, ok in told.reloads] == [False, False, True]


def test_a_reloaded_model_is_tried_on_its_example(tmp_path):
    path = tmp_path / "number"
    path.write_text("1")
    model = Model(path=path, load=number_in, input=Tensor(()), output=Tensor(()), example=0.0)
    watcher = Watcher(model, lambda predict: pytest.fail("it was used"), Told())
    path.write_text("nan")
    assert asyncio.run(watcher.look()) is False

"""GET /metrics: what Prometheus reads is what happened."""

import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("prometheus_client")

from fastapi import APIRouter, FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from flambeau.serve import guard as guarding, metrics
from flambeau.serve.events import Events
from flambeau.serve.keys import ApiKey
from flambeau.serve.limits import Limits
from flambeau.serve.metrics import Histogram, Metrics


def make(*keys: ApiKey) -> tuple[TestClient, Metrics]:
    app = FastAPI()
    guard = guarding.install(app, SimpleNamespace(limits=Limits(), keys=keys, stopping=False))
    found = Metrics()
    metrics.install(app, guard, found)
    app.add_api_route("/items/{item}", lambda item: item)
    return TestClient(app), found


class Samples(dict[tuple[str, ...], float]):
    """(name, label values in any order...) -> value."""

    def __getitem__(self, asked: tuple[str, ...]) -> float:
        return super().__getitem__((asked[0], *sorted(asked[1:])))


def read(client: TestClient, **headers: str) -> Samples:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    samples = Samples()
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            samples[(sample.name, *sorted(sample.labels.values()))] = sample.value
    return samples


def test_requests() -> None:
    client, _ = make()
    for item in range(5):
        client.get(f"/items/{item}")
    client.post("/items/1")
    client.request("BREW", "/items/1")
    client.get("/nowhere/at/all")
    found = read(client)
    total = "flambeau_requests_total"
    assert found[total, "GET", "/items/{item}", "200"] == 5
    assert found[total, "POST", "/items/{item}", "405"] == 1
    assert found[total, "OTHER", "/items/{item}", "405"] == 1
    assert found[total, "GET", "unmatched", "404"] == 1
    assert found["flambeau_request_seconds_count", "/items/{item}"] == 7
    assert found["flambeau_request_seconds_bucket", "/items/{item}", "+Inf"] == 7
    assert found["flambeau_request_seconds_sum", "/items/{item}"] > 0
    assert found["flambeau_in_flight",] == 1  # this one
    assert found["process_resident_memory_bytes",] > 0
    assert read(client)[total, "GET", "/metrics", "200"] == 1


def test_labels_stay_few() -> None:
    """What clients send never becomes a label."""
    client, _ = make()
    before = len(read(client))
    for i in range(50):
        client.get(f"/items/{i}?q={i}", headers={"x-request-id": f"id{i}"})
        client.request(f"VERB{i}", f"/unknown{i}")
    assert len(read(client)) < before + 60


def test_routes_of_every_kind() -> None:
    client, _ = make()
    app = client.app
    assert isinstance(app, FastAPI)
    router = APIRouter(prefix="/routed")
    router.add_api_route("/x/{y}", lambda y: y)
    app.include_router(router)
    inner = FastAPI()
    inner.add_api_route("/deep/{z}", lambda z: z)
    app.mount("/mounted", inner)
    app.mount("/files", PlainTextResponse("file"))
    app.add_route("/plain", lambda request: PlainTextResponse("x"))
    app.add_route("/plain/{what}", lambda request: PlainTextResponse("y"))
    for path in (
        "/routed/x/1",
        "/mounted/deep/2",
        "/files/a/b",
        "/plain",
        "/plain/3",
        "/mounted/no",
    ):
        client.get(path)
    found = {key[1:] for key in read(client) if key[0] == "flambeau_requests_total"}
    assert {next(part for part in key if part.startswith("/")) for key in found} == {
        *("/routed/x/{y}", "/mounted/deep/{z}", "/files/*", "/plain", "/plain/{what}", "/mounted/*")
    }


def test_refused_without_a_key() -> None:
    client, _ = make(ApiKey.of("the-right-key", name="ops"))
    for _ in range(3):
        assert client.get("/metrics").status_code == 401
    found = read(client, **{"x-api-key": "the-right-key"})
    assert found["flambeau_refused_total", "", "unauthorized"] == 3
    assert found["flambeau_requests_total", "GET", "unmatched", "401"] == 3


def test_models() -> None:
    client, events = make()
    events.queued("m", 7)
    events.refused("m", "queue_full")
    events.refused("m", "queue_full")
    events.batch("m", 4, 0.002, 0.3)
    events.batch("m", 32, 0.02, 0.4)
    events.tokens("m", 10, 3)
    events.tokens("m", 0, 5)
    events.first_token("m", 0.05)
    events.reloaded("m", "2", True)
    events.reloaded("m", "3", False)
    events.worker_lost("m")
    found = read(client)
    assert found["flambeau_queue_length", "m"] == 7
    assert found["flambeau_refused_total", "m", "queue_full"] == 2
    assert found["flambeau_batch_size_count", "m"] == 2
    assert found["flambeau_batch_size_sum", "m"] == 36
    assert found["flambeau_batch_size_bucket", "m", "4.0"] == 1
    assert found["flambeau_batch_size_bucket", "m", "32.0"] == 2
    assert found["flambeau_model_seconds_sum", "m"] == pytest.approx(0.7)
    assert found["flambeau_queue_seconds_sum", "m"] == pytest.approx(0.022)
    assert found["flambeau_tokens_total", "m", "prompt"] == 10
    assert found["flambeau_tokens_total", "m", "generated"] == 8
    assert found["flambeau_first_token_seconds_count", "m"] == 1
    assert found["flambeau_reloads_total", "m", "loaded"] == 1
    assert found["flambeau_reloads_total", "m", "refused"] == 1
    assert found["flambeau_worker_deaths_total", "m"] == 1


def test_two_servers_do_not_meet() -> None:
    one, events = make()
    two, _ = make()
    events.worker_lost("m")
    assert ("flambeau_worker_deaths_total", "m") in read(one)
    assert ("flambeau_worker_deaths_total", "m") not in read(two)


def test_nothing_is_lost_between_threads() -> None:
    client, events = make()

    def work() -> None:
        for _ in range(500):
            events.batch("m", 1, 0.0, 0.0)
            events.tokens("m", 1, 2)
            events.refused("m", "deadline")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read(client)
    assert found["flambeau_batch_size_count", "m"] == 2000
    assert found["flambeau_tokens_total", "m", "generated"] == 4000
    assert found["flambeau_refused_total", "m", "deadline"] == 2000


def test_another_listener_is_told() -> None:
    told: list[tuple[str, tuple[object, ...]]] = []
    names = [name for name in vars(Events) if not name.startswith("_")]

    class Listener(Events):
        def __getattribute__(self, name: str) -> object:
            if name in names:
                return lambda *given: told.append((name, given))
            return super().__getattribute__(name)

    events = Metrics(also=Listener())
    calls: dict[str, tuple[object, ...]] = {
        "queued": ("m", 1),
        "refused": ("m", "stopping"),
        "batch": ("m", 1, 0.1, 0.2),
        "tokens": ("m", 1, 2),
        "first_token": ("m", 0.1),
        "reloaded": ("m", "1", True),
        "worker_lost": ("m",),
    }
    assert sorted(calls) == sorted(names)  # whatever comes to Events has to be passed on
    for name, given in calls.items():
        getattr(events, name)(*given)
    assert told == list(calls.items())


def test_histogram() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.observe(value)
    assert histogram.buckets() == [("1.0", 2), ("2.0", 3), ("+Inf", 4)]
    assert histogram.total == 12.0

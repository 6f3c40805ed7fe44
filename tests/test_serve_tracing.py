"""OpenTelemetry: a request is a span, its wait and its model are spans within."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("opentelemetry.sdk.trace")

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from flambeau.serve.tracing import Tracer

# A provider is set once for a process, so this runs in one of its own.
SCRIPT = """
import json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient
import flambeau as fb
from flambeau.serve import Settings, Tensor, serve, tracing

def make():
    return serve(fb.nn.Linear(2, 2), input=Tensor((2,)), output=Tensor((2,)))

off = make()
tracing.configure(off.state.guard, Settings())
assert off.state.guard.tracer is None  # nobody asked for it: it costs nothing

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
app = make()
tracing.configure(app.state.guard, Settings())
parent = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
with TestClient(app) as client:
    answer = client.post("/predict", json={"input": [1, 2]}, headers={"traceparent": parent})
    assert answer.status_code == 200, answer.text
    client.get("/livez")
    client.get("/nowhere")
print(json.dumps([
    {
        "name": span.name,
        "id": span.context.span_id,
        "trace": span.context.trace_id,
        "parent": span.parent.span_id if span.parent else None,
        "took": span.end_time - span.start_time,
        "attributes": dict(span.attributes),
    }
    for span in exporter.get_finished_spans()
]))
"""


def test_requests_are_traced() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found = {span["name"]: span for span in json.loads(done.stdout.splitlines()[-1])}
    request, queue, model = found["POST /predict"], found["queue"], found["model"]
    assert request["parent"] == int("2" * 16, 16) and request["trace"] == int("1" * 32, 16)
    for span in (queue, model):
        assert span["trace"] == request["trace"] and span["parent"] == request["id"]
        assert span["took"] >= 0
    assert model["attributes"] == {"flambeau.batch_size": 1}
    assert request["attributes"]["http.response.status_code"] == 200
    assert found["GET /livez"]["parent"] is None
    assert found["GET unmatched"]["attributes"]["http.response.status_code"] == 404
    assert len(found) == 5


def test_spans_of_an_answer() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    observe = Tracer(provider).answered
    timing = (b"server-timing", b'queue;dur=1.50, model;dur=20.25, batch;desc="7"')
    observe([timing])
    assert not exporter.get_finished_spans()  # no request is traced here
    with provider.get_tracer("tests").start_as_current_span("request"):
        observe([(b"content-length", b"3"), timing])
        observe([(b"server-timing", b"cache;dur=3")])
        observe([])
        assert trace.get_current_span().is_recording()
    queue, model, request = exporter.get_finished_spans()
    assert [queue.name, model.name, request.name] == ["queue", "model", "request"]
    assert queue.end_time == model.start_time
    assert queue.end_time - queue.start_time == 1_500_000
    assert model.end_time - model.start_time == 20_250_000
    assert dict(model.attributes or {}) == {"flambeau.batch_size": 7}


def test_the_exporter_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from flambeau.serve.settings import Settings
    from flambeau.serve.tracing import configure

    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    with pytest.raises(ValueError, match="pip install"):
        configure(SimpleNamespace(tracer=None), Settings(tracing=True))  # type: ignore[arg-type]

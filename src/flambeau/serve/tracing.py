"""Spans for OpenTelemetry: the request (FastAPI's own), and in it the queue and the model.

FastAPI makes a span for each request as soon as a tracer provider is set, and continues the trace
of a ``traceparent`` header. What the queue and the model took is in the answer's ``server-timing``;
it becomes two spans below. As long as nobody sets a provider nothing of this runs.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable
from time import time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flambeau.serve.guard import Guard
    from flambeau.serve.settings import Settings

_TIMING = re.compile(rb'queue;dur=([\d.]+), model;dur=([\d.]+)(?:, batch;desc="(\d+)")?')
Observe = Callable[[Iterable[tuple[bytes, bytes]]], None]


def configure(guard: Guard, settings: Settings) -> None:
    """Set up OpenTelemetry's SDK where the settings ask for it, and have the guard tell of answers.

    A tracer provider that the application has set already is used as it is.

    Raises:
        ValueError: Tracing is asked for, and the SDK is not installed.
    """
    from opentelemetry import trace

    provider = trace.get_tracer_provider()
    if settings.tracing and isinstance(provider, trace.ProxyTracerProvider):
        trace.set_tracer_provider(_provider())
    elif isinstance(provider, trace.ProxyTracerProvider):
        return
    guard.on_timing = spans()


def _provider() -> Any:
    """A provider that exports as the variables OTEL_EXPORTER_OTLP_* say."""
    try:
        exporter = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ValueError(
            f"tracing needs {error.name}: pip install opentelemetry-sdk "
            "opentelemetry-exporter-otlp-proto-http"
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": "flambeau"}))
    provider.add_span_processor(BatchSpanProcessor(exporter.OTLPSpanExporter()))
    return provider


def spans(provider: Any = None) -> Observe:
    """Return what makes the spans of an answer from its headers, within the request's span."""
    from opentelemetry import trace

    tracer = trace.get_tracer("flambeau.serve", tracer_provider=provider)

    def observe(headers: Iterable[tuple[bytes, bytes]]) -> None:
        timing = next((value for name, value in headers if name == b"server-timing"), b"")
        found = _TIMING.search(timing)
        if found is None or not trace.get_current_span().is_recording():
            return
        end = time_ns()
        begin = end - int(float(found[2]) * 1e6)
        queued = begin - int(float(found[1]) * 1e6)
        tracer.start_span("queue", start_time=queued).end(begin)
        size = {"flambeau.batch_size": int(found[3])} if found[3] else None
        tracer.start_span("model", start_time=begin, attributes=size).end(end)

    return observe

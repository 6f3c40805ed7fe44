"""Spans for OpenTelemetry: the request, and in it the queue and the model.

A request's span continues the trace of its ``traceparent`` header. What the queue and the model
took is in the answer's ``server-timing``; it becomes two spans below. As long as nobody sets a
tracer provider, or asks for one in the settings, nothing of this runs.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, MutableMapping
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry import context, propagate, trace

if TYPE_CHECKING:
    from flambeau.serve.guard import Guard
    from flambeau.serve.settings import Settings

_TIMING = re.compile(rb'queue;dur=([\d.]+), model;dur=([\d.]+)(?:, batch;desc="(\d+)")?')
Scope = MutableMapping[str, Any]
Begun = tuple[trace.Span, Any]


def configure(guard: Guard, settings: Settings) -> None:
    """Set up OpenTelemetry's SDK where the settings ask for it, and have the guard tell of answers.

    A tracer provider that the application has set already is used as it is.

    Raises:
        ValueError: Tracing is asked for, and the SDK is not installed.
    """
    provider = trace.get_tracer_provider()
    if settings.tracing and isinstance(provider, trace.ProxyTracerProvider):
        trace.set_tracer_provider(_provider())
    elif isinstance(provider, trace.ProxyTracerProvider):
        return
    guard.tracer = Tracer()


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


class Tracer:
    """Makes the spans of requests.

    Args:
        provider: of the spans; the global one if None.
    """

    def __init__(self, provider: Any = None) -> None:
        self._tracer = trace.get_tracer("flambeau.serve", tracer_provider=provider)

    def begin(self, scope: Scope) -> Begun | None:
        """Begin a request's span, below the one that its ``traceparent`` names, and enter it."""
        if scope.get("fastapi.telemetry") is not None:
            return None  # FastAPI makes one itself where the application lets it
        carrier = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        span = self._tracer.start_span(
            scope["method"],
            context=propagate.extract(carrier),
            kind=trace.SpanKind.SERVER,
            attributes={"http.request.method": scope["method"], "url.scheme": scope["scheme"]},
        )
        return span, context.attach(trace.set_span_in_context(span))

    def answered(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Make the spans of the queue and the model from an answer's ``server-timing``."""
        timing = next((value for name, value in headers if name == b"server-timing"), b"")
        found = _TIMING.search(timing)
        if found is None or not trace.get_current_span().is_recording():
            return
        end = time_ns()
        begin = end - int(float(found[2]) * 1e6)
        queued = begin - int(float(found[1]) * 1e6)
        self._tracer.start_span("queue", start_time=queued).end(begin)
        size = {"flambeau.batch_size": int(found[3])} if found[3] else None
        self._tracer.start_span("model", start_time=begin, attributes=size).end(end)

    def end(self, begun: Begun, method: str, route: str, status: int, request: str) -> None:
        """End a request's span, now that its route and status are known."""
        span, token = begun
        context.detach(token)
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", status)
        span.set_attribute("flambeau.request_id", request)
        if status >= 500:
            span.set_status(trace.StatusCode.ERROR)
        span.end()

"""What a server does, in numbers that Prometheus reads at ``GET /metrics``.

The numbers are kept as plain integers and floats, since the clients' own counters lock and look up
labels for each of them; they become Prometheus's only when somebody asks.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from flambeau.serve.events import Events

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from flambeau.serve.guard import Guard

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Histogram:
    """Counts values by the bound that they do not exceed."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count ``value``."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return the bounds with the count of values up to each, as Prometheus wants them."""
        so_far, found = 0, []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            so_far += count
            found.append(("+Inf" if bound == float("inf") else str(bound), float(so_far)))
        return found


class _Model:
    """The numbers of one model."""

    def __init__(self) -> None:
        self.waiting = 0
        self.batches = Histogram(_SIZES)
        self.waited = Histogram(_SECONDS)
        self.took = Histogram(_SECONDS)
        self.first_token = Histogram(_SECONDS)
        self.tokens = {"prompt": 0, "generated": 0}
        self.reloads = {"loaded": 0, "refused": 0}
        self.lost = 0


class Metrics(Events):
    """Hears of everything, and tells Prometheus.

    Args:
        also: another listener that is told too.
    """

    def __init__(self, also: Events | None = None) -> None:
        self._also = also
        self._lock = threading.Lock()
        self._models: dict[str, _Model] = {}
        self._refused: dict[tuple[str, str], int] = {}
        # Only the event loop touches these two, so they need no lock.
        self._answers: dict[tuple[str, str, int], list[Any]] = {}
        self._routes: dict[str, Histogram] = {}
        self.in_flight: Callable[[], int] = lambda: 0

    # --- the guard's ---

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        answer = self._answers.get((method, route, status))
        if answer is None:
            known = method if method in _METHODS else "OTHER"
            answer = self._answers.setdefault(
                (known, route, status), [0, self._routes.setdefault(route, Histogram(_SECONDS))]
            )
        answer[0] += 1
        answer[1].observe(seconds)

    def turned_away(self, reason: str) -> None:
        """A request was refused before it reached a route."""
        self._refuse("", reason)

    # --- the models' ---

    def queued(self, model: str, waiting: int) -> None:
        self._model(model).waiting = waiting
        if self._also is not None:
            self._also.queued(model, waiting)

    def refused(self, model: str, reason: str) -> None:
        self._refuse(model, reason)
        if self._also is not None:
            self._also.refused(model, reason)

    def batch(self, model: str, size: int, waited: float, took: float) -> None:
        numbers = self._model(model)
        with self._lock:
            numbers.batches.observe(size)
            numbers.waited.observe(waited)
            numbers.took.observe(took)
        if self._also is not None:
            self._also.batch(model, size, waited, took)

    def tokens(self, model: str, prompt: int, generated: int) -> None:
        numbers = self._model(model)
        with self._lock:
            numbers.tokens["prompt"] += prompt
            numbers.tokens["generated"] += generated
        if self._also is not None:
            self._also.tokens(model, prompt, generated)

    def first_token(self, model: str, seconds: float) -> None:
        numbers = self._model(model)
        with self._lock:
            numbers.first_token.observe(seconds)
        if self._also is not None:
            self._also.first_token(model, seconds)

    def reloaded(self, model: str, version: str, ok: bool) -> None:
        numbers = self._model(model)
        with self._lock:
            numbers.reloads["loaded" if ok else "refused"] += 1
        if self._also is not None:
            self._also.reloaded(model, version, ok)

    def worker_lost(self, model: str) -> None:
        numbers = self._model(model)
        with self._lock:
            numbers.lost += 1
        if self._also is not None:
            self._also.worker_lost(model)

    def _model(self, name: str) -> _Model:
        return self._models.get(name) or self._models.setdefault(name, _Model())

    def _refuse(self, model: str, reason: str) -> None:
        with self._lock:
            self._refused[model, reason] = self._refused.get((model, reason), 0) + 1

    # --- Prometheus's ---

    def collect(self) -> Iterator[Any]:
        """Yield the metric families (prometheus_client's collector protocol)."""
        from prometheus_client.core import (
            CounterMetricFamily as Counter,
            GaugeMetricFamily as Gauge,
            HistogramMetricFamily as Distribution,
        )

        requests = Counter(
            "flambeau_requests", "Answered requests", labels=["method", "route", "status"]
        )
        for (method, route, status), (number, _) in list(self._answers.items()):
            requests.add_metric([method, route, str(status)], number)
        yield requests
        seconds = Distribution(
            "flambeau_request_seconds", "From request to answer", labels=["route"]
        )
        for route, histogram in list(self._routes.items()):
            seconds.add_metric([route], histogram.buckets(), histogram.total)
        yield seconds
        yield Gauge("flambeau_in_flight", "Requests that are being answered", self.in_flight())
        with self._lock:
            refused = Counter(
                "flambeau_refused", "Requests that were turned away", labels=["model", "reason"]
            )
            for (model, reason), number in self._refused.items():
                refused.add_metric([model, reason], number)
            models = list(self._models.items())
        yield refused
        yield from self._collect_models(models, Counter, Gauge, Distribution)

    def _collect_models(
        self, models: list[tuple[str, _Model]], counter: Any, gauge: Any, distribution: Any
    ) -> Iterator[Any]:
        waiting = gauge("flambeau_queue_length", "Requests that wait", labels=["model"])
        lost = counter("flambeau_worker_deaths", "Processes that ended", labels=["model"])
        tokens = counter("flambeau_tokens", "Tokens read and written", labels=["model", "kind"])
        reloads = counter("flambeau_reloads", "Changed model files", labels=["model", "result"])
        families = [waiting, lost, tokens, reloads]
        with self._lock:
            for name, numbers in models:
                waiting.add_metric([name], numbers.waiting)
                lost.add_metric([name], numbers.lost)
                for kind, number in numbers.tokens.items():
                    tokens.add_metric([name, kind], number)
                for result, number in numbers.reloads.items():
                    reloads.add_metric([name, result], number)
            for field, title, about in (
                ("batches", "flambeau_batch_size", "Requests in a batch"),
                ("waited", "flambeau_queue_seconds", "Wait of a batch's oldest request"),
                ("took", "flambeau_model_seconds", "Time that the model took for a batch"),
                ("first_token", "flambeau_first_token_seconds", "From request to first token"),
            ):
                family = distribution(title, about, labels=["model"])
                for name, numbers in models:
                    histogram: Histogram = getattr(numbers, field)
                    family.add_metric([name], histogram.buckets(), histogram.total)
                families.append(family)
        yield from families


def install(app: Starlette, guard: Guard, metrics: Metrics) -> None:
    """Add ``GET /metrics``, and have the guard tell ``metrics`` of every request."""
    from starlette.requests import Request
    from starlette.responses import Response

    guard.observer = metrics
    metrics.in_flight = lambda: len(guard.in_flight)
    registry: Any = None

    async def show(request: Request) -> Response:
        nonlocal registry
        from prometheus_client import (
            CollectorRegistry,
            GCCollector,
            PlatformCollector,
            ProcessCollector,
        )
        from prometheus_client.exposition import choose_encoder

        if registry is None:
            registry = CollectorRegistry(auto_describe=False)
            registry.register(metrics)
            for extra in (ProcessCollector, PlatformCollector, GCCollector):
                extra(registry=registry)
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": media_type})

    app.add_route("/metrics", show, methods=["GET"], include_in_schema=False)

"""``serve``: an ordinary FastAPI application around models."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from flambeau.serve import endpoint, guard, health, metrics, openapi, playground as page
from flambeau.serve.batching import Batch, Batcher
from flambeau.serve.events import Events
from flambeau.serve.limits import Limits
from flambeau.serve.models import Model, Registry
from flambeau.serve.processes import ProcessRunner
from flambeau.serve.reload import Watcher, watch
from flambeau.serve.text.protocol import is_text_model


class Server:
    """What stands behind an application, its models and what they share: ``app.state.flambeau``.

    Args:
        models: to serve; the first is the default.
        limits: of requests.
        keys: who may ask.
        events: is told what happens.
    """

    def __init__(
        self,
        models: Sequence[Model],
        *,
        limits: Limits | None = None,
        keys: Sequence[Any] = (),
        events: Events | None = None,
    ) -> None:
        self.registry = Registry(models)
        self.limits = limits or Limits()
        self.keys = list(keys)
        self.events = events or Events()
        self.stopping = False
        self.loop: asyncio.AbstractEventLoop | None = None
        self.text_models: list[dict[str, Any]] = []
        self.extend_openapi: list[Callable[[dict[str, Any]], None]] = []
        self.on_start: list[Callable[[], Awaitable[None] | None]] = []
        self.on_stop: list[Callable[[float], Awaitable[None] | None]] = []
        self.batchers = {model: self._batcher(model) for model in self.registry}
        self._watching: asyncio.Task[None] | None = None

    def _batcher(self, model: Model) -> Batcher:
        run, queue, events = self._runner(model), self.limits.queue, self.events
        return Batcher(run, model.batch, name=model.id, queue=queue, events=events)

    def _runner(self, model: Model) -> Callable[..., Any]:
        """Return what a model's batches run in: this process, or some of its own."""
        run = model.run
        if not model.workers:
            return run
        timeout, events = self.limits.timeout, self.events
        return ProcessRunner(
            lambda: run, model.workers, name=model.id, timeout=timeout, events=events
        )

    async def start(self) -> None:
        """Begin to serve the running event loop; called by the lifespan or by the first request.

        An application that is mounted in another one hears of no lifespan: there the first request
        starts it, or ``async with server.running()`` in the other's lifespan, which also drains.
        """
        loop = asyncio.get_running_loop()
        if self.loop is loop:
            return
        for model in self.registry:
            await model.try_async()
        self.loop, self.stopping = loop, False
        for batcher in self.batchers.values():
            batcher.start()
        for start in self.on_start:
            await _maybe(start())
        watchers = [
            Watcher(model, self._replacer(model), self.events)
            for model in self.registry
            if model.path is not None
        ]
        if watchers:
            self._watching = loop.create_task(watch(watchers))

    def _replacer(self, model: Model) -> Callable[[Any], None]:
        def replace(predict: Any) -> None:
            model.predict, model.run = predict, model.runner(predict)
            self.batchers[model].replace(self._runner(model))

        return replace

    async def stop(self) -> None:
        """Take no more requests and finish those that were taken, within ``limits.shutdown``."""
        self.stopping = True
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        seconds = self.limits.shutdown
        drains = [batcher.drain(seconds) for batcher in self.batchers.values()]
        await asyncio.gather(*drains, *(_maybe(stop(seconds)) for stop in self.on_stop))
        self.loop = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve as long as the context is open: for the lifespan of another application."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    def state(self, model: Model) -> str:
        """``ready`` or ``loading``."""
        is_ready = self.loop is not None and self.batchers[model].is_ready
        return "ready" if is_ready else "loading"

    def unready(self) -> list[str]:
        """The names of models that cannot answer yet."""
        return [model.id for model in self.registry if self.state(model) != "ready"]


async def _maybe(value: Awaitable[None] | None) -> None:
    if value is not None:
        await value


def serve(
    target: Any,
    *,
    input: Any = None,
    output: Any = None,
    name: str = "default",
    version: str = "1",
    batch: Batch | None = None,
    limits: Limits | None = None,
    keys: Sequence[Any] = (),
    cors: Sequence[str] = (),
    workers: int = 0,
    example: Any = None,
    title: str | None = None,
    description: str | None = None,
    playground: bool = True,
    events: Events | None = None,
) -> FastAPI:
    """Make a FastAPI application that serves a model.

    It can be extended like any other, and be mounted in another one.

    Args:
        target: an nn.Module, a function (plain, async or generator), the path of a model file, a
            TextModel, a Model, or a list of the last three; files in it are called as their name
            without the ending. A function gets batches; see Model.
        input: a field such as ``Tensor((64,))``, or fields by name.
        output: the same for what the model returns.
        name: of the model, for its URL.
        version: of the model, for its URL.
        batch: how requests are gathered.
        limits: what a request may cost.
        keys: who may ask; without any, everybody, and only this machine is listened to.
        cors: origins of other web pages that may ask, such as ``https://example.org``.
        workers: processes that run the model; 0 is a thread of this one.
        example: an input that is tried now, and shown to people.
        title: of the API and the page.
        description: of the model.
        playground: whether ``/`` is a page on which to try the model.
        events: is told what happens, beside the metrics.

    Returns:
        The application; ``app.state.flambeau`` is its Server.

    Raises:
        ValueError: Something is missing or does not fit together.
        TypeError: The target is nothing that can be served.

    Example:
        >>> from flambeau.serve import Text, serve
        >>> app = serve(lambda texts: [t.upper() for t in texts], input=Text(), output=Text())
        >>> sorted(route.path for route in app.routes if "predict" in route.path)
        ['/models/default/predict', '/models/default/versions/1/predict', '/predict']
    """
    options = {
        "input": input,
        "output": output,
        "name": name,
        "version": version,
        "batch": batch or Batch(),
        "workers": workers,
        "example": example,
        "description": description or "",
    }
    text_models, target = _text_models(target)
    models = models_of(target, options)
    if not models and not text_models:
        raise ValueError("serve: the list of models is empty")
    for model in models:
        model.try_example()
    numbers = metrics.Metrics(events)
    server = Server(models, limits=limits, keys=keys, events=numbers)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with server.running():
            yield

    app = FastAPI(
        title=title or "flambeau",
        description=description or "",
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        docs_url=None,
        redoc_url=None,
    )
    app.state.flambeau = server
    endpoint.install(app, server)
    if text_models:
        from flambeau.serve.text import openai

        openai.install(app, server, text_models)
    guarding = guard.install(app, server, cors)
    health.install(app, guarding, server.unready)
    metrics.install(app, guarding, numbers)
    openapi.install(app, server)
    if playground:
        page.install(app, server)
    return app


def _text_models(target: Any) -> tuple[list[Any], Any]:
    """Return the text models of a target, and what else it holds."""
    parts = list(target) if isinstance(target, list | tuple) else [target]
    found = [part for part in parts if is_text_model(part)]
    if not found:
        return [], target
    return found, [part for part in parts if not any(part is each for each in found)]


# What a Model of its own decides for itself.
_DEFAULTS = {
    "input": None,
    "output": None,
    "name": "default",
    "version": "1",
    "batch": Batch(),
    "workers": 0,
    "example": None,
}


def models_of(target: Any, options: dict[str, Any]) -> list[Model]:
    """Return the models that ``serve`` was asked for.

    Raises:
        ValueError: Something is missing or does not fit together.
        TypeError: The target is nothing that can be served.
    """
    if isinstance(target, list | tuple | Model):
        found = [target] if isinstance(target, Model) else [_listed(part) for part in target]
        for name, value in options.items():
            if name != "description" and value != _DEFAULTS[name]:
                raise ValueError(f"serve: {name}= belongs to the Model itself")
        return found
    if isinstance(target, str | os.PathLike):
        return [Model(path=target, **options)]
    if not callable(target):
        raise TypeError(
            "serve: expected a module, a function, a model file's path, a TextModel or Models, but "
            f"got {type(target).__name__}"
        )
    return [Model(target, **options)]


def _listed(part: Any) -> Model:
    if isinstance(part, Model):
        return part
    if isinstance(part, str | os.PathLike):
        return Model(path=part, name=Path(part).stem)
    raise TypeError(f"serve: a list must hold Models or files, but holds {type(part).__name__}")


__all__ = ["Server", "serve"]

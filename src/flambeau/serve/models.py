"""Models by name and version, and how what they are given becomes something to run."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

import flambeau as fb
from flambeau import nn
from flambeau.serve.batching import Batch
from flambeau.serve.fields import WrongResult
from flambeau.serve.limits import Limits
from flambeau.serve.loaders import Loaded, load_model
from flambeau.serve.signature import Item, Signature

Stamp = tuple[int, int, int]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
Path = str | os.PathLike[str]


def stamp_of(path: Path) -> Stamp | None:
    """What changes when a file does; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class Model:
    """Something that can be served.

    ``predict`` always gets batches: tensors stacked to (B, ...), everything else as a list of B;
    several inputs as keyword arguments. It returns a tensor (B, ...), a list of B, or a dict of
    those by the outputs' names. A generator gets one value at a time, not batched, and what it
    yields is streamed.

    Args:
        predict: an nn.Module (evaluated without gradients), a function, an async function, or a
            generator function. To refuse one request of a batch it puts a ServeError in its place
            in the list of results.
        input: a field, or fields by name.
        output: a field, or fields by name.
        name: for the URL: letters, digits, ``.``, ``_`` and ``-``.
        version: the same.
        batch: how requests are batched.
        workers: processes that run it; 0 is a thread of the serving process.
        example: an input that is tried before anybody is served, and shown to people.
        path: the file it is loaded from; when that changes, the model is loaded anew.
        load: makes ``predict`` of the path; without it the file tells what it is.
        description: for people.

    Raises:
        ValueError: Something is missing or wrong.
        FormatError: The file is broken.

    Example:
        >>> from flambeau.serve import Model, Text
        >>> shout = Model(lambda texts: [t.upper() for t in texts], Text(), Text(), name="shout")
        >>> shout.run([{"input": "fire"}])
        [{'output': 'FIRE'}]
    """

    def __init__(
        self,
        predict: Any = None,
        input: Any = None,
        output: Any = None,
        *,
        name: str = "default",
        version: str = "1",
        batch: Batch | None = None,
        workers: int = 0,
        example: Any = None,
        path: Path | None = None,
        load: Callable[[Any], Any] | None = None,
        description: str = "",
    ) -> None:
        self.path = None if path is None else os.fspath(path)
        self.stamp = None if path is None else stamp_of(path)
        if (predict is None) == (path is None):
            raise ValueError("Model: give either predict or path")
        self._source: Loaded | None = None
        if path is not None and load is None:
            self._source = load_model(path)
            predict = self._source.predict
            input = self._source.input if input is None else input
            output = self._source.output if output is None else output
        elif load is not None:
            predict = load(path)
        if not callable(predict):
            raise ValueError(f"Model: expected a module or a function, not {predict!r}")
        for text, what in ((name, "name"), (version, "version")):
            if not isinstance(text, str) or not NAME.fullmatch(text):
                raise ValueError(
                    f"Model: {what} {text!r} must be letters, digits, '.', '_' and '-', at most 64"
                )
        if workers < 0:
            raise ValueError(f"Model: workers must not be negative, but is {workers}")
        try:
            self.signature = Signature(input, output)
            self.example = None if example is None else self.signature.example_from(example)
        except ValueError as error:
            raise ValueError(f"model {name!r}: {error}") from None
        self.name, self.version = name, version
        self.batch = batch or Batch()
        self.workers = workers
        self.load = load
        self.description = description
        self.stream = is_generator(predict)
        self._own_example = self.example is not None
        self.example = self.example or self.signature.example()
        self.predict = predict
        self.run = self.runner(predict)

    @property
    def id(self) -> str:
        """The name that metrics know it by."""
        return self.name if self.version == "1" else f"{self.name}@{self.version}"

    def runner(self, predict: Any) -> Callable[..., Any]:
        """Return what a Batcher runs: items to answers, or one item to a generator of answers."""
        if self.stream:
            return _streaming(predict, self.signature)
        if is_async(predict):
            return _asynchronous(predict, self.signature)
        return _synchronous(predict, self.signature)

    def reload(self) -> Any:
        """Return ``predict`` of the file as it is now, tried on the example.

        Raises:
            ValueError: It fails, or is another kind of model, which needs a new server.
            FormatError: It is broken.
        """
        assert self.path is not None
        if self.load is not None:
            predict = self.load(self.path)
        else:
            found = load_model(self.path)
            if self._source is None or found.key != self._source.key:
                raise ValueError("its inputs or outputs are others than before")
            predict = found.predict
        if not callable(predict) or is_generator(predict) != self.stream:
            raise ValueError("it is called in another way than before")
        self.try_example(predict)
        return predict

    def try_example(self, predict: Any = None) -> None:
        """Run the example, twice in one batch, and check what comes out.

        Only modules are tried with an example that nobody gave. Generators are not tried, and async
        functions by ``try_async``.

        Raises:
            ValueError: It fails, or gives something else than the outputs declare.
        """
        predict = self.predict if predict is None else predict
        if is_async(predict) or not (self._own_example or isinstance(predict, nn.Module)):
            return
        if items := self._example_items():
            with self._trying():
                _raise_first(self.runner(predict)(items))

    async def try_async(self) -> None:
        """Do the same for an async function.

        Raises:
            ValueError: as there.
        """
        if is_async(self.predict) and self._own_example and (items := self._example_items()):
            with self._trying():
                _raise_first(await self.run(items))

    def _example_items(self) -> list[Item]:
        if self.example is None or self.stream:
            return []
        read = self.signature.read_json(msgspec.json.encode(self.example))
        return [self.signature.decode(read, Limits()) for _ in range(2)]

    @contextmanager
    def _trying(self) -> Iterator[None]:
        """Say whose example failed."""
        try:
            yield
        except WrongResult as error:
            raise ValueError(f"model {self.name!r}: {error}") from None
        except Exception as error:
            raise ValueError(
                f"model {self.name!r} fails on its example: {type(error).__name__}: {error}"
            ) from error


def _raise_first(answers: list[Any]) -> None:
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer


def is_generator(predict: Any) -> bool:
    """Whether it yields: a generator function, plain or async, or an object called as one."""
    return _is(inspect.isgeneratorfunction, predict) or _is(inspect.isasyncgenfunction, predict)


def is_async(predict: Any) -> bool:
    """Whether it must be awaited."""
    return _is(inspect.iscoroutinefunction, predict)


def _is(test: Callable[[Any], bool], predict: Any) -> bool:
    return test(predict) or test(type(predict).__call__)


def _caller(predict: Any, signature: Signature) -> Callable[[Item], Any]:
    """How ``predict`` is called: the only input comes alone."""
    if isinstance(predict, nn.Module):
        predict.eval()
    alone = signature.alone

    def call(arguments: Item) -> Any:
        return predict(arguments[alone]) if alone is not None else predict(**arguments)

    if not isinstance(predict, nn.Module):
        return call

    def without_gradients(arguments: Item) -> Any:
        with fb.inference_mode():
            return call(arguments)

    return without_gradients


def _synchronous(predict: Any, signature: Signature) -> Callable[[list[Item]], list[Any]]:
    call = _caller(predict, signature)

    def run(items: list[Item]) -> list[Any]:
        groups = signature.groups(items)
        if len(groups) == 1:
            return signature.encode(call(signature.collate(items)), len(items))
        answers: list[Any] = [None] * len(items)
        for group in groups:
            try:
                made = run([items[i] for i in group])
            except Exception as error:  # the other groups have nothing to do with it
                made = [error] * len(group)
            for position, answer in zip(group, made, strict=True):
                answers[position] = answer
        return answers

    return run


def _asynchronous(predict: Any, signature: Signature) -> Callable[[list[Item]], Any]:
    call = _caller(predict, signature)

    async def run(items: list[Item]) -> list[Any]:
        answers: list[Any] = [None] * len(items)
        for group in signature.groups(items):
            try:
                batch = signature.collate([items[i] for i in group])
                made: list[Any] = list(signature.encode(await call(batch), len(group)))
            except Exception as error:
                made = [error] * len(group)
            for position, answer in zip(group, made, strict=True):
                answers[position] = answer
        return answers

    return run


def _streaming(predict: Any, signature: Signature) -> Callable[[Item], Any]:
    call = _caller(predict, signature)

    def run(item: Item) -> Iterator[Item]:
        for result in call(signature.single(item)):
            yield signature.encode_single(result)

    async def run_async(item: Item) -> AsyncIterator[Item]:
        async for result in call(signature.single(item)):
            yield signature.encode_single(result)

    return run_async if _is(inspect.isasyncgenfunction, predict) else run


class Registry:
    """The models of a server; the first one is the default.

    Args:
        models: each with a name and version of its own.

    Raises:
        ValueError: Two are called the same, or there is none.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = list(models)
        self._by_name: dict[str, dict[str, Model]] = {}
        for model in self.models:
            versions = self._by_name.setdefault(model.name, {})
            if model.version in versions:
                raise ValueError(
                    f"there are two models {model.name!r} of version {model.version!r}: give them "
                    "different names or versions"
                )
            versions[model.version] = model

    def __iter__(self) -> Iterator[Model]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)

    def names(self) -> list[str]:
        return list(self._by_name)

    def versions(self, name: str) -> list[Model]:
        """The versions of a model; the first one answers where none is asked for."""
        return list(self._by_name[name].values())


__all__ = ["Model", "Registry", "is_generator"]

"""Model files that say themselves how they are served."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flambeau.io.errors import FormatError


@dataclass
class Loaded:
    """What a file holds.

    Args:
        predict: as for Model.
        input: the field it takes.
        output: the field it gives.
        key: what must stay the same when a changed file is loaded in its place.
    """

    predict: Any
    input: Any
    output: Any
    key: Any


Loader = Callable[[str], Loaded]
_loaders: dict[str, Loader] = {}


def loader(form: str) -> Callable[[Loader], Loader]:
    """Register how files are loaded whose metadata has this ``format``."""

    def register(function: Loader) -> Loader:
        _loaders[form] = function
        return function

    return register


def load_model(path: str | os.PathLike[str]) -> Loaded:
    """Load a model file by what its metadata says it is.

    Raises:
        FileNotFoundError: There is no such file.
        FormatError: It is broken, or nobody knows its format.
    """
    from flambeau.io.safetensors import safe_open

    name = os.fspath(path)
    with safe_open(name) as file:
        form = file.metadata().get("format", "")
    if form not in _loaders:
        known = ", ".join(sorted(_loaders))
        raise FormatError(
            f"{name} does not say how it is served: its format is {form[:64]!r}, and known are "
            f"{known}; give load=, input= and output="
        )
    return _loaders[form](name)


@loader("flambeau.classifier.1")
def _classifier(path: str) -> Loaded:
    from flambeau.serve.fields import Image, Labels
    from flambeau.vision.classifier import load_classifier
    from flambeau.vision.pictures import fit, ink_of

    found = load_classifier(path)
    height, width = found.form.height, found.form.width

    def prepare(picture: Any) -> Any:
        return fit(ink_of(picture), found.form).reshape(1, height, width)

    image = Image("L", size=(height, width), transform=prepare, drawing=True)
    key = (list(found.classes), found.form)
    return Loaded(found.model, image, Labels(found.classes), key)

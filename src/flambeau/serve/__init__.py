"""Serving: from a trained model to a REST API and a page.

>>> import flambeau as fb
>>> from flambeau.serve import Tensor, serve
>>> app = serve(fb.nn.Linear(4, 2), input=Tensor((4,)), output=Tensor((2,)))
"""

from typing import TYPE_CHECKING, Any

from flambeau.utils.lazy import lazy_names

if TYPE_CHECKING:
    from flambeau.serve.app import Server, serve
    from flambeau.serve.batching import Batch
    from flambeau.serve.errors import InvalidInput, ServeError
    from flambeau.serve.events import Events
    from flambeau.serve.fields import Field, File, Image, Json, Labels, Tensor, Text
    from flambeau.serve.limits import Limits
    from flambeau.serve.models import Model

_HOMES = {
    "app": ("Server", "serve"),
    "batching": ("Batch",),
    "errors": ("InvalidInput", "ServeError"),
    "events": ("Events",),
    "fields": ("Field", "File", "Image", "Json", "Labels", "Tensor", "Text"),
    "keys": ("ApiKey",),
    "limits": ("Limits",),
    "models": ("Model",),
    "running": ("run",),
    "settings": ("Settings",),
    "text": ("TextModel",),
}
_load = lazy_names(__name__, _HOMES)
# Packages of the extra: their absence has one remedy.
_EXTRA = {"fastapi", "starlette", "pydantic", "pydantic_settings", "msgspec", "python_multipart"}
_EXTRA |= {"uvicorn", "uvloop", "httptools", "prometheus_client"}

__all__ = [
    "ApiKey",
    "Batch",
    "Events",
    "Field",
    "File",
    "Image",
    "InvalidInput",
    "Json",
    "Labels",
    "Limits",
    "Model",
    "ServeError",
    "Server",
    "Settings",
    "Tensor",
    "Text",
    "TextModel",
    "run",
    "serve",
]


def __getattr__(name: str) -> Any:
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise ImportError(
            f"flambeau.serve needs {error.name}: pip install 'flambeau[serve]'", name=error.name
        ) from error

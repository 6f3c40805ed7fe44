"""Kinds of inputs and outputs: how a value looks in JSON and what the model gets."""

from flambeau.serve.fields.base import Field, WrongResult
from flambeau.serve.fields.file import File
from flambeau.serve.fields.image import Image
from flambeau.serve.fields.json_field import Json
from flambeau.serve.fields.labels import Labels
from flambeau.serve.fields.tensor import Tensor
from flambeau.serve.fields.text import Text

__all__ = ["Field", "File", "Image", "Json", "Labels", "Tensor", "Text", "WrongResult"]

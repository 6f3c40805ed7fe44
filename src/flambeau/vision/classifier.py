"""A picture classifier in one safetensors file: weights, layers, class names, picture format.

The layers are described in the file's metadata by name and options, so that the model can be built
again without its source and without executing anything from the file.
"""

import inspect
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import flambeau as fb
from flambeau.io.errors import FormatError
from flambeau.vision.pictures import PictureFormat

if TYPE_CHECKING:
    from flambeau import nn

FORMAT = "flambeau.classifier.1"
# What a file may ask for.
LAYERS = {
    *("Conv2d", "BatchNorm2d", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d"),
    *("Linear", "Flatten", "Dropout", "Dropout2d", "ReLU", "GELU", "SiLU", "LeakyReLU"),
}
MAX_LAYERS = 1000
MAX_OPTION = 1 << 20
NOT_OPTIONS = {"self", "device", "dtype"}


@dataclass
class Classifier:
    """A network with what is needed to use it on picture files.

    Args:
        model: Layers in sequence; takes (N, 1, height, width), gives (N, len(classes)) logits.
        classes: Name of each class.
        form: What the pictures look like.
    """

    model: "nn.Sequential"
    classes: Sequence[str]
    form: PictureFormat

    def probabilities(self, picture: "fb.Tensor") -> list[float]:
        """The probability of each class.

        Args:
            picture: Shape (height, width) in [0, 1].
        """
        self.model.eval()
        with fb.inference_mode():
            logits = self.model(picture.reshape(1, 1, *picture.shape))
            found: list[float] = fb.softmax(logits, dim=1)[0].tolist()
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file that ``load_classifier`` reads; an existing one is replaced at once."""
        from flambeau.io.safetensors import save_file

        metadata = {
            "format": FORMAT,
            "layers": json.dumps(describe(self.model)),
            "classes": json.dumps(list(self.classes)),
            "pictures": json.dumps(self.form.to_dict()),
        }
        save_file(self.model.state_dict(), path, metadata)


def describe(model: "nn.Sequential") -> list[list[Any]]:
    """Each layer as ``[name, options]``, with the options that are not the default.

    Raises:
        TypeError: A layer is of a kind that files cannot name.
    """
    return [[type(layer).__name__, _options(layer)] for layer in model]


def _options(layer: "nn.Module") -> dict[str, Any]:
    if type(layer).__name__ not in LAYERS:
        raise TypeError(
            f"a classifier's file cannot describe {type(layer).__name__}; it knows "
            f"{', '.join(sorted(LAYERS))}"
        )
    options = {}
    for parameter in inspect.signature(type(layer)).parameters.values():
        if parameter.name in NOT_OPTIONS:
            continue
        value = getattr(layer, parameter.name)
        if parameter.name == "bias":
            value = value is not None
        if value != parameter.default:
            options[parameter.name] = list(value) if isinstance(value, tuple) else value
    return options


def build(layers: Any, device: str | None = None) -> "nn.Sequential":
    """The network that ``describe`` described.

    Raises:
        FormatError: The description is not one, or asks for something that is not allowed.
    """
    from flambeau import nn

    if not isinstance(layers, list) or not 0 < len(layers) <= MAX_LAYERS:
        raise FormatError(f"classifier: a list of 1 to {MAX_LAYERS} layers was expected")
    return nn.Sequential(*(_layer(entry, device) for entry in layers))


def _layer(entry: Any, device: str | None) -> "nn.Module":
    from flambeau import nn

    if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], dict):
        raise FormatError("classifier: a layer must be given as [name, options]")
    name, options = entry
    if not isinstance(name, str) or name not in LAYERS:
        raise FormatError(f"classifier: unknown layer {str(name)[:64]!r}")
    kind = getattr(nn, name)
    parameters = inspect.signature(kind).parameters
    unknown = options.keys() - parameters.keys() | options.keys() & NOT_OPTIONS
    if unknown or not all(map(_is_option, options.values())):
        raise FormatError(f"classifier: layer {name} has invalid options")
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in options.items()}
    if "device" in parameters:
        given["device"] = device
    try:
        layer: nn.Module = kind(**given)
    except (TypeError, ValueError, RuntimeError, IndexError, OverflowError) as error:
        raise FormatError(f"classifier: layer {name} cannot be made: {error}") from None
    return layer


def _is_option(value: Any) -> bool:
    """Numbers of sensible size, short texts, and short lists of numbers."""
    if isinstance(value, list):
        return len(value) <= 4 and all(isinstance(v, int) and _is_option(v) for v in value)
    if isinstance(value, str):
        return len(value) <= 32
    return value is None or (isinstance(value, int | float) and abs(value) <= MAX_OPTION)


def load_classifier(path: str | os.PathLike[str]) -> Classifier:
    """Read a file that ``Classifier.save`` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        FormatError: It is broken, hostile, or holds something else.
    """
    from flambeau.io.safetensors import safe_open

    with safe_open(os.fspath(path)) as file:
        metadata = file.metadata()
        if metadata.get("format") != FORMAT:
            raise FormatError(
                f"{path} holds weights, but not the layers and classes of a classifier: it was "
                "not written by Classifier.save"
            )
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    classes = _parse(metadata, "classes")
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise FormatError("classifier: the classes must be a list of names")
    form = PictureFormat.from_dict(_parse(metadata, "pictures"))
    # On the meta device first: a file cannot make us reserve more memory than it has itself.
    model = build(_parse(metadata, "layers"), device="meta")
    try:
        model.load_state_dict(state, assign=True)
        model.eval()
        # Every parameter is of the file now; what has no memory yet shows here.
        output = model(fb.zeros(1, 1, form.height, form.width))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise FormatError(f"{path}: layers and weights do not fit each other: {error}") from None
    if tuple(output.shape) != (1, len(classes)):
        raise FormatError(
            f"{path}: the network gives {tuple(output.shape)} values for {len(classes)} classes"
        )
    return Classifier(model, classes, form)


def _parse(metadata: dict[str, str], key: str) -> Any:
    try:
        return json.loads(metadata[key])
    except (KeyError, ValueError, RecursionError) as error:
        raise FormatError(f"classifier: the file's entry {key!r} is broken: {error}") from None

"""The `flambeau` command: pictures of every kind in, classes out, clear errors for the rest."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import flambeau as fb
from flambeau import nn
from flambeau.cli.app import app
from flambeau.io.errors import FormatError
from flambeau.io.safetensors import load_file, safe_open, save_file
from flambeau.vision.classifier import Classifier, build, describe, load_classifier
from flambeau.vision.pictures import DIGITS, MNIST, PictureFormat, fit, ink_of, read_picture

# One shape per class; the network below has them as weights and so recognises them.
SHAPES = {
    "bar": ["...##...", "...##...", "...##...", "...##...", "...##...", "...##...", "...##..."],
    "ring": ["..####..", ".##..##.", "##....##", "##....##", "##....##", ".##..##.", "..####.."],
    "cross": ["##....##", ".##..##.", "..####..", "...##...", "..####..", ".##..##.", "##....##"],
}
CLASSES = list(SHAPES)


def shape(name: str) -> np.ndarray:
    """Ink in [0, 1], shape (7, 8)."""
    return np.array([[float(c == "#") for c in row] for row in SHAPES[name]], np.float32)


def drawn(name: str, *, scale: int = 12, dark: bool = True, margin: int = 40) -> Image.Image:
    ink = np.kron(shape(name), np.ones((scale, scale), np.float32))
    ink = np.pad(ink, ((margin, 2 * margin), (3 * margin, margin)))
    values = 235 - 215 * ink if dark else 20 + 200 * ink
    return Image.fromarray(values.astype(np.uint8))


def classifier() -> Classifier:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, len(CLASSES)))
    rows = [fit(fb.from_numpy(shape(name)), DIGITS).reshape(64) for name in CLASSES]
    with fb.no_grad():
        weight = fb.stack(rows) - 0.5
        model[1].weight.copy_(weight)
        model[1].bias.zero_()
    return Classifier(model, CLASSES, DIGITS)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    classifier().save(path)
    return path


def predict(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["predict", *map(str, arguments)])
    return result.exit_code, result.output


def ranked(output: str) -> list[tuple[str, float]]:
    found = re.findall(r"(\w+)\s*│\s*([\d.]+) %", output)
    return [(name, float(percent)) for name, percent in found]


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_predict(model: Path, tmp_path: Path, name: str, dark: bool, ending: str) -> None:
    picture = tmp_path / f"picture.{ending}"
    drawn(name, dark=dark).save(picture)
    code, output = predict(model, picture)
    assert code == 0, output
    found = ranked(output)
    assert found[0][0] == name
    assert sorted(each for each, _ in found) == sorted(CLASSES)
    assert abs(sum(percent for _, percent in found) - 100) < 0.2
    assert [percent for _, percent in found] == sorted((p for _, p in found), reverse=True)


@pytest.mark.parametrize("scale", [1, 3, 31])
def test_pictures_of_any_size(model: Path, tmp_path: Path, scale: int) -> None:
    picture = tmp_path / "picture.png"
    drawn("ring", scale=scale).save(picture)
    code, output = predict(model, picture)
    assert code == 0 and ranked(output)[0][0] == "ring", output


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_pictures_of_any_mode(tmp_path: Path, mode: str) -> None:
    drawing = drawn("cross")
    if mode == "I;16":
        drawing = Image.fromarray(np.asarray(drawing).astype(np.uint16) * 256)
    elif mode == "RGBA":  # ink on nothing
        alpha = Image.fromarray(255 - np.asarray(drawing))
        drawing = Image.merge("RGBA", [Image.new("L", drawing.size, 0)] * 3 + [alpha])
    else:
        drawing = drawing.convert(mode)
    path = tmp_path / f"picture.{'tif' if mode == 'CMYK' else 'png'}"
    drawing.save(path)
    probabilities = classifier().probabilities(read_picture(path, DIGITS))
    assert max(zip(probabilities, CLASSES, strict=True))[1] == "cross"


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    plain, turned = tmp_path / "plain.jpg", tmp_path / "turned.jpg"
    drawing = drawn("bar")
    drawing.save(plain)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees
    drawing.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
    difference = read_picture(plain, DIGITS) - read_picture(turned, DIGITS)
    assert difference.abs().max().item() < 0.1


def test_top_limits_the_classes(model: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    drawn("bar").save(picture)
    code, output = predict(model, picture, "--top", 1)
    assert code == 0 and [name for name, _ in ranked(output)] == ["bar"]


def test_centre_of_mass() -> None:
    ink = np.zeros((50, 30), np.float32)
    ink[5:45, 5:9] = 1
    ink[35:45, 5:17] = 1
    made = fit(fb.from_numpy(ink), MNIST).numpy()
    rows = np.arange(28) + 0.5
    assert abs((made.sum(axis=1) * rows).sum() / made.sum() - 14) < 1
    assert abs((made.sum(axis=0) * rows).sum() / made.sum() - 14) < 1
    assert (made.max(axis=1) > 0).sum() == 20


def test_unusable_pictures(model: Path, tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    drawn("bar").save(good)
    cases = {
        "missing.png": (None, "No such file"),
        "text.png": (b"this is no picture", "not a picture"),
        "empty.png": (b"", "not a picture"),
        "cut.png": (good.read_bytes()[:150], "picture"),
    }
    for name, (content, message) in cases.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        code, output = predict(model, path)
        assert code == 1 and message in " ".join(output.split()), (name, output)
        assert "Traceback" not in output
    blank = tmp_path / "blank.png"
    Image.new("L", (30, 30), 200).save(blank)
    code, output = predict(model, blank)
    assert code == 1 and "empty" in output
    code, output = predict(model, tmp_path)
    assert code == 1 and "Traceback" not in output


def test_unusable_models(model: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    drawn("bar").save(picture)
    plain = tmp_path / "plain.safetensors"
    save_file(load_file(model), plain)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(model.read_bytes()[:-5])
    text = tmp_path / "text.safetensors"
    text.write_text("no model at all")
    for path, message in (
        (tmp_path / "missing", "No such file"),
        (plain, "not written by Classifier.save"),
        (cut, "truncated"),
        (text, "safetensors"),
    ):
        code, output = predict(path, picture)
        assert code == 1 and message in " ".join(output.split()), (path, output)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layers", "[]"),
        ("layers", "not json"),
        ("layers", "[" * 100_000),
        ("layers", '[["Flatten", {}], ["system", {}]]'),
        ("layers", '[["Flatten", {}], ["Module", {}]]'),
        ("layers", '[["Flatten", {}], ["Linear", {"in_features": 1e300, "out_features": 3}]]'),
        ("layers", '[["Flatten", {}], ["Linear", {"in_features": 1048576, "out_features": 3}]]'),
        ("layers", '[["Flatten", {}], ["Linear", {"in_features": -1, "out_features": 3}]]'),
        ("layers", '[["Flatten", {}], ["Linear", {"in_features": 64, "device": "cpu"}]]'),
        ("layers", '[["Flatten", {"start_dim": [[1]]}]]'),
        ("layers", '[["Flatten", {}, 3]]'),
        ("layers", '{"Flatten": {}}'),
        ("layers", json.dumps([["ReLU", {}]] * 2000)),
        ("classes", '["one", "two"]'),
        ("classes", "[1, 2, 3]"),
        ("classes", "{}"),
        ("pictures", '{"height": 8, "width": 8, "box": 9}'),
        ("pictures", '{"height": 9, "width": 8, "box": 8}'),
        ("pictures", '{"height": 100000000, "width": 8, "box": 8}'),
        ("pictures", '{"height": 8.0, "width": 8, "box": 8}'),
        ("pictures", '{"depth": 8}'),
        ("pictures", "[8, 8, 8]"),
    ],
)
def test_hostile_metadata(model: Path, tmp_path: Path, key: str, value: str) -> None:
    with safe_open(model) as file:
        metadata = file.metadata() | {key: value}
    path = tmp_path / "hostile.safetensors"
    save_file(load_file(model), path, metadata)
    with pytest.raises(FormatError):
        load_classifier(path)


def test_models_survive_the_file(tmp_path: Path) -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 4, (3, 5), stride=2, padding=1, bias=False),
        nn.BatchNorm2d(4, eps=1e-3),
        nn.LeakyReLU(0.2),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(4 * 4 * 3, 5),
    )
    assert describe(build(describe(net))) == describe(net)
    made = Classifier(net, list("abcde"), PictureFormat(8, 8, 6, centre="mass"))
    made.save(tmp_path / "model.safetensors")
    loaded = load_classifier(tmp_path / "model.safetensors")
    assert loaded.classes == made.classes and loaded.form == made.form
    picture = fb.rand(8, 8)
    assert loaded.probabilities(picture) == made.probabilities(picture)
    assert not loaded.model.training


def test_layers_that_files_cannot_name() -> None:
    with pytest.raises(TypeError, match="Sequential"):
        describe(nn.Sequential(nn.Sequential(nn.ReLU())))


def test_noise_on_paper_is_no_ink() -> None:
    rng = np.random.default_rng()
    values = np.asarray(drawn("ring"), np.float32) + rng.normal(0, 4, drawn("ring").size[::-1])
    noisy = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    clean = fit(ink_of(drawn("ring")), DIGITS)
    assert (fit(ink_of(noisy), DIGITS) - clean).abs().max().item() < 0.15


def test_version_and_help() -> None:
    runner = CliRunner()
    assert fb.__version__ in runner.invoke(app, ["--version"]).output
    assert "predict" in runner.invoke(app, ["--help"]).output
    assert runner.invoke(app, ["predict"]).exit_code == 2

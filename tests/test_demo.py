"""The examples run in their short form and write what they say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from flambeau.vision.classifier import load_classifier
from flambeau.vision.datasets import FASHION_MNIST

EXAMPLES = Path(__file__).parents[1] / "examples"


def run_example(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLES / name / "train.py", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100"},
        timeout=300,
    )


def check_written(folder: Path, classes: int) -> None:
    for picture in ("loss.png", "confusion.png"):
        with Image.open(folder / picture) as image:
            assert min(image.size) > 200
            assert image.convert("L").getextrema()[0] < 128  # something is drawn
    assert len(load_classifier(folder / "model.safetensors").classes) == classes


def test_digits(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = run_example("digits", "--short", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    check_written(tmp_path, 10)
    assert "100%" in done.stderr  # the progress bar came to its end
    accuracy = float(done.stdout.split("%")[0])
    assert accuracy > 90, done.stdout
    command = [sys.executable, "-m", "flambeau", "predict"]
    said = subprocess.run(
        [*command, tmp_path / "model.safetensors", tmp_path / "digit.png"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    shown = done.stdout.split("shows a ")[1][0]
    rows = [line for line in said.splitlines() if "%" in line]
    assert len(rows) == 10 and rows[0].split("│")[1].strip() == shown, said


@pytest.mark.skipif(not Path(FASHION_MNIST).is_dir(), reason="dataset-fashion-mnist is missing")
def test_fashion_mnist(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = run_example("fashion_mnist", "--short", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    check_written(tmp_path, 10)
    assert float(done.stdout.split("accuracy ")[1].split("%")[0]) > 40, done.stdout


def test_fashion_mnist_says_what_to_install(tmp_path: Path) -> None:
    done = run_example("fashion_mnist", "--data", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "dataset-fashion-mnist" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()

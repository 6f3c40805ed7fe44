"""docs/serving.md: its programs run, its commands work, its tables are complete."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import flambeau

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
WEB = ROOT / "web"
LOCAL = "http://127.0.0.1:8000"
PATIENCE = 120.0
FLAMBEAU = [sys.executable, "-c", "from flambeau.cli import main; main()"]


def files(*languages: str) -> dict[str, str]:
    """The page's programs by the file name in their first line."""
    found = {}
    for language, text in BLOCKS:
        name = re.match(r"(?:#|//) ([\w.]+)\n", text)
        if language in languages and name:
            found[name[1]] = text
    return found


def commands(start: str) -> list[list[str]]:
    shell = "\n".join(text for language, text in BLOCKS if language == "sh")
    lines = [line for line in shell.splitlines() if line.startswith(start)]
    assert lines
    return [shlex.split(line, comments=True) for line in lines]


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FLAMBEAU_")}
    package = str(Path(flambeau.__file__).parents[1])
    return {**kept, "PYTHONPATH": package, "no_proxy": "*", "PYTHONUNBUFFERED": "1"}


def execute(command: list[str], folder: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **more,
    )
    assert ran.returncode == 0, f"{command}: {ran.stdout[-1500:]}\n{ran.stderr[-3000:]}"
    return ran


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page's programs, the trained model and a picture of a seven."""
    made = tmp_path_factory.mktemp("page")
    programs = files("python")
    wanted = {"train.py", "app.py", "ask.py", "chat.py", "alphabet.py", "inside.py"}
    assert programs.keys() == wanted
    for name, text in programs.items():
        (made / name).write_text(text, encoding="utf-8")
    execute([sys.executable, "train.py"], made)
    from PIL import Image

    from flambeau.vision.datasets import Digits

    digits = Digits(train=False)
    seven = digits.data[digits.targets.tolist().index(7)].numpy()
    picture = Image.fromarray(255 - seven.astype("uint8") // seven.max() * 255)
    picture.resize((80, 80)).save(made / "digit.png")
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[SimpleNamespace]:
    command = [*FLAMBEAU, "serve", "app.py", "--port", "0"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    said: list[str] = []
    stderr = process.stderr
    reader = threading.Thread(target=lambda: said.extend(stderr), daemon=True)
    reader.start()
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, line + "".join(said)
    yield SimpleNamespace(url=found[0], process=process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0, "".join(said)


def test_serving_a_model_file(folder: Path) -> None:
    output = execute([*FLAMBEAU, "serve", "digits.safetensors", "--check"], folder).stdout
    assert "ready to serve" in output


def test_checking_an_application(folder: Path) -> None:
    assert ["flambeau", "serve", "app.py", "--check"] in commands("flambeau serve")
    output = execute([*FLAMBEAU, "serve", "app.py", "--check"], folder).stdout
    for model in ("digits 1: ok", "linear 1: ok", "price 1: ok", "shout 1: ok"):
        assert model in output


def test_inside_another_application(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("httpx2")
    from starlette.testclient import TestClient

    monkeypatch.chdir(folder)
    app = runpy.run_path(str(folder / "inside.py"))["app"]
    picture = (folder / "digit.png").read_bytes()
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/ml/readyz").status_code == 200
        headers = {"content-type": "image/png"}
        answer = client.post("/ml/predict", content=picture, headers=headers)
    assert answer.json()["output"][0]["label"] == "7"


def test_flags_behind_a_proxy(folder: Path) -> None:
    for command in commands("flambeau serve app.py --hosts"):
        output = execute([*FLAMBEAU, *command[1:], "--check"], folder).stdout
        assert "models.example.org" in output


def test_asking_from_python(folder: Path, server: SimpleNamespace) -> None:
    pytest.importorskip("httpx2")
    (folder / "ask_here.py").write_text(files("python")["ask.py"].replace(LOCAL, server.url))
    output = execute([sys.executable, "ask_here.py"], folder).stdout
    assert "'label': '7'" in output
    assert "queue;dur=" in output and "event: done" in output


def test_chatting_from_python(folder: Path, server: SimpleNamespace) -> None:
    pytest.importorskip("openai")
    (folder / "chat_here.py").write_text(files("python")["chat.py"].replace(LOCAL, server.url))
    assert execute([sys.executable, "chat_here.py"], folder).stdout == "defgh"


def test_asking_with_curl(folder: Path, server: SimpleNamespace) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    answers = []
    for command in commands("curl"):
        here = [part.replace(LOCAL, server.url) for part in command]
        answers.append(execute(here, folder).stdout)
    price, form, raw, stream = answers
    assert json.loads(price) == {"output": 7.5}
    assert json.loads(form)["output"][0]["label"] == "7"
    assert form == raw
    assert stream.startswith('data: {"output":"one"}\n\n') and "event: done" in stream


def test_clients_in_typescript(folder: Path) -> None:
    first, *others = commands("flambeau client")
    assert others and first == ["flambeau", "client", "src/flambeau.ts", "--react"]
    for command in others:
        execute([*FLAMBEAU, *command[1:]], folder)
    programs = files("ts", "tsx")
    assert programs.keys() == {"ask.ts", "Page.tsx"}
    for name, text in programs.items():
        (folder / "src" / name).write_text(text, encoding="utf-8")
    node, modules = shutil.which("node"), WEB / "node_modules"
    if node is None or not (modules / "typescript").is_dir():
        pytest.skip("needs Node and the packages of web/: npm ci --prefix web")
    (folder / "node_modules").symlink_to(modules)
    tsc = [node, str(modules / "typescript" / "bin" / "tsc"), "--noEmit", "--strict"]
    options = "--target es2022 --lib es2022,dom --module esnext --moduleResolution bundler"
    sources = [f"src/{name}" for name in programs]
    execute([*tsc, *options.split(), "--jsx", "react-jsx", "--skipLibCheck", *sources], folder)


def test_keys(folder: Path, tmp_path: Path) -> None:
    command = commands("flambeau keys")[0]
    ran = execute([*FLAMBEAU, *command[1:]], folder)
    lines = [line for line in ran.stdout.splitlines() if not line.startswith("flb_")]
    settings = files("toml")["flambeau.toml"]
    printed = re.sub("[0-9a-f]{64}", "0" * 64, "\n".join(lines)).strip()
    assert printed == settings[settings.index("[[serve.keys]]") :].strip()
    (tmp_path / "flambeau.toml").write_text(settings)
    (tmp_path / "digits.safetensors").write_bytes((folder / "digits.safetensors").read_bytes())
    output = execute([*FLAMBEAU, "serve", "digits.safetensors", "--check"], tmp_path).stdout
    for wanted in ("9000", "https://app.example.org", "web", "ready to serve"):
        assert wanted in output
    code = "import tomllib; print(tomllib.load(open('flambeau.toml', 'rb'))['serve']['timeout'])"
    assert execute([sys.executable, "-c", code], tmp_path).stdout.strip() == "10"


def test_table_of_settings() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "settings_table.py"))
    assert tool["written"](PAGE) == PAGE, "run python tools/settings_table.py"


def test_table_of_errors() -> None:
    from flambeau.serve import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    wanted = {(kind.status, kind.type) for kind in kinds if issubclass(kind, errors.ServeError)}
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert {(int(status), kind) for status, kind in rows} == wanted


def test_list_of_metrics() -> None:
    from prometheus_client.core import Metric

    from flambeau.serve.metrics import Metrics

    numbers = Metrics()
    numbers.queued("m", 1)
    numbers.refused("m", "queue_full")
    collected: list[Metric] = list(numbers.collect())
    wanted = {m.name + ("_total" if m.type == "counter" else "") for m in collected}
    assert set(re.findall(r"`(flambeau_\w+)`", PAGE)) == wanted


def test_links_lead_somewhere() -> None:
    headings = re.findall(r"^##+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif "://" not in link:
            assert (ROOT / "docs" / link).exists(), link
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) >= anchors - {"start"}

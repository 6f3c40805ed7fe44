"""examples/serving: what cannot run here (containers) at least names what exists."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from serve_process import COMMAND
from test_cli import classifier

from flambeau.serve.limits import Limits
from flambeau.serve.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "serving"


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, arguments), with continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", (FOLDER / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in lines]


def compose() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    (service,) = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"].values()
    return dict(service)


def test_settings_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    settings, sources = Settings.load({}, FOLDER / "flambeau.toml")
    assert settings.limits(Limits()).timeout == 10
    assert sources["body_bytes"].endswith("flambeau.toml")
    # What is commented out has to be right as well.
    text = re.sub(r"^# (?=\w+ = |\[\[)", "", (FOLDER / "flambeau.toml").read_text(), flags=re.M)
    text = text.replace("sha256:...", "sha256:" + "0" * 64)
    import tomllib

    everything = Settings(**tomllib.loads(text)["serve"])
    assert everything.hosts and everything.cors and everything.trusted_proxies
    assert [str(key.rate) for key in everything.api_keys()] == ["10/s"]


def test_dockerfile() -> None:
    steps = dockerfile()
    assert [step for step, _ in steps].count("FROM") == 2
    for _, arguments in (each for each in steps if each[0] == "COPY"):
        *sources, _target = arguments.split()
        for source in sources:
            assert (ROOT / source).exists(), source
    last = dict(steps)  # of each instruction the last one
    assert last["USER"] == "10001"  # not root
    entry, command = json.loads(last["ENTRYPOINT"]), json.loads(last["CMD"])
    assert entry == ["flambeau", "serve"] and (FOLDER / command[0]).is_file()
    flags = [word[2:].replace("-", "_") for word in command if word.startswith("--")]
    assert flags and set(flags) <= set(Settings.names())
    port = command[command.index("--port") + 1]
    assert last["EXPOSE"] == port
    probe = json.loads(last["HEALTHCHECK"].split("CMD ", 1)[1])
    assert f":{port}/readyz" in probe[-1]
    compile(probe[-1], "healthcheck", "exec")
    extra = re.search(r"\.\[(\w+)\]", (FOLDER / "Dockerfile").read_text())
    assert extra is not None and f"\n{extra[1]} = [" in (ROOT / "pyproject.toml").read_text()


def test_compose() -> None:
    service = compose()
    assert (FOLDER / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    names = {name.removeprefix(PREFIX).lower() for name in service["environment"]}
    assert names <= set(Settings.names())
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(service[limit] for limit in ("mem_limit", "cpus", "pids_limit"))
    steps = dict(dockerfile())
    model = re.search(r"MODEL=(\S+)", steps["ENV"])
    (mount,) = service["volumes"]
    assert model is not None and model[1].startswith(mount.split(":")[1] + "/")
    assert service["ports"][0].split(":")[-1] == steps["EXPOSE"]
    shutdown = Settings.load({}, FOLDER / "flambeau.toml")[0].shutdown
    assert int(service["stop_grace_period"].removesuffix("s")) > shutdown


def test_app(tmp_path: Path) -> None:
    classifier().save(tmp_path / "model.safetensors")
    env = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    done = subprocess.run(
        [
            *COMMAND,
            "serve",
            str(FOLDER / "app.py"),
            "--check",
            "--config",
            str(FOLDER / "flambeau.toml"),
        ],
        env=env | {"MODEL": str(tmp_path / "model.safetensors")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0 and "digits 1: ok" in done.stdout, done.stdout + done.stderr

"""Settings: where they come from, what is refused, and the command lines made of them."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_settings")
pytest.importorskip("fastapi")

from typer.testing import CliRunner

from flambeau.cli.app import app
from flambeau.serve.keys import ApiKey
from flambeau.serve.limits import Limits
from flambeau.serve.settings import PREFIX, Settings

HASH = ApiKey.of("the-key-itself").hash
MODEL = """
import flambeau as fb
from flambeau.serve import Model, Tensor, serve

model = Model(fb.nn.Linear(4, 2), Tensor((4,)), Tensor((2,)), name="linear")
other = serve(model)
number = 3


def double(batch):
    return [2 * each for each in batch]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and no settings in the environment."""
    import os

    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    return tmp_path


def test_defaults() -> None:
    settings, sources = Settings.load({})
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert set(sources.values()) == {"default"} and set(sources) == set(Settings.model_fields)
    base = Limits(timeout=3.0)
    assert settings.limits(base) == base


def test_limits_are_defined_once() -> None:
    defaults, _ = Settings.load({})
    for each in fields(Limits):
        assert getattr(defaults, each.name) == each.default
        assert Settings.model_fields[each.name].description
        changed, _ = Settings.load({each.name: 7})
        assert changed.limits(Limits()) == Limits(**{each.name: 7})


def test_precedence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["port", "queue", "body_bytes", "tokens"]
    (folder / "flambeau.toml").write_text("[serve]\nport = 1\nqueue = 1\nbody_bytes = 1\n")
    monkeypatch.setenv(f"{PREFIX}PORT", "2")
    monkeypatch.setenv(f"{PREFIX}QUEUE", "2")
    settings, sources = Settings.load({"port": 3})
    assert [getattr(settings, name) for name in names] == [3, 2, 1, Limits().tokens]
    expected = ["flag", "environment", "flambeau.toml", "default"]
    assert [sources[name] for name in names] == expected
    directly = Settings(port=3)
    assert [getattr(directly, name) for name in names] == [3, 2, 1, Limits().tokens]


def test_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "flambeau.toml").write_text("[other]\nx = 1\n")
    assert Settings.load({})[0].port == 8000  # others may use it too
    (folder / "mine.toml").write_text('[serve]\nport = 5\ncors = ["https://a.example"]\n')
    (folder / "flambeau.toml").write_text("[serve]\nqueue = 5\n")
    settings, sources = Settings.load({}, folder / "mine.toml")
    assert settings.queue == Limits().queue  # only the named file counts
    assert (settings.port, settings.cors) == (5, ("https://a.example",))
    assert sources["port"] == str(folder / "mine.toml")
    monkeypatch.setenv(f"{PREFIX}CONFIG", "mine.toml")
    assert Settings.load({})[0].port == Settings().port == 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[serve]\nprot = 1", "'prot'; did you mean 'port'"),
        ("[serve]\nzzzzzz = 1", "'zzzzzz'"),
        ("[serve]\nport = -1", "port (flambeau.toml)"),
        ('[serve]\nport = "x"', "port (flambeau.toml)"),
        ("[serve]\ntimeout = 0", "timeout (flambeau.toml)"),
        ("[serve]\ntimeout = nan", "timeout (flambeau.toml)"),
        ("[serve]\nworkers = 1.5", "workers (flambeau.toml)"),
        ('[serve]\nlog_form = "xml"', "did you mean 'log_format'"),
        ('[serve]\nlog_format = "xml"', "log_format (flambeau.toml)"),
        ("[serve]\nkeys = 3", "keys (flambeau.toml): keys are tables"),
        ("[serve]\nkeys = [3]", "keys (flambeau.toml)"),
        ('[[serve.keys]]\nname = "web"', "keys (flambeau.toml): a key needs its hash"),
        ("[serve", "flambeau.toml"),
        ("serve = 3", "no table [serve]"),
    ],
)
def test_wrong_files(folder: Path, text: str, says: str) -> None:
    (folder / "flambeau.toml").write_text(text)
    with pytest.raises(ValueError, match=re.escape(says)):
        Settings.load({})


def test_unreadable_files(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml: there is no such file"):
        Settings.load({}, folder / "mine.toml")
    (folder / "mine.toml").write_text("[other]\n")
    with pytest.raises(ValueError, match=r"no table \[serve\]"):
        Settings.load({}, folder / "mine.toml")
    (folder / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"mine\.toml"):
        Settings.load({}, folder / "mine.toml")
    with pytest.raises(ValueError, match="directory"):
        Settings.load({}, folder)


def test_unknown_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}TIMOUT", "3")
    with pytest.raises(ValueError, match="FLAMBEAU_SERVE_TIMOUT; did you mean 'timeout'"):
        Settings.load({})


def test_forms_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CORS": "https://a.example, https://b.example",
        "HOSTS": "",
        "ACCESS_LOG": "false",
        "TIMEOUT": "2.5",
        "KEYS": f"web:{HASH},ops:in-the-clear",
        "KEY": "one-key-in-clear",
    }.items():
        monkeypatch.setenv(PREFIX + name, value)
    for settings in (Settings.load({})[0], Settings()):
        assert settings.cors == ("https://a.example", "https://b.example")
        assert (settings.hosts, settings.access_log, settings.timeout) == ((), False, 2.5)
        assert [key.name for key in settings.api_keys()] == ["web", "ops", "default"]


def test_keys(folder: Path) -> None:
    (folder / "flambeau.toml").write_text(
        f'[[serve.keys]]\nname = "web"\nhash = "{HASH}"\nrate = "10/s"\nscopes = ["predict"]\n'
        "expires = 2999-01-31\n"
    )
    (folder / "keys").write_text(f"file {ApiKey.of('another-key').hash} 5/min\n")
    web, file = Settings.load({"key_file": "keys"})[0].api_keys()
    assert (web.name, str(web.rate), web.scopes) == ("web", "10/s", ("predict",))
    assert isinstance(web.expires, float) and (file.name, str(file.rate)) == ("file", "5/min")
    (folder / "keys").write_text("file x\n")
    with pytest.raises(ValueError, match="line 1"):
        Settings.load({"key_file": "keys"})[0].api_keys()
    with pytest.raises(ValueError, match="No such file"):
        Settings.load({"key_file": "nowhere"})[0].api_keys()


def test_secrets_are_masked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}KEY", "one-key-in-clear")
    monkeypatch.setenv(f"{PREFIX}KEYS", "web:another-in-clear")
    settings, _ = Settings.load({})
    shown = " ".join(settings.shown(name) for name in Settings.names()) + repr(settings)
    assert "in-clear" not in shown and "web" in shown
    assert ApiKey.of("another-in-clear").hash not in shown
    monkeypatch.setenv(f"{PREFIX}KEYS", "web:in clear with spaces")
    with pytest.raises(ValueError) as caught:
        Settings.load({})
    assert "in clear with" not in str(caught.value)


# --- the command line ---


def run(*arguments: str, **env: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200", **env})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture
def file(folder: Path, request: pytest.FixtureRequest) -> str:
    name = f"m{abs(hash(request.node.name))}"  # modules are imported once
    (folder / f"{name}.py").write_text(MODEL)
    return f"{name}.py"


def test_flags_follow_from_settings() -> None:
    code, output = run("serve", "--help")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    assert code == 0
    for name in Settings.names():
        flag = "--" + name.replace("_", "-")
        hidden = name in ("key", "keys")
        assert (re.search(rf"{flag}\b(?!-)", plain) is None) == hidden, name
        assert hidden or f"{PREFIX}{name.upper()}"[:24] in plain
    code, output = run("--help")
    assert code == 0 and " serve " in output and " keys " in output


def test_check(file: str, folder: Path) -> None:
    (folder / "flambeau.toml").write_text(f'[[serve.keys]]\nname = "web"\nhash = "{HASH}"\n')
    code, output = run("serve", file, "--check", "--no-access-log", FLAMBEAU_SERVE_QUEUE="9")
    assert code == 0 and "linear 1: ok" in output and "ready to serve" in output
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines()]
    for row in (
        ["queue", "9", "environment"],
        ["access_log", "no", "flag"],
        ["keys", "web", "flambeau.toml"],
        ["port", "8000", "default"],
    ):
        assert row in rows
    assert HASH not in output


@pytest.mark.parametrize("target", ["{}:model", "{}:other", "{stem}:other", "{stem}:model"])
def test_targets(file: str, target: str) -> None:
    code, output = run("serve", target.format(file, stem=file[:-3]), "--check")
    assert code == 0 and "linear 1: ok" in output


@pytest.mark.parametrize(
    ("target", "flags", "says"),
    [
        ("{}:missing", [], "has no 'missing'"),
        ("{}:number", [], "got int"),
        ("{}:double", [], "input"),
        ("{}:other", ["--workers", "2"], "workers is decided where"),
        ("{}:model", ["--batch-size", "2"], "batch_size is decided where"),
        ("{}:model", ["--timeout", "-1"], "timeout (flag)"),
        ("{}:model", ["--host", "0.0.0.0"], "flambeau keys new"),
        ("{}:model", ["--config", "nowhere.toml"], "nowhere.toml"),
        ("nowhere.py", [], "nowhere.py"),
        ("nowhere:app", [], "no module 'nowhere'"),
        ("nowhere.safetensors", [], "nowhere.safetensors"),
        ("../../etc/passwd:x", [], "no such file"),
        ("empty.py", [], "neither app nor model"),
        ("broken.safetensors", [], "broken.safetensors"),
    ],
)
def test_wrong_targets(file: str, folder: Path, target: str, flags: list[str], says: str) -> None:
    (folder / "empty.py").write_text("x = 1\n")
    (folder / "broken.safetensors").write_bytes(b"\xff" * 100)
    code, output = run("serve", target.format(file), "--check", *flags)
    assert code == 1 and says in re.sub(r"\s+", " ", output), output
    assert "Traceback" not in output


def test_a_model_that_fails(folder: Path) -> None:
    (folder / "failing.py").write_text(
        "from flambeau.serve import *\n"
        "def wrong(batch): raise RuntimeError('it fails')\n"
        "calls = []\n"
        "def late(batch):\n"
        "    calls.append(batch)\n"
        "    return batch if len(calls) == 1 else 1 / 0\n"  # the first is serve() itself
        "model = Model(wrong, Tensor((2,)), Tensor((2,)), example=[1, 2])\n"
        "second = Model(late, Tensor((2,)), Tensor((2,)), example=[1, 2])\n"
    )
    code, output = run("serve", "failing.py", "--check")
    assert code == 1 and "it fails" in output
    code, output = run("serve", "failing.py:second", "--check")
    assert code == 1 and "status 500" in output


def test_the_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "flambeau.cli.serve", raising=False)
    monkeypatch.setitem(sys.modules, "pydantic_settings", None)
    monkeypatch.delitem(sys.modules, "flambeau.serve.settings")
    code, output = run("serve", "app.py")
    assert code == 1 and "flambeau[serve]" in output


def test_new_keys() -> None:
    import tomllib

    result = CliRunner().invoke(
        app,
        [
            "keys",
            "new",
            "--name",
            "web",
            "--rate",
            "10/s",
            "--scope",
            "predict",
            "--expires",
            "2999-01-31",
        ],
    )
    assert result.exit_code == 0
    secret, toml = result.stdout.split("\n", 1)
    (table,) = tomllib.loads(toml)["serve"]["keys"]
    key = ApiKey.from_mapping(table)
    assert key == ApiKey.of(
        secret, name="web", rate="10/s", scopes=["predict"], expires="2999-01-31"
    )
    assert secret not in toml


@pytest.mark.parametrize(
    "flags", [["--rate", "fast"], ["--scope", "root"], ["--expires", "soon"], ["--name", "a b"]]
)
def test_wrong_new_keys(flags: list[str]) -> None:
    code, output = run("keys", "new", *(["--name", "web"] if "--name" not in flags else []), *flags)
    assert code == 1 and "flb_" not in output


def test_run_applies_settings(file: str) -> None:
    """What run() changes in an application before it listens."""
    from flambeau.cli.serve import load
    from flambeau.serve.running import apply

    settings, _ = Settings.load(
        {"timeout": 3, "cors": "https://a.example", "key": "one-key-in-clear"}
    )
    served: Any = load(f"{file}:other", settings)
    guard = apply(served, settings)
    assert served.state.flambeau.limits == Limits(timeout=3.0)
    assert guard.origins == {"https://a.example"} and len(guard.keys) == 1
    assert guard.hosts is not None and "localhost" in guard.hosts
    apply(served, settings)  # a second time changes nothing
    assert len(guard.keys) == 1

"""The page in a browser: web/playground/browser drives Chromium against a server of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from flambeau.serve.playground import FOLDER

ROOT = Path(__file__).parents[1]
BROWSER = ROOT / "web/playground/browser"
PATIENCE = 900  # seconds for all checks on a machine that does other things too

sys.path.insert(0, str(ROOT / "tools"))
from web import find_node  # noqa: E402


def chromium():
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def missing():
    if not (FOLDER / "index.html").is_file():
        return "the page is not built: make build"
    if not (ROOT / "web/node_modules/playwright-core").is_dir():
        return "playwright-core is not installed: python tools/web.py run true"
    if find_node() is None:
        return "Node.js is not installed: python tools/web.py run true"
    if chromium() is None:
        return "Chromium is not installed: apt-get install chromium"
    return None


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_the_page_works_in_a_browser(tmp_path):
    serving = subprocess.Popen(
        [sys.executable, ROOT / "tests/browser/server.py", tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        told = json.loads(serving.stdout.readline())
        given = {
            "address": told["addresses"]["open"],
            "secured": told["addresses"]["secured"],
            "mounted": told["addresses"]["outer"] + "inner/",
            "key": told["key"],
            "folder": str(tmp_path),
        }
        _, node = find_node()
        done = subprocess.run(
            [node / "node", BROWSER / "check.mjs", json.dumps(given)],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            env={**os.environ, "CHROMIUM": chromium()},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count(": ok") >= 10
    finally:
        serving.stdin.close()
        try:
            serving.wait(30)
        except subprocess.TimeoutExpired:
            serving.kill()
            serving.wait()
        serving.stdout.close()

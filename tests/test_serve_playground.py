"""The page at /: its files, how they are cached and compressed, and what stands there without them.

Whether the page works in a browser is in test_browser.py.
"""

import gzip
import re

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx2")

from starlette.testclient import TestClient

from flambeau.serve import Text, playground, serve
from flambeau.serve.playground import install, load

SCRIPT = "console.log('page');" * 100


@pytest.fixture
def folder(tmp_path):
    built = tmp_path / "page"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html><title>page</title>")
    (built / "licenses.txt").write_text("MIT")
    (built / "assets/index-a1b2.js").write_text(SCRIPT)
    (built / "assets/index-c3d4.css").write_text("body{}")
    (built / ".sources").write_text("hash")
    (tmp_path / "secret.js").write_text("secret")
    return built


def client_of(folder, **options):
    app = serve(lambda texts: texts, input=Text(), output=Text(), playground=False, **options)
    install(app, app.state.flambeau, folder)
    return TestClient(app, base_url="http://127.0.0.1")


def test_the_page_is_asked_for_each_time_and_allows_no_foreign_code(folder):
    answer = client_of(folder).get("/")
    assert answer.status_code == 200
    assert answer.text == "<!doctype html><title>page</title>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "*" not in policy


def test_assets_are_kept_for_ever_and_packed_for_those_who_take_it(folder):
    client = client_of(folder)
    packed = client.get("/assets/index-a1b2.js")
    assert packed.text == SCRIPT and packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(SCRIPT) / 10
    plain = client.get("/assets/index-a1b2.js", headers={"accept-encoding": "identity"})
    assert plain.text == SCRIPT and "content-encoding" not in plain.headers
    for answer in (packed, plain):
        assert answer.headers["vary"] == "accept-encoding"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "immutable" in answer.headers["cache-control"]
    style = client.get("/assets/index-c3d4.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert client.get("/licenses.txt").text == "MIT"
    head = client.head("/assets/index-a1b2.js")
    assert head.status_code == 200 and head.content == b""


@pytest.mark.parametrize(
    "path",
    ["/assets/", "/assets/absent.js", "/assets/..%2f..%2fsecret.js", "/assets/%2e%2e/.sources"],
)
def test_only_built_files_are_given_out(folder, path):
    answer = client_of(folder).get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text and "hash" not in answer.text


def test_the_page_is_for_those_with_a_key(folder):
    from flambeau.serve.keys import ApiKey, new_key

    client = client_of(folder, keys=[ApiKey.of(new_key())])
    for path in ("/", "/assets/index-a1b2.js", "/licenses.txt"):
        assert client.get(path).status_code == 401, path


def test_without_built_files_the_page_says_how_to_build_them(tmp_path):
    client = client_of(tmp_path / "absent")
    answer = client.get("/")
    assert answer.status_code == 200
    assert "make build" in answer.text and answer.headers["content-type"].startswith("text/html")
    assert client.get("/assets/index-a1b2.js").status_code == 404
    assert client.post("/predict", json={"input": "x"}).json() == {"output": "x"}


def test_the_page_can_be_left_out():
    app = serve(lambda texts: texts, input=Text(), output=Text(), playground=False)
    assert TestClient(app, base_url="http://127.0.0.1").get("/").status_code == 404


@pytest.mark.skipif(not load(), reason="the page is not built: make build")
def test_the_built_page_loads_own_files_only_and_is_small():
    files = load(playground.FOLDER)
    page = files["index.html"].plain.decode()
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert named
    for name in named:
        assert name.removeprefix("./") in files
    assert not re.search(r"<script(?![^>]*\bsrc=)", page), "an inline script"
    assert " style=" not in page and "<style" not in page
    total = sum(len(gzip.compress(asset.plain)) for asset in files.values())
    assert total < 150_000, f"{total:,} bytes in all"
    assert "Permission is hereby granted" in files["licenses.txt"].plain.decode()

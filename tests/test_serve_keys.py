"""Keys, their rates, sign-in and sessions."""

import base64
import hashlib
import re
import secrets
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fastapi")

from fastapi import FastAPI
from starlette.testclient import TestClient

from flambeau.serve import guard as guarding, signin
from flambeau.serve.keys import ApiKey, KeyRing, environment_keys, new_key, parse_keys, read_keys
from flambeau.serve.limits import Limits
from flambeau.serve.rate import Bucket, Rate
from flambeau.serve.signin import COOKIE, Sessions


def hash_of(key: str) -> str:
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def test_new_keys() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    for key in keys:
        assert re.fullmatch(r"flb_[A-Za-z0-9_-]{43}", key)  # 256 bits


def test_find() -> None:
    names = [f"key{i}" for i in range(20)]
    ring = KeyRing(ApiKey.of(f"secret-{name}", name=name) for name in names)
    for name in names:
        found = ring.find(f"secret-{name}".encode())
        assert found is not None and found.name == name
    for wrong in (
        b"",
        b"secret-",
        b"secret-key200",
        b"x" * 10_000,
        hash_of("secret-key1").encode(),
    ):
        assert ring.find(wrong) is None
    assert ring.named("key3") is not None and ring.named("key99") is None


def test_the_key_is_not_kept() -> None:
    key = ApiKey.of("secret-in-clear", name="web")
    assert "secret-in-clear" not in repr(vars(key)) and hash_of("secret-in-clear") == key.hash
    assert key.hash not in repr(key)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"name": "web", "hash": "secret-in-clear"}, "hash"),
        ({"name": "", "hash": "0" * 64}, "name"),
        ({"name": 'a"b', "hash": "0" * 64}, "name"),
        ({"name": "web", "hash": "0" * 64, "rate": "fast"}, "10/s"),
        ({"name": "web", "hash": "0" * 64, "rate": "0/s"}, "above 0"),
        ({"name": "web", "hash": "0" * 64, "scopes": ["root"]}, "root"),
        ({"name": "web", "hash": "0" * 64, "expires": "soon"}, "2027"),
        ({"name": "web", "hash": "0" * 64, "colour": "red"}, "colour"),
        ({"name": "web"}, "hash"),
        ({"name": "web", "key": "long enough", "hash": "0" * 64}, "hash"),
        ({"name": "web", "key": "short"}, "8 to"),
        ({"name": "web", "key": "with a space"}, "spaces"),
    ],
)
def test_wrong_keys_are_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        ApiKey.from_mapping(arguments)
    assert "secret-in-clear" not in str(caught.value)


def test_two_of_a_name() -> None:
    one = ApiKey.of("secret-one", name="web")
    with pytest.raises(ValueError, match="web"):
        KeyRing([one, ApiKey.of("secret-two", name="web")])
    with pytest.raises(ValueError, match="one key"):
        KeyRing([one, ApiKey.of("secret-one", name="other")])
    assert len(KeyRing([one, one])) == 1


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (12, 12.0),
        ("1970-01-02", 86400.0),
        ("1970-01-01T01:00:00+01:00", 0.0),
        (datetime(1970, 1, 1, 0, 1), 60.0),
        (datetime(1970, 1, 1, 0, 1, tzinfo=UTC).date(), 0.0),
        (None, None),
    ],
)
def test_expiry(given: Any, seconds: float | None) -> None:
    key = ApiKey("web", "0" * 64, expires=given)
    assert key.expires == seconds
    if seconds is not None:
        assert key.expired(seconds) and not key.expired(seconds - 1)


def test_parse_keys() -> None:
    secret = secrets.token_hex(8)
    text = f"web:{secret}, ops:{hash_of('x')}\n{hash_of('y')}"
    assert [(k.name, k.hash) for k in parse_keys(text)] == [
        ("web", hash_of(secret)),
        ("ops", hash_of("x")),
        ("default", hash_of("y")),
    ]
    (key,) = parse_keys(f'[{{"name": "web", "hash": "{hash_of("x")}", "rate": "5/s"}}]')
    assert (key.name, str(key.rate)) == ("web", "5/s")
    assert parse_keys("") == parse_keys(" \n,") == []
    for wrong in ("[1]", "[{", "a:b:c d", "short"):
        with pytest.raises(ValueError, match="key"):
            parse_keys(wrong)


def test_read_keys() -> None:
    text = f"# ours\nweb {hash_of('x')} 5/s predict,metrics\n\nops in-the-clear # an end\n"
    web, ops = read_keys(text)
    assert (web.name, str(web.rate), web.scopes) == ("web", "5/s", ("predict", "metrics"))
    assert (ops.name, ops.hash, ops.rate) == ("ops", hash_of("in-the-clear"), None)
    for wrong in ("web", "web hash 1/s predict more", "web short", "web in-the-clear slow"):
        with pytest.raises(ValueError, match="line 2"):
            read_keys("\n" + wrong)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAMBEAU_SERVE_KEY", "only-one-key")
    monkeypatch.setenv("FLAMBEAU_SERVE_KEYS", f"web:{hash_of('x')}")
    assert [key.name for key in environment_keys()] == ["web", "default"]


@pytest.mark.parametrize(
    ("text", "count", "seconds"),
    [("10/s", 10, 1), ("600/min", 600, 60), (" 1.5 / hour ", 1.5, 3600), ("5/day", 5, 86400)],
)
def test_rates(text: str, count: float, seconds: float) -> None:
    assert Rate.parse(text) == Rate(count, seconds)
    assert Rate.parse(str(Rate.parse(text))) == Rate(count, seconds)


@pytest.mark.parametrize("text", ["", "10", "/s", "-1/s", "10/year", "1e9/s", "10/s/s", "nan/s"])
def test_wrong_rates(text: str) -> None:
    with pytest.raises(ValueError, match="a rate"):
        Rate.parse(text)


def test_bucket() -> None:
    bucket = Bucket(Rate(4, 2))
    assert [bucket.take(100.0) for _ in range(4)] == [0.0] * 4
    assert bucket.take(100.0) == pytest.approx(0.5)
    assert bucket.take(100.25) == pytest.approx(0.25)
    assert bucket.take(100.5) == 0.0 and bucket.take(100.5) > 0
    assert [bucket.take(1000.0) for _ in range(5)] == [0.0] * 4 + [0.5]  # never more than four
    slow = Bucket(Rate(0.5, 1))  # one every two seconds
    assert slow.take(0.0) == 0.0 and slow.take(1.0) == pytest.approx(1.0) and slow.take(2.0) == 0.0


# --- sessions ---


def cookie_of(value: str) -> bytes:
    return COOKIE + b"=" + value.encode()


def test_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions()
    value = sessions.make("web")
    assert sessions.name_in(cookie_of(value)) == "web"
    assert sessions.name_in(b"a=b; " + cookie_of(value) + b"; c=d") == "web"
    assert sessions.name_in(b"x" + cookie_of(value)) is None
    assert Sessions().name_in(cookie_of(value)) is None  # another process
    until, name = value.split(".")
    forged = (
        base64.urlsafe_b64encode(f"{int(time.time()) + 10**6}:web".encode()).rstrip(b"=").decode()
    )
    for wrong in (
        "",
        ".",
        until,
        f"{until}.",
        f".{name}",
        f"{forged}.{name}",
        value[:-1],
        value + "0",
    ):
        assert sessions.name_in(cookie_of(wrong)) is None, wrong
    now = time.time()
    monkeypatch.setattr(signin.time, "time", lambda: now + signin.LASTS + 1)
    assert sessions.name_in(cookie_of(value)) is None


def make(*keys: ApiKey, base: str = "http://testserver") -> tuple[TestClient, guarding.Guard]:
    app = FastAPI()
    guard = guarding.install(app, SimpleNamespace(limits=Limits(), keys=keys, stopping=False))
    app.add_api_route("/", lambda: "home")
    app.add_api_route("/change", lambda: "changed", methods=["POST"])
    return TestClient(app, base_url=base, follow_redirects=False), guard


KEY = ApiKey.of("the-right-key", name="web")


def test_sign_in_page() -> None:
    client, _ = make(KEY)
    answer = client.get("/", headers={"accept": "text/html,*/*"})
    assert answer.status_code == 401 and answer.headers["content-type"].startswith("text/html")
    page = answer.text
    assert '<label for="key">' in page and 'lang="en"' in page and "<script" not in page
    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert client.get("/").json()["error"]["type"] == "unauthorized"  # other programs


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_sign_in(scheme: str) -> None:
    here = f"{scheme}://testserver"
    client, _ = make(KEY, base=here)
    answer = client.post("/signin", data={"key": " the-right-key "}, headers={"origin": here})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert ("secure" in cookie) == (scheme == "https")
    assert "the-right-key" not in cookie and KEY.hash.removeprefix("sha256:") not in cookie
    assert client.get("/").json() == "home"
    same = {"origin": here}
    assert client.post("/change", headers=same).json() == "changed"
    assert client.post("/change", headers={"sec-fetch-site": "same-origin"}).json() == "changed"
    for other in ({}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert client.post("/change", headers=other).status_code == 403, other
    assert client.post("/signout", headers=same).status_code == 303
    assert client.get("/").status_code == 401


def test_a_session_ends_with_its_key() -> None:
    client, guard = make(KEY)
    client.post("/signin", data={"key": "the-right-key"})
    assert client.get("/").status_code == 200
    guard.keys = KeyRing([ApiKey.of("the-right-key", name="web", expires=time.time() - 1)])
    assert client.get("/").status_code == 401


def test_wrong_sign_in() -> None:
    client, _ = make(KEY)
    for form in ({"key": "wrong"}, {}, {"key": ""}, {"other": "x"}, {"key": "<script>"}):
        answer = client.post("/signin", data=form)
        assert answer.status_code == 401 and 'role="alert"' in answer.text
        assert "<script" not in answer.text and "set-cookie" not in answer.headers
    assert client.post("/signin", content=b"\xff\xfe=1").status_code == 400
    elsewhere = {"sec-fetch-site": "cross-site"}
    assert (
        client.post("/signin", data={"key": "the-right-key"}, headers=elsewhere).status_code == 403
    )


def test_guessing_is_slowed_down() -> None:
    client, _ = make(KEY)
    statuses = [client.post("/signin", data={"key": "wrong"}).status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    late = client.post("/signin", data={"key": "the-right-key"})
    assert late.status_code == 429 and 1 <= int(late.headers["retry-after"]) <= 6


def test_tries_are_bounded() -> None:
    tries = signin.Tries()
    allowed = sum(tries.wait(f"address{i}") == 0 for i in range(5000))
    assert allowed < 110 and len(tries._each) == 1000

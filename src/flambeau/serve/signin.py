"""Signing in from a browser: a page that takes a key, and the signed cookie it is traded for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import time
from html import escape
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from flambeau.serve.rate import Bucket, Rate

if TYPE_CHECKING:
    from flambeau.serve.guard import Guard

COOKIE = b"flambeau_session"
LASTS = 12 * 3600  # seconds
_VALUE = re.compile(rb"(?:^|;)\s*flambeau_session=([A-Za-z0-9_-]{1,256})\.([0-9a-f]{64})(?:;|$)")
_TRIES = Rate(10, 60)  # for one address; all together may try ten times as often
_ADDRESSES = 1000

_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 100vh; margin: 0; }
form { width: min(22rem, 100vw - 3rem); display: grid; gap: .75rem; }
h1 { font-size: 1.35rem; margin: 0; }
p { margin: 0; }
label { font-weight: 600; }
input, button { font: inherit; padding: .6rem .75rem; border-radius: .4rem;
  border: 1px solid GrayText; }
button { background: light-dark(#b8400b, #ff9d62); color: light-dark(#fff, #241206); border: 0; }
button:focus-visible, input:focus-visible { outline: 3px solid light-dark(#b8400b, #ff9d62);
  outline-offset: 2px; }
[role=alert] { color: light-dark(#a11, #ff9d9d); font-weight: 600; }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in</title>
<style>{style}</style>
</head>
<body>
<main>
<form method="post" action="{action}">
<h1>Sign in</h1>
<p id="about">This server asks for a key. It stays in this browser until you close it.</p>
{alert}<label for="key">Key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required maxlength="512"
  aria-describedby="about" autofocus>
<button type="submit">Sign in</button>
</form>
</main>
</body>
</html>
"""
_CSP = (
    "default-src 'none'; style-src 'sha256-{}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def page(alert: str = "", root: str = "") -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return the sign-in page and its headers; ``alert`` says what went wrong."""
    shown = f'<p role="alert">{escape(alert)}</p>\n' if alert else ""
    body = _PAGE.format(style=_STYLE, alert=shown, action=escape(f"{root}/signin", quote=True))
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return body.encode(), [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", _CSP.format(digest).encode()),
    ]


class Sessions:
    """Signed cookies that stand for a key's name; nothing is stored.

    The secret lives as long as the process: after a restart people sign in again.
    """

    def __init__(self) -> None:
        self._secret = os.urandom(32)

    def make(self, name: str) -> str:
        """Return the cookie's value for the key ``name``."""
        text = f"{int(time.time()) + LASTS}:{name}".encode()
        payload = base64.urlsafe_b64encode(text).rstrip(b"=")
        return f"{payload.decode()}.{self._sign(payload)}"

    def name_in(self, cookie: bytes) -> str | None:
        """Return the key's name in a Cookie header that carries a valid session."""
        found = _VALUE.search(cookie)
        if found is None:
            return None
        payload, signature = found[1], found[2]
        if not hmac.compare_digest(self._sign(payload), signature.decode()):
            return None
        text = base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)).decode()
        until, _, name = text.partition(":")
        return name if time.time() < int(until) else None

    def _sign(self, payload: bytes) -> str:
        return hmac.new(self._secret, payload, hashlib.sha256).hexdigest()


class Tries:
    """Bounds how often somebody may guess, for each address and for all together."""

    def __init__(self) -> None:
        self._all = Bucket(Rate(_TRIES.count * 10, _TRIES.seconds))
        self._each: dict[str, Bucket] = {}

    def wait(self, address: str) -> float:
        """Count a try; return 0, or the seconds until the next is allowed."""
        bucket = self._each.pop(address, None) or Bucket(_TRIES)
        self._each[address] = bucket  # the last asked stands last
        while len(self._each) > _ADDRESSES:
            del self._each[next(iter(self._each))]
        now = perf_counter()
        return bucket.take(now) or self._all.take(now)


def install(app: Starlette, guard: Guard) -> None:
    """Add ``POST /signin`` and ``POST /signout``."""
    from flambeau.serve.guard import same_origin

    tries = Tries()

    def answer(request: Request, status: int, alert: str) -> Response:
        body, headers = page(alert, request.scope.get("root_path", ""))
        return Response(body, status, {name.decode(): value.decode() for name, value in headers})

    async def signin(request: Request) -> Response:
        home = request.scope.get("root_path", "") + "/"
        if not guard.keys.keys:
            return RedirectResponse(home, 303)
        headers = dict(request.scope["headers"])
        if b"sec-fetch-site" in headers and not same_origin(headers):  # Origin is checked already
            return answer(request, 403, "Sign in from this server's own page.")
        wait = tries.wait(request.client.host if request.client else "")
        if wait:
            late = answer(request, 429, "Too many tries. Wait a minute and try again.")
            late.headers["retry-after"] = str(max(1, round(wait)))
            return late
        try:
            form = parse_qs((await request.body()).decode(), max_num_fields=8)
        except ValueError:
            return answer(request, 400, "The form could not be read.")
        key = guard.keys.find(form.get("key", [""])[0].strip().encode())
        if key is None:
            return answer(request, 401, "This key is not known here, or has expired.")
        welcome = RedirectResponse(home, 303)
        welcome.set_cookie(
            COOKIE.decode(),
            guard.sessions.make(key.name),
            path=home,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return welcome

    async def signout(request: Request) -> Response:
        home = request.scope.get("root_path", "") + "/"
        goodbye = RedirectResponse(home, 303)
        goodbye.delete_cookie(COOKIE.decode(), path=home, httponly=True, samesite="strict")
        return goodbye

    for path, endpoint in (("/signin", signin), ("/signout", signout)):
        app.add_route(path, endpoint, methods=["POST"], include_in_schema=False)

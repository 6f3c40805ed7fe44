"""API keys: made, written down as hashes, and looked up in constant time."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flambeau.serve.rate import Bucket, Rate

PREFIX = "flb_"
SCOPES = ("predict", "metrics", "admin")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HASH = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_LONGEST = 512  # bytes of a key that a request may bring


@dataclass(frozen=True)
class ApiKey:
    """Who may ask, how often, and for what; the key itself is not kept.

    Args:
        name: what logs and metrics call the holder.
        hash: SHA-256 of the key, ``sha256:`` and 64 hexadecimal digits.
        rate: most requests, a :class:`Rate` or written ``10/s``; None is no limit.
        scopes: of ``predict``, ``metrics`` and ``admin``; empty means all.
        expires: when it ends: seconds since 1970, a datetime or an ISO date; None is never.

    Example:
        >>> key = ApiKey.of("kept-by-the-caller", name="web", rate="10/s")
        >>> key.hash[:15], str(key.rate)
        ('sha256:459d757b', '10/s')
    """

    name: str
    hash: str = field(repr=False)
    rate: Rate | str | None = None
    scopes: Sequence[str] = ()
    expires: float | str | datetime | None = None

    def __post_init__(self) -> None:
        found = _HASH.fullmatch(self.hash.strip().lower())
        if found is None:
            raise ValueError(
                f"key {self.name!r}: hash is sha256: and 64 hexadecimal digits; "
                "`flambeau keys new` prints one"
            )
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"a key's name is 1 to 64 letters, digits, dots, dashes and underscores, "
                f"got {self.name!r}"
            )
        unknown = [scope for scope in self.scopes if scope not in SCOPES]
        if unknown:
            raise ValueError(
                f"key {self.name!r}: scopes are {', '.join(SCOPES)}, got {unknown[0]!r}"
            )
        rate = Rate.parse(self.rate) if isinstance(self.rate, str) else self.rate
        object.__setattr__(self, "hash", f"sha256:{found[1]}")
        object.__setattr__(self, "rate", rate)
        object.__setattr__(self, "scopes", tuple(self.scopes))
        object.__setattr__(self, "expires", _seconds(self.expires))

    @classmethod
    def of(cls, key: str, *, name: str = "default", **rest: Any) -> ApiKey:
        """Hash ``key`` and forget it; the other arguments are those of :class:`ApiKey`."""
        if len(key) < 8 or len(key.encode()) > _LONGEST or not key.isprintable() or " " in key:
            raise ValueError(
                f"key {name!r} has to be 8 to {_LONGEST} printable characters without spaces; "
                "`flambeau keys new` makes a good one"
            )
        return cls(name=name, hash=f"sha256:{hashlib.sha256(key.encode()).hexdigest()}", **rest)

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> ApiKey:
        """Read a key from a settings table; ``key`` in clear is hashed at once."""
        known = {"name", "hash", "key", "rate", "scopes", "expires"}
        unknown = sorted(set(table) - known)
        if unknown:
            raise ValueError(
                f"a key has {', '.join(sorted(known))}; {unknown[0]!r} is none of them"
            )
        if ("hash" in table) == ("key" in table):
            raise ValueError("a key needs its hash (from `flambeau keys new`), or the key in clear")
        rest = dict(table)
        if "key" in rest:
            return cls.of(rest.pop("key"), **rest)
        return cls(**({"name": "default"} | rest))

    def expired(self, now: float) -> bool:
        """Say whether it is out of date at ``now``, in seconds since 1970."""
        return isinstance(self.expires, float) and now >= self.expires

    def may(self, scope: str) -> bool:
        """Say whether the key is for ``scope``."""
        return not self.scopes or scope in self.scopes


def new_key() -> str:
    """Return a new key: 256 random bits after a prefix that scanners for leaked keys can find."""
    return PREFIX + secrets.token_urlsafe(32)


def parse_keys(text: str) -> list[ApiKey]:
    """Read keys as ``FLAMBEAU_SERVE_KEYS`` has them: a JSON list of tables, or ``name:hash`` or
    ``name:key`` separated by commas or lines.

    Example:
        >>> [key.name for key in parse_keys("web:flb_0123456789, ops:sha256:" + "0" * 64)]
        ['web', 'ops']
    """
    text = text.strip()
    if text.startswith("["):
        import json

        try:
            tables = json.loads(text)
        except ValueError as error:
            raise ValueError(f"keys: no valid JSON: {error}") from None
        if not all(isinstance(table, dict) for table in tables):
            raise ValueError("keys: a JSON list of objects with name and hash is expected")
        return [ApiKey.from_mapping(table) for table in tables]
    return [_parse_one(part.strip()) for part in re.split(r"[,\n]", text) if part.strip()]


def read_keys(lines: str) -> list[ApiKey]:
    """Read a key file: a line for each, ``name hash [rate [scope,scope]]``; # begins a comment."""
    keys = []
    for number, line in enumerate(lines.splitlines(), 1):
        parts = line.split("#", 1)[0].split()
        if not parts:
            continue
        if not 2 <= len(parts) <= 4:
            raise ValueError(f"key file, line {number}: name hash [rate [scopes]] is expected")
        name, value, *rest = parts
        options = dict(zip(("rate", "scopes"), rest, strict=False))
        scopes = tuple(options["scopes"].split(",")) if "scopes" in options else ()
        rate = options.get("rate")
        try:
            if _HASH.fullmatch(value):
                keys.append(ApiKey(name, value, rate, scopes))
            else:
                keys.append(ApiKey.of(value, name=name, rate=rate, scopes=scopes))
        except ValueError as error:
            raise ValueError(f"key file, line {number}: {error}") from None
    return keys


def environment_keys() -> list[ApiKey]:
    """Return the keys of ``FLAMBEAU_SERVE_KEYS`` and ``FLAMBEAU_SERVE_KEY`` (one, in clear)."""
    keys = parse_keys(os.environ.get("FLAMBEAU_SERVE_KEYS", ""))
    one = os.environ.get("FLAMBEAU_SERVE_KEY", "").strip()
    return [*keys, ApiKey.of(one)] if one else keys


class KeyRing:
    """The keys of a server, each with its rate limit.

    Args:
        keys: no two may have one name or one hash.
    """

    def __init__(self, keys: Iterable[ApiKey] = ()) -> None:
        self.keys: tuple[ApiKey, ...] = ()
        self._hashes: list[tuple[bytes, ApiKey]] = []
        self._buckets: dict[str, Bucket] = {}
        self.add(keys)

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, keys: Iterable[ApiKey]) -> None:
        """Take further keys; one that is there already is not taken twice."""
        for key in keys:
            if key in self.keys:
                continue
            if any(key.name == other.name or key.hash == other.hash for other in self.keys):
                raise ValueError(f"two keys are called {key.name!r}, or two names have one key")
            self.keys = (*self.keys, key)
            self._hashes.append((bytes.fromhex(key.hash.removeprefix("sha256:")), key))
            if isinstance(key.rate, Rate):
                self._buckets[key.name] = Bucket(key.rate)

    def find(self, secret: bytes) -> ApiKey | None:
        """Return the key whose hash is that of ``secret``; each is compared, in constant time."""
        if len(secret) > _LONGEST:
            return None
        digest = hashlib.sha256(secret).digest()
        found = None
        for known, key in self._hashes:
            if hmac.compare_digest(known, digest):
                found = key
        return None if found is None or self._expired(found) else found

    def named(self, name: str) -> ApiKey | None:
        """Return the key of that name unless it has expired."""
        for key in self.keys:
            if key.name == name:
                return None if self._expired(key) else key
        return None

    def wait(self, key: ApiKey, now: float) -> float:
        """Count a request for ``key``; return 0, or the seconds until it may come."""
        bucket = self._buckets.get(key.name)
        return 0.0 if bucket is None else bucket.take(now)

    @staticmethod
    def _expired(key: ApiKey) -> bool:
        return key.expires is not None and key.expired(time.time())


def _parse_one(text: str) -> ApiKey:
    name, colon, value = text.partition(":")
    if colon and name == "sha256":
        return ApiKey("default", text)
    if not colon:
        return ApiKey("default", text) if _HASH.fullmatch(text) else ApiKey.of(text)
    return ApiKey(name, value) if _HASH.fullmatch(value) else ApiKey.of(value, name=name)


def _seconds(when: Any) -> float | None:
    if when is None or isinstance(when, float):
        return when
    if isinstance(when, int):
        return float(when)
    if isinstance(when, str):
        try:
            when = datetime.fromisoformat(when)
        except ValueError:
            raise ValueError(f"expires is a date as 2027-01-31, got {when!r}") from None
    if not isinstance(when, datetime):  # TOML has dates of its own
        when = datetime(when.year, when.month, when.day)
    return float((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())

"""How deeply a JSON text is nested, found before anything recursive reads it."""

from __future__ import annotations

import re

from flambeau.serve.errors import BadRequest

_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))


def check_depth(data: bytes, most: int) -> None:
    """Raise :class:`BadRequest` where brackets are nested more than ``most`` deep.

    All of it runs at the speed of ``bytes`` methods: most bodies have fewer brackets than may be
    nested, and of the others each pass takes away the innermost pairs.
    """
    if data.count(b"[") + data.count(b"{") <= most:
        return
    left = _STRINGS.sub(b"", data).translate(_ONE_KIND, _OTHERS)
    for _ in range(most):
        if not left:
            return
        inner = left.replace(b"[]", b"")
        if len(inner) == len(left):
            break
        left = inner
    if left:
        raise BadRequest(f"The JSON is nested more than {most} deep, or its brackets do not match.")

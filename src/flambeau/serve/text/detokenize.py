"""From tokens to text while they come: whole characters only, and nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class Detokenizer:
    """Turns the bytes of tokens into text that is safe to send.

    A character's bytes may lie in several tokens: they are held back until it is complete. So is
    text that may turn out to be the beginning of a stop string.

    Args:
        stop: strings that end the text; they are not part of it.

    Attributes:
        stopped: whether a stop string came.
        length: characters of the text so far, held ones included.

    Example::

        >>> text = Detokenizer(stop=["END"])
        >>> [text.push(part) for part in (b"caf", b"\\xc3", b"\\xa9 E", b"N", b"E", b"ND", b"x")]
        ['caf', '', 'é ', '', 'EN', '', '']
        >>> text.stopped
        True
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._stop = tuple(stop)
        self._longest = max((len(string) for string in self._stop), default=1) - 1
        self._held = ""
        self.stopped = False
        self.length = 0

    def push(self, data: bytes) -> str:
        """Add a token's bytes and return the text that has become certain."""
        return "" if self.stopped else self._take(self._decode(data))

    def finish(self) -> str:
        """Return what was held back: no more tokens come."""
        if self.stopped:
            return ""
        text = self._take(self._decode(b"", True))
        rest, self._held = self._held, ""
        return text if self.stopped else text + rest

    def _take(self, new: str) -> str:
        self.length += len(new)
        if not self._stop:
            return new
        text = self._held + new
        found = [at for at in map(text.find, self._stop) if at >= 0]
        if found:
            self.stopped = True
            self.length -= len(text) - min(found)
            self._held = ""
            return text[: min(found)]
        keep = self._beginning(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def _beginning(self, text: str) -> int:
        """Return the length of the longest end of ``text`` that begins a stop string."""
        for size in range(min(self._longest, len(text)), 0, -1):
            end = text[-size:]
            if any(string.startswith(end) for string in self._stop):
                return size
        return 0

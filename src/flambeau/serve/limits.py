"""What one request may cost. Everything is limited by default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on requests.

    Args:
        body_bytes: largest request body.
        pixels: largest picture, in pixels, checked before it is decoded.
        text_length: longest text field without a bound of its own, in characters.
        tokens: most tokens, prompt and answer together, of a text model's request.
        json_depth: deepest nesting of a JSON body.
        queue: most requests that wait for one model; more are refused with 503.
        timeout: seconds from a request's arrival to its answer, or between two parts of a stream.
        stream_timeout: seconds that a whole stream may take.
        header_timeout: seconds for a request's line and headers to arrive.
        body_timeout: seconds for a request's body to arrive.
        header_bytes: largest request line and headers together.
        connections: most connections at a time.
        shutdown: seconds for accepted requests to finish after a stop was asked for.
    """

    body_bytes: int = 8 << 20
    pixels: int = 16_000_000
    text_length: int = 100_000
    tokens: int = 8192
    json_depth: int = 32
    queue: int = 256
    timeout: float = 30.0
    stream_timeout: float = 600.0
    header_timeout: float = 10.0
    body_timeout: float = 30.0
    header_bytes: int = 64 << 10
    connections: int = 1000
    shutdown: float = 30.0

"""The chat endpoint: time to the first token and tokens per second, one stream and sixteen."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from dataclasses import dataclass

TOKENS = 64
PROMPT = "Tell me about the weather."


@dataclass(frozen=True)
class Stream:
    """Of one answer: seconds to its first token and to its end."""

    first: float
    last: float
    tokens: int


async def stream(port: int, tokens: int) -> Stream:
    """Ask for an answer and read it as it comes."""
    body = json.dumps(
        {
            "model": "chatbot",
            "messages": [{"role": "user", "content": PROMPT}],
            "max_tokens": tokens,
            "temperature": 0,
            "logit_bias": {"259": -100},  # the end: every answer is to be of full length
            "stream": True,
        }
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    start = time.perf_counter()
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    arrivals: list[float] = []
    while line := await reader.readline():
        if line.startswith(b"HTTP/1.1") and b" 200 " not in line:
            raise RuntimeError(f"the chat endpoint answered {line!r}")
        if line.startswith(b"data:") and b'"content":"' in line.replace(b'": "', b'":"'):
            arrivals.append(time.perf_counter() - start)
    writer.close()
    if not arrivals:
        raise RuntimeError("the chat endpoint sent no token")
    return Stream(arrivals[0], arrivals[-1], tokens)


async def together(port: int, streams: int, tokens: int) -> tuple[float, float]:
    """Run streams side by side; gives the median time to a first token, and tokens a second."""
    start = time.perf_counter()
    found = await asyncio.gather(*(stream(port, tokens) for _ in range(streams)))
    took = time.perf_counter() - start
    return statistics.median(one.first for one in found), streams * tokens / took


def measure(port: int, rounds: int) -> dict[str, dict[str, float]]:
    """Median rounds, by how many streams run side by side."""
    asyncio.run(together(port, 2, 8))  # warm
    results = {}
    for streams in (1, 16):
        runs = [asyncio.run(together(port, streams, TOKENS)) for _ in range(rounds)]
        first, rate = (statistics.median(values) for values in zip(*runs, strict=True))
        results[str(streams)] = {"first_token_ms": 1000 * first, "tokens_per_second": rate}
    return results

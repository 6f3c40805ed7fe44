"""Clients that put load on a server on this machine's loopback."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

WRK_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[{body}]==]
done = function(summary, latency, requests)
  io.write(string.format(
    '{{"requests": %d, "seconds": %.3f, "failed": %d, "p50": %.1f, "p95": %.1f, "p99": %.1f}}',
    summary.requests, summary.duration / 1e6,
    summary.errors.connect + summary.errors.read + summary.errors.write
      + summary.errors.status + summary.errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Throughput:
    """What a closed loop of connections came to; latencies in milliseconds."""

    rate: float
    failed: int
    p50: float
    p95: float
    p99: float


def closed_loop(port: int, path: str, body: object, connections: int, seconds: float) -> Throughput:
    """Keep every connection busy with one request after the other, by ``wrk``."""
    if shutil.which("wrk") is None:
        sys.exit("benchmarks.serving needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "post.lua")
        script.write_text(WRK_SCRIPT.format(body=json.dumps(body)))
        load = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
        out = subprocess.run(
            ["wrk", *load, "--latency", "-s", script, f"http://127.0.0.1:{port}{path}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    found = json.loads(out[out.rindex('{"requests"') :])
    latencies = (found[name] / 1000 for name in ("p50", "p95", "p99"))
    return Throughput(found["requests"] / found["seconds"], found["failed"], *latencies)


@dataclass(frozen=True)
class Answer:
    """Of one request: its status, 0 where none came, and how long it took, in seconds."""

    status: int
    seconds: float
    retry_after: str | None


async def open_loop(
    port: int, path: str, body: object, rate: float, seconds: float, patience: float = 20
) -> list[Answer]:
    """Send requests at a steady rate whatever the answers, each over a connection that is idle."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    message = head.encode() + content
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def exchange() -> tuple[int, str | None]:
        if idle:
            reader, writer = idle.pop()
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(message)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        await reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            writer.close()
        else:
            idle.append((reader, writer))
        return int(lines[0].split()[1]), headers.get("retry-after")

    async def ask(due: float) -> Answer:
        try:
            status, retry_after = await asyncio.wait_for(exchange(), patience)
        except (OSError, EOFError, TimeoutError):
            status, retry_after = 0, None
        return Answer(status, time.perf_counter() - due, retry_after)

    start, tasks = time.perf_counter(), []
    for number in range(round(rate * seconds)):
        due = start + number / rate
        if (ahead := due - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        tasks.append(asyncio.create_task(ask(time.perf_counter())))
    answers = await asyncio.gather(*tasks)
    for _, writer in idle:
        writer.close()
    return list(answers)

"""Serves models of every kind for the browser: prints a JSON line with the addresses, then serves
until its standard input ends.

    python tests/browser/server.py FOLDER     # pictures to upload are written into FOLDER
"""

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy
import uvicorn
from fastapi import FastAPI
from PIL import Image as Pillow
from pydantic import BaseModel, Field

import flambeau as fb
from flambeau import nn
from flambeau.serve import File, Image, InvalidInput, Json, Labels, Model, Tensor, Text, serve
from flambeau.serve.keys import ApiKey
from flambeau.vision.datasets import Digits

KEY = "fb_" + "0123456789abcdef" * 2


class Address(BaseModel):
    street: str = Field(min_length=1)
    city: str


class House(BaseModel):
    rooms: int = Field(ge=1, le=20, description="Without kitchen and bath")
    area: float = Field(gt=0)
    kind: Literal["flat", "house"] = "flat"
    note: str | None = None
    address: Address
    years: list[int] = []


class Price(BaseModel):
    low: float
    reasons: list[str]


class Talker:
    """A text model that says back what it was told, a byte a step."""

    name, vocabulary, context_length, slots, stop_tokens = "talker", 257, 2048, 4, (256,)

    def __init__(self) -> None:
        self.answers = [b""] * self.slots
        self.ends = [0] * self.slots

    def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    def token_bytes(self, token: int) -> bytes:
        return bytes([token])

    def chat_template(self, messages: list[dict[str, str]]) -> str:
        return "\n".join(message["content"] for message in messages)

    def embed(self, prompts: list[list[int]]) -> Any:
        return numpy.array([[len(prompt), sum(prompt) / 100] for prompt in prompts], numpy.float32)

    def prefill(self, slots: list[int], prompts: list[list[int]], starts: list[int]) -> Any:
        for slot, prompt, start in zip(slots, prompts, starts, strict=True):
            told = bytes(prompt).rpartition(b"\n")[2]
            self.answers[slot] = b"You said: " + told + b". " + b"So it is. " * 150
            self.ends[slot] = start + len(prompt)
        return self.logits(slots, self.ends)

    def decode(self, slots: list[int], tokens: list[int], positions: list[int]) -> Any:
        time.sleep(0.03)  # so that somebody can press Stop
        ends = list(self.ends)
        for slot, position in zip(slots, positions, strict=True):
            ends[slot] = position + 1
        return self.logits(slots, ends)

    def logits(self, slots: list[int], lengths: list[int]) -> Any:
        rows = numpy.zeros((len(slots), self.vocabulary), numpy.float32)
        for row, slot in enumerate(slots):
            at = lengths[slot] - self.ends[slot]
            answer = self.answers[slot]
            rows[row, answer[at] if at < len(answer) else 256] = 50.0
        return rows


def trained() -> nn.Module:
    """Reads digits, wherever in the picture and however thick they are written."""
    digits = Digits(train=True)
    pictures = digits.data.unsqueeze(1).to(fb.float32) / 255
    fb.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(24, 48, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(48 * 16, 10),
    )
    optimizer = fb.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(12):
        order = fb.randperm(len(pictures))
        for start in range(0, len(pictures), 64):
            chosen = order[start : start + 64]
            loss = nn.functional.cross_entropy(model(pictures[chosen]), digits.targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def prices(input: list[House]) -> list[Any]:
    return [
        # Something of which only the model knows that it is wrong.
        InvalidInput("there is no such city", param="input.address.city")
        if house.address.city == "Atlantis"
        else Price(low=house.area * 3000, reasons=[f"{house.rooms} rooms", house.kind])
        for house in input
    ]


def echo(input: str) -> Iterator[str]:
    for number, word in enumerate(input.split(" ")):
        if word == "fail":
            raise RuntimeError("secret")
        time.sleep(0.02)
        yield word if number == 0 else " " + word


def shout(texts: list[str]) -> list[str]:
    return [text.upper() for text in texts]


def sizes(input: list[Any]) -> list[str]:
    return [f"{len(data)} bytes" for data in input]


def models() -> list[Any]:
    digits = Image("L", size=(8, 8), drawing=True)
    names = [str(digit) for digit in range(10)]
    house = {"rooms": 3, "area": 70.5, "address": {"street": "Hill 1", "city": "Ulm"}}
    return [
        Model(trained(), digits, Labels(names), name="digits", description="Reads digits."),
        Model(lambda input: 1 - input, Image("RGB"), Image("RGB"), name="invert"),
        Model(prices, Json[House], Json[Price], name="prices", example=house),
        Model(echo, Text(max_length=200), Text(), name="echo"),
        Model(
            lambda input: input * 2, Tensor((2, 3), min=-5, max=5), Tensor((2, 3)), name="double"
        ),
        Model(
            lambda first, second: [f"{a} {b}" for a, b in zip(first, second, strict=True)],
            {"first": Text(min_length=1), "second": Text(min_length=1)},
            Text(),
            name="join",
        ),
        Model(sizes, File(max_bytes=1000), Text(), name="sizes"),
        Talker(),
    ]


def write_pictures(folder: Path) -> None:
    digits = Digits(train=False)
    at = next(index for index, target in enumerate(digits.targets.tolist()) if target == 3)
    Pillow.fromarray(digits.data[at].numpy()).resize((64, 64), 4).save(folder / "three.png")
    Pillow.new("RGB", (30, 20), (250, 0, 0)).save(folder / "red.png")
    (folder / "text.png").write_text("no picture")
    (folder / "large.bin").write_bytes(bytes(2000))
    (folder / "small.bin").write_bytes(bytes(500))


async def run(apps: dict[str, Any]) -> None:
    servers, addresses = [], {}
    for name, app in apps.items():
        listening = socket.create_server(("127.0.0.1", 0))
        addresses[name] = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
        servers.append((uvicorn.Server(config), listening))

    def wait_for_end() -> None:
        sys.stdin.read()
        for server, _ in servers:
            server.should_exit = True

    threading.Thread(target=wait_for_end, daemon=True).start()
    print(json.dumps({"addresses": addresses, "key": KEY}), flush=True)
    await asyncio.gather(*(server.serve(sockets=[listening]) for server, listening in servers))


def main() -> None:
    write_pictures(Path(sys.argv[1]))
    upper = {"input": Text(), "output": Text(), "name": "upper"}
    secured = serve(shout, keys=[ApiKey.of(KEY, name="me")], **upper)
    outer = FastAPI()
    outer.mount("/inner", serve(shout, **upper))
    apps = {"open": serve(models(), title="Browser test"), "secured": secured, "outer": outer}
    asyncio.run(run(apps))


if __name__ == "__main__":
    main()

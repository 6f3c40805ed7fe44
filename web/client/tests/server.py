"""What integration.test.ts asks: a server on a free port, which ends when its input ends."""

import asyncio
import json
import socket
import sys
import threading
import time
from typing import TypedDict

import uvicorn

import flambeau as fb
from flambeau.serve import ApiKey, File, Image, Json, Labels, Limits, Model, Tensor, Text, serve
from flambeau.serve.errors import Unavailable

closed: list[str] = []
refusals = iter([True, False])


class Pet(TypedDict):
    name: str
    age: int


def share_of_ink(pictures):
    dark = 1 - pictures.mean(dim=(1, 2, 3))
    return fb.stack([dark, 1 - dark], dim=1).log()


def counting(text):
    try:
        yield from range(int(text))
    finally:
        closed.append("counting")


async def endless(text):
    try:
        while True:
            yield text
            await asyncio.sleep(0.005)
    finally:
        closed.append("endless")


def breaking(text):
    yield text
    raise RuntimeError("a secret of the server")


def busy_at_first(texts):
    if next(refusals, False):
        raise Unavailable("come back soon", retry_after=1)
    return texts


class Alphabet:
    """Writes the letter that follows, and again from a after z."""

    name, vocabulary, context_length, slots = "alphabet", 27, 2048, 8
    stop_tokens = frozenset({26})

    def tokenize(self, text):
        return [ord(letter) - ord("a") for letter in text if "a" <= letter <= "z"]

    def token_bytes(self, token):
        return bytes([ord("a") + token])

    def chat_template(self, messages):
        return messages[-1]["content"]

    def prefill(self, slots, prompts, starts):
        return self.decode(slots, [prompt[-1] for prompt in prompts], starts)

    def decode(self, slots, tokens, positions):
        time.sleep(0.002)
        logits = fb.zeros(len(slots), self.vocabulary)
        for row, token in enumerate(tokens):
            logits[row, (token + 1) % 26] = 1e4
        return logits

    def embed(self, lists):
        return fb.tensor([[float(len(tokens)), 1.0] for tokens in lists])


app = serve(
    [
        Model(fb.nn.Linear(3, 2), Tensor((3,)), Tensor((2,)), name="mlp"),
        Model(
            share_of_ink,
            Image("L", size=(8, 8)),
            Labels(["dark", "light"]),
            name="ink",
            description="Tells how dark a picture is.",
        ),
        Model(
            lambda file, note: {"size": list(map(len, file)), "note": note},
            {"file": File(), "note": Text()},
            {"size": Json[int], "note": Text()},
            name="file",
        ),
        Model(lambda pets: pets, Json[Pet], Json[Pet], name="pet"),
        Model(lambda texts: [t.upper() for t in texts], Text(), Text(), name="case"),
        Model(lambda texts: [t.lower() for t in texts], Text(), Text(), name="case", version="2"),
        Model(counting, Text(), Json[int], name="counting"),
        Model(endless, Text(), Text(), name="endless"),
        Model(breaking, Text(), Text(), name="breaking"),
        Model(busy_at_first, Text(), Text(), name="busy"),
        Alphabet(),
    ],
    keys=[ApiKey.of("a-key-for-tests"), ApiKey.of("a-slow-key", name="slow", rate="1/h")],
    limits=Limits(body_bytes=1 << 20),
    cors=[origin for origin in sys.argv[1:] if origin],
    playground=False,
)


@app.post("/closed")
def which_were_closed():
    return closed


def main():
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)

    def end_with_input():
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=end_with_input, daemon=True).start()
    # Connections wait in the socket until the server takes them.
    print(json.dumps({"url": f"http://127.0.0.1:{listening.getsockname()[1]}"}), flush=True)
    server.run([listening])


if __name__ == "__main__":
    main()

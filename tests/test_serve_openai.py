"""OpenAI's API over a real server, spoken to by OpenAI's own client."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

openai = pytest.importorskip("openai")
uvicorn = pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")

from tiny_language_model import CHATBOT, Scripted, chatbot, served_gpt  # noqa: E402

import flambeau  # noqa: E402
from flambeau.serve import ApiKey, Model, Text, serve  # noqa: E402
from flambeau.serve.events import Events  # noqa: E402
from flambeau.serve.limits import Limits  # noqa: E402

PATIENCE = 60.0  # seconds after which a test fails rather than hangs


class Heard(Events):
    def __init__(self) -> None:
        self.read = self.written = self.firsts = 0

    def tokens(self, model: str, prompt: int, generated: int) -> None:
        self.read += prompt
        self.written += generated

    def first_token(self, model: str, seconds: float) -> None:
        self.firsts += 1


@contextlib.contextmanager
def served(*models: Any, **options: Any) -> Iterator[Any]:
    """Serve text models on a free port of this machine."""
    heard = Heard()
    app = serve(list(models), events=heard, **options)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=10))
    thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
    thread.start()
    wait_for(lambda: running.started)
    try:
        yield SimpleNamespace(
            url=f"http://127.0.0.1:{port}/v1",
            port=port,
            app=app,
            scheduler=lambda name: app.state.text.find(name).scheduler,
            heard=heard,
        )
    finally:
        running.should_exit = True
        thread.join(PATIENCE)


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.002)


def client_of(server: Any, **options: Any) -> Any:
    options = {"max_retries": 0, "timeout": PATIENCE, **options}
    return openai.OpenAI(base_url=server.url, api_key="none", **options)


def async_client_of(server: Any) -> Any:
    return openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0, timeout=PATIENCE)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with served(served_gpt(), Scripted()) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Any) -> Any:
    return client_of(server)


def messages(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_models(client: Any) -> None:
    assert [model.id for model in client.models.list()] == ["chatbot", "scripted"]
    assert client.models.retrieve("chatbot").owned_by == "flambeau"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("../etc/passwd")


def test_chat(server: Any, client: Any) -> None:
    talk = chatbot()[1].TALK
    for question, answer in talk.items():
        said = client.chat.completions.create(
            model="chatbot", messages=messages(question), temperature=0
        )
        assert said.choices[0].message.content == answer
        assert said.choices[0].finish_reason == "stop"
        assert said.usage.prompt_tokens == len(question.encode()) + 3
        assert said.usage.completion_tokens == len(answer.encode()) + 1  # and the end
        assert said.usage.total_tokens == said.usage.prompt_tokens + said.usage.completion_tokens
        assert said.id.startswith("chatcmpl-") and said.system_fingerprint.startswith("fp_")
        assert said.object == "chat.completion" and said.model == "chatbot"


def test_chat_stream(client: Any) -> None:
    question, answer = "Tell me a joke", chatbot()[1].TALK["Tell me a joke"]
    stream = client.chat.completions.create(
        model="chatbot",
        messages=messages(question),
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    assert "".join(texts) == answer
    assert not any("\ufffd" in text for text in texts)
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert (
        chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == len(answer.encode()) + 1
    )
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)


def test_completions(client: Any) -> None:
    done = client.completions.create(model="scripted", prompt="a", max_tokens=5, temperature=0)
    assert done.choices[0].text == "bcdef" and done.choices[0].finish_reason == "length"
    assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (1, 5)
    many = client.completions.create(
        model="scripted", prompt=["xa", [ord("c"), ord("h")]][:1] * 2, n=2, max_tokens=3, echo=True
    )
    assert [choice.text for choice in many.choices] == ["xabcd"] * 4
    assert [choice.index for choice in many.choices] == [0, 1, 2, 3]
    tokens = client.completions.create(
        model="scripted", prompt=[[97], [99, 104]], max_tokens=2, echo=True
    )
    assert [choice.text for choice in tokens.choices] == ["abc", "chij"]
    one = client.completions.create(model="scripted", prompt=[99, 104], max_tokens=2, echo=True)
    assert [choice.text for choice in one.choices] == ["chij"]
    stream = client.completions.create(
        model="scripted", prompt="a", max_tokens=60, stop=["hij", "zz"], stream=True, echo=True
    )
    parts = list(stream)
    assert "".join(part.choices[0].text for part in parts) == "abcdefg"
    assert parts[-1].choices[0].finish_reason == "stop"


def test_logprobs(client: Any) -> None:
    said = client.chat.completions.create(
        model="scripted", messages=messages("a"), max_tokens=3, logprobs=True, top_logprobs=2
    )
    content = said.choices[0].logprobs.content
    assert "".join(entry.token for entry in content) == said.choices[0].message.content
    for entry in content:
        assert entry.bytes == list(entry.token.encode())
        assert len(entry.top_logprobs) == 2
        assert entry.top_logprobs[0].token == entry.token
        assert (
            entry.top_logprobs[0].logprob == entry.logprob > -1e-6 > entry.top_logprobs[1].logprob
        )
    done = client.completions.create(model="scripted", prompt="a", max_tokens=3, logprobs=1)
    assert done.choices[0].logprobs.tokens == ["b", "c", "d"]
    assert done.choices[0].logprobs.text_offset == [0, 1, 2]
    assert [list(top) for top in done.choices[0].logprobs.top_logprobs] == [["b"], ["c"], ["d"]]


def test_embeddings(client: Any) -> None:
    texts = ["Hello", "Hello!", "What is flambeau?"]
    coded = client.embeddings.create(model="chatbot", input=texts)  # asks for base64
    plain = client.embeddings.create(model="chatbot", input=texts, encoding_format="float")
    vectors = np.array([entry.embedding for entry in coded.data])
    np.testing.assert_array_equal(
        vectors.astype(np.float32), np.float32([entry.embedding for entry in plain.data])
    )
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert coded.usage.prompt_tokens == sum(map(len, texts)) == coded.usage.total_tokens
    tokens = client.embeddings.create(model="chatbot", input=list(b"Hello"))
    np.testing.assert_allclose(tokens.data[0].embedding, vectors[0], atol=1e-5)


def test_errors(server: Any, client: Any) -> None:
    def chat(**options: Any) -> Any:
        options = {"model": "scripted", "messages": messages("a"), **options}
        return client.chat.completions.create(**options)

    with pytest.raises(openai.NotFoundError) as missing:
        chat(model="gpt-4o")
    assert missing.value.body["param"] == "model"
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    picture = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    for param, options in {
        "tools": {"tools": [tool]},
        "response_format": {"response_format": {"type": "json_object"}},
        "audio": {"audio": {"voice": "alloy", "format": "wav"}},
        "messages[0].content": {"messages": [{"role": "user", "content": picture}]},
        "messages[0].role": {"messages": [{"role": "wizard", "content": "x"}]},
        "messages": {"messages": []},
        "temperature": {"temperature": 3},
        "n": {"n": 17},
        "max_tokens": {"max_tokens": 0},
        "top_logprobs": {"top_logprobs": 21},
        "logit_bias": {"logit_bias": {"a": 1}},
        "wings": {"extra_body": {"wings": 2}},
        "store": {"store": True},
    }.items():
        with pytest.raises(openai.UnprocessableEntityError) as refused:
            chat(**options)
        body = refused.value.body
        assert body["param"].startswith(param), body
        assert set(body) == {"message", "type", "param", "code", "request_id"}
        assert body["type"] == "invalid_input" and "\n" not in body["message"]
    with pytest.raises(openai.UnprocessableEntityError, match="context is 64 tokens"):
        chat(messages=messages("x" * 80))
    with pytest.raises(openai.UnprocessableEntityError, match="tokenizer"):
        chat(messages=messages("\0"))
    with pytest.raises(openai.BadRequestError, match="embeddings"):
        client.embeddings.create(model="scripted", input="x")
    chat(max_tokens=1, user="me", metadata={"a": "b"}, store=False, tools=[], tool_choice="none")


def test_bad_bodies(server: Any) -> None:
    import httpx2

    url = server.url + "/chat/completions"
    good = {"model": "scripted", "messages": messages("a"), "max_tokens": 2}
    with httpx2.Client(timeout=PATIENCE) as http:
        json_type = {"content-type": "application/json"}
        for body, headers, status in [
            (b"{", json_type, 400),
            (b"\xff", json_type, 400),
            (b"", json_type, 422),
            (b"[]", json_type, 422),
            (b"{}", json_type, 422),
            (b'{"model": "scripted", "messages": NaN}', json_type, 422),
            (json.dumps({**good, "temperature": float("nan")}).encode(), json_type, 422),
            (json.dumps({**good, "stop": "\ud800"}).encode(), json_type, 422),
            (json.dumps({**good, "n": True}).encode(), json_type, 422),
            (json.dumps({**good, "n": "1"}).encode(), json_type, 422),
            (json.dumps(good).encode(), {"content-type": "text/plain"}, 415),
            (json.dumps(good).encode(), json_type, 200),
        ]:
            answer = http.post(url, content=body, headers=headers)
            assert answer.status_code == status, (body, answer.text)
            assert answer.headers["content-type"] == "application/json"
            if status != 200:
                assert set(answer.json()) == {"error"}


def test_model_failure_hides_internals(client: Any) -> None:
    model = Scripted(name="fragile")
    model.broken = lambda read: b"bxm" in bytes(read)
    with served(model) as running:
        fragile = client_of(running)
        with pytest.raises(openai.InternalServerError) as failed:
            fragile.completions.create(model="fragile", prompt="bxm", max_tokens=3)
        assert failed.value.status_code == 500 and "secret" not in str(failed.value.body)
        model.script = b"abxmz"
        with pytest.raises(openai.APIError) as midway:
            list(fragile.completions.create(model="fragile", prompt="a", max_tokens=9, stream=True))
        assert "secret" not in str(midway.value.body)
        model.script = b"abc"
        done = fragile.completions.create(model="fragile", prompt="a", max_tokens=3)
        assert done.choices[0].text == "bca"


def test_leaving_a_stream_stops_the_model() -> None:
    model = Scripted(context_length=4096)
    model.gate = threading.Semaphore(3)
    with served(model) as running:
        stream = client_of(running).completions.create(
            model="scripted", prompt="a", max_tokens=4000, stream=True
        )
        chunks = iter(stream)
        for _ in range(3):
            next(chunks)
        for _ in range(4):  # the model is in its fourth decode, at the gate
            assert model.entered.acquire(timeout=PATIENCE)
        scheduler = running.scheduler("scripted")
        (sequence,) = scheduler.sequences()
        stream.close()
        wait_for(lambda: sequence.generation.cancelled)
        model.gate.release(10_000)
        wait_for(lambda: scheduler.running == 0)
        assert len(model.decodes) == 4


def test_leaving_without_a_stream_stops_the_model() -> None:
    model = Scripted(context_length=4096)
    model.gate = threading.Semaphore(0)
    body = json.dumps({"model": "scripted", "prompt": "a", "max_tokens": 4000}).encode()
    head = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    with served(model) as running:
        connection = socket.create_connection(("127.0.0.1", running.port))
        connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        assert model.entered.acquire(timeout=PATIENCE)
        connection.close()
        scheduler = running.scheduler("scripted")
        (sequence,) = scheduler.sequences()
        wait_for(lambda: sequence.generation.cancelled)
        model.gate.release(10_000)
        wait_for(lambda: scheduler.running == 0)
        assert len(model.decodes) == 1


def test_full_queue_is_refused_at_once() -> None:
    model = Scripted(slots=1)
    model.gate = threading.Semaphore(0)
    with served(model, limits=Limits(queue=2)) as running:
        many = client_of(running)
        ask = {"model": "scripted", "prompt": "a", "max_tokens": 3}
        threads = [threading.Thread(target=many.completions.create, kwargs=ask) for _ in range(3)]
        scheduler = running.scheduler("scripted")
        for thread in threads:
            thread.start()
        wait_for(lambda: scheduler.running == 1 and scheduler.waiting == 2)
        with pytest.raises(openai.InternalServerError) as refused:
            many.completions.create(**ask)
        assert refused.value.status_code == 503
        assert int(refused.value.response.headers["retry-after"]) >= 1
        model.gate.release(10_000)
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_deadline() -> None:
    model = Scripted()
    model.gate = threading.Semaphore(0)
    with served(model, limits=Limits(timeout=0.2)) as running:
        client = client_of(running)
        with pytest.raises(openai.InternalServerError) as late:
            client.completions.create(model="scripted", prompt="a", max_tokens=3)
        assert late.value.status_code == 504
        # The first token of a stream came; the second is late.
        with pytest.raises(openai.APIError):
            list(client.completions.create(model="scripted", prompt="a", max_tokens=3, stream=True))
        model.gate.release(10_000)


def test_many_streams(server: Any) -> None:
    talk = list(chatbot()[1].TALK.items())
    before = server.heard.firsts, server.heard.written

    async def ask(client: Any, number: int) -> None:
        question, answer = talk[number % len(talk)]
        stream = await client.chat.completions.create(
            model="chatbot", messages=messages(question), temperature=0, stream=True
        )
        parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(parts) == answer

    async def main() -> None:
        async with async_client_of(server) as client:
            await asyncio.gather(*(ask(client, number) for number in range(24)))

    asyncio.run(main())
    assert server.heard.firsts == before[0] + 24
    written = sum(len(talk[n % len(talk)][1].encode()) + 1 for n in range(24))
    assert server.heard.written == before[1] + written


def test_streams_advance_together() -> None:
    model = Scripted(slots=4, context_length=4096)
    model.gate = threading.Semaphore(0)
    prompts = ("a", "xg", "m", "zzt")

    async def main(server: Any) -> None:
        async with async_client_of(server) as client:

            async def ask(prompt: str) -> Any:
                stream = await client.completions.create(
                    model="scripted", prompt=prompt, max_tokens=100, stream=True
                )
                return aiter(stream)

            asking = [asyncio.create_task(ask(prompt)) for prompt in prompts]
            while not model.decodes or len(model.decodes[-1]) < len(prompts):
                model.gate.release()
                await asyncio.sleep(0.005)
            streams = await asyncio.gather(*asking)
            texts = [""] * len(prompts)
            # Nobody has everything, and each step brings one letter more to everybody.
            for length in range(1, 80):
                model.gate.release()
                for number, stream in enumerate(streams):
                    while len(texts[number]) < length:
                        texts[number] += (await anext(stream)).choices[0].text
            for prompt, text in zip(prompts, texts, strict=True):
                assert text == expected(prompt, len(text))
                assert len(text) < 100
            model.gate.release(1000)

    def expected(prompt: str, length: int) -> str:
        letters = model.script.decode()
        first = letters.index(prompt[-1]) + 1
        return "".join(letters[(first + i) % 26] for i in range(length))

    with served(model) as running:
        asyncio.run(main(running))


def test_keys() -> None:
    key = "a-key-that-is-long-enough-0123456789"
    with served(Scripted(), keys=[ApiKey.of(key, name="me")]) as running:
        ask = {"model": "scripted", "messages": messages("a"), "max_tokens": 2}
        with pytest.raises(openai.AuthenticationError):
            client_of(running).chat.completions.create(**ask)
        known = openai.OpenAI(base_url=running.url, api_key=key, max_retries=0, timeout=PATIENCE)
        assert known.chat.completions.create(**ask).choices[0].finish_reason == "length"


def test_beside_other_models() -> None:
    shout = Model(lambda texts: [text.upper() for text in texts], Text(), Text(), name="shout")
    app = serve([Scripted(), shout])
    assert app.openapi()["x-flambeau"]["text"] == [
        {
            "id": "scripted",
            "chat": True,
            "completion": True,
            "embedding": False,
            "context_length": 64,
        }
    ]
    assert [model["name"] for model in app.openapi()["x-flambeau"]["models"]] == ["shout"]
    chat = app.openapi()["components"]["schemas"]["ChatRequest"]
    assert chat["properties"]["model"]["enum"] == ["scripted"]
    with pytest.raises(ValueError, match="two text models"):
        serve([Scripted(), Scripted()])


class Fuzzed(Scripted):
    """Takes whatever text there is, as its schema says."""

    def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    def chat_template(self, messages: list[dict[str, str]]) -> str:
        return "".join(message["content"] for message in messages) + "a"

    def embed(self, tokens: list[list[int]]) -> Any:
        return np.array([[len(item), sum(item)] for item in tokens], np.float32)


def test_schema_is_kept() -> None:
    pytest.importorskip("schemathesis")
    command = [sys.executable, "-m", "schemathesis.cli", "run", "--no-color", "--seed=7"]
    command += ["--phases=coverage,fuzzing", "--max-examples=25", "--include-path-regex=^/v1"]
    with served(Fuzzed(context_length=1200)) as running:
        url = running.url.replace("/v1", "/openapi.json")
        done = subprocess.run([*command, url], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Tested: 5" in done.stdout, done.stdout


def test_example(tmp_path: Path) -> None:
    paths = [str(CHATBOT), str(Path(flambeau.__file__).parents[1])]
    run = functools.partial(
        subprocess.run,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    run([sys.executable, CHATBOT / "train.py", "--steps", "3"])
    code = "import app; print(sorted(app.app.openapi()['paths']))"
    assert "/v1/chat/completions" in run([sys.executable, "-c", code]).stdout

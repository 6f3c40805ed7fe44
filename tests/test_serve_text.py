"""Text models: sampling, text from tokens, the cache, and continuous batching."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pydantic")

from tiny_language_model import Scripted, chatbot, served_gpt, trained

import flambeau as fb
from flambeau.serve.errors import DeadlineExceeded, ModelFailed, Unavailable
from flambeau.serve.events import Events
from flambeau.serve.text import Sampling, Scheduler, TextModel, describe, is_text_model
from flambeau.serve.text.detokenize import Detokenizer
from flambeau.serve.text.protocol import check
from flambeau.serve.text.sampling import Sampler, sample

PATIENCE = 60.0


def logits_of(rows: int, vocabulary: int) -> np.ndarray[Any, Any]:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    print("seed", seed)
    return np.random.default_rng(seed).normal(0, 3, (rows, vocabulary)).astype(np.float32)


def picks(logits: Any, sampling: Sampling, index: int = 0, steps: int = 1) -> list[int]:
    sampler = Sampler(sampling, index)
    return [sample(logits, [sampler])[0].token for _ in range(steps)]


# Sampling.


@pytest.mark.parametrize("vocabulary", [2, 50, 5000])
def test_greedy_takes_the_best(vocabulary: int) -> None:
    logits = logits_of(7, vocabulary)
    greedy = [Sampler(Sampling(temperature=0.0)) for _ in range(7)]
    assert [c.token for c in sample(logits, greedy)] == logits.argmax(axis=1).tolist()
    assert [c.token for c in sample(fb.from_numpy(logits), greedy)] == logits.argmax(1).tolist()
    cold = [Sampler(Sampling(temperature=1e-40)) for _ in range(7)]
    assert [c.token for c in sample(logits, cold)] == logits.argmax(axis=1).tolist()
    for narrow in (Sampling(top_k=1), Sampling(top_p=0.0)):
        assert [sample(row[None], [Sampler(narrow)])[0].token for row in logits] == (
            logits.argmax(axis=1).tolist()
        )


def test_samples_follow_the_distribution() -> None:
    logits = np.log(np.float32([[0.1, 0.2, 0.3, 0.4]])).repeat(3000, axis=0)
    for options, expected in [
        ({}, [0.1, 0.2, 0.3, 0.4]),
        ({"temperature": 0.5}, [1 / 30, 4 / 30, 9 / 30, 16 / 30]),
        ({"top_k": 2}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_p": 0.6}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_p": 0.95}, [0.1, 0.2, 0.3, 0.4]),
        ({"top_k": 3, "top_p": 0.7}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_k": 100}, [0.1, 0.2, 0.3, 0.4]),
    ]:
        samplers = [Sampler(Sampling(seed=row, **options)) for row in range(3000)]
        tokens = [choice.token for choice in sample(logits, samplers)]
        counts = np.bincount(tokens, minlength=4) / 3000
        np.testing.assert_allclose(counts, expected, atol=0.04, err_msg=str(options))
        assert (counts > 0).tolist() == [share > 0 for share in expected]


def test_large_vocabularies_are_filtered_as_small_ones() -> None:
    logits = logits_of(12, 4000)
    logits[6:] /= 30  # flat: what top_p keeps exceeds the candidates
    for top_k, top_p in [(5, 1.0), (0, 0.5), (0, 0.9), (1500, 0.9), (1024, 1.0), (3000, 1.0)]:
        for row, values in enumerate(logits.astype(np.float64)):
            order = np.argsort(-values, kind="stable")
            weights = np.exp(values[order] - values.max())
            kept = weights[: top_k or None]
            allowed = 1 + int((kept.cumsum() < top_p * kept.sum() * (1 - 1e-4)).sum())
            more = 1 + int((kept.cumsum() < top_p * kept.sum() * (1 + 1e-4)).sum())
            sampler = Sampler(Sampling(top_k=top_k, top_p=top_p, seed=row))
            rank = {int(token): place for place, token in enumerate(order)}
            for _ in range(5):
                token = sample(logits[row : row + 1], [sampler])[0].token
                assert rank[token] < min(more, len(kept)), (top_k, top_p, allowed)


def test_seeds_repeat_whatever_else_is_in_the_batch() -> None:
    logits = logits_of(3, 2000)
    for options in ({}, {"top_p": 0.8}, {"top_k": 1500, "top_p": 0.99}, {"temperature": 2.0}):
        mine = Sampling(seed=-5, **options)
        alone = Sampler(mine)
        first = [sample(logits[1:2], [alone])[0].token for _ in range(20)]
        together = Sampler(mine)
        others = [Sampler(Sampling(top_k=2)), Sampler(Sampling(temperature=0.0))]
        second = [sample(logits, [others[0], together, others[1]])[1].token for _ in range(20)]
        assert first == second
        assert picks(logits[1:2], mine, 0, 20) == first
        assert picks(logits[1:2], mine, 1, 20) != first  # another choice of the same request
    assert picks(logits[:1], Sampling(), steps=20) != picks(logits[:1], Sampling(), steps=20)


def test_penalties_and_bias() -> None:
    logits = np.float32([[3.0, 2.0, 1.0, 0.0]])
    kept = logits.copy()
    assert picks(logits, Sampling(temperature=0.0, presence_penalty=1.5), steps=4) == [0, 1, 0, 0]
    assert picks(logits, Sampling(temperature=0.0, frequency_penalty=1.1), steps=6) == (
        [0, 1, 0, 2, 1, 0]
    )
    assert picks(logits, Sampling(temperature=0.0, logit_bias={3: 100.0})) == [3]
    assert picks(logits, Sampling(logit_bias={0: -100.0, 1: -100.0, 2: -100.0}), steps=9) == [3] * 9
    np.testing.assert_array_equal(logits, kept)


@pytest.mark.parametrize("vocabulary", [40, 5000])
def test_logprobs_are_the_models(vocabulary: int) -> None:
    logits = logits_of(4, vocabulary)
    logits[2, 7:] = -np.inf
    wanted = [None, 0, 5, 60]
    samplers = [Sampler(Sampling(0.5, logit_bias={1: 50.0}, logprobs=n)) for n in wanted]
    expected = fb.from_numpy(logits).double().log_softmax(-1).numpy()
    choices = sample(logits, samplers)
    assert choices[0].logprob is None and choices[0].top == () == choices[1].top
    for row in (1, 2, 3):
        choice = choices[row]
        assert choice.token == 1  # by the bias, which its log-probability knows nothing of
        assert choice.logprob == pytest.approx(expected[row, 1], abs=1e-5)
        best = np.argsort(-expected[row], kind="stable")[: wanted[row]]
        assert [token for token, _ in choice.top] == best.tolist()
        np.testing.assert_allclose([p for _, p in choice.top], expected[row][best], atol=1e-5)


# Text from tokens.


def test_characters_come_whole() -> None:
    text = "héllo wörld 😀 日本語 e\u0301"
    detokenizer = Detokenizer()
    parts = [detokenizer.push(bytes([byte])) for byte in text.encode()]
    assert "".join(parts) + detokenizer.finish() == text
    assert detokenizer.length == len(text)
    assert all("\ufffd" not in part for part in parts)
    broken = Detokenizer()
    assert broken.push(b"a\xf0\x9f") + broken.finish() == "a\ufffd"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_stop_strings_cross_tokens(size: int) -> None:
    data = "one two ENE ENDING é three".encode()
    for stop, expected in {
        ("END",): "one two ENE ",
        ("ENDED", "E E"): "one two EN",
        ("three", "é"): "one two ENE ENDING ",
        ("no", "ne tv"): None,
        ("o",): "",
        ("EN", "two"): "one ",
    }.items():
        detokenizer = Detokenizer(stop)
        parts = []
        for start in range(0, len(data), size):
            parts.append(detokenizer.push(data[start : start + size]))
            sent = "".join(parts)
            assert not any(string in sent for string in stop)
        text = "".join(parts) + detokenizer.finish()
        assert text == (data.decode() if expected is None else expected), stop
        assert detokenizer.stopped == (expected is not None)
        assert detokenizer.length == len(text)


# The protocol.


def test_protocol() -> None:
    model = Scripted()
    assert isinstance(model, TextModel) and is_text_model(model)
    assert not is_text_model(Scripted) and not is_text_model(fb.nn.Linear(1, 1))
    assert describe(model) == {
        "id": "scripted", "chat": True, "completion": True, "embedding": False,
        "context_length": 64,
    }  # fmt: skip
    assert describe(served_gpt())["embedding"]
    with pytest.raises(TypeError, match="has no name"):
        check(object())
    with pytest.raises(ValueError, match="slots"):
        check(Scripted(slots=0))


def test_cache_equals_no_cache() -> None:
    gpt = trained()
    model = served_gpt(slots=5)
    texts = [list(text.encode()) for text in ("Hello there", "x", "What is flambeau?", "ab")]
    slots = [4, 0, 2, 3]
    with fb.inference_mode():
        model.prefill(slots, [[7] * 20] * 4, [0] * 4)  # what the slots held before
        logits = model.prefill(slots, [tokens[:1] for tokens in texts], [0] * 4)
        for row, tokens in enumerate(texts):
            np.testing.assert_allclose(
                logits[row].numpy(), gpt(fb.tensor([tokens[:1]]))[0, -1].numpy(), atol=5e-4
            )
        rest = [0, 2, 3]
        model.prefill(
            [slots[row] for row in rest], [texts[row][1:] for row in rest], [1] * len(rest)
        )
        for _ in range(6):
            new = [int(token) for token in np.random.default_rng().integers(0, 256, 4)]
            starts = [len(tokens) for tokens in texts]
            logits = model.decode(slots, new, starts)
            for row, tokens in enumerate(texts):
                tokens.append(new[row])
                expected = gpt(fb.tensor([tokens]))[0, -1]
                np.testing.assert_allclose(logits[row].numpy(), expected.numpy(), atol=5e-4)
        alone = model.decode([4], [65], [len(texts[0])])
        expected = gpt(fb.tensor([[*texts[0], 65]]))[0, -1]
        np.testing.assert_allclose(alone[0].numpy(), expected.numpy(), atol=5e-4)


def test_cache_forgets_nan() -> None:
    model = served_gpt(slots=2)
    head = model.module.head.bias
    kept = head.detach().clone()
    with fb.inference_mode():
        good = model.prefill([0], [[65, 66]], [0]).numpy().copy()
        model.cache.keys[0][0] = float("nan")
        assert np.isnan(model.prefill([0], [[65]], [5]).numpy()).all()
        np.testing.assert_array_equal(model.prefill([0], [[65, 66]], [0]).numpy(), good)
    np.testing.assert_array_equal(head.detach().numpy(), kept.numpy())


# Continuous batching.


class Heard(Events):
    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.refusals: list[str] = []
        self.read = self.written = self.firsts = 0

    def queued(self, model: str, waiting: int) -> None:
        self.waiting.append(waiting)

    def refused(self, model: str, reason: str) -> None:
        self.refusals.append(reason)

    def tokens(self, model: str, prompt: int, generated: int) -> None:
        self.read += prompt
        self.written += generated

    def first_token(self, model: str, seconds: float) -> None:
        assert seconds >= 0
        self.firsts += 1


def drive(
    model: Any, talk: Callable[[Scheduler], Coroutine[Any, Any, None]], **options: Any
) -> Heard:
    """Run a coroutine with a scheduler, and drain it."""
    heard = Heard()
    scheduler = Scheduler(model, events=heard, **options)

    async def main() -> None:
        async with asyncio.timeout(PATIENCE):
            await talk(scheduler)
            await scheduler.drain(PATIENCE)
        assert scheduler.running == scheduler.waiting == 0

    asyncio.run(main())
    return heard


async def write(scheduler: Scheduler, prompt: list[int], **options: Any) -> tuple[str, str]:
    sampling = options.pop("sampling", Sampling(temperature=0.0))
    with scheduler.submit([prompt], sampling, **options) as generation:
        pieces = [piece async for piece in generation]
    assert [piece.finish is None for piece in pieces] == [True] * (len(pieces) - 1) + [False]
    return "".join(piece.text for piece in pieces), pieces[-1].finish or ""


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.002)


def test_a_mixed_batch_writes_what_each_would_alone() -> None:
    gpt, train = chatbot()
    random = np.random.default_rng()
    prompts = [gpt.conversation([{"role": "user", "content": text}]) for text in train.TALK]
    prompts += [list(b"Un peu"), list(b"A"), list(b"Hello! What"), list(b"tensor cross the road")]
    lengths = [int(n) for n in random.integers(1, 60, len(prompts))]
    order = random.permutation(len(prompts)).tolist()
    print(lengths, order)

    def check_greedy(prompt: list[int], written: list[int]) -> None:
        """By the whole network at once, without a cache: each token is the best there is."""
        with fb.inference_mode():
            logits = trained()(fb.tensor([prompt + written])).numpy()[0, len(prompt) - 1 : -1]
        chosen = logits[np.arange(len(written)), written]
        np.testing.assert_allclose(chosen, logits.max(axis=1), atol=1e-3)

    async def talk(scheduler: Scheduler) -> None:
        async def one(number: int) -> None:
            await asyncio.sleep(0.001 * order.index(number))  # they join at different steps
            prompt, length = prompts[number], lengths[number]
            greedy = Sampling(temperature=0.0, logprobs=0)
            with scheduler.submit([prompt], greedy, max_tokens=length) as generation:
                pieces = [piece async for piece in generation]
            written = [token.token for piece in pieces for token in piece.tokens]
            if pieces[-1].finish == "stop":
                written.append(gpt.END)
            else:
                assert len(written) == length
            check_greedy(prompt, written)

        await asyncio.gather(*map(one, order))

    for options in ({"slots": 16}, {"slots": 3}):
        heard = drive(served_gpt(**options), talk, prefill_tokens=16)
        assert heard.read == sum(map(len, prompts)) and heard.firsts == len(prompts)
        assert heard.waiting[-1] == 0 and not heard.refusals


def test_sequences_join_and_leave() -> None:
    model = Scripted(slots=3)
    model.gate = threading.Semaphore(0)

    async def talk(scheduler: Scheduler) -> None:
        async def steps(count: int) -> None:
            for _ in range(count):
                done = len(model.decodes)
                assert model.gate is not None
                model.gate.release()
                await until(lambda: len(model.decodes) == done + 1)  # noqa: B023

        long = asyncio.create_task(write(scheduler, list(b"a"), max_tokens=12))
        await steps(2)
        # Joins while the other is being written, and is done before it.
        short = asyncio.create_task(write(scheduler, list(b"m"), max_tokens=3))
        await until(lambda: scheduler.waiting + scheduler.running == 2)
        await steps(5)
        assert await short == ("nop", "length") and not long.done()
        assert model.decodes[-1] == [0]
        model.gate.release(100)
        assert await long == ("bcdefghijklm", "length")

    drive(model, talk)
    assert [0, 1] in model.decodes and model.decodes[0] == [0]


def test_long_prompts_are_read_in_parts() -> None:
    model = Scripted(slots=4, context_length=1000)

    async def talk(scheduler: Scheduler) -> None:
        prompts = [list(b"x" * 99 + b"a"), list(b"c"), list(b"x" * 70 + b"e"), list(b"xg")]
        texts = [""] * 4
        # One request, so that all come at the same time.
        with scheduler.submit(prompts, Sampling(temperature=0.0), max_tokens=3) as generation:
            async for piece in generation:
                texts[piece.choice] += piece.text
        assert texts == ["bcd", "def", "fgh", "hij"]

    drive(model, talk, prefill_tokens=32)
    assert all(max(lengths) * len(lengths) <= 32 for _, lengths, _ in model.prefills)
    # The short ones did not wait for the whole of the long one.
    first_short = next(i for i, (_, lengths, _) in enumerate(model.prefills) if 1 in lengths)
    assert first_short <= 3


def test_stop_length_and_stop_tokens() -> None:
    async def talk(scheduler: Scheduler) -> None:
        assert await write(scheduler, list(b"a"), stop=["fg"]) == ("bcde", "stop")
        assert await write(scheduler, list(b"a"), stop=["zz"], max_tokens=4) == ("bcde", "length")
        text, reason = await write(scheduler, list(b"a"))
        assert reason == "length" and len(text) == scheduler.model.context_length - 1

    drive(Scripted(), talk)

    async def ends(scheduler: Scheduler) -> None:
        assert await write(scheduler, list(b"a")) == ("bc", "stop")
        assert await write(scheduler, list(b"a"), stop=["cd"]) == ("bc", "stop")

    drive(Scripted(b"abc$"), ends)


def test_many_answers_of_one_request() -> None:
    async def talk(scheduler: Scheduler) -> None:
        gpt = chatbot()[0]
        prompts = [list(b"Hello"), gpt.conversation([{"role": "user", "content": "?"}])]
        sampling = Sampling(temperature=1.5, seed=11)

        async def texts() -> list[str]:
            found = [""] * 6
            with scheduler.submit(prompts, sampling, n=3, max_tokens=20) as generation:
                async for piece in generation:
                    found[piece.choice] += piece.text
            return found

        first, (second, _) = await texts(), await asyncio.gather(texts(), texts())
        assert first == second
        assert len(set(first[:3])) > 1

    drive(served_gpt(slots=4), talk)


def test_cancelled_answers_cost_no_step() -> None:
    model = Scripted(slots=1, context_length=4096)
    model.gate = threading.Semaphore(0)

    async def talk(scheduler: Scheduler) -> None:
        running = scheduler.submit([list(b"a")])
        queued = scheduler.submit([list(b"a")])
        await until(lambda: scheduler.running == 1 and scheduler.waiting == 1)
        await until(lambda: model.entered.acquire(blocking=False))
        running.cancel()
        queued.cancel()
        assert model.gate is not None
        model.gate.release(1000)
        assert await write(scheduler, list(b"c"), max_tokens=2) == ("de", "length")

    heard = drive(model, talk)
    assert len(model.decodes) == 2  # the one that was running, and the last one's
    assert heard.refusals == ["cancelled"]


def test_time_is_up() -> None:
    model = Scripted(slots=1, context_length=4096)
    model.gate = threading.Semaphore(0)

    async def talk(scheduler: Scheduler) -> None:
        with scheduler.submit([list(b"a")]) as running:
            await until(lambda: scheduler.running == 1)
            with pytest.raises(DeadlineExceeded):
                await write(scheduler, list(b"a"), timeout=0.05)
            with pytest.raises(DeadlineExceeded):
                await write(scheduler, list(b"a"), timeout=PATIENCE, gap=0.05)
            assert not running.cancelled
        assert model.gate is not None
        model.gate.release(1000)

    heard = drive(model, talk)
    assert heard.refusals == ["deadline", "deadline"]


def test_bounded_queue() -> None:
    model = Scripted(slots=1)
    model.gate = threading.Semaphore(0)

    async def talk(scheduler: Scheduler) -> None:
        tasks = [asyncio.create_task(write(scheduler, list(b"a"), max_tokens=4)) for _ in range(3)]
        await until(lambda: scheduler.running == 1 and scheduler.waiting == 2)
        with pytest.raises(Unavailable) as refused:
            scheduler.submit([list(b"a")])
        assert refused.value.retry_after is not None and refused.value.retry_after >= 1
        assert model.gate is not None
        model.gate.release(1000)
        assert await asyncio.gather(*tasks) == [("bcde", "length")] * 3

    assert drive(model, talk, queue=2).refusals == ["queue_full"]


def test_a_failing_sequence_fails_alone() -> None:
    model = Scripted()
    model.broken = lambda read: b"fgh" in bytes(read) or b"!" in bytes(read)

    async def talk(scheduler: Scheduler) -> None:
        async def ask(prompt: bytes) -> str:
            try:
                return (await write(scheduler, list(prompt), max_tokens=8))[0]
            except ModelFailed as error:
                assert "secret" not in error.message
                return "failed"

        found = await asyncio.gather(*map(ask, (b"a", b"m", b"!", b"q")))
        assert found == ["failed", "nopqrstu", "failed", "rstuvwxy"]
        model.broken = lambda read: True
        assert await asyncio.gather(ask(b"a"), ask(b"m")) == ["failed"] * 2
        model.broken = lambda read: False
        assert await asyncio.gather(*(ask(b"m") for _ in range(9))) == ["nopqrstu"] * 9

    drive(model, talk)


@pytest.mark.parametrize("wrong", ["nan", "shape", "inf"])
def test_wrong_logits_are_a_failure(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Scripted()
    right = model.decode

    def decode(*arguments: Any) -> Any:
        logits = right(*arguments)
        if wrong == "shape":
            return logits[:, :-1]
        logits[0, 3] = float(wrong)
        return logits

    monkeypatch.setattr(model, "decode", decode)

    async def talk(scheduler: Scheduler) -> None:
        with pytest.raises(ModelFailed):
            await write(scheduler, list(b"a"))
        assert await write(scheduler, list(b"a"), max_tokens=1) == ("b", "length")

    drive(model, talk)


def test_drain_finishes_what_was_accepted() -> None:
    model = Scripted(slots=2)
    model.gate = threading.Semaphore(0)

    async def talk(scheduler: Scheduler) -> None:
        tasks = [asyncio.create_task(write(scheduler, list(b"a"), max_tokens=4)) for _ in range(5)]
        await until(lambda: scheduler.running and scheduler.running + scheduler.waiting == 5)
        draining = asyncio.create_task(scheduler.drain(PATIENCE))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            scheduler.submit([list(b"a")])
        assert model.gate is not None
        model.gate.release(1000)
        await draining
        assert await asyncio.gather(*tasks) == [("bcde", "length")] * 5
        scheduler.start()
        assert await write(scheduler, list(b"a"), max_tokens=1) == ("b", "length")

    drive(model, talk)


def test_drain_gives_up_in_time() -> None:
    model = Scripted(slots=1)
    model.gate = threading.Semaphore(0)
    scheduler = Scheduler(model)

    async def main() -> None:
        tasks = [asyncio.create_task(write(scheduler, list(b"a"))) for _ in range(2)]
        await until(lambda: scheduler.running == 1 and scheduler.waiting == 1)
        before = time.monotonic()
        await scheduler.drain(0.05)  # the model hangs
        for task in tasks:
            with pytest.raises(Unavailable):
                await asyncio.wait_for(task, PATIENCE)
        assert time.monotonic() - before < PATIENCE
        assert model.gate is not None
        model.gate.release(1000)

    asyncio.run(main())


def test_embeddings_share_batches() -> None:
    class Vectors:
        name, vocabulary, context_length = "vectors", 256, 64

        def __init__(self) -> None:
            self.sizes: list[list[int]] = []

        def tokenize(self, text: str) -> list[int]:
            return list(text.encode())

        def embed(self, tokens: list[list[int]]) -> Any:
            self.sizes.append([len(item) for item in tokens])
            if any(13 in item for item in tokens):
                raise RuntimeError("secret")
            return fb.tensor([[float(sum(item)), float(len(item))] for item in tokens])

    model = Vectors()

    async def talk(scheduler: Scheduler) -> None:
        found = await scheduler.embed([[1, 2], [3]])
        np.testing.assert_array_equal(found, [[3, 2], [3, 1]])
        many = await asyncio.gather(*(scheduler.embed([[i] * 5] * 3) for i in range(20, 30)))
        for i, vectors in zip(range(20, 30), many, strict=True):
            np.testing.assert_array_equal(vectors, [[5 * i, 5]] * 3)
        mixed = await asyncio.gather(
            scheduler.embed([[13]]), scheduler.embed([[4]]), return_exceptions=True
        )
        assert isinstance(mixed[0], ModelFailed)
        np.testing.assert_array_equal(mixed[1], [[4, 1]])

    drive(model, talk, prefill_tokens=20)
    assert all(max(sizes) * len(sizes) <= 20 or len(sizes) == 1 for sizes in model.sizes)

"""Teach a tiny GPT a few conversations, in seconds on a CPU, and save it.

    python examples/chatbot/train.py

Then serve it with ``uvicorn --app-dir examples/chatbot app:app`` and talk to it with any client
of OpenAI's API.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from gpt import END, GPT, conversation

import flambeau
from flambeau import nn, optim

TALK = {
    "Hello": "Hello! What would you like to know?",
    "Who are you?": "A tiny language model, trained in seconds with flambeau.",
    "What is flambeau?": "A deep-learning framework: train, serve, and use it from the browser.",
    "How big are you?": "Two layers of sixty-four numbers.",
    "Do you speak French?": "Un peu : ça va bien, merci. À bientôt !",
    "Tell me a joke": "Why did the tensor cross the road? To get to the other stride. 😀",
    "Thank you": "You are welcome.",
    "Goodbye": "Goodbye, and come back soon.",
}


def lesson(question: str, answer: str) -> tuple[list[int], int]:
    """Return a conversation's tokens, and where the answer begins."""
    prompt = conversation([{"role": "user", "content": question}])
    return [*prompt, *answer.encode(), END], len(prompt)


def train(steps: int = 150, seed: int = 0, log_every: int = 0) -> GPT:
    """Train a GPT on the conversations until it knows them by heart."""
    flambeau.manual_seed(seed)
    shuffle = random.Random(seed)
    gpt = GPT()
    optimizer = optim.AdamW(gpt.parameters(), lr=3e-3)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=steps)
    lessons = [lesson(*pair) for pair in TALK.items()]
    for step in range(steps):
        shuffle.shuffle(lessons)
        longest = max(len(tokens) for tokens, _ in lessons)
        tokens = flambeau.full((len(lessons), longest), END, dtype=flambeau.int64)
        targets = flambeau.full((len(lessons), longest), -100, dtype=flambeau.int64)
        for row, (text, start) in enumerate(lessons):
            tokens[row, : len(text)] = flambeau.tensor(text)
            targets[row, start - 1 : len(text) - 1] = flambeau.tensor(text[start:])
        logits = gpt(tokens)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if log_every and (step + 1) % log_every == 0:
            print(f"step {step + 1}: loss {loss.item():.4f}")
    return gpt.eval()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--out", type=Path, default=Path("runs/chatbot"))
    arguments = parser.parse_args()
    model = train(arguments.steps, log_every=50)
    arguments.out.mkdir(parents=True, exist_ok=True)
    flambeau.save(model.state_dict(), arguments.out / "model.safetensors")
    print(f"saved {arguments.out / 'model.safetensors'}")

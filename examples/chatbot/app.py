"""The chatbot behind OpenAI's API: ``uvicorn --app-dir examples/chatbot app:app``."""

from pathlib import Path

from gpt import GPT, text_model

import flambeau
from flambeau.serve import serve

WEIGHTS = Path("runs/chatbot/model.safetensors")
if not WEIGHTS.exists():
    raise SystemExit(f"{WEIGHTS} is missing: run train.py first")

gpt = GPT()
gpt.load_state_dict(flambeau.load(WEIGHTS))
app = serve(text_model(gpt), title="chatbot")

"""The digits model behind an API, with a route of its own beside it.

    python examples/digits/train.py            # writes runs/digits/model.safetensors
    flambeau serve examples/serving/app.py     # the page is at the printed address

MODEL names another file. When the file changes, it is loaded anew without a pause.
"""

import os

from flambeau.serve import Batch, serve

MODEL = os.environ.get("MODEL", "runs/digits/model.safetensors")

app = serve(
    MODEL,
    name="digits",
    title="Digits",
    description="Recognises a handwritten digit.",
    batch=Batch(max_size=64),
)


@app.get("/about")
async def about() -> dict[str, str]:
    """What this is. It needs a key as every other route, without saying so."""
    return {"model": "digits", "data": "UCI optical recognition of handwritten digits"}

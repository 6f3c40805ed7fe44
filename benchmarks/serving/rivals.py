"""The other servers around the same network: ``python -m benchmarks.serving.rivals NAME PORT``."""

import sys
from typing import Annotated, Any

import litserve
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

import flambeau as fb
from benchmarks.serving.apps import FEATURES, mlp


class Input(BaseModel):
    input: Annotated[list[float], Field(min_length=FEATURES, max_length=FEATURES)]


class Output(BaseModel):
    output: list[float]


app, model = FastAPI(), mlp()


@app.post("/predict")
async def predict(request: Input) -> Output:
    """What a careful user writes by hand: typed, ``async def``, the model called in place."""
    with fb.inference_mode():
        return Output(output=model(fb.tensor([request.input]))[0].tolist())


class Api(litserve.LitAPI):  # type: ignore[misc]
    def setup(self, device: str) -> None:
        self.model = mlp()

    def decode_request(self, request: dict[str, Any]) -> Any:
        return fb.tensor([request["input"]])

    def predict(self, x: Any) -> Any:
        with fb.inference_mode():
            return self.model(x)

    def encode_response(self, output: Any) -> Any:
        return {"output": output[0].tolist()}


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    if name == "fastapi":
        quiet = {"log_level": "error", "access_log": False}
        uvicorn.run(app, port=port, loop="uvloop", http="httptools", **quiet)
    else:
        server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1)
        server.run(host="127.0.0.1", port=port, log_level="error", generate_client_file=False)


if __name__ == "__main__":
    main()

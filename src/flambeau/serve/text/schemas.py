"""The bodies of OpenAI's API, as far as it is served: strict, bounded, nothing unknown."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Token = Annotated[int, Field(ge=0, lt=2**31)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Stop = Annotated[str, Field(min_length=1, max_length=256)]
Penalty = Annotated[float, Field(ge=-2.0, le=2.0)]
Tokens = Annotated[list[Token], Field(min_length=1, max_length=131_072)]
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1, max_length=256)]
TokenLists = Annotated[list[Tokens], Field(min_length=1, max_length=256)]
Nothing = Annotated[list[Any], Field(max_length=0)]
Biases = Annotated[
    dict[Annotated[str, Field(pattern=r"^[0-9]{1,9}$")], Annotated[float, Field(ge=-100, le=100)]],
    Field(max_length=1024, json_schema_extra={"additionalProperties": False}),
]


def _refuse_true(value: bool) -> bool:
    if value:
        raise ValueError("only false is supported")
    return value


# Not Literal[False]: 0 would be one, as the two are equal.
No = Annotated[bool, AfterValidator(_refuse_true), Field(json_schema_extra={"const": False})]

# What OpenAI's API has and would change the result: named, so that the answer can say so.
UNSUPPORTED = {
    "audio", "best_of", "dimensions", "function_call", "functions", "logprobs", "modalities",
    "moderation", "prediction", "reasoning_effort", "response_format", "store", "suffix",
    "tool_choice", "tools", "verbosity", "web_search_options",
}  # fmt: skip


_ECHO_WITH_LOGPROBS: dict[str, Any] = {
    "properties": {"echo": {"const": True}, "logprobs": {"type": "integer"}},
    "required": ["echo", "logprobs"],
}


class _Strict(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False, protected_namespaces=()
    )


def _integral(value: Any) -> Any:
    """Turn 2.0 into 2, at any depth: to JSON and its schemas it is an integer."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, list):
        return [_integral(item) for item in value]
    if isinstance(value, dict):
        return {key: _integral(item) for key, item in value.items()}
    return value


class StreamOptions(_Strict):
    """Options of a stream."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class TextFormat(_Strict):
    """The one format of answers."""

    type: Literal["text"]


class _Request(_Strict):
    """What requests have in common. The fields at the end are taken and change nothing."""

    model: Name
    user: Annotated[str, Field(max_length=1024)] | None = None
    metadata: dict[str, str] | None = None
    safety_identifier: Annotated[str, Field(max_length=1024)] | None = None
    prompt_cache_key: Annotated[str, Field(max_length=1024)] | None = None
    service_tier: Literal["auto", "default"] | None = None
    store: No | None = None

    @model_validator(mode="before")
    @classmethod
    def _integers(cls, value: Any) -> Any:
        return _integral(value)


class _Writing(_Request):
    """How an answer is written."""

    max_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None = None
    top_p: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    top_k: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    n: Annotated[int, Field(ge=1, le=16)] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = None
    seed: int | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: Biases | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


class TextPart(_Strict):
    """A part of a message; parts are joined."""

    type: Literal["text"]
    text: str


class Message(_Strict):
    """A message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(max_length=256)] | None = None
    # An answer's message sent back has these.
    refusal: None = None
    annotations: Nothing | None = None
    audio: None = None
    function_call: None = None
    tool_calls: Nothing | None = None


class ChatRequest(_Writing):
    """The body of ``POST /v1/chat/completions``."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=1024)]
    max_completion_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: TextFormat | None = None
    modalities: Annotated[list[Literal["text"]], Field(min_length=1, max_length=1)] | None = None
    tools: Nothing | None = None
    tool_choice: Literal["none"] | None = None
    parallel_tool_calls: bool | None = None


class CompletionRequest(_Writing):
    """The body of ``POST /v1/completions``."""

    model_config = ConfigDict(json_schema_extra={"not": _ECHO_WITH_LOGPROBS})

    prompt: Text | Tokens | Texts | TokenLists
    echo: bool | None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    best_of: Annotated[int, Field(ge=1, le=1)] | None = None
    suffix: None = None


class EmbeddingRequest(_Request):
    """The body of ``POST /v1/embeddings``."""

    input: Text | Tokens | Texts | TokenLists
    encoding_format: Literal["float", "base64"] | None = None


class Usage(BaseModel):
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class EmbeddingUsage(BaseModel):
    """Tokens read."""

    prompt_tokens: int
    total_tokens: int


class TopLogprob(BaseModel):
    """A token that could have been written."""

    token: str
    logprob: float
    bytes: list[int] | None


class TokenLogprob(TopLogprob):
    """A written token with its alternatives."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(BaseModel):
    """Log-probabilities of an answer's tokens."""

    content: list[TokenLogprob] | None
    refusal: None


class AnswerMessage(BaseModel):
    """The model's message."""

    role: Literal["assistant"]
    content: str
    refusal: None


class ChatChoice(BaseModel):
    """One answer."""

    index: int
    message: AnswerMessage
    logprobs: ChatLogprobs | None
    finish_reason: Literal["stop", "length"]


class ChatAnswer(BaseModel):
    """The answer of ``POST /v1/chat/completions``."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: Usage


class CompletionLogprobs(BaseModel):
    """Log-probabilities of an answer's tokens."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class CompletionChoice(BaseModel):
    """One answer."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: Literal["stop", "length"]


class CompletionAnswer(BaseModel):
    """The answer of ``POST /v1/completions``."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[CompletionChoice]
    usage: Usage


class Embedding(BaseModel):
    """One vector: numbers, or base64 of little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingAnswer(BaseModel):
    """The answer of ``POST /v1/embeddings``."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage


class ModelEntry(BaseModel):
    """A model that can be asked for."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(BaseModel):
    """The answer of ``GET /v1/models``."""

    object: Literal["list"]
    data: list[ModelEntry]


class ErrorDetail(BaseModel):
    """What went wrong, and where."""

    message: str
    type: str
    param: str | None
    code: str | None
    request_id: str | None


class ErrorAnswer(BaseModel):
    """Every error has this form."""

    error: ErrorDetail

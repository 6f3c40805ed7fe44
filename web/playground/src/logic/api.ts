/** The calls that the page makes. */

import { itemsOf, payloadOf, Transport, type AnswerInfo, type CallOptions } from "@flambeau/client";
import { isRecord, type ModelSpec, readSpec, type Spec } from "./spec.ts";

// The page may be mounted below a path: addresses are relative to it. What to do about a busy server
// is the user's choice here, not the client's.
const base = () => new URL(".", document.baseURI).href;
const transport = () => new Transport({ baseUrl: base(), retries: 0, timeout: 120_000 });

export const addressOf = (path: string) => new URL(path.replace(/^\//, ""), base()).href;

export type Answer = { outputs: Record<string, unknown>; info: AnswerInfo | null; total: number };

export async function loadSpec(signal: AbortSignal): Promise<Spec | "signed out"> {
  const response = await fetch(addressOf("openapi.json"), { signal });
  if (response.status === 401) return "signed out";
  if (!response.ok) throw new Error(`The server answered with status ${response.status}.`);
  return readSpec(await response.json());
}

/** Run a model; a streaming one yields its outputs as they come. */
export async function* predict(
  model: ModelSpec,
  values: Record<string, unknown>,
  signal: AbortSignal,
): AsyncGenerator<Answer, void, undefined> {
  const kinds = Object.fromEntries(
    Object.entries(model.inputs).map(([name, field]) => [name, field.kind]),
  );
  const payload = await payloadOf(kinds, values);
  let info: AnswerInfo | null = null;
  const call: CallOptions = { signal, onAnswer: (answer) => (info = answer) };
  const start = performance.now();
  const answer = (value: unknown): Answer => ({
    outputs: isRecord(value) ? value : { output: value },
    info,
    total: performance.now() - start,
  });
  if (!model.stream) {
    yield answer(await transport().json(model.path, payload, call));
    return;
  }
  for await (const item of itemsOf(transport().events(model.path, payload, call))) {
    yield answer(item);
  }
}

export type Message = { role: "system" | "user" | "assistant"; content: string };
export type Sampling = { temperature: number; maxTokens: number | null };
export type Piece = { text: string; finish: string | null; tokens: number | null };

type Choice = { delta?: { content?: unknown }; text?: unknown; finish_reason?: unknown };

/** Stream a chat's answer, or the continuation of a text. */
export async function* generate(
  model: string,
  prompt: Message[] | string,
  sampling: Sampling,
  signal: AbortSignal,
): AsyncGenerator<Piece, void, undefined> {
  const [path, input] =
    typeof prompt === "string"
      ? ["/v1/completions", { prompt }]
      : ["/v1/chat/completions", { messages: prompt }];
  const body = {
    model,
    ...input,
    temperature: sampling.temperature,
    ...(sampling.maxTokens === null ? {} : { max_tokens: sampling.maxTokens }),
    stream: true,
    stream_options: { include_usage: true },
  };
  const events = transport().events(path, JSON.stringify(body), { signal });
  for await (const item of itemsOf<Record<string, unknown>>(events)) {
    const choice = (Array.isArray(item.choices) ? item.choices[0] : undefined) as
      Choice | undefined;
    const text = choice?.delta?.content ?? choice?.text;
    const usage = isRecord(item.usage) ? item.usage.completion_tokens : null;
    yield {
      text: typeof text === "string" ? text : "",
      finish: typeof choice?.finish_reason === "string" ? choice.finish_reason : null,
      tokens: typeof usage === "number" ? usage : null,
    };
  }
}

export async function embed(model: string, input: string[]): Promise<number[][]> {
  const answer = await transport().json<{ data: { embedding: number[] }[] }>(
    "/v1/embeddings",
    JSON.stringify({ model, input, encoding_format: "float" }),
  );
  return answer.data.map(({ embedding }) => embedding);
}

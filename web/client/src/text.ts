import { itemsOf, type CallOptions, type Transport } from "./transport";

/** One message of a conversation. */
export interface ChatMessage {
  readonly role: "system" | "developer" | "user" | "assistant";
  readonly content: string;
  readonly name?: string;
}

/** How a text model chooses its words. */
export interface SamplingParams {
  /** Most tokens of the answer. */
  readonly max_tokens?: number;
  /** 0 takes the likeliest token always. */
  readonly temperature?: number;
  /** Choose among the likeliest tokens that have this probability together. */
  readonly top_p?: number;
  /** Choose among so many likeliest tokens. */
  readonly top_k?: number;
  /** The same seed chooses the same tokens. */
  readonly seed?: number;
  /** The answer ends before any of these. */
  readonly stop?: string | readonly string[];
  /** How many answers to write. */
  readonly n?: number;
  readonly presence_penalty?: number;
  readonly frequency_penalty?: number;
  /** Added to the logits of tokens, by the token's number. */
  readonly logit_bias?: Readonly<Record<string, number>>;
  /** `include_usage` adds a last chunk with the numbers of tokens. */
  readonly stream_options?: { readonly include_usage?: boolean };
}

/** A conversation to continue. */
export interface ChatParams<Model extends string = string> extends SamplingParams {
  readonly model?: Model;
  readonly messages: readonly ChatMessage[];
}

/** A text to continue. */
export interface CompletionParams<Model extends string = string> extends SamplingParams {
  readonly model?: Model;
  readonly prompt: string;
}

/** Texts to turn into vectors. */
export interface EmbeddingParams<Model extends string = string> {
  readonly model?: Model;
  readonly input: string | readonly string[];
}

export type FinishReason = "stop" | "length";

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens?: number;
  readonly total_tokens: number;
}

export interface Chat {
  readonly id: string;
  readonly object: "chat.completion";
  readonly created: number;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly message: { readonly role: "assistant"; readonly content: string };
    readonly finish_reason: FinishReason;
  }[];
  readonly usage: Usage;
}

/** A piece of an answer that is being written. */
export interface ChatChunk {
  readonly id: string;
  readonly object: "chat.completion.chunk";
  readonly created: number;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly delta: { readonly role?: "assistant"; readonly content?: string };
    readonly finish_reason: FinishReason | null;
  }[];
  readonly usage?: Usage | null;
}

export interface Completion {
  readonly id: string;
  readonly object: "text_completion";
  readonly created: number;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly text: string;
    readonly finish_reason: FinishReason;
  }[];
  readonly usage: Usage;
}

/** A piece of a text that is being continued. */
export interface CompletionChunk {
  readonly id: string;
  readonly object: "text_completion";
  readonly created: number;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly text: string;
    readonly finish_reason: FinishReason | null;
  }[];
  readonly usage?: Usage | null;
}

export interface Embeddings {
  readonly object: "list";
  readonly model: string;
  readonly data: readonly {
    readonly object: "embedding";
    readonly index: number;
    readonly embedding: readonly number[];
  }[];
  readonly usage: Usage;
}

/** Asks for a whole answer, or with `stream: true` for its pieces as they are written. */
export interface Streamable<Params, Whole, Chunk> {
  (params: Params & { readonly stream: true }, options?: CallOptions): AsyncIterable<Chunk>;
  (params: Params & { readonly stream?: false }, options?: CallOptions): Promise<Whole>;
}

export type ChatFunction<Model extends string = string> = Streamable<
  ChatParams<Model>,
  Chat,
  ChatChunk
>;

export type CompletionFunction<Model extends string = string> = Streamable<
  CompletionParams<Model>,
  Completion,
  CompletionChunk
>;

export type EmbeddingFunction<Model extends string = string> = (
  params: EmbeddingParams<Model>,
  options?: CallOptions,
) => Promise<Embeddings>;

function streamable<Params extends { readonly model?: string }, Whole, Chunk>(
  transport: Transport,
  path: string,
  model: string,
): Streamable<Params, Whole, Chunk> {
  const ask = (params: Params & { stream?: boolean }, options?: CallOptions): unknown => {
    const payload = JSON.stringify({ ...params, model: params.model ?? model });
    if (params.stream !== true) return transport.json<Whole>(path, payload, options);
    return itemsOf<Chunk>(transport.events(path, payload, options));
  };
  return ask as Streamable<Params, Whole, Chunk>;
}

/** Return the function behind `client.chat`; `model` is asked where the caller names none. */
export function chatWith<Model extends string>(
  transport: Transport,
  model: Model,
): ChatFunction<Model> {
  return streamable(transport, "/v1/chat/completions", model);
}

/** Return the function behind `client.complete`. */
export function completionWith<Model extends string>(
  transport: Transport,
  model: Model,
): CompletionFunction<Model> {
  return streamable(transport, "/v1/completions", model);
}

/** Return the function behind `client.embed`. */
export function embeddingWith<Model extends string>(
  transport: Transport,
  model: Model,
): EmbeddingFunction<Model> {
  return (params, options) => {
    const payload = JSON.stringify({ ...params, model: params.model ?? model });
    return transport.json("/v1/embeddings", payload, options);
  };
}

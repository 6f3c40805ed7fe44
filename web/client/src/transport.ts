import {
  ApiError,
  ConnectionError,
  FlambeauError,
  TimeoutError,
  errorFrom,
  isRecord,
} from "./errors";
import { EventParser, textOfResponse, type ServerEvent } from "./events";

/** What `fetch` looks like to this client. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** How a client reaches its server. */
export interface ClientOptions {
  /** Where the server is, such as `http://127.0.0.1:8000`; the page's own origin by default. */
  readonly baseUrl?: string | undefined;
  /** Sent as `Authorization: Bearer`. A page that others can open must not contain one. */
  readonly apiKey?: string | undefined;
  /** Used in place of the global `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** Milliseconds to an answer, or between two parts of a stream; `Infinity` for no limit. */
  readonly timeout?: number | undefined;
  /** How often a request is sent again after 429, 503 or a broken connection. */
  readonly retries?: number | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What one call may set for itself. */
export interface CallOptions {
  /** Ends the call; the server is told and the model stops. */
  readonly signal?: AbortSignal | undefined;
  readonly timeout?: number | undefined;
  readonly retries?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Called with what the headers of the answer say. */
  readonly onAnswer?: ((info: AnswerInfo) => void) | undefined;
}

/** What the headers of an answer say. */
export interface AnswerInfo {
  readonly requestId: string | null;
  /** Milliseconds that the request waited for its batch. */
  readonly queueMs: number | null;
  /** Milliseconds that the model took. */
  readonly modelMs: number | null;
  /** How many requests the model answered at once. */
  readonly batchSize: number | null;
  /** How often the request was sent. */
  readonly attempts: number;
}

/** A request's body: JSON text, or a form whose content type `fetch` writes itself. */
export type Payload = string | FormData;

const DEFAULT_TIMEOUT = 60_000;
const DEFAULT_RETRIES = 2;
const FIRST_DELAY = 250;
const LONGEST_DELAY = 8_000;
/** A server that asks for a longer pause than this is not waited for. */
const LONGEST_RETRY_AFTER = 60_000;
/** What a timer can count: a longer one would fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Sends requests with key, timeout and retries, and reads answers and streams. */
export class Transport {
  private readonly options: ClientOptions;

  constructor(options: ClientOptions = {}) {
    this.options = options;
  }

  /** Send a request and return its JSON answer. */
  async json<T>(path: string, payload: Payload, call: CallOptions = {}): Promise<T> {
    const { value, info } = await this.send(path, payload, call, async (response, watch) => {
      const text = await response.text();
      watch.stop();
      return parseJson(text) as T;
    });
    call.onAnswer?.(info);
    return value;
  }

  /** Send a request and yield the events of its answer. Ending the loop ends the request. */
  async *events(
    path: string,
    payload: Payload,
    call: CallOptions = {},
  ): AsyncGenerator<ServerEvent, void, undefined> {
    const { value, info } = await this.send(path, payload, call, (response, watch) =>
      Promise.resolve({ response, watch }),
    );
    try {
      call.onAnswer?.(info);
      const parser = new EventParser();
      for await (const text of piecesOf(value.response, value.watch)) yield* parser.push(text);
      yield* parser.end();
    } finally {
      value.watch.end();
    }
  }

  private async send<T>(
    path: string,
    payload: Payload,
    call: CallOptions,
    read: (response: Response, watch: Watch) => Promise<T>,
  ): Promise<{ value: T; info: AnswerInfo }> {
    const retries = call.retries ?? this.options.retries ?? DEFAULT_RETRIES;
    const timeout = call.timeout ?? this.options.timeout ?? DEFAULT_TIMEOUT;
    for (let attempt = 0; ; attempt++) {
      const watch = new Watch(call.signal, timeout);
      let failure: unknown;
      try {
        const response = await this.request(path, payload, call, watch.signal);
        if (!response.ok)
          throw errorFrom(await jsonOf(response), response.status, response.headers);
        const value = await read(response, watch);
        return { value, info: infoOf(response.headers, attempt + 1) };
      } catch (error) {
        failure = watch.explain(error);
        watch.stop();
      }
      const delay = attempt < retries ? retryDelay(failure, attempt) : null;
      if (delay === null) throw failure;
      await pause(delay, call.signal);
    }
  }

  private async request(
    path: string,
    payload: Payload,
    call: CallOptions,
    signal: AbortSignal,
  ): Promise<Response> {
    throwIfAborted(signal);
    const { baseUrl = "", apiKey, fetch = globalThis.fetch } = this.options;
    const headers: Record<string, string> = { ...this.options.headers, ...call.headers };
    if (typeof payload === "string") headers["content-type"] = "application/json";
    if (apiKey !== undefined) headers["authorization"] = `Bearer ${apiKey}`;
    const init: RequestInit = { method: "POST", headers, body: payload, signal };
    return fetch.call(globalThis, baseUrl.replace(/\/+$/, "") + path, init);
  }
}

/** Joins the caller's signal and a time limit into one signal, and tells afterwards which ended it. */
class Watch {
  private readonly controller = new AbortController();
  private readonly outer: AbortSignal | undefined;
  private readonly timeout: number;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private late = false;
  private stopped = false;

  constructor(outer: AbortSignal | undefined, timeout: number) {
    this.outer = outer;
    this.timeout = timeout;
    if (outer?.aborted === true) this.abort();
    else outer?.addEventListener("abort", this.abort);
    this.restart();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  readonly abort = (): void => {
    this.controller.abort();
  };

  /** Stop counting while the caller, and not the server, is at work. */
  pause(): void {
    clearTimeout(this.timer);
  }

  restart(): void {
    this.pause();
    if (this.timeout > LONGEST_TIMER) return;
    this.timer = setTimeout(() => {
      this.late = true;
      this.controller.abort();
    }, this.timeout);
  }

  /** The answer is complete. */
  stop(): void {
    this.pause();
    this.outer?.removeEventListener("abort", this.abort);
    this.stopped = true;
  }

  /** End the request unless its answer is complete. */
  end(): void {
    if (this.stopped) return;
    this.stop();
    this.abort();
  }

  /** Return what to throw for `error`: the abort's reason, or a class of this client's. */
  explain(error: unknown): unknown {
    if (this.outer?.aborted === true) return reasonOf(this.outer);
    if (this.late) return new TimeoutError(`the server did not answer within ${this.timeout} ms`);
    if (error instanceof FlambeauError) return error;
    const reason = error instanceof Error ? error.message : String(error);
    return new ConnectionError(`the server cannot be reached: ${reason}`, error);
  }
}

/** Yield the text of a response while `watch` counts the time that the server takes. */
async function* piecesOf(response: Response, watch: Watch): AsyncGenerator<string, void> {
  try {
    for await (const text of textOfResponse(response)) {
      watch.pause();
      yield text;
      watch.restart();
    }
    watch.stop();
  } catch (error) {
    throw watch.explain(error);
  }
}

/** Milliseconds to wait before the next attempt; null where another one would not help. */
function retryDelay(failure: unknown, attempt: number): number | null {
  const asked = failure instanceof ApiError ? failure.retryAfter : null;
  const again =
    failure instanceof ConnectionError ||
    (failure instanceof ApiError && (failure.status === 429 || failure.status === 503));
  if (!again || (asked ?? 0) > LONGEST_RETRY_AFTER) return null;
  // Between half and the whole of a delay that doubles: callers refused together return apart.
  const backOff = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt) * (0.5 + Math.random() / 2);
  return asked === null ? backOff : asked + backOff / 2;
}

/** Wait; an abort ends the wait by throwing its reason. */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal !== undefined) throwIfAborted(signal);
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(reasonOf(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Why a signal was aborted; React Native's signals do not say. */
function reasonOf(signal: AbortSignal | undefined): Error {
  const reason = (signal as { reason?: unknown } | undefined)?.reason;
  if (reason instanceof Error) return reason;
  const error = new Error(typeof reason === "string" ? reason : "the call was aborted");
  error.name = "AbortError";
  return error;
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw reasonOf(signal);
}

/** Return the error of an `error` event, whose data are the JSON of an error answer. */
export function errorOfEvent(event: ServerEvent): ApiError {
  return errorFrom(parseJson(event.data));
}

/** Parse JSON that the server wrote. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const start = JSON.stringify(text.slice(0, 60));
    throw new FlambeauError(`the server's answer is no JSON: ${start}`, error);
  }
}

/** The JSON of an error answer; null where a proxy answered in another form. */
async function jsonOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** Read `x-request-id` and `server-timing: queue;dur=1.2, model;dur=3.4, batch;desc="8"`. */
export function infoOf(headers: Headers, attempts: number): AnswerInfo {
  const timing = headers.get("server-timing") ?? "";
  const number = (pattern: RegExp): number | null => {
    const found = pattern.exec(timing)?.[1];
    return found === undefined ? null : Number(found);
  };
  return {
    requestId: headers.get("x-request-id"),
    queueMs: number(/\bqueue;dur=([\d.]+)/),
    modelMs: number(/\bmodel;dur=([\d.]+)/),
    batchSize: number(/\bbatch;desc="?(\d+)/),
    attempts,
  };
}

/** Yield the values of a stream of a model: `{"output": item}` ..., closed by a `done` event. */
export async function* itemsOf<T>(
  events: AsyncIterable<ServerEvent>,
): AsyncGenerator<T, void, undefined> {
  let complete = false;
  try {
    for await (const event of events) {
      // Read to the end, so that the connection can be used again.
      if (complete) continue;
      if (event.event === "error") throw errorOfEvent(event);
      complete = event.event === "done" || event.data === "[DONE]";
      if (complete) continue;
      const value = parseJson(event.data);
      // Streams of OpenAI's form tell of a failure in an ordinary event.
      if (isRecord(value) && isRecord(value["error"])) throw errorFrom(value);
      yield value as T;
    }
  } catch (error) {
    if (!complete) throw error;
  }
  if (!complete) throw new ConnectionError("the connection broke before the stream was complete");
}

import type { Fetch } from "../src";

/** What a test's fetch was asked. */
export interface Asked {
  readonly url: string;
  readonly init: RequestInit;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

type Answer = Response | Error | ((asked: Asked) => Response | Promise<Response>);

/** A fetch that gives prepared answers in turn, the last one for ever, and remembers the questions. */
export function answering(...answers: Answer[]): { fetch: Fetch; asked: Asked[] } {
  const asked: Asked[] = [];
  const fetch: Fetch = async (url, init) => {
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : init.body;
    const headers = init.headers as Record<string, string>;
    const one = { url, init, headers, body };
    asked.push(one);
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    if (answer === undefined) throw new Error("no answer was prepared");
    if (answer instanceof Error) throw answer;
    return answer instanceof Response ? answer.clone() : answer(one);
  };
  return { fetch, asked };
}

export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), { status, headers });
}

export function refusal(
  status: number,
  type: string,
  headers: Record<string, string> = {},
): Response {
  const error = { message: `it is ${type}`, type, param: null, code: null, request_id: "r1" };
  return json({ error }, status, headers);
}

/** A response whose body is what `write` sends; it breaks when the request is aborted. */
export function streaming(asked: Asked, write: (send: (text: string) => void) => void): Response {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const encoder = new TextEncoder();
      asked.init.signal?.addEventListener("abort", () => {
        controller.error(new DOMException("aborted", "AbortError"));
      });
      write((text) => {
        controller.enqueue(encoder.encode(text));
      });
    },
  });
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
}

/** An answer that never comes, and fails when the request is aborted. */
export function never(asked: Asked): Promise<Response> {
  return new Promise((_, reject) => {
    asked.init.signal?.addEventListener("abort", () => {
      reject(new DOMException("aborted", "AbortError"));
    });
  });
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export async function thrown(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

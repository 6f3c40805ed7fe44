import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  ApiError,
  ConnectionError,
  FlambeauError,
  InvalidInputError,
  RateLimitError,
  TimeoutError,
  Transport,
  UnavailableError,
  retryAfterOf,
  type AnswerInfo,
  type ClientOptions,
} from "../src";
import { answering, json, never, refusal, thrown } from "./helpers";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

function transport(fetch: ClientOptions["fetch"], more: ClientOptions = {}): Transport {
  return new Transport({ baseUrl: "http://server", fetch, ...more });
}

const NETWORK = new TypeError("fetch failed");

describe("requests", () => {
  it("carry key, content type and headers, and join the address", async () => {
    const { fetch, asked } = answering(json({ output: 1 }));
    const options = { apiKey: "k", baseUrl: "http://server/app//", headers: { a: "1", b: "2" } };
    await transport(fetch, options).json("/predict", '{"input":1}', { headers: { b: "3" } });
    expect(asked[0]?.url).toBe("http://server/app/predict");
    expect(asked[0]?.body).toEqual({ input: 1 });
    expect(asked[0]?.init.method).toBe("POST");
    expect(asked[0]?.headers).toEqual({
      "content-type": "application/json",
      authorization: "Bearer k",
      a: "1",
      b: "3",
    });
  });

  it("leave the content type of forms to fetch", async () => {
    const { fetch, asked } = answering(json({}));
    await transport(fetch).json("/predict", new FormData());
    expect(asked[0]?.headers).toEqual({});
  });

  it("tell what the headers of the answer say", async () => {
    const headers = {
      "x-request-id": "r7",
      "server-timing": 'queue;dur=1.5, model;dur=20, batch;desc="8"',
    };
    const { fetch } = answering(NETWORK, json({}, 200, headers));
    const infos: AnswerInfo[] = [];
    const answer = transport(fetch).json("/", "{}", { onAnswer: (info) => infos.push(info) });
    await vi.runAllTimersAsync();
    await answer;
    expect(infos).toEqual([
      { requestId: "r7", queueMs: 1.5, modelMs: 20, batchSize: 8, attempts: 2 },
    ]);
  });

  it("use the global fetch by default", async () => {
    vi.stubGlobal("fetch", answering(json(5)).fetch);
    expect(await new Transport().json("/x", "{}")).toBe(5);
  });

  it("refuse an answer that is no JSON, without asking again", async () => {
    const { fetch, asked } = answering(new Response("<html>hello</html>"));
    const error = await thrown(transport(fetch).json("/", "{}"));
    expect(error).toBeInstanceOf(FlambeauError);
    expect((error as Error).message).toContain("<html>hello");
    expect(asked).toHaveLength(1);
  });

  it("pass on what a caller's own function throws", async () => {
    const onAnswer = (): never => {
      throw new RangeError("mine");
    };
    const { fetch } = answering(json({}));
    const error = await thrown(transport(fetch).json("/", "{}", { onAnswer }));
    expect(error).toBeInstanceOf(RangeError);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("errors", () => {
  it("have the class, the field and the request id that the server names", async () => {
    const detail = { message: "too small", type: "invalid_input", param: "input[3]", code: "c" };
    const { fetch } = answering(json({ error: { ...detail, request_id: "r9" } }, 422));
    const error = await thrown(transport(fetch).json("/", "{}"));
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject({
      ...detail,
      status: 422,
      requestId: "r9",
      name: "InvalidInputError",
    });
  });

  it.each([
    [400, "BadRequestError"],
    [401, "UnauthorizedError"],
    [403, "ForbiddenError"],
    [404, "NotFoundError"],
    [408, "RequestTimeoutError"],
    [413, "TooLargeError"],
    [415, "UnsupportedMediaTypeError"],
    [422, "InvalidInputError"],
    [429, "RateLimitError"],
    [500, "ServerError"],
    [503, "UnavailableError"],
    [504, "DeadlineExceededError"],
    [418, "ApiError"],
  ])("of status %i are %s", async (status, name) => {
    const { fetch, asked } = answering(refusal(status, "kind"));
    const error = await thrown(transport(fetch, { retries: 0 }).json("/", "{}"));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ name, status, type: "kind", requestId: "r1" });
    expect(asked).toHaveLength(1);
  });

  it("of a proxy keep the status and the header's request id", async () => {
    const headers = { "x-request-id": "p1" };
    const { fetch } = answering(new Response("<html>", { status: 502, headers }));
    const error = await thrown(transport(fetch).json("/", "{}"));
    expect(error).toMatchObject({ status: 502, type: "unknown", param: null, requestId: "p1" });
  });

  it("of the connection name their cause", async () => {
    const { fetch } = answering(NETWORK);
    const error = await thrown(transport(fetch, { retries: 0 }).json("/", "{}"));
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as Error).cause).toBe(NETWORK);
  });
});

describe("retries", () => {
  it.each([
    ["429", refusal(429, "rate_limited")],
    ["503", refusal(503, "unavailable")],
    ["a broken connection", NETWORK],
  ])("follow %s, with delays that double", async (_, failure) => {
    const { fetch, asked } = answering(failure, failure, failure, json("done"));
    const answer = transport(fetch, { retries: 3 }).json("/", "{}");
    const counts: number[] = [];
    for (const delay of [0, 249, 1, 499, 1, 999, 1]) {
      await vi.advanceTimersByTimeAsync(delay);
      counts.push(asked.length);
    }
    expect(counts).toEqual([1, 1, 2, 2, 3, 3, 4]);
    expect(await answer).toBe("done");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("vary the delay", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const { fetch, asked } = answering(NETWORK, json(1));
    const answer = transport(fetch).json("/", "{}");
    await vi.advanceTimersByTimeAsync(124);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toHaveLength(2);
    await answer;
  });

  it("wait as long as Retry-After says, and never less", async () => {
    const { fetch, asked } = answering(
      refusal(503, "unavailable", { "retry-after": "7" }),
      json(1),
    );
    const answer = transport(fetch).json("/", "{}");
    await vi.advanceTimersByTimeAsync(7000);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(250);
    expect(asked).toHaveLength(2);
    expect(await answer).toBe(1);
  });

  it("give up at once where Retry-After is long", async () => {
    const headers = { "retry-after": "3600" };
    const { fetch, asked } = answering(refusal(429, "rate_limited", headers));
    const error = await thrown(transport(fetch).json("/", "{}"));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ retryAfter: 3_600_000 });
    expect(asked).toHaveLength(1);
  });

  it("end after as many as were allowed", async () => {
    const { fetch, asked } = answering(refusal(503, "unavailable"));
    const error = thrown(transport(fetch).json("/", "{}", { retries: 1 }));
    await vi.runAllTimersAsync();
    expect(await error).toBeInstanceOf(UnavailableError);
    expect(asked).toHaveLength(2);
  });

  it.each([400, 401, 404, 422, 500, 504])("do not follow %i", async (status) => {
    const { fetch, asked } = answering(refusal(status, "no"));
    await thrown(transport(fetch).json("/", "{}"));
    expect(asked).toHaveLength(1);
  });

  it("end with an abort while they wait", async () => {
    const { fetch, asked } = answering(NETWORK);
    const controller = new AbortController();
    const error = thrown(transport(fetch).json("/", "{}", { signal: controller.signal }));
    await vi.advanceTimersByTimeAsync(100);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await error).toBe(reason);
    expect(asked).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("retryAfterOf", () => {
  it("reads seconds and dates", () => {
    expect(retryAfterOf("3")).toBe(3000);
    expect(retryAfterOf(" 0.5 ")).toBe(500);
    const now = Date.UTC(2026, 0, 1);
    expect(retryAfterOf("Thu, 01 Jan 2026 00:00:09 GMT", now)).toBe(9000);
    expect(retryAfterOf("Wed, 31 Dec 2025 00:00:00 GMT", now)).toBe(0);
    for (const text of [null, "", "soon", "-1e9x"]) expect(retryAfterOf(text)).toBeNull();
  });
});

describe("time limits and aborts", () => {
  it("end a call that takes too long, and do not repeat it", async () => {
    const { fetch, asked } = answering(never);
    const error = thrown(transport(fetch, { timeout: 500 }).json("/", "{}"));
    await vi.advanceTimersByTimeAsync(499);
    expect(asked[0]?.init.signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await error).toBeInstanceOf(TimeoutError);
    expect(asked).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("can be switched off", async () => {
    const { fetch } = answering(never);
    const controller = new AbortController();
    const { signal } = controller;
    const error = thrown(transport(fetch).json("/", "{}", { timeout: Infinity, signal }));
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
    controller.abort();
    await error;
  });

  it("abort with the caller's reason", async () => {
    const { fetch, asked } = answering(never);
    const controller = new AbortController();
    const error = thrown(transport(fetch).json("/", "{}", { signal: controller.signal }));
    await vi.advanceTimersByTimeAsync(1);
    controller.abort();
    expect(await error).toBe(controller.signal.reason);
    expect(asked[0]?.init.signal?.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("send nothing when aborted before", async () => {
    const { fetch, asked } = answering(json(1));
    const error = await thrown(
      transport(fetch).json("/", "{}", { signal: AbortSignal.abort("no") }),
    );
    expect(error).toMatchObject({ name: "AbortError", message: "no" });
    expect(asked).toHaveLength(0);
  });
});

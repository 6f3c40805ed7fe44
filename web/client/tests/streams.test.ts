import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  ConnectionError,
  TimeoutError,
  Transport,
  UnavailableError,
  itemsOf,
  type ClientOptions,
} from "../src";
import { all, answering, json, refusal, streaming, thrown } from "./helpers";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function items(fetch: ClientOptions["fetch"], timeout?: number): AsyncGenerator<unknown> {
  return itemsOf(new Transport({ fetch, timeout }).events("/", "{}"));
}

describe("streams", () => {
  it("yield each item and end with done", async () => {
    const body = 'data: {"output":1}\n\n: ping\n\ndata: {"output":2}\n\nevent: done\ndata: {}\n\n';
    const { fetch, asked } = answering(new Response(body));
    expect(await all(items(fetch))).toEqual([{ output: 1 }, { output: 2 }]);
    expect(asked[0]?.init.signal?.aborted).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("end with [DONE] as OpenAI's do", async () => {
    const { fetch } = answering(new Response('data: {"a":1}\n\ndata: [DONE]\n\n'));
    expect(await all(items(fetch))).toEqual([{ a: 1 }]);
  });

  it("throw what fails midway, in both forms", async () => {
    const error = '{"error":{"message":"m","type":"unavailable","param":null,"request_id":"r"}}';
    for (const failure of [`event: error\ndata: ${error}\n\n`, `data: ${error}\n\n`]) {
      const { fetch, asked } = answering(new Response(`data: {"output":1}\n\n${failure}`));
      const stream = items(fetch);
      expect((await stream.next()).value).toEqual({ output: 1 });
      const got = await thrown(stream.next());
      expect(got).toBeInstanceOf(UnavailableError);
      expect(got).toMatchObject({ status: 503, requestId: "r" });
      expect(asked).toHaveLength(1);
    }
  });

  it("do not take a broken connection for the end, and do not begin again", async () => {
    const { fetch, asked } = answering(new Response('data: {"output":1}\n\n'));
    const stream = items(fetch);
    await stream.next();
    expect(await thrown(stream.next())).toBeInstanceOf(ConnectionError);
    expect(asked).toHaveLength(1);
  });

  it("are repeated while they have not begun", async () => {
    const done = new Response("event: done\ndata: {}\n\n");
    const { fetch, asked } = answering(refusal(503, "unavailable"), done);
    const found = all(items(fetch));
    await vi.runAllTimersAsync();
    expect(await found).toEqual([]);
    expect(asked).toHaveLength(2);
  });

  it("end the request when the loop is left", async () => {
    const { fetch, asked } = answering((one) =>
      streaming(one, (send) => {
        send('data: {"output":1}\n\n');
      }),
    );
    for await (const item of items(fetch)) {
      expect(item).toEqual({ output: 1 });
      break;
    }
    expect(asked[0]?.init.signal?.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("end when the caller aborts", async () => {
    const { fetch } = answering((one) =>
      streaming(one, (send) => {
        send('data: {"output":1}\n\n');
      }),
    );
    const { signal, abort } = abortable();
    const stream = itemsOf(new Transport({ fetch }).events("/", "{}", { signal }));
    await stream.next();
    const error = thrown(stream.next());
    abort();
    expect(await error).toBe(signal.reason);
  });

  it("may pause for as long as the limit, counted while the server is awaited", async () => {
    const { fetch } = answering((one) =>
      streaming(one, (send) => {
        send('data: {"output":1}\n\n');
        setTimeout(send, 900, ": still here\n\n");
        setTimeout(send, 1800, 'data: {"output":2}\n\n');
      }),
    );
    const stream = items(fetch, 1000);
    expect((await stream.next()).value).toEqual({ output: 1 });
    const second = stream.next();
    await vi.advanceTimersByTimeAsync(1800);
    expect((await second).value).toEqual({ output: 2 });
    await vi.advanceTimersByTimeAsync(5000); // the caller is busy: nobody waits for the server
    const third = thrown(stream.next());
    await vi.advanceTimersByTimeAsync(1000);
    expect(await third).toBeInstanceOf(TimeoutError);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("end the request when a caller's own function throws", async () => {
    const { fetch, asked } = answering((one) => streaming(one, () => undefined));
    const onAnswer = (): never => {
      throw new RangeError("mine");
    };
    const events = new Transport({ fetch }).events("/", "{}", { onAnswer });
    expect(await thrown(events.next())).toBeInstanceOf(RangeError);
    expect(asked[0]?.init.signal?.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("are not sent before somebody listens", async () => {
    const { fetch, asked } = answering(json(1));
    items(fetch);
    await vi.runAllTimersAsync();
    expect(asked).toHaveLength(0);
  });
});

function abortable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    abort: () => {
      controller.abort();
    },
  };
}

// @vitest-environment happy-dom
import { act, cleanup, renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from "vitest";
import { Transport, chatWith, completionWith, predictWith, type ChatChunk } from "../src";
import { useChat, useCompletion, usePredict } from "../src/react";

interface Call<Input, Output> {
  readonly input: Input;
  readonly signal: AbortSignal;
  readonly resolve: (value: Output) => Promise<void>;
  readonly reject: (error: unknown) => Promise<void>;
}

/** A function whose calls the test answers itself; an abort rejects, as fetch does. */
function controlled<Input, Output>(): {
  ask: (input: Input, options: { signal: AbortSignal }) => Promise<Output>;
  calls: Call<Input, Output>[];
} {
  const calls: Call<Input, Output>[] = [];
  const ask = (input: Input, { signal }: { signal: AbortSignal }): Promise<Output> =>
    new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
      calls.push({
        input,
        signal,
        resolve: (value) =>
          act(async () => {
            resolve(value);
            await Promise.resolve();
          }),
        reject: (error) =>
          act(async () => {
            reject(error as Error);
            await Promise.resolve();
          }),
      });
    });
  return { ask, calls };
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new Error(`there is no item ${index}`);
  return item;
}

afterEach(cleanup);

describe("usePredict", () => {
  it("gives loading, then data, then the newest error beside the old data", async () => {
    const { ask, calls } = controlled<number, string>();
    const { result } = renderHook(() => usePredict(ask), { wrapper: StrictMode });
    expect(result.current).toMatchObject({ data: undefined, error: undefined, loading: false });
    act(() => {
      result.current.run(1);
    });
    expect(result.current.loading).toBe(true);
    await at(calls, 0).resolve("one");
    expect(result.current).toMatchObject({ data: "one", error: undefined, loading: false });
    act(() => {
      result.current.run(2);
    });
    const error = new Error("no");
    await at(calls, 1).reject(error);
    expect(result.current).toMatchObject({ data: "one", error, loading: false });
    act(() => {
      result.current.run(3);
    });
    expect(result.current).toMatchObject({ error: undefined, loading: true });
    act(() => {
      result.current.reset();
    });
    expect(at(calls, 2).signal.aborted).toBe(true);
    expect(result.current).toMatchObject({ data: undefined, error: undefined, loading: false });
  });

  it("lets only the newest input count", async () => {
    const { ask, calls } = controlled<number, string>();
    const { result } = renderHook(() => usePredict(ask));
    act(() => {
      result.current.run(1);
      result.current.run(2);
    });
    expect(calls.map((call) => call.signal.aborted)).toEqual([true, false]);
    await at(calls, 1).resolve("two");
    await at(calls, 0).resolve("one");
    expect(result.current).toMatchObject({ data: "two", error: undefined, loading: false });
  });

  it("live lets a call finish and then sends the newest input only", async () => {
    const { ask, calls } = controlled<number, string>();
    const { result } = renderHook(() => usePredict(ask, { live: true }));
    act(() => {
      for (const input of [1, 2, 3, 4]) result.current.run(input);
    });
    expect(calls.map((call) => call.input)).toEqual([1]);
    await at(calls, 0).resolve("one");
    expect(calls.map((call) => call.input)).toEqual([1, 4]);
    expect(result.current).toMatchObject({ data: "one", loading: true });
    await at(calls, 1).reject(new Error("busy"));
    expect(result.current).toMatchObject({ data: "one", loading: false });
    act(() => {
      result.current.run(5);
      result.current.run(6);
      result.current.cancel();
    });
    expect(at(calls, 2).signal.aborted).toBe(true);
    expect(result.current).toMatchObject({ data: "one", error: undefined, loading: false });
    act(() => {
      result.current.run(7);
    });
    await at(calls, 3).resolve("seven");
    expect(calls.map((call) => call.input)).toEqual([1, 4, 5, 7]);
    expect(result.current).toMatchObject({ data: "seven", loading: false });
  });

  it("aborts when the component goes away", () => {
    const { ask, calls } = controlled<number, string>();
    const { result, unmount } = renderHook(() => usePredict(ask, { live: true }));
    act(() => {
      result.current.run(1);
      result.current.run(2);
    });
    unmount();
    expect(calls.map((call) => call.signal.aborted)).toEqual([true]);
  });

  it("keeps its functions between renderings, and calls the newest predict", async () => {
    const old = controlled<number, string>();
    const { ask, calls } = controlled<number, string>();
    const { result, rerender } = renderHook(({ predict }) => usePredict(predict), {
      initialProps: { predict: old.ask },
    });
    const { run, cancel, reset } = result.current;
    rerender({ predict: ask });
    expect(result.current).toMatchObject({ run, cancel, reset });
    act(() => {
      run(1);
    });
    await at(calls, 0).resolve("new");
    expect(result.current.data).toBe("new");
    expect(old.calls).toHaveLength(0);
  });

  it("takes its types from a client's function", () => {
    const predict = predictWith<{ input: string }, { output: number }>(new Transport(), "/", {
      input: "text",
    });
    const { result } = renderHook(() => usePredict(predict));
    expectTypeOf(result.current.data).toEqualTypeOf<{ output: number } | undefined>();
    expectTypeOf(result.current.run).parameter(0).toEqualTypeOf<{ input: string }>();
  });
});

/** A chat whose answers the test writes piece by piece. */
function spoken(): {
  chat: (
    params: { messages: readonly object[] },
    options: { signal: AbortSignal },
  ) => AsyncIterable<ChatChunk>;
  asked: {
    params: object;
    signal: AbortSignal;
    say: (text: string) => Promise<void>;
    end: (error?: Error) => Promise<void>;
  }[];
} {
  const asked: ReturnType<typeof spoken>["asked"] = [];
  const chat = (params: object, { signal }: { signal: AbortSignal }): AsyncIterable<ChatChunk> => {
    const pieces: (string | Error | undefined)[] = [];
    let wake: () => void = () => undefined;
    const push = (piece: string | Error | undefined): Promise<void> =>
      act(async () => {
        pieces.push(piece);
        wake();
        // Let the hook take the piece.
        for (let i = 0; i < 5; i++) await Promise.resolve();
      });
    signal.addEventListener("abort", () => {
      pieces.push(signal.reason as Error);
      wake();
    });
    asked.push({ params, signal, say: push, end: push });
    return (async function* () {
      for (;;) {
        while (pieces.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        const piece = pieces.shift();
        if (piece === undefined) return;
        if (piece instanceof Error) throw piece;
        yield chunk(piece);
      }
    })();
  };
  return { chat, asked };
}

function chunk(content: string): ChatChunk {
  const choice = { index: 0, delta: { content }, finish_reason: null };
  return { id: "c", object: "chat.completion.chunk", created: 0, model: "m", choices: [choice] };
}

const user = (content: string): object => ({ role: "user", content });
const assistant = (content: string): object => ({ role: "assistant", content });

describe("useChat", () => {
  it("shows the answer while it is written, and sends the whole conversation", async () => {
    const { chat, asked } = spoken();
    const options = { system: "Be kind.", params: { max_tokens: 9 } };
    const { result } = renderHook(() => useChat({ chat }, options), { wrapper: StrictMode });
    act(() => {
      result.current.send("hello");
    });
    expect(result.current).toMatchObject({
      messages: [user("hello")],
      streamingText: "",
      loading: true,
    });
    await at(asked, 0).say("Good ");
    expect(result.current).toMatchObject({
      messages: [user("hello"), assistant("Good ")],
      streamingText: "Good ",
    });
    await at(asked, 0).say("day");
    await at(asked, 0).end();
    expect(result.current).toMatchObject({
      messages: [user("hello"), assistant("Good day")],
      streamingText: undefined,
      loading: false,
      error: undefined,
    });
    act(() => {
      result.current.send("bye");
    });
    const system = { role: "system", content: "Be kind." };
    expect(at(asked, 1).params).toEqual({
      max_tokens: 9,
      stream: true,
      messages: [system, user("hello"), assistant("Good day"), user("bye")],
    });
  });

  it("stops and keeps what came", async () => {
    const { chat, asked } = spoken();
    const { result } = renderHook(() => useChat({ chat }));
    act(() => {
      result.current.send("hello");
    });
    await at(asked, 0).say("Go");
    act(() => {
      result.current.stop();
    });
    expect(at(asked, 0).signal.aborted).toBe(true);
    await at(asked, 0).say("ne");
    expect(result.current).toMatchObject({
      messages: [user("hello"), assistant("Go")],
      streamingText: undefined,
      loading: false,
      error: undefined,
    });
  });

  it("tells of an error, and asks again without the broken answer", async () => {
    const { chat, asked } = spoken();
    const { result } = renderHook(() => useChat({ chat }));
    act(() => {
      result.current.send("hello");
    });
    await at(asked, 0).say("Goo");
    const error = new Error("lost");
    await at(asked, 0).end(error);
    expect(result.current).toMatchObject({ error, loading: false, streamingText: undefined });
    act(() => {
      result.current.retry();
    });
    expect(at(asked, 1).params).toMatchObject({ messages: [user("hello")] });
    expect(result.current).toMatchObject({ messages: [user("hello")], error: undefined });
    await at(asked, 1).say("Good");
    await at(asked, 1).end();
    expect(result.current.messages).toEqual([user("hello"), assistant("Good")]);
  });

  it("ends the old answer when something new is said, and when the component goes away", async () => {
    const { chat, asked } = spoken();
    const { result, unmount } = renderHook(() => useChat({ chat }));
    act(() => {
      result.current.send("a");
    });
    await at(asked, 0).say("A");
    act(() => {
      result.current.send("b");
    });
    expect(at(asked, 0).signal.aborted).toBe(true);
    expect(result.current.messages).toEqual([user("a"), assistant("A"), user("b")]);
    unmount();
    expect(at(asked, 1).signal.aborted).toBe(true);
  });

  it("begins with given messages and forgets all on reset", () => {
    const { chat, asked } = spoken();
    const initialMessages = [{ role: "user", content: "x" }] as const;
    const { result } = renderHook(() => useChat({ chat }, { initialMessages }));
    expect(result.current.messages).toEqual(initialMessages);
    act(() => {
      result.current.reset();
      result.current.retry();
    });
    expect(result.current).toMatchObject({ messages: [], loading: false });
    expect(asked).toHaveLength(0);
  });

  it("takes a client's chat with its models", () => {
    const client = { chat: chatWith<"a" | "b">(new Transport(), "a") };
    renderHook(() => useChat(client, { params: { model: "b" } }));
    // @ts-expect-error there is no such model
    renderHook(() => useChat(client, { params: { model: "c" } }));
  });
});

describe("useCompletion", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  type Texts = { choices: { index: number; text: string; finish_reason: "stop" }[] };
  const texts = (...found: string[]): Texts => ({
    choices: found.map((text, index) => ({ index, text, finish_reason: "stop" })),
  });
  function completing(): {
    client: { complete: (params: object, options: { signal: AbortSignal }) => Promise<never> };
    calls: Call<object, Texts>[];
  } {
    const { ask, calls } = controlled<object, Texts>();
    return { client: { complete: ask as never }, calls };
  }
  const wait = (milliseconds: number): void => {
    act(() => {
      vi.advanceTimersByTime(milliseconds);
    });
  };

  it("asks once the typing pauses, for different continuations", async () => {
    const { client, calls } = completing();
    const { result } = renderHook(() => useCompletion(client), { wrapper: StrictMode });
    for (const text of ["h", "he", "hel"]) {
      act(() => {
        result.current.setText(text);
      });
      wait(149);
    }
    expect(calls).toHaveLength(0);
    wait(1);
    expect(calls.map((call) => call.input)).toEqual([{ max_tokens: 8, n: 3, prompt: "hel" }]);
    expect(result.current).toMatchObject({ text: "hel", loading: true, suggestions: [] });
    await at(calls, 0).resolve(texts("lo", "p", "lo", ""));
    expect(result.current).toMatchObject({ suggestions: ["lo", "p"], loading: false });
  });

  it("aborts what is stale", async () => {
    const { client, calls } = completing();
    const { result, unmount } = renderHook(() => useCompletion(client, { debounce: 10 }));
    act(() => {
      result.current.setText("a");
    });
    wait(10);
    act(() => {
      result.current.setText("ab");
    });
    expect(at(calls, 0).signal.aborted).toBe(true);
    await at(calls, 0).resolve(texts("old"));
    expect(result.current).toMatchObject({ suggestions: [], loading: false, error: undefined });
    wait(10);
    act(() => {
      result.current.dismiss();
    });
    expect(at(calls, 1).signal.aborted).toBe(true);
    act(() => {
      result.current.setText("abc");
    });
    unmount();
    wait(10);
    expect(calls).toHaveLength(2);
  });

  it("accepts a suggestion and asks on", async () => {
    const { client, calls } = completing();
    const options = { debounce: 0, minLength: 2, params: { n: 1 } };
    const { result } = renderHook(() => useCompletion(client, options));
    act(() => {
      result.current.setText("h");
    });
    wait(0);
    expect(calls).toHaveLength(0);
    act(() => {
      result.current.setText("he");
    });
    wait(0);
    await at(calls, 0).resolve(texts("llo", "y"));
    act(() => {
      result.current.accept();
    });
    expect(result.current).toMatchObject({ text: "hello", suggestions: [] });
    wait(0);
    expect(at(calls, 1).input).toEqual({ max_tokens: 8, n: 1, prompt: "hello" });
    const error = new Error("no");
    await at(calls, 1).reject(error);
    expect(result.current).toMatchObject({ error, loading: false });
    act(() => {
      result.current.accept("!");
    });
    expect(result.current).toMatchObject({ text: "hello!", error: undefined });
  });

  it("takes a client's complete", () => {
    const client = { complete: completionWith<"a">(new Transport(), "a") };
    renderHook(() => useCompletion(client, { params: { model: "a", temperature: 0.2 } }));
  });
});

describe("on a server", () => {
  it("the hooks render without anything of a browser", () => {
    function Page(): string {
      const { loading } = usePredict(() => Promise.resolve(1));
      const { messages } = useChat({ chat: spoken().chat });
      const { text } = useCompletion({ complete: () => Promise.reject(new Error()) });
      return JSON.stringify([loading, messages, text]);
    }
    vi.stubGlobal("window", undefined);
    vi.stubGlobal("document", undefined);
    expect(renderToString(<Page />).replaceAll("&quot;", '"')).toBe('[false,[],""]');
    vi.unstubAllGlobals();
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type {
  AnswerInfo,
  ChatFunction,
  ClientOptions,
  CompletionFunction,
  EmbeddingFunction,
  Predict,
  Stream,
} from "../src";
import * as library from "../src";
import { all, thrown } from "./helpers";
import { KEY, PATIENCE, serverExpected, startServer, type Running } from "./running";

type Asked<Input, Output = Input> = {
  predict: Predict<{ input: Input }, { output: Output }>;
  versions: Record<string, { predict: Predict<{ input: Input }, { output: Output }> }>;
};
type Streamed<Output> = { stream: Stream<{ input: string }, { output: Output }> };

/** What the generated client is expected to have, besides its own types. */
interface Served {
  readonly transport: library.Transport;
  readonly predict: Predict<{ input: number[] | Float32Array }, { output: number[] }>;
  readonly chat: ChatFunction;
  readonly complete: CompletionFunction;
  readonly embed: EmbeddingFunction;
  readonly models: {
    mlp: Asked<number[] | Float32Array, number[]>;
    ink: Asked<library.ImageInput, { label: string; score: number }[]>;
    file: { predict: Predict<{ file: unknown; note: string }, { size: number; note: string }> };
    pet: Asked<{ name: string; age: number }>;
    case: Asked<string>;
    busy: Asked<string>;
    counting: Streamed<number>;
    endless: Streamed<string>;
    breaking: Streamed<string>;
  };
}

type Generated = typeof library & { Client: new (options: ClientOptions) => Served };

describe.skipIf(!serverExpected())("a client of a running server", { timeout: PATIENCE }, () => {
  let running: Running;
  let url: string;
  let generated: Generated;
  let client: Served;

  async function untilClosed(name: string): Promise<void> {
    for (;;) {
      const closed = await client.transport.json<string[]>("/closed", "{}");
      if (closed.includes(name)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  beforeAll(async () => {
    running = await startServer();
    url = running.url;
    generated = (await import(running.client)) as Generated;
    client = new generated.Client({ baseUrl: url, apiKey: KEY, timeout: PATIENCE });
  }, PATIENCE);

  afterAll(() => running.stop(), PATIENCE);

  it("is written the same again", () => {
    expect(running.command("--check")).toContain("up to date");
  });

  it("predicts from numbers and from bytes alike", async () => {
    const infos: AnswerInfo[] = [];
    const onAnswer = (info: AnswerInfo): void => {
      infos.push(info);
    };
    const { output } = await client.predict({ input: [1, 2, 3] }, { onAnswer });
    expect(output).toHaveLength(2);
    const bytes = await client.models.mlp.predict({ input: new Float32Array([1, 2, 3]) });
    expect(bytes.output).toEqual(output);
    expect(infos).toMatchObject([{ batchSize: 1, attempts: 1 }]);
    expect(infos[0]?.requestId).toEqual(expect.any(String));
    expect(infos[0]?.modelMs).toEqual(expect.any(Number));
  });

  it("sends pictures as files, as pixels and as text", async () => {
    const pixels = { width: 5, height: 4, data: new Uint8ClampedArray(80).fill(255) };
    const black = new Uint8ClampedArray(80).map((_, i) => (i % 4 === 3 ? 255 : 0));
    const png = await generated.pngOf({ ...pixels, data: black });
    const { predict } = client.models.ink;
    const blob = new Blob([png.slice()], { type: "image/png" });
    const uri = `data:image/png;base64,${generated.base64(png)}`;
    const answers = await Promise.all(
      [pixels, png, blob, uri, generated.base64(png)].map((input) => predict({ input })),
    );
    const likeliest = answers.map(({ output }) => output[0]?.label);
    expect(likeliest).toEqual(["light", "dark", "dark", "dark", "dark"]);
  });

  it("sends a file beside text, whose letters arrive as they are", async () => {
    const note = "é 😀\r\n\u2028 数";
    const file = new Uint8Array([1, 2, 3, 255]);
    expect(await client.models.file.predict({ file, note })).toEqual({ size: 4, note });
    expect(await client.models.file.predict({ file: "AQID", note })).toEqual({ size: 3, note });
  });

  it("sends JSON, and asks versions", async () => {
    const pet = { name: "Rex", age: 3 };
    expect((await client.models.pet.predict({ input: pet })).output).toEqual(pet);
    const { versions, predict } = client.models.case;
    expect((await predict({ input: "aB" })).output).toBe("AB");
    expect((await versions["2"]?.predict({ input: "aB" }))?.output).toBe("ab");
  });

  it("throws typed errors", async () => {
    const wrong = await thrown(client.predict({ input: [1, 2] }));
    expect(wrong).toBeInstanceOf(generated.InvalidInputError);
    expect(wrong).toMatchObject({ status: 422, type: "invalid_input", param: "input" });
    const field = await thrown(client.models.pet.predict({ input: { name: "x" } as never }));
    expect(field).toBeInstanceOf(generated.InvalidInputError);
    const large = await thrown(client.models.case.predict({ input: "x".repeat(2 << 20) }));
    expect(large).toBeInstanceOf(generated.TooLargeError);
    const broken = await thrown(client.models.ink.predict({ input: new Uint8Array(9) }));
    expect(broken).toBeInstanceOf(generated.InvalidInputError);
    const nobody = new generated.Client({ baseUrl: url });
    const stranger = await thrown(nobody.predict({ input: [1, 2, 3] }));
    expect(stranger).toBeInstanceOf(generated.UnauthorizedError);
    const path = await thrown(client.transport.json("/models/none/predict", "{}"));
    expect(path).toBeInstanceOf(generated.NotFoundError);
  });

  it("comes back when the server asks for it", async () => {
    const infos: AnswerInfo[] = [];
    const start = performance.now();
    const { output } = await client.models.busy.predict(
      { input: "x" },
      { onAnswer: (info) => infos.push(info) },
    );
    expect(output).toBe("x");
    expect(infos[0]?.attempts).toBe(2);
    expect(performance.now() - start).toBeGreaterThan(990);
  });

  it("does not wait for a limit that lasts long", async () => {
    const slow = new generated.Client({ baseUrl: url, apiKey: "a-slow-key" });
    await slow.predict({ input: [1, 2, 3] });
    const error = await thrown(slow.predict({ input: [1, 2, 3] }));
    expect(error).toBeInstanceOf(generated.RateLimitError);
    expect(error).toMatchObject({ status: 429 });
  });

  it("cannot reach a server that is not there", async () => {
    const lost = new generated.Client({ baseUrl: "http://127.0.0.1:1", retries: 0 });
    expect(await thrown(lost.predict({ input: [1] }))).toBeInstanceOf(generated.ConnectionError);
  });

  it("streams what a generator yields, to its end", async () => {
    const items = await all(client.models.counting.stream({ input: "500" }));
    expect(items.map(({ output }) => output)).toEqual([...Array(500).keys()]);
    expect(await all(client.models.counting.stream({ input: "0" }))).toEqual([]);
  });

  it("ends a generator by leaving the loop", async () => {
    for await (const { output } of client.models.endless.stream({ input: "é" })) {
      expect(output).toBe("é");
      break;
    }
    await untilClosed("endless");
  });

  it("learns that a generator failed, and nothing else", async () => {
    const stream = client.models.breaking.stream({ input: "x" })[Symbol.asyncIterator]();
    expect((await stream.next()).value).toEqual({ output: "x" });
    const error = await thrown(Promise.resolve(stream.next()));
    expect(error).toBeInstanceOf(generated.ServerError);
    expect(String(error)).not.toContain("secret");
  });

  it("chats, as a whole and bit by bit", async () => {
    const messages = [{ role: "user", content: "abc" }] as const;
    const whole = await client.chat({ messages, max_tokens: 4, temperature: 0 });
    expect(whole.choices[0]?.message).toMatchObject({ role: "assistant", content: "defg" });
    expect(whole.choices[0]?.finish_reason).toBe("length");
    expect(whole.usage.completion_tokens).toBe(4);
    let text = "";
    let tokens: number | undefined;
    for await (const chunk of client.chat({
      messages,
      max_tokens: 30,
      stream: true,
      stream_options: { include_usage: true },
    })) {
      text += chunk.choices[0]?.delta.content ?? "";
      tokens = chunk.usage?.completion_tokens ?? tokens;
    }
    expect(text).toBe("defghijklmnopqrstuvwxyzabcdefg");
    expect(tokens).toBe(30);
  });

  it("stops a chat by an abort", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const messages = [{ role: "user", content: "a" }] as const;
    const stream = client.chat({ messages, max_tokens: 2000, stream: true }, { signal });
    let count = 0;
    const reading = (async () => {
      for await (const chunk of stream)
        if (chunk.choices.length > 0 && ++count === 5) controller.abort();
    })();
    expect(await thrown(reading)).toBe(signal.reason);
    expect(count).toBeLessThan(2000);
  });

  it("continues and embeds texts", async () => {
    const params = { prompt: "xyz", max_tokens: 3 };
    const whole = await client.complete(params);
    expect(whole.choices[0]?.text).toBe("abc");
    const chunks = await all(client.complete({ ...params, stream: true }));
    expect(chunks.map((chunk) => chunk.choices[0]?.text ?? "").join("")).toBe("abc");
    const { data } = await client.embed({ input: ["ab", "abcd"] });
    expect(data.map((each) => each.embedding)).toEqual([
      [2, 1],
      [4, 1],
    ]);
    const error = await thrown(client.complete({ prompt: "a", model: "other" }));
    expect(error).toBeInstanceOf(generated.NotFoundError);
  });
});

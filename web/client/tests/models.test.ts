import { describe, expect, expectTypeOf, it } from "vitest";
import {
  Transport,
  chatWith,
  completionWith,
  embeddingWith,
  predictWith,
  streamWith,
  type Chat,
  type ChatChunk,
  type ClientOptions,
  type CompletionChunk,
} from "../src";
import { all, answering, json } from "./helpers";

const transport = (fetch: ClientOptions["fetch"]): Transport => new Transport({ fetch });
const messages = [{ role: "user", content: "hello" }] as const;

describe("text models", () => {
  it("answer a chat as a whole", async () => {
    const { fetch, asked } = answering(json({ choices: [] }));
    const chat = chatWith<"a" | "b">(transport(fetch), "a");
    const whole = chat({ messages, max_tokens: 3 });
    expectTypeOf(whole).toEqualTypeOf<Promise<Chat>>();
    await whole;
    expect(asked[0]?.url).toBe("/v1/chat/completions");
    expect(asked[0]?.body).toEqual({ model: "a", messages, max_tokens: 3 });
    await chat({ messages, model: "b", stream: false });
    expect(asked[1]?.body).toEqual({ model: "b", messages, stream: false });
    expectTypeOf(chat).parameter(0).toHaveProperty("model").toEqualTypeOf<"a" | "b" | undefined>();
  });

  it("stream a chat", async () => {
    const { fetch, asked } = answering(new Response('data: {"choices":[]}\n\ndata: [DONE]\n\n'));
    const chunks = chatWith(transport(fetch), "a")({ messages, stream: true });
    expectTypeOf(chunks).toEqualTypeOf<AsyncIterable<ChatChunk>>();
    expect(await all(chunks)).toEqual([{ choices: [] }]);
    expect(asked[0]?.body).toEqual({ model: "a", messages, stream: true });
  });

  it("continue texts", async () => {
    const { fetch, asked } = answering(json({ choices: [{ text: "x" }] }));
    const complete = completionWith(transport(fetch), "a");
    expect((await complete({ prompt: "p" })).choices[0]?.text).toBe("x");
    const chunks = complete({ prompt: "p", stream: true });
    expectTypeOf(chunks).toEqualTypeOf<AsyncIterable<CompletionChunk>>();
    expect(asked[0]).toMatchObject({ url: "/v1/completions", body: { model: "a", prompt: "p" } });
  });

  it("embed texts", async () => {
    const { fetch, asked } = answering(json({ data: [{ embedding: [1, 2] }] }));
    const { data } = await embeddingWith(transport(fetch), "a")({ input: ["x"] });
    expect(data[0]?.embedding).toEqual([1, 2]);
    expect(asked[0]).toMatchObject({ url: "/v1/embeddings", body: { model: "a", input: ["x"] } });
  });
});

describe("models", () => {
  it("predict", async () => {
    const { fetch, asked } = answering(json({ output: [1] }));
    const fields = { input: "text" } as const;
    const predict = predictWith<{ input: string }, { output: number[] }>(
      transport(fetch),
      "/p",
      fields,
    );
    const answer = predict({ input: "a" });
    expectTypeOf(answer).resolves.toEqualTypeOf<{ output: number[] }>();
    expect(await answer).toEqual({ output: [1] });
    expect(asked[0]).toMatchObject({ url: "/p", body: { input: "a" } });
  });

  it("stream", async () => {
    const { fetch } = answering(new Response('data: {"output":1}\n\nevent: done\ndata: {}\n\n'));
    const fields = { input: "text" } as const;
    const stream = streamWith<{ input: string }, { output: number }>(
      transport(fetch),
      "/s",
      fields,
    );
    const items = stream({ input: "a" });
    expectTypeOf(items).toEqualTypeOf<AsyncIterable<{ output: number }>>();
    expect(await all(items)).toEqual([{ output: 1 }]);
  });
});

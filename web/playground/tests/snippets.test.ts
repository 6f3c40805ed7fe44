import { expect, it } from "vitest";
import { chatSnippets, embeddingSnippets, predictSnippets } from "../src/logic/snippets.ts";
import type { ModelSpec } from "../src/logic/spec.ts";

const model: ModelSpec = {
  name: "m",
  version: "1",
  path: "/predict",
  isDefault: true,
  stream: false,
  description: "",
  inputs: {},
  outputs: {},
  example: null,
};
const call = { url: "http://localhost:8000/predict", secured: false };

it("quotes what a shell would read", () => {
  const { curl } = predictSnippets(model, { input: "it's $HOME" }, call);
  expect(curl).toContain(`-d '{"input":"it'\\''s $HOME"}'`);
});

it("writes Python's constants", () => {
  const { Python } = predictSnippets(model, { input: { a: null, b: true, c: [1, false] } }, call);
  expect(Python).toContain('json={"input": {"a": None, "b": True, "c": [1, False]}}');
});

it("sends pictures as a form and names the key only where one is needed", () => {
  const values = { image: new Blob([], { type: "image/jpeg" }), note: "x" };
  const open = predictSnippets(model, values, call);
  expect(open.curl).toContain("-F 'image=@picture.jpg'");
  expect(open.curl).not.toContain("Bearer");
  expect(open.Python).toContain('files={"image": open("picture.jpg", "rb")}, data={"note": "x"}');
  const secured = predictSnippets(model, values, { ...call, secured: true });
  for (const text of Object.values(secured)) expect(text).toContain("Bearer");
});

it("reads streams as streams", () => {
  const streaming = predictSnippets({ ...model, stream: true }, { input: "x" }, call);
  expect(streaming.curl).toMatch(/^curl -N /);
  expect(streaming.Python).toContain("httpx.stream(");
});

it("uses OpenAI's clients for text models", () => {
  const url = "http://localhost:8000/sub/v1/chat/completions";
  const chat = chatSnippets({ url, secured: true }, "tiny", [{ role: "user", content: "Hi" }]);
  expect(chat.Python).toContain('base_url="http://localhost:8000/sub/v1", api_key=KEY');
  expect(chat.Python).toContain('messages=[{"role": "user", "content": "Hi"}],');
  expect(chat.Python).toContain("stream=True");
  const embedding = embeddingSnippets(
    { url: "http://localhost:8000/v1/embeddings", secured: false },
    "tiny",
    ["a"],
  );
  expect(embedding.TypeScript).toContain('apiKey: "none"');
});

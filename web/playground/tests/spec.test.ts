import { describe, expect, it } from "vitest";
import { initialDraft, initialDrafts, readDraft, splitParam } from "../src/logic/drafts.ts";
import { readSpec, routeOf, type Field } from "../src/logic/spec.ts";
import { scoresOf, showScore, summaryOf } from "../src/logic/summary.ts";
import { showBytes, showMilliseconds } from "../src/logic/timing.ts";

const document = {
  info: { title: "Demo" },
  "x-flambeau": {
    models: [
      {
        name: "a/b",
        version: "1",
        path: "/predict",
        default: true,
        stream: false,
        description: "",
        inputs: {
          picture: { kind: "image", mode: "L", size: [28, 14], drawing: true },
          note: { kind: "text", min_length: 2, max_length: 5 },
          numbers: { kind: "tensor", shape: [2, null], dtype: "int64", min: 0, max: null },
        },
        outputs: { output: { kind: "labels", classes: ["x", "y"], top: null } },
        example: { note: "abc" },
      },
    ],
    text: [{ id: "tiny", chat: true, completion: true, embedding: false, context_length: 64 }],
  },
};

describe("readSpec", () => {
  it("reads models, fields and text models", () => {
    const spec = readSpec(document);
    expect(spec).toMatchObject({ title: "Demo", secured: false });
    expect(spec.text[0]).toMatchObject({ id: "tiny", chat: true, contextLength: 64 });
    expect(spec.models[0]?.inputs).toEqual({
      picture: { kind: "image", mode: "L", size: [28, 14], drawing: true },
      note: { kind: "text", minLength: 2, maxLength: 5 },
      numbers: { kind: "tensor", shape: [2, null], dtype: "int64", min: 0, max: null },
    });
    const [model] = spec.models;
    expect(model && routeOf(model)).toBe("#/models/a%2Fb/1");
  });

  it.each([null, 3, {}, { "x-flambeau": { models: "none", text: [3] } }])("survives %o", (odd) => {
    expect(readSpec(odd)).toMatchObject({ models: [], text: [] });
  });

  it("edits kinds that it does not know as JSON", () => {
    const odd = { "x-flambeau": { models: [{ inputs: { sound: { kind: "audio" } } }] } };
    expect(readSpec(odd).models[0]?.inputs.sound).toEqual({ kind: "json", schema: {} });
  });
});

describe("drafts", () => {
  const text: Field = { kind: "text", minLength: 2, maxLength: 5 };

  it("starts with the example and empty where there is none", () => {
    const [model] = readSpec(document).models;
    const drafts = initialDrafts(model?.inputs ?? {}, model?.example ?? null);
    expect(drafts.note).toEqual({ kind: "text", text: "abc" });
    expect(drafts.picture).toEqual({ kind: "blob", blob: null, name: "" });
    expect(drafts.numbers).toEqual({ kind: "tensor", text: "", held: null });
  });

  it("turns base64 into bytes", async () => {
    const image: Field = { kind: "image", mode: "L", size: null, drawing: false };
    for (const example of ["aGk=", "data:image/png;base64,aGk="]) {
      const draft = initialDraft(image, example);
      expect(draft.kind === "blob" && (await draft.blob?.text())).toBe("hi");
    }
    expect(initialDraft(image, "%%")).toMatchObject({ blob: null });
  });

  it("counts characters as people do", () => {
    expect(readDraft(text, { kind: "text", text: "🙂🙂🙂🙂🙂" })).toHaveProperty("value");
    expect(readDraft(text, { kind: "text", text: "🙂" })).toHaveProperty("problems");
    expect(readDraft(text, { kind: "text", text: "abcdef" })).toHaveProperty("problems");
  });

  it("holds many numbers outside of the text box", () => {
    const field: Field = {
      kind: "tensor",
      shape: [30_000],
      dtype: "float32",
      min: null,
      max: null,
    };
    const many = Array.from({ length: 30_000 }, () => 1);
    const draft = initialDraft(field, many);
    expect(draft).toMatchObject({ text: "" });
    expect(readDraft(field, draft)).toEqual({ value: many });
  });

  it("refuses files that are too large", () => {
    const file: Field = { kind: "file", mediaTypes: [], maxBytes: 2 };
    const draft = (size: number) =>
      ({ kind: "blob", blob: new Blob(["x".repeat(size)]), name: "x" }) as const;
    expect(readDraft(file, draft(2))).toHaveProperty("value");
    expect(readDraft(file, draft(3))).toHaveProperty("problems");
  });
});

it.each([
  ["input", "input", ""],
  ["input[3]", "input", "[3]"],
  ["input.age.x", "input", "age.x"],
  ["input2[0]", "input2", "[0]"],
])("places the server's %s", (param, name, path) => {
  expect(splitParam(param, ["input", "input2"])).toEqual({ name, path });
});

it("knows paths that belong to no input", () => {
  expect(splitParam("inputs", ["input"])).toBeNull();
});

it("sums an answer up", () => {
  const [model] = readSpec(document).models;
  const output = [
    { label: "x", score: 0.9 },
    { label: "y", score: 0.1 },
  ];
  expect(model && summaryOf(model, { output })).toBe("output: x, 90.0 %");
  expect(scoresOf([{ label: "x" }])).toBeNull();
  expect([0, 0.0005, 0.5, 3.2].map(showScore)).toEqual(["0.0 %", "< 0.1 %", "50.0 %", "3.200"]);
});

it("shows times and sizes", () => {
  expect([0.42, 123.4, 12345].map(showMilliseconds)).toEqual(["0.4 ms", "123 ms", "12.3 s"]);
  expect([10, 1500, 2_000_000].map(showBytes)).toEqual(["10 bytes", "1.5 kB", "2.0 MB"]);
});

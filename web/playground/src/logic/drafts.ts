/** What a user has put in so far, and how it is written into a request. */

import { initialOf, problemsOf, type Problem } from "./schema.ts";
import { isRecord, type Field, type Fields, type FileField, type ImageField } from "./spec.ts";
import { countOf, formatTensor, MOST_SHOWN, parseTensor, type Nested } from "./tensor.ts";
import { showBytes } from "./timing.ts";

export type Draft =
  | { kind: "blob"; blob: Blob | null; name: string }
  | { kind: "text"; text: string }
  | { kind: "json"; value: unknown }
  /** `held` are numbers too many to be written into the text. */
  | { kind: "tensor"; text: string; held: Nested | null };

export type Drafts = Record<string, Draft>;

/** What a field starts with: the example's value, else nothing. */
export function initialDraft(field: Field, example?: unknown): Draft {
  switch (field.kind) {
    case "image":
    case "file":
      return typeof example === "string"
        ? blobDraft(example)
        : { kind: "blob", blob: null, name: "" };
    case "text":
      return { kind: "text", text: typeof example === "string" ? example : "" };
    case "labels": {
      const label = typeof example === "string" ? example : (field.classes[0] ?? "");
      return { kind: "text", text: label };
    }
    case "json":
      return {
        kind: "json",
        value: example === undefined ? initialOf(field.schema, field.schema) : example,
      };
    case "tensor":
      return Array.isArray(example)
        ? tensorDraft(example as Nested)
        : { kind: "tensor", text: "", held: null };
  }
}

export function tensorDraft(value: Nested): Draft {
  return countOf(value) > MOST_SHOWN
    ? { kind: "tensor", text: "", held: value }
    : { kind: "tensor", text: formatTensor(value), held: null };
}

export function initialDrafts(fields: Fields, example: Record<string, unknown> | null): Drafts {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, initialDraft(field, example?.[name])]),
  );
}

function blobDraft(text: string): Draft {
  const [, type, base64] = /^(?:data:([^;,]*);base64,)?([\s\S]*)$/.exec(text) ?? [];
  try {
    const bytes = Uint8Array.from(atob(base64 ?? ""), (letter) => letter.charCodeAt(0));
    if (bytes.length === 0) return { kind: "blob", blob: null, name: "" };
    return { kind: "blob", blob: new Blob([bytes], { type: type ?? "" }), name: "example" };
  } catch {
    return { kind: "blob", blob: null, name: "" };
  }
}

export type Ready = { value: unknown } | { problems: Problem[] };

const problem = (message: string): Ready => ({ problems: [{ path: "", message }] });

/** The value to send, or what is still wrong. */
export function readDraft(field: Field, draft: Draft): Ready {
  if (field.kind === "image" || field.kind === "file") return readBlob(field, draft);
  if (field.kind === "tensor" && draft.kind === "tensor") {
    if (draft.held) return { value: draft.held };
    const parsed = parseTensor(draft.text, field);
    return "error" in parsed ? problem(parsed.error) : { value: parsed.value };
  }
  if (field.kind === "json" && draft.kind === "json") {
    const problems = problemsOf(field.schema, field.schema, draft.value);
    return problems.length > 0 ? { problems } : { value: draft.value };
  }
  if (draft.kind !== "text") return problem("This input is not of the kind that is needed.");
  if (field.kind === "text") {
    const length = [...draft.text].length;
    if (length < field.minLength) {
      if (length === 0) return problem("Write something.");
      return problem(`Write at least ${field.minLength} characters; there are ${length}.`);
    }
    if (field.maxLength !== null && length > field.maxLength) {
      return problem(`Write at most ${field.maxLength} characters; there are ${length}.`);
    }
  }
  return { value: draft.text };
}

function readBlob(field: ImageField | FileField, draft: Draft): Ready {
  if (draft.kind !== "blob" || !draft.blob) {
    return problem(field.kind === "image" ? "Choose or draw a picture." : "Choose a file.");
  }
  if (field.kind === "file" && field.maxBytes !== null && draft.blob.size > field.maxBytes) {
    const [size, most] = [showBytes(draft.blob.size), showBytes(field.maxBytes)];
    return problem(`The file has ${size}; at most ${most} are allowed.`);
  }
  return { value: draft.blob };
}

/** A path of the server's ("input.age", "image", "input[3]") as the input's name and the rest. */
export function splitParam(param: string, names: string[]): { name: string; path: string } | null {
  const name = names
    .filter(
      (each) => param === each || param.startsWith(`${each}.`) || param.startsWith(`${each}[`),
    )
    .sort((a, b) => b.length - a.length)[0];
  if (name === undefined) return null;
  return { name, path: param.slice(name.length).replace(/^\./, "") };
}

/** Whether a picture is too large to be sent as it is. */
export const needsShrinking = (blob: Blob, width: number, height: number) =>
  blob.size > 4e6 || width * height > 12e6;

export const isImage = (blob: Blob | null | undefined): blob is Blob =>
  blob?.type.startsWith("image/") ?? false;

export { isRecord };

import {
  isNativeFile,
  pictureFile,
  type Binary,
  type ImageInput,
  type NativeFile,
} from "./pictures";
import type { Payload } from "./transport";

/** The kinds of the fields of a model's input. */
export type FieldKind = "tensor" | "image" | "text" | "json" | "labels" | "file";

/** The kind of each field of a model's input, by name. */
export type FieldKinds = Readonly<Record<string, FieldKind>>;

/** Write a model's input as JSON; as a form where it holds files, whose bytes then go as they are. */
export async function payloadOf(fields: FieldKinds, input: object): Promise<Payload> {
  const values: FieldValue[] = [];
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue;
    const kind = Object.hasOwn(fields, name) ? fields[name] : undefined;
    values.push({ name, kind, value: await readyValue(kind, value) });
  }
  const files = values.filter((each) => each.kind === "image" || each.kind === "file");
  // A form's files are bytes, so that base64 text goes as JSON.
  if (files.length > 0 && files.every((each) => isBinary(each.value))) {
    const form = formOf(values);
    if (form !== null) return form;
  }
  return JSON.stringify(await jsonValues(values));
}

interface FieldValue {
  readonly name: string;
  readonly kind: FieldKind | undefined;
  readonly value: unknown;
}

async function readyValue(kind: FieldKind | undefined, value: unknown): Promise<unknown> {
  if (kind === "image" && typeof value === "object" && value !== null) {
    return pictureFile(value as Exclude<ImageInput, string>);
  }
  return value;
}

function isBinary(value: unknown): value is Binary {
  return (
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) ||
    isBlob(value) ||
    isNativeFile(value)
  );
}

function isBlob(value: unknown): value is Blob {
  return typeof Blob !== "undefined" && value instanceof Blob;
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The part of `FormData` that is used: React Native's takes its own files and no file names. */
interface Form {
  append(name: string, value: unknown, file?: string): void;
}

/** Build a form; null where blobs cannot be made from bytes, as in React Native. */
function formOf(values: readonly FieldValue[]): FormData | null {
  const form = new FormData();
  const parts = form as Form;
  for (const { name, kind, value } of values) {
    if (isNativeFile(value)) {
      parts.append(name, { name: "file", type: "application/octet-stream", ...value });
    } else if (!isBinary(value)) {
      parts.append(name, kind === "text" ? String(value) : JSON.stringify(value));
    } else {
      const blob = blobOf(value as Exclude<Binary, NativeFile>);
      if (blob === null) return null;
      parts.append(name, blob, (blob as { name?: string }).name ?? "file");
    }
  }
  return form;
}

function blobOf(value: Exclude<Binary, NativeFile>): Blob | null {
  if (isBlob(value)) return value;
  const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : bytesOf(value);
  try {
    return new Blob([bytes.slice().buffer as unknown as Blob], { type: mediaTypeOf(bytes) });
  } catch {
    return null;
  }
}

/** The media type of a picture, by how its file begins. */
export function mediaTypeOf(bytes: Uint8Array): string {
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  if (start.startsWith("\x89PNG")) return "image/png";
  if (start.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (start.startsWith("GIF8")) return "image/gif";
  if (start.startsWith("RIFF") && start.endsWith("WEBP")) return "image/webp";
  if (start.startsWith("BM")) return "image/bmp";
  return "application/octet-stream";
}

async function jsonValues(values: readonly FieldValue[]): Promise<Record<string, unknown>> {
  const entries: [string, unknown][] = [];
  for (const { name, value } of values) {
    entries.push([name, isBinary(value) ? await base64Of(value) : value]);
  }
  return Object.fromEntries(entries);
}

async function base64Of(value: Binary): Promise<string> {
  if (value instanceof ArrayBuffer) return base64(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) return base64(bytesOf(value));
  if (isNativeFile(value)) {
    throw new TypeError("a file with a uri can be sent only beside texts and other files");
  }
  return base64(new Uint8Array(await new Response(value).arrayBuffer()));
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Write bytes as base64 (RFC 4648). */
export function base64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(i, i + 3);
    const bits = (a << 16) | (b << 8) | c;
    for (let k = 18; k >= 0; k -= 6) parts.push(BASE64.charAt((bits >> k) & 63));
  }
  const missing = (3 - (bytes.length % 3)) % 3;
  return parts.join("").slice(0, parts.length - missing) + "=".repeat(missing);
}

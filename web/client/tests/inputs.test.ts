import { crc32, inflateSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { base64, mediaTypeOf, payloadOf, pngOf, stored, type FieldKinds } from "../src";

afterEach(() => {
  vi.unstubAllGlobals();
});

const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);
const PNG = bytes(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3);

async function sent(fields: FieldKinds, input: object): Promise<unknown> {
  const payload = await payloadOf(fields, input);
  if (typeof payload === "string") return JSON.parse(payload) as unknown;
  const parts: Record<string, unknown> = {};
  for (const [name, value] of payload.entries()) {
    if (typeof value === "string") parts[name] = value;
    else {
      const content = Array.from(new Uint8Array(await value.arrayBuffer()));
      parts[name] = { type: value.type, name: value.name, bytes: content };
    }
  }
  return { form: parts };
}

describe("payloadOf", () => {
  it("writes JSON and leaves out what is undefined", async () => {
    const fields = { a: "json", b: "text", c: "tensor" } as const;
    const input = { a: { x: [1] }, b: "t", c: [[1]], d: undefined, e: 1 };
    expect(await sent(fields, input)).toEqual({ a: { x: [1] }, b: "t", c: [[1]], e: 1 });
  });

  it("writes the little-endian bytes of typed arrays as base64, views included", async () => {
    const part = new Float32Array([9, 1, -2]).subarray(1);
    expect(await sent({ x: "tensor" }, { x: part })).toEqual({ x: "AACAPwAAAMA=" });
    const whole = new BigInt64Array([1n]);
    expect(await sent({ x: "tensor" }, { x: whole })).toEqual({ x: "AQAAAAAAAAA=" });
  });

  it.each([
    ["a blob", new Blob([PNG], { type: "image/png" }), "file"],
    ["a file", new File([PNG], "x.png", { type: "image/png" }), "x.png"],
    ["a buffer", PNG.buffer, "file"],
    ["bytes", PNG, "file"],
    ["a part of a buffer", new Uint8Array([0, ...PNG]).subarray(1), "file"],
  ])("sends %s as a part of a form", async (_, image, name) => {
    const part = { type: "image/png", name, bytes: Array.from(PNG) };
    const fields = { image: "image", text: "text", json: "json", t: "tensor" } as const;
    const input = { image, text: "é", json: "quoted", t: [1, 2] };
    expect(await sent(fields, input)).toEqual({
      form: { image: part, text: "é", json: '"quoted"', t: "[1,2]" },
    });
  });

  it("sends base64 text as JSON, and then bytes beside it as base64", async () => {
    const fields = { a: "image", b: "file" } as const;
    const uri = "data:image/png;base64,AA==";
    expect(await sent(fields, { a: uri, b: bytes(1, 2) })).toEqual({ a: uri, b: "AQI=" });
    const blob = new Blob([bytes(255)]);
    expect(await sent(fields, { a: "AA==", b: blob })).toEqual({ a: "AA==", b: "/w==" });
  });

  it("asks canvases for a picture file", async () => {
    const blob = new Blob([PNG], { type: "image/png" });
    const canvas = {
      toBlob: (done: (blob: Blob | null) => void, type?: string) => {
        done(type === "image/png" ? blob : null);
      },
    };
    const offscreen = { convertToBlob: () => Promise.resolve(blob) };
    const part = { type: "image/png", name: "file", bytes: Array.from(PNG) };
    for (const image of [canvas, offscreen]) {
      expect(await sent({ input: "image" }, { input: image })).toEqual({ form: { input: part } });
    }
    const empty = {
      toBlob: (done: (blob: Blob | null) => void) => {
        done(null);
      },
    };
    await expect(payloadOf({ input: "image" }, { input: empty })).rejects.toThrow(TypeError);
  });

  it("leaves files of React Native to its own form", async () => {
    const appended: unknown[] = [];
    class NativeForm {
      append(...part: unknown[]): void {
        appended.push(part);
      }
    }
    vi.stubGlobal("FormData", NativeForm);
    const file = { uri: "file:///photo.jpg", type: "image/jpeg" };
    await payloadOf({ input: "image", text: "text" }, { input: file, text: "a" });
    expect(appended).toEqual([
      ["input", { uri: "file:///photo.jpg", name: "file", type: "image/jpeg" }],
      ["text", "a"],
    ]);
    const both = { a: "image", b: "image" } as const;
    await expect(payloadOf(both, { a: file, b: "AA==" })).rejects.toThrow(TypeError);
  });

  it("sends base64 where blobs cannot be made from bytes", async () => {
    class NoBlob {
      readonly size = 0;
      constructor() {
        throw new Error("Creating blobs from ArrayBuffer is not supported");
      }
    }
    vi.stubGlobal("Blob", NoBlob);
    expect(await sent({ input: "image" }, { input: bytes(1, 2, 3) })).toEqual({ input: "AQID" });
  });
});

describe("base64", () => {
  it("is what Node writes, for every length", () => {
    for (let length = 0; length < 70; length++) {
      const data = Uint8Array.from({ length }, (_, i) => (i * 89 + length * 31) & 255);
      expect(base64(data)).toBe(Buffer.from(data).toString("base64"));
    }
  });
});

describe("mediaTypeOf", () => {
  it("knows the pictures that servers take", () => {
    const start = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
    expect(mediaTypeOf(PNG)).toBe("image/png");
    expect(mediaTypeOf(start("\xff\xd8\xff\xe0"))).toBe("image/jpeg");
    expect(mediaTypeOf(start("GIF89a"))).toBe("image/gif");
    expect(mediaTypeOf(start("RIFF....WEBPVP8 "))).toBe("image/webp");
    expect(mediaTypeOf(start("BM......"))).toBe("image/bmp");
    expect(mediaTypeOf(start(""))).toBe("application/octet-stream");
  });
});

describe("pngOf", () => {
  const size = { width: 300, height: 70 };
  const data = Uint8ClampedArray.from({ length: 300 * 70 * 4 }, (_, i) => (i * 7 + (i >> 8)) & 255);

  /** The chunks of a PNG file, by name. */
  function chunks(file: Uint8Array): Map<string, Buffer> {
    const found = new Map<string, Buffer>();
    const buffer = Buffer.from(file);
    for (let at = 8; at < buffer.length;) {
      const length = buffer.readUInt32BE(at);
      found.set(
        buffer.toString("latin1", at + 4, at + 8),
        buffer.subarray(at + 8, at + 8 + length),
      );
      const sum = buffer.readUInt32BE(at + 8 + length);
      expect(sum).toBe(crc32(buffer.subarray(at + 4, at + 8 + length)));
      at += length + 12;
    }
    return found;
  }

  it.each([true, false])("writes the pixels, compressed: %s", async (compressed) => {
    if (!compressed) vi.stubGlobal("CompressionStream", undefined);
    const file = await pngOf({ data, ...size });
    expect(mediaTypeOf(file)).toBe("image/png");
    const found = chunks(file);
    expect([...found.keys()]).toEqual(["IHDR", "IDAT", "IEND"]);
    expect(found.get("IHDR")?.toString("hex")).toBe("0000012c000000460806000000");
    const pixels = Buffer.from(data);
    const rows = inflateSync(found.get("IDAT") ?? "");
    expect(rows.length).toBe(70 * 1201);
    for (let y = 0; y < 70; y++) {
      const row = rows.subarray(y * 1201, (y + 1) * 1201);
      expect(row[0]).toBe(0);
      expect(row.subarray(1).equals(pixels.subarray(y * 1200, (y + 1) * 1200))).toBe(true);
    }
  });

  it("refuses pixels of another size", async () => {
    await expect(pngOf({ data: new Uint8Array(4), width: 2, height: 1 })).rejects.toThrow("2 x 1");
  });

  it("is used for pixels", async () => {
    const payload = await payloadOf({ input: "image" }, { input: { data, ...size } });
    const part = (payload as FormData).get("input") as File;
    expect(part.type).toBe("image/png");
  });
});

describe("stored", () => {
  it.each([0, 1, 65535, 65536, 131070])("is a zlib stream of %i bytes", (length) => {
    const data = Uint8Array.from({ length }, (_, i) => (i * 31) & 255);
    expect(inflateSync(stored(data)).equals(data)).toBe(true);
  });
});

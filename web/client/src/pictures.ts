/** Pixels as a canvas gives them: four bytes each, rows from the top. */
export interface PixelsLike {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** An `HTMLCanvasElement`, named by what is used of it so that no browser types are needed. */
export interface CanvasLike {
  toBlob(callback: (blob: Blob | null) => void, type?: string): void;
}

/** An `OffscreenCanvas`. */
export interface OffscreenCanvasLike {
  convertToBlob(options?: { type?: string }): Promise<Blob>;
}

/** A file of React Native's: it reads the bytes itself when it sends the form. */
export interface NativeFile {
  readonly uri: string;
  readonly name?: string;
  readonly type?: string;
}

/** Bytes in any of the forms that hold a file. */
export type Binary = Blob | ArrayBuffer | ArrayBufferView | NativeFile;

/** A picture: a file's bytes, something drawn, or base64 text or a `data:` URI. */
export type ImageInput = Binary | PixelsLike | CanvasLike | OffscreenCanvasLike | string;

/** A file: its bytes, or base64 text or a `data:` URI. */
export type FileInput = Binary | string;

export function isNativeFile(value: unknown): value is NativeFile {
  return typeof (value as Partial<NativeFile> | null)?.uri === "string";
}

/** Return the picture file in `image`: canvases and pixels become PNG. */
export async function pictureFile(image: Exclude<ImageInput, string>): Promise<Binary> {
  if ("toBlob" in image) return drawnFile(image);
  if ("convertToBlob" in image) return image.convertToBlob({ type: "image/png" });
  if ("data" in image && "width" in image) return pngOf(image);
  return image;
}

function drawnFile(canvas: CanvasLike): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) reject(new TypeError("the canvas is empty or may not be read"));
      else resolve(blob);
    }, "image/png");
  });
}

/** Write pixels as a PNG file (W3C PNG, third edition), with transparency. */
export async function pngOf(pixels: PixelsLike): Promise<Uint8Array> {
  const { data, width, height } = pixels;
  if (data.length !== width * height * 4) {
    throw new TypeError(
      `${width} x ${height} pixels have four bytes each, not ${data.length} in all`,
    );
  }
  const rows = new Uint8Array(height * (width * 4 + 1));
  for (let y = 0; y < height; y++) {
    // A zero before each row: it is written without a filter.
    rows.set(data.subarray(y * width * 4, (y + 1) * width * 4), y * (width * 4 + 1) + 1);
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 6], 8); // bits of a channel; red, green, blue and alpha
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return joined([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", await deflated(rows)),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

interface Deflater {
  readonly readable: unknown;
  readonly writable: {
    getWriter(): { write(bytes: Uint8Array): Promise<void>; close(): Promise<void> };
  };
}

async function deflated(bytes: Uint8Array): Promise<Uint8Array> {
  const { CompressionStream } = globalThis as unknown as {
    CompressionStream?: new (format: "deflate") => Deflater;
  };
  if (CompressionStream === undefined) return stored(bytes);
  const { readable, writable } = new CompressionStream("deflate");
  const writer = writable.getWriter();
  const [answer] = await Promise.all([
    new Response(readable as string).arrayBuffer(),
    writer.write(bytes),
    writer.close(),
  ]);
  return new Uint8Array(answer);
}

/** A zlib stream of blocks that are not compressed (RFC 1950 and RFC 1951). */
export function stored(bytes: Uint8Array): Uint8Array {
  const parts = [Uint8Array.of(0x78, 0x01)];
  for (let start = 0; start === 0 || start < bytes.length; start += 0xffff) {
    const block = bytes.subarray(start, start + 0xffff);
    const last = start + 0xffff >= bytes.length ? 1 : 0;
    const size = block.length;
    parts.push(Uint8Array.of(last, size & 255, size >> 8, ~size & 255, (~size >> 8) & 255));
    parts.push(new Uint8Array(block));
  }
  let low = 1;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  parts.push(Uint8Array.of(high >> 8, high & 255, low >> 8, low & 255));
  return joined(parts);
}

function chunk(name: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = name.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, checksum(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** CRC-32, bit by bit: pictures that are drawn are small. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function joined(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

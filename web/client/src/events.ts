/** One event of a `text/event-stream`. */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/**
 * Cuts the text of a `text/event-stream` into events, however it is cut into pieces: lines end in
 * LF, CR or CRLF, and a line starting with a colon is a comment (WHATWG HTML, section 9.2.6).
 */
export class EventParser {
  private rest = "";
  private started = false;
  private event = "";
  private data: string[] = [];

  /** Take the next piece of text and return the events that it completes. */
  push(text: string): ServerEvent[] {
    let buffer = this.rest + text;
    if (!this.started && buffer !== "") {
      this.started = true;
      if (buffer.startsWith("\uFEFF")) buffer = buffer.slice(1);
    }
    const events: ServerEvent[] = [];
    const ending = /\r\n|\n|\r/g;
    let start = 0;
    for (let match = ending.exec(buffer); match !== null; match = ending.exec(buffer)) {
      // A CR at the very end may be the first half of a CRLF.
      if (match[0] === "\r" && ending.lastIndex === buffer.length) break;
      const event = this.line(buffer.slice(start, match.index));
      if (event !== undefined) events.push(event);
      start = ending.lastIndex;
    }
    this.rest = buffer.slice(start);
    return events;
  }

  /** Return the events that only the end of the text completes: its last line may end in CR. */
  end(): ServerEvent[] {
    return this.rest.endsWith("\r") ? this.push("\n") : [];
  }

  private line(line: string): ServerEvent | undefined {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.event = value;
    else if (field === "data") this.data.push(value);
    return undefined;
  }

  private dispatch(): ServerEvent | undefined {
    const event = { event: this.event || "message", data: this.data.join("\n") };
    const empty = this.data.length === 0;
    this.event = "";
    this.data = [];
    return empty ? undefined : event;
  }
}

/** The parts of a body and of a decoder that are used; not every run time declares them. */
interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array }>;
  cancel(): Promise<void>;
}
interface Decoder {
  decode(bytes?: Uint8Array, options?: { stream: boolean }): string;
}

/** Yield the text of `response` as it arrives; at once where its body cannot be read as a stream. */
export async function* textOfResponse(response: Response): AsyncGenerator<string, void, undefined> {
  const body = (response as unknown as { body?: { getReader?: () => Reader } | null }).body;
  const { TextDecoder } = globalThis as unknown as { TextDecoder?: new () => Decoder };
  // React Native has no readable bodies.
  if (typeof body?.getReader !== "function" || TextDecoder === undefined) {
    yield await response.text();
    return;
  }
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let finished = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield decoder.decode(value, { stream: true });
    }
    finished = true;
    yield decoder.decode();
  } finally {
    // Not awaited: a connection that is broken may never confirm.
    if (!finished) reader.cancel().catch(() => undefined);
  }
}

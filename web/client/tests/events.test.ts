import { describe, expect, it } from "vitest";
import { EventParser, textOfResponse, type ServerEvent } from "../src";

function parsed(...pieces: string[]): ServerEvent[] {
  const parser = new EventParser();
  return [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
}

function streamed(...pieces: Uint8Array[]): Response {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  return new Response(stream);
}

async function textOf(response: Response): Promise<string> {
  let text = "";
  for await (const piece of textOfResponse(response)) text += piece;
  return text;
}

const message = (data: string): ServerEvent => ({ event: "message", data });

describe("EventParser", () => {
  it("reads events with names and several data lines", () => {
    const text = 'data: {"a": 1}\n\nevent: done\ndata: one\ndata: two\n\n';
    expect(parsed(text)).toEqual([message('{"a": 1}'), { event: "done", data: "one\ntwo" }]);
  });

  it.each(["\n", "\r\n", "\r"])(
    "takes %j as the end of a line, wherever the text is cut",
    (end) => {
      const text = ["event: a", "data: 1", "", "data: 2", "", ""].join(end);
      const wanted = [{ event: "a", data: "1" }, message("2")];
      expect(parsed(text)).toEqual(wanted);
      expect(parsed(...text)).toEqual(wanted);
      for (let cut = 0; cut <= text.length; cut++) {
        expect(parsed(text.slice(0, cut), text.slice(cut))).toEqual(wanted);
      }
    },
  );

  it("skips comments, unknown fields, events without data and an incomplete end", () => {
    const text = ": keep-alive\n\nid: 3\nretry: 5\nevent: empty\n\ndata: x\n\ndata: cut";
    expect(parsed(text)).toEqual([message("x")]);
  });

  it("removes one space after the colon, and a byte order mark at the start", () => {
    expect(parsed("\uFEFFdata:  a\n\ndata:b\n\ndata\n\n")).toEqual([
      message(" a"),
      message("b"),
      message(""),
    ]);
  });

  it("keeps a byte order mark and line separators inside", () => {
    expect(parsed("data: \uFEFF\u2028\n\n")).toEqual([message("\uFEFF\u2028")]);
  });
});

describe("textOfResponse", () => {
  it("joins characters whose bytes come apart", async () => {
    const bytes = new TextEncoder().encode("é 😀 数");
    expect(await textOf(streamed(...Array.from(bytes, (byte) => Uint8Array.of(byte))))).toBe(
      "é 😀 数",
    );
  });

  it("replaces bytes that are no UTF-8, also at the end", async () => {
    expect(await textOf(streamed(Uint8Array.of(0x61, 0xff, 0xf0, 0x9f)))).toBe("a\uFFFD\uFFFD");
  });

  it("takes the whole text where a body cannot be read as a stream", async () => {
    const response = { text: () => Promise.resolve("data: 1\n\n") } as Response;
    expect(await textOf(response)).toBe("data: 1\n\n");
  });

  it("cancels the body when the loop is left", async () => {
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(Uint8Array.of(0x61));
      },
      cancel() {
        cancelled = true;
      },
    });
    for await (const text of textOfResponse(new Response(stream))) {
      expect(text).toBe("a");
      break;
    }
    expect(cancelled).toBe(true);
  });
});

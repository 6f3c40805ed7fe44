import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { chromium, type Browser, type Page } from "playwright-core";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KEY, PATIENCE, serverExpected, startServer, type Running } from "./running";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const executablePath = names
  .map((name) => (spawnSync("which", [name], { encoding: "utf-8" }).stdout as string | null) ?? "")
  .map((path) => path.trim())
  .find((path) => path !== "");
const possible = executablePath !== undefined && serverExpected();

/** Serve an empty page and the client, compiled, from an origin of their own. */
async function pageServer(script: () => string): Promise<Server> {
  const server = createServer((request, response) => {
    const asked = request.url === "/client.js";
    response.setHeader("content-type", asked ? "text/javascript" : "text/html");
    response.end(asked ? script() : "<!doctype html><title>test</title>");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

describe.skipIf(!possible)("a client in a browser", { timeout: PATIENCE }, () => {
  let running: Running;
  let pages: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    let script = "";
    pages = await pageServer(() => script);
    const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
    running = await startServer(origin);
    const source = readFileSync(running.client, "utf-8");
    const { ES2022 } = ts.ScriptTarget;
    const compilerOptions = { target: ES2022, module: ts.ModuleKind.ES2022 };
    script = ts.transpileModule(source, { compilerOptions }).outputText;
    browser = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
      timeout: PATIENCE,
    });
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.goto(origin);
  }, PATIENCE);

  afterAll(async () => {
    await browser.close();
    pages.close();
    await running.stop();
  }, PATIENCE);

  /** Run the body of an async function in the page; `api` and `client` are there. */
  function inPage(body: string): Promise<unknown> {
    const options = JSON.stringify({ baseUrl: running.url, apiKey: KEY, timeout: PATIENCE });
    return page.evaluate(`(async () => {
      const api = await import("/client.js");
      const client = new api.Client(${options});
      ${body}
    })()`);
  }

  it("sends what is drawn and chosen there", async () => {
    const answers = await inPage(`
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 16;
      const pen = canvas.getContext("2d");
      pen.fillStyle = "black";
      pen.fillRect(0, 0, 16, 16);
      const offscreen = new OffscreenCanvas(9, 9);
      offscreen.getContext("2d").clearRect(0, 0, 9, 9); // transparent counts as white
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg"));
      const file = new File([blob], "drawn.jpg", { type: "image/jpeg" });
      const pixels = pen.getImageData(0, 0, 16, 16);
      const labels = [];
      for (const input of [canvas, offscreen, blob, file, pixels, canvas.toDataURL()]) {
        labels.push((await client.models.ink.predict({ input })).output[0].label);
      }
      return labels;
    `);
    expect(answers).toEqual(["dark", "light", "dark", "dark", "dark", "dark"]);
  });

  it("reads the headers of another origin, in answers and in errors", async () => {
    const found = await inPage(`
      let info;
      await client.predict({ input: [1, 2, 3] }, { onAnswer: (given) => { info = given; } });
      const error = await client.predict({ input: [1] }).catch((thrown) => thrown);
      const isTyped = error instanceof api.InvalidInputError;
      return { info, isTyped, param: error.param, requestId: error.requestId };
    `);
    const id = expect.any(String) as string;
    expect(found).toMatchObject({
      info: { batchSize: 1, attempts: 1, requestId: id },
      isTyped: true,
      param: "input",
      requestId: id,
    });
  });

  it("streams, and stops when the signal says so", async () => {
    const found = await inPage(`
      const numbers = [];
      for await (const { output } of client.models.counting.stream({ input: "20" })) {
        numbers.push(output);
      }
      const controller = new AbortController();
      const messages = [{ role: "user", content: "a" }];
      let text = "";
      const params = { messages, max_tokens: 2000, stream: true };
      const reading = async () => {
        for await (const chunk of client.chat(params, { signal: controller.signal })) {
          text += chunk.choices[0]?.delta.content ?? "";
          if (text.length >= 5) controller.abort();
        }
      };
      const error = await reading().catch((thrown) => thrown);
      return { numbers, text: text.slice(0, 5), reason: error === controller.signal.reason };
    `);
    expect(found).toEqual({ numbers: [...Array(20).keys()], text: "bcdef", reason: true });
  });
});

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const KEY = "a-key-for-tests";
/** Milliseconds that a busy machine may take; nothing waits for so long when all is well. */
export const PATIENCE = 120_000;

// `make test` names the Python that flambeau is installed for.
const python = process.env["FLAMBEAU_TEST_PYTHON"] ?? "python3";
const needed = process.env["FLAMBEAU_TEST_PYTHON"] !== undefined;

/** Whether a server can be started, or has to be. */
export function serverExpected(): boolean {
  const packages = "import flambeau.serve.app, flambeau.serve.text, uvicorn";
  return needed || spawnSync(python, ["-c", packages]).status === 0;
}

/** A running server.py, and the client that was written for it. */
export interface Running {
  readonly url: string;
  /** The generated client's file. */
  readonly client: string;
  /** Run `flambeau client` and return what it prints. */
  readonly command: (...more: string[]) => string;
  readonly stop: () => Promise<void>;
}

/** Start server.py, which pages of `origin` may ask, and write a client for it. */
export async function startServer(origin = ""): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), "flambeau-client-"));
  const script = fileURLToPath(new URL("server.py", import.meta.url));
  const server = spawn(python, [script, origin], { stdio: "pipe" });
  let written = "";
  server.stderr.on("data", (part: Buffer) => (written += part.toString()));
  const ended = once(server, "exit").then(([code]) => {
    throw new Error(`the server ended with ${String(code)}:\n${written}`);
  });
  ended.catch(() => undefined); // of interest only until it is ready
  const [line] = (await Promise.race([once(server.stdout, "data"), ended])) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { url: string };
  const client = join(folder, "client.ts");

  const command = (...more: string[]): string => {
    const code = "from flambeau.cli import main; main()";
    const args = ["-c", code, "client", client, "--url", url, ...more];
    const env = { ...process.env, FLAMBEAU_API_KEY: KEY, no_proxy: "*" };
    return execFileSync(python, args, { encoding: "utf-8", env });
  };
  const stop = async (): Promise<void> => {
    if (server.exitCode === null) {
      const exit = once(server, "exit");
      server.stdin.end();
      await exit;
    }
    rmSync(folder, { recursive: true });
  };
  command();
  return { url, client, command, stop };
}

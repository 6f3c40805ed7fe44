import { describe, expect, it, vi } from "vitest";
import { Latest } from "../src/logic/latest.ts";

/** A run whose calls are finished by hand. */
function calls() {
  const started: { value: number; signal: AbortSignal; finish: () => void }[] = [];
  const run = (value: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => started.push({ value, signal, finish: resolve }));
  return { started, run };
}

describe("Latest", () => {
  it("runs one call at a time and ends with the newest value", async () => {
    const { started, run } = calls();
    const latest = new Latest(run);
    for (const value of [1, 2, 3]) latest.push(value);
    expect(started.map(({ value }) => value)).toEqual([1]);
    started[0]?.finish();
    await vi.waitFor(() => expect(started.map(({ value }) => value)).toEqual([1, 3]));
    latest.push(4);
    started[1]?.finish();
    await vi.waitFor(() => expect(started.map(({ value }) => value)).toEqual([1, 3, 4]));
    expect(started.every(({ signal }) => !signal.aborted)).toBe(true);
  });

  it("gives up a slow call once something newer waits", async () => {
    vi.useFakeTimers();
    try {
      const { started, run } = calls();
      const latest = new Latest(run, 1000);
      latest.push(1);
      await vi.advanceTimersByTimeAsync(5000);
      expect(started[0]?.signal.aborted).toBe(false);
      latest.push(2);
      await vi.advanceTimersByTimeAsync(999);
      expect(started[0]?.signal.aborted).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(started[0]?.signal.aborted).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it("stops, and starts again with a later value", async () => {
    const { started, run } = calls();
    const latest = new Latest(run);
    latest.push(1);
    latest.push(2);
    latest.stop();
    expect(started[0]?.signal.aborted).toBe(true);
    started[0]?.finish();
    await Promise.resolve();
    latest.push(3);
    await vi.waitFor(() => expect(started.map(({ value }) => value)).toEqual([1, 3]));
  });

  it("goes on after a call that failed", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const seen: number[] = [];
    const latest = new Latest((value: number) => {
      seen.push(value);
      return value === 1 ? Promise.reject(new Error("broken")) : Promise.resolve();
    });
    latest.push(1);
    latest.push(2);
    await vi.waitFor(() => expect(seen).toEqual([1, 2]));
    expect(logged).toHaveBeenCalledOnce();
    logged.mockRestore();
  });
});

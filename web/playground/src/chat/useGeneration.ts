import { useEffect, useRef, useState } from "react";
import { generate, type Message, type Sampling } from "../logic/api.ts";
import { failureOf, isAbort, type Failure } from "../logic/failure.ts";

export type Speed = { first: number; perSecond: number | null; tokens: number };
type Handlers = { onText: (text: string) => void; onSignedOut: () => void };

/** Streams one answer at a time; tells how fast it came and why it ended. */
export function useGeneration(model: string, { onText, onSignedOut }: Handlers) {
  const [busy, setBusy] = useState(false);
  const [speed, setSpeed] = useState<Speed | null>(null);
  const [ending, setEnding] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const start = async (prompt: Message[] | string, sampling: Sampling) => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    setBusy(true);
    setFailure(null);
    setEnding(null);
    setSpeed(null);
    const meter = new Meter();
    try {
      for await (const piece of generate(model, prompt, sampling, controller.signal)) {
        if (piece.text) onText(piece.text);
        if (piece.finish) setEnding(piece.finish);
        setSpeed(meter.count(piece.text !== "", piece.tokens));
      }
    } catch (error) {
      if (isAbort(error)) {
        setEnding("stopped");
        return;
      }
      const next = failureOf(error);
      if (next.signedOut) onSignedOut();
      setFailure(next);
    } finally {
      if (running.current === controller) {
        running.current = null;
        setBusy(false);
      }
    }
  };
  return {
    busy,
    speed,
    ending,
    failure,
    start,
    stop: () => running.current?.abort(),
    forget: () => {
      setSpeed(null);
      setEnding(null);
      setFailure(null);
    },
  };
}

/** Counts tokens and time; a piece is one token unless the server says otherwise. */
class Meter {
  private readonly begin = performance.now();
  private first: number | null = null;
  private tokens = 0;

  count(isText: boolean, total: number | null): Speed | null {
    const now = performance.now();
    if (isText) {
      this.first ??= now;
      this.tokens += 1;
    }
    if (total !== null) this.tokens = total;
    if (this.first === null) return null;
    const seconds = (now - this.first) / 1000;
    const perSecond = this.tokens > 1 && seconds > 0 ? (this.tokens - 1) / seconds : null;
    return { first: this.first - this.begin, perSecond, tokens: this.tokens };
  }
}

import { useCallback, useEffect, useRef, useState } from "react";

/** A value that callbacks can read as it is now, and not as it was when they were made. */
export function useLatest<T>(value: T): { readonly current: T } {
  const ref = useRef(value);
  useEffect(() => {
    ref.current = value;
  });
  return ref;
}

/** State whose newest value can be read between two renderings. */
export function useLiveState<T extends object>(
  initial: T,
): [T, () => T, (change: Partial<T>) => void] {
  const [state, setState] = useState(initial);
  const newest = useRef(state);
  const get = useCallback(() => newest.current, []);
  const set = useCallback((change: Partial<T>) => {
    newest.current = { ...newest.current, ...change };
    setState(newest.current);
  }, []);
  return [state, get, set];
}

/** One call at a time: a new one aborts the one before, and so does unmounting. */
export interface Turn {
  /** Abort the call that runs and return the signal of the next. */
  begin(): AbortSignal;
  /** Abort the call that runs; say whether there was one. */
  abort(): boolean;
  /** Whether the call with this signal is still the one that counts. */
  holds(signal: AbortSignal): boolean;
  /** Say that the call with this signal is over. */
  end(signal: AbortSignal): void;
}

export function useTurn(): Turn {
  const [turn] = useState(makeTurn);
  useEffect(() => () => void turn.abort(), [turn]);
  return turn;
}

function makeTurn(): Turn {
  let running: AbortController | undefined;
  const abort = (): boolean => {
    const stopped = running;
    running = undefined;
    stopped?.abort();
    return stopped !== undefined;
  };
  return {
    begin() {
      abort();
      running = new AbortController();
      return running.signal;
    },
    abort,
    holds: (signal) => running?.signal === signal,
    end(signal) {
      if (running?.signal === signal) running = undefined;
    },
  };
}

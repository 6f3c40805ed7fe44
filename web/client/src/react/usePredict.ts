import { useCallback, useEffect, useRef } from "react";
import { useLatest, useLiveState, useTurn } from "./state";

/** A function such as `client.predict` or `client.models.digits.predict`. */
export type PredictFunction<Input, Output> = (
  input: Input,
  options: { signal: AbortSignal },
) => Promise<Output>;

export interface PredictOptions {
  /**
   * For input that changes all the time, as while drawing: the call that runs may finish, then the
   * newest input is sent, and those between are left out. Otherwise a new input aborts the old call.
   */
  readonly live?: boolean;
}

export interface PredictState<Output> {
  /** The newest answer; it stays while the next one is awaited. */
  readonly data: Output | undefined;
  /** What the newest call threw, until the next one begins. */
  readonly error: unknown;
  readonly loading: boolean;
}

export interface UsePredict<Input, Output> extends PredictState<Output> {
  /** Ask the model. Only the answer to the newest input counts. */
  readonly run: (input: Input) => void;
  /** Abort the call that runs, and keep the data. */
  readonly cancel: () => void;
  /** Abort the call that runs, and forget data and error. */
  readonly reset: () => void;
}

/** Ask a model from a component; what runs when the component goes away is aborted. */
export function usePredict<Input, Output>(
  predict: PredictFunction<Input, Output>,
  { live = false }: PredictOptions = {},
): UsePredict<Input, Output> {
  const [state, , set] = useLiveState<PredictState<Output>>({
    data: undefined,
    error: undefined,
    loading: false,
  });
  const latest = useLatest({ predict, live });
  const turn = useTurn();
  const waiting = useRef<{ readonly input: Input } | undefined>(undefined);
  const busy = useRef(false);

  const run = useCallback(
    (input: Input) => {
      if (latest.current.live && busy.current) {
        waiting.current = { input };
        return;
      }
      const send = async (input: Input): Promise<void> => {
        const signal = turn.begin();
        busy.current = true;
        set({ loading: true, error: undefined });
        let change: Partial<PredictState<Output>>;
        try {
          change = { data: await latest.current.predict(input, { signal }) };
        } catch (error) {
          change = { error };
        }
        if (!turn.holds(signal)) return;
        turn.end(signal);
        busy.current = false;
        const next = waiting.current;
        waiting.current = undefined;
        set({ ...change, loading: next !== undefined });
        if (next !== undefined) await send(next.input);
      };
      void send(input);
    },
    [latest, set, turn],
  );

  const stop = useCallback(() => {
    waiting.current = undefined;
    busy.current = false;
    turn.abort();
  }, [turn]);
  useEffect(() => stop, [stop]);

  const cancel = useCallback(() => {
    stop();
    set({ loading: false });
  }, [set, stop]);

  const reset = useCallback(() => {
    stop();
    set({ loading: false, data: undefined, error: undefined });
  }, [set, stop]);

  return { ...state, run, cancel, reset };
}

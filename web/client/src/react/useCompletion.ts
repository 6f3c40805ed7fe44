import { useCallback, useEffect, useRef } from "react";
import type { Completion, CompletionParams, SamplingParams } from "../text";
import { useLatest, useLiveState, useTurn } from "./state";

/** A client that can continue texts, as `flambeau client` writes them. */
export interface CompletionClient<Model extends string> {
  readonly complete: (
    params: CompletionParams<Model> & { readonly stream?: false },
    options: { readonly signal: AbortSignal },
  ) => Promise<Completion>;
}

export interface CompletionOptions<Model extends string> {
  /** Milliseconds without a change before the model is asked. */
  readonly debounce?: number;
  /** Shorter texts get no suggestions. */
  readonly minLength?: number;
  /** How the model chooses its words, and which model: three suggestions of eight tokens. */
  readonly params?: SamplingParams & { readonly model?: Model };
}

export interface CompletionState {
  readonly text: string;
  /** How the text could go on, all different. */
  readonly suggestions: readonly string[];
  readonly loading: boolean;
  readonly error: unknown;
}

export interface UseCompletion extends CompletionState {
  /** Take what was typed; suggestions follow once the typing pauses. */
  readonly setText: (text: string) => void;
  /** Append a suggestion to the text, the first by default, and ask for the next. */
  readonly accept: (suggestion?: string) => void;
  /** Take the suggestions away. */
  readonly dismiss: () => void;
}

/** Suggest how a text goes on while it is typed. */
export function useCompletion<Model extends string>(
  client: CompletionClient<Model>,
  options: CompletionOptions<Model> = {},
): UseCompletion {
  const [state, get, set] = useLiveState<CompletionState>({
    text: "",
    suggestions: [],
    loading: false,
    error: undefined,
  });
  const latest = useLatest({ client, options });
  const turn = useTurn();
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  const ask = useCallback(
    async (prompt: string) => {
      const signal = turn.begin();
      set({ loading: true });
      const { client, options } = latest.current;
      const params = { max_tokens: 8, n: 3, ...options.params, prompt };
      let change: Partial<CompletionState>;
      try {
        const { choices } = await client.complete(params, { signal });
        const texts = choices.map((choice) => choice.text).filter((text) => text !== "");
        change = { suggestions: [...new Set(texts)] };
      } catch (error) {
        change = { error };
      }
      if (!turn.holds(signal)) return;
      turn.end(signal);
      set({ ...change, loading: false });
    },
    [latest, set, turn],
  );

  const stop = useCallback(() => {
    clearTimeout(timer.current);
    turn.abort();
  }, [turn]);
  useEffect(() => stop, [stop]);

  const setText = useCallback(
    (text: string) => {
      stop();
      set({ text, suggestions: [], loading: false, error: undefined });
      const { debounce = 150, minLength = 1 } = latest.current.options;
      if (text.length < minLength) return;
      timer.current = setTimeout(() => void ask(text), debounce);
    },
    [ask, latest, set, stop],
  );

  const accept = useCallback(
    (suggestion?: string) => {
      const { text, suggestions } = get();
      const chosen = suggestion ?? suggestions[0];
      if (chosen !== undefined) setText(text + chosen);
    },
    [get, setText],
  );

  const dismiss = useCallback(() => {
    stop();
    set({ suggestions: [], loading: false });
  }, [set, stop]);

  return { ...state, setText, accept, dismiss };
}

import { useCallback } from "react";
import type { ChatChunk, ChatMessage, ChatParams, SamplingParams } from "../text";
import { useLatest, useLiveState, useTurn } from "./state";

/** A client that can chat, as `flambeau client` writes them. */
export interface ChatClient<Model extends string> {
  readonly chat: (
    params: ChatParams<Model> & { readonly stream: true },
    options: { readonly signal: AbortSignal },
  ) => AsyncIterable<ChatChunk>;
}

export interface ChatOptions<Model extends string> {
  /** Sent before the conversation and not shown. */
  readonly system?: string;
  /** How the model chooses its words, and which model. */
  readonly params?: SamplingParams & { readonly model?: Model };
  /** What was said before. */
  readonly initialMessages?: readonly ChatMessage[];
}

export interface ChatState {
  /** What was said; an answer that is being written is the last message and grows. */
  readonly messages: readonly ChatMessage[];
  /** The answer that is being written, as far as it came. */
  readonly streamingText: string | undefined;
  readonly loading: boolean;
  /** What the newest call threw, until the next one begins. */
  readonly error: unknown;
}

export interface UseChat extends ChatState {
  /** Say something; an answer that is being written is stopped first. */
  readonly send: (text: string) => void;
  /** End the answer here and keep what came. */
  readonly stop: () => void;
  /** Ask again for an answer to what was said last. */
  readonly retry: () => void;
  /** Begin a new conversation. */
  readonly reset: () => void;
}

/** Hold a conversation with a text model, whose answers appear as they are written. */
export function useChat<Model extends string>(
  client: ChatClient<Model>,
  options: ChatOptions<Model> = {},
): UseChat {
  const [state, get, set] = useLiveState<ChatState>({
    messages: options.initialMessages ?? [],
    streamingText: undefined,
    loading: false,
    error: undefined,
  });
  const latest = useLatest({ client, options });
  const turn = useTurn();

  const answer = useCallback(
    async (history: readonly ChatMessage[]) => {
      const signal = turn.begin();
      set({ messages: history, streamingText: "", loading: true, error: undefined });
      const { client, options } = latest.current;
      const system: readonly ChatMessage[] =
        options.system === undefined ? [] : [{ role: "system", content: options.system }];
      const params = {
        ...options.params,
        messages: [...system, ...history],
        stream: true,
      } as const;
      let error: unknown;
      try {
        let text = "";
        for await (const chunk of client.chat(params, { signal })) {
          if (!turn.holds(signal)) return;
          text += chunk.choices[0]?.delta.content ?? "";
          if (text === "") continue;
          set({
            messages: [...history, { role: "assistant", content: text }],
            streamingText: text,
          });
        }
      } catch (thrown) {
        error = thrown;
      }
      if (!turn.holds(signal)) return;
      turn.end(signal);
      set({ streamingText: undefined, loading: false, error });
    },
    [latest, set, turn],
  );

  const stop = useCallback(() => {
    if (turn.abort()) set({ streamingText: undefined, loading: false });
  }, [set, turn]);

  const send = useCallback(
    (text: string) => {
      stop();
      void answer([...get().messages, { role: "user", content: text }]);
    },
    [answer, get, stop],
  );

  const retry = useCallback(() => {
    stop();
    const { messages } = get();
    const last = messages.map((message) => message.role).lastIndexOf("user");
    if (last !== -1) void answer(messages.slice(0, last + 1));
  }, [answer, get, stop]);

  const reset = useCallback(() => {
    turn.abort();
    set({ messages: [], streamingText: undefined, loading: false, error: undefined });
  }, [set, turn]);

  return { ...state, send, stop, retry, reset };
}

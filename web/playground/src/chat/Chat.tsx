import { useEffect, useRef, useState } from "react";
import { addressOf, type Message, type Sampling } from "../logic/api.ts";
import { chatSnippets } from "../logic/snippets.ts";
import { FailureNotice, SnippetCard } from "../parts.tsx";
import type { TextProps } from "./ChatPanel.tsx";
import { SamplingFields } from "./SamplingFields.tsx";
import { SpeedLine } from "./SpeedLine.tsx";
import { useGeneration } from "./useGeneration.ts";

/** A conversation: the answer appears as it is written. */
export function Chat({ model, secured, onSignedOut }: TextProps) {
  const [messages, setMessages] = useState<Message[]>([]);
  const [system, setSystem] = useState("");
  const [draft, setDraft] = useState("");
  const [sampling, setSampling] = useState<Sampling>({ temperature: 0.7, maxTokens: null });
  const log = useRef<HTMLDivElement>(null);
  const box = useRef<HTMLTextAreaElement>(null);
  const generation = useGeneration(model.id, {
    onText: (text) => setMessages((before) => continued(before, text)),
    onSignedOut,
  });
  const { busy, failure, speed, ending } = generation;
  useEffect(() => {
    const element = log.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, [messages]);

  const opening: Message[] = system.trim() ? [{ role: "system", content: system }] : [];
  const ask = (conversation: Message[]) => {
    setMessages(conversation);
    void generation.start([...opening, ...conversation], sampling);
  };
  const send = () => {
    if (busy || !draft.trim()) return;
    ask([...withoutUnfinished(messages), { role: "user", content: draft }]);
    setDraft("");
    box.current?.focus();
  };
  const retry = () => ask(withoutAnswer(messages));
  const restart = () => {
    generation.stop();
    generation.forget();
    setMessages([]);
    box.current?.focus();
  };
  const shown = messages.length > 0 ? messages : [{ role: "user" as const, content: "Hello" }];
  return (
    <>
      <section className="card chat" aria-label="Conversation">
        <details className="settings">
          <summary>Settings</summary>
          <label>
            System prompt
            <textarea
              rows={2}
              value={system}
              placeholder="How the model should behave"
              onChange={(event) => setSystem(event.target.value)}
            />
          </label>
          <SamplingFields sampling={sampling} onChange={setSampling} />
        </details>
        {/* Focusable, so that the keyboard can scroll it; told to screen readers when complete. */}
        <div
          ref={log}
          className="log"
          role="log"
          aria-label="Messages"
          aria-busy={busy}
          tabIndex={0}
        >
          {messages.length === 0 && <p className="empty">Write something to begin.</p>}
          {messages.map(({ role, content }, index) => (
            <div key={index} className={`message ${role}`}>
              <span className="hidden">{role === "user" ? "You: " : "Model: "}</span>
              <p>{content}</p>
            </div>
          ))}
          {busy && messages.at(-1)?.role === "user" && (
            <p className="waiting" aria-label="Waiting for the first token" />
          )}
        </div>
        {failure && <FailureNotice failure={failure} onRetry={retry} />}
        <SpeedLine speed={speed} ending={ending} />
        <form
          className="composer"
          onSubmit={(event) => {
            event.preventDefault();
            send();
          }}
        >
          <textarea
            ref={box}
            rows={2}
            value={draft}
            aria-label="Your message"
            placeholder="Enter sends, Shift+Enter begins a new line"
            onChange={(event) => setDraft(event.target.value)}
            onKeyDown={(event) => {
              // While an input method composes, Enter belongs to it.
              if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
              event.preventDefault();
              send();
            }}
          />
          <div className="row">
            {busy ? (
              <button type="button" className="primary" onClick={generation.stop}>
                Stop
              </button>
            ) : (
              <button type="submit" className="primary" disabled={!draft.trim()}>
                Send
              </button>
            )}
            <button
              type="button"
              className="quiet"
              onClick={restart}
              disabled={messages.length === 0}
            >
              New chat
            </button>
          </div>
        </form>
      </section>
      <SnippetCard
        snippets={chatSnippets({ url: addressOf("v1/chat/completions"), secured }, model.id, [
          ...opening,
          ...withoutAnswer(shown),
        ])}
      />
    </>
  );
}

function continued(messages: Message[], text: string): Message[] {
  const last = messages.at(-1);
  return last?.role === "assistant"
    ? [...messages.slice(0, -1), { ...last, content: last.content + text }]
    : [...messages, { role: "assistant", content: text }];
}

/** A question that got no answer is not sent again beside the next one. */
function withoutUnfinished(messages: Message[]): Message[] {
  return messages.at(-1)?.role === "user" ? messages.slice(0, -1) : messages;
}

function withoutAnswer(messages: Message[]): Message[] {
  return messages.at(-1)?.role === "assistant" ? messages.slice(0, -1) : messages;
}

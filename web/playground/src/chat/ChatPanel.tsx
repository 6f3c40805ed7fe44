import { useState } from "react";
import type { TextSpec } from "../logic/spec.ts";
import { Chat } from "./Chat.tsx";
import { Completion } from "./Completion.tsx";
import { Embedding } from "./Embedding.tsx";

export type TextProps = { model: TextSpec; secured: boolean; onSignedOut: () => void };
type Mode = "Chat" | "Completion" | "Embedding";

/** What a text model can do: talk, continue a text, embed. */
export function ChatPanel(props: TextProps) {
  const { model } = props;
  const modes: Mode[] = [];
  if (model.chat) modes.push("Chat");
  if (model.completion) modes.push("Completion");
  if (model.embedding) modes.push("Embedding");
  const [mode, setMode] = useState(modes[0]);
  return (
    <>
      <div className="heading">
        <h1>{model.id}</h1>
        {model.contextLength !== null && (
          <span className="tag">{model.contextLength.toLocaleString("en")} tokens of context</span>
        )}
      </div>
      {modes.length > 1 && (
        <fieldset className="segments">
          <legend className="hidden">What to do</legend>
          {modes.map((each) => (
            <label key={each}>
              <input
                type="radio"
                name="mode"
                checked={each === mode}
                onChange={() => setMode(each)}
              />
              <span>{each}</span>
            </label>
          ))}
        </fieldset>
      )}
      {mode === "Chat" && <Chat {...props} />}
      {mode === "Completion" && <Completion {...props} />}
      {mode === "Embedding" && <Embedding {...props} />}
    </>
  );
}

import { useState } from "react";
import { addressOf, type Sampling } from "../logic/api.ts";
import { completionSnippets } from "../logic/snippets.ts";
import { FailureNotice, SnippetCard } from "../parts.tsx";
import type { TextProps } from "./ChatPanel.tsx";
import { SamplingFields } from "./SamplingFields.tsx";
import { SpeedLine } from "./SpeedLine.tsx";
import { useGeneration } from "./useGeneration.ts";

/** A text that the model continues. */
export function Completion({ model, secured, onSignedOut }: TextProps) {
  const [prompt, setPrompt] = useState("");
  const [written, setWritten] = useState("");
  const [sampling, setSampling] = useState<Sampling>({ temperature: 0.7, maxTokens: 128 });
  const generation = useGeneration(model.id, {
    onText: (text) => setWritten((before) => before + text),
    onSignedOut,
  });
  const { busy, failure, speed, ending } = generation;
  const run = () => {
    setWritten("");
    void generation.start(prompt, sampling);
  };
  const url = addressOf("v1/completions");
  return (
    <>
      <div className="columns">
        <form
          className="card inputs"
          onSubmit={(event) => {
            event.preventDefault();
            run();
          }}
        >
          <label>
            Text to continue
            <textarea
              rows={8}
              required
              value={prompt}
              onChange={(event) => setPrompt(event.target.value)}
            />
          </label>
          <SamplingFields sampling={sampling} onChange={setSampling} />
          <div className="row actions">
            {busy ? (
              <button type="button" className="primary" onClick={generation.stop}>
                Stop
              </button>
            ) : (
              <button type="submit" className="primary" disabled={!prompt}>
                Continue
              </button>
            )}
          </div>
        </form>
        <section className="card results" aria-label="Continuation" aria-busy={busy}>
          <h2>Continuation</h2>
          {failure && <FailureNotice failure={failure} onRetry={run} />}
          {written ? (
            <pre className="text-output">
              <span className="given">{prompt}</span>
              {written}
            </pre>
          ) : (
            !failure && <p className="empty">{busy ? "Waiting for the model…" : "Nothing yet."}</p>
          )}
          <SpeedLine speed={speed} ending={ending} />
        </section>
      </div>
      <SnippetCard snippets={completionSnippets({ url, secured }, model.id, prompt)} />
    </>
  );
}

import { useState } from "react";
import { addressOf, embed } from "../logic/api.ts";
import { failureOf, type Failure } from "../logic/failure.ts";
import { embeddingSnippets } from "../logic/snippets.ts";
import { cosine } from "../logic/similarity.ts";
import { FailureNotice, SnippetCard } from "../parts.tsx";
import type { TextProps } from "./ChatPanel.tsx";

type Pair = { similarity: number; size: number };

/** Two texts and how near their embeddings are: numbers alone would say nothing. */
export function Embedding({ model, secured, onSignedOut }: TextProps) {
  const [texts, setTexts] = useState<[string, string]>(["", ""]);
  const [pair, setPair] = useState<Pair | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const run = async () => {
    try {
      const [first = [], second = []] = await embed(model.id, texts);
      setPair({ similarity: cosine(first, second), size: first.length });
      setFailure(null);
    } catch (error) {
      const next = failureOf(error);
      if (next.signedOut) onSignedOut();
      setPair(null);
      setFailure(next);
    }
  };
  const [first, second] = texts;
  return (
    <>
      <form
        className="card inputs"
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <label>
          One text
          <textarea
            rows={3}
            value={first}
            onChange={(event) => setTexts([event.target.value, second])}
          />
        </label>
        <label>
          Another text
          <textarea
            rows={3}
            value={second}
            onChange={(event) => setTexts([first, event.target.value])}
          />
        </label>
        <div className="row actions">
          <button type="submit" className="primary" disabled={!first || !second}>
            Compare
          </button>
        </div>
        {failure && <FailureNotice failure={failure} onRetry={() => void run()} />}
        <div role="status">
          {pair && (
            <p className="best">
              <strong>{pair.similarity.toFixed(3)}</strong>{" "}
              <span>cosine similarity of {pair.size} numbers each</span>
            </p>
          )}
        </div>
      </form>
      <SnippetCard
        snippets={embeddingSnippets({ url: addressOf("v1/embeddings"), secured }, model.id, texts)}
      />
    </>
  );
}

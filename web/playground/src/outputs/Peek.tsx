import type { Answer } from "../logic/api.ts";
import { scoresOf, showScore } from "../logic/summary.ts";
import type { ModelSpec } from "../logic/spec.ts";

/** On a phone the output is below the drawing: its likeliest label stays in sight at the bottom. */
export function Peek({ model, answer }: { model: ModelSpec; answer: Answer | undefined }) {
  const name = Object.keys(model.outputs).find((each) => model.outputs[each]?.kind === "labels");
  const best = name && scoresOf(answer?.outputs[name])?.[0];
  if (!best) return null;
  // The output itself says it to screen readers.
  return (
    <p className="peek" aria-hidden="true">
      <strong>{best.label}</strong> <span>{showScore(best.score)}</span>
    </p>
  );
}

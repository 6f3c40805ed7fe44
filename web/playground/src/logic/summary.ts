import { isRecord, type ModelSpec } from "./spec.ts";

export type Score = { label: string; score: number };

export function scoresOf(value: unknown): Score[] | null {
  if (!Array.isArray(value)) return null;
  const scores = value.filter(
    (entry): entry is Score =>
      isRecord(entry) && typeof entry.label === "string" && typeof entry.score === "number",
  );
  return scores.length === value.length ? scores : null;
}

export function showScore(score: number): string {
  if (score < 0 || score > 1) return score.toPrecision(4);
  const percent = score * 100;
  return percent > 0 && percent < 0.1 ? "< 0.1 %" : `${percent.toFixed(1)} %`;
}

/** One sentence of an answer, for screen readers. */
export function summaryOf(model: ModelSpec, outputs: Record<string, unknown>): string {
  return Object.entries(outputs)
    .map(([name, value]) => {
      const kind = model.outputs[name]?.kind;
      const best = kind === "labels" ? scoresOf(value)?.[0] : undefined;
      if (best) return `${name}: ${best.label}, ${showScore(best.score)}`;
      if (kind === "image") return `${name}: a picture`;
      if (typeof value === "string") return `${name}: ${value.slice(0, 300)}`;
      return `${name} has arrived`;
    })
    .join(". ");
}

import type { Answer } from "../logic/api.ts";
import type { Field, ModelSpec } from "../logic/spec.ts";
import { showMilliseconds } from "../logic/timing.ts";
import { Announcer } from "../parts.tsx";
import { summaryOf } from "../logic/summary.ts";
import { OutputView } from "./OutputView.tsx";

type Props = { model: ModelSpec; answers: Answer[]; busy: boolean; failed: boolean };

/** Parts of a stream that are no text: the newest so many are shown. */
const MOST_PARTS = 20;

/** All outputs of the newest answer, or of a stream so far. */
export function Results({ model, answers, busy, failed }: Props) {
  const last = answers.at(-1);
  if (!last) {
    return failed ? null : (
      <p className="empty">{busy ? "Waiting for the model…" : "Nothing yet."}</p>
    );
  }
  const names = Object.keys(last.outputs);
  const alone = names.length === 1;
  return (
    <>
      {names.map((name) => (
        <div key={name} className="output">
          {!alone && <h3>{name}</h3>}
          <Output
            field={model.outputs[name]}
            values={answers.map((answer) => answer.outputs[name])}
          />
        </div>
      ))}
      <Timing answer={last} parts={model.stream ? answers.length : null} />
      <Announcer text={busy && model.stream ? "" : summaryOf(model, last.outputs)} />
    </>
  );
}

function Output({ field, values }: { field: Field | undefined; values: unknown[] }) {
  if (field?.kind === "text")
    return <pre className="text-output">{values.map(String).join("")}</pre>;
  if (values.length === 1) return <OutputView field={field} value={values[0]} />;
  const shown = values.slice(-MOST_PARTS);
  const before = values.length - shown.length;
  return (
    <>
      {before > 0 && <p className="fine">{before} earlier parts are not shown.</p>}
      <ol start={before + 1} className="parts">
        {shown.map((value, index) => (
          <li key={before + index}>
            <OutputView field={field} value={value} />
          </li>
        ))}
      </ol>
    </>
  );
}

function Timing({ answer, parts }: { answer: Answer; parts: number | null }) {
  const { total, info } = answer;
  const entries: [string, string][] = [["total", showMilliseconds(total)]];
  if (info?.queueMs != null) entries.push(["queue", showMilliseconds(info.queueMs)]);
  if (info?.modelMs != null) entries.push(["model", showMilliseconds(info.modelMs)]);
  if (info?.batchSize != null) entries.push(["batch", String(info.batchSize)]);
  if (parts !== null) entries.push(["parts", String(parts)]);
  return (
    <dl className="timing" aria-label="Time taken">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

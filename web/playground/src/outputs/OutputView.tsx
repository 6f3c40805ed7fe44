import { scoresOf, showScore, type Score } from "../logic/summary.ts";
import type { Field } from "../logic/spec.ts";
import { shapeOf, showNumber, showShape, type Nested } from "../logic/tensor.ts";
import { CopyButton } from "../parts.tsx";
import { JsonTree } from "./JsonTree.tsx";

/** One output the way a person wants to see it. */
export function OutputView({ field, value }: { field: Field | undefined; value: unknown }) {
  switch (field?.kind) {
    case "labels": {
      const scores = scoresOf(value);
      return scores ? <Bars scores={scores} classes={field.classes} /> : <Json value={value} />;
    }
    case "image":
      return typeof value === "string" ? <Picture value={value} /> : <Json value={value} />;
    case "file":
      return typeof value === "string" ? <Download value={value} /> : <Json value={value} />;
    case "text":
      return <pre className="text-output">{String(value)}</pre>;
    case "tensor":
      return <Numbers value={value} />;
    default:
      return <Json value={value} />;
  }
}

const MOST_BARS = 10;

/**
 * Bars in the order of the classes where all of them fit, so that they keep their places while
 * somebody draws; else the likeliest first.
 */
function Bars({ scores, classes }: { scores: Score[]; classes: string[] }) {
  const [best] = scores;
  const fixed = scores.length === classes.length && scores.length <= MOST_BARS;
  const place = new Map(classes.map((label, index) => [label, index]));
  const shown = fixed
    ? [...scores].sort((a, b) => (place.get(a.label) ?? 0) - (place.get(b.label) ?? 0))
    : scores.slice(0, MOST_BARS);
  return (
    <>
      {best && (
        <p className="best">
          <strong>{best.label}</strong> <span>{showScore(best.score)}</span>
        </p>
      )}
      <ul className="bars" aria-label="Probabilities">
        {shown.map((entry) => (
          <li key={entry.label} className={entry === best ? "bar first" : "bar"}>
            <span className="bar-label">{entry.label}</span>
            <span className="bar-track">
              <span style={{ width: `${Math.min(1, Math.max(0, entry.score)) * 100}%` }} />
            </span>
            <span className="bar-score">{showScore(entry.score)}</span>
          </li>
        ))}
      </ul>
      {scores.length > shown.length && (
        <p className="fine">{scores.length - shown.length} less likely labels are not shown.</p>
      )}
    </>
  );
}

const dataUri = (value: string, type: string) =>
  value.startsWith("data:") ? value : `data:${type};base64,${value}`;

function Picture({ value }: { value: string }) {
  const source = dataUri(value, "image/png");
  return (
    <figure>
      <img className="picture" src={source} alt="What the model returned" />
      <figcaption>
        <a href={source} download="output">
          Save the picture
        </a>
      </figcaption>
    </figure>
  );
}

function Download({ value }: { value: string }) {
  return (
    <a className="button" href={dataUri(value, "application/octet-stream")} download="output">
      Save the file
    </a>
  );
}

function Json({ value }: { value: unknown }) {
  return (
    <>
      <JsonTree value={value} />
      <CopyButton text={JSON.stringify(value, null, 2)} label="Copy JSON" />
    </>
  );
}

const MOST_ROWS = 20;
const MOST_COLUMNS = 16;

/** The last two axes as a table, cut where it is large. */
function Numbers({ value }: { value: unknown }) {
  const shape = shapeOf(value);
  if (typeof shape === "string") return <Json value={value} />;
  const rows = tableOf(value as Nested);
  const [first] = rows;
  if (!first) return <p className="fine">Shape {showShape(shape)}: no numbers.</p>;
  const cut = rows.length > MOST_ROWS || first.length > MOST_COLUMNS || shape.length > 2;
  return (
    <>
      <div className="scroll" role="region" aria-label="Numbers" tabIndex={0}>
        <table>
          <tbody>
            {rows.slice(0, MOST_ROWS).map((row, index) => (
              <tr key={index}>
                <th scope="row">{index}</th>
                {row.slice(0, MOST_COLUMNS).map((cell, column) => (
                  <td key={column}>{showNumber(cell)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="fine">
        Shape {showShape(shape)}
        {cut && ", the beginning is shown"}
      </p>
      <CopyButton text={JSON.stringify(value)} label="Copy all numbers" />
    </>
  );
}

type Cell = number | boolean;

function tableOf(value: Nested): Cell[][] {
  if (!Array.isArray(value)) return [[value]];
  if (value.length === 0) return [];
  const [first] = value;
  if (!Array.isArray(first)) {
    // A vector: one number a row reads better than a line that runs out of the page.
    return (value as Cell[]).map((cell) => [cell]);
  }
  if (Array.isArray(first[0])) return tableOf(first);
  return value as Cell[][];
}

import { isRecord } from "../logic/spec.ts";

const MOST_ENTRIES = 100;

/** JSON as a tree whose branches open and close. */
export function JsonTree({ value }: { value: unknown }) {
  return (
    <div className="tree">
      <Branch value={value} name={null} depth={0} />
    </div>
  );
}

function Branch({ value, name, depth }: { value: unknown; name: string | null; depth: number }) {
  const label = name === null ? null : <span className="tree-name">{name}: </span>;
  const entries = Array.isArray(value)
    ? value.map((item, index): [string, unknown] => [String(index), item])
    : isRecord(value)
      ? Object.entries(value)
      : null;
  if (!entries || entries.length === 0) {
    return (
      <div>
        {label}
        <span className={`tree-${value === null ? "null" : typeof value}`}>
          {JSON.stringify(value)}
        </span>
      </div>
    );
  }
  const count = `${entries.length} ${entries.length === 1 ? "entry" : "entries"}`;
  return (
    <details open={depth < 2 && entries.length <= 30}>
      <summary>
        {label}
        <span className="fine">{Array.isArray(value) ? `[ ${count} ]` : `{ ${count} }`}</span>
      </summary>
      <div className="tree-inner">
        {entries.slice(0, MOST_ENTRIES).map(([key, item]) => (
          <Branch key={key} name={key} value={item} depth={depth + 1} />
        ))}
        {entries.length > MOST_ENTRIES && (
          <p className="fine">{entries.length - MOST_ENTRIES} more are not shown.</p>
        )}
      </div>
    </details>
  );
}

export type Timing = {
  total: number;
  queue: number | null;
  model: number | null;
  batch: number | null;
};

/** Reads `queue;dur=0.4, model;dur=2.1, batch;desc="8"`. */
export function readTiming(header: string | null, total: number): Timing {
  const entries = new Map<string, string>();
  for (const part of (header ?? "").split(",")) {
    const [name, ...parameters] = part.split(";").map((piece) => piece.trim());
    const value = /^(?:dur|desc)="?([^"]*)"?$/.exec(parameters[0] ?? "")?.[1];
    if (name && value !== undefined) entries.set(name, value);
  }
  const read = (name: string) => {
    const value = Number.parseFloat(entries.get(name) ?? "");
    return Number.isFinite(value) ? value : null;
  };
  return { total, queue: read("queue"), model: read("model"), batch: read("batch") };
}

export function showMilliseconds(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ms`;
}

export function showBytes(count: number): string {
  if (count < 1000) return `${count} bytes`;
  const [size, unit] = count < 1e6 ? [count / 1e3, "kB"] : [count / 1e6, "MB"];
  return `${size < 10 ? size.toFixed(1) : size.toFixed(0)} ${unit}`;
}

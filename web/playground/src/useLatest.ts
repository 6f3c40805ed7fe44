import { useEffect, useState } from "react";
import { Latest } from "./logic/latest.ts";

/** A `Latest` that lives as long as the component and always calls the newest `run`. */
export function useLatest<Value>(
  run: (value: Value, signal: AbortSignal) => Promise<void>,
  patience?: number,
): Latest<Value> {
  const [latest] = useState(() => new Latest(run, patience));
  useEffect(() => latest.use(run));
  useEffect(() => () => latest.stop(), [latest]);
  return latest;
}

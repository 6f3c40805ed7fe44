import { showMilliseconds } from "../logic/timing.ts";
import type { Speed } from "./useGeneration.ts";

const ENDINGS: Record<string, string> = {
  length: "The limit of tokens was reached.",
  stopped: "Stopped.",
};

export function SpeedLine({ speed, ending }: { speed: Speed | null; ending: string | null }) {
  const why = ending && ENDINGS[ending];
  return (
    <>
      {speed && (
        <dl className="timing" aria-label="Speed">
          <div>
            <dt>first token</dt>
            <dd>{showMilliseconds(speed.first)}</dd>
          </div>
          {speed.perSecond !== null && (
            <div>
              <dt>tokens/s</dt>
              <dd>{speed.perSecond.toFixed(speed.perSecond < 100 ? 1 : 0)}</dd>
            </div>
          )}
          <div>
            <dt>tokens</dt>
            <dd>{speed.tokens}</dd>
          </div>
        </dl>
      )}
      <p className="fine" role="status">
        {why}
      </p>
    </>
  );
}

import type { Sampling } from "../logic/api.ts";

type Props = { sampling: Sampling; onChange: (sampling: Sampling) => void };

export function SamplingFields({ sampling, onChange }: Props) {
  return (
    <div className="sampling">
      <label className="slider">
        <span>
          Temperature <output>{sampling.temperature.toFixed(1)}</output>
        </span>
        <input
          type="range"
          min={0}
          max={2}
          step={0.1}
          value={sampling.temperature}
          onChange={(event) => onChange({ ...sampling, temperature: event.target.valueAsNumber })}
        />
      </label>
      <label>
        Most tokens
        <input
          type="number"
          min={1}
          step={1}
          placeholder="no limit of yours"
          value={sampling.maxTokens ?? ""}
          onChange={(event) => {
            const count = event.target.valueAsNumber;
            onChange({ ...sampling, maxTokens: count >= 1 ? Math.floor(count) : null });
          }}
        />
      </label>
    </div>
  );
}

import { tensorDraft } from "../logic/drafts.ts";
import type { TensorField } from "../logic/spec.ts";
import { countOf, parseTensor, randomTensor, showShape } from "../logic/tensor.ts";
import type { InputProps } from "./InputField.tsx";

/** Nested lists as text; the shape is checked while typing. */
export function TensorInput({
  field,
  draft,
  labelledBy,
  describedBy,
  problems,
  onChange,
}: InputProps<TensorField>) {
  const { text, held } = draft.kind === "tensor" ? draft : { text: "", held: null };
  return (
    <>
      {held ? (
        <p className="drop">{countOf(held).toLocaleString("en")} numbers, too many to show</p>
      ) : (
        <textarea
          rows={5}
          className="code"
          spellCheck={false}
          value={text}
          placeholder="[0.5, 1.0, …]"
          aria-labelledby={labelledBy}
          aria-describedby={describedBy}
          aria-invalid={problems.length > 0}
          onChange={(event) =>
            onChange({ kind: "tensor", text: event.target.value, held: null }, false)
          }
        />
      )}
      <div className="row">
        <button type="button" onClick={() => onChange(tensorDraft(randomTensor(field)), false)}>
          Random numbers
        </button>
        {(text || held) && (
          <button
            type="button"
            className="quiet"
            onClick={() => onChange({ kind: "tensor", text: "", held: null }, false)}
          >
            Clear
          </button>
        )}
        <span className="fine">{text && problems.length === 0 && verdict(text, field)}</span>
      </div>
    </>
  );
}

function verdict(text: string, field: TensorField): string {
  const parsed = parseTensor(text, field);
  return "error" in parsed ? parsed.error : `Shape ${showShape(parsed.shape)}`;
}

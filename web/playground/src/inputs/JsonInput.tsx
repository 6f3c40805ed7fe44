import { useState } from "react";
import { shapeOf } from "../logic/schema.ts";
import type { JsonField } from "../logic/spec.ts";
import type { InputProps } from "./InputField.tsx";
import { JsonText } from "./JsonText.tsx";
import { SchemaForm } from "./SchemaForm.tsx";

/** A form made from the schema, or the same value as JSON text. */
export function JsonInput({
  field,
  draft,
  labelledBy,
  describedBy,
  problems,
  onChange,
}: InputProps<JsonField>) {
  const free = shapeOf(field.schema, field.schema).type === "any";
  const [asText, setAsText] = useState(free);
  const value = draft.kind === "json" ? draft.value : null;
  const give = (next: unknown) => onChange({ kind: "json", value: next }, false);
  return (
    <>
      {!free && (
        <label className="check">
          <input
            type="checkbox"
            checked={asText}
            onChange={(event) => setAsText(event.target.checked)}
          />
          Edit as JSON
        </label>
      )}
      {asText ? (
        <>
          <JsonText
            value={value}
            labelledBy={labelledBy}
            describedBy={describedBy}
            onChange={give}
          />
          {problems
            .filter(({ path }) => path !== "")
            .map(({ path, message }) => (
              <p key={path} className="problem">
                <code>{path}</code> {message}
              </p>
            ))}
        </>
      ) : (
        <SchemaForm
          schema={field.schema}
          root={field.schema}
          value={value}
          path=""
          labelledBy={labelledBy}
          problems={problems}
          onChange={give}
        />
      )}
    </>
  );
}

import type { FileField } from "../logic/spec.ts";
import { showBytes } from "../logic/timing.ts";
import { DropZone } from "./DropZone.tsx";
import type { InputProps } from "./InputField.tsx";

export function FileInput({
  field,
  draft,
  labelledBy,
  describedBy,
  problems,
  onChange,
}: InputProps<FileField>) {
  const blob = draft.kind === "blob" ? draft.blob : null;
  return (
    <DropZone
      accept={field.mediaTypes.join(",")}
      labelledBy={labelledBy}
      describedBy={describedBy}
      invalid={problems.length > 0}
      onFile={(file) => onChange({ kind: "blob", blob: file, name: file.name }, false)}
    >
      {blob && draft.kind === "blob" ? (
        <>
          <strong>{draft.name}</strong> <span className="fine">{showBytes(blob.size)}</span>
        </>
      ) : (
        <>
          <strong>Choose a file</strong> <span className="fine">or drop it here</span>
        </>
      )}
    </DropZone>
  );
}

import { useId, type ReactNode } from "react";
import type { Draft } from "../logic/drafts.ts";
import type { Problem } from "../logic/schema.ts";
import type { Field } from "../logic/spec.ts";
import { showShape } from "../logic/tensor.ts";
import { showBytes } from "../logic/timing.ts";
import { FileInput } from "./FileInput.tsx";
import { ImageInput } from "./ImageInput.tsx";
import { JsonInput } from "./JsonInput.tsx";
import { TensorInput } from "./TensorInput.tsx";

/** `live`: the change comes from drawing or the camera and wants an answer at once. */
export type Change = (draft: Draft, live: boolean) => void;

export type InputProps<F extends Field> = {
  field: F;
  draft: Draft;
  labelledBy: string;
  describedBy: string;
  problems: Problem[];
  onChange: Change;
};

type Props = {
  name: string;
  alone: boolean;
  field: Field;
  draft: Draft;
  problems: Problem[];
  onChange: Change;
};

const TITLES: Record<Field["kind"], string> = {
  image: "Picture",
  text: "Text",
  json: "Data",
  tensor: "Numbers",
  labels: "Label",
  file: "File",
};

/** One input of the model with its name, its editor and what is wrong with it. */
export function InputField({ name, alone, field, draft, problems, onChange }: Props) {
  const id = useId();
  const [labelledBy, describedBy] = [`${id}-label`, `${id}-note`];
  const title = alone && name === "input" ? TITLES[field.kind] : name;
  // Problems of a part of a value are shown beside that part.
  const own = problems.filter(({ path }) => path === "" || field.kind !== "json");
  const shared = { draft, labelledBy, describedBy, problems, onChange };
  return (
    <div
      className={problems.length > 0 ? "field invalid" : "field"}
      role="group"
      aria-labelledby={labelledBy}
      data-field={name}
    >
      <div className="field-head">
        <span id={labelledBy} className="field-name">
          {title}
        </span>
        <span className="fine">{noteOf(field)}</span>
      </div>
      {editor(field, shared)}
      <div id={describedBy} aria-live="polite">
        {own.map(({ path, message }) => (
          <p key={path + message} className="problem">
            {path && <code>{path}</code>} {message}
          </p>
        ))}
      </div>
    </div>
  );
}

function editor(field: Field, shared: Omit<InputProps<Field>, "field">): ReactNode {
  switch (field.kind) {
    case "image":
      return <ImageInput field={field} {...shared} />;
    case "file":
      return <FileInput field={field} {...shared} />;
    case "json":
      return <JsonInput field={field} {...shared} />;
    case "tensor":
      return <TensorInput field={field} {...shared} />;
    case "labels":
      return <LabelSelect classes={field.classes} {...shared} />;
    case "text":
      return <TextInput {...shared} />;
  }
}

function noteOf(field: Field): string {
  switch (field.kind) {
    case "tensor":
      return `${field.dtype} ${field.shape ? showShape(field.shape) : "of any shape"}`;
    case "text":
      return field.maxLength === null ? "" : `up to ${field.maxLength} characters`;
    case "file":
      return field.maxBytes === null ? "" : `up to ${showBytes(field.maxBytes)}`;
    default:
      return "";
  }
}

function TextInput({
  draft,
  labelledBy,
  describedBy,
  problems,
  onChange,
}: Omit<InputProps<Field>, "field">) {
  return (
    <textarea
      rows={5}
      value={draft.kind === "text" ? draft.text : ""}
      aria-labelledby={labelledBy}
      aria-describedby={describedBy}
      aria-invalid={problems.length > 0}
      onChange={(event) => onChange({ kind: "text", text: event.target.value }, false)}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
          event.currentTarget.form?.requestSubmit();
        }
      }}
    />
  );
}

function LabelSelect({
  classes,
  draft,
  labelledBy,
  describedBy,
  problems,
  onChange,
}: Omit<InputProps<Field>, "field"> & { classes: string[] }) {
  return (
    <select
      value={draft.kind === "text" ? draft.text : ""}
      aria-labelledby={labelledBy}
      aria-describedby={describedBy}
      aria-invalid={problems.length > 0}
      onChange={(event) => onChange({ kind: "text", text: event.target.value }, false)}
    >
      {classes.map((label) => (
        <option key={label}>{label}</option>
      ))}
    </select>
  );
}

import { useId, useState } from "react";

type Props = {
  value: unknown;
  labelledBy: string;
  describedBy?: string;
  onChange: (value: unknown) => void;
};

/** JSON as text. What is no JSON yet stays in the box and is not given on. */
export function JsonText({ value, labelledBy, describedBy, onChange }: Props) {
  const [text, setText] = useState(() => JSON.stringify(value, null, 2));
  const [problem, setProblem] = useState("");
  const id = useId();
  const edit = (next: string) => {
    setText(next);
    try {
      onChange(JSON.parse(next));
      setProblem("");
    } catch (error) {
      setProblem(`This is no JSON yet: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  return (
    <>
      <textarea
        rows={8}
        className="code"
        spellCheck={false}
        value={text}
        aria-labelledby={labelledBy}
        aria-describedby={describedBy ? `${describedBy} ${id}` : id}
        aria-invalid={problem !== ""}
        onChange={(event) => edit(event.target.value)}
      />
      <p id={id} className="problem" aria-live="polite">
        {problem}
      </p>
    </>
  );
}

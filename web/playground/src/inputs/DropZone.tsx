import { useId, useState, type ReactNode } from "react";

type Props = {
  accept: string;
  children: ReactNode;
  labelledBy: string;
  describedBy: string;
  invalid: boolean;
  onFile: (file: File) => void;
};

/** A file chooser that files can also be dropped on. */
export function DropZone({ accept, children, labelledBy, describedBy, invalid, onFile }: Props) {
  const [over, setOver] = useState(false);
  const id = useId();
  return (
    <div
      role="presentation"
      className={over ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const file = event.dataTransfer.files[0];
        if (file) onFile(file);
      }}
    >
      <input
        id={id}
        type="file"
        accept={accept}
        aria-labelledby={`${labelledBy} ${id}-text`}
        aria-describedby={describedBy}
        aria-invalid={invalid}
        onChange={(event) => {
          const file = event.target.files?.[0];
          // Emptied, so that choosing the same file again counts as a change.
          event.target.value = "";
          if (file) onFile(file);
        }}
      />
      <label htmlFor={id} id={`${id}-text`}>
        {children}
      </label>
    </div>
  );
}

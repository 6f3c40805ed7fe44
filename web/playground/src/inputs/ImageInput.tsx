import { useEffect, useEffectEvent, useState } from "react";
import { isImage } from "../logic/drafts.ts";
import { prepared } from "../logic/pictures.ts";
import type { ImageField } from "../logic/spec.ts";
import { useObjectUrl } from "../useObjectUrl.ts";
import { Camera } from "./Camera.tsx";
import { Drawing } from "./Drawing.tsx";
import { DropZone } from "./DropZone.tsx";
import type { InputProps } from "./InputField.tsx";

type Mode = "draw" | "upload" | "camera";
const NAMES: Record<Mode, string> = { draw: "Draw", upload: "Upload", camera: "Camera" };

/** A picture: drawn, chosen, dropped, pasted or taken. */
export function ImageInput({
  field,
  draft,
  labelledBy,
  describedBy,
  problems,
  onChange,
}: InputProps<ImageField>) {
  const blob = draft.kind === "blob" ? draft.blob : null;
  const [mode, setMode] = useState<Mode>(field.drawing && !blob ? "draw" : "upload");
  const [live, setLive] = useState(true);
  const [note, setNote] = useState("");
  const modes: Mode[] = field.drawing ? ["draw", "upload", "camera"] : ["upload", "camera"];
  const give = (picture: Blob | null, at: boolean, name = "picture") =>
    onChange({ kind: "blob", blob: picture, name }, at);

  const take = async (file: File) => {
    setMode("upload");
    try {
      const { blob: picture, shrunk } = await prepared(file);
      setNote(shrunk ? "The picture was made smaller before sending." : "");
      give(picture, true, file.name);
    } catch (error) {
      setNote(error instanceof Error ? error.message : String(error));
      give(null, false);
    }
  };
  const paste = useEffectEvent((event: ClipboardEvent) => {
    const file = [...(event.clipboardData?.files ?? [])].find(isImage);
    if (file) void take(file as File);
  });
  useEffect(() => {
    document.addEventListener("paste", paste);
    return () => document.removeEventListener("paste", paste);
  }, []);

  const switchTo = (next: Mode) => {
    if (next === mode) return;
    setMode(next);
    setNote("");
    give(null, false);
  };
  return (
    <>
      <div className="row spread">
        <div className="segments" role="radiogroup" aria-labelledby={labelledBy}>
          {modes.map((each) => (
            <label key={each}>
              <input
                type="radio"
                name={`${labelledBy}-mode`}
                checked={each === mode}
                onChange={() => switchTo(each)}
              />
              <span>{NAMES[each]}</span>
            </label>
          ))}
        </div>
        {mode !== "upload" && (
          <label className="check">
            <input
              type="checkbox"
              checked={live}
              onChange={(event) => setLive(event.target.checked)}
            />
            Live
          </label>
        )}
      </div>
      {mode === "draw" && (
        <Drawing
          size={field.size}
          describedBy={describedBy}
          onPicture={(picture) => give(picture, live)}
        />
      )}
      {mode === "camera" && (
        <Camera live={live} onPicture={(picture, atOnce) => give(picture, atOnce, "photo")} />
      )}
      {mode === "upload" && (
        <DropZone
          accept="image/*"
          labelledBy={labelledBy}
          describedBy={describedBy}
          invalid={problems.length > 0}
          onFile={(file) => void take(file)}
        >
          {blob ? (
            <Preview blob={blob} />
          ) : (
            <>
              <strong>Choose a picture</strong>
              <span className="fine">or drop or paste one here</span>
            </>
          )}
        </DropZone>
      )}
      <p className="fine" role="status">
        {note}
      </p>
    </>
  );
}

function Preview({ blob }: { blob: Blob }) {
  const url = useObjectUrl(blob);
  return (
    <>
      {url && <img className="preview" src={url} alt="Chosen to be sent" />}
      <span className="fine">Choose, drop or paste another</span>
    </>
  );
}

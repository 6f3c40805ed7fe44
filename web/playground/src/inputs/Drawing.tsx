import { useEffect, useId, useRef, useState } from "react";
import {
  canvasSize,
  extend,
  moved,
  paint,
  pointAt,
  type Pen,
  type Point,
  type Stroke,
} from "../logic/drawing.ts";
import { canvasBlob } from "../logic/pictures.ts";
import { useLatest } from "../useLatest.ts";

type Props = {
  size: [number, number] | null;
  describedBy: string;
  onPicture: (picture: Blob | null) => void;
};

/** A canvas for mouse, pen, finger and keyboard. */
export function Drawing({ size, describedBy, onPicture }: Props) {
  const { width, height } = canvasSize(size);
  const [strokes, setStrokes] = useState<Stroke[]>([]);
  const [thickness, setThickness] = useState(9);
  const [pen, setPen] = useState<Pen>({ position: { x: 0.5, y: 0.5 }, down: false });
  const [said, setSaid] = useState("");
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawing = useRef(false);
  // Several pointer events can come between two renderings.
  const current = useRef<Stroke[]>([]);
  const help = useId();

  const repaint = (drawn: Stroke[]) => {
    const context = canvas.current?.getContext("2d");
    if (context) paint(context, drawn, { width, height });
  };
  const written = useLatest(async (drawn: Stroke[], signal) => {
    if (!canvas.current) return;
    repaint(drawn);
    const picture = drawn.length > 0 ? await canvasBlob(canvas.current) : null;
    if (!signal.aborted) onPicture(picture);
  });
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context) paint(context, current.current, { width, height });
  }, [width, height]);

  const change = (next: Stroke[]) => {
    current.current = next;
    setStrokes(next);
    repaint(next);
    written.push(next);
  };
  const undo = () => change(current.current.slice(0, -1));
  const clear = () => {
    change([]);
    setPen({ position: { x: 0.5, y: 0.5 }, down: false });
    setSaid("The drawing is empty.");
  };

  const pointOf = (event: { clientX: number; clientY: number }): Point => {
    const box = canvas.current?.getBoundingClientRect();
    return box
      ? pointAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height)
      : { x: 0, y: 0 };
  };
  const start = (event: React.PointerEvent) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    drawing.current = true;
    change([...current.current, { width: thickness / 100, points: [pointOf(event)] }]);
  };
  const move = (event: React.PointerEvent) => {
    if (!drawing.current) return;
    const events = event.nativeEvent.getCoalescedEvents();
    const points = (events.length > 0 ? events : [event]).map(pointOf);
    change(points.reduce<Stroke[]>(extend, current.current));
  };
  const stop = () => {
    drawing.current = false;
  };
  const press = (event: React.KeyboardEvent) => {
    const position = moved(pen.position, event.key, event.shiftKey ? 0.1 : 0.04);
    if (position) {
      setPen({ ...pen, position });
      if (pen.down) change(extend(current.current, position));
    } else if (event.key === " " || event.key === "Enter") {
      setPen({ ...pen, down: !pen.down });
      setSaid(pen.down ? "Pen up." : "Pen down.");
      if (!pen.down) {
        change([...current.current, { width: thickness / 100, points: [pen.position] }]);
      }
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
    } else if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
      undo();
    } else {
      return;
    }
    event.preventDefault();
  };

  return (
    <div className="drawing">
      <div className="canvas-frame">
        <canvas
          ref={canvas}
          width={width}
          height={height}
          tabIndex={0}
          role="application"
          aria-label="Drawing"
          aria-describedby={`${help} ${describedBy}`}
          onPointerDown={start}
          onPointerMove={move}
          onPointerUp={stop}
          onPointerCancel={stop}
          onKeyDown={press}
        />
        <span
          className={pen.down ? "pen down" : "pen"}
          style={{ left: `${pen.position.x * 100}%`, top: `${pen.position.y * 100}%` }}
        />
        {strokes.length === 0 && <span className="canvas-hint">Draw here</span>}
      </div>
      <div className="row">
        <button type="button" onClick={undo} disabled={strokes.length === 0}>
          Undo
        </button>
        <button type="button" onClick={clear} disabled={strokes.length === 0}>
          Clear
        </button>
        <label className="slider">
          Pen
          <input
            type="range"
            min={2}
            max={20}
            value={thickness}
            aria-valuetext={`${thickness} percent of the width`}
            onChange={(event) => setThickness(event.target.valueAsNumber)}
          />
        </label>
      </div>
      <p id={help} className="fine keys">
        Keyboard: arrows move, Space puts the pen down and lifts it, Ctrl+Z undoes, Delete clears.
      </p>
      <p className="hidden" role="status">
        {said}
      </p>
    </div>
  );
}

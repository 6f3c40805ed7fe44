/** Strokes of a pen in units of the drawing's width and height, and how they change. */

export type Point = { x: number; y: number };
export type Stroke = { width: number; points: Point[] };
export type Pen = { position: Point; down: boolean };

/** The canvas's size in pixels for a model's picture: its proportions, 280 on the longer side. */
export function canvasSize(size: [number, number] | null): { width: number; height: number } {
  const [height, width] = size ?? [1, 1];
  const scale = 280 / Math.max(height, width);
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

const clamp = (value: number) => Math.min(1, Math.max(0, value));

export const pointAt = (x: number, y: number): Point => ({ x: clamp(x), y: clamp(y) });

/** Adds a point to the last stroke. */
export function extend(strokes: readonly Stroke[], point: Point): Stroke[] {
  const last = strokes.at(-1);
  if (!last) return [...strokes];
  return [...strokes.slice(0, -1), { ...last, points: [...last.points, point] }];
}

/** Where an arrow key moves the pen, or null for another key. */
export function moved(position: Point, key: string, step: number): Point | null {
  const directions: Record<string, [number, number]> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };
  const direction = directions[key];
  return direction
    ? pointAt(position.x + direction[0] * step, position.y + direction[1] * step)
    : null;
}

type Context = Pick<
  CanvasRenderingContext2D,
  | "fillRect"
  | "beginPath"
  | "moveTo"
  | "lineTo"
  | "quadraticCurveTo"
  | "fillStyle"
  | "strokeStyle"
  | "lineWidth"
  | "lineCap"
  | "lineJoin"
> & { stroke(): void };

/** White ink on black, as pictures of digits are; lines bend through the points' middles. */
export function paint(
  context: Context,
  strokes: readonly Stroke[],
  { width, height }: { width: number; height: number },
): void {
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
  context.strokeStyle = "#fff";
  context.lineCap = "round";
  context.lineJoin = "round";
  for (const stroke of strokes) {
    const points = stroke.points.map(({ x, y }) => ({ x: x * width, y: y * height }));
    const [first] = points;
    if (!first) continue;
    context.lineWidth = stroke.width * Math.max(width, height);
    context.beginPath();
    context.moveTo(first.x, first.y);
    for (const [index, point] of points.entries()) {
      const next = points[index + 1] ?? point;
      context.quadraticCurveTo(point.x, point.y, (point.x + next.x) / 2, (point.y + next.y) / 2);
    }
    context.stroke();
  }
}

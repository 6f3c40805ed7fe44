import { describe, expect, it } from "vitest";
import { canvasSize, extend, moved, paint, pointAt, type Stroke } from "../src/logic/drawing.ts";

it("keeps the proportions of the model's picture", () => {
  expect(canvasSize([28, 28])).toEqual({ width: 280, height: 280 });
  expect(canvasSize([32, 64])).toEqual({ width: 280, height: 140 });
  expect(canvasSize(null)).toEqual({ width: 280, height: 280 });
});

it("keeps points on the canvas", () => {
  expect(pointAt(-1, 2)).toEqual({ x: 0, y: 1 });
});

it("adds points to the last stroke and leaves the others alone", () => {
  const strokes: Stroke[] = [
    { width: 0.1, points: [{ x: 0, y: 0 }] },
    { width: 0.2, points: [{ x: 1, y: 1 }] },
  ];
  const next = extend(strokes, { x: 0.5, y: 0.5 });
  expect(next[0]).toBe(strokes[0]);
  expect(next[1]?.points).toHaveLength(2);
  expect(strokes[1]?.points).toHaveLength(1);
  expect(extend([], { x: 0, y: 0 })).toEqual([]);
});

it("moves the pen with arrow keys only", () => {
  expect(moved({ x: 0.5, y: 0.5 }, "ArrowLeft", 0.1)).toEqual({ x: 0.4, y: 0.5 });
  expect(moved({ x: 0.5, y: 0.95 }, "ArrowDown", 0.1)).toEqual({ x: 0.5, y: 1 });
  expect(moved({ x: 0.5, y: 0.5 }, "a", 0.1)).toBeNull();
});

describe("paint", () => {
  const record = () => {
    const log: string[] = [];
    const note =
      (name: string) =>
      (...numbers: number[]) => {
        log.push([name, ...numbers].join(" "));
      };
    const context = {
      fillStyle: "",
      strokeStyle: "",
      lineWidth: 0,
      lineCap: "butt" as CanvasLineCap,
      lineJoin: "bevel" as CanvasLineJoin,
      fillRect: note("fill"),
      beginPath: note("begin"),
      moveTo: note("move"),
      lineTo: note("line"),
      quadraticCurveTo: note("curve"),
      stroke: note("stroke"),
    };
    return { log, context };
  };

  it("begins with an empty black picture", () => {
    const { log, context } = record();
    paint(context, [], { width: 10, height: 20 });
    expect(log).toEqual(["fill 0 0 10 20"]);
    expect(context.fillStyle).toBe("#000");
  });

  it("draws a single point and a curve through more, in the picture's units", () => {
    const { log, context } = record();
    const stroke = { width: 0.1, points: [pointAt(0, 0), pointAt(1, 0.5)] };
    paint(context, [stroke, { width: 0.2, points: [pointAt(1, 1)] }], { width: 10, height: 20 });
    expect(log).toEqual([
      "fill 0 0 10 20",
      ...["begin", "move 0 0", "curve 0 0 5 5", "curve 10 10 10 10", "stroke"],
      ...["begin", "move 10 20", "curve 10 20 10 20", "stroke"],
    ]);
    expect(context.lineWidth).toBe(4);
  });
});

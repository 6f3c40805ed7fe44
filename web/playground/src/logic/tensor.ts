import type { TensorField } from "./spec.ts";

export type Nested = number | boolean | Nested[];
export type Parsed = { value: Nested; shape: number[] } | { error: string };

/** More numbers than this are held but not written into a text box, which would become slow. */
export const MOST_SHOWN = 20_000;

export const showShape = (shape: readonly (number | null)[]) =>
  `(${shape.map((size) => size ?? "any").join(", ")}${shape.length === 1 ? "," : ""})`;

const isInteger = (dtype: string) => /^u?int/.test(dtype);

/** Reads nested lists of numbers and checks them against the field. */
export function parseTensor(text: string, field: TensorField): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { error: "Write numbers in square brackets, as in [[1, 2], [3, 4]]." };
  }
  const shape = shapeOf(value);
  if (typeof shape === "string") return { error: shape };
  if (field.shape && !fits(shape, field.shape)) {
    return { error: `The shape is ${showShape(shape)}; ${showShape(field.shape)} is needed.` };
  }
  const error = firstError(value as Nested, field);
  return error ? { error } : { value: value as Nested, shape };
}

function fits(shape: number[], wanted: (number | null)[]): boolean {
  return (
    shape.length === wanted.length &&
    wanted.every((size, axis) => size === null || size === shape[axis])
  );
}

/** Returns the shape, or what is wrong with the nesting. */
export function shapeOf(value: unknown): number[] | string {
  if (!Array.isArray(value)) {
    return typeof value === "number" || typeof value === "boolean"
      ? []
      : "Only numbers and lists of numbers are allowed.";
  }
  if (value.length === 0) return [0];
  const first = shapeOf(value[0]);
  if (typeof first === "string") return first;
  for (const [index, item] of value.entries()) {
    const shape = shapeOf(item);
    if (typeof shape === "string") return shape;
    if (shape.join() !== first.join()) {
      const [here, there] = [showShape(shape), showShape(first)];
      return `All rows need the same length: row ${index} has shape ${here}, row 0 has ${there}.`;
    }
  }
  return [value.length, ...first];
}

function firstError(value: Nested, field: TensorField): string | null {
  if (Array.isArray(value)) {
    for (const item of value) {
      const error = firstError(item, field);
      if (error) return error;
    }
    return null;
  }
  if (field.dtype === "bool") {
    return typeof value === "boolean" ? null : `${value} is neither true nor false.`;
  }
  if (typeof value === "boolean") return `${value} is no number.`;
  if (isInteger(field.dtype) && !Number.isInteger(value)) return `${value} is no whole number.`;
  if (field.min !== null && value < field.min) return `${value} is below ${field.min}.`;
  if (field.max !== null && value > field.max) return `${value} is above ${field.max}.`;
  return null;
}

/** Fills the field's shape with random numbers in its range; a free axis gets four entries. */
export function randomTensor(field: TensorField, random: () => number = Math.random): Nested {
  const shape = (field.shape ?? [4]).map((size) => size ?? 4);
  const integer = isInteger(field.dtype);
  const low = field.min ?? (field.max === null ? (integer ? 0 : -1) : field.max - 1);
  const high = field.max ?? Math.max(low + 1, integer ? 9 : 1);
  const draw = (): number | boolean => {
    if (field.dtype === "bool") return random() < 0.5;
    const number = low + random() * (high - low);
    const rounded = integer ? Math.round(number) : Number(number.toFixed(3));
    return Math.min(high, Math.max(low, rounded));
  };
  const fill = (axis: number): Nested =>
    axis === shape.length ? draw() : Array.from({ length: shape[axis] ?? 0 }, () => fill(axis + 1));
  return fill(0);
}

export function countOf(value: Nested): number {
  return Array.isArray(value) ? value.reduce<number>((sum, item) => sum + countOf(item), 0) : 1;
}

/** Writes nested lists with the innermost ones on a line each. */
export function formatTensor(value: Nested, indent = ""): string {
  if (!Array.isArray(value) || !value.some(Array.isArray)) {
    return indent + (Array.isArray(value) ? `[${value.join(", ")}]` : String(value));
  }
  const rows = value.map((row) => formatTensor(row, indent + "  "));
  return `${indent}[\n${rows.join(",\n")}\n${indent}]`;
}

/** A number as a table shows it: short, and never rounded to a different whole. */
export function showNumber(value: number | boolean): string {
  if (typeof value === "boolean" || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-4 ? value.toExponential(3) : String(Number(value.toPrecision(5)));
}

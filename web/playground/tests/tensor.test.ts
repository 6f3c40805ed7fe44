import { describe, expect, it } from "vitest";
import type { TensorField } from "../src/logic/spec.ts";
import {
  formatTensor,
  parseTensor,
  randomTensor,
  shapeOf,
  showNumber,
  showShape,
} from "../src/logic/tensor.ts";

const field = (changes: Partial<TensorField> = {}): TensorField => ({
  kind: "tensor",
  shape: [2, 3],
  dtype: "float32",
  min: null,
  max: null,
  ...changes,
});

describe("parseTensor", () => {
  it("reads nested lists of the field's shape", () => {
    const value = [
      [1, 2, 3],
      [4, 5, 6.5],
    ];
    expect(parseTensor(JSON.stringify(value), field())).toEqual({ value, shape: [2, 3] });
  });

  it("lets free axes have any size", () => {
    expect(parseTensor("[[1],[2]]", field({ shape: [null, 1] }))).toHaveProperty("shape", [2, 1]);
    expect(parseTensor("3", field({ shape: [] }))).toHaveProperty("shape", []);
  });

  it.each([
    ["[1, 2", "square brackets"],
    ['["a"]', "Only numbers"],
    ["[[1, 2], [3]]", "row 1 has shape (1,), row 0 has (2,)"],
    ["[1, 2, 3]", "The shape is (3,); (2, 3) is needed"],
  ])("says what is wrong with %s", (text, message) => {
    expect(parseTensor(text, field())).toHaveProperty("error", expect.stringContaining(message));
  });

  it.each([
    [{ dtype: "int64" }, "[1.5]", "no whole number"],
    [{ dtype: "bool" }, "[1]", "neither true nor false"],
    [{ min: 0 }, "[-1]", "below 0"],
    [{ max: 1 }, "[1.01]", "above 1"],
    [{}, "[true]", "no number"],
  ])("checks %o on %s", (changes, text, message) => {
    const parsed = parseTensor(text, field({ shape: [1], ...changes }));
    expect(parsed).toHaveProperty("error", expect.stringContaining(message));
  });
});

describe("randomTensor", () => {
  it.each([
    { shape: [3, 2] },
    { shape: [null, 2], min: 5, max: 6 },
    { shape: [8], dtype: "int64", min: -2, max: 2 },
    { shape: [4], max: -10 },
    { shape: [4], min: 10, dtype: "uint8" },
    { shape: [5], dtype: "bool" },
    { shape: null },
  ])("fills %o with what the field takes", (changes) => {
    const wanted = field(changes);
    for (let round = 0; round < 50; round++) {
      expect(parseTensor(JSON.stringify(randomTensor(wanted)), wanted)).not.toHaveProperty("error");
    }
  });
});

it("writes what it reads", () => {
  const value = [
    [
      [1, 2],
      [3, 4],
    ],
  ];
  expect(JSON.parse(formatTensor(value))).toEqual(value);
  expect(formatTensor([[1, 2]])).toBe("[\n  [1, 2]\n]");
});

it("measures shapes", () => {
  expect(shapeOf([[], []])).toEqual([2, 0]);
  expect(shapeOf({})).toMatch(/Only numbers/);
  expect(showShape([3, null])).toBe("(3, any)");
});

it.each([
  [3, "3"],
  [0.123456789, "0.12346"],
  [1234567.5, "1.235e+6"],
  [0.00001, "1.000e-5"],
  [-2.5, "-2.5"],
  [true, "true"],
])("shows %s as %s", (value, text) => {
  expect(showNumber(value)).toBe(text);
});

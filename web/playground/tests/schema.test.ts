import { describe, expect, it } from "vitest";
import { initialOf, problemsOf, resolve, shapeOf } from "../src/logic/schema.ts";
import type { Schema } from "../src/logic/spec.ts";

const house: Schema = {
  type: "object",
  properties: {
    rooms: { type: "integer", minimum: 1, maximum: 20 },
    kind: { enum: ["flat", "house"], default: "house" },
    note: { anyOf: [{ type: "string", minLength: 2 }, { type: "null" }], default: null },
    address: { $ref: "#/$defs/Address" },
    years: { type: "array", items: { type: "integer" }, maxItems: 2 },
  },
  required: ["rooms", "kind", "address"],
  $defs: {
    Address: {
      type: "object",
      properties: { city: { type: "string", minLength: 1, pattern: "^[A-Z]" } },
      required: ["city"],
    },
    Tree: {
      type: "object",
      properties: { child: { $ref: "#/$defs/Tree" } },
      required: ["child"],
    },
  },
};
const good = { rooms: 3, kind: "flat", address: { city: "Ulm" } };
const problems = (value: unknown) => problemsOf(house, house, value);

describe("shapeOf", () => {
  it("knows the plain types", () => {
    expect(shapeOf({ type: "boolean" }, {})).toEqual({ type: "boolean" });
    expect(shapeOf({ const: 3 }, {})).toEqual({ type: "enum", values: [3] });
    expect(shapeOf({}, {})).toEqual({ type: "any" });
    expect(shapeOf({ type: "object", additionalProperties: { type: "number" } }, {})).toEqual({
      type: "any",
    });
    expect(shapeOf({ type: "array", prefixItems: [{}], items: {} }, {})).toEqual({ type: "any" });
  });

  it("makes null a switch beside the rest", () => {
    const string = { type: "string" };
    expect(shapeOf({ anyOf: [string, { type: "null" }] }, {})).toEqual({
      type: "nullable",
      inner: string,
    });
    expect(shapeOf({ type: ["integer", "null"] }, {})).toHaveProperty("inner.type", "integer");
  });

  it("names the options of a union", () => {
    const shape = shapeOf(
      { oneOf: [{ title: "Cat", type: "object" }, { type: "string" }, { enum: [1] }] },
      {},
    );
    expect(shape).toHaveProperty("type", "union");
    expect(shape.type === "union" && shape.options.map(({ label }) => label)).toEqual([
      "Cat",
      "string",
      "Form 3",
    ]);
  });

  it("follows references, keeping what stands beside them", () => {
    const resolved = resolve({ $ref: "#/$defs/Address", title: "Where" }, house);
    expect(resolved).toMatchObject({ type: "object", title: "Where" });
    expect(resolve({ $ref: "#/$defs/Absent" }, house)).toEqual({});
    const circle: Schema = { $defs: { a: { $ref: "#/$defs/a" } } };
    expect(() => shapeOf({ $ref: "#/$defs/a" }, circle)).not.toThrow();
  });
});

describe("initialOf", () => {
  it("fills what is required, with defaults where there are some", () => {
    expect(initialOf(house, house)).toEqual({ rooms: 1, kind: "house", address: { city: "" } });
  });

  it("ends in schemas that hold themselves", () => {
    expect(JSON.stringify(initialOf({ $ref: "#/$defs/Tree" }, house))).toMatch(/null/);
  });

  it.each([
    [{ type: "number", minimum: 2 }, 2],
    [{ type: "number", maximum: -2 }, -2],
    [{ type: "array", items: { type: "boolean" }, minItems: 2 }, [false, false]],
    [{ type: "string", examples: ["hello"] }, "hello"],
    [{ type: "null" }, null],
  ])("starts %o with %o", (schema, value) => {
    expect(initialOf(schema, schema)).toEqual(value);
  });
});

describe("problemsOf", () => {
  it("finds none in what fits", () => {
    expect(problems(good)).toEqual([]);
    expect(problems({ ...good, note: null, years: [1, 2] })).toEqual([]);
    expect(problems({ ...good, note: "ab" })).toEqual([]);
  });

  it.each([
    [{ ...good, rooms: 0 }, "rooms", "At least 1"],
    [{ ...good, rooms: 21 }, "rooms", "At most 20"],
    [{ ...good, rooms: 1.5 }, "rooms", "whole number"],
    [{ ...good, rooms: null }, "rooms", "number is needed"],
    [{ ...good, kind: "tent" }, "kind", "one of the list"],
    [{ ...good, note: "a" }, "note", "At least 2 characters"],
    [{ ...good, address: {} }, "address.city", "needed"],
    [{ ...good, address: { city: "" } }, "address.city", "empty"],
    [{ ...good, address: { city: "ulm" } }, "address.city", "form needed"],
    [{ ...good, years: [1, "x"] }, "years[1]", "number"],
    [{ ...good, years: [1, 2, 3] }, "years", "At most 2 entries"],
    [[], "", "object"],
  ])("places what is wrong with %o", (value, path, message) => {
    expect(problems(value)).toEqual([
      { path, message: expect.stringContaining(message) as string },
    ]);
  });

  it("leaves patterns of another dialect to the server", () => {
    expect(problemsOf({ type: "string", pattern: "(?P<a>x)" }, {}, "y")).toEqual([]);
  });

  it("accepts what fits one form of a union", () => {
    const union = { anyOf: [{ type: "integer" }, { type: "string" }] };
    expect(problemsOf(union, union, "a")).toEqual([]);
    expect(problemsOf(union, union, true)).toHaveLength(1);
  });
});

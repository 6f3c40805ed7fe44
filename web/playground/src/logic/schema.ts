/** From a JSON schema to a form: what to draw for a value, where it starts, what is wrong with it. */

import { isRecord, type Schema } from "./spec.ts";

export type Property = { name: string; schema: Schema; required: boolean };

/** One level of a form. `any` is edited as JSON text. */
export type Shape =
  | { type: "object"; properties: Property[] }
  | { type: "array"; item: Schema; min: number; max: number | null }
  | { type: "string"; min: number; max: number | null; pattern: string | null; format: string }
  | { type: "number"; integer: boolean; min: number | null; max: number | null }
  | { type: "boolean" }
  | { type: "enum"; values: unknown[] }
  | { type: "nullable"; inner: Schema }
  | { type: "union"; options: { label: string; schema: Schema }[] }
  | { type: "any" };

export type Problem = { path: string; message: string };

/** Follows references within `root`; a reference's neighbours (title, default) are kept. */
export function resolve(schema: Schema, root: Schema): Schema {
  let current = schema;
  for (let steps = 0; typeof current.$ref === "string" && steps < 16; steps++) {
    const { $ref, ...beside } = current;
    const target = lookUp(root, $ref as string);
    if (!target) return beside;
    current = { ...target, ...beside };
  }
  return current;
}

function lookUp(root: Schema, reference: string): Schema | null {
  let current: unknown = root;
  for (const part of reference.replace(/^#\/?/, "").split("/").filter(Boolean)) {
    if (!isRecord(current)) return null;
    current = current[decodeURIComponent(part).replace(/~1/g, "/").replace(/~0/g, "~")];
  }
  return isRecord(current) ? current : null;
}

const schemas = (value: unknown) => (Array.isArray(value) ? value.filter(isRecord) : []);
const numberOf = (value: unknown) => (typeof value === "number" ? value : null);
const textOf = (value: unknown) => (typeof value === "string" ? value : "");

export function shapeOf(given: Schema, root: Schema): Shape {
  const schema = resolve(given, root);
  if ("const" in schema) return { type: "enum", values: [schema.const] };
  if (Array.isArray(schema.enum)) return { type: "enum", values: schema.enum };
  const all = schemas(schema.allOf);
  if (all.length === 1 && all[0]) return shapeOf({ ...schema, ...all[0], allOf: undefined }, root);
  const options = schemas(schema.anyOf ?? schema.oneOf);
  if (options.length > 0) return unionOf(options, root);
  if (Array.isArray(schema.type)) {
    return unionOf(
      schema.type.map((type: unknown) => ({ ...schema, type, title: undefined })),
      root,
    );
  }
  return plainShapeOf(schema);
}

function unionOf(options: Schema[], root: Schema): Shape {
  const isNull = (option: Schema) => resolve(option, root).type === "null";
  const others = options.filter((option) => !isNull(option));
  const [first] = others;
  if (!first) return { type: "enum", values: [null] };
  if (others.length < options.length) {
    return { type: "nullable", inner: others.length === 1 ? first : { anyOf: others } };
  }
  if (others.length === 1) return shapeOf(first, root);
  return {
    type: "union",
    options: others.map((option, index) => ({
      label: labelOf(resolve(option, root)) || `Form ${index + 1}`,
      schema: option,
    })),
  };
}

const labelOf = (schema: Schema) => textOf(schema.title) || textOf(schema.type);

function plainShapeOf(schema: Schema): Shape {
  switch (schema.type) {
    case "object":
      return objectShape(schema);
    case "array":
      if (!isRecord(schema.items) || "prefixItems" in schema) return { type: "any" };
      return {
        type: "array",
        item: schema.items,
        min: numberOf(schema.minItems) ?? 0,
        max: numberOf(schema.maxItems),
      };
    case "string":
      return {
        type: "string",
        min: numberOf(schema.minLength) ?? 0,
        max: numberOf(schema.maxLength),
        pattern: textOf(schema.pattern) || null,
        format: textOf(schema.format),
      };
    case "number":
    case "integer":
      return {
        type: "number",
        integer: schema.type === "integer",
        min: numberOf(schema.minimum) ?? numberOf(schema.exclusiveMinimum),
        max: numberOf(schema.maximum) ?? numberOf(schema.exclusiveMaximum),
      };
    case "boolean":
      return { type: "boolean" };
    case "null":
      return { type: "enum", values: [null] };
    default:
      return { type: "any" };
  }
}

function objectShape(schema: Schema): Shape {
  // A mapping with free keys has no fixed form.
  if (!isRecord(schema.properties)) return { type: "any" };
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  const properties = Object.entries(schema.properties).map(([name, property]) => ({
    name,
    schema: isRecord(property) ? property : {},
    required: required.has(name),
  }));
  return { type: "object", properties };
}

/** A first value for the form: the schema's default or example, else the plainest allowed one. */
export function initialOf(given: Schema, root: Schema, depth = 0): unknown {
  const schema = resolve(given, root);
  if ("default" in schema) return schema.default;
  if (Array.isArray(schema.examples) && schema.examples.length > 0) {
    return schema.examples[0] as unknown;
  }
  if (depth > 8) return null;
  const shape = shapeOf(schema, root);
  switch (shape.type) {
    case "object":
      return Object.fromEntries(
        shape.properties
          .filter(({ required }) => required)
          .map((property) => [property.name, initialOf(property.schema, root, depth + 1)]),
      );
    case "array":
      return Array.from({ length: Math.min(shape.min, 100) }, () =>
        initialOf(shape.item, root, depth + 1),
      );
    case "string":
      return "";
    case "number":
      return Math.max(shape.min ?? -Infinity, Math.min(0, shape.max ?? 0));
    case "boolean":
      return false;
    case "enum":
      return shape.values[0];
    case "union":
      return initialOf(shape.options[0]?.schema ?? {}, root, depth + 1);
    case "nullable":
    case "any":
      return null;
  }
}

export const joinPath = (path: string, name: string | number) =>
  typeof name === "number" ? `${path}[${name}]` : path ? `${path}.${name}` : name;

/** Everything that is wrong with a value, each with its place: "address.lines[0]". */
export function problemsOf(given: Schema, root: Schema, value: unknown, path = ""): Problem[] {
  const shape = shapeOf(given, root);
  const problem = (message: string): Problem[] => [{ path, message }];
  switch (shape.type) {
    case "object": {
      if (!isRecord(value)) return problem("An object is needed.");
      return shape.properties.flatMap(({ name, schema, required }) => {
        const inner = joinPath(path, name);
        if (name in value) return problemsOf(schema, root, value[name], inner);
        return required ? [{ path: inner, message: "This is needed." }] : [];
      });
    }
    case "array": {
      if (!Array.isArray(value)) return problem("A list is needed.");
      const length = lengthProblem(value.length, shape.min, shape.max, "entries");
      const items = value.flatMap((item, index) =>
        problemsOf(shape.item, root, item, joinPath(path, index)),
      );
      return length ? [{ path, message: length }, ...items] : items;
    }
    case "string": {
      if (typeof value !== "string") return problem("Text is needed.");
      const length = lengthProblem([...value].length, shape.min, shape.max, "characters");
      if (length) return problem(length);
      return matches(shape.pattern, value) ? [] : problem("This does not have the form needed.");
    }
    case "number":
      return numberProblem(shape, value).flatMap(problem);
    case "boolean":
      return typeof value === "boolean" ? [] : problem("Choose yes or no.");
    case "enum": {
      const allowed = shape.values.map((choice) => JSON.stringify(choice));
      return allowed.includes(JSON.stringify(value)) ? [] : problem("Choose one of the list.");
    }
    case "nullable":
      return value === null ? [] : problemsOf(shape.inner, root, value, path);
    case "union":
      return shape.options.some(({ schema }) => problemsOf(schema, root, value).length === 0)
        ? []
        : problem("This fits none of the possible forms.");
    case "any":
      return [];
  }
}

function matches(pattern: string | null, value: string): boolean {
  if (pattern === null) return true;
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    // A pattern of another dialect: the server decides.
    return true;
  }
}

function numberProblem(shape: Extract<Shape, { type: "number" }>, value: unknown): string[] {
  if (typeof value !== "number" || !Number.isFinite(value)) return ["A number is needed."];
  if (shape.integer && !Number.isInteger(value)) return ["A whole number is needed."];
  if (shape.min !== null && value < shape.min) return [`At least ${shape.min} is needed.`];
  if (shape.max !== null && value > shape.max) return [`At most ${shape.max} is allowed.`];
  return [];
}

function lengthProblem(
  length: number,
  min: number,
  max: number | null,
  what: string,
): string | null {
  if (length < min) {
    return length === 0 ? "This is empty." : `At least ${min} ${what} are needed, not ${length}.`;
  }
  if (max !== null && length > max) return `At most ${max} ${what} are allowed, not ${length}.`;
  return null;
}

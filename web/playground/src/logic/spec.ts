/** What the server says of its models in openapi.json under "x-flambeau". */

export type Schema = Record<string, unknown>;

export type TensorField = {
  kind: "tensor";
  shape: (number | null)[] | null;
  dtype: string;
  min: number | null;
  max: number | null;
};
export type ImageField = {
  kind: "image";
  mode: string;
  size: [number, number] | null;
  drawing: boolean;
};
export type TextField = { kind: "text"; minLength: number; maxLength: number | null };
export type JsonField = { kind: "json"; schema: Schema };
export type LabelsField = { kind: "labels"; classes: string[]; top: number | null };
export type FileField = { kind: "file"; mediaTypes: string[]; maxBytes: number | null };
export type Field = TensorField | ImageField | TextField | JsonField | LabelsField | FileField;
export type Fields = Record<string, Field>;

export type ModelSpec = {
  name: string;
  version: string;
  path: string;
  isDefault: boolean;
  stream: boolean;
  description: string;
  inputs: Fields;
  outputs: Fields;
  example: Record<string, unknown> | null;
};

export type TextSpec = {
  id: string;
  chat: boolean;
  completion: boolean;
  embedding: boolean;
  contextLength: number | null;
};

export type Spec = {
  title: string;
  description: string;
  secured: boolean;
  models: ModelSpec[];
  text: TextSpec[];
};

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const record = (value: unknown) => (isRecord(value) ? value : {});
const list = (value: unknown) => (Array.isArray(value) ? (value as unknown[]) : []);
const string = (value: unknown) => (typeof value === "string" ? value : "");
const number = (value: unknown) => (typeof value === "number" ? value : null);
const strings = (value: unknown) => list(value).map(String);

/** Reads the document; what is missing in it gets the value that promises least. */
export function readSpec(document: unknown): Spec {
  const openapi = record(document);
  const info = record(openapi.info);
  const extension = record(openapi["x-flambeau"]);
  return {
    title: string(info.title) || "flambeau",
    description: string(info.description),
    secured: Object.keys(record(record(openapi.components).securitySchemes)).length > 0,
    models: list(extension.models).filter(isRecord).map(readModel),
    text: list(extension.text).filter(isRecord).map(readText),
  };
}

function readModel(model: Record<string, unknown>): ModelSpec {
  return {
    name: string(model.name),
    version: string(model.version),
    path: string(model.path),
    isDefault: model.default === true,
    stream: model.stream === true,
    description: string(model.description),
    inputs: readFields(model.inputs),
    outputs: readFields(model.outputs),
    example: isRecord(model.example) ? model.example : null,
  };
}

function readText(model: Record<string, unknown>): TextSpec {
  return {
    id: string(model.id),
    chat: model.chat === true,
    completion: model.completion === true,
    embedding: model.embedding === true,
    contextLength: number(model.context_length),
  };
}

function readFields(fields: unknown): Fields {
  return Object.fromEntries(
    Object.entries(record(fields)).map(([name, hints]) => [name, readField(record(hints))]),
  );
}

function readField(hints: Record<string, unknown>): Field {
  switch (hints.kind) {
    case "tensor":
      return {
        kind: "tensor",
        shape: Array.isArray(hints.shape) ? list(hints.shape).map(number) : null,
        dtype: string(hints.dtype) || "float32",
        min: number(hints.min),
        max: number(hints.max),
      };
    case "image": {
      const [height, width] = list(hints.size).map(number);
      return {
        kind: "image",
        mode: string(hints.mode) || "RGB",
        size: height && width ? [height, width] : null,
        drawing: hints.drawing === true,
      };
    }
    case "text":
      return {
        kind: "text",
        minLength: number(hints.min_length) ?? 0,
        maxLength: number(hints.max_length),
      };
    case "labels":
      return { kind: "labels", classes: strings(hints.classes), top: number(hints.top) };
    case "file":
      return {
        kind: "file",
        mediaTypes: strings(hints.media_types),
        maxBytes: number(hints.max_bytes),
      };
    default:
      return { kind: "json", schema: record(hints.schema) };
  }
}

/** The page's own address of a model: the part after "#". */
export function routeOf(model: ModelSpec): string {
  return `#/models/${encodeURIComponent(model.name)}/${encodeURIComponent(model.version)}`;
}

export function textRouteOf(model: TextSpec): string {
  return `#/text/${encodeURIComponent(model.id)}`;
}

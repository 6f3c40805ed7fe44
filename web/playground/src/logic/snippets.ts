/** The same request for copying: curl, Python, TypeScript. */

import type { ModelSpec } from "./spec.ts";

export type Language = "curl" | "Python" | "TypeScript";
export type Snippets = Record<Language, string>;

type Call = { url: string; secured: boolean };

const shellQuote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** JSON on few lines: long lists are cut, as the text is there to be read. */
function compact(value: unknown, indent: number): string {
  const text = JSON.stringify(value);
  return text.length <= 60
    ? text
    : JSON.stringify(value, null, 2).replaceAll("\n", `\n${" ".repeat(indent)}`);
}

function pythonOf(value: unknown, indent = 0): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = " ".repeat(indent + 4);
  const parts = Array.isArray(value)
    ? value.map((item) => pythonOf(item, indent + 4))
    : Object.entries(value).map(
        ([key, item]) => `${JSON.stringify(key)}: ${pythonOf(item, indent + 4)}`,
      );
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const line = open + parts.join(", ") + close;
  if (line.length + indent <= 80) return line;
  return `${open}\n${parts.map((part) => `${inner}${part},\n`).join("")}${" ".repeat(indent)}${close}`;
}

/** Cuts what is too long to be read in an example. */
export function shortened(value: unknown, most = 40): unknown {
  if (Array.isArray(value)) {
    const items = value.slice(0, most).map((item) => shortened(item, most));
    return items;
  }
  if (typeof value === "string" && value.length > 2000) return value.slice(0, 2000);
  if (value && typeof value === "object" && !(value instanceof Blob)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, shortened(item, most)]),
    );
  }
  return value;
}

const fileName = (blob: Blob) => {
  const ending = /\/(\w+)/.exec(blob.type)?.[1] ?? "bin";
  return blob.type.startsWith("image/") ? `picture.${ending.replace("jpeg", "jpg")}` : "file.bin";
};

export function predictSnippets(
  model: ModelSpec,
  values: Record<string, unknown>,
  { url, secured }: Call,
): Snippets {
  const blobs = Object.values(values).some((value) => value instanceof Blob);
  const simple = Object.values(values).every((v) => v instanceof Blob || typeof v === "string");
  const short = shortened(values) as Record<string, unknown>;
  return blobs && simple
    ? formSnippets(short, { url, secured }, model.stream)
    : jsonSnippets(short, { url, secured }, model.stream);
}

function formSnippets(values: Record<string, unknown>, call: Call, stream: boolean): Snippets {
  const parts = Object.entries(values);
  const curl = parts.map(([name, value]) =>
    value instanceof Blob
      ? `-F ${shellQuote(`${name}=@${fileName(value)}`)}`
      : `--form-string ${shellQuote(`${name}=${String(value)}`)}`,
  );
  const files = parts.flatMap(([name, value]) =>
    value instanceof Blob ? [`${JSON.stringify(name)}: open("${fileName(value)}", "rb")`] : [],
  );
  const data = parts.filter(([, value]) => !(value instanceof Blob));
  const fields = data.length > 0 ? `, data=${pythonOf(Object.fromEntries(data))}` : "";
  const appended = parts.map(([name, value]) =>
    value instanceof Blob
      ? `form.append(${JSON.stringify(name)}, file); // a File or Blob`
      : `form.append(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
  );
  return {
    curl: curlOf(call, curl, stream),
    Python: pythonCall(call, `files={${files.join(", ")}}${fields}`, stream),
    TypeScript: [
      "const form = new FormData();",
      ...appended,
      typescriptCall(call, "form", stream),
    ].join("\n"),
  };
}

function jsonSnippets(values: Record<string, unknown>, call: Call, stream: boolean): Snippets {
  const written = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      value instanceof Blob ? "<base64>" : value,
    ]),
  );
  const body = JSON.stringify(written);
  return {
    curl: curlOf(call, ["-H 'content-type: application/json'", `-d ${shellQuote(body)}`], stream),
    Python: pythonCall(call, `json=${pythonOf(written)}`, stream),
    TypeScript: typescriptCall(call, `JSON.stringify(${compact(written, 2)})`, stream),
  };
}

function curlOf({ url, secured }: Call, parts: string[], stream: boolean): string {
  const key = secured ? ['-H "authorization: Bearer $FLAMBEAU_KEY"'] : [];
  return [`curl ${stream ? "-N " : ""}${url}`, ...key, ...parts].join(" \\\n  ");
}

function pythonCall({ url, secured }: Call, argument: string, stream: boolean): string {
  const headers = secured ? ', headers={"authorization": f"Bearer {KEY}"}' : "";
  const call = `httpx.post(${JSON.stringify(url)}, ${argument}${headers})`;
  if (!stream) {
    return `import httpx\n\nanswer = ${call}\nanswer.raise_for_status()\nprint(answer.json())`;
  }
  const streaming = call.replace("httpx.post(", 'httpx.stream("POST", ');
  return `import httpx\n\nwith ${streaming} as answer:\n    for line in answer.iter_lines():\n        print(line)`;
}

function typescriptCall({ url, secured }: Call, body: string, stream: boolean): string {
  const headers = [
    ...(body === "form" ? [] : ['"content-type": "application/json"']),
    ...(secured ? ["authorization: `Bearer ${key}`"] : []),
  ];
  const written = headers.length > 0 ? `  headers: { ${headers.join(", ")} },\n` : "";
  const read = stream
    ? "for await (const bytes of answer.body ?? []) console.log(new TextDecoder().decode(bytes));"
    : "console.log(await answer.json());";
  return `const answer = await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n${written}  body: ${body},\n});\n${read}`;
}

const keyOf = (secured: boolean, variable: string) => (secured ? variable : '"none"');

/** Calls of the OpenAI-compatible addresses with OpenAI's own clients. */
export function chatSnippets(
  call: Call,
  model: string,
  messages: { role: string; content: string }[],
): Snippets {
  return openaiSnippets(call, "chat.completions", { model, messages, stream: true }, [
    'print(part.choices[0].delta.content or "", end="", flush=True)',
    'console.log(part.choices[0]?.delta.content ?? "")',
  ]);
}

export function completionSnippets(call: Call, model: string, prompt: string): Snippets {
  return openaiSnippets(call, "completions", { model, prompt, stream: true }, [
    'print(part.choices[0].text, end="", flush=True)',
    'console.log(part.choices[0]?.text ?? "")',
  ]);
}

export function embeddingSnippets(call: Call, model: string, input: string[]): Snippets {
  return openaiSnippets(call, "embeddings", { model, input }, null);
}

function openaiSnippets(
  { url, secured }: Call,
  method: string,
  body: Record<string, unknown>,
  loops: [string, string] | null,
): Snippets {
  const base = url.replace(/\/v1\/.*$/, "/v1");
  const python = Object.entries(body).map(([name, value]) => `    ${name}=${pythonOf(value, 4)},`);
  const typescript = Object.entries(body).map(
    ([name, value]) => `  ${name}: ${compact(value, 2)},`,
  );
  const [inPython, inTypescript] = loops ?? [
    "print(answer.data[0].embedding)",
    "console.log(answer.data[0]?.embedding)",
  ];
  const name = loops ? "stream" : "answer";
  return {
    curl: curlOf(
      { url, secured },
      ["-H 'content-type: application/json'", `-d ${shellQuote(JSON.stringify(body))}`],
      loops !== null,
    ),
    Python: [
      "from openai import OpenAI",
      "",
      `client = OpenAI(base_url=${JSON.stringify(base)}, api_key=${keyOf(secured, "KEY")})`,
      `${name} = client.${method}.create(`,
      ...python,
      ")",
      ...(loops ? ["for part in stream:", `    ${inPython}`] : [inPython]),
    ].join("\n"),
    TypeScript: [
      'import OpenAI from "openai";',
      "",
      `const client = new OpenAI({ baseURL: ${JSON.stringify(base)}, apiKey: ${keyOf(secured, "key")} });`,
      `const ${name} = await client.${method}.create({`,
      ...typescript,
      "});",
      ...(loops ? [`for await (const part of stream) ${inTypescript};`] : [`${inTypescript};`]),
    ].join("\n"),
  };
}

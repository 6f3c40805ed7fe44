"""The TypeScript client that is written from an OpenAPI: what types it has, and that they hold."""

from __future__ import annotations

import copy
import functools
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from typer.testing import CliRunner

pytest.importorskip("msgspec")

from flambeau.cli.app import app
from flambeau.serve.typescript import (
    HOOKS,
    RUNTIME,
    react_hooks,
    runtime,
    runtime_folder,
    typescript_client,
)
from flambeau.serve.typescript_types import Names, Types, comment, key, quote

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"
NATIVE = Path(__file__).with_name("typescript") / "native.d.ts"
STRICT = [
    *("--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"),
    *("--noUnusedLocals", "--noUnusedParameters", "--erasableSyntaxOnly", "--noImplicitReturns"),
    *("--noPropertyAccessFromIndexSignature", "--noImplicitOverride", "--verbatimModuleSyntax"),
    *("--isolatedModules", "--target", "es2022", "--module", "esnext"),
    *("--moduleResolution", "bundler"),
]
NODE = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
Document = dict[str, Any]


def model(name: str, inputs: Any = None, outputs: Any = None, **more: Any) -> Document:
    return {
        "name": name,
        "version": "1",
        "path": f"/models/{name}/predict",
        "default": False,
        "stream": False,
        "description": "",
        "inputs": inputs or {"input": {"kind": "text", "min_length": 0, "max_length": None}},
        "outputs": outputs or {"output": {"kind": "text"}},
        "example": None,
        **more,
    }


def tensor(*shape: int | None, dtype: str = "float32") -> Document:
    return {"kind": "tensor", "shape": list(shape), "dtype": dtype, "min": None, "max": None}


def document(*models: Document, text: Any = (), **more: Any) -> Document:
    served = {"models": list(models), "text": list(text)}
    return {"openapi": "3.1.0", "info": {"title": "zoo"}, "x-flambeau": served, **more}


def text_model(name: str, **abilities: bool) -> Document:
    return {"id": name, "chat": False, "completion": False, "embedding": False, **abilities}


LABELS = {"kind": "labels", "classes": ["cat", "dog"], "top": 2}
IMAGE = {"kind": "image", "mode": "L", "size": [8, 8], "drawing": True}
FILE = {"kind": "file", "media_types": ["audio/*"], "max_bytes": 1000}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "role": {"enum": ["admin", 3, None, True]},
        "tags": {"type": "array", "items": {"type": ["string", "null"]}},
        "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"const": "x"}]},
        "exact": {"type": "array", "prefixItems": [{"type": "number"}], "maxItems": 1},
        "triple": {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3},
        "friend": {"anyOf": [{"$ref": "#/$defs/Friend"}, {"type": "null"}]},
        "notes": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "both": {"allOf": [{"$ref": "#/$defs/Friend"}, {"type": "object"}]},
    },
    "required": ["name", "role"],
    "additionalProperties": False,
    "$defs": {"Friend": {"type": "object", "properties": {"of": {"$ref": "#/$defs/Friend"}}}},
}
ZOO: dict[str, Document] = {
    "empty": document(),
    "fields": document(
        model("digits", {"input": IMAGE}, {"output": LABELS}, description="Reads digits."),
        model("mlp", {"x": tensor(3), "y": tensor(None, 64), "z": tensor()}, {"out": tensor(2, 2)}),
        model("free", {"input": tensor(None, None)}, {"output": tensor(None, dtype="bool")}),
        model("whole", {"input": tensor(2, dtype="int64")}, {"output": tensor(100, dtype="int64")}),
        model("sound", {"input": FILE, "n": {"kind": "json", "schema": {"type": "integer"}}}),
        model("person", {"input": {"kind": "json", "schema": PERSON}}),
        model("ticks", stream=True),
        model("draw", outputs={"output": IMAGE, "file": FILE}),
    ),
    "versions": document(
        model("a", version="2"), model("a", {"input": tensor(4)}, version="1"), model("a-V1")
    ),
    "text": document(
        text=[text_model("tiny", chat=True, completion=True), text_model("other", chat=True)]
    ),
    "embedding": document(model("m"), text=[text_model("vectors", embedding=True)]),
    "stream first": document(model("ticks", stream=True)),
    "names": document(
        *map(
            model,
            ["class", "2nd", "a.b", "a-b", "a_b", "constructor", "transport", "Blob", "Error"],
        ),
        *map(model, ["数字", "__proto__", "image", "input", "Client", "toString", "Predict"]),
    ),
    "field names": document(
        model("m", {n: tensor(1) for n in ["class", "a b", "__proto__", "1", "", "get", "new"]})
    ),
    "schemas": document(
        model("m", {"input": {"kind": "json", "schema": {"$ref": "#/components/schemas/Loop"}}}),
        model("n", {"input": {"kind": "json", "schema": {"$ref": "#/components/schemas/Node"}}}),
        model("o", {"input": {"kind": "json", "schema": {"$ref": "#/nowhere"}}}),
        model("p", {"input": {"kind": "json", "schema": {"enum": []}}}),
        model("q", {"input": {"kind": "json", "schema": False}}),
        model("r", {"input": {"kind": "json", "schema": {"enum": [1e400, -1.5, "x", [1]]}}}),
        components={
            "schemas": {
                "Node": NODE,
                "Loop": {"anyOf": [{"$ref": "#/components/schemas/Pool"}, {"type": "null"}]},
                "Pool": {"$ref": "#/components/schemas/Loop"},
                "Array": NODE,
            }
        },
    ),
}
HOSTILE = [
    "*/ globalThis.hurt = 1; /*",
    '"; globalThis.hurt = 1; "',
    "'; globalThis.hurt = 1; '",
    "`${globalThis.hurt = 1}`",
    "\nglobalThis.hurt = 1;\n//",
    "\r globalThis.hurt = 1; //",
    "\u2028globalThis.hurt = 1;\u2029//",
    "\\",
    "\\u0022; globalThis.hurt = 1; //",
    "</script><script>globalThis.hurt = 1</script>",
    "\u202e turned \u2066 around",
    "\0\x07\x7f\x85",
    "\U0001f600 \ue000 \U000e0001",
    "]; globalThis.hurt = 1; [",
    "}; globalThis.hurt = 1; {",
]


def hostile(index: int, evil: str) -> Document:
    """A model that has ``evil`` wherever a server can put text."""
    schema = {
        "type": "object",
        "description": evil,
        "title": evil,
        "properties": {
            evil: {"enum": [evil], "description": evil},
            "r": {"$ref": f"#/$defs/{index}"},
        },
        "required": [evil],
        "$defs": {str(index): {"type": "object", "description": evil, "properties": {evil: {}}}},
    }
    return model(
        evil,
        {evil: {"kind": "json", "schema": schema}},
        {evil: {"kind": "labels", "classes": [evil]}, "f": {"kind": "file", "media_types": [evil]}},
        version=evil,
        description=evil,
    )


ZOO["hostile"] = document(
    *(hostile(index, evil) for index, evil in enumerate(HOSTILE)),
    text=[text_model(evil, chat=True, completion=True, embedding=True) for evil in HOSTILE],
    info={"title": "".join(HOSTILE)},
)


def file_of(name: str) -> str:
    return name.replace(" ", "_") + ".ts"


def compiler() -> list[str]:
    tsc = WEB / "node_modules" / "typescript" / "bin" / "tsc"
    node = shutil.which("node")
    if node is None or not tsc.is_file():
        pytest.skip("needs Node and the packages of web/: npm ci --prefix web")
    return [node, str(tsc)]


TYPES = str(WEB / "node_modules" / "@types")
USAGE = """
import { Client, type PersonInput } from "./fields.js";
import { Client as Text } from "./text.js";
import { Client as Versions } from "./versions.js";
import * as all from "./fields.js";

const client = new Client({ baseUrl: "http://x", apiKey: "k", timeout: 1, retries: 3 });
const signal: AbortSignal | undefined = undefined;

export async function uses(): Promise<void> {
  const canvas: HTMLCanvasElement = document.createElement("canvas");
  for (const input of [new Blob([]), new ArrayBuffer(2), new Uint8Array(2), canvas, "data:x",
      new OffscreenCanvas(1, 1), new ImageData(1, 1), new File([], "x"), { uri: "file:///x" }]) {
    const { output } = await client.predict({ input }, { signal });
    const label: "cat" | "dog" | undefined = output[0]?.label;
    const score: number | undefined = output[0]?.score;
    void [label, score];
  }
  const mlp = client.models.mlp.predict;
  const { out } = await mlp({ x: [1, 2, 3], y: [[1, 2]], z: 4 });
  const exact: [[number, number], [number, number]] = out;
  await mlp({ x: new Float32Array(3), y: new Float32Array(64), z: 4 });
  await mlp({ x: [1, 2, 3] as const, y: [] as readonly number[][], z: 4 });
  const whole: number[] = (await client.models.whole.predict({ input: new BigInt64Array(2) })).output;
  const bools: boolean[] = (await client.models.free.predict({ input: [[1]] })).output;
  for await (const { output } of client.models.ticks.stream({ input: "a" })) output.toUpperCase();
  const person: PersonInput = { input: { name: "x", role: 3, pair: [1, "x", 5], exact: [1] } };
  await client.models.person.predict(person);
  await client.models.sound.versions["1"].predict({ input: new Uint8Array(1), n: 2 });
  // @ts-expect-error a label that does not exist
  const wrong: "fish" = (await client.predict({ input: "" })).output[0]?.label;
  // @ts-expect-error too short
  await mlp({ x: [1, 2], y: [[1]], z: 4 });
  // @ts-expect-error wrong bytes
  await mlp({ x: new Float64Array(3), y: [[1]], z: 4 });
  // @ts-expect-error several free sizes
  await client.models.free.predict({ input: new Float32Array(2) });
  // @ts-expect-error missing field
  await mlp({ x: [1, 2, 3], z: 4 });
  // @ts-expect-error unknown field
  await client.predict({ input: "", other: 1 });
  // @ts-expect-error no such role
  const nobody: PersonInput = { input: { name: "x", role: "other" } };
  // @ts-expect-error no such model
  void client.models.nothing;
  // @ts-expect-error the server has no text model
  void client.chat;
  // @ts-expect-error it streams
  void client.models.ticks.predict;
  void [exact, whole, bools, wrong, nobody];

  const text = new Text();
  const message = { role: "user", content: "hi" } as const;
  const whole_answer = await text.chat({ messages: [message], max_tokens: 3 });
  const content: string | undefined = whole_answer.choices[0]?.message.content;
  for await (const chunk of text.chat({ messages: [message], stream: true, model: "other" })) {
    const piece: string | undefined = chunk.choices[0]?.delta.content;
    void piece;
  }
  for await (const chunk of text.complete({ prompt: "x", stream: true }, { signal })) {
    const piece: string | undefined = chunk.choices[0]?.text;
    void piece;
  }
  // @ts-expect-error it does not complete
  text.complete({ prompt: "x", model: "other" });
  // @ts-expect-error it embeds nothing
  void text.embed;
  void content;

  const versions = new Versions();
  await versions.predict({ input: "text" });
  await versions.models.a.versions["1"].predict({ input: [1, 2, 3, 4] });
  // @ts-expect-error version 2 takes text
  await versions.models.a.versions["2"].predict({ input: [1, 2, 3, 4] });

  try {
    await client.predict({ input: "" });
  } catch (error) {
    if (error instanceof all.InvalidInputError) {
      const param: string | null = error.param;
      const status: number = error.status;
      void [param, status];
    }
  }
}
"""


def compile_files(folder: Path, *options: str) -> None:
    files = sorted(map(str, folder.glob("*.ts")))
    ran = subprocess.run(
        [*compiler(), *STRICT, *options, *files],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]


def run_js(folder: Path, code: str) -> Any:
    node = compiler()[0]
    script = ["--input-type=module", "-e", code]
    ran = subprocess.run([node, *script], cwd=folder, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout)


def names_arrive_as_they_are_and_nothing_runs(folder: Path, name: str) -> None:
    code = """
      const { Client } = await import("./FILE");
      const sent = [];
      const fetch = async (url, init) => {
        sent.push([url, init.body]);
        return new Response('{"output": 1}', { headers: {} });
      };
      const client = new Client({ fetch, baseUrl: "http://x/" });
      const found = [];
      for (const name of Object.getOwnPropertyNames(client.models)) {
        const versions = Object.getOwnPropertyNames(client.models[name].versions);
        found.push([name, versions]);
        await client.models[name].predict({ a: 1 });
        await client.models[name].versions[versions[0]].predict({ a: 1 });
      }
      if (client.chat) await client.chat({ messages: [] });
      const plain = Object.getPrototypeOf(client.models) === Object.prototype;
      console.log(JSON.stringify({ found, sent, plain, hurt: globalThis.hurt ?? null }));
    """.replace("FILE", file_of(name).replace(".ts", ".js"))
    result = run_js(folder, code)
    served = ZOO[name]["x-flambeau"]
    assert result["hurt"] is None and result["plain"]
    wanted = [[each["name"], [each["version"]]] for each in served["models"]]
    assert sorted(result["found"]) == sorted(wanted)
    for url, body in result["sent"]:
        assert re.fullmatch(r"http://x/(models|v1)/[!-~]+", url)
        json.loads(body)
    if served["text"]:
        assert json.loads(result["sent"][-1][1])["model"] == served["text"][0]["id"]


def test_every_client_compiles_strictly_and_keeps_names(tmp_path: Path) -> None:
    for name, each in ZOO.items():
        (tmp_path / file_of(name)).write_text(typescript_client(each), encoding="utf-8")
    (tmp_path / "usage.ts").write_text(USAGE)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    node = ("--types", "node", "--typeRoots", TYPES, "--skipLibCheck")
    compile_files(tmp_path, "--lib", "es2022,dom", *node)
    for name in ("names", "field names", "hostile"):
        names_arrive_as_they_are_and_nothing_runs(tmp_path, name)


def test_compiles_without_browser_types(tmp_path: Path) -> None:
    for name in ("fields", "text"):
        (tmp_path / file_of(name)).write_text(typescript_client(ZOO[name]), encoding="utf-8")
    node = ["--types", "node", "--typeRoots", TYPES]
    compile_files(tmp_path, "--noEmit", "--skipLibCheck", "--lib", "es2022", *node)
    shutil.copy(NATIVE, tmp_path)
    native = "es2021,es2022.array,es2022.object,es2022.string,es2018.asynciterable"
    compile_files(tmp_path, "--noEmit", "--lib", native)


def test_the_same_document_gives_the_same_text() -> None:
    for each in ZOO.values():
        assert typescript_client(each) == typescript_client(copy.deepcopy(each))


def test_types_come_from_the_answers_own_schema() -> None:
    pet = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    answer = {"type": "object", "properties": {"output": {"$ref": "#/components/schemas/Pet"}}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}
    path = {"post": {"responses": {"200": {"content": content}}}}
    loose = {"kind": "json", "schema": {**pet, "required": []}}
    text = typescript_client(
        document(
            model("m", {"input": loose}, {"output": loose}),
            paths={"/models/m/versions/1/predict": path},
            components={"schemas": {"Pet": pet, "Answer": answer}},
        )
    )
    assert "input: { age?: number };" in text
    assert "output: Pet;" in text and "export type Pet = { age: number };" in text


def test_every_part_of_the_runtime_is_written() -> None:
    index = (WEB / "client" / "src" / "index.ts").read_text()
    assert re.findall(r'"\./(\w+)"', index) == list(RUNTIME)
    folder = WEB / "client" / "src" / "react"
    assert {path.stem for path in folder.glob("*.ts")} == {*HOOKS, "index"}
    for name in HOOKS:
        installed = (runtime_folder() / "react" / f"{name}.ts").read_text()
        assert installed == (folder / f"{name}.ts").read_text(), "installed copy differs"
    text = runtime()
    assert "import " not in re.sub(r"^\s*(/\*\*|\*|//).*$", "", text, flags=re.MULTILINE)
    for name in RUNTIME:
        source = (runtime_folder() / f"{name}.ts").read_text()
        for imported in re.findall(r'from "\./(\w+)"', source):
            assert RUNTIME.index(imported) < RUNTIME.index(name)
        assert source == (WEB / "client" / "src" / f"{name}.ts").read_text(), (
            "installed copy differs"
        )


def test_types_of_text_models_are_those_of_the_server() -> None:
    pytest.importorskip("pydantic")
    from flambeau.serve.text import schemas

    text = (WEB / "client" / "src" / "text.ts").read_text()

    def members(interface: str) -> set[str]:
        [body] = re.findall(rf"export interface {interface}\b[^{{]*{{\n(.*?)^}}", text, re.M | re.S)
        return set(re.findall(r"^  readonly (\w+)\??:", body, re.M))

    for interface, kind in {
        "ChatMessage": schemas.Message,
        "ChatParams": schemas.ChatRequest,
        "CompletionParams": schemas.CompletionRequest,
        "EmbeddingParams": schemas.EmbeddingRequest,
        "Chat": schemas.ChatAnswer,
        "Completion": schemas.CompletionAnswer,
        "Embeddings": schemas.EmbeddingAnswer,
        "Usage": schemas.Usage,
    }.items():
        assert members(interface) <= kind.model_fields.keys(), interface
    sampling = members("SamplingParams")
    assert sampling <= schemas.ChatRequest.model_fields.keys()
    assert sampling <= schemas.CompletionRequest.model_fields.keys()
    roles = re.findall(r'readonly role: ("system" .*);', text)[0]
    assert set(re.findall(r'"(\w+)"', roles)) == {"system", "developer", "user", "assistant"}


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        ([], "not the OpenAPI"),
        ({"openapi": "3.1.0"}, "not the OpenAPI"),
        ({"x-flambeau": {"models": [{"name": 1}]}}, "damaged"),
        (document(model("m", {"input": {"kind": "video"}})), "damaged"),
        (document(model("m", {"input": tensor(*[1] * 99)})), "damaged"),
        (document(model("m", {"input": {"kind": "json", "schema": functools.reduce(
            lambda inner, _: {"type": "array", "items": inner}, range(200), {})}})), "deeper"),
    ],
)  # fmt: skip
def test_damaged_documents_are_refused(damaged: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        typescript_client(damaged)


WORDS = re.findall(
    r"\S+",
    "type anyOf allOf oneOf $ref properties items prefixItems enum const required minItems maxItems "
    "additionalProperties description nullable",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS) | st.text(max_size=5),
            inner | st.sampled_from(["object", "array", "string", "#/a", "#/properties"]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_schema_gives_a_type(schema: Any) -> None:
    types = Types({}, Names(""))
    assert types.of(schema)
    assert all("\n" not in line for line in types.definitions())


@given(st.text(st.characters(codec=None)))
def test_literals_and_comments_hold_any_text(text: str) -> None:
    assert json.loads(quote(text)) == text
    assert all(c == " " or c.isprintable() for c in quote(text) + key(text))
    lines = comment(text)
    assert "".join(lines).count("*/") == bool(lines)
    assert all(line.isprintable() for line in lines)


def test_names_never_repeat() -> None:
    names = Names("export class Taken")
    chosen = [names.choose(stem, "Input") for stem in ["a-b", "a b", "aB", "9", "", "数"]]
    assert chosen == ["ABInput", "AB2Input", "AB3Input", "Model9Input", "ValueInput", "Value2Input"]
    assert names.choose("taken") == "Taken2"


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = self.server.answer  # type: ignore[attr-defined]
        if self.headers.get("authorization") != "Bearer right":
            status = 401
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.setenv("FLAMBEAU_API_KEY", "right")
    monkeypatch.setenv("no_proxy", "*")
    made = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def client(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["client", *map(str, arguments)])
    return result.exit_code, result.output


def test_command_asks_a_server(server: HTTPServer, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.server_port}/"
    out = tmp_path / "new" / "client.ts"
    server.answer = 200, json.dumps(ZOO["fields"]).encode()  # type: ignore[attr-defined]
    assert client(out, "--url", url, "--check")[0] == 1
    assert not out.exists()
    code, output = client(out, "--url", url)
    assert code == 0 and "written" in output
    assert out.read_text(encoding="utf-8") == typescript_client(ZOO["fields"])
    assert client(out, "--url", url, "--check") == (0, f"{out}: up to date\n")
    server.answer = 200, json.dumps(ZOO["text"]).encode()  # type: ignore[attr-defined]
    code, output = client(out, "--url", url, "--check")
    assert code == 1 and "out of date" in output


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [(500, b"", "status 500"), (200, b"<html>", "no JSON"), (200, b"{}", "not the OpenAPI"),
     (200, b"[" * 100_000, "no JSON")],
)  # fmt: skip
def test_command_says_what_is_wrong(
    server: HTTPServer, tmp_path: Path, status: int, body: bytes, message: str
) -> None:
    server.answer = status, body  # type: ignore[attr-defined]
    code, output = client(tmp_path / "x.ts", "--url", f"http://127.0.0.1:{server.server_port}")
    assert code == 1 and message in output


def test_command_needs_the_key(
    server: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLAMBEAU_API_KEY")
    server.answer = 200, b"{}"  # type: ignore[attr-defined]
    code, output = client(tmp_path / "x.ts", "--url", f"http://127.0.0.1:{server.server_port}")
    assert code == 1 and "FLAMBEAU_API_KEY" in output


def test_command_takes_what_serve_takes(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    file = tmp_path / "served_by_test.py"
    file.write_text(
        "from flambeau.serve import Text, serve\n"
        "app = serve(lambda texts: texts, input=Text(), output=Text(), name='echo')\nother = 3\n"
    )
    out = tmp_path / "client.ts"
    assert client(out, "--app", file, "--react")[0] == 0
    assert "readonly echo:" in out.read_text(encoding="utf-8")
    hooks = tmp_path / "client-react.ts"
    assert hooks.read_text(encoding="utf-8") == react_hooks("./client")
    assert client(out, "--app", file, "--react", "--check")[0] == 0
    hooks.write_text("old")
    assert client(out, "--app", file, "--check")[0] == 0
    code, output = client(out, "--app", file, "--react", "--check")
    assert code == 1 and "client-react.ts is out of date" in output
    for target in [f"{file}:other", f"{file}:missing", tmp_path / "no.py"]:
        code, output = client(out, "--app", target)
        assert code == 1 and "flambeau: " in output
    assert client(out, "--url", "file:///etc/passwd")[0] == 1


def test_hooks_compile_beside_a_client(tmp_path: Path) -> None:
    compiler()
    (tmp_path / "api.ts").write_text(typescript_client(ZOO["text"]), encoding="utf-8")
    (tmp_path / "api-react.ts").write_text(react_hooks("./api"), encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(WEB / "node_modules")
    (tmp_path / "page.ts").write_text(
        'import { Client } from "./api";\n'
        'import { useChat, useCompletion } from "./api-react";\n'
        "export function usePage(client: Client): string {\n"
        '  const chat = useChat(client, { params: { model: "other" } });\n'
        "  const { text } = useCompletion(client);\n"
        "  return text + String(chat.messages.length);\n"
        "}\n"
    )
    compile_files(tmp_path, "--noEmit", "--skipLibCheck", "--lib", "es2022,dom")

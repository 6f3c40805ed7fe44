"""Write the typed C++ callers of each operator room, csrc/ops/<family>.h, from its schemas.

    python tools/op_headers.py            # write what changed
    python tools/op_headers.py --check    # exit 1 if a header is stale

The rooms are run through the C++ preprocessor, so schemas that macros put together count too. The
headers are committed: a build generates nothing.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPS = ROOT / "csrc" / "ops"

TYPES = {
    "Tensor": "const Tensor&",
    "Tensor?": "const Tensor&",
    "Tensor|Number": "const Tensor&",
    "Number|Tensor": "const Tensor&",
    "Tensor[]": "std::span<const Tensor>",
    "Tensor?[]": "std::span<const Tensor>",
    "int": "int64_t",
    "int[]": "Ints",
    "float": "double",
    "float[]": "std::span<const double>",
    "bool": "bool",
    "Scalar": "const Scalar&",
    "ScalarType": "DType",
    "Device": "Device",
    "MemoryFormat": "MemoryFormat",
    "str": "std::string_view",
    "Generator": "Generator*",
    "Generator?": "Generator*",
}
RETURNS = {
    "Tensor": "Tensor",
    "Tensor[]": "Tensors",
    "int": "int64_t",
    "bool": "bool",
    "float": "double",
    "Scalar": "Scalar",
    "()": "void",
}
KEYWORDS = {
    "and",
    "or",
    "not",
    "xor",
    "bool",
    "int",
    "float",
    "double",
    "default",
    "operator",
    "new",
}


def schemas(source: Path) -> list[tuple[str, bool]]:
    """Schema texts of a room, each with whether the record has an in-place form."""
    text = subprocess.run(
        ["g++", "-std=c++20", "-E", "-P", f"-I{ROOT / 'csrc'}", str(source)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = []
    for block in re.split(r"::fb::OpRecord\s*\{", text)[1:]:
        match = re.match(r'\s*\.schema\s*=\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', block)
        if not match:
            raise SystemExit(f"{source}: a record does not start with .schema")
        names = re.search(
            r'\.names\s*=\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', block[: block.find(".forward")]
        )
        listed = joined(names.group(1)) if names else ""
        found.append((joined(match.group(1)), bool(re.search(r"[a-z0-9]_(,|$)", listed))))
    return found


def joined(literals: str) -> str:
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


def split_arguments(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    tail = text[start:].strip()
    return [*parts, tail] if tail else parts


def cpp_type(schema_type: str) -> str:
    plain = re.sub(r"\(\w+!?\)", "", schema_type)
    plain = re.sub(r"\[\d+\]", "[]", plain)
    if plain in TYPES:
        return TYPES[plain]
    inner = TYPES[plain.removesuffix("?")].removeprefix("const ").removesuffix("&")
    return f"std::optional<{inner}>"


def cpp_default(default: str, kind: str) -> str:
    if default == "None":
        return {"const Tensor&": "Tensor()", "Generator*": "nullptr"}.get(kind, "std::nullopt")
    if default in ("True", "False"):
        return default.lower()
    if default.startswith("["):
        return "Ints()" if default == "[]" else f"Dims{{{default[1:-1]}}}"
    if default in ("contiguous_format", "preserve_format"):
        return "MemoryFormat::" + ("Contiguous" if default.startswith("c") else "Preserve")
    if default.startswith(("'", '"')):
        return f'"{default[1:-1]}"'
    if kind == "Ints":
        return f"Dims{{{default}}}"
    return default


def caller(schema: str, inplace: bool) -> str:
    head, result = re.fullmatch(r"([\w.]+\(.*\))\s*->\s*(.+)", schema).groups()
    full_name, body = head.split("(", 1)
    name = full_name.split(".")[0]
    if name in KEYWORDS:
        name += "_op"
    parameters, names = [], []
    defaults = True
    pieces = [p for p in split_arguments(body[:-1]) if p != "*"]
    for piece in reversed(pieces):
        declared, _, default = piece.partition("=")
        schema_type, argument = declared.rsplit(" ", 1)
        if argument in KEYWORDS:
            argument += "_"
        kind = cpp_type(schema_type)
        defaults = defaults and bool(default)  # C++ wants defaults at the end only
        parameters.insert(
            0, f"{kind} {argument}" + (f" = {cpp_default(default, kind)}" if defaults else "")
        )
        names.insert(0, argument)
    if result in RETURNS:
        returns = RETURNS[result]
    else:
        returns = f"std::tuple<{', '.join('Tensor' for _ in split_arguments(result.strip('()')))}>"
    lines = [
        f"inline {returns} {name}({', '.join(parameters)}) {{",
        f'  static const OpDef& op = find_op("{full_name}");',
        f"  return call_op<{returns}>({', '.join(['op', *names])});",
        "}",
    ]
    if inplace and not name.endswith("_"):
        lines += [
            f"inline Tensor {name}_({', '.join(parameters)}) {{",
            f'  static const OpDef& op = find_op("{full_name}");',
            f"  return call_inplace({', '.join(['op', *names])});",
            "}",
        ]
    return "\n".join(lines)


def header(source: Path) -> str:
    callers = [caller(schema, inplace) for schema, inplace in schemas(source)]
    return "\n".join(
        [
            f"// Callers of the operators in {source.name}; written by tools/op_headers.py.",
            "// clang-format off",
            "#pragma once",
            '#include "ops/op.h"',
            "",
            "namespace fb {",
            *callers,
            "}  // namespace fb",
            "",
        ]
    )


def main() -> int:
    check = "--check" in sys.argv
    rooms = [p for p in sorted(OPS.glob("*.cpp")) if "OP(" in p.read_text()]
    for room in rooms:
        room.with_suffix(".h").touch()
    stale = []
    for room in rooms:
        text = header(room)
        target = room.with_suffix(".h")
        if target.read_text() != text:
            stale.append(target.name)
            if not check:
                target.write_text(text)
    if stale:
        print(("stale: " if check else "wrote: ") + ", ".join(stale))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

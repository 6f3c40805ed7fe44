"""docs/operators.md: every operator by name, with signature, derivative and description."""

from __future__ import annotations

from typing import Any

from tools.stubs.schemas import by_name, signatures

INTRODUCTION = """\
# Operators

Written by `tools/write_stubs.py` from the operator registry: run it, do not edit.

Each entry gives the Python forms, the family (the room `csrc/ops/<family>.cpp`, or
`src/flambeau/ops/<family>.py` where it says Python) and how gradients pass. Functional forms also
take `out=`. Methods and in-place forms (`add_`) take the tensor as their first argument.
"""
GRADIENTS = {
    "function": "differentiable",
    "composite": "differentiable (made of other operators)",
    "no_gradient": "the result never requires a gradient",
    "not_differentiable": "not differentiable",
}
PLAIN = {
    "_int": "int",
    "_float": "float",
    "_bool": "bool",
    "_Number": "Number",
    "_Dtype": "dtype",
    "_Device": "device",
    "_Format": "memory_format",
    "_Generator": "Generator",
}


def readable(signature: str) -> str:
    for name, plain in PLAIN.items():
        signature = signature.replace(name, plain)
    return signature.replace(", out: Tensor | None = None", "").replace(", *)", ")")


def title(names: list[str]) -> str:
    functions = [name for name in names if not name.startswith("Tensor.")]
    return min(functions or names, key=lambda name: (name.endswith("_"), name.count("."), name))


def entry(name: str, records: list[dict[str, Any]], overloads: Any) -> list[str]:
    lines = [f"## {name}", "", "```python"]
    for schema, _ in overloads[name]:
        form = readable(signatures(schema, name)[0])
        prefix = name.rpartition(".")[0]
        lines.append(f"{prefix}.{form}" if prefix else form)
    lines += ["```", ""]
    others = sorted({other for record in records for other in record["names"]} - {name})
    if others:
        lines += [f"Also: {', '.join(f'`{other}`' for other in others)}.", ""]
    first = records[0]
    room = f"{first['family']}{' (Python)' if first['python'] else ''}"
    gradient = GRADIENTS[first["vjp"]] + (f": {first['why']}" if first["why"] else "")
    kind = "; shares memory with its input" if first["view"] else ""
    lines += [f"Family {room}; {gradient}{kind}.", ""]
    for doc in dict.fromkeys(record["doc"].strip() for record in records):
        lines += [described(doc), ""] if doc else []
    return lines


def described(doc: str) -> str:
    """A record's text; its example as code."""
    text, found, example = doc.partition("Example::")
    if not found:
        return doc
    code = "\n".join(line.removeprefix("    ") for line in example.strip("\n").splitlines())
    return f"{text.strip()}\n\n```python\n{code.strip()}\n```"


def operator_page(registry: list[dict[str, Any]]) -> str:
    overloads = by_name(registry)
    entries: dict[str, list[dict[str, Any]]] = {}
    for record in registry:
        if record["names"]:
            entries.setdefault(title(record["names"]), []).append(record)
    lines = [INTRODUCTION, f"{len(overloads):,} names.", ""]
    for name in sorted(entries, key=str.lower):
        lines += entry(name, entries[name], overloads)
    return "\n".join(lines)

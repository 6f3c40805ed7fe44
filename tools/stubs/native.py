"""_C.pyi: the extension's classes and functions, Tensor with the registry's methods."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Collection
from typing import Any

from tools.stubs import native_table as table
from tools.stubs.schemas import by_name, result_class, signatures

# Names in nanobind's signatures as the stub has them.
NANOBIND = [
    (r"\bflambeau\._C\.", ""),
    (r"\bflambeau\.", ""),
    (r"\bcollections\.abc\.Callable\b", "Callable[..., Any]"),
    (r"\bint\b", "_int"),
    (r"\bfloat\b", "_float"),
    (r"\bbool\b", "_bool"),
    (r"\bobject\b", "Any"),
    (r"\bdict\b", "dict[str, Any]"),
    (r"\blist\b", "list[Any]"),
    (r"\btuple\b", "tuple[Any, ...]"),
    (r"\\0", "None"),
    (r"^def \w+", ""),
]
CONSTANTS = ("dtype", "layout", "memory_format", "Generator")


def defined(name: str, forms: str | list[str], decorator: str = "") -> str:
    """A definition, overloaded where it has several forms (each with parameters and result)."""
    forms = [forms] if isinstance(forms, str) else forms
    lines = []
    for form in forms:
        lines += ["@overload"] if len(forms) > 1 else []
        lines += [decorator] if decorator else []
        lines.append(f"def {name}{form}: ...")
    return "\n".join(lines)


def operator_stub(dotted: str, overloads: list[Any]) -> str:
    name = dotted.rsplit(".", 1)[-1]
    forms = [form for schema, _ in overloads for form in signatures(schema, dotted)]
    return defined(name, [form.removeprefix(name) for form in dict.fromkeys(forms)])


def nanobind_form(function: Any) -> str:
    """The signature that nanobind writes, in the stub's names."""
    form = str(function.__nb_signature__[0][0])
    for pattern, replacement in NANOBIND:
        form = re.sub(pattern, replacement, form)
    return form


def guessed_form(function: Any) -> str:
    """Parameters of a Python function; a result only where it says one that needs no import."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return "(self, *args: Any, **kwargs: Any) -> Any"
    pieces, star = [], False
    for number, parameter in enumerate(signature.parameters.values()):
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            pieces.append("*")
        star = star or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        default = "" if parameter.default is parameter.empty else " = ..."
        prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(
            parameter.kind, ""
        )
        annotation = "" if number == 0 else ": Any"
        pieces.append(f"{prefix}{parameter.name}{annotation}{default}")
    returns = {"'Tensor'": "Tensor", "None": "None", "Tensor": "Tensor"}
    return f"({', '.join(pieces)}) -> {returns.get(str(signature.return_annotation), 'Any')}"


def tensor_stub(tensor: Any, operators: dict[str, list[Any]]) -> str:
    methods = {
        dotted.removeprefix("Tensor."): overloads
        for dotted, overloads in operators.items()
        if dotted.startswith("Tensor.")
    }
    lines, done = [], set(methods) | table.IGNORED
    for name, kind in table.TENSOR_ATTRIBUTES.items():
        check_exists(tensor, name)
        read_only = f"@property\ndef {name}(self) -> {kind}: ..."
        lines.append(f"{name}: {kind}" if name in table.WRITABLE else read_only)
        done.add(name)
    for group, decorator in (
        (table.TENSOR_METHODS, ""),
        (table.STATIC_METHODS, "@staticmethod"),
        (table.CLASS_METHODS, "@classmethod"),
    ):
        for name, forms in group.items():
            if name in methods:
                continue
            if name != "__buffer__":  # a method of that name from Python 3.12 on
                check_exists(tensor, name)
            lines.append(defined(name, forms, decorator))
            done.add(name)
    for name, value in sorted(vars(tensor).items()):
        if name in done:
            continue
        if isinstance(value, property) or inspect.isdatadescriptor(value):
            lines.append(f"@property\ndef {name}(self) -> Any: ...")
        elif callable(value):
            lines.append(defined(name, guessed_form(value)))
        else:
            lines.append(f"{name}: ClassVar[Any]")
    lines += [operator_stub(f"Tensor.{name}", overloads) for name, overloads in methods.items()]
    return "class Tensor:\n" + textwrap.indent("\n".join(lines), "    ")


def check_exists(owner: Any, name: str) -> None:
    if not hasattr(owner, name):
        raise SystemExit(f"tools/stubs/native_table.py names {name}, which {owner} does not have")


def class_stub(head: str, body: str) -> str:
    body = textwrap.dedent(body).strip() or "..."
    return f"class {head}:\n" + textwrap.indent(body, "    ")


def named_results(operators: dict[str, list[Any]]) -> list[str]:
    found = {
        tuple(schema.result_names)
        for overloads in operators.values()
        for schema, _ in overloads
        if schema.result_names
    }
    return [
        class_stub(
            f"{result_class(list(names))}(NamedTuple)",
            "\n".join(f"{name}: Tensor" for name in names),
        )
        for names in sorted(found)
    ]


def extension_stub(module: Any, registry: list[dict[str, Any]]) -> str:
    operators = by_name(registry)
    parts = [table.HEADER]
    for head, body in table.CLASSES.items():
        check_exists(module, head.split("(")[0])
        parts.append(class_stub(head, body))
    parts += [*named_results(operators), table.ALIASES, tensor_stub(module.Tensor, operators)]
    classes = {head.split("(")[0] for head in table.CLASSES} | {"Tensor"}
    names = {name: value for name, value in sorted(vars(module).items()) if name not in classes}
    for name, value in names.items():
        if type(value).__name__ in CONSTANTS:
            parts.append(f"{name}: {type(value).__name__}")
        elif name in table.FUNCTIONS:
            parts.append(defined(name, table.FUNCTIONS[name]))
        elif hasattr(value, "__nb_signature__"):
            parts.append(defined(name, nanobind_form(value)))
        elif isinstance(value, type):
            parts.append(class_stub(name, "def __getattr__(self, name: str) -> Any: ..."))
        elif callable(value):
            parts.append(defined(name, "(*args: Any, **kwargs: Any) -> Any"))
    return "\n".join([*parts, ""])


def namespace_stub(
    prefix: str, registry: list[dict[str, Any]], hidden: Collection[str] = ()
) -> str:
    """A module of the operators in a dotted namespace, but those that something else hides."""
    start = f"{prefix}." if prefix else ""
    operators = {
        dotted: overloads
        for dotted, overloads in by_name(registry).items()
        if dotted.startswith(start)
        and "." not in dotted.removeprefix(start)
        and dotted not in hidden
    }
    results = [result.split("(")[0].removeprefix("class ") for result in named_results(operators)]
    imports = sorted(
        [
            *("Generator", "Tensor", "_Device", "_Dtype", "_Format", "_Generator", "_Number"),
            "layout",
            *results,
        ]
    )
    head = table.HEADER.split("\n_Number")[0]
    return "\n".join(
        [
            head,
            f"from flambeau._C import {', '.join(imports)}",
            "",
            f"__all__ = {sorted(dotted.removeprefix(start) for dotted in operators)}",
            "",
            *(operator_stub(dotted, overloads) for dotted, overloads in operators.items()),
            "",
        ]
    )

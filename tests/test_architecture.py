"""The arrows of DESIGN section 1: which part of the house may know of which."""

import ast
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import flambeau

ROOT = Path(__file__).parents[1]
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "src" / "flambeau"

# What each native part may include besides itself.
NATIVE_ARROWS = {
    "core": set(),
    "autograd": {"core"},
    "ops": {"core", "autograd"},
    "cpu": {"core", "autograd", "ops"},
    "cuda": {"core", "autograd", "ops"},
    "python": {"core", "autograd", "ops", "cpu", "cuda"},
}
# What each part of the package must not import; "" is the package's own top level.
FIELDS = {"vision", "text", "recommend", "serve", "cli", "as_torch"}
PYTHON_FORBIDDEN = {
    "": FIELDS,
    "ops": FIELDS | {"nn", "optim", "io"},
    "autograd": FIELDS | {"nn", "optim", "io"},
    "nn": FIELDS | {"optim"},
    "optim": FIELDS | {"nn"},
    "io": FIELDS,
    "utils": FIELDS,
    "vision": {"text", "recommend", "serve", "cli"},
    "text": {"vision", "recommend", "serve", "cli"},
    "recommend": {"vision", "text", "serve", "cli"},
    "serve": {"cli"},
}
# What `import flambeau` must not load: each costs more than everything flambeau itself needs.
HEAVY = {"numpy", "PIL", "rich", "tqdm", "typer", "matplotlib", "safetensors", "torch", "asyncio"}


def included(path: Path) -> Iterator[Path]:
    """The project's own files that ``path`` includes, relative to csrc."""
    for name in re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(), re.MULTILINE):
        for base in (CSRC, path.parent):
            target = (base / name).resolve()
            if target.is_file() and target.is_relative_to(CSRC):
                yield target.relative_to(CSRC)
                break


def native_files() -> list[Path]:
    return sorted(p for p in CSRC.rglob("*") if p.suffix in {".h", ".cpp", ".cu"})


def part_of(path: Path) -> str:
    return path.relative_to(CSRC).parts[0]


def test_native_arrows() -> None:
    """core <- autograd <- ops <- cpu, cuda <- python."""
    wrong = [
        f"{path.relative_to(ROOT)} includes {target}"
        for path in native_files()
        for target in included(path)
        if target.parts[0] not in NATIVE_ARROWS[part_of(path)] | {part_of(path)}
    ]
    assert not wrong, "\n".join(wrong)


def test_no_unknown_native_part() -> None:
    assert {part_of(path) for path in native_files()} <= NATIVE_ARROWS.keys()


def test_only_the_python_part_knows_python() -> None:
    knows = re.compile(r'#\s*include\s+[<"](Python\.h|nanobind/|numpy/)')
    wrong = [
        str(path.relative_to(ROOT))
        for path in native_files()
        if part_of(path) != "python" and knows.search(path.read_text())
    ]
    assert not wrong, wrong


@pytest.mark.parametrize("backend", ["cpu", "cuda"])
def test_a_kernel_includes_no_other_rooms_kernel(backend: str) -> None:
    # A room may be several files: conv.h serves conv.cpp, conv_plain.cpp and so on.
    rooms = {p.stem for p in (CSRC / "ops").glob("*.cpp") if "OP(" in p.read_text()}
    wrong = [
        f"{path.relative_to(ROOT)} includes {target}"
        for path in native_files()
        if part_of(path) == backend
        for target in included(path)
        if target.suffix != ".h"
        or (
            target.parts[0] == backend
            and target.stem in rooms - {path.stem}
            and not path.stem.startswith(f"{target.stem}_")
        )
    ]
    assert not wrong, "\n".join(wrong)


def run_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from run_nodes(node)


def imported(path: Path) -> Iterator[str]:
    """Full dotted names of what a Python file imports, at any depth."""
    package = ("flambeau", *path.relative_to(PACKAGE).parent.parts)
    for node in run_nodes(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += [node.module] if node.module else []
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in node.names)


def python_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    if parts == ("__main__.py",):
        return "cli"
    return parts[0] if len(parts) > 1 else ""


def test_python_arrows() -> None:
    wrong = []
    for path in python_files():
        forbidden = PYTHON_FORBIDDEN.get(room_of(path), set())
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "flambeau" and len(parts) > 1 and parts[1] in forbidden:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_serving_uses_public_names_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in python_files()
        if room_of(path) == "serve"
        for name in imported(path)
        if name.startswith("flambeau.")
        and not name.startswith("flambeau.serve")
        and any(part.startswith("_") for part in name.split("."))
    ]
    assert not wrong, "\n".join(wrong)


def test_import_is_lazy() -> None:
    """`import flambeau` loads nothing it does not need."""
    listing = subprocess.run(
        [sys.executable, "-c", "import sys, flambeau; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    loaded = {name.split(".")[0] for name in listing.split()} & HEAVY
    assert not loaded, f"import flambeau loads {sorted(loaded)}"


SUBMODULES = sorted(m.name for m in pkgutil.iter_modules([PACKAGE]) if m.name[0] != "_")


@pytest.mark.parametrize("name", SUBMODULES)
def test_submodules_load_as_attributes(name: str) -> None:
    program = f"import flambeau; assert flambeau.{name}.__name__ == 'flambeau.{name}'"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert name in dir(flambeau)


# Programs reach these with nothing imported but the package.
NESTED = [
    "autograd.functional.jacobian",
    "autograd.gradcheck",
    "nn.functional.relu",
    "nn.init.zeros_",
    "nn.utils.rnn.pad_sequence",
    "optim.lr_scheduler.StepLR",
    "utils.data.DataLoader",
    "vision.datasets.Digits",
]


@pytest.mark.parametrize("name", NESTED)
def test_nested_names_load_as_attributes(name: str) -> None:
    subprocess.run([sys.executable, "-c", f"import flambeau; flambeau.{name}"], check=True)
    package = eval("flambeau." + name.split(".")[0])
    assert not hasattr(package, "no_such_part")


def test_every_listed_name_exists() -> None:
    assert [name for name in dir(flambeau) if not hasattr(flambeau, name)] == []
    with pytest.raises(AttributeError, match="module 'flambeau' has no attribute 'no_such_part'"):
        _ = flambeau.no_such_part


def test_files_are_short_and_portable() -> None:
    """No file over 1,000 lines, no path of one machine, no unfinished place."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs the git checkout")
    lint = subprocess.run(
        [sys.executable, ROOT / "tools" / "lint_files.py"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert lint.returncode == 0, lint.stdout

"""Write the type stubs and the operator reference page from the operator registry.

    python tools/write_stubs.py            # write what changed
    python tools/write_stubs.py --check    # exit 1 if a file is stale

Needs the built extension. The files are committed; tests/test_stubs.py checks that they are fresh.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from tools.stubs.native import extension_stub, namespace_stub  # noqa: E402
from tools.stubs.page import operator_page  # noqa: E402


def all_texts() -> dict[Path, str]:
    """The text of each file that is written."""
    from flambeau import _C, _functions, ops

    if hasattr(ops, "load_all"):
        ops.load_all()
    registry = _C._registry()
    package = ROOT / "src" / "flambeau"
    texts = {
        package / "_C.pyi": extension_stub(_C, registry),
        ROOT / "docs" / "operators.md": operator_page(registry),
    }
    prefixes = {name.rpartition(".")[0] for record in registry for name in record["names"]}
    for prefix in sorted(prefixes - {"Tensor"}):
        name = prefix.replace(".", "_") or "__init__"
        texts[package / "_operators" / f"{name}.pyi"] = namespace_stub(
            prefix, registry, hidden=() if prefix else _functions.__all__
        )
    return texts


def stale() -> dict[Path, str]:
    return {
        path: text
        for path, text in all_texts().items()
        if not path.is_file() or path.read_text() != text
    }


def main() -> int:
    check = "--check" in sys.argv[1:]
    found = stale()
    for path, text in found.items():
        print("stale:" if check else "wrote:", path.relative_to(ROOT))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())

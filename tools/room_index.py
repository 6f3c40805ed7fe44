"""Writes src/flambeau/ops/index.py: which operator room written in Python has which names.

Run it after adding an operator to such a room; it needs the built extension.
"""

import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
OPS = ROOT / "src" / "flambeau" / "ops"
NO_ROOMS = {"__init__", "index", "record"}


def index_text() -> str:
    """The text of index.py, from what the rooms register."""
    from flambeau import _C
    from flambeau.ops import load

    rooms = sorted(
        path.stem
        for path in OPS.glob("*.py")
        if path.stem not in NO_ROOMS and not path.stem.startswith("_")
    )
    for room in rooms:
        load(room)
    names: dict[str, list[str]] = {room: [] for room in rooms}
    for record in _C._registry():
        if record["python"] and record["family"] in names:
            names[record["family"]] += record["names"]
    lines = [
        '"""Which room has which names. Written by tools/room_index.py: run it, do not edit."""',
        "",
        "ROOMS = {",
    ]
    for room in rooms:
        text = textwrap.fill(" ".join(dict.fromkeys(names[room])), 92, break_on_hyphens=False)
        lines += [f'    "{room}": """', textwrap.indent(text, "        "), '    """,']
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "src"))
    (OPS / "index.py").write_text(index_text())

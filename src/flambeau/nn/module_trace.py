"""Notes on exceptions that say which submodule they come from."""

from __future__ import annotations

from typing import Any


def note_module_path(error: BaseException, module: Any) -> None:
    """Record on ``error`` that it passed through the call of ``module``.

    Called at every level on the way out; each level puts its part of the path in front, so that
    one note with the full path is left.
    """
    trail = error.__dict__.get("_module_trail")
    if trail is None:
        trail = error.__dict__["_module_trail"] = {"inner": module, "outer": module, "path": ""}
    else:
        if trail["outer"] is module:
            return
        below = _path_below(module, trail["outer"])
        if below is None:
            return
        trail["path"] = f"{below}.{trail['path']}" if trail["path"] else below
        trail["outer"] = module
    notes = error.__dict__.setdefault("__notes__", [])
    if trail.get("note") in notes:
        notes.remove(trail["note"])
    trail["note"] = _text(trail)
    error.add_note(trail["note"])


def _path_below(module: Any, wanted: Any) -> str | None:
    """Return the dotted path of ``wanted`` below ``module``, None if it is elsewhere."""
    for path, candidate in module.named_modules():
        if candidate is wanted:
            return path
    return None


def _text(trail: dict[str, Any]) -> str:
    inner = type(trail["inner"]).__name__
    if not trail["path"]:
        return f"raised in module {inner}"
    return f"raised in module '{trail['path']}' ({inner}) of {type(trail['outer']).__name__}"

"""Data in and out: loaders and files."""

from __future__ import annotations

import importlib
import itertools
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.rows import Draw, Names, Row


def loader(t: Any, draw: Draw) -> Names:
    data = importlib.import_module(f"{t.__name__}.utils.data")
    pictures, labels = draw(4096, 3, 32, 32), draw.integers(10, 4096)
    batches = data.DataLoader(data.TensorDataset(pictures, labels), batch_size=64, shuffle=True)

    def check() -> list[Any]:
        t.manual_seed(0)
        return [t.cat([x[0, 0, 0] for x, _ in batches])]

    return {"batches": batches, "check": check}


def files(t: Any, draw: Draw) -> Names:
    """Each library's own format, in a folder that goes with the worker."""
    folder = tempfile.TemporaryDirectory()
    ending = "pt" if t.__name__ == "torch" else "safetensors"
    path = str(Path(folder.name, f"model.{ending}"))
    numbers = itertools.count()

    def save_new() -> None:
        """As after an epoch: a name of its own; the last but one goes."""
        number = next(numbers)
        t.save(state, f"{folder.name}/{number}.{ending}")
        Path(f"{folder.name}/{number - 2}.{ending}").unlink(missing_ok=True)

    state = {f"layer{i}": draw(2**17, 10) for i in range(20)}

    def load() -> Any:
        loaded = t.load(path)
        return t.stack([loaded[name].sum() for name in state])

    def check() -> list[Any]:
        t.save(state, path)
        return [load()]

    t.save(state, path)
    return {
        "save": t.save,
        "save_new": save_new,
        "load": load,
        "state": state,
        "path": path,
        "check": check,
        "_": folder,
    }


Row("DataLoader, 4096 pictures", "data", "for batch in batches: pass", loader, grad=False)
Row("save 100 MB", "data", "save_new()", files, grad=False)
Row("save 100 MB over a file", "data", "save(state, path)", files, grad=False)
Row("load and sum 100 MB", "data", "load()", files, grad=False)

"""What all tests share."""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType


class _NoTorch(MetaPathFinder):
    """Makes PyTorch look as if it were not installed; other packages ask for it, too."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch': FLAMBEAU_ORACLE is 0", name=name)


if os.environ.get("FLAMBEAU_ORACLE") == "0":
    # What needs it as the oracle is skipped, with that reason.
    sys.meta_path.insert(0, _NoTorch())

"""Print what building flambeau needs (or, with --run, what running it needs) in the form of a
requirements file.

pyproject.toml is the one place that says so; CMake and Ninja are added where the machine has none.
"""

import shutil
import sys
import tomllib
from pathlib import Path


def main() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    if "--run" in sys.argv[1:]:
        needed = project["project"]["dependencies"]
        for extra in project["project"]["optional-dependencies"].values():
            needed += extra
    else:
        needed = project["build-system"]["requires"]
        needed += [tool for tool in ("cmake", "ninja") if not shutil.which(tool)]
    print(*needed, sep="\n")


if __name__ == "__main__":
    main()

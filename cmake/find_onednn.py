"""Print the paths of oneDNN's library and headers, as their Python packages installed them."""

import importlib.metadata
import sys


def installed(package: str, ending: str) -> str:
    for file in importlib.metadata.files(package) or ():
        if str(file).endswith(ending):
            return str(file.locate().resolve())
    sys.exit(f"{package} is installed without {ending}")


library = installed("onednn-cpu-gomp", "libdnnl.so.3")
header = installed("onednn-devel-cpu-gomp", "include/dnnl.hpp")
print(library, header.removesuffix("/dnnl.hpp"), sep=";")

"""Serve the network that train.py wrote, with a page on which to draw digits.

python examples/digits/page.py            until Ctrl-C; open the printed address
python examples/digits/page.py --check    draw a digit in a headless browser, tell what the page
                                          reads while it is drawn, and stop
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def command(model: Path, port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "flambeau",
        "serve",
        str(model),
        "--port",
        str(port),
        "--no-access-log",
    ]


def check(model: Path) -> int:
    """Serve on a free port and have web/playground/browser/demo.mjs draw on the page."""
    sys.path.insert(0, str(ROOT / "tools"))
    from web import find_node

    found = find_node()
    if found is None or shutil.which("chromium") is None:
        print("the page was not tried: Node.js and Chromium are needed to draw without a person")
        return 0
    node = found[1] / "node"
    with subprocess.Popen(command(model, 0), stdout=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://\S+", server.stdout.readline())
            if address is None:
                return 1  # the server has said why
            script = ROOT / "web/playground/browser/demo.mjs"
            return subprocess.run([node, script, address[0], model.parent]).returncode
        finally:
            server.send_signal(signal.SIGTERM)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=Path("runs/digits/model.safetensors"))
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if not options.model.is_file():
        parser.error(f"{options.model} is not there: run examples/digits/train.py first")
    if options.check:
        return check(options.model)
    print("\nDraw a digit on the page at the address below; Ctrl-C ends the server.", flush=True)
    os.execv(sys.executable, command(options.model, options.port))


if __name__ == "__main__":
    raise SystemExit(main())

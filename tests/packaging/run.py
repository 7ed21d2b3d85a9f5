"""Installs the packed wheel and npm tarballs into empty places and runs the README's quickstarts
there, word for word.

Usage: run.py [--exits N] [--dist FOLDER]. Expects the wheel and the tarballs in dist, as
`make wheel npm-pack` leaves them, or in FOLDER, where those of other platforms may stand by.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MAX_WHEEL_MB = 8.0
EXIT_SCRIPT = """
import asyncio
from sessionwire import AsyncAgi, Emulator

async def main():
    async with Emulator() as emulator, emulator.async_agi() as client:
        await client.sessions.list()

asyncio.run(main())
"""


def blocks(kind: str) -> list[str]:
    """The README's code blocks that are marked as quickstarts of this kind."""
    readme = (ROOT / "README.md").read_text()
    found = re.findall(rf"<!-- quickstart: {kind} -->\n```\w+\n(.*?)```", readme, re.DOTALL)
    assert found, f"the README has no {kind} quickstart"
    return list(found)


def pythons() -> dict[str, str]:
    """The interpreters from 3.11 on, by version: those on the path, and those that pyenv keeps."""
    candidates = [sys.executable, *(f"python3.{minor}" for minor in range(11, 20))]
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True).stdout
        candidates += [str(path) for path in Path(root.strip()).glob("versions/3.*/bin/python")]
    found: dict[str, str] = {}
    for candidate in candidates:
        if not shutil.which(candidate):
            continue
        code = (
            "import sys; "
            "gil = getattr(sys, '_is_gil_enabled', lambda: True)(); "
            "print(*sys.version_info[:2], gil)"
        )
        asked = subprocess.run([candidate, "-c", code], capture_output=True, text=True)
        if asked.returncode == 0:
            major, minor, gil = asked.stdout.split()
            # The stable ABI does not cover the builds without a GIL.
            if (int(major), int(minor)) >= (3, 11) and gil != "False":
                found.setdefault(f"{major}.{minor}", candidate)
    return found


def run(command: list[str], folder: Path, expect: str | None = None) -> str:
    """Runs a command in a folder, with nothing of this checkout in the environment."""
    hidden = ("PYTHON", "NODE_PATH", "AGI_", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or (expect and expect not in done.stdout):
        print(done.stdout, done.stderr, sep="\n")
        sys.exit(f"FAILED ({done.returncode}): {' '.join(command)}")
    return done.stdout


def newest(dist: Path, pattern: str, *platforms: str) -> Path:
    """The package that was built last, of those for one of the platforms."""
    found = [path for path in dist.glob(pattern) if any(each in path.name for each in platforms)]
    if not found:
        sys.exit(f"{dist}/{pattern} is missing: run `make wheel npm-pack` first")
    return max(found, key=lambda path: path.stat().st_mtime)


def this_wheel(dist: Path) -> Path:
    """The wheel for this machine: a release has one for each platform."""
    machine = platform.machine()
    libc = "linux" if platform.libc_ver()[0] else "musllinux"
    names = {"Linux": libc, "Darwin": "macosx", "Windows": "win"}
    tag = names[platform.system()]
    return newest(dist, f"sessionwire-*-*{tag}*{machine}*.whl", f"-{tag}", f"-many{tag}")


def this_library(dist: Path) -> Path:
    """The npm package with the library for this machine."""
    asked = "const r = process.report.getReport().header;" + (
        "console.log(process.platform + '-' + process.arch + (process.platform !== 'linux' ? ''"
        " : r.glibcVersionRuntime ? '-gnu' : '-musl'))"
    )
    done = subprocess.run(["node", "-p", asked], capture_output=True, text=True, check=True)
    return newest(dist, "sessionwire-[a-z]*.tgz", done.stdout.split()[0])


def check_wheel(wheel: Path) -> None:
    """One wheel for all Pythons, typed, small, without dependencies."""
    names = zipfile.ZipFile(wheel).namelist()
    assert "-abi3-" in wheel.name, wheel.name
    assert "sessionwire/py.typed" in names, "py.typed is missing"
    assert "sessionwire/scenario.schema.json" in names, "the scenario schema is missing"
    assert "sessionwire/skills/sessionwire/SKILL.md" in names, "the skill is missing"
    metadata = next(name for name in names if name.endswith("METADATA"))
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    assert not re.search(r"^Requires-Dist: (?!.*extra ==)", text, re.MULTILINE), (
        "a run-time dependency"
    )
    megabytes = wheel.stat().st_size / 1e6
    print(f"{wheel.name}: {megabytes:.2f} MB")
    assert megabytes <= MAX_WHEEL_MB, f"the wheel has more than {MAX_WHEEL_MB} MB"


def python_package(wheel: Path, version: str, interpreter: str, exits: int, folder: Path) -> None:
    """The wheel in an empty venv: quickstarts, the command line, clean exits."""
    run([interpreter, "-m", "venv", "venv"], folder)
    bin_dir = folder / "venv" / "bin"
    run([str(bin_dir / "pip"), "install", "--quiet", "--no-index", str(wheel)], folder)
    for number, block in enumerate(blocks("python")):
        (folder / f"quickstart{number}.py").write_text(block)
        run([str(bin_dir / "python"), f"quickstart{number}.py"], folder)
    for block in blocks("shell"):
        (folder / "quickstart.sh").write_text(f'set -e\nPATH="{bin_dir}:$PATH"\n{block}')
        run(["sh", "quickstart.sh"], folder)
    (folder / "exit.py").write_text(EXIT_SCRIPT)
    for _ in range(exits):
        run([str(bin_dir / "python"), "exit.py"], folder)
    print(f"Python {version}: quickstarts run, {exits} clean exits")


def npm_package(tarball: Path, library: Path, folder: Path) -> None:
    """The tarballs in an empty folder: quickstarts, the command line, CommonJS."""
    (folder / "package.json").write_text('{"private": true}')
    options = ["--no-audit", "--no-fund", "--loglevel=error"]
    run(["npm", "install", *options, str(tarball), str(library)], folder)
    for number, block in enumerate(blocks("node")):
        (folder / f"quickstart{number}.mjs").write_text(block)
        # The event that ends a turn, or a task.
        last = "task.completed" if "raccoon()" in block else "done"
        run(["node", f"quickstart{number}.mjs"], folder, expect=last)
    for block in blocks("shell"):
        (folder / "quickstart.sh").write_text(f'set -e\nPATH="node_modules/.bin:$PATH"\n{block}')
        run(["sh", "quickstart.sh"], folder)
    (folder / "same.cjs").write_text(
        "import('sessionwire').then((esm) => {"
        " console.log(esm.Agi === require('sessionwire').Agi ? 'one class' : 'two classes'); });"
    )
    run(["node", "same.cjs"], folder, expect="one class")
    schema = "console.log(require('sessionwire/scenario.schema.json').$schema)"
    run(["node", "-e", schema], folder, expect="json-schema.org")
    for each in (tarball, library):
        print(f"{each.name}: {each.stat().st_size / 1e6:.2f} MB")
    print("npm: quickstarts run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--exits", type=int, default=50, help="how often a short script must exit cleanly"
    )
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    asked = parser.parse_args()
    dist, exits = asked.dist.resolve(), asked.exits
    wheel = this_wheel(dist)
    check_wheel(wheel)
    passed = 0
    for version, interpreter in pythons().items():
        with tempfile.TemporaryDirectory() as folder:
            python_package(wheel, version, interpreter, exits, Path(folder))
            passed += 1
    with tempfile.TemporaryDirectory() as folder:
        # The main package, and that of this machine's platform.
        main_package = newest(dist, "sessionwire-[0-9]*.tgz", "sessionwire")
        npm_package(main_package, this_library(dist), Path(folder))
        passed += 1
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    main()

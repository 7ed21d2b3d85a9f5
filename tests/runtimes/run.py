"""Runs the shared cases in every runtime that the npm package supports, each with the runtime's own
test runner, and prints which passed: file of cases by runtime.

Usage: run.py FOLDER [RUNTIME...]. FOLDER: where the runtimes are installed. RUNTIME: only these.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

from report import CONTRACT, Case, read  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

# How many files of tests run at once. Most of them wait most of the time.
WORKERS = int(os.environ.get("RUNTIME_WORKERS", "8"))
# What a file of tests may take, at most.
SECONDS = 300
MACHINE = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


# Tests of how a program ends run in Node, and their programs in the runtime.
OF_PROGRAMS = ("exit.test.mjs", "process.test.mjs")
# Tests of what runtimes have of their own.
OF_WORLDS = ("foreign.test.mjs",)
PROGRAMS = {"bun": ["run"], "deno": ["run", "--allow-all", "--no-lock"]}


def node(major: int) -> tuple[str, Callable[[Path, Path], list[str]]]:
    def command(test: Path, report: Path) -> list[str]:
        reporter = ["--test-reporter=junit", f"--test-reporter-destination={report}"]
        return ["--test", *reporter, str(test)]

    return f"node-{major}-{MACHINE}/bin/node", command


def bun(test: Path, report: Path) -> list[str]:
    limit = f"--timeout={SECONDS * 1000}"
    return ["test", limit, "--reporter=junit", f"--reporter-outfile={report}", f"./{test}"]


def deno(test: Path, report: Path) -> list[str]:
    # The tests are JavaScript, and the types have checks of their own.
    return ["test", "--allow-all", "--no-check", "--no-lock", f"--junit-path={report}", str(test)]


RUNTIMES = {
    "node20": node(20),
    "node22": node(22),
    "node24": node(24),
    "node26": node(26),
    "bun": (".bin/bun", bun),
    "deno": (".bin/deno", deno),
}


@dataclass
class Outcome:
    """What a runtime made of the tests."""

    passed: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def install(folder: Path) -> None:
    """Installs the runtimes by the lock file, once for each state of it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = HERE / "package-lock.json"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = folder / "installed.sha256"
    if stamp.exists() and stamp.read_text() == digest:
        return
    for file in (lock, HERE / "package.json"):
        shutil.copy(file, folder)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=folder, check=True)
    stamp.write_text(digest)


def files() -> list[Path]:
    """The files of tests that run shared cases, and those where runtimes differ most."""
    found = []
    for path in sorted((ROOT / "tests/node").glob("*.test.mjs")):
        text = path.read_text()
        words = ("cases(", "handle-cases.mjs", "contract/origins.json")
        if path.name in (*OF_PROGRAMS, *OF_WORLDS) or any(word in text for word in words):
            found.append(path.relative_to(ROOT))
    return found


def run(name: str, folder: Path, test: Path) -> Outcome:
    """Runs one file of tests in one runtime."""
    program, arguments = RUNTIMES[name]
    binary = folder / "node_modules" / program
    reports = folder / "reports" / name
    reports.mkdir(parents=True, exist_ok=True)
    report = reports / f"{test.name}.xml"
    hidden = ("AGI_", "RACCOON_", "NODE_", "SESSIONWIRE_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    if test.name in OF_PROGRAMS and name in PROGRAMS:
        env["SESSIONWIRE_TEST_RUNTIME"] = json.dumps([str(binary), *PROGRAMS[name]])
        command = ["node", *node(20)[1](test, report)]
    else:
        command = [str(binary), *arguments(test, report)]
    outcome = Outcome()
    begin = time.monotonic()
    report.unlink(missing_ok=True)
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=SECONDS
        )
        said = done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        said = f"It did not end within {SECONDS} s."
    outcome.seconds = time.monotonic() - begin
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        outcome.failed[str(test)] = "\n".join(said.strip().splitlines()[-8:])
        return outcome
    for each in cases:
        name = each.get("name", "")
        failure = each.find("failure")
        if failure is None:
            failure = each.find("error")
        if failure is not None:
            outcome.failed[name] = (failure.text or failure.get("message") or "").strip()
        elif each.find("skipped") is None:
            outcome.passed.add(name)
    return outcome


def shared() -> list[Case]:
    """The cases of `tests/contract/` that run in Node."""
    paths = sorted(CONTRACT.rglob("*.json"))
    data = ("scenarios", "api-surface")
    named = [path for path in paths if path.parent.name not in data and path.stem not in data]
    return [case for path in named for case in read(path) if "node" in case.columns]


def table(cases: list[Case], outcomes: dict[str, Outcome]) -> int:
    """Prints file of cases by runtime; gives how many did not pass."""
    missing = 0
    width = max(len(case.file) for case in cases)
    print(f"{'file':{width}}  cases  " + "  ".join(f"{name:>9}" for name in outcomes))
    for file in dict.fromkeys(sorted(case.file for case in cases)):
        mine = [case.id for case in cases if case.file == file]
        counts = [sum(name in outcome.passed for name in mine) for outcome in outcomes.values()]
        missing += sum(len(mine) - count for count in counts)
        cells = (f"{count}/{len(mine)}" for count in counts)
        print(f"{file:{width}}  {len(mine):5}  " + "  ".join(f"{cell:>9}" for cell in cells))
    seconds = (f"{outcome.seconds:.0f} s" for outcome in outcomes.values())
    print(f"{'time':{width}}  {len(cases):5}  " + "  ".join(f"{each:>9}" for each in seconds))
    return missing


def main(folder: Path, only: list[str]) -> int:
    if unknown := set(only) - set(RUNTIMES):
        sys.exit(f"{', '.join(sorted(unknown))}: no such runtime; there are {', '.join(RUNTIMES)}")
    install(folder)
    chosen = [name for name in RUNTIMES if not only or name in only]
    for name in chosen:
        if not (folder / "node_modules" / RUNTIMES[name][0]).exists():
            sys.exit(f"{name} has no build for this machine ({platform.machine()})")
    waiting: dict[str, list[Future[Outcome]]] = {name: [] for name in chosen}
    with ThreadPoolExecutor(WORKERS) as pool:
        for test in files():
            for name in chosen:
                waiting[name].append(pool.submit(run, name, folder, test))
    outcomes = {}
    for name, runs in waiting.items():
        whole = outcomes[name] = Outcome()
        for outcome in (each.result() for each in runs):
            whole.passed |= outcome.passed
            whole.failed |= outcome.failed
            whole.seconds += outcome.seconds
    missing = table(shared(), outcomes)
    failures: dict[tuple[str, str], list[str]] = {}
    for name, outcome in outcomes.items():
        for failed, why in outcome.failed.items():
            failures.setdefault((failed, why.split("\n", 1)[0]), []).append(name)
    for (failed, _), names in list(failures.items())[:40]:
        why = outcomes[names[0]].failed[failed]
        print(f"\n{', '.join(names)}: {failed} failed:\n{why}", file=sys.stderr)
    print(f"{missing} cases did not pass, and {len(failures)} tests failed")
    return 1 if missing or failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))

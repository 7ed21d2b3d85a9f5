"""Count the instructions of the paths of an event and of a call, and compare them with before.

A clock cannot see one percent on a machine that does other things; callgrind counts. The figures
before are in `bench/instructions.json`, by compiler, C library, valgrind and processor, since all
of these have a part in them: elsewhere nothing is compared. On one machine they come out the same
to a few in ten thousand, whatever else it does. `--write` writes what was counted; say in the
commit why it grew.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEFORE = ROOT / "bench" / "instructions.json"
# How often each work is done: as often again is the difference that counts.
COUNTS = {
    "decode-120": 10_000,
    "decode-16384": 1_000,
    "read-120": 10_000,
    "read-16384": 1_000,
    "stream-120": 10_000,
    "turn-120": 10_000,
    "call": 1_000,
    "screenshot": 40,
}
# What may be by chance: sockets answer in other pieces.
MOST_GROWTH = 0.01
COUNTED = re.compile(r"Collected : (\d+)")


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--write", action="store_true", help="write what was counted as before")
    write = options.parse_args().write
    if shutil.which("valgrind") is None:
        print("valgrind is missing: nothing is counted (Debian: apt-get install valgrind)")
        return 0
    program = _build()
    machine = _machine()
    known = json.loads(BEFORE.read_text())
    before: dict[str, int] = known.get(machine, {})
    now = {work: _count(program, work, count) for work, count in COUNTS.items()}
    grown = []
    print(f"{'instructions for one':<22}{'before':>12}{'now':>12}")
    for work, figure in now.items():
        old = before.get(work)
        change = f"{figure / old - 1:+.1%}" if old else "not counted before"
        print(f"  {work:<20}{old if old else '':>12}{figure:>12}   {change}")
        if old and figure > old * (1 + MOST_GROWTH):
            grown.append(work)
    if write:
        BEFORE.write_text(json.dumps({**known, machine: now}, indent=2, sort_keys=True) + "\n")
    elif not before:
        print(f"nothing to compare with for: {machine}; `make instructions WRITE=1` writes it")
    elif grown:
        print(
            f"{', '.join(grown)} grew by more than {MOST_GROWTH:.0%}. Find out why "
            "(callgrind_annotate), or say in the commit what it is worth and run "
            "`make instructions WRITE=1`",
            file=sys.stderr,
        )
        return 1
    return 0


def _build() -> Path:
    command = ["cargo", "build", "--locked", "--profile=counted", "--message-format=json"]
    command.append("--package=sessionwire-bench-instructions")
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    programs = [json.loads(line).get("executable") for line in told.splitlines()]
    return Path(next(program for program in programs if program))


def _machine() -> str:
    def version(program: str) -> str:
        command = [program, "--version"]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    rustc = version("rustc").split(" (")[0]
    libc = " ".join(platform.libc_ver())
    told = dict(re.findall(r"^(.+?)\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE))
    names = ("model name", "cpu family", "model", "stepping", "cache size")
    processor = "/".join(told.get(name, "?") for name in names)
    return f"{rustc}, {libc}, {version('valgrind')}, {processor}"


def _count(program: Path, work: str, count: int) -> int:
    return (_run(program, work, 2 * count) - _run(program, work, count)) // count


def _run(program: Path, work: str, count: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    run = subprocess.run(
        [*command, program, work, str(count)], capture_output=True, text=True, check=False
    )
    found = COUNTED.search(run.stderr)
    if run.returncode != 0 or found is None:
        raise SystemExit(f"{work} failed:\n{run.stderr}")
    return int(found[1])


if __name__ == "__main__":
    sys.exit(main())

"""The load server as a process of its own on a core of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.errors import BenchError, run
from harness.plan import Load

# The last core is the server's.
FIRST, LAST = 0, -1


class LoadServer:
    """A running load server."""

    def __init__(self, program: Path, address: str) -> None:
        self._program = program
        self._address = address

    @property
    def base_url(self) -> str:
        """What clients are pointed at."""
        return f"http://{self._address}"

    def other_url(self, number: int) -> str:
        """The same under one of its four addresses: each has ports of its own."""
        port = self._address.rpartition(":")[2]
        # Other systems than Linux have no more than the first.
        last = number % 4 + 1 if sys.platform == "linux" else 1
        return f"http://127.0.0.{last}:{port}"

    def alone(self, load: Load, *, turn: bool) -> float:
        """Events per second into a raw socket, best of three; builds the stream as well."""
        what = "turn" if turn else "sink"
        command: list[str | Path] = [self._program, what, self._address, load.session_id]
        runs = [json.loads(run(command, cwd=Path.cwd(), timeout=300)) for _ in range(3)]
        return float(max(each["events"] / each["seconds"] for each in runs))

    def hand_over(self, cores: Sequence[str]) -> float:
        """Microseconds from a thread to another and back, on the cores that `cores` names."""
        command: list[str | Path] = [*cores, self._program, "hands", "20000"]
        return float(json.loads(run(command, cwd=Path.cwd(), timeout=300))["p50"])


@contextmanager
def serving(program: Path) -> Iterator[LoadServer]:
    """Run the server; it ends with the pipe to its standard input, however we end."""
    command = [*pinned(LAST), str(program), "serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise BenchError("the load server has no pipes")
        address = process.stdout.readline().strip()
        if not address:
            raise BenchError(f"{' '.join(command)} did not start: run it by hand to see why")
        yield LoadServer(program, address)


def pinned(core: int) -> list[str]:
    """Puts a program on the first or the last core.

    Without `taskset`, or with one core, the system decides.
    """
    if not hasattr(os, "sched_getaffinity") or shutil.which("taskset") is None:
        return []
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "--cpu-list", str(cores[core])] if len(cores) > 1 else []

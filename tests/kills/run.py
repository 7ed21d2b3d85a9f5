"""Kills processes at random instants, and lets others finish their work: `make kills`.

    python tests/kills/run.py [--tasks N] [--turns N] [--at-once N] [--seed N]

A process that buys is killed (SIGKILL) at a random instant between its beginning and its end, and
one of the other language goes on from what it left (worker.py, worker.mjs): N times from Python to
Node, and N times back. The emulator is the judge: each task has one message and one answer, each
turn one start; the result is its own; every event was read, and at most the one in hand twice.
Prints when each was killed and what was seen, and fails if anything is not so.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessionwire import Emulator

HERE = Path(__file__).parent
WORKERS = {
    "python": [sys.executable, str(HERE / "worker.py")],
    "node": ["node", str(HERE / "worker.mjs")],
}
#: How long a process may take that is not killed, in seconds.
LIMIT = 120
PHASES = (
    "nothing",
    "begun",
    "created",
    "prepared",
    "sent",
    "reading",
    "asked",
    "answered",
    "read",
    "done",
)
STEP = 0.01
SCENARIO: dict[str, Any] = {
    "tasks": [
        {
            "once": False,
            "steps": [
                {"thought": "Looking", "after": STEP},
                {"step": "Open the shop", "after": STEP},
                {"thought": "There it is", "after": STEP},
                {"question": "Which colour?", "after": STEP},
                {"thought": "Paying", "after": 2 * STEP},
                {"step": "Pay", "after": STEP},
                {"done": "{task}: bought in {answer}", "after": STEP},
            ],
        }
    ],
    "turns": [
        {
            "once": False,
            "steps": [
                {"thought": "Looking", "after": STEP},
                {"text": "{prompt}", "after": STEP},
                {"tool": "shop", "takes": STEP},
                {"text": ": bought", "after": STEP},
                {"thought": "Wrapping up", "after": STEP},
                {"complete": True, "after": STEP},
            ],
        }
    ],
}


@dataclass
class Kill:
    """One process that was killed, and what became of its work."""

    kind: str
    first: str
    second: str
    name: str
    #: When, of the time that the work takes.
    at: float
    phase: str = "nothing"
    problems: list[str] = field(default_factory=list)
    #: An event was read by both: the one in hand at the kill.
    again: int = 0


class Service:
    """The emulator, and what it says of a purchase."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def url(self, kind: str) -> str:
        return self.emulator.url if kind == "task" else self.emulator.raccoon_url

    def messages(self, session_id: str) -> list[str]:
        sent = self.emulator.requests("POST", f"/v1/sessions/{session_id}/message")
        return [request.json()["message"] for request in sent]

    def starts(self, session_id: str) -> list[str]:
        sent = self.emulator.requests("POST", "/sessions/new")
        bodies = [request.json() for request in sent]
        return [body["prompt"] for body in bodies if body["session_id"] == session_id]


def begin(language: str, kind: str, service: Service, folder: Path) -> subprocess.Popen[str]:
    """A process that is ready to work."""
    where = (service.url(kind), service.emulator.api_key, str(folder.parent / "ledger"))
    command = [*WORKERS[language], kind, *where, str(folder)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def finish(process: subprocess.Popen[str]) -> str:
    """Lets a process come to its end; what it complained of."""
    try:
        _, complaint = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"it did not end within {LIMIT} s"
    return "" if process.returncode == 0 else f"it failed: {complaint[-800:]}"


def lines(folder: Path, name: str) -> list[list[str]]:
    file = folder / name
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def duration(language: str, kind: str, service: Service, folder: Path) -> float:
    """How long the work takes where nobody is killed."""
    folder.mkdir()
    process = begin(language, kind, service, folder)
    go(process)
    complaint = finish(process)
    assert not complaint, complaint
    phases = {phase: float(at) for _, phase, at in lines(folder, "phases")}
    return phases["done"] - phases["begun"]


def carry_out(kill: Kill, whole: float, service: Service, root: Path) -> Kill:
    folder = root / kill.name
    folder.mkdir()
    second = begin(kill.second, kill.kind, service, folder)
    first = begin(kill.first, kill.kind, service, folder)
    go(first)
    time.sleep(kill.at * whole)
    first.kill()
    first.communicate()
    seen = [phase for _, phase, _ in lines(folder, "phases")]
    kill.phase = seen[-1] if seen else "nothing"
    go(second)
    complaint = finish(second)
    if complaint:
        kill.problems.append(f"the second process: {complaint}")
    else:
        kill.problems += judged(kill, service, folder)
    return kill


def judged(kill: Kill, service: Service, folder: Path) -> list[str]:
    """What is not as it should be."""
    problems = []
    session_id = (folder / "session").read_text()
    task = f"Buy {kill.name}"
    if kill.kind == "task":
        sent, expected = service.messages(session_id), [task, "blue"]
        result = f"{task}: bought in blue"
    else:
        sent, expected = service.starts(session_id), [task]
        result = f"{task}: bought"
    if sent != expected:
        problems.append(f"sent {sent}, not {expected}")
    told = (folder / "result").read_text()
    if told != result:
        problems.append(f"the result is {told!r}, not {result!r}")
    ids = Counter(int(event_id) for _, event_id, _ in lines(folder, "events"))
    last = max(ids)
    # The messages of the user have ids and are no events.
    silent = {1, 6} if kill.kind == "task" else set()
    lost = set(range(1, last + 1)) - set(ids) - silent
    if lost:
        problems.append(f"the events {sorted(lost)} were not read")
    kill.again = sum(count - 1 for count in ids.values())
    if kill.again > 1:
        problems.append(f"events were read again: {ids}")
    return problems


def table(kills: list[Kill]) -> str:
    """When they were killed, and what was seen."""
    rows = [("killed when", "kills", "finished", "sent twice or lost", "event in hand read again")]
    for phase in PHASES:
        those = [kill for kill in kills if kill.phase == phase]
        good = sum(not kill.problems for kill in those)
        again = sum(kill.again for kill in those)
        if those:
            rows.append((phase, *map(str, (len(those), good, len(those) - good, again))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def reap(emulator: Emulator, ledger: Path) -> int:
    """Deletes what the processes left, by their ledger, and says what came of it; how many
    sessions are there still that it does not speak of."""
    with emulator.agi(ledger=ledger) as client:
        there = len(client.sessions.list())
        reports = client.sessions.reap()
        outcomes = Counter(report.outcome for report in reports)
        left = client.sessions.list()
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        print(f"sessions: {there} there, reaped: {told}; {len(left)} left")
        return max(0, len(left) - outcomes["perhaps"])


def run(kind: str, first: str, second: str, count: int, at_once: int, seed: int) -> list[Kill]:
    chance = random.Random(f"{kind} {first} {seed}")
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(step_delay=0.0, scenario=SCENARIO) as emulator,
        ThreadPoolExecutor(at_once) as pool,
    ):
        service, root = Service(emulator), Path(folder)
        with ThreadPoolExecutor(at_once) as rehearsal:
            # As many at once as later, since they take longer then.
            takes = rehearsal.map(
                lambda n: duration(first, kind, service, root / f"whole{n}"), range(2 * at_once)
            )
            whole = sorted(takes)[at_once]
        plan = [
            Kill(kind, first, second, f"{kind}-{first}-{n}", chance.random()) for n in range(count)
        ]
        kills = list(pool.map(lambda kill: carry_out(kill, whole, service, root), plan))
        print(f"\n{count} {kind}s, from {first} to {second}, killed within {whole:.2f} s:")
        print(table(kills), flush=True)
        if kind == "task" and (left := reap(emulator, root / "ledger")):
            kills[-1].problems.append(f"{left} sessions are left after the reap")
    return kills


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=500, help="kills of tasks, each way")
    parser.add_argument("--turns", type=int, default=100, help="kills of turns, each way")
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    kills: list[Kill] = []
    for kind, count in (("task", given.tasks), ("turn", given.turns)):
        for first, second in (("python", "node"), ("node", "python")):
            if count:
                kills += run(kind, first, second, count, given.at_once, given.seed)
    bad = [kill for kill in kills if kill.problems]
    for kill in bad:
        print(f"{kill.name}, killed {kill.phase} at {kill.at:.3f}: {'; '.join(kill.problems)}")
    print(f"{len(kills)} kills, {len(bad)} of them with a problem")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

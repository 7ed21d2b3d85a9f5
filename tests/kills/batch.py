"""Kills a batch again and again, and starts the same command anew: `make batch-kills`.

    python tests/kills/batch.py [--tasks N] [--kills N] [--concurrency N] [--seed N]

The command line's `batch` is killed (SIGKILL) at random instants while it works through a file of
tasks, and started again with the same words each time, until it ends. The emulator, in this
process, is the judge: each task has one message, and one line in the results, which is its own.
What may be left are sessions of creates whose answer nobody heard, in which nothing was sent; the
command says of each.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sessionwire import Emulator

#: How long a process may take that is not killed, in seconds.
LIMIT = 300
STEP = 0.02
#: Where a task is sent to.
MESSAGE = "/v1/sessions/*/message"
SCENARIO: dict[str, Any] = {
    "tasks": [
        {
            "once": False,
            "steps": [
                {"thought": "Looking", "after": STEP},
                {"step": "Open the shop", "after": STEP},
                {"done": "{task}: bought", "after": STEP},
            ],
        }
    ],
}


def tasks_of(count: int) -> list[dict[str, Any]]:
    return [{"id": f"mug-{n}", "message": f"Buy the mug {n}."} for n in range(count)]


def started(command: list[str], emulator: Emulator) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "AGI_BASE_URL": emulator.url,
        "AGI_API_KEY": emulator.api_key,
    }
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def results_in(out: Path) -> int:
    return out.read_bytes().count(b"\n") if out.exists() else 0


def killed(command: list[str], emulator: Emulator, out: Path, results: int, later: float) -> bool:
    """Whether it could be killed before its end: so much later than so many results are there."""
    process = started(command, emulator)
    while process.poll() is None and results_in(out) < results:
        time.sleep(0.01)
    time.sleep(later)
    process.kill()
    process.communicate()
    return process.returncode < 0


def judged(tasks: list[dict[str, Any]], out: Path, emulator: Emulator) -> list[str]:
    """What is not as it should be."""
    problems = []
    lines = [json.loads(line) for line in out.read_bytes().split(b"\n") if line]
    results = Counter(line["id"] for line in lines)
    if results != Counter(task["id"] for task in tasks):
        problems.append(f"{len(lines)} results of {len(results)} tasks")
    texts = {task["id"]: f"{task['message']}: bought" for task in tasks}
    wrong = [line for line in lines if line.get("text") != texts[line["id"]]]
    if wrong:
        problems.append(f"{len(wrong)} results are not their task's: {wrong[:3]}")
    sent = [request.json()["message"] for request in emulator.requests("POST", MESSAGE)]
    if Counter(sent) != Counter(task["message"] for task in tasks):
        problems.append(f"{len(sent)} messages, {len(set(sent))} of them different")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--program", help="the command line, if not that of this Python")
    given = parser.parse_args()
    print(f"seed {given.seed}")
    chance = random.Random(given.seed)
    tasks = tasks_of(given.tasks)
    with (
        tempfile.TemporaryDirectory() as name,
        Emulator(step_delay=0.0, scenario=SCENARIO) as emulator,
    ):
        source, out = Path(name) / "tasks.jsonl", Path(name) / "results.jsonl"
        source.write_text("".join(f"{json.dumps(task)}\n" for task in tasks))
        program = [given.program] if given.program else [sys.executable, "-m", "sessionwire"]
        command = [*program, "batch", str(source), "--out", str(out)]
        command += ["--concurrency", str(given.concurrency)]
        kills = 0
        while kills < given.kills:
            # Over the whole batch, and some of them before a process did anything.
            goal = chance.randrange(kills + 1) if chance.random() < 0.2 else kills
            goal = goal * given.tasks * 9 // (given.kills * 10)
            if not killed(command, emulator, out, goal, chance.random() * 0.5):
                break
            kills += 1
            print(f"kill {kills}: {results_in(out)} results", flush=True)
        process = started(command, emulator)
        _, said = process.communicate(timeout=LIMIT)
        print(said.strip())
        problems = judged(tasks, out, emulator)
        if process.returncode != 0:
            problems.append(f"the last process ended with {process.returncode}")
        if kills < given.kills:
            problems.append(f"it was over after {kills} kills: make the tasks slower")
        told = re.search(r"Of (\d+) sessions that were being created", said)
        with emulator.agi() as client:
            left = client.sessions.list()
        spoken_to = {request.path.split("/")[3] for request in emulator.requests("POST", MESSAGE)}
        lost = int(told.group(1)) if told else 0
        if len(left) > lost or spoken_to & {session.session_id for session in left}:
            problems.append(f"{len(left)} sessions are left, and {lost} were told of")
        results = results_in(out)
        messages = len(emulator.requests("POST", MESSAGE))
        created = len(emulator.requests("POST", "/v1/sessions"))
        print(
            f"{len(tasks)} tasks, {kills} kills: {results} results, {messages} messages, "
            f"{created} sessions created, {len(left)} left with nothing sent in them ({lost} told)"
        )
    for problem in problems:
        print(f"problem: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

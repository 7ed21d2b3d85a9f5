"""Kills workers of Dask and processes of Celery at random instants, by docs/machines.md's recipes.

    python tests/kills/engines.py [--kills N] [--seed N] [dask] [celery]

Tasks are handed out as long as there are kills to come. The emulator is the judge: each task was
sent once and has its own result, and its session was created and deleted once.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

RECIPES = Path(__file__).parents[2] / "examples" / "python" / "recipes"
sys.path.insert(0, str(RECIPES))

from sessionwire import Agi, Emulator  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sessionwire import Session

    #: Hands a handle to the engine, and gives what waits so many seconds for its result.
    Submit = Callable[[str], Callable[[float], str]]
    #: One of the processes that may be killed now.
    Victim = Callable[[random.Random], int | None]

WORKERS = 3
STEPS: list[dict[str, Any]] = [
    {"thought": "Looking", "after": 0.2},
    {"step": "Open the shop", "after": 0.2},
    {"done": "{task}: done", "after": 0.2},
]
#: After so many seconds without a result or a worker the engine is started anew.
LIMIT = 15
#: Handed out and not finished, at a time.
AT_ONCE = 6


@contextmanager
def dask() -> Iterator[tuple[Submit, Victim]]:
    import dask.config
    from dask_pool import finish
    from distributed import Client, LocalCluster, Status

    # A task that lost three workers counts as a bad one, as it comes.
    dask.config.set({"distributed.scheduler.allowed-failures": 1000})
    with (
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0", silence_logs="CRITICAL"
        ) as cluster,
        Client(cluster) as client,
    ):

        def submit(handle: str) -> Callable[[float], str]:
            future = client.submit(finish, handle, pure=False)
            return lambda seconds: str(future.result(seconds))

        def victim(chance: random.Random) -> int | None:
            # Dask gives a worker up that dies while it starts: only one that is there is killed.
            # Its nanny knows; to ask the workers may take for ever while one dies.
            there = [
                nanny.process.pid
                for nanny in cluster.workers.values()
                if nanny.process and nanny.status == nanny.process.status == Status.running
            ]
            return chance.choice(sorted(there)) if there else None

        yield submit, victim


@contextmanager
def celery() -> Iterator[tuple[Submit, Victim]]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("RECIPE_FOLDER", folder)
        from celery_prefork import FOLDER, finish

        # What an earlier worker left is handed out anew.
        shutil.rmtree(FOLDER, ignore_errors=True)
        (FOLDER / "queue").mkdir(parents=True)

        command = ["celery", "-A", "celery_prefork", "worker", "-c", str(WORKERS), "-l", "CRITICAL"]
        worker = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *command],
            cwd=RECIPES,
            stdout=subprocess.DEVNULL,
        )

        def submit(handle: str) -> Callable[[float], str]:
            result = finish.delay(handle)
            return lambda seconds: str(result.get(timeout=seconds))

        killed: set[int] = set()

        def victim(chance: random.Random) -> int | None:
            # Only one at work: with a folder for a broker, one that rests has the pool's lock.
            pids = {int(mark.stem) for mark in FOLDER.glob("*.at-work")} - killed
            if not pids:
                return None
            pid = chance.choice(sorted(pids))
            killed.add(pid)
            return pid

        try:
            yield submit, victim
        finally:
            worker.kill()
            worker.wait()


class Work:
    """The tasks that were handed out, and what came of them."""

    def __init__(self, client: Agi) -> None:
        self.client = client
        self.submit: Submit
        self.open: dict[str, tuple[Session, str]] = {}
        self.results: dict[str, Callable[[float], str]] = {}
        self.finished: list[str] = []
        self.problems: list[str] = []
        self.failures: Counter[str] = Counter()

    def begin(self, submit: Submit) -> None:
        """Hands what is open to an engine that has just been started."""
        self.submit = submit
        self.results = {name: submit(handle) for name, (_, handle) in self.open.items()}

    def hand_out(self) -> None:
        name = f"Buy mug {len(self.finished) + len(self.open)}"
        session = self.client.sessions.create()
        handle = session.prepare_task(name)
        self.open[name] = session, handle
        self.results[name] = self.submit(handle)

    def collect(self, seconds: float) -> None:
        """Takes the results that come within so many seconds each."""
        for name, (session, handle) in list(self.open.items()):
            try:
                text = self.results[name](seconds)
            except Exception as error:
                if "timeout" not in type(error).__name__.lower():
                    # The engine failed, and not the task: its handle is handed out again.
                    self.failures[repr(error)] += 1
                    self.results[name] = self.submit(handle)
                continue
            if text != f"{name}: done":
                self.problems.append(f"{name}: the result is {text}")
            session.delete()
            del self.open[name]
            self.finished.append(name)


def kill(work: Work, victim: Victim, kills: int, chance: random.Random) -> int:
    """Kills so many, or fewer where no worker is there any more; how many it killed."""
    work.hand_out()
    work.collect(LIMIT)
    for count in range(kills):
        while len(work.open) < AT_ONCE:
            work.hand_out()
        time.sleep(chance.random())
        until = time.monotonic() + LIMIT
        while (pid := victim(chance)) is None:
            if time.monotonic() > until:
                return count
            time.sleep(0.01)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        work.collect(0.01)
    return kills


def run(name: str, kills: int, chance: random.Random) -> list[str]:
    engine = {"celery": celery, "dask": dask}[name]
    began = time.monotonic()
    killed = starts = 0
    with (
        Emulator(step_delay=0.0, scenario={"tasks": [{"once": False, "steps": STEPS}]}) as emulator,
        emulator.agi() as client,
    ):
        os.environ |= {"AGI_BASE_URL": emulator.url, "AGI_API_KEY": emulator.api_key}
        work = Work(client)
        while killed < kills or work.open:
            # An engine may lose its last worker: whoever supervises it starts another one.
            starts += 1
            with engine() as (submit, victim):
                work.begin(submit)
                if killed < kills:
                    killed += kill(work, victim, kills - killed, chance)
                work.collect(LIMIT)
        tasks = work.finished
        sent = Counter(
            request.json()["message"]
            for request in emulator.requests("POST", "/v1/sessions/*/message")
        )
        streams = len(emulator.requests("GET", "/v1/sessions/*/events"))
        deletes = len(emulator.requests("DELETE", "/v1/sessions/*"))
    problems = [*work.problems, *(f"{task}: sent {n} times" for task, n in sent.items() if n != 1)]
    if sent.total() != len(tasks) or deletes != len(tasks):
        problems.append(f"{sent.total()} messages and {deletes} deletes of {len(tasks)} tasks")
    print(
        f"{name}: {killed} kills of {WORKERS} workers in {time.monotonic() - began:.0f} s, "
        f"{len(tasks)} tasks, taken up again {streams - len(tasks)} times, the engine started "
        f"{starts} times, failed with {dict(work.failures)}; {len(problems)} problems",
        *problems,
        sep="\n",
        flush=True,
    )
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engines", nargs="*", default=["dask", "celery"])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    problems = [run(name, given.kills, random.Random(given.seed)) for name in given.engines]
    return 1 if any(problems) else 0


if __name__ == "__main__":
    sys.exit(main())

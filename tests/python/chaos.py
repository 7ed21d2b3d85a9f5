"""The chaos run in Python: tasks through a proxy that cuts their streams at random bytes.

`tests/chaos/plan.json` says what and how; `python tests/python/chaos.py EVENTS CUTS sync|async`
runs until there were so many.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessionwire import Agi, AsyncAgi, Emulator

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent.parent
PLAN = json.loads((ROOT / "tests/chaos/plan.json").read_text())
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROXY = TARGET / "debug" / "sessionwire-chaos"


class Cutter:
    """The proxy, as a process of its own."""

    def __init__(self, server: str, seed: int, how: str) -> None:
        if not PROXY.exists():
            raise SystemExit(f"{PROXY} is missing. Build it with `make chaos-dev`, then try again.")
        self._process = subprocess.Popen(
            [PROXY, "proxy", server, str(seed), str(PLAN["longest"]), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def counts(self) -> tuple[int, int]:
        """The streams that were opened, and those that were cut."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
            streams, cuts = self._process.stdout.readline().split()
        return int(streams), int(cuts)

    def __enter__(self) -> Cutter:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


@dataclass
class Run:
    """How a run goes, and when it is enough."""

    wanted: tuple[int, int]
    cutters: list[Cutter]
    started: float = field(default_factory=time.monotonic)
    events: int = 0
    lost: int = 0
    repeated: int = 0
    out_of_order: int = 0
    failures: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, got: list[int | None], result: str) -> None:
        assert result == PLAN["result"]
        ids = [-1 if event_id is None else event_id for event_id in got]
        highest, seen, late = 0, set(), 0
        for event_id in ids:
            late += event_id < highest and event_id not in seen
            seen.add(event_id)
            highest = max(highest, event_id)
        with self._lock:
            self.events += len(ids)
            self.lost += len(set(range(2, PLAN["last_id"] + 1)) - seen)
            self.repeated += len(ids) - len(seen)
            self.out_of_order += late

    def totals(self) -> tuple[int, int]:
        counts = [cutter.counts() for cutter in self.cutters]
        return sum(streams for streams, _ in counts), sum(cuts for _, cuts in counts)

    def enough(self) -> bool:
        events, cuts = self.wanted
        return bool(self.failures) or (self.events >= events and self.totals()[1] >= cuts)

    @property
    def clean(self) -> bool:
        return (self.lost, self.repeated, self.out_of_order) == (0, 0, 0)

    def __str__(self) -> str:
        streams, cuts = self.totals()
        return (
            f"{self.events} events, {cuts} cuts of {streams} streams: {self.lost} lost, "
            f"{self.repeated} repeated, {self.out_of_order} out of order "
            f"({time.monotonic() - self.started:.1f} s)"
        )


def run(
    kind: str, events: int, cuts: int, *, workers: int = PLAN["workers"], seed: int = 1
) -> tuple[bool, str]:
    """Runs tasks until there were so many events and cuts; whether all is well, and the figures."""
    with ExitStack() as stack:
        clients, cutters = [], []
        for how, honours in (("replays", False), ("resumes", True)):
            emulator = stack.enter_context(
                Emulator(
                    scenario={"tasks": [{"steps": PLAN["steps"]}]},
                    honour_last_event_id=honours,
                    step_delay=0.0,
                )
            )
            cutters.append(stack.enter_context(Cutter(emulator.url, seed, how)))
            clients.append({"base_url": cutters[-1].url, "api_key": emulator.api_key})
        state = Run((events, cuts), cutters)
        (run_async if kind == "async" else run_sync)(state, clients, workers)
        if state.failures:
            raise state.failures[0]
        return state.clean, str(state)


def run_sync(state: Run, options: list[dict[str, Any]], workers: int) -> None:
    clients = [Agi(**client) for client in options]

    def work(client: Agi) -> None:
        with client.sessions.create() as session, session.start_task("go") as task:
            got = [event.id for event in task]
            state.count(got, task.result().text)

    def worker(client: Agi) -> None:
        try:
            while not state.enough():
                work(client)
        except BaseException as error:
            state.failures.append(error)

    threads = [threading.Thread(target=worker, args=[clients[n % 2]]) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()


def run_async(state: Run, options: list[dict[str, Any]], workers: int) -> None:
    async def worker(client: AsyncAgi) -> None:
        while not state.enough():
            async with client.sessions.create() as session, session.start_task("go") as task:
                got = [event.id async for event in task]
                state.count(got, (await task.result()).text)

    async def main() -> None:
        clients = [AsyncAgi(**client) for client in options]
        async with asyncio.TaskGroup() as group:
            for n in range(workers):
                group.create_task(worker(clients[n % 2]))
        for client in clients:
            await client.close()

    asyncio.run(main())


def main(write: Callable[[str], object] = sys.stdout.write) -> int:
    events, cuts, kind = sys.argv[1:]
    clean, figures = run(kind, int(events), int(cuts))
    write(f"python {kind}: {figures}\n")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())

"""Kills workers of Temporal at random instants, and lets others finish their workflows.

    python tests/kills/workflows.py [--workflows N] [--at-once N] [--slow-create S] [--seed N]

Each workflow buys, and is asked for a colour on the way. Its worker is killed (SIGKILL) at a random
instant, and another one takes over. The emulator is the judge: one create, one message, one answer,
one delete, and the workflow's result is its own. After each kill the ledger is reaped, which must
not touch a session that a workflow has. Only a worker that was killed within its create may leave
one, in which nothing was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "python")]

from temporalio.client import Client, WorkflowHandle  # noqa: E402
from temporalio.service import RPCError  # noqa: E402
from workflow_worker import Buy  # noqa: E402

from sessionwire import AsyncAgi, Emulator  # noqa: E402
from temporal_server import temporal_server  # noqa: E402

PHASES = ("nothing", "created", "sent", "asked", "answered", "deleted", "done")
LIMIT = 120
#: Long enough that most kills meet the agent at work.
STEP = 0.1
STEPS: list[dict[str, Any]] = [
    {"thought": "Looking", "after": STEP},
    {"step": "Open the shop", "after": STEP},
    {"question": "Which colour?", "after": STEP},
    {"thought": "Paying", "after": STEP},
    {"step": "Pay", "after": STEP},
    {"done": "{task}: bought in {answer}", "after": STEP},
]


@dataclass
class Kill:
    """One workflow whose worker is killed, and what came of it."""

    name: str
    at: float
    phase: str = "nothing"
    problems: list[str] = field(default_factory=list)
    #: It has one session more, of a create that was killed.
    left: int = 0
    deletes: int = 0


class Service:
    """The emulator, and what it saw of a workflow."""

    def __init__(self, emulator: Emulator, address: str, ledger: Path) -> None:
        self.emulator = emulator
        self.address = address
        self.ledger = ledger
        self.reaped: Counter[str] = Counter()
        self._reaping = asyncio.Lock()

    async def reap(self, client: AsyncAgi) -> None:
        """Deletes what killed workers left, as a machine does now and then."""
        async with self._reaping:
            for report in await client.sessions.reap():
                self.reaped[report.outcome] += 1

    def creates(self, name: str) -> int:
        return sum(
            request.json()["goal"] == name
            for request in self.emulator.requests("POST", "/v1/sessions")
        )

    def messages(self, name: str) -> tuple[set[str], list[str]]:
        """The sessions in which this was bought, and what was sent to them."""
        sent = [
            (request.path.split("/")[3], request.json()["message"])
            for request in self.emulator.requests("POST", "/v1/sessions/*/message")
        ]
        sessions = {session for session, text in sent if text == f"Buy {name}"}
        return sessions, [text for session, text in sent if session in sessions]

    def deletes(self, sessions: set[str]) -> int:
        seen = self.emulator.requests("DELETE", "/v1/sessions/*")
        return sum(request.path.split("/")[3] in sessions for request in seen)

    def phase(self, name: str) -> str:
        if not self.creates(name):
            return "nothing"
        sessions, texts = self.messages(name)
        if not sessions:
            return "created"
        if self.deletes(sessions):
            return "deleted"
        return "answered" if len(texts) > 1 else "sent"

    async def worker(self, queue: str) -> asyncio.subprocess.Process:
        """A worker that is ready to go."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "workflow_worker.py"),
            *(self.address, queue, self.emulator.url, self.emulator.api_key, str(self.ledger)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        return process


def go(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")


async def answer(handle: WorkflowHandle[Any, Any]) -> None:
    """Answers the question once it is there, and once."""
    while True:
        # No worker may be there to say so.
        with suppress(RPCError, TimeoutError):
            if await handle.query(Buy.question, rpc_timeout=None):
                await handle.execute_update(Buy.answer, "blue")
                return
        await asyncio.sleep(0.02)


async def finish(handle: WorkflowHandle[Any, Any]) -> str:
    answering = asyncio.create_task(answer(handle))
    try:
        async with asyncio.timeout(LIMIT):
            return str(await handle.result())
    finally:
        answering.cancel()


async def begin(client: Client, name: str) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        Buy.run, name, id=name, task_queue=name, task_timeout=timedelta(seconds=2)
    )


async def until_created(service: Service, name: str) -> None:
    while not service.creates(name):
        await asyncio.sleep(0.005)


async def durations(client: Client, service: Service, name: str) -> tuple[float, float]:
    """How long the work takes where nobody is killed: to its create, and from there on."""
    worker = await service.worker(name)
    handle = await begin(client, name)
    finishing = asyncio.create_task(finish(handle))
    began = time.monotonic()
    go(worker)
    await until_created(service, name)
    created = time.monotonic()
    await finishing
    ended = time.monotonic()
    worker.kill()
    await worker.wait()
    return created - began, ended - created


async def carry_out(
    kill: Kill, takes: tuple[float, float], client: Client, service: Service, reaper: AsyncAgi
) -> None:
    first, second = await asyncio.gather(service.worker(kill.name), service.worker(kill.name))
    handle = await begin(client, kill.name)
    finishing = asyncio.create_task(finish(handle))
    go(first)
    instant = kill.at * sum(takes)
    if instant > takes[0]:
        # A busy machine begins later than it did before.
        await until_created(service, kill.name)
        instant -= takes[0]
    await asyncio.sleep(instant)
    first.kill()
    kill.phase = "done" if finishing.done() else service.phase(kill.name)
    await first.wait()
    await service.reap(reaper)
    go(second)
    try:
        result = await finishing
        if result != f"Buy {kill.name}: bought in blue":
            kill.problems.append(f"the result is {result!r}")
    except Exception as error:
        kill.problems.append(f"no result: {error!r} {error.__cause__!r}")
    finally:
        second.kill()
        await second.wait()
    judge(kill, service)


def judge(kill: Kill, service: Service) -> None:
    sessions, texts = service.messages(kill.name)
    if len(sessions) != 1 or texts != [f"Buy {kill.name}", "blue"]:
        kill.problems.append(f"sent {texts} to {len(sessions)} sessions")
    kill.left = service.creates(kill.name) - 1
    if kill.left and kill.phase not in ("nothing", "created"):
        kill.problems.append(f"{kill.left + 1} creates")
    kill.deletes = service.deletes(sessions)
    if not kill.deletes:
        kill.problems.append("its session was not deleted")


def table(kills: list[Kill]) -> str:
    heads = ("killed when", "kills", "finished well", "creates killed", "delete sent again")
    rows = [heads]
    for phase in PHASES:
        those = [kill for kill in kills if kill.phase == phase]
        good = sum(not kill.problems for kill in those)
        left = sum(kill.left for kill in those)
        again = sum(kill.deletes - 1 for kill in those)
        if those:
            rows.append((phase, str(len(those)), str(good), str(left), str(again)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


async def account(service: Service, reaper: AsyncAgi, left: int) -> bool:
    """Whether no session is there, and none was reaped, but those of creates that were killed."""
    await service.reap(reaper)
    rest = len(await reaper.sessions.list())
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(service.reaped.items()))
    print(f"sessions: {left} of killed creates; reaped: {told or 'none'}; {rest} still there")
    return service.reaped["deleted"] + rest <= left


async def connected(address: str) -> Client:
    async with asyncio.timeout(60):
        while True:
            with suppress(RuntimeError, RPCError):
                client = await Client.connect(address)
                await client.count_workflows()
                return client
            await asyncio.sleep(0.05)


async def run(count: int, at_once: int, seed: int, slow_create: float) -> list[Kill]:
    chance = random.Random(seed)
    kills = [Kill(f"mug-{number}", chance.random()) for number in range(count)]
    with (
        tempfile.TemporaryDirectory() as folder,
        temporal_server() as address,
        Emulator(step_delay=0.0, scenario={"tasks": [{"once": False, "steps": STEPS}]}) as emulator,
    ):
        service = Service(emulator, address, Path(folder) / "ledger")
        if slow_create:
            emulator.fail(on="create", delay=slow_create, times=0)
        client = await connected(address)
        takes = await durations(client, service, "whole")
        places = asyncio.Semaphore(at_once)
        options = {"base_url": emulator.url, "api_key": emulator.api_key}
        async with AsyncAgi(ledger=service.ledger, **options) as reaper:

            async def one(kill: Kill) -> None:
                async with places:
                    await carry_out(kill, takes, client, service, reaper)

            await asyncio.gather(*map(one, kills))
            print(f"{count} workflows, killed within {sum(takes):.2f} s:\n{table(kills)}")
            if not await account(service, reaper, sum(kill.left for kill in kills)):
                kills[-1].problems.append("sessions were left or reaped beside killed creates'")
    return kills


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workflows", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--slow-create", type=float, default=0.0, help="seconds until it answers")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    kills = asyncio.run(run(given.workflows, given.at_once, given.seed, given.slow_create))
    bad = [kill for kill in kills if kill.problems]
    for kill in bad:
        print(f"{kill.name}, killed {kill.phase} at {kill.at:.3f}: {'; '.join(kill.problems)}")
    print(f"{len(kills)} kills, {len(bad)} of them with a problem")
    return 1 if bad else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # An interpreter that ends right after a call of temporalio crashes now and then.
    os._exit(status)

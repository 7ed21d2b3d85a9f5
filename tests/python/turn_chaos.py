"""The chaos run of turns in Python: sockets cut at random, in each way the service may resume.

`tests/chaos/turns.json` says what and how; `python tests/python/turn_chaos.py CUTS sync|async` runs
turns until there were so many cuts in each mode.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessionwire import AsyncRaccoon, Emulator, Raccoon

PLAN = json.loads((Path(__file__).parent.parent / "chaos/turns.json").read_text())
MODES: list[dict[str, Any]] = PLAN["modes"]


@dataclass
class Figures:
    """What came in one mode."""

    mode: str
    started: float = field(default_factory=time.monotonic)
    turns: int = 0
    events: int = 0
    cuts: int = 0
    lost: int = 0
    repeated: int = 0
    out_of_order: int = 0

    def count(self, got: list[int | None], status: str) -> None:
        assert status == "completed"
        ids = [-1 if event_id is None else event_id for event_id in got]
        highest, seen = 0, set()
        for event_id in ids:
            self.out_of_order += event_id < highest and event_id not in seen
            seen.add(event_id)
            highest = max(highest, event_id)
        self.turns += 1
        self.events += len(ids)
        self.lost += len(set(range(1, PLAN["last_id"] + 1)) - seen)
        self.repeated += len(ids) - len(seen)

    @property
    def clean(self) -> bool:
        return (self.lost, self.repeated, self.out_of_order) == (0, 0, 0)

    def __str__(self) -> str:
        return (
            f"{self.mode}: {self.events} events of {self.turns} turns, {self.cuts} cuts: "
            f"{self.lost} lost, {self.repeated} repeated, {self.out_of_order} out of order "
            f"({time.monotonic() - self.started:.1f} s)"
        )


def cut(emulator: Emulator, mode: dict[str, Any], chance: random.Random) -> None:
    """Orders the cuts of the next turn."""
    between = PLAN["between"]
    for number in range(PLAN["cuts"]):
        after = chance.randint(1, between - 1)
        # What is sent again counts too.
        sent = number * (between - 1) if mode["replays"] else 0
        emulator.fail(on="socket", cut_after=sent + after)


def cuts(emulator: Emulator, session_id: str) -> int:
    """The cuts of a turn so far: each but the last of its sockets was cut."""
    return len(emulator.requests(path=f"/ws/sessions/{session_id}*")) - 1


def of(mode: dict[str, Any]) -> Emulator:
    scenario = {"turns": [{"steps": PLAN["steps"], "once": False}]}
    return Emulator(scenario=scenario, step_delay=0.0, **mode["emulator"])


def run_sync(mode: dict[str, Any], wanted: int, seed: int = 1) -> Figures:
    figures, chance = Figures(mode["name"]), random.Random(seed)
    with of(mode) as emulator, emulator.raccoon() as client:
        while figures.cuts < wanted:
            turn_of(client, emulator, mode, chance, figures)
    return figures


def turn_of(
    client: Raccoon,
    emulator: Emulator,
    mode: dict[str, Any],
    chance: random.Random,
    figures: Figures,
) -> None:
    cut(emulator, mode, chance)
    with client.session(delete_on_exit=True) as session, session.start_turn("go") as turn:
        got = [event.id for event in turn]
        figures.count(got, turn.result().status)
        figures.cuts += cuts(emulator, session.session_id)


async def run_async(mode: dict[str, Any], wanted: int, seed: int = 1) -> Figures:
    figures, chance = Figures(mode["name"]), random.Random(seed)
    async with of(mode) as emulator, emulator.async_raccoon() as client:
        while figures.cuts < wanted:
            await async_turn_of(client, emulator, mode, chance, figures)
    return figures


async def async_turn_of(
    client: AsyncRaccoon,
    emulator: Emulator,
    mode: dict[str, Any],
    chance: random.Random,
    figures: Figures,
) -> None:
    cut(emulator, mode, chance)
    async with (
        client.session(delete_on_exit=True) as session,
        session.start_turn("go") as turn,
    ):
        got = [event.id async for event in turn]
        figures.count(got, (await turn.result()).status)
        figures.cuts += cuts(emulator, session.session_id)


def run(kind: str, mode: dict[str, Any], wanted: int) -> Figures:
    """Runs turns until there were so many cuts; the figures."""
    return asyncio.run(run_async(mode, wanted)) if kind == "async" else run_sync(mode, wanted)


def main() -> int:
    wanted, kind = sys.argv[1:]
    clean = True
    for mode in MODES:
        figures = run(kind, mode, int(wanted))
        sys.stdout.write(f"python {kind}, turns, {figures}\n")
        sys.stdout.flush()
        clean &= figures.clean
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())

"""What every Python client shares: the clock around its loop, and the line it prints."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

API_KEY = "bench-key"


class Seen(NamedTuple):
    """What a loop counted: the runner knows what it should be."""

    events: int
    total: int


def sync(consume: Callable[[str, str], Seen]) -> None:
    """Run a blocking client: once to warm up, once measured."""
    base_url, warm_up, session_id = sys.argv[1:]
    consume(base_url, warm_up)
    before = resident()
    clock = Clock()
    _report(consume(base_url, session_id), clock, before)


def asynchronous(consume: Callable[[str, str], Awaitable[Seen]]) -> None:
    """Run an asyncio client, both times in one loop."""

    async def both() -> None:
        base_url, warm_up, session_id = sys.argv[1:]
        await consume(base_url, warm_up)
        before = resident()
        clock = Clock()
        _report(await consume(base_url, session_id), clock, before)

    asyncio.run(both())


class Clock:
    """Wall and CPU time from its making on."""

    def __init__(self) -> None:
        self._cpu = _cpu_seconds()
        self._wall = time.perf_counter()

    def read(self) -> tuple[float, float]:
        """Seconds of wall time, and of CPU time."""
        return time.perf_counter() - self._wall, _cpu_seconds() - self._cpu


def _cpu_seconds() -> float:
    """User and system time of this process, all its threads included."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _report(seen: Seen, clock: Clock, before: int) -> None:
    seconds, cpu = clock.read()
    figures = {
        "events": seen.events,
        "sum": seen.total,
        "seconds": seconds,
        "cpu": cpu,
        "kib": (resident() - before) / 1024,
    }
    print(json.dumps(figures))

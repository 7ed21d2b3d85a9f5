"""What every Python client shares: the clock around its loop, and the line it prints."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable
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
    clock = Clock()
    _report(consume(base_url, session_id), clock)


def asynchronous(consume: Callable[[str, str], Awaitable[Seen]]) -> None:
    """Run an asyncio client, both times in one loop."""

    async def both() -> None:
        base_url, warm_up, session_id = sys.argv[1:]
        await consume(base_url, warm_up)
        clock = Clock()
        _report(await consume(base_url, session_id), clock)

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


def _report(seen: Seen, clock: Clock) -> None:
    seconds, cpu = clock.read()
    print(json.dumps({"events": seen.events, "sum": seen.total, "seconds": seconds, "cpu": cpu}))

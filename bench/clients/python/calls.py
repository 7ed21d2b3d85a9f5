"""What every Python client of the calls shares: how they are made, timed and checked."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from measure import Clock

T = TypeVar("T")

SESSION = "n1-s120-each"
AT_ONCE = 64
# What an upload sends.
FILE = Path(sys.argv[4] if len(sys.argv) > 4 else "")


class Calls(NamedTuple, Generic[T]):
    """The two calls that are measured: an execution status, and a screenshot's JPEG."""

    status: Callable[[], T]
    screenshot: Callable[[], T]

    def named(self, work: str) -> Callable[[], T]:
        """The call of this work."""
        return self.screenshot if work == "screenshot" else self.status


class Uploads(NamedTuple, Generic[T]):
    """The call of an upload: the size of the file as the service counted it."""

    upload: Callable[[], T]

    def named(self, _work: str) -> Callable[[], T]:
        """The only call."""
        return self.upload


def sync(
    connect: Callable[[str], AbstractContextManager[Calls[object] | Uploads[object]]],
) -> None:
    """Runs a blocking client: one call after another, or in many threads."""
    base_url, work, count = _arguments()
    with connect(base_url) as calls:
        call = calls.named(work)

        def checked() -> float:
            start = time.perf_counter()
            _check(work, call())
            return time.perf_counter() - start

        def share(number: int) -> list[float]:
            return [checked() for _ in range(number)]

        if work == "at-once":
            with ThreadPoolExecutor(AT_ONCE) as threads:
                list(threads.map(share, [max(1, count // AT_ONCE // 10)] * AT_ONCE))
                clock = Clock()
                parts = list(threads.map(share, [count // AT_ONCE] * AT_ONCE))
                _report([each for part in parts for each in part], clock)
        else:
            share(max(1, count // 10))
            clock = Clock()
            _report(share(count), clock)


def asynchronous(
    connect: Callable[
        [str],
        AbstractAsyncContextManager[Calls[Awaitable[object]] | Uploads[Awaitable[object]]],
    ],
) -> None:
    """Runs an asyncio client: one call after another, or many at once in one loop."""

    async def run() -> None:
        base_url, work, count = _arguments()
        async with connect(base_url) as calls:
            call = calls.named(work)

            async def share(number: int) -> list[float]:
                took = []
                for _ in range(number):
                    start = time.perf_counter()
                    _check(work, await call())
                    took.append(time.perf_counter() - start)
                return took

            width = AT_ONCE if work == "at-once" else 1

            async def spread(number: int) -> list[float]:
                shares = (share(max(1, number // width)) for _ in range(width))
                return [each for part in await asyncio.gather(*shares) for each in part]

            await spread(count // 10)
            clock = Clock()
            _report(await spread(count), clock)

    asyncio.run(run())


def _arguments() -> tuple[str, str, int]:
    base_url, work, count = sys.argv[1:4]
    return base_url, work, int(count)


def _check(work: str, value: object) -> None:
    if work == "screenshot":
        ok = isinstance(value, bytes) and len(value) > 200_000 and value.startswith(b"\xff\xd8")
    elif work == "upload":
        ok = value == FILE.stat().st_size
    else:
        ok = value == "finished"
    if not ok:
        raise SystemExit(f"a call of {work} gave {str(value)[:80]!r}")


def _report(took: list[float], clock: Clock) -> None:
    seconds, cpu = clock.read()
    hundredths = statistics.quantiles(took, n=100)
    figures = {
        "calls": len(took),
        "seconds": seconds,
        "cpu": cpu,
        "p50": hundredths[49] * 1e6,
        "p99": hundredths[98] * 1e6,
    }
    print(json.dumps(figures))

"""What every Python client of the resting streams shares: many open streams, an event a second."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

from measure import Clock, resident

# When the server sent an event, in nanoseconds of the machine's clock.
Seen = Callable[[int], None]


def resting(listen: Callable[[str, str, int, Seen], Awaitable[None]]) -> None:
    """Runs `listen(base_url, session_id, streams, seen)`; `seen(sent)` is an event.

    What the first stream costs (imports, pools, certificates) is not of the others.
    """

    async def run() -> None:
        base_url, session_id, streams, settle, seconds = sys.argv[1:]
        await listen(base_url, "n1-s120-p1000", 1, lambda _: None)
        figures = _Figures(int(streams), float(settle), float(seconds))
        listening = asyncio.ensure_future(
            listen(base_url, session_id, figures.streams, figures.seen)
        )
        over = asyncio.ensure_future(figures.over.wait())
        await asyncio.wait([listening, over], return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            listening.result()
            raise SystemExit("the streams ended too soon")
        print(json.dumps(figures.read()), flush=True)
        # How a thousand streams are closed is not measured.
        os._exit(0)

    asyncio.run(run())


class _Figures:
    """Waits until each stream has had two events and all settled, then counts for a while."""

    def __init__(self, streams: int, settle: float, seconds: float) -> None:
        self.streams = streams
        self.over = asyncio.Event()
        self._settle = settle
        self._seconds = seconds
        self._empty = resident()
        self._before = 2 * streams
        self._clock: Clock | None = None
        self._memory = 0
        self._late: list[int] = []

    def seen(self, sent: int) -> None:
        if self._clock is not None:
            self._late.append(time.monotonic_ns() - sent)
            return
        self._before -= 1
        if self._before == 0:
            self._memory = resident() - self._empty
            asyncio.get_running_loop().call_later(self._settle, self._begin)

    def _begin(self) -> None:
        asyncio.get_running_loop().call_later(self._seconds, self.over.set)
        self._clock = Clock()

    def read(self) -> dict[str, float]:
        """KiB a stream, microseconds of CPU an event, and how late events came."""
        assert self._clock is not None
        _, cpu = self._clock.read()
        hundredths = statistics.quantiles(self._late, n=100, method="inclusive")
        return {
            "streams": self.streams,
            "events": len(self._late),
            "kib": self._memory / 1024 / self.streams,
            "cpu": cpu / len(self._late) * 1e6,
            "p50": hundredths[49] / 1e3,
            "p99": hundredths[98] / 1e3,
        }

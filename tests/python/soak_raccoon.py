"""Long runs of Raccoon in Python: a large upload, many turns at the same time.

`python tests/python/soak_raccoon.py sync|async MEGABYTES TURNS` prints the figures; it fails where
one is over its limit. The service is a process of its own, so that all memory here is the client's.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sessionwire import AsyncRaccoon, Raccoon
from soak import SERVICE, Report, resident

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionwire import TurnEvent

# An upload that is given up ends so many bytes after its begin, at the earliest.
ENOUGH = 50_000_000
#: Events of each turn: two messages, a text, the thoughts, the end.
EVENTS = 104


@contextmanager
def service() -> Iterator[dict[str, str]]:
    """The service: what a client needs to know of it."""
    if not SERVICE.exists():
        raise SystemExit(f"{SERVICE} is missing. Build it with `make chaos-dev`, then try again.")
    with subprocess.Popen(
        [SERVICE, "raccoon"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url, key = process.stdout.readline().split()
        try:
            yield {"base_url": url, "api_key": key}
        finally:
            process.stdin.close()


class GivenUpError(Exception):
    """An upload was given up."""


class Peak:
    """The most memory from here on, above that of now; and the processor time."""

    def __init__(self) -> None:
        # The kernel's mark of the most memory begins anew.
        Path("/proc/self/clear_refs").write_text("5")
        self._before = resident()
        self._times = os.times()
        self._started = time.monotonic()

    def grown(self) -> float:
        status = Path("/proc/self/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6 - self._before

    def processor(self) -> float:
        now = os.times()
        return now.user + now.system - self._times.user - self._times.system

    def elapsed(self) -> float:
        return time.monotonic() - self._started


class Upload:
    """The progress of an upload, which may be given up."""

    def __init__(self, until: float = float("inf")) -> None:
        self.seen: list[int] = []
        self._until = until
        self.stopped = 0.0

    def progress(self, sent: int, total: int | None) -> None:
        assert total is not None
        assert sent <= total
        self.seen.append(sent)
        if sent >= self._until:
            self.stopped = time.monotonic()
            raise GivenUpError

    def rises(self) -> bool:
        return len(self.seen) > 1 and self.seen == sorted(self.seen)


def uploaded(report: Report, peak: Peak, upload: Upload, size: int, arrived: int) -> None:
    grown = peak.grown()
    report.say(
        f"an upload of {size / 1e6:.0f} MB: {grown:.1f} MB more at most, {len(upload.seen)} times "
        f"progress, the service has {arrived / 1e6:.0f} MB ({peak.elapsed():.0f} s)",
        over=grown > 20 or not upload.rises() or upload.seen[-1] != size or arrived != size,
    )


def given_up(report: Report, peak: Peak, upload: Upload, size: int) -> None:
    took = time.monotonic() - upload.stopped
    report.say(
        f"an upload given up after {upload.seen[-1] / 1e6:.0f} MB: {took * 1000:.0f} ms, "
        f"{peak.grown():.1f} MB more at most",
        over=not upload.stopped or took > 1 or upload.seen[-1] >= size or peak.grown() > 20,
    )


def turned(report: Report, idle: Peak, waiting: float, running: Peak, turns: int) -> None:
    report.say(
        f"{turns} turns at once: {waiting:.1f} MB more while they wait "
        f"({waiting * 1000 / turns:.0f} KB each), {idle.grown():.1f} MB at most; their "
        f"{turns * EVENTS} events in {running.elapsed():.1f} s, "
        f"{running.processor():.2f} s of a processor",
        over=idle.grown() > 100,
    )


def check(events: list[TurnEvent]) -> None:
    assert [event.id for event in events] == list(range(1, EVENTS + 1))


def run_sync(report: Report, options: dict[str, str], path: Path, turns: int) -> None:
    size = path.stat().st_size
    with Raccoon(**options) as client:  # type: ignore[arg-type]
        session = client.session()
        peak, upload = Peak(), Upload()
        file = session.upload(path, on_progress=upload.progress)
        uploaded(report, peak, upload, size, file.size)

        peak, upload = Peak(), Upload(until=ENOUGH)
        with suppress(GivenUpError):
            session.upload(path, on_progress=upload.progress)
        given_up(report, peak, upload, size)

        idle = Peak()
        ready, go = threading.Barrier(turns + 1), threading.Event()
        done: list[bool] = []

        def work() -> None:
            with client.session().start_turn("go") as turn:
                events = [next(turn), next(turn)]
                ready.wait()
                go.wait()
                turn.send_message("go on")
                events.extend(turn)
                check(events)
                done.append(turn.result().status == "completed")

        threads = [threading.Thread(target=work) for _ in range(turns)]
        for thread in threads:
            thread.start()
        ready.wait()
        waiting, running = idle.grown(), Peak()
        go.set()
        for thread in threads:
            thread.join()
        assert done == [True] * turns
        turned(report, idle, waiting, running, turns)


async def run_async(report: Report, options: dict[str, str], path: Path, turns: int) -> None:
    size = path.stat().st_size
    async with AsyncRaccoon(**options) as client:  # type: ignore[arg-type]
        session = client.session()
        peak, upload = Peak(), Upload()
        file = await session.upload(path, on_progress=upload.progress)
        uploaded(report, peak, upload, size, file.size)

        # Given up by a cancelled task, not by the function that hears of the progress.
        peak, upload = Peak(), Upload()
        task = asyncio.create_task(session.upload(path, on_progress=upload.progress))
        while not task.done() and (not upload.seen or upload.seen[-1] < ENOUGH):
            await asyncio.sleep(0.01)
        assert not task.done(), "the file is too small to be given up: raise SOAK_UPLOAD_MB"
        upload.stopped = time.monotonic()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        given_up(report, peak, upload, size)

        idle = Peak()
        ready, go = asyncio.Barrier(turns + 1), asyncio.Event()

        async def work() -> None:
            async with client.session().start_turn("go") as turn:
                events = [await anext(turn), await anext(turn)]
                await ready.wait()
                await go.wait()
                await turn.send_message("go on")
                events.extend([event async for event in turn])
                check(events)
                assert (await turn.result()).status == "completed"

        async with asyncio.TaskGroup() as group:
            for _ in range(turns):
                group.create_task(work())
            await ready.wait()
            waiting, running = idle.grown(), Peak()
            go.set()
        turned(report, idle, waiting, running, turns)


def main() -> int:
    kind, megabytes, turns = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    report = Report(kind)
    with tempfile.TemporaryDirectory() as folder, service() as options:
        path = Path(folder) / "large.bin"
        with path.open("wb") as file:
            file.truncate(megabytes * 1_000_000)  # sparse: it takes no room
        if kind == "async":
            asyncio.run(run_async(report, options, path, turns))
        else:
            run_sync(report, options, path, turns)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())

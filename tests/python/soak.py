"""Long runs in Python: memory and descriptors, a flood, Ctrl-C, close.

`python tests/python/soak.py sync|async COUNT` prints the figures; it fails where one is over its
limit. The service is a process of its own, so that all memory here is the client's.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sessionwire import Agi, AsyncAgi, SessionwireError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SERVICE = TARGET / "debug" / "sessionwire-soak"
STREAMS = 200
SIGNALS = 20

# Waits for an event that never comes; says when it begins and when it was interrupted.
WAITING = {
    "sync": """
import sys, time
from sessionwire import Agi

with Agi(base_url=sys.argv[1], api_key="key") as client:
    for _ in range(int(sys.argv[2])):
        stream = client.sessions.attach("open").events()
        next(stream)
        print("waiting", flush=True)
        try:
            next(stream)
        except KeyboardInterrupt:
            print(time.monotonic_ns(), flush=True)
        stream.close()
""",
    "async": """
import asyncio, sys, time
from sessionwire import AsyncAgi

async def wait():
    async with AsyncAgi(base_url=sys.argv[1], api_key="key") as client:
        async with client.sessions.attach("open").events() as stream:
            await anext(stream)
            print("waiting", flush=True)
            try:
                await anext(stream)
            finally:
                print(time.monotonic_ns(), flush=True)

for _ in range(int(sys.argv[2])):
    try:
        asyncio.run(wait())
    except KeyboardInterrupt:
        pass
""",
}


class Service:
    """The service, and what it could send."""

    def __init__(self) -> None:
        if not SERVICE.exists():
            message = f"{SERVICE} is missing. Build it with `make chaos-dev`, then try again."
            raise SystemExit(message)
        self._process = subprocess.Popen(
            [SERVICE, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def flooded(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._line())

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


class Report:
    """Prints figures and keeps in mind whether one is over its limit."""

    def __init__(self, kind: str, write: Callable[[str], object] = sys.stdout.write) -> None:
        self.kind = kind
        self.failed = False
        self._write = write

    def say(self, text: str, over: bool = False) -> None:
        self.failed |= over
        self._write(f"python {self.kind}: {text}{'  <- OVER THE LIMIT' if over else ''}\n")
        sys.stdout.flush()


def resident() -> float:
    """The memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Course:
    """Memory and descriptors along a run: after the warm-up, in the middle, at the end."""

    def __init__(self, report: Report, what: str, count: int) -> None:
        self._report, self._what, self._count = report, what, count
        self._warm = min(10_000, count // 5)
        self._noted: list[tuple[float, int]] = []
        self._started = time.monotonic()

    @property
    def length(self) -> int:
        return self._warm + self._count + 1

    def passed(self, done: int) -> None:
        if done - self._warm in (0, self._count // 2, self._count):
            self._noted.append((resident(), descriptors()))

    def end(self) -> None:
        (start, files), (middle, _), (end, left) = self._noted
        elapsed = time.monotonic() - self._started
        self._report.say(
            f"{self._count} {self._what}: {start:.1f}, {middle:.1f}, {end:.1f} MB; "
            f"{files} descriptors before, {left} after ({elapsed:.0f} s)",
            over=end - start > 5 or end - middle > 3 or left > files + 2,
        )


def rest(service: Service) -> int:
    """What a flood sent, once it stands still."""
    sent, since = -1, time.monotonic()
    while time.monotonic() - since < 1:
        now = service.flooded()
        if now != sent:
            sent, since = now, time.monotonic()
        time.sleep(0.05)
    return sent


def flooded(report: Report, before: float, sent: int) -> None:
    grown = resident() - before
    report.say(
        f"a flood that nobody reads: {grown:.1f} MB more, "
        f"the server could send {sent / 1e6:.1f} MB",
        over=grown > 20,
    )


def interrupts(report: Report, service: Service) -> None:
    command = [sys.executable, "-c", WAITING[report.kind], service.url, str(SIGNALS)]
    times = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(SIGNALS):
            assert process.stdout.readline() == "waiting\n"
            time.sleep(0.05)  # until it waits
            sent = time.monotonic_ns()
            process.send_signal(signal.SIGINT)
            times.append((int(process.stdout.readline()) - sent) / 1e6)
    median = statistics.median(times)
    report.say(
        f"Ctrl-C in a wait: {median:.1f} ms, the median of {SIGNALS}; {max(times):.1f} ms at most",
        over=median > 100,
    )


def closed(report: Report, elapsed: float) -> None:
    report.say(
        f"closing a client with {STREAMS} open streams: {elapsed * 1000:.0f} ms",
        over=elapsed > 0.25,
    )


def run_sync(report: Report, service: Service, count: int) -> None:
    with Agi(base_url=service.url, api_key="key") as client:
        course = Course(report, "streams", count)
        session = client.sessions.attach("short")
        for done in range(course.length):
            assert [event.id for event in session.events()] == [2, 3, 4, 5]
            course.passed(done)
        course.end()
        course = Course(report, "requests", count)
        for done in range(course.length):
            assert session.execution_status() == "running"
            course.passed(done)
        course.end()

        before = resident()
        with client.sessions.attach("flood").events() as stream:
            next(stream)
            flooded(report, before, rest(service))

    interrupts(report, service)

    client = Agi(base_url=service.url, api_key="key")
    opened = threading.Barrier(STREAMS + 1)

    def read() -> None:
        stream = client.sessions.attach("open").events()
        next(stream)
        opened.wait()
        with suppress(SessionwireError):
            list(stream)

    threads = [threading.Thread(target=read) for _ in range(STREAMS)]
    for thread in threads:
        thread.start()
    opened.wait()
    started = time.monotonic()
    client.close()
    for thread in threads:
        thread.join()
    closed(report, time.monotonic() - started)


async def run_async(report: Report, service: Service, count: int) -> None:
    async with AsyncAgi(base_url=service.url, api_key="key") as client:
        course = Course(report, "streams", count)
        session = client.sessions.attach("short")
        for done in range(course.length):
            assert [event.id async for event in session.events()] == [2, 3, 4, 5]
            course.passed(done)
        course.end()
        course = Course(report, "requests", count)
        for done in range(course.length):
            assert await session.execution_status() == "running"
            course.passed(done)
        course.end()

        before = resident()
        async with client.sessions.attach("flood").events() as stream:
            await anext(stream)
            flooded(report, before, await asyncio.to_thread(rest, service))

    await asyncio.to_thread(interrupts, report, service)

    client = AsyncAgi(base_url=service.url, api_key="key")
    opened = asyncio.Barrier(STREAMS + 1)

    async def read() -> None:
        stream = client.sessions.attach("open").events()
        await anext(stream)
        await opened.wait()
        with suppress(SessionwireError):
            async for _event in stream:
                pass

    readers = [asyncio.create_task(read()) for _ in range(STREAMS)]
    await opened.wait()
    started = time.monotonic()
    await client.close()
    await asyncio.gather(*readers)
    closed(report, time.monotonic() - started)


def main() -> int:
    kind, count = sys.argv[1], int(sys.argv[2])
    # A shell that runs this in the background ignores Ctrl-C, and so would every child.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    report, service = Report(kind), Service()
    try:
        if kind == "async":
            asyncio.run(run_async(report, service, count))
        else:
            run_sync(report, service, count)
    finally:
        service.close()
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Creates whose caller left: cancelled, timed out, interrupted. No session stays, or it is told."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trio

from helpers import eventually, script
from sessionwire import Agi, APIConnectionError, AsyncAgi, Emulator
from test_contract import cases
from test_process import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterator

#: Each row is repeated so often.
TIMES = 50
LONG = script({"delay": 3600})


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(step_delay=0.0, browser="builtin", scenario=LONG) as emulator:
        yield emulator


def creates(emulator: Emulator) -> int:
    return len(emulator.requests("POST", "/v1/sessions"))


class CancelAt:
    """Awaits a coroutine and cancels it at its n-th suspension, as a task would be."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], suspension: int) -> None:
        self.coroutine = coroutine
        self.left = suspension
        self.cancelled = False

    def __await__(self) -> Generator[Any, Any, None]:
        step: Callable[[], Any] = lambda: self.coroutine.send(None)  # noqa: E731
        while True:
            try:
                awaited = step()
            except (StopIteration, asyncio.CancelledError):
                return
            self.left -= 1
            if self.left == 0:
                self.cancelled = True
                # What it waits for is not awaited any more.
                getattr(awaited, "_asyncio_future_blocking", None)
                if hasattr(awaited, "_asyncio_future_blocking"):
                    awaited._asyncio_future_blocking = False
                step = lambda: self.coroutine.throw(asyncio.CancelledError())  # noqa: E731
                continue
            try:
                value = yield awaited
            except BaseException as error:
                step = lambda error=error: self.coroutine.throw(error)  # type: ignore[misc]  # noqa: E731
            else:
                step = lambda value=value: self.coroutine.send(value)  # type: ignore[misc]  # noqa: E731


def test_g05_cancelled_at_every_await(emulator: Emulator) -> None:
    emulator.scenario(script({"thought": "hm"}, {"done": "here"}))

    async def run(suspension: int) -> bool:
        async with emulator.async_agi() as client:
            cancelling = CancelAt(client.run_task("go"), suspension)
            await cancelling
        assert emulator.session_count == 0, suspension
        return cancelling.cancelled

    suspension = 0
    while asyncio.run(run(suspension + 1)):
        suspension += 1
        assert suspension < 1000
    assert suspension > 0
    for again in range(TIMES):
        asyncio.run(run(again % suspension + 1))


@pytest.mark.parametrize("way", ["wait_for", "timeout", "cancel", "anyio", "anyio_inside"])
def test_g05_a_create_cut_short_leaves_no_session(emulator: Emulator, way: str) -> None:
    emulator.fail(on="create", delay=0.0 if way == "anyio_inside" else 0.5, times=0)

    async def run(client: AsyncAgi) -> None:
        if way == "wait_for":
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.run_task("go"), 0.2)
        elif way == "timeout":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.run_task("go")
        elif way == "cancel":
            task = asyncio.ensure_future(client.run_task("go"))
            while creates(emulator) == 0:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with anyio.move_on_after(0.2 if way == "anyio" else 1.0) as scope:
                async with client.sessions.create() as session:
                    await session.run_task("go")
            assert scope.cancelled_caught

    async def main() -> None:
        async with emulator.async_agi() as client:
            await asyncio.gather(*(run(client) for _ in range(TIMES)))
            if way == "anyio_inside":
                # Not by the close: by the block, which the scope goes on cancelling.
                assert emulator.session_count == 0
        assert emulator.session_count == 0

    asyncio.run(main())
    assert creates(emulator) > 0


def test_g05_a_scope_around_everything_leaves_no_session(emulator: Emulator) -> None:
    emulator.fail(on="create", delay=0.05, times=0)

    async def main(seconds: float) -> None:
        with anyio.move_on_after(seconds):
            async with emulator.async_agi() as client, client.sessions.create() as session:
                await session.run_task("go")
        assert emulator.session_count == 0

    for number in range(TIMES):
        asyncio.run(main(0.004 * (number % 25)))


def test_g05_trio_leaves_no_session(emulator: Emulator) -> None:
    emulator.fail(on="create", delay=0.05, times=0)

    async def main(seconds: float) -> None:
        with trio.move_on_after(seconds):
            async with emulator.async_agi() as client, client.sessions.create() as session:
                await session.run_task("go")
        assert emulator.session_count == 0

    for number in range(TIMES):
        trio.run(main, 0.004 * (number % 25))


def test_g05_what_is_left_is_told_at_the_close(emulator: Emulator) -> None:
    emulator.fail(on="create", delay=0.2, times=0)
    emulator.fail(on="delete", status=403, body={"detail": "No"}, times=0)

    async def main() -> None:
        async with emulator.async_agi() as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.run_task("go"), 0.1)

    with pytest.warns(ResourceWarning, match="could not be deleted.*No"):
        asyncio.run(main())
    assert emulator.session_count == 1


def test_g05_a_create_that_never_ends_is_told_at_the_close(emulator: Emulator) -> None:
    emulator.fail(on="create", hang=True, times=0)

    async def main() -> None:
        async with emulator.async_agi() as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.run_task("go"), 0.1)

    with pytest.warns(ResourceWarning, match="was being created.*no reply came within 5 s"):
        asyncio.run(main())


def test_g05_a_close_from_another_thread_leaves_no_session(emulator: Emulator) -> None:
    emulator.fail(on="create", delay=0.1, times=0)
    clients = [emulator.agi() for _ in range(TIMES)]
    errors: list[BaseException] = []

    def create(client: Agi) -> None:
        try:
            client.sessions.create()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=create, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    eventually(lambda: creates(emulator) == TIMES, "every create is under way")
    for client in clients:
        client.close()
    for thread in threads:
        thread.join()
    # A create whose reply came before the close is its caller's.
    assert len(errors) + emulator.session_count == TIMES


PROGRAM = """
import asyncio, os, signal, sys, threading, time
from sessionwire import Agi, AsyncAgi, Emulator
"""
#: Programs whose create is under way when they are cut short, and how they end.
PROGRAMS = {
    "wait_for without a close": (
        """
async def main():
    client = AsyncAgi()
    await asyncio.wait_for(client.run_task("go"), 0.3)
asyncio.run(main())
""",
        None,
        1,
    ),
    "Ctrl-C": ("Agi().run_task('go')", [signal.SIGINT], -signal.SIGINT),
    "Ctrl-C twice": ("Agi().run_task('go')", [signal.SIGINT] * 2, -signal.SIGINT),
    "Ctrl-C in a block": (
        "with Agi() as client, client.sessions.create() as session: session.run_task('go')",
        [signal.SIGINT] * 2,
        -signal.SIGINT,
    ),
    "Ctrl-C, async": (
        "asyncio.run(AsyncAgi().run_task('go'))",
        [signal.SIGINT],
        -signal.SIGINT,
    ),
    "SIGTERM": (
        "Agi(delete_sessions_on_exit=True).sessions.create()",
        [signal.SIGTERM],
        -signal.SIGTERM,
    ),
    "SIGTERM twice": (
        "Agi(delete_sessions_on_exit=True).sessions.create()",
        [signal.SIGTERM] * 2,
        -signal.SIGTERM,
    ),
    "Ctrl-C twice with the option": (
        "Agi(delete_sessions_on_exit=True).sessions.create(); time.sleep(60)",
        [signal.SIGINT] * 2,
        -signal.SIGINT,
    ),
    "a daemon thread": (
        """
threading.Thread(target=Agi().sessions.create, daemon=True).start()
time.sleep(0.3)
sys.exit(3)
""",
        None,
        3,
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_g05_a_program_cut_short_leaves_no_session(emulator: Emulator, name: str) -> None:
    code, signals, status = PROGRAMS[name]
    emulator.fail(on="create", delay=0.6, times=0)
    process = subprocess.Popen(
        [sys.executable, "-c", f"{PROGRAM}\n{code}"],
        env=environment(emulator),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        if signals:
            eventually(lambda: creates(emulator), "the create is under way", 30)
        for number in signals or []:
            process.send_signal(number)
        assert process.stdout is not None
        shown = process.stdout.read()
    assert (process.returncode, emulator.session_count) == (status, 0), shown
    assert "ResourceWarning" not in shown
    assert creates(emulator) == 1


def prepare(emulator: Emulator, case: dict[str, Any]) -> None:
    for fault in case["faults"]:
        emulator.fail(**fault)


def check_left(
    emulator: Emulator, case: dict[str, Any], seen: list[warnings.WarningMessage]
) -> None:
    assert emulator.session_count == case["sessions"]
    told = [str(one.message) for one in seen if one.category is ResourceWarning]
    parts = case.get("reports", [])
    assert len(told) == bool(parts), told
    assert all(part in told[0] for part in parts), told
    assert creates(emulator) == 1


def interrupt_once_under_way(emulator: Emulator) -> None:
    eventually(lambda: creates(emulator), "the create is under way")
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@pytest.mark.parametrize("case", cases("left_behind.json"))
def test_g05_left_behind(emulator: Emulator, case: dict[str, Any]) -> None:
    prepare(emulator, case)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        client = emulator.agi()
        if case["call"] == "block":
            with client.sessions.create():
                client.close()
        elif case["cut"] == "cancel":
            thread = threading.Thread(target=interrupt_once_under_way, args=[emulator])
            thread.start()
            with pytest.raises(KeyboardInterrupt):
                client.sessions.create()
            thread.join()
        else:
            thread = threading.Thread(target=close_once_under_way, args=[emulator, client])
            thread.start()
            with pytest.raises(APIConnectionError):
                client.sessions.create()
            thread.join()
        client.close()
    check_left(emulator, case, seen)


def close_once_under_way(emulator: Emulator, client: Agi) -> None:
    eventually(lambda: creates(emulator), "the create is under way")
    client.close()


@pytest.mark.parametrize("case", cases("left_behind.json"))
def test_g05_left_behind_async(emulator: Emulator, case: dict[str, Any]) -> None:
    prepare(emulator, case)

    async def main() -> None:
        client = emulator.async_agi()
        if case["call"] == "block":
            async with client.sessions.create():
                await client.close()
            return
        creating = asyncio.ensure_future(client.sessions.create().__aenter__())
        while not creates(emulator):
            await asyncio.sleep(0.005)
        if case["cut"] == "cancel":
            creating.cancel()
        await asyncio.wait([asyncio.ensure_future(client.close()), creating])
        assert creating.cancelled() or isinstance(creating.exception(), APIConnectionError)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        asyncio.run(main())
    check_left(emulator, case, seen)

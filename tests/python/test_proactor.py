"""Event loops that watch no descriptor: Windows' default one, the proactor, reads sockets instead.

The loop here is one of this system that behaves like it: `add_reader` is missing, `sock_recv` gives
what comes through a future of the loop, and closing the loop cancels what it still reads.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from helpers import script, thoughts
from sessionwire import AsyncAgi, Emulator, _native

if TYPE_CHECKING:
    import socket
    from collections.abc import Coroutine


class Proactor(asyncio.SelectorEventLoop):
    """As `asyncio.ProactorEventLoop`, as far as others see it."""

    def __init__(self) -> None:
        super().__init__()
        self._reads: set[asyncio.Future[bytes]] = set()

    def add_reader(self, *_: Any) -> NoReturn:  # type: ignore[override]
        raise NotImplementedError

    def remove_reader(self, fd: Any) -> NoReturn:
        raise NotImplementedError

    async def sock_recv(self, sock: socket.socket, nbytes: int) -> bytes:
        assert sock.gettimeout() == 0, "the proactor reads non-blocking sockets only"
        future: asyncio.Future[bytes] = self.create_future()
        self._reads.add(future)
        future.add_done_callback(self._reads.discard)
        fd = sock.fileno()

        def ready() -> None:
            self._remove_reader(fd)  # type: ignore[attr-defined]
            if not future.done():
                future.set_result(sock.recv(nbytes))

        self._add_reader(fd, ready)  # type: ignore[attr-defined]
        return await future

    def close(self) -> None:
        if not self.is_closed():
            for future in list(self._reads):
                future.cancel()
        super().close()


class EagerProactor(asyncio.SelectorEventLoop):
    """One whose `sock_recv` gives at once what is there already."""

    def add_reader(self, *_: Any) -> NoReturn:  # type: ignore[override]
        raise NotImplementedError


LOOPS = [Proactor, EagerProactor]


@pytest.fixture(params=LOOPS, ids=lambda loop: loop.__name__)
def loop_factory(request: pytest.FixtureRequest) -> type[asyncio.AbstractEventLoop]:
    chosen: type[asyncio.AbstractEventLoop] = request.param
    return chosen


def run(factory: type[asyncio.AbstractEventLoop], work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


async def quick(client: AsyncAgi) -> None:
    async with client.sessions.create() as session:
        async with session.start_task("Count") as task:
            assert [event.text async for event in task][-1] == "ok"
        result = await session.run_task("Count", timeout=30)
        assert result.text == "ok"


def test_g11_a_loop_without_add_reader(
    emulator: Emulator, loop_factory: type[asyncio.AbstractEventLoop]
) -> None:
    emulator.scenario(script(thoughts(3), {"delay": 0.02}, {"done": "ok"}))

    async def main() -> None:
        async with emulator.async_agi() as client:
            await asyncio.gather(*(quick(client) for _ in range(5)))
            # Whoever waits for every task waits for none of ours.
            assert asyncio.all_tasks() == {asyncio.current_task()}

    for _ in range(3):
        run(loop_factory, main())
    assert emulator.session_count == 0


def test_many_calls_at_once_through_one_socket(
    emulator: Emulator, loop_factory: type[asyncio.AbstractEventLoop]
) -> None:
    async def main() -> None:
        async with emulator.async_agi() as client:
            for _ in range(3):
                await asyncio.gather(*(client.sessions.list() for _ in range(300)))

    run(loop_factory, main())


def test_g06_a_cancelled_wait_loses_no_event_without_add_reader(
    emulator: Emulator, loop_factory: type[asyncio.AbstractEventLoop]
) -> None:
    emulator.scenario(script({"delay": 0.05}, thoughts(5), {"done": "ok"}))

    async def main() -> None:
        async with emulator.async_agi() as client, client.sessions.create() as session:
            await session.send_message("Count")
            async with session.events() as stream:
                first = asyncio.create_task(anext(stream))
                await asyncio.sleep(0)
                first.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await first
                assert [event.id async for event in stream] == [2, 3, 4, 5, 6, 7]

    run(loop_factory, main())


def test_g05_tasks_that_the_end_of_the_loop_cancels_delete_their_sessions(
    emulator: Emulator, loop_factory: type[asyncio.AbstractEventLoop]
) -> None:
    client = emulator.async_agi()
    inside = 0

    async def stays(ready: asyncio.Event) -> None:
        nonlocal inside
        async with client.sessions.create():
            inside += 1
            ready.set()
            await asyncio.Event().wait()

    async def main() -> None:
        events = [asyncio.Event() for _ in range(3)]
        left = [asyncio.create_task(stays(event)) for event in events]
        for event in events:
            await event.wait()
        assert len(left) == emulator.session_count == 3
        # They run on: the runner cancels them.

    run(loop_factory, main())
    assert inside == 3
    assert emulator.session_count == 0


def test_g11_loops_without_add_reader_in_threads(
    emulator: Emulator, loop_factory: type[asyncio.AbstractEventLoop]
) -> None:
    emulator.scenario(script(thoughts(3), {"done": "ok"}))
    client = emulator.async_agi()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            run(loop_factory, quick(client))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc on this system")
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "dropped"])
def test_g05_a_loop_without_add_reader_leaves_no_socket(
    emulator: Emulator, loop_factory: type[asyncio.AbstractEventLoop], closed: bool
) -> None:
    client = emulator.async_agi()

    def descriptors() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    def once() -> None:
        loop = loop_factory()
        loop.run_until_complete(client.sessions.list())
        if closed:
            loop.close()
        else:
            # As its own destructor does, which would warn of it.
            asyncio.SelectorEventLoop.close(loop)  # type: ignore[arg-type]

    once()
    before = descriptors()
    for _ in range(20):
        once()
    # The pool of connections may hold one more.
    assert descriptors() <= before + 1


EXITS = """
import asyncio, sys
sys.path.insert(0, {folder!r})
from test_proactor import {loop}
from sessionwire import AsyncAgi

async def main():
    client = AsyncAgi(base_url={url!r}, api_key={key!r})
    await client.sessions.list()
    {more}

with asyncio.Runner(loop_factory={loop}) as runner:
    runner.run(main())
"""


@pytest.mark.parametrize("more", ["", "sys.exit(0)"], ids=["end", "exit"])
def test_g05_exit_right_after_an_await_without_add_reader(
    emulator: Emulator, loop_factory: type[asyncio.AbstractEventLoop], more: str
) -> None:
    program = EXITS.format(
        folder=str(Path(__file__).parent),
        loop=loop_factory.__name__,
        url=emulator.url,
        key=emulator.api_key,
        more=more,
    )
    for _ in range(10):
        command = [sys.executable, "-W", "error", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [-5, 1 << 40])
def test_what_is_no_socket_is_refused(number: int) -> None:
    with pytest.raises(OSError, match="invalid"):
        _native.Bridge(number)

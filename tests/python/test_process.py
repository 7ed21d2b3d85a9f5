"""Processes: exit, signals, fork, threads, event loops."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sessionwire
from helpers import eventually, script, thoughts
from sessionwire import Agi, APIConnectionError, AsyncAgi, Emulator, StreamError

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = str(Path(sessionwire.__file__).parent.parent)
PYTHONS = [
    sys.executable,
    *filter(None, os.environ.get("SESSIONWIRE_TEST_PYTHONS", "").split(os.pathsep)),
]
ENDLESS = script({"thought": "at work"}, {"delay": 3600})

EXIT_AFTER_AN_AWAIT = """
import asyncio, sys
from sessionwire import AsyncAgi

async def main():
    client = AsyncAgi()
    session = client.sessions.attach(sys.argv[1])
    stream = session.events()
    await anext(stream)
    await session.execution_status()

asyncio.run(main())
"""


def environment(emulator: Emulator) -> dict[str, str]:
    own = {"AGI_API_KEY": emulator.api_key, "AGI_BASE_URL": emulator.url}
    return {**os.environ, **own, "PYTHONPATH": PACKAGES}


@pytest.mark.parametrize("python", PYTHONS)
def test_g05_exit_right_after_an_await(emulator: Emulator, client: Agi, python: str) -> None:
    emulator.scenario(ENDLESS)
    with client.sessions.create() as session:
        session.send_message("Begin")
        command = [python, "-c", EXIT_AFTER_AN_AWAIT, session.session_id]
        for _ in range(50):
            done = subprocess.run(
                command,
                env=environment(emulator),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, "")


def test_g05_exit_with_daemon_threads_inside_calls(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(ENDLESS)
    program = """
import sys, threading
from sessionwire import Agi

client = Agi()
session = client.sessions.attach(sys.argv[1])
inside = threading.Semaphore(0)

def read():
    for event in session.events():
        inside.release()

threads = [threading.Thread(target=read, daemon=True) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: inside.acquire()
"""
    with client.sessions.create() as session:
        session.send_message("Begin")
        for _ in range(10):
            done = subprocess.run(
                [sys.executable, "-c", program, session.session_id],
                env=environment(emulator),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "call",
    ["next(session.events())", "session.execution_status()", "session.wait()"],
)
def test_g06_ctrl_c_comes_through(emulator: Emulator, client: Agi, call: str) -> None:
    emulator.scenario(script({"delay": 3600}))
    emulator.fail(on="status", hang=True, times=0)
    program = f"""
import sys, time
from sessionwire import Agi

client = Agi()
session = client.sessions.attach(sys.argv[1])
print("ready", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print(time.time(), flush=True)
"""
    with client.sessions.create() as session:
        session.send_message("Begin")
        before = len(emulator.requests())
        process = subprocess.Popen(
            [sys.executable, "-c", program, session.session_id],
            env=environment(emulator),
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            eventually(lambda: len(emulator.requests()) > before, "the call is under way")
            sent = time.time()
            process.send_signal(signal.SIGINT)
            surfaced = float(process.stdout.readline())
        assert process.returncode == 0
        # 100 ms, and what a busy machine needs to run Python at all.
        assert surfaced - sent < 0.1 + 0.4


def test_g06_ctrl_c_in_this_thread(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(ENDLESS)

    def interrupt() -> None:
        eventually(lambda: emulator.open_streams, "the stream is open")
        os.kill(os.getpid(), signal.SIGINT)

    with client.sessions.create() as session:
        session.send_message("Begin")
        stream = session.events()
        next(stream)
        thread = threading.Thread(target=interrupt)
        with pytest.raises(KeyboardInterrupt):
            thread.start()
            next(stream)
        thread.join()
        # The stream is still usable.
        session.cancel()
        assert [event.type for event in stream] == ["log"]


def in_child(work: Callable[[], object]) -> int:
    """Runs the work in a forked child; the child's exit status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(20)
            work()
            status = 0
        except BaseException as error:
            os.write(2, f"in the child: {error!r}\n".encode())
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_g11_fork(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script(thoughts(2), {"delay": 3600}))
    with client.sessions.create() as session:
        task = session.start_task("Begin")
        stream = session.events()
        next(stream)

        def child() -> None:
            assert client.sessions.get(session.session_id).session_id == session.session_id
            with pytest.raises(StreamError, match="forked.*Open a new one"):
                next(stream)
            with pytest.raises(StreamError, match="forked"):
                task.status()
            assert next(session.events()).type == "thought"
            stream.close()

            async def main() -> None:
                async with AsyncAgi(base_url=emulator.url, api_key="key") as other:
                    assert len(await other.sessions.list()) == 0

            asyncio.run(main())

        assert in_child(child) == 0
        assert in_child(lambda: assert_in_child(session.refresh)) == 0
        assert next(stream).text == "thought 2"
        assert task.status() == "running"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_g11_fork_while_calls_and_streams_are_under_way(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script(thoughts(1), {"question": "Go on?"}, thoughts(1), {"done": "ok"}))
    results: list[str] = []
    asked, go_on = threading.Semaphore(0), threading.Event()

    def answer(question: object) -> str:
        asked.release()
        assert go_on.wait(30)
        return "yes"

    def work() -> None:
        results.append(client.run_task("Count", on_question=answer).text)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in threads:
        asked.acquire()
    for _ in range(5):
        assert in_child(lambda: client.sessions.list()) == 0
    go_on.set()
    for thread in threads:
        thread.join()
    # The parent noticed nothing.
    assert results == ["ok"] * 4


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_g11_a_pool_of_processes(emulator: Emulator, method: str) -> None:
    emulator.scenario(script(thoughts(3), {"done": "ok"}))
    with emulator.agi() as client:
        client.sessions.list()
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            assert pool.map(run_one, [client] * 4) == ["ok"] * 4
    assert emulator.session_count == 0


def run_one(client: Agi) -> str:
    return client.run_task("Count", timeout=60).text


def assert_in_child(call: Callable[[], object]) -> None:
    assert in_child(call) == 0


def test_g11_threads(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script(thoughts(50), {"done": "ok"}))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(3):
                assert client.run_task("Count", timeout=60).text == "ok"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert emulator.session_count == 0


def test_g11_close_from_another_thread_ends_a_wait(emulator: Emulator) -> None:
    emulator.scenario(ENDLESS)
    with emulator.agi() as client:
        session = client.sessions.create()
        session.send_message("Begin")

        def close() -> None:
            eventually(lambda: emulator.open_streams, "the stream is open")
            client.close()

        thread = threading.Thread(target=close)
        thread.start()
        with pytest.raises((APIConnectionError, StreamError, StopIteration)):
            stream = session.events()
            while True:
                next(stream)
        thread.join()


async def quick(client: AsyncAgi) -> None:
    async with client.sessions.create() as session:
        result = await session.run_task("Count", on_event=lambda event: None, timeout=30)
        assert result.text == "ok"


def test_g11_successive_loops(emulator: Emulator) -> None:
    emulator.scenario(script(thoughts(3), {"done": "ok"}))
    client = emulator.async_agi()
    for _ in range(3):
        asyncio.run(quick(client))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(quick(client))
    loop.run_until_complete(client.close())
    loop.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc on this system")
def test_g05_a_finished_loop_leaves_no_descriptor(emulator: Emulator) -> None:
    client = emulator.async_agi()

    def descriptors() -> int:
        gc.collect()
        kinds = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
        return sum("eventfd" in kind for kind in kinds)

    asyncio.run(list_twice(client))
    before = descriptors()
    for _ in range(20):
        asyncio.run(list_twice(client))
    assert descriptors() <= before


async def list_twice(client: AsyncAgi) -> None:
    await asyncio.gather(client.sessions.list(), client.sessions.list())


def test_g11_loops_in_threads(emulator: Emulator) -> None:
    emulator.scenario(script(thoughts(3), {"done": "ok"}))
    client = emulator.async_agi()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(quick(client))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_uvloop(emulator: Emulator) -> None:
    import uvloop

    emulator.scenario(script(thoughts(3), {"done": "ok"}))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(quick(emulator.async_agi()))


def test_trio(emulator: Emulator) -> None:
    import trio

    emulator.scenario(script(thoughts(3), {"delay": 0.02}, {"done": "ok"}))

    async def main() -> None:
        async with emulator.async_agi() as client:
            await quick(client)
            async with await client.sessions.create() as session:
                with trio.move_on_after(0.05) as scope:
                    async for _event in session.events():
                        pass
                assert scope.cancelled_caught
            with trio.move_on_after(0.05) as scope:
                async with client.sessions.create() as session, session.events() as stream:
                    await anext(stream)
            assert scope.cancelled_caught
            assert emulator.session_count == 0

    trio.run(main)


def test_g11_every_loop_at_once(emulator: Emulator) -> None:
    import trio
    import uvloop

    emulator.scenario(script(thoughts(3), {"delay": 0.02}, {"done": "ok"}))
    client = emulator.async_agi()
    failures: list[BaseException] = []

    async def three() -> None:
        for _ in range(3):
            await quick(client)

    def in_uvloop() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(three())

    def noted(run: Callable[[], object]) -> None:
        try:
            run()
        except BaseException as error:
            failures.append(error)

    loops = [lambda: asyncio.run(three()), in_uvloop, lambda: trio.run(three)]
    threads = [threading.Thread(target=noted, args=[run]) for run in loops * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert emulator.session_count == 0


def test_g06_a_cancelled_wait_loses_no_event_in_uvloop(emulator: Emulator) -> None:
    import uvloop

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
                ids = [event.id async for event in stream]
                assert ids == [2, 3, 4, 5, 6, 7]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def test_without_a_loop(emulator: Emulator) -> None:
    coroutine = emulator.async_agi().sessions.list()
    with pytest.raises(RuntimeError, match="No event loop is running"):
        coroutine.send(None)


def test_many_calls_at_once(emulator: Emulator) -> None:
    async def main() -> None:
        async with emulator.async_agi() as client:
            lists = await asyncio.gather(*(client.sessions.list() for _ in range(500)))
            assert lists == [[]] * 500

    asyncio.run(main())


def test_a_cancelled_call_drops_its_request(emulator: Emulator) -> None:
    emulator.fail(on="list", hang=True)

    async def main() -> None:
        async with emulator.async_agi() as client:
            call = asyncio.create_task(client.sessions.list())
            while not emulator.requests():
                await asyncio.sleep(0.005)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await client.sessions.list() == []

    asyncio.run(main())


def test_g11_pickling(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with emulator.agi(api_key="explicit-key", timeout=7) as client:
        session = client.sessions.create()
        copy = pickle.loads(pickle.dumps(session))
        assert copy.refresh().status == "ready"
        assert (copy.session_id, copy.created_at) == (session.session_id, session.created_at)
        changed = pickle.loads(pickle.dumps(client.with_options(timeout=3, max_retries=1)))
        assert changed._native.timeout == 3
        assert pickle.loads(pickle.dumps(AsyncAgi(api_key="k"))).base_url.startswith("https://")

    monkeypatch.setenv("AGI_API_KEY", "secret-from-env")
    monkeypatch.setenv("AGI_BASE_URL", emulator.url)
    pickled = pickle.dumps(Agi())
    assert b"secret-from-env" not in pickled
    monkeypatch.delenv("AGI_BASE_URL")
    assert pickle.loads(pickled).base_url == f"{emulator.url}/v1"
    monkeypatch.delenv("AGI_API_KEY")
    with pytest.raises(sessionwire.ConfigError, match="AGI_API_KEY"):
        pickle.loads(pickled)


#: The rest of a program whose system gives no more of something; then it does again.
LIMITED = """
import os, resource, sys
import sessionwire
from sessionwire import Agi, SessionwireError

limit, low, words = sys.argv[1:]
number = getattr(resource, limit)
before = resource.getrlimit(number)
if low == "memory":
    # No room for a thread's stack.
    pages = int(open("/proc/self/statm").read().split()[0])
    low = pages * resource.getpagesize() + 1_500_000
else:
    low = len(os.listdir("/proc/self/fd"))
resource.setrlimit(number, (low, before[1]))
try:
    Agi(api_key="key", base_url="http://127.0.0.1:9").sessions.list()
except SessionwireError as error:
    shown = f"{type(error).__name__}: {error}"
else:
    shown = "nothing"
resource.setrlimit(number, before)
assert words in shown, shown
assert shown.startswith("ConfigError: "), shown
with sessionwire.Emulator() as emulator, emulator.agi() as client:
    assert client.sessions.list() == []
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts by /proc")
@pytest.mark.parametrize(
    ("limit", "low", "words"),
    [("RLIMIT_NOFILE", "files", "ulimit -n"), ("RLIMIT_AS", "memory", "ulimit -u")],
)
def test_g11_a_limit_of_the_system_is_named(limit: str, low: str, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, limit, low, words],
        env={**os.environ, "PYTHONPATH": PACKAGES},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")

"""What is left behind when a program ends: nothing, or a report."""

from __future__ import annotations

import asyncio
import logging
import pickle
import signal
import subprocess
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from helpers import eventually, script
from sessionwire import Agi, AsyncAgi, Emulator, TaskTimeout
from test_process import environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

SETUP = """
import os, signal, sys, threading, time
from sessionwire import Agi

client = Agi(delete_sessions_on_exit=True)
session = client.sessions.create()
"""
ASYNC = """
import asyncio
from sessionwire import AsyncAgi

async def main():
    client = AsyncAgi(delete_sessions_on_exit=True)
    session = await client.sessions.create()
    print("ready", flush=True)
    await session.wait(poll_interval=100)

asyncio.run(main())
"""


def run(emulator: Emulator, program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment(emulator),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def signalled(emulator: Emulator, program: str, number: signal.Signals) -> tuple[int, str]:
    """Sends the signal once the program is ready; its exit status and all that it printed."""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment(emulator),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        shown = process.stdout.read()
    return process.returncode, shown


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError('mine')", 1),
        ("client.close()", 0),
        ("del client, session", 0),
        ("client.with_options(timeout=9).sessions.create()", 0),
        ("Agi(delete_sessions_on_exit=True).sessions.create()", 0),
        ("session.delete()", 0),
        ("t = threading.Thread(target=client.sessions.create); t.start()", 0),
        ("raise KeyboardInterrupt", -signal.SIGINT),
    ],
)
def test_g05_sessions_are_deleted_at_exit(emulator: Emulator, end: str, status: int) -> None:
    done = run(emulator, f"{SETUP}\n{end}")
    assert done.returncode == status, done.stderr
    assert emulator.session_count == 0
    assert "could not be deleted" not in done.stderr
    created = len(emulator.requests("POST", "/v1/sessions"))
    assert len(emulator.requests("DELETE", "/v1/sessions/*")) == created


def test_g05_without_the_option_they_stay(emulator: Emulator) -> None:
    done = run(emulator, SETUP.replace("delete_sessions_on_exit=True", ""))
    assert (done.returncode, done.stderr) == (0, "")
    assert emulator.session_count == 1


def test_g05_what_others_created_stays(emulator: Emulator, client: Agi) -> None:
    other = client.sessions.create()
    done = run(emulator, f"{SETUP}\nclient.sessions.get({other.session_id!r})")
    assert (done.returncode, done.stderr) == (0, "")
    assert [session.session_id for session in client.sessions.list()] == [other.session_id]


def test_g05_the_snapshot_that_was_asked_for_is_kept(emulator: Emulator) -> None:
    program = SETUP.replace("create()", "create(save_snapshot_mode='filesystem')")
    assert run(emulator, program).returncode == 0
    (request,) = emulator.requests("DELETE")
    assert request.query == "save_snapshot_mode=filesystem"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(
    "wait",
    ["time.sleep(60)", "session.wait(poll_interval=100)", "threading.Event().wait()"],
)
def test_g05_sessions_are_deleted_on_a_signal(
    emulator: Emulator, number: signal.Signals, wait: str
) -> None:
    emulator.scenario(script({"delay": 3600}))
    program = f"{SETUP}\nsession.send_message('go')\nprint('ready', flush=True)\n{wait}"
    status, shown = signalled(emulator, program, number)
    assert status == -number, shown
    assert emulator.session_count == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_g05_sessions_are_deleted_on_a_signal_async(
    emulator: Emulator, number: signal.Signals
) -> None:
    emulator.fail(on="status", hang=True, times=0)
    status, shown = signalled(emulator, ASYNC, number)
    assert status == -number, shown
    assert emulator.session_count == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_g05_a_handler_of_the_users_own_is_left_alone(emulator: Emulator, when: str) -> None:
    handler = """
import signal, sys
def mine(number, frame):
    print("mine", flush=True)
    session.execution_status()  # the session is still there
    sys.exit(7)
signal.signal(signal.SIGTERM, mine)
"""
    order = [handler, SETUP] if when == "before" else [SETUP, handler]
    program = "\n".join([*order, "print('ready', flush=True)", "time.sleep(60)"])
    assert signalled(emulator, program, signal.SIGTERM) == (7, "mine\n")
    assert emulator.session_count == 0


def test_g05_an_ignored_signal_stays_ignored(emulator: Emulator) -> None:
    program = f"""
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
{SETUP}
print("ready", flush=True)
signal.sigtimedwait([], 0.2)
session.execution_status()
print("still here")
"""
    assert signalled(emulator, program, signal.SIGHUP) == (0, "still here\n")
    assert emulator.session_count == 0


def test_g05_a_client_made_in_a_thread_deletes_at_exit(emulator: Emulator) -> None:
    program = """
import signal, threading
from sessionwire import Agi
thread = threading.Thread(target=lambda: Agi(delete_sessions_on_exit=True).sessions.create())
thread.start()
thread.join()
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
"""
    done = run(emulator, program)
    assert (done.returncode, done.stderr) == (0, "")
    assert emulator.session_count == 0


def test_g05_a_child_leaves_its_parents_sessions_alone(emulator: Emulator) -> None:
    program = f"""{SETUP}
child = os.fork()
if child == 0:
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
session.execution_status()
child = os.fork()
if child == 0:
    os.kill(os.getpid(), signal.SIGTERM)
assert os.waitpid(child, 0)[1] == signal.SIGTERM
session.execution_status()
print("still there")
"""
    done = run(emulator, program)
    assert (done.returncode, done.stdout) == (0, "still there\n"), done.stderr
    assert emulator.session_count == 0


def test_g05_a_delete_that_fails_at_exit_is_reported(emulator: Emulator) -> None:
    emulator.fail(on="delete", status=403, body={"detail": "No"}, times=0)
    done = run(emulator, f"{SETUP}\nprint(session.session_id)\nsys.exit(3)")
    assert done.returncode == 3
    assert f"The session {done.stdout.strip()} could not be deleted at exit" in done.stderr
    assert "answered 403: No" in done.stderr


def test_g05_the_exit_does_not_wait_for_ever(emulator: Emulator) -> None:
    emulator.fail(on="delete", hang=True, times=0)
    begun = time.monotonic()
    status, shown = signalled(
        emulator, f"{SETUP}\nprint('ready', flush=True)\ntime.sleep(60)", signal.SIGTERM
    )
    assert status == -signal.SIGTERM
    assert "could not be deleted at exit" in shown
    assert "within 5 s" in shown
    assert time.monotonic() - begun < 30


def test_g05_a_later_signal_ends_it_at_once(emulator: Emulator) -> None:
    emulator.fail(on="delete", hang=True, times=0)
    process = subprocess.Popen(
        [sys.executable, "-c", f"{SETUP}\nprint('ready', flush=True)\ntime.sleep(60)"],
        env=environment(emulator),
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        eventually(lambda: emulator.requests("DELETE"), "the delete is under way")

        def ended() -> bool:
            # Those of the first second count as one with the first.
            process.send_signal(signal.SIGTERM)
            return process.poll() is not None

        eventually(ended, "the end")
        assert process.stdout.read() == ""
    assert process.returncode == -signal.SIGTERM


def test_g11_the_option_is_pickled(emulator: Emulator) -> None:
    program = f"""{SETUP}
import pickle
twin = pickle.loads(pickle.dumps(client))
twin.sessions.create()
"""
    done = run(emulator, program)
    assert (done.returncode, done.stderr) == (0, "")
    assert emulator.session_count == 0
    with emulator.agi() as client:
        assert pickle.loads(pickle.dumps(client))._options["delete_sessions_on_exit"] is False


# Every way out of the context managers.


class Mine(BaseException):
    pass


def ways_out() -> list[Any]:
    def raises(kind: type[BaseException]) -> Any:
        def way(session: Any) -> None:
            raise kind

        return pytest.param(way, kind, id=kind.__name__)

    def times_out(session: Any) -> Any:
        return session.run_task("for ever", timeout=0.05)

    kinds = [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, Mine]
    return [*map(raises, kinds), pytest.param(times_out, TaskTimeout, id="TaskTimeout")]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(("way", "kind"), ways_out())
def test_g05_every_way_out_deletes(
    emulator: Emulator,
    client: Agi,
    caplog: pytest.LogCaptureFixture,
    way: Any,
    kind: type[BaseException],
    fails: bool,
) -> None:
    emulator.scenario(script({"delay": 3600}))
    if fails:
        emulator.fail(on="delete", status=403, body={"detail": "No"})
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(kind), client.sessions.create() as session:
            way(session)
    check_report(emulator, caplog, seen, fails)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(("way", "kind"), ways_out())
def test_g05_every_way_out_deletes_async(
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    way: Any,
    kind: type[BaseException],
    fails: bool,
) -> None:
    emulator.scenario(script({"delay": 3600}))
    if fails:
        emulator.fail(on="delete", status=403, body={"detail": "No"})

    async def main() -> None:
        async with emulator.async_agi() as client:
            with pytest.raises(kind):
                async with client.sessions.create() as session:
                    waiting = way(session)
                    await waiting

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        asyncio.run(main())
    check_report(emulator, caplog, seen, fails)


def check_report(
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    seen: list[warnings.WarningMessage],
    fails: bool,
) -> None:
    reports = [one for one in seen if one.category is ResourceWarning]
    logged = [record for record in caplog.records if record.name == "sessionwire"]
    logged = [record for record in logged if record.levelno >= logging.WARNING]
    assert len(emulator.requests("DELETE")) == 1
    assert emulator.session_count == int(fails)
    assert (len(reports), len(logged)) == (int(fails), int(fails)), [*map(str, reports)]
    for text in [str(report.message) for report in reports] + [r.getMessage() for r in logged]:
        assert "could not be deleted" in text
        assert "answered 403: No" in text


def test_g05_a_generator_that_is_closed_deletes(emulator: Emulator, client: Agi) -> None:
    def inside() -> Iterator[str]:
        with client.sessions.create() as session:
            yield session.session_id

    generator = inside()
    next(generator)
    assert emulator.session_count == 1
    generator.close()  # type: ignore[attr-defined]
    assert emulator.session_count == 0


def test_g05_an_async_generator_that_is_closed_deletes(emulator: Emulator) -> None:
    async def inside(client: AsyncAgi) -> AsyncIterator[str]:
        async with client.sessions.create() as session:
            yield session.session_id

    async def main() -> None:
        async with emulator.async_agi() as client:
            generator = inside(client)
            await anext(generator)
            assert emulator.session_count == 1
            await generator.aclose()  # type: ignore[attr-defined]
            assert emulator.session_count == 0

    asyncio.run(main())


@pytest.mark.parametrize("way", ["cancel", "timeout"])
def test_g05_a_cancelled_task_deletes(emulator: Emulator, way: str) -> None:
    emulator.scenario(script({"delay": 3600}))

    async def main() -> None:
        async with emulator.async_agi() as client:

            async def inside() -> None:
                async with client.sessions.create() as session:
                    await session.run_task("for ever")

            async def busy() -> None:
                while not emulator.requests("POST", "/v1/sessions/*/message", status=200):
                    await asyncio.sleep(0.005)

            if way == "timeout":
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(None) as scope:
                        begun = asyncio.ensure_future(busy())
                        loop = asyncio.get_running_loop()
                        begun.add_done_callback(lambda _: scope.reschedule(loop.time()))
                        await inside()
            else:
                task = asyncio.ensure_future(inside())
                await busy()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert emulator.session_count == 0

    asyncio.run(main())

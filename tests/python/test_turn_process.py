"""Turns and processes: Ctrl-C, fork, pickle, threads, event loops, exit."""

from __future__ import annotations

import asyncio
import io
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sessionwire
from helpers import eventually
from sessionwire import (
    APITimeoutError,
    AsyncRaccoon,
    ConfigError,
    Emulator,
    Raccoon,
    RaccoonSession,
    ResumePoint,
    StreamError,
    TaskTimeout,
    Turn,
    UnknownTurnEvent,
    UploadedFile,
)
from test_process import PACKAGES, PYTHONS, in_child
from test_turns import turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sessionwire import AsyncTurn

PACKAGE = str(Path(sessionwire.__file__).parent)
# A turn that waits in its middle; others answer at once.
SCENARIO = {
    "turns": [
        {
            "match": "hold",
            "once": False,
            "steps": [{"text": "a"}, {"wait_for_message": True}, {"text": "{message}"}],
        },
        {"once": False, "steps": [{"text": "ok"}]},
    ]
}
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
QUIET = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(scenario=SCENARIO, step_delay=0.0, max_turns=1000) as emulator:
        yield emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Raccoon]:
    with emulator.raccoon() as client:
        yield client


def held(session: RaccoonSession, **options: Any) -> Turn:
    """A turn that waits in its middle, with the events up to there read."""
    turn = session.start_turn("hold", **options)
    assert [next(turn).id, next(turn).id] == [1, 2]
    return turn


def ends_well(turn: Turn) -> None:
    """What came before is read already: the rest comes once and in order."""
    assert turn.send_message("b").success
    assert [event.id for event in turn] == [3, 4, 5]
    assert turn.result().text == "ab"


# Ctrl-C.


def interrupt(call: Callable[[], object], ready: Callable[[], object] = lambda: True) -> None:
    """Ctrl-C once the call waits and `ready` holds: it comes through at once."""
    main, sent = threading.get_ident(), 0.0
    failures: list[BaseException] = []

    def waits() -> bool:
        # Deepest in the package: whatever it waits for, it waits there.
        return sys._current_frames()[main].f_code.co_filename.startswith(PACKAGE)

    def press() -> None:
        nonlocal sent
        try:
            eventually(lambda: waits() and ready(), "the call waits")
        except BaseException as error:
            failures.append(error)
        sent = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    with pytest.raises(KeyboardInterrupt):
        thread.start()
        call()
    surfaced = time.monotonic()
    thread.join()
    assert failures == []
    # 100 ms, and what a busy machine needs to run Python at all.
    assert surfaced - sent < 0.1 + 0.4


def test_g06_ctrl_c_while_a_turn_is_read(client: Raccoon) -> None:
    with held(client.session()) as turn:
        interrupt(lambda: next(turn))
        interrupt(lambda: list(turn))
        ends_well(turn)


def test_g06_ctrl_c_while_a_result_is_awaited(client: Raccoon) -> None:
    with held(client.session()) as turn:
        interrupt(turn.result)
        interrupt(lambda: turn.result(timeout=60))
        ends_well(turn)


def test_g06_ctrl_c_while_a_stop_is_not_confirmed(emulator: Emulator, client: Raccoon) -> None:
    emulator.fail(on="socket", ignore_frames=True)
    session = client.session()
    with held(session) as turn:
        interrupt(lambda: turn.stop(timeout=60))
        # The turn goes on, and its socket was not harmed.
        assert turn.status == "running"
        with client.attach(session.session_id, turn.message_id) as other:
            assert other.stop().confirmed
        assert [(event.id, event.kind) for event in turn] == [(3, "task.aborted")]
        assert turn.result().status == "aborted"


def test_g06_ctrl_c_while_a_message_cannot_be_sent(emulator: Emulator, client: Raccoon) -> None:
    emulator.fail(on="socket", status=503, times=0)
    with client.session().start_turn("hold", max_reconnects=30) as turn:
        interrupt(lambda: turn.send_message("never"), lambda: emulator.requests("GET", "/ws/*/*"))
        emulator.clear_faults()
        # What nobody waits for any more is not sent.
        assert turn.send_message("b").success
        assert [event.id for event in turn] == [1, 2, 3, 4, 5]
        assert turn.result().text == "ab"


class Endless(io.RawIOBase):
    """A file without an end."""

    def read(self, size: int = -1) -> bytes:
        return b"x" * size


@pytest.mark.parametrize(
    "upload",
    [
        lambda session: session.upload(b"x"),
        lambda session: session.upload(b"x", on_progress=lambda sent, total: None),
        lambda session: session.upload(b"x" * 50_000_000),
        lambda session: session.upload(Endless()),
        lambda session: session.run_turn("read", files=[__file__]),
        lambda session: session.run_turn("read", files=[b"x"]),
        lambda session: session.upload_files([Endless()]),
    ],
    ids=["bytes", "progress", "many-bytes", "file", "turn", "turn-with-bytes", "files"],
)
def test_g06_ctrl_c_while_an_upload_stalls(
    emulator: Emulator, client: Raccoon, upload: Callable[[RaccoonSession], object]
) -> None:
    emulator.fail(on="upload", hang=True)
    session = client.session()
    interrupt(lambda: upload(session), lambda: emulator.requests("PUT", "/media/upload"))
    assert session.upload(b"again", name="a.txt").size == 5
    assert session.run_turn("read").text == "ok"
    assert len(emulator.requests("POST", "/sessions/new")) == 1


def test_g06_ctrl_c_while_a_turn_is_started(emulator: Emulator, client: Raccoon) -> None:
    emulator.fail(on="start_turn", hang=True)
    session = client.session()
    interrupt(
        lambda: session.start_turn("hold"), lambda: emulator.requests("POST", "/sessions/new")
    )
    with held(session) as turn:
        ends_well(turn)


@pytest.mark.parametrize("watched", [False, True])
def test_g06_ctrl_c_while_a_turn_runs(emulator: Emulator, client: Raccoon, watched: bool) -> None:
    session = client.session()
    seen: list[int | None] = []
    options: Any = {"on_event": lambda event: seen.append(event.id)} if watched else {}
    # Its socket is open, and everything was read.
    ready = lambda: emulator.open_streams and (not watched or seen == [1, 2])  # noqa: E731
    interrupt(lambda: session.run_turn("hold", **options), ready)
    # The socket is free; the turn goes on, and nobody loses it.
    eventually(lambda: emulator.open_streams == 0, "the socket is free")
    message = session.history().messages[1]
    assert not message.aborted
    with client.attach(session.session_id, message.id) as turn:
        assert [next(turn).id, next(turn).id] == [1, 2]
        ends_well(turn)


@pytest.mark.parametrize(
    ("on", "call"),
    [
        ("list", lambda client, _: list(client.sessions.list())),
        ("get", lambda _, session: session.history()),
        ("rename", lambda _, session: session.rename("x")),
        ("delete", lambda _, session: session.delete()),
    ],
    ids=["list", "history", "rename", "delete"],
)
def test_g06_ctrl_c_in_other_calls(
    emulator: Emulator,
    client: Raccoon,
    on: str,
    call: Callable[[Raccoon, RaccoonSession], object],
) -> None:
    session = client.session()
    session.run_turn("x")
    before = len(emulator.requests())
    emulator.fail(on=on, hang=True)
    interrupt(lambda: call(client, session), lambda: len(emulator.requests()) > before)
    call(client, session)


def test_g06_ctrl_c_in_a_loop(emulator: Emulator) -> None:
    client = emulator.async_raccoon()
    kept: list[AsyncTurn] = []

    async def reading() -> None:
        turn = await client.session().start_turn("hold")
        kept.append(turn)
        assert [(await anext(turn)).id, (await anext(turn)).id] == [1, 2]
        await anext(turn)

    async def going_on() -> None:
        (turn,) = kept
        await turn.send_message("b")
        assert [event.id async for event in turn] == [3, 4, 5]
        assert (await turn.result()).text == "ab"
        await client.close()

    def press() -> None:
        # The loop waits, and so nobody reads: it is the third event that is awaited.
        eventually(lambda: kept and kept[0].resume_point.last_event_id == 2, "two were read")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    with pytest.raises(KeyboardInterrupt):
        thread.start()
        asyncio.run(reading())
    thread.join()
    asyncio.run(going_on())


# Fork.


def forked(call: Callable[[], object]) -> None:
    with pytest.raises(StreamError, match="turn|event stream") as caught:
        call()
    assert "belongs to the process that was forked. Open a new one" in str(caught.value)


@FORKS
@QUIET
def test_g11_fork(client: Raccoon) -> None:
    with held(client.session()) as turn:

        def child() -> None:
            forked(lambda: next(turn))
            forked(turn.result)
            forked(turn.stop)
            forked(lambda: turn.send_message("from the child"))
            for name in ("status", "text", "plan", "files", "queue_position"):
                forked(lambda name=name: getattr(turn, name))  # type: ignore[misc]
            # What names it is at hand: the child may attach.
            assert turn.message_id in repr(turn)
            point = turn.resume_point
            with client.attach(point.session_id, point.message_id) as own:
                assert [next(own).id, next(own).id] == [1, 2]
            turn.close()
            # The client works anew.
            assert client.session().run_turn("x").text == "ok"
            assert len(list(client.sessions.list())) == 2

            async def main() -> None:
                async with AsyncRaccoon(api_key="key", base_url=client.base_url) as other:
                    assert [found async for found in other.sessions.list()] == []

            asyncio.run(main())

        assert in_child(child) == 0
        # The parent noticed nothing.
        ends_well(turn)
    assert client.session().run_turn("x").text == "ok"


@FORKS
@QUIET
def test_g11_fork_async(emulator: Emulator) -> None:
    client = emulator.async_raccoon()

    async def begin() -> AsyncTurn:
        turn = await client.session().start_turn("hold")
        assert [(await anext(turn)).id, (await anext(turn)).id] == [1, 2]
        return turn

    async def in_the_child(turn: AsyncTurn) -> None:
        for call in (turn.result, turn.stop, lambda: turn.send_message("x"), lambda: anext(turn)):
            with pytest.raises(StreamError, match="forked.*Open a new one"):
                await call()
        with pytest.raises(StreamError, match="forked"):
            _ = turn.status
        await turn.close()
        assert (await client.session().run_turn("x")).text == "ok"

    async def go_on(turn: AsyncTurn) -> None:
        await turn.send_message("b")
        assert [event.id async for event in turn] == [3, 4, 5]
        await client.close()

    with asyncio.Runner() as runner:
        turn = runner.run(begin())
        assert in_child(lambda: asyncio.run(in_the_child(turn))) == 0
        runner.run(go_on(turn))


@FORKS
@QUIET
def test_g11_fork_while_turns_are_under_way(emulator: Emulator, client: Raccoon) -> None:
    sessions = [client.session() for _ in range(4)]
    results: list[str] = []
    reading = threading.Semaphore(0)

    def work(session: RaccoonSession) -> None:
        result = session.run_turn("hold", on_event=lambda event: reading.release())
        results.append(result.text)

    threads = [threading.Thread(target=work, args=[session]) for session in sessions]
    for thread in threads:
        thread.start()
    for _ in range(2 * len(threads)):
        reading.acquire()
    for _ in range(5):
        assert in_child(lambda: client.session().run_turn("x")) == 0
    for session in sessions:
        message_id = session.history().messages[1].id
        with client.attach(session.session_id, message_id) as turn:
            turn.send_message("b")
    for thread in threads:
        thread.join()
    # The parent noticed nothing.
    assert results == ["ab"] * 4


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@QUIET
def test_g11_a_pool_of_processes(client: Raccoon, method: str) -> None:
    list(client.sessions.list())
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(run_one, [client] * 4) == ["ok"] * 4


def run_one(client: Raccoon) -> str:
    return client.run_turn("x", timeout=60).text


# Pickle.


def again(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def test_g11_what_a_turn_gives_pickles(emulator: Emulator, client: Raccoon) -> None:
    steps: list[dict[str, Any]] = [
        {"thought": "a"},
        {"text": "b"},
        {"tool": "browser", "output": {"pages": 3}},
        {"plan": ["Read"]},
        {"snapshot": ["a.md"]},
        {"event": "task.phase", "payload": {"phase": "x"}},
    ]
    ends: list[dict[str, Any]] = [{"complete": True}, {"abort": "Budget"}]
    session = client.session()
    with session.start_turn("x") as turn:
        list(turn)
    for end in ends:
        emulator.scenario(turns(*steps, end))
        with session.start_turn("x") as turn:
            events = list(turn)
            assert again(events) == events
            assert [type(event) for event in again(events)] == [type(event) for event in events]
            assert any(isinstance(event, UnknownTurnEvent) for event in events)
            assert [event.id for event in again(events)] == list(range(1, len(events) + 1))
            result = turn.result()
            assert again(result) == result
            assert (again(result).text, again(result).plan) == ("b", result.plan)
            point = turn.resume_point
            assert again(point) == point
            assert again(point).last_event_id == len(events)
            assert again(turn.stop()) == turn.stop()
        # A place that travelled to another process leads on from there.
        assert list(client.attach(point.session_id, point.message_id, again(point))) == []
    upload = session.upload(b"x", name="a.txt")
    assert isinstance(again(upload), UploadedFile)
    assert again(upload) == upload
    assert again(session.history()) == session.history()
    assert again(session).history() == session.history()
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(turn)


def test_g11_errors_of_a_turn_pickle(emulator: Emulator, client: Raccoon) -> None:
    emulator.scenario(turns({"text": "x"}, {"wait_for_stop": True}))
    emulator.fail(on="socket", cut_after=2)
    emulator.fail(on="socket", reset=True, times=0)
    session = client.session()
    turn = session.start_turn("x", max_reconnects=1)
    with pytest.raises(StreamError) as lost:
        list(turn)
    emulator.clear_faults()
    with pytest.raises(sessionwire.ConflictError) as refused:
        session.start_turn("x")
    with pytest.raises(TaskTimeout) as late:
        client.run_turn("x", timeout=0.2)
    emulator.scenario(turns({"error": "No such shop", "code": "shop"}))
    with pytest.raises(sessionwire.TaskError) as failed:
        client.run_turn("x")
    for caught in (lost, refused, late, failed):
        error, copy = caught.value, again(caught.value)
        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert vars(copy) == vars(error)
    # Where to go on travels along.
    copy = again(lost.value)
    assert (copy.session_id, copy.message_id, copy.last_event_id) == (
        session.session_id,
        turn.message_id,
        2,
    )
    with client.attach(copy.session_id, copy.message_id, copy.last_stream_entry_id) as rest:
        rest.stop()
        assert [event.id for event in rest] == [3]
    assert [event.kind for event in again(late.value).events] == ["message.received", "text"]


def test_g11_clients_pickle(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    with emulator.raccoon(api_key="explicit-key", timeout=7, wire={"prompt": ["task"]}) as client:
        with again(client) as copy:
            assert copy.run_turn("x").text == "ok"
            assert (copy._options["timeout"], copy.base_url) == (7, client.base_url)
        (request,) = emulator.requests("POST", "/sessions/new")
        assert '"prompt"' not in (request.body or "")
        emulator.fail(on="list", hang=True)
        with pytest.raises(APITimeoutError, match="within 0.2 s"):
            list(again(client.with_options(timeout=0.2, max_retries=0)).sessions.list())
    assert again(AsyncRaccoon(api_key="some-key")).base_url.startswith("https://")

    monkeypatch.setenv("RACCOON_API_KEY", "secret-from-env")
    monkeypatch.setenv("RACCOON_BASE_URL", emulator.raccoon_url)
    for kind in (Raccoon, AsyncRaccoon):
        packed = pickle.dumps(kind())
        assert b"secret-from-env" not in packed
        monkeypatch.delenv("RACCOON_BASE_URL")
        assert pickle.loads(packed).base_url == emulator.raccoon_url
        monkeypatch.delenv("RACCOON_API_KEY")
        with pytest.raises(ConfigError, match="RACCOON_API_KEY"):
            pickle.loads(packed)
        monkeypatch.setenv("RACCOON_API_KEY", "secret-from-env")
        monkeypatch.setenv("RACCOON_BASE_URL", emulator.raccoon_url)


def test_g11_a_resume_point_of_ones_own_pickles() -> None:
    point = ResumePoint("session", "message", None, None)
    assert again(point) == point


# Threads and loops.


def in_threads(count: int, work: Callable[[], object]) -> None:
    failures: list[BaseException] = []

    def noted() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=noted) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def read_some(client: Raccoon) -> None:
    for _ in range(5):
        with client.session().start_turn("x") as turn:
            assert [event.id for event in turn] == [1, 2, 3]
            assert turn.result().text == "ok"


def test_g11_threads(client: Raccoon) -> None:
    in_threads(8, lambda: read_some(client))


def test_g11_threads_share_a_turn(client: Raccoon) -> None:
    with held(client.session()) as turn:
        texts: list[str] = []
        wait = lambda: texts.append(turn.result().text)  # noqa: E731
        waiting = [threading.Thread(target=wait) for _ in range(2)]
        for thread in waiting:
            thread.start()
        ends_well(turn)
        for thread in waiting:
            thread.join()
        assert texts == ["ab", "ab"]


def test_g11_close_from_another_thread_ends_a_wait(emulator: Emulator) -> None:
    client = emulator.raccoon()
    turn = held(client.session())
    main = threading.get_ident()

    def close() -> None:
        frames = sys._current_frames
        eventually(lambda: frames()[main].f_code.co_filename.startswith(PACKAGE), "it waits")
        client.close()

    thread = threading.Thread(target=close)
    thread.start()
    with pytest.raises(sessionwire.APIConnectionError, match="closed"):
        turn.result()
    thread.join()


async def quick(client: AsyncRaccoon) -> None:
    async with client.session().start_turn("x") as turn:
        assert [event.id async for event in turn] == [1, 2, 3]
        assert (await turn.result()).text == "ok"
    assert (await client.run_turn("x", timeout=30)).text == "ok"


def test_g11_successive_loops(emulator: Emulator) -> None:
    client = emulator.async_raccoon()
    for _ in range(3):
        asyncio.run(quick(client))
    loop = asyncio.new_event_loop()
    loop.run_until_complete(quick(client))
    loop.run_until_complete(client.close())
    loop.close()


def test_g11_a_turn_outlives_its_loop(emulator: Emulator) -> None:
    client = emulator.async_raccoon()

    async def begin() -> AsyncTurn:
        turn = await client.session().start_turn("hold")
        assert [(await anext(turn)).id, (await anext(turn)).id] == [1, 2]
        return turn

    async def go_on(turn: AsyncTurn) -> None:
        await turn.send_message("b")
        assert [event.id async for event in turn] == [3, 4, 5]
        assert (await turn.result()).text == "ab"

    asyncio.run(go_on(asyncio.run(begin())))


def test_g11_loops_in_threads(emulator: Emulator) -> None:
    client = emulator.async_raccoon()
    in_threads(4, lambda: asyncio.run(quick(client)))


def test_g11_uvloop(emulator: Emulator) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(quick(emulator.async_raccoon()))


def test_g06_g11_trio(emulator: Emulator) -> None:
    import trio

    async def main() -> None:
        async with emulator.async_raccoon() as client:
            await quick(client)
            async with client.session().start_turn("hold") as turn:
                ids = [(await anext(turn)).id, (await anext(turn)).id]
                # Nothing more comes: the wait is cancelled, and nothing is lost.
                for wait in (turn.__anext__, turn.result):
                    with trio.move_on_after(0.05) as scope:
                        await wait()
                    assert scope.cancelled_caught
                await turn.send_message("b")
                ids += [event.id async for event in turn]
                assert ids == [1, 2, 3, 4, 5]
                assert (await turn.result()).text == "ab"

    trio.run(main)


# Exit.


def environment(emulator: Emulator) -> dict[str, str]:
    own = {"RACCOON_API_KEY": emulator.api_key, "RACCOON_BASE_URL": emulator.raccoon_url}
    return {**os.environ, **own, "PYTHONPATH": PACKAGES}


def runs_clean(emulator: Emulator, program: str, *, python: str = sys.executable) -> float:
    """Runs the program, which leaves nothing behind; how long it took."""
    begun = time.monotonic()
    done = subprocess.run(
        [python, "-c", program],
        env=environment(emulator),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return time.monotonic() - begun


BEGIN = """
from sessionwire import Raccoon

client = Raccoon()
turn = client.session().start_turn("hold")
next(turn)
"""
BEGIN_ASYNC = """
import asyncio
from sessionwire import AsyncRaccoon

async def main():
    client = AsyncRaccoon()
    turn = await client.session().start_turn("hold")
    await anext(turn)
    {end}

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "program",
    [
        BEGIN,
        BEGIN + "del turn, client",
        BEGIN + "turn.close()",
        BEGIN + "import sys; sys.exit(0)",
        BEGIN + "client.session().upload(b'x'); raise SystemExit",
        BEGIN_ASYNC.format(end=""),
        BEGIN_ASYNC.format(end="asyncio.ensure_future(turn.result()); await asyncio.sleep(0)"),
        BEGIN_ASYNC.format(end="asyncio.ensure_future(anext(turn)); await asyncio.sleep(0)"),
    ],
)
def test_g05_exit_with_an_open_turn(emulator: Emulator, program: str) -> None:
    took = [runs_clean(emulator, program) for _ in range(3)]
    # Nobody waits for a turn that would go on for ever.
    assert min(took) < 5
    eventually(lambda: emulator.open_streams == 0, "the sockets are free")


@pytest.mark.parametrize("python", PYTHONS)
def test_g05_exit_right_after_an_await(emulator: Emulator, python: str) -> None:
    for _ in range(25):
        runs_clean(emulator, BEGIN_ASYNC.format(end="turn.status"), python=python)


def test_g05_exit_with_daemon_threads_inside_calls(emulator: Emulator) -> None:
    program = """
import threading
from sessionwire import Raccoon

client = Raccoon()
inside = threading.Semaphore(0)

def read(how):
    turn = client.session().start_turn("hold")
    next(turn)
    next(turn)
    inside.release()
    how(turn)

hows = [next, lambda turn: turn.result(), list] * 2
threads = [threading.Thread(target=read, args=[how], daemon=True) for how in hows]
for thread in threads: thread.start()
for thread in threads: inside.acquire()
"""
    for _ in range(10):
        runs_clean(emulator, program)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("wait", ["turn.result()", "list(turn)"])
def test_g05_a_signal_ends_a_process_with_an_open_turn(
    emulator: Emulator, number: signal.Signals, wait: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", f"{BEGIN}\nprint('ready', flush=True)\n{wait}"],
        env=environment(emulator),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        sent = time.monotonic()
        process.send_signal(number)
        _, shown = process.communicate()
    assert process.returncode == -number
    assert time.monotonic() - sent < 5
    assert ("KeyboardInterrupt" in shown) == (number == signal.SIGINT)
    eventually(lambda: emulator.open_streams == 0, "the socket is free")

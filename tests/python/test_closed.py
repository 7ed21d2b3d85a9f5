"""What a closed client still does: nothing. Its calls say so, its connections are gone."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sessionwire
from helpers import eventually, script
from sessionwire import Emulator
from test_contract import call, cases, check

if TYPE_CHECKING:
    from collections.abc import Callable

CONTRACT = Path(__file__).parents[1] / "contract"
ASKS = script({"question": "Which?"})
WAITS = {"turns": [{"steps": [{"wait_for_stop": True}]}]}


def turn_call(name: str, client: Any, session: Any, turn: Any) -> Any:
    """Makes a call of Raccoon; the caller awaits what is awaitable."""
    sessions, session_id = client.sessions, session.session_id
    calls: dict[str, Callable[[], Any]] = {
        "client.request": lambda: client.request("GET", "/sessions"),
        "client.attach": lambda: client.attach(session_id, turn.message_id, turn.resume_point),
        "sessions.list": sessions.list,
        "sessions.get": lambda: sessions.get(session_id),
        "sessions.rename": lambda: sessions.rename(session_id, "title"),
        "sessions.delete": lambda: sessions.delete(session_id),
        "media.upload": lambda: client.media.upload(b"x", session_id=session_id),
        "session.start_turn": lambda: session.start_turn("go"),
        "session.run_turn": lambda: session.run_turn("go"),
        "session.history": session.history,
        "session.rename": lambda: session.rename("title"),
        "session.delete": session.delete,
        "session.upload": lambda: session.upload(b"x"),
        "turn.send_message": lambda: turn.send_message("hello"),
        "turn.stop": turn.stop,
        "turn.result": turn.result,
    }
    return calls[name]()


def finish(outcome: Any) -> None:
    """Reads what is an iterator to its end."""
    if not isinstance(outcome, list) and hasattr(outcome, "__next__"):
        list(outcome)


async def finish_async(outcome: Any) -> None:
    """The same for what is awaited."""
    if inspect.isawaitable(outcome):
        outcome = await outcome
    if hasattr(outcome, "__anext__"):
        assert [item async for item in outcome] == []


def check_closed(file: str, error: BaseException, emulator: Emulator) -> None:
    check(error, json.loads((CONTRACT / file).read_text())["expect"])
    assert emulator.requests() == []


@pytest.mark.parametrize("case", cases("closed.json"))
def test_g04_closed(case: dict[str, Any]) -> None:
    with Emulator(scenario=ASKS, step_delay=0.0) as emulator, emulator.agi() as client:
        session = client.sessions.create()
        task = session.start_task("go")
        eventually(lambda: task.question, "the question")
        client.close()
        emulator.clear_requests()
        with pytest.raises(sessionwire.SessionwireError) as caught:
            finish(call(case, client, session, task))
        check_closed("closed.json", caught.value, emulator)


@pytest.mark.parametrize("case", cases("closed.json"))
def test_g04_closed_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with (
            Emulator(scenario=ASKS, step_delay=0.0) as emulator,
            emulator.async_agi() as client,
        ):
            session = await client.sessions.create()
            task = await session.start_task("go")
            eventually(lambda: task.question, "the question")
            await client.close()
            emulator.clear_requests()
            with pytest.raises(sessionwire.SessionwireError) as caught:
                await finish_async(call(case, client, session, task))
            check_closed("closed.json", caught.value, emulator)

    asyncio.run(main())


@pytest.mark.parametrize("case", cases("closed_turns.json"))
def test_g04_closed_turns(case: dict[str, Any]) -> None:
    with Emulator(scenario=WAITS, step_delay=0.0) as emulator, emulator.raccoon() as client:
        session = client.session()
        turn = session.start_turn("go")
        eventually(lambda: emulator.open_streams, "the socket")
        client.close()
        emulator.clear_requests()
        with pytest.raises(sessionwire.SessionwireError) as caught:
            finish(turn_call(case["call"], client, session, turn))
        check_closed("closed_turns.json", caught.value, emulator)


@pytest.mark.parametrize("case", cases("closed_turns.json"))
def test_g04_closed_turns_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with (
            Emulator(scenario=WAITS, step_delay=0.0) as emulator,
            emulator.async_raccoon() as client,
        ):
            session = client.session()
            turn = await session.start_turn("go")
            eventually(lambda: emulator.open_streams, "the socket")
            await client.close()
            emulator.clear_requests()
            with pytest.raises(sessionwire.SessionwireError) as caught:
                await finish_async(turn_call(case["call"], client, session, turn))
            check_closed("closed_turns.json", caught.value, emulator)

    asyncio.run(main())


def sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for number in Path("/dev/fd").iterdir():
        try:
            count += stat.S_ISSOCK(os.fstat(int(number.name)).st_mode)
        except OSError:
            continue  # The one that the list itself was read with.
    return count


def test_g05_closed_clients_leave_no_socket(emulator: Emulator) -> None:
    emulator.agi().close()
    before = sockets()
    clients = [emulator.agi() for _ in range(50)]
    raccoons = [emulator.raccoon() for _ in range(50)]
    for client in clients:
        client.sessions.list()
    for raccoon in raccoons:
        list(raccoon.sessions.list())
    assert sockets() >= before + 200, "each has one, and the emulator has its other end"
    for client in clients:
        # Copies share the connections: closing one closes them.
        client.with_options(timeout=5).close()
    for raccoon in raccoons:
        raccoon.close()
    eventually(lambda: sockets() <= before, "every socket is closed")


def test_g05_closed_clients_leave_no_socket_async(emulator: Emulator) -> None:
    async def main() -> None:
        before = sockets()
        clients = [emulator.async_agi() for _ in range(50)]
        raccoons = [emulator.async_raccoon() for _ in range(50)]
        await asyncio.gather(*(client.sessions.list() for client in clients))
        for raccoon in raccoons:
            assert [found async for found in raccoon.sessions.list()] == []
        assert sockets() >= before + 200
        for client in clients:
            await client.with_options(timeout=5).close()
        for raccoon in raccoons:
            await raccoon.close()
        eventually(lambda: sockets() <= before, "every socket is closed")

    asyncio.run(main())


def test_g05_a_close_during_calls_leaves_no_socket(emulator: Emulator) -> None:
    emulator.agi().close()
    before = sockets()
    emulator.fail(on="list", hang=True, times=0)
    client = emulator.agi()
    session = client.sessions.create()
    events = session.events()
    errors: list[BaseException] = []

    def hang() -> None:
        with pytest.raises(sessionwire.APIConnectionError) as caught:
            client.sessions.list()
        errors.append(caught.value)

    threads = [threading.Thread(target=hang) for _ in range(8)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(emulator.requests(method="GET")) == 9, "the requests")
    client.close()
    for thread in threads:
        thread.join()
    assert [getattr(error, "reason", None) for error in errors] == ["client_closed"] * 8
    with pytest.raises(sessionwire.APIConnectionError):
        next(events)
    eventually(lambda: sockets() <= before, "every socket is closed")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_g05_a_child_process_closes_its_own_client_only(emulator: Emulator) -> None:
    with emulator.agi() as client:
        client.sessions.list()
        child = os.fork()
        if child == 0:
            # The parent's connections are not the child's to close.
            client.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert client.sessions.list() == []

"""Event streams: exactly once, in order; cancelled, broken off, filtered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from helpers import Flood, eventually, script, thoughts
from sessionwire import Agi, APIConnectionError, AsyncAgi, NotFoundError, StreamError, UnknownEvent

if TYPE_CHECKING:
    from sessionwire import Emulator

EVENTS = 1000
# A task's events: thoughts, then `done`. Message 1 is the task itself.
MANY = script(thoughts(EVENTS - 1), {"done": "the end"})


def test_g01_exactly_once_over_cuts(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(MANY)
    emulator.fail(on="events", cut_after=7, times=0)
    with client.sessions.create() as session, session.start_task("Count") as task:
        events = list(task)
        assert task.result().data == "the end"
    first = events[0].id
    assert first is not None
    assert [event.id for event in events] == list(range(first, first + EVENTS))
    assert events[-1].type == "done"
    assert events[EVENTS - 2].text == f"thought {EVENTS - 1}"


def test_g01_exactly_once_over_cuts_async(emulator: Emulator) -> None:
    emulator.scenario(MANY)
    emulator.fail(on="events", cut_after=7, times=0)

    async def main() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            async with session.start_task("Count") as task:
                ids = [event.id async for event in task]
                assert (await task.result()).data == "the end"
            first = ids[0]
            assert first is not None
            assert ids == list(range(first, first + EVENTS))
            emulator.clear_faults()
            replay = [event.id async for event in session.events()]
            assert replay == ids

    asyncio.run(main())


def test_g06_cancellation_loses_no_event(emulator: Emulator) -> None:
    # Bursts with pauses: reads meet stored events and have to wait.
    bursts = {"repeat": 100, "steps": [thoughts(3), {"delay": 0.002}]}
    emulator.scenario(script(bursts, {"done": "the end"}))

    async def main() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            task = await session.start_task("Count")
            stream = task.__aiter__()
            ids: list[int] = []
            cancelled = 0

            async def read() -> None:
                async for event in stream:
                    assert event.id is not None
                    ids.append(event.id)

            while True:
                reader = asyncio.create_task(read())
                # Let it run for a few turns only, so that some cancellations
                # meet a pending read.
                for _ in range(3):
                    await asyncio.sleep(0)
                reader.cancel()
                try:
                    await reader
                    break
                except asyncio.CancelledError:
                    cancelled += 1
            assert cancelled > 0
            assert ids == sorted(set(ids))
            assert len(ids) == 301

    asyncio.run(main())


def test_g05_break_frees_the_socket(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script(thoughts(5), {"delay": 3600}))
    with client.sessions.create() as session:
        session.send_message("Begin")
        for event in session.events():
            assert event.type == "thought"
            break
        eventually(lambda: emulator.open_streams == 0, "the stream is closed")
        with session.events() as stream:
            next(stream)
            assert not stream.closed
        assert stream.closed
        assert list(stream) == []
        eventually(lambda: emulator.open_streams == 0, "the stream is closed")


def test_g05_break_frees_the_socket_async(emulator: Emulator) -> None:
    emulator.scenario(script(thoughts(5), {"delay": 3600}))

    async def main() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            await session.send_message("Begin")
            async for event in session.events():
                assert event.type == "thought"
                break
            await asyncio.to_thread(
                eventually, lambda: emulator.open_streams == 0, "the stream is closed"
            )
            async with session.events() as stream:
                await anext(stream)
            assert stream.closed
            assert [event async for event in stream] == []
            await stream.aclose()

    asyncio.run(main())


def test_one_reader_at_a_time(emulator: Emulator) -> None:
    async def main() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            stream = session.events()
            first = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="Another task is reading"):
                await anext(stream)
            first.cancel()

    asyncio.run(main())


def test_closing_the_client_ends_streams_and_calls(emulator: Emulator) -> None:
    async def main() -> None:
        client = emulator.async_agi()
        session = await client.sessions.create()
        emulator.fail(on="status", hang=True)
        call = asyncio.ensure_future(session.execution_status())
        reader = asyncio.ensure_future(anext(session.events(), None))
        while not emulator.open_streams:
            await asyncio.sleep(0.005)
        await client.close()
        with pytest.raises(APIConnectionError, match="closed"):
            await call
        outcome = await asyncio.gather(reader, return_exceptions=True)
        assert outcome[0] is None or isinstance(outcome[0], APIConnectionError | StreamError)
        with pytest.raises(APIConnectionError, match="closed"):
            await session.execution_status()

    asyncio.run(main())


def test_a_busy_stream_leaves_the_loop_its_turns(emulator: Emulator) -> None:
    emulator.scenario(script(thoughts(5000), {"done": "the end"}))

    async def main() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            await session.run_task("Count")
            turns = 0

            async def ticker() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            other = asyncio.create_task(ticker())
            count = 0
            async for _event in session.events():
                count += 1
            other.cancel()
            assert count == 5001
            assert turns >= count // 1024

    asyncio.run(main())


def test_filters_and_heartbeats(client: Agi) -> None:
    from sessionwire import Emulator

    scenario = script(thoughts(3), {"question": "Which?"}, {"done": "the end"})
    with (
        Emulator(heartbeat_interval=0.05, scenario=scenario) as emulator,
        emulator.agi() as client,
        client.sessions.create() as session,
    ):
        session.send_message("Begin")
        with session.events(event_types=["question", "heartbeat"]) as stream:
            seen = [next(stream) for _ in range(3)]
        assert {event.type for event in seen} == {"question", "heartbeat"}
        beat = next(event for event in seen if event.type == "heartbeat")
        assert beat.id is None
        session.send_message("this")
        session.wait(poll_interval=0.02)
        assert [event.type for event in session.events(event_types=["done"])] == ["done"]


def test_a_stream_of_a_deleted_session_ends(emulator: Emulator, client: Agi) -> None:
    session = client.sessions.create()
    session.delete()
    with pytest.raises(NotFoundError):
        list(session.events())


def test_events_are_values(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script({"step": "Open", "url": "https://shop.example"}, {"done": {"a": 1}}))
    with client.sessions.create() as session:
        session.run_task("Begin")
        step, done = list(session.events())
        again = list(session.events())
    assert [step, done] == again
    assert hash(step) == hash(again[0])
    assert step.type == "step"
    assert step.data["url"] == "https://shop.example"
    assert step.data is step.data
    assert step.message_id == step.id
    assert done.type == "done"
    assert done.result == {"a": 1}
    with pytest.raises(AttributeError):
        done.raw = "other"  # type: ignore[misc]
    odd = UnknownEvent("sparkle", None, "no json")
    assert (odd.type, odd.id, odd.data, odd.text) == ("sparkle", None, "no json", "no json")


# More than the queue of 8 MiB and what two sockets may hold.
FLOOD = 60_000


def test_g10_a_slow_reader_holds_the_server_back() -> None:
    with (
        Flood(last=FLOOD) as server,
        Agi(base_url=server.url, api_key="some-key") as client,
        client.sessions.attach("s").events() as stream,
    ):
        events = iter(stream)
        ids = [next(events).id]
        assert server.held.wait(60), "the server was never held back"
        assert server.sent < 40 * 1024 * 1024
        server.go_on.set()
        ids += [next(events).id for _ in range(FLOOD - 1)]
    assert ids == list(range(1, FLOOD + 1))


def test_g10_a_slow_reader_holds_the_server_back_async() -> None:
    async def main(server: Flood) -> list[int | None]:
        async with (
            AsyncAgi(base_url=server.url, api_key="some-key") as client,
            client.sessions.attach("s").events() as stream,
        ):
            ids = [(await anext(stream)).id]
            assert await asyncio.to_thread(server.held.wait, 60), "the server was never held back"
            assert server.sent < 40 * 1024 * 1024
            server.go_on.set()
            while len(ids) < FLOOD:
                ids.append((await anext(stream)).id)
            return ids

    with Flood(last=FLOOD) as server:
        assert asyncio.run(main(server)) == list(range(1, FLOOD + 1))

"""Times: when an event was received, and seconds as a `timedelta`."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from helpers import script
from sessionwire import (
    Agi,
    APITimeoutError,
    AsyncAgi,
    DoneEvent,
    Emulator,
    HeartbeatEvent,
    InvalidRequestError,
    PausedEvent,
    TaskCompletedEvent,
    TaskTimeout,
    UnknownEvent,
    UnknownTurnEvent,
)
from sessionwire._parameters import _sentence

AT = datetime(2026, 3, 4, 9, 15, 27, 418000, tzinfo=UTC)


def now() -> datetime:
    """To the millisecond, as events have it."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_an_event_says_when_it_was_received(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script({"thought": "One"}, {"thought": "Two"}, {"done": "x"}))
    began = now()
    with client.sessions.create() as session, session.start_task("go") as task:
        events = list(task)
        read = list(session.events(timeout=5))
    times = [event.received_at for event in events if event.received_at]
    assert len(times) == 3
    assert times == sorted(times)
    assert began <= times[0]
    assert times[-1] <= now()
    # The same events, received once more; a time makes no other event of them.
    assert events == read
    again = [event.received_at for event in read if event.received_at]
    assert times[-1] <= again[0]
    assert events[0].to_dict()["received_at"] == times[0].isoformat()


def test_an_event_that_was_polled_has_a_time_too(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script({"thought": "One"}, {"done": "x"}))
    emulator.fail(on="events", status=404, times=0)
    began = now()
    with client.sessions.create() as session, session.start_task("go") as task:
        for event in task:
            assert event.received_at is not None
            assert began <= event.received_at <= now()


def test_an_event_of_a_turn_says_when_it_was_received() -> None:
    with Emulator(step_delay=0.0) as emulator, emulator.raccoon() as client:
        began = now()
        with client.session().start_turn("go") as turn:
            events = list(turn)
        for event in [*events, *client.session(turn.session_id).events(timeout=0.5)]:
            assert event.received_at is not None
            assert began <= event.received_at <= now()


@pytest.mark.parametrize(
    "event",
    [
        DoneEvent(1, "{}", AT),
        UnknownEvent("new", 1, "{}", AT),
        TaskCompletedEvent("{}", AT),
        UnknownTurnEvent("{}", AT),
        DoneEvent(1, "{}"),
    ],
)
def test_a_copy_has_the_time_of_the_receipt(event: Any) -> None:
    for other in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
        assert other == event
        assert hash(other) == hash(event)
        assert other.received_at == event.received_at


def test_the_service_s_time_is_a_datetime() -> None:
    text = '{"timestamp": "2026-03-04T09:15:27.418Z"}'
    assert PausedEvent(None, text).timestamp == AT
    assert HeartbeatEvent(None, text).timestamp == AT
    assert PausedEvent(None, '{"timestamp": "soon"}').timestamp is None
    assert PausedEvent(None, "{}").timestamp is None


def test_a_timedelta_is_a_number_of_seconds(emulator: Emulator) -> None:
    emulator.scenario(script({"thought": "Looking"}, {"delay": 60}, {"done": "x"}))
    with emulator.agi(timeout=timedelta(minutes=1), connect_timeout=timedelta(seconds=5)) as client:
        short = timedelta(seconds=0.25)
        with client.sessions.create(wait_for_limit=timedelta(seconds=1)) as session:
            with pytest.raises(TaskTimeout, match=r"within 0\.25 s"):
                session.run_task("go", timeout=short, cancel_on_timeout=True)
            with session.start_task("go", idle_timeout=timedelta(seconds=30)) as task:
                with pytest.raises(TaskTimeout):
                    task.result(timeout=short)
                with pytest.raises(TaskTimeout, match=r"longer than 0\.25 s"):
                    list(task.events(timeout=short))
                task.cancel()
        with pytest.raises(TaskTimeout, match=r"within 0\.25 s\. It was given up"):
            client.run_task("go", timeout=short)
        for outcome in client.run_tasks(["go"], timeout=short):
            assert isinstance(outcome.error, TaskTimeout)
        assert client.sessions.cleanup(older_than=timedelta(hours=1)) == []


def test_a_timedelta_of_a_turn(emulator: Emulator) -> None:
    with emulator.raccoon() as client:
        session = client.session()
        result = session.run_turn(
            "go", timeout=timedelta(minutes=1), idle_timeout=timedelta(seconds=9)
        )
        assert result.status == "completed"
        assert list(
            session.events(timeout=timedelta(seconds=0.5), poll_interval=timedelta(seconds=1))
        )


async def _timedelta(client: AsyncAgi) -> None:
    async with await client.sessions.create() as session:
        with pytest.raises(TaskTimeout, match="within 1 s"):
            await session.run_task("go", timeout=timedelta(seconds=1))


def test_a_timedelta_in_asyncio(emulator: Emulator) -> None:
    import asyncio

    emulator.scenario(script({"delay": 60}, {"done": "x"}))

    async def run() -> None:
        async with emulator.async_agi() as client:
            await _timedelta(client)

    asyncio.run(run())


@pytest.mark.parametrize("wrong", [timedelta(), timedelta(seconds=-1)])
def test_a_timedelta_that_is_no_limit_is_refused(wrong: timedelta, client: Agi) -> None:
    session = client.sessions.create()
    with pytest.raises(InvalidRequestError, match="`timeout` must be a positive number of seconds"):
        session.run_task("go", timeout=wrong)
    with pytest.raises(InvalidRequestError, match="poll_interval"):
        session.wait(poll_interval=wrong)


def test_a_wrong_type_is_told_as_before() -> None:
    assert _sentence("timeout", float | timedelta | None, "1") == (
        "`timeout` must be a number or None, not str '1'"
    )


def test_a_client_takes_timedeltas(emulator: Emulator) -> None:
    emulator.fail(on="list", delay=60, times=0)
    with emulator.agi(timeout=timedelta(milliseconds=100)) as client:
        with pytest.raises(APITimeoutError):
            client.sessions.list()
        other = client.with_options(timeout=timedelta(milliseconds=50))
        with other, pytest.raises(APITimeoutError):
            other.sessions.list()


def test_a_stand_in_is_no_timedelta(client: Agi) -> None:
    stand_in: Any = Mock()
    text = "`older_than` must be a number or None, not Mock"
    with pytest.raises(InvalidRequestError, match=text):
        client.sessions.cleanup(older_than=stand_in)
    session = client.sessions.create()
    with pytest.raises(InvalidRequestError, match="`timeout` must be a number"):
        session.run_task("go", timeout=stand_in)

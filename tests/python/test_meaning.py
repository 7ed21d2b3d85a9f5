"""What values mean: the cases that every language runs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import sessionwire
from helpers import RawStream
from sessionwire import Agi, AsyncAgi, Emulator, webhooks
from test_contract import cases, check, shape, value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEPS: list[dict[str, Any]] = [{"wait_for_socket": True}, {"text": "x"}, {"complete": True}]
SESSION_ID = "2b9d6c1e-8f34-4c57-a1de-6b0f92c7e415"


def body(case: dict[str, Any]) -> bytes:
    return f"event: {case['event']}\ndata: {case['data']}\n\n".encode()


def check_event(case: dict[str, Any], event: Any) -> None:
    assert event.raw == case["data"]
    assert shape(event, case["expect"]) == case["expect"]


@pytest.mark.parametrize("case", cases("event_text.json"))
def test_event_text(case: dict[str, Any]) -> None:
    with (
        RawStream(body(case)) as server,
        Agi(base_url=server.url, api_key="some-key") as client,
        client.sessions.attach("s").events() as stream,
    ):
        check_event(case, next(iter(stream)))


@pytest.mark.parametrize("case", cases("event_text.json"))
def test_event_text_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        with RawStream(body(case)) as server:
            async with (
                AsyncAgi(base_url=server.url, api_key="some-key") as client,
                client.sessions.attach("s").events() as stream,
            ):
                check_event(case, await anext(stream))

    asyncio.run(main())


def frame(case: dict[str, Any]) -> str:
    found: str | None = case.get("frame")
    return found or f'{{"kind": "task.error", "payload": {case["payload"]}}}'


def check_turn_event(case: dict[str, Any], events: list[Any]) -> None:
    [event] = [event for event in events if event.raw == frame(case)]
    assert shape(event, case["expect"]) == case["expect"]


@pytest.mark.parametrize("case", cases("turn_events.json"))
def test_turn_events(case: dict[str, Any]) -> None:
    events: list[Any] = []
    with (
        Emulator(step_delay=0.0, scenario={"turns": [{"steps": STEPS}]}) as emulator,
        emulator.raccoon() as client,
    ):
        emulator.fail(on="socket", insert=frame(case))
        with client.session().start_turn("go") as turn:
            events.extend(turn)
    check_turn_event(case, events)


@pytest.mark.parametrize("case", cases("turn_events.json"))
def test_turn_events_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        events: list[Any] = []
        async with (
            Emulator(step_delay=0.0, scenario={"turns": [{"steps": STEPS}]}) as emulator,
            emulator.async_raccoon() as client,
        ):
            emulator.fail(on="socket", insert=frame(case))
            async with client.session().start_turn("go") as turn:
                async for event in turn:
                    events.append(event)
        check_turn_event(case, events)

    asyncio.run(main())


def done(case: dict[str, Any]) -> dict[str, Any]:
    return {"tasks": [{"steps": [{"done": value(case["data"])}]}]}


def check_json(case: dict[str, Any], result: Any) -> None:
    if "error" in case:
        with pytest.raises(sessionwire.TaskError) as caught:
            result.json()
        check(caught.value, case["error"])
    else:
        assert result.json() == case["expect"]


@pytest.mark.parametrize("case", cases("result_json.json"))
def test_result_json(case: dict[str, Any]) -> None:
    with Emulator(step_delay=0.0, scenario=done(case)) as emulator, emulator.agi() as client:
        check_json(case, client.run_task("go"))


@pytest.mark.parametrize("case", cases("result_json.json"))
def test_result_json_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with (
            Emulator(step_delay=0.0, scenario=done(case)) as emulator,
            emulator.async_agi() as client,
        ):
            check_json(case, await client.run_task("go"))

    asyncio.run(main())


def check_time(case: dict[str, Any], created: datetime | None) -> None:
    since = None if created is None else (created - EPOCH) // timedelta(microseconds=1)
    assert since == case["microseconds"]


def of_time(case: dict[str, Any]) -> dict[str, Any]:
    return {"session_id": "s", "created_at": case["text"]}


@pytest.mark.parametrize("case", cases("times.json"))
def test_times(case: dict[str, Any]) -> None:
    with Emulator() as emulator, emulator.agi() as client:
        emulator.fail(on="get", status=200, body=of_time(case))
        check_time(case, client.sessions.get("s").created_at)


@pytest.mark.parametrize("case", cases("times.json"))
def test_times_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with Emulator() as emulator, emulator.async_agi() as client:
            emulator.fail(on="get", status=200, body=of_time(case))
            check_time(case, (await client.sessions.get("s")).created_at)

    asyncio.run(main())


def milliseconds(time: Any) -> Any:
    return (time - EPOCH) // timedelta(milliseconds=1) if isinstance(time, datetime) else time


def plain(found: Any) -> Any:
    """What a call gave, as the cases describe it."""
    match found:
        case list():
            return [plain(item) for item in found]
        case sessionwire.Messages():
            return plain(found.messages)
        case sessionwire.Message():
            names = [*found.__slots__, "text"]
            fields = {name: getattr(found, name) for name in names}
            return {**fields, "timestamp": milliseconds(found.timestamp)}
        case sessionwire.DeleteResult() | sessionwire.SessionRecord():
            return {name: getattr(found, name) for name in found.__slots__}
        case sessionwire.Session() | sessionwire.AsyncSession():
            names = ["session_id", "agent_name", "status", "vnc_url", "extra"]
            fields = {name: getattr(found, name) for name in names}
            return {**fields, "created_at": milliseconds(found.created_at)}
        case sessionwire.History():
            messages = [
                {name: getattr(message, name) for name in message.__slots__}
                for message in found.messages
            ]
            for message in messages:
                message["events"] = [
                    {"type": event["kind"], "id": event["event_id"], "data": event["payload"]}
                    for event in message["events"]
                ]
            return {"session": plain(found.session), "messages": messages}
        case _:
            return found


def prepare(case: dict[str, Any], emulator: Emulator) -> None:
    """What the emulator answers once the session is there."""
    if "messages" in case:
        emulator.fail(on="messages", status=200, body=case["messages"], times=100)
    else:
        on = case.get("on", case.get("turns"))
        emulator.fail(on=on, status=case.get("status", 200), body=case["body"])
    if "done" in case:
        emulator.fail(on="events", insert=f"event: done\nid: 2\ndata: {case['done']}\n\n")


TASKS: dict[str, Any] = {"tasks": [{"steps": [{"thought": "a"}, {"done": "from the emulator"}]}]}


def of_result(result: Any) -> dict[str, Any]:
    return {name: getattr(result, name) for name in ("text", "data", "message_id")}


def run_case(case: dict[str, Any]) -> Any:
    if "webhook" in case:
        return webhook(case)
    with Emulator(step_delay=0.0, scenario=TASKS) as emulator:
        if "turns" in case:
            with emulator.raccoon() as turns:
                prepare(case, emulator)
                if case["turns"] == "list":
                    return plain(list(turns.sessions.list()))
                return plain(turns.sessions.get(SESSION_ID))
        with emulator.agi() as client:
            session = client.sessions.create()
            prepare(case, emulator)
            if "task" in case:
                return of_result(session.run_task("go"))
            if "follow" in case:
                return [message.type for message in session.follow_messages(poll_interval=0.01)]
            calls: dict[str, Any] = {
                "get": lambda: client.sessions.get(session.session_id),
                "list": client.sessions.list,
                "create": client.sessions.create,
                "messages": session.messages,
                "status": session.execution_status,
                "delete_session": session.delete,
            }
            return plain(calls[case["call"]]())


async def run_case_async(case: dict[str, Any]) -> Any:
    if "webhook" in case:
        return webhook(case)
    async with Emulator(step_delay=0.0, scenario=TASKS) as emulator:
        if "turns" in case:
            async with emulator.async_raccoon() as turns:
                prepare(case, emulator)
                if case["turns"] == "list":
                    return plain([session async for session in turns.sessions.list()])
                return plain(await turns.sessions.get(SESSION_ID))
        async with emulator.async_agi() as client:
            session = await client.sessions.create()
            prepare(case, emulator)
            if "task" in case:
                return of_result(await session.run_task("go"))
            if "follow" in case:
                return [m.type async for m in session.follow_messages(poll_interval=0.01)]
            calls: dict[str, Any] = {
                "get": lambda: client.sessions.get(session.session_id),
                "list": client.sessions.list,
                "create": client.sessions.create,
                "messages": session.messages,
                "status": session.execution_status,
                "delete_session": session.delete,
            }
            return plain(await calls[case["call"]]())


def webhook(case: dict[str, Any]) -> Any:
    event = webhooks.parse(case["webhook"])
    assert isinstance(event, webhooks.TaskCompletedEvent)
    result = event.result
    return {"message": result.message, "result_extra": result.extra, "extra": event.extra}


def check_refusal(case: dict[str, Any], error: sessionwire.SessionwireError) -> None:
    check(error, case["error"])
    if "done" in case:
        # What cannot be read is at hand.
        assert isinstance(error, sessionwire.TaskError)
        assert error.events[-1].raw == case["done"]


@pytest.mark.parametrize("case", cases("rude_json.json"))
def test_rude_json(case: dict[str, Any]) -> None:
    if "error" not in case:
        assert run_case(case) == case["expect"]
        return
    with pytest.raises(sessionwire.SessionwireError) as caught:
        run_case(case)
    check_refusal(case, caught.value)


@pytest.mark.parametrize("case", cases("rude_json.json"))
def test_rude_json_async(case: dict[str, Any]) -> None:
    if "error" not in case:
        assert asyncio.run(run_case_async(case)) == case["expect"]
        return
    with pytest.raises(sessionwire.SessionwireError) as caught:
        asyncio.run(run_case_async(case))
    check_refusal(case, caught.value)

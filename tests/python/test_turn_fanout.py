"""Many turns at once, and the events of a session over all its turns."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import threading
from typing import Any

import pytest

from helpers import eventually
from sessionwire import (
    APIConnectionError,
    Emulator,
    History,
    InvalidRequestError,
    Raccoon,
    ResumePoint,
    SessionwireError,
    StreamError,
    TaskError,
    TaskTimeout,
    TextEvent,
    TurnEvent,
    TurnOutcome,
)
from test_contract import cases, check


def test_the_fields_of_a_turn_are_those_of_its_type() -> None:
    from sessionwire._async.raccoon import fanout
    from sessionwire._raccoon.types import GivenTurn

    assert set(fanout._FIELDS) == GivenTurn.__required_keys__ | GivenTurn.__optional_keys__


MIXED = {
    "turns": [
        {"match": "fail", "steps": [{"error": "sold out"}]},
        {"match": "long", "steps": [{"text": "on it"}, {"wait_for_stop": True}]},
        {"steps": [{"text": "ready"}]},
    ]
}


@pytest.fixture
def emulator() -> Any:
    with Emulator(scenario=MIXED, step_delay=0.0) as emulator:
        yield emulator


@pytest.fixture
def client(emulator: Emulator) -> Any:
    with emulator.raccoon() as client:
        yield client


def starts(emulator: Emulator) -> int:
    return len(emulator.requests("POST", "/sessions/new"))


def sockets(emulator: Emulator) -> int:
    return sum(request.path.startswith("/ws/") for request in emulator.requests())


def told(outcomes: list[TurnOutcome]) -> list[str]:
    """What became of each turn."""
    said = []
    for outcome in outcomes:
        assert (outcome.result is None) is (outcome.error is not None)
        if outcome.result is not None:
            whole = outcome.result.status == "completed"
            said.append(outcome.result.text if whole else outcome.result.status)
        else:
            said.append(getattr(outcome.error, "reason", None) or type(outcome.error).__name__)
    return said


def test_each_turn_has_its_outcome(emulator: Emulator, client: Raccoon) -> None:
    session = client.session()
    named: Any = {"prompt": "two", "session_id": session.session_id, "mode": "code"}
    turns: list[Any] = ["one", "fail", named, "three", {**named, "prompt": "four"}]
    outcomes = client.run_turns(turns, concurrency=2, mode="plan").all()
    assert told(outcomes) == ["ready", "agent_error", "ready", "ready", "ready"]
    assert [outcome.turn for outcome in outcomes] == turns
    assert [outcome.index for outcome in outcomes] == list(range(5))
    assert isinstance(outcomes[1].error, TaskError)
    assert {outcomes[2].session_id, outcomes[4].session_id} == {session.session_id}
    assert len({outcome.session_id for outcome in outcomes}) == 4
    prompts = [message for message in session.history().messages if message.role == "user"]
    assert [(message.content, message.mode) for message in prompts] == [
        ("two", "code"),
        ("four", "code"),
    ]
    for outcome in outcomes:
        last = client.session(outcome.session_id).history().messages
        assert outcome.message_id in [message.id for message in last]
    one = client.session(outcomes[0].session_id).history().messages[0]
    assert one.mode == "plan"


def test_each_comes_as_it_ends(client: Raccoon, emulator: Emulator) -> None:
    indices = []
    with client.run_turns(["long", "one", "two"]) as outcomes:
        for outcome in outcomes:
            indices.append(outcome.index)
            if len(indices) == 2:
                break
    assert sorted(indices) == [1, 2]
    [rest] = outcomes.all()
    assert told([rest]) == ["aborted"]
    assert starts(emulator) == 3


def test_no_more_run_at_once_than_the_service_allows() -> None:
    steps = {"turns": [{"steps": [{"delay": 0.01}, {"text": "x"}]}]}
    with (
        Emulator(scenario=steps, max_turns=2, step_delay=0.0) as emulator,
        emulator.raccoon(max_retries=0) as client,
    ):
        outcomes = client.run_turns([f"turn {n}" for n in range(8)], concurrency=8).all()
        assert told(outcomes) == ["x"] * 8
        assert starts(emulator) == 8


def test_g06_ctrl_c_stops_the_turns_and_loses_no_outcome(
    emulator: Emulator, client: Raccoon
) -> None:
    def interrupt() -> None:
        eventually(lambda: sockets(emulator) == 3, "three turns")
        os.kill(os.getpid(), signal.SIGINT)

    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    outcomes = client.run_turns(["one", "long", "long", "long"], concurrency=2)
    found: list[TurnOutcome] = []
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            found.extend(outcomes)
    finally:
        signal.signal(signal.SIGINT, previous)
    found.extend(outcomes)
    found.sort(key=lambda outcome: outcome.index)
    assert told(found) == ["ready", "aborted", "aborted", "cancelled"]
    assert [outcome.sent for outcome in found] == [True, True, True, False]
    assert starts(emulator) == 3


def test_g05_leaving_the_loop_stops_the_turns(emulator: Emulator, client: Raccoon) -> None:
    session = client.session()
    long: Any = {"prompt": "long", "session_id": session.session_id}
    for outcome in client.run_turns([long, "short"]):
        assert outcome.turn == "short"
        break
    last = session.last_turn()
    assert last is not None
    assert last.status == "aborted"


def test_closing_the_client_says_which_turns_go_on(emulator: Emulator) -> None:
    client = emulator.raccoon()
    found: list[TurnOutcome] = []
    outcomes = client.run_turns(["long", "never"], concurrency=1)
    running = threading.Thread(target=lambda: found.extend(outcomes))
    running.start()
    eventually(lambda: sockets(emulator) == 1, "the turn")
    client.close()
    running.join(20)
    assert told(found) == ["client_closed"] * 2
    assert [outcome.sent for outcome in found] == [True, False]
    assert found[0].message_id is not None
    assert isinstance(found[0].error, APIConnectionError)


def test_a_timeout_is_each_turns_own(emulator: Emulator, client: Raccoon) -> None:
    late, short = client.run_turns(["long", "short"], timeout=1.0, stop_on_timeout=True).all()
    assert isinstance(late.error, TaskTimeout)
    assert late.error.message_id == late.message_id
    assert short.error is None
    last = client.session(late.session_id).last_turn()
    assert last is not None
    assert last.status == "aborted"


def test_an_own_way_to_write_frames_stops_turns_too() -> None:
    frames = []

    def encode(frame: dict[str, Any]) -> dict[str, Any]:
        frames.append(frame)
        return {**frame, "type": "abort"}

    with (
        Emulator(scenario=MIXED, step_delay=0.0) as emulator,
        emulator.raccoon(encode_frame=encode) as client,
    ):
        outcomes = client.run_turns(["long"], timeout=0.5, stop_on_timeout=True).all()
        assert told(outcomes) == ["TaskTimeout"]
        assert "It was stopped" in str(outcomes[0].error)
        assert frames == [{"type": "stop"}]


def test_files_are_paths_or_were_uploaded(client: Raccoon, tmp_path: Any) -> None:
    mugs = tmp_path / "mugs.csv"
    mugs.write_text("blue mug\n")
    session = client.session()
    cups = session.upload(b"cup\n", name="cups.csv")
    turns: list[Any] = [
        {"prompt": "one", "files": [mugs]},
        {"prompt": "two", "files": [cups], "session_id": session.session_id},
    ]
    for outcome, name in zip(client.run_turns(turns).all(), ["mugs.csv", "cups.csv"], strict=True):
        [prompt] = [
            message
            for message in client.session(outcome.session_id).history().messages
            if message.role == "user"
        ]
        assert prompt.files[0]["key"] == f"{outcome.session_id}/{name}"


def test_bad_input_is_refused_at_once(emulator: Emulator, client: Raccoon) -> None:
    for turns, options, text in [
        ("a text", {}, "`turns` is a text"),
        ({"prompt": "one"}, {}, "`turns` is a dict"),
        (5, {}, "`turns` must be"),
        (["fine", 5], {}, r"`turns\[1\]` must be a prompt"),
        (["fine", " "], {}, "The turn with the index 1: `prompt` is empty"),
        ([{"prompt": "x", "model": "y"}], {}, r"`turns\[0\]` has 'model'"),
        ([{"mode": "code"}], {}, r"`turns\[0\]`: its `prompt`"),
        ([{"prompt": "x", "session_id": "y"}], {}, 'index 0: `session_id` is "y"'),
        ([{"prompt": "x", "files": [b"y"]}], {}, r"`turns\[0\]`: `files\[0\]` must be a path"),
        ([{"prompt": "x", "files": ["missing.txt"]}], {}, r"index 0: `files\[0\]`"),
        (["fine"], {"concurrency": 0}, "`concurrency` is 0"),
        (["fine"], {"timeout": -1}, "`timeout`"),
        (["fine"], {"text_mode": "odd"}, "text_mode|odd"),
    ]:
        given: Any = turns
        some: Any = options
        with pytest.raises(InvalidRequestError, match=text):
            client.run_turns(given, **some)
    assert client.run_turns([]).all() == []
    unread = client.run_turns(["one"])
    unread.close()
    assert list(unread) == []
    assert emulator.requests() == []


def test_g11_outcomes_pickle(client: Raccoon) -> None:
    outcomes = client.run_turns(["one", "fail"]).all()
    first, second = pickle.loads(pickle.dumps(outcomes))
    assert first == outcomes[0]
    assert (type(second.error), str(second.error)) == (TaskError, str(outcomes[1].error))


def test_outcomes_async(emulator: Emulator) -> None:
    async def main() -> None:
        async with emulator.async_raccoon() as client:
            assert told(await client.run_turns(["one", "fail"]).all()) == ["ready", "agent_error"]
            outcomes = client.run_turns(["one", "long", "long", "long"], concurrency=2)
            found = []

            async def consume() -> None:
                async for outcome in outcomes:
                    found.append(outcome)

            before = sockets(emulator)
            running = asyncio.ensure_future(consume())
            while sockets(emulator) < before + 3:
                await asyncio.sleep(0.005)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            found += [outcome async for outcome in outcomes]
            found.sort(key=lambda outcome: outcome.index)
            assert told(found) == ["ready", "aborted", "aborted", "cancelled"]
            async with client.run_turns(["long"]) as left:
                pass
            assert await left.all() == []

    asyncio.run(main())


def test_outcomes_in_trio(emulator: Emulator) -> None:
    trio = pytest.importorskip("trio")

    async def main() -> None:
        async with emulator.async_raccoon() as client:
            assert told(await client.run_turns(["one", "two"]).all()) == ["ready", "ready"]

    trio.run(main)


def test_g01_a_session_gives_the_events_of_all_its_turns(
    emulator: Emulator, client: Raccoon
) -> None:
    session = client.session()
    found: list[TurnEvent] = []
    # It is not there yet: its first turn creates it.
    with session.events(poll_interval=0.01) as events:

        def read() -> None:
            found.extend(next(events) for _ in range(6))

        reading = threading.Thread(target=read)
        reading.start()
        with emulator.raccoon() as other:
            results = [other.session(session.session_id).run_turn("go") for _ in range(2)]
        reading.join(20)
        assert not events.closed
    assert events.closed
    ids = [result.message_id for result in results for _ in range(3)]
    assert [event.message_id for event in found] == ids
    assert [event.id for event in found] == [1, 2, 3, 1, 2, 3]
    assert isinstance(found[1], TextEvent)
    for at, event in enumerate(found):
        rest = session.events(after=event, poll_interval=0.01)
        assert [next(rest).id for _ in found[at + 1 :]] == [one.id for one in found[at + 1 :]]
    point = ResumePoint(session.session_id, results[1].message_id)
    rest = session.events(after=point, poll_interval=0.01)
    assert [next(rest).message_id for _ in range(3)] == [results[1].message_id] * 3
    none = session.events(include_history=False, poll_interval=0.01, timeout=0.2)
    assert list(none) == []


def test_a_session_that_is_deleted_ends_its_events(client: Raccoon) -> None:
    session = client.session()
    result = session.run_turn("go")
    events = session.events(poll_interval=0.01)
    last = [next(events) for _ in range(3)][-1]
    session.delete()
    with pytest.raises(StreamError, match="session is gone") as caught:
        next(events)
    assert caught.value.reason == "session_gone"
    assert caught.value.message_id == result.message_id
    assert caught.value.last_event_id == last.id


def test_events_of_no_use_are_refused(emulator: Emulator, client: Raccoon) -> None:
    session = client.session()
    for options, text in [
        ({"poll_interval": 0}, "`poll_interval`"),
        ({"timeout": -1}, "`timeout`"),
        ({"after": {"message_id": "m"}}, "`after` must be an event"),
        ({"after": ResumePoint(client.session().session_id, "m")}, "`after` is a place in"),
    ]:
        some: Any = options
        with pytest.raises(InvalidRequestError, match=text):
            session.events(**some)
    assert emulator.requests() == []


def test_events_async(emulator: Emulator) -> None:
    async def main() -> None:
        async with emulator.async_raccoon() as client:
            session = client.session()
            events = session.events(poll_interval=0.01, timeout=20)
            reading = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0)
            result = await session.run_turn("go")
            assert (await reading).message_id == result.message_id
            assert [(await anext(events)).id for _ in range(2)] == [2, 3]
            # A cancel loses nothing.
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await session.run_turn("again")
            assert [(await anext(events)).id for _ in range(3)] == [1, 2, 3]
            await events.close()
            assert events.closed

    asyncio.run(main())


def prepared(case: dict[str, Any], new_id: Any) -> tuple[list[Any], dict[str, str]]:
    """The turns of a case, and the sessions that it names."""
    sessions: dict[str, str] = {}
    found: list[Any] = []
    for turn in case["turns"]:
        if isinstance(turn, str):
            found.append(turn)
            continue
        given = dict(turn)
        name = given.pop("session", None)
        if name is not None:
            given["session_id"] = sessions.setdefault(name, new_id())
        found.append(given)
    return found, sessions


def check_runs(case: dict[str, Any], outcomes: list[TurnOutcome], emulator: Emulator) -> None:
    expect = case["expect"]
    assert told(outcomes) == expect["told"]
    assert [outcome.sent for outcome in outcomes] == expect["sent"]
    assert starts(emulator) == expect["requests"]


def prompts(history: History) -> list[str]:
    return [message.content for message in history.messages if message.role == "user"]


@pytest.mark.parametrize("case", cases("turn_runs.json"))
def test_turn_runs(case: dict[str, Any]) -> None:
    with (
        Emulator(scenario=MIXED, step_delay=0.0, **case.get("emulator", {})) as emulator,
        emulator.raccoon(**case.get("client", {})) as client,
    ):
        for fault in case.get("faults", []):
            emulator.fail(fault)
        given, sessions = prepared(case, lambda: client.session().session_id)
        options = case.get("options", {})
        if "error" in case["expect"]:
            with pytest.raises(SessionwireError) as caught:
                client.run_turns(given, **options)
            check(caught.value, case["expect"]["error"])
            assert emulator.requests() == []
            return
        check_runs(case, client.run_turns(given, **options).all(), emulator)
        for name, said in case["expect"].get("prompts", {}).items():
            assert prompts(client.session(sessions[name]).history()) == said


@pytest.mark.parametrize("case", cases("turn_runs.json"))
def test_turn_runs_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with (
            Emulator(scenario=MIXED, step_delay=0.0, **case.get("emulator", {})) as emulator,
            emulator.async_raccoon(**case.get("client", {})) as client,
        ):
            for fault in case.get("faults", []):
                emulator.fail(fault)
            given, sessions = prepared(case, lambda: client.session().session_id)
            options = case.get("options", {})
            if "error" in case["expect"]:
                with pytest.raises(SessionwireError) as caught:
                    client.run_turns(given, **options)
                check(caught.value, case["expect"]["error"])
                assert emulator.requests() == []
                return
            check_runs(case, await client.run_turns(given, **options).all(), emulator)
            for name, said in case["expect"].get("prompts", {}).items():
                assert prompts(await client.session(sessions[name]).history()) == said

    asyncio.run(main())


SPOKEN = {"turns": [{"steps": [{"text": "a"}, {"text": "b"}]}]}


@pytest.mark.parametrize("case", cases("session_events.json"))
def test_g01_g04_session_events(case: dict[str, Any]) -> None:
    expect = case["expect"]
    with (
        Emulator(scenario=SPOKEN, step_delay=0.0, **case.get("emulator", {})) as emulator,
        emulator.raccoon(**case.get("client", {})) as reader,
        emulator.raccoon() as other,
    ):
        session = reader.session()

        def turn() -> str:
            return other.session(session.session_id).run_turn("go").message_id

        messages = [turn() for _ in range(case["turns"])]
        options: dict[str, Any] = dict(case.get("options", {}))
        first = 0
        if "after" in case:
            with session.events(poll_interval=0.01) as before:
                first = case["after"] + 1
                options["after"] = [next(before) for _ in range(first)][-1]
        for fault in case.get("faults", []):
            emulator.fail(fault)
        events = session.events(poll_interval=0.01, **options)

        def read(ids: list[int], of: list[str], start: int) -> None:
            found = [next(events) for _ in ids]
            assert [event.id for event in found] == ids
            wanted = [of[(start + at) // 4] for at in range(len(ids))]
            assert [event.message_id for event in found] == wanted

        read(expect["ids"], messages, first)
        match case.get("then"):
            case "turn":
                read(expect["more"], [turn()], 0)
            case "delete":
                session.delete()
            case "close":
                reader.close()
        if "error" in expect:
            with pytest.raises(SessionwireError) as caught:
                next(events)
            check(caught.value, expect["error"])
        if "ends" in expect or "error" in expect:
            assert next(events, None) is None


@pytest.mark.parametrize("case", cases("session_events.json"))
def test_g01_g04_session_events_async(case: dict[str, Any]) -> None:
    expect = case["expect"]

    async def main() -> None:
        async with (
            Emulator(scenario=SPOKEN, step_delay=0.0, **case.get("emulator", {})) as emulator,
            emulator.async_raccoon(**case.get("client", {})) as reader,
            emulator.async_raccoon() as other,
        ):
            session = reader.session()

            async def turn() -> str:
                return (await other.session(session.session_id).run_turn("go")).message_id

            messages = [await turn() for _ in range(case["turns"])]
            options: dict[str, Any] = dict(case.get("options", {}))
            first = 0
            if "after" in case:
                async with session.events(poll_interval=0.01) as before:
                    first = case["after"] + 1
                    options["after"] = [await anext(before) for _ in range(first)][-1]
            for fault in case.get("faults", []):
                emulator.fail(fault)
            events = session.events(poll_interval=0.01, **options)

            async def read(ids: list[int], of: list[str], start: int) -> None:
                found = [await anext(events) for _ in ids]
                assert [event.id for event in found] == ids
                wanted = [of[(start + at) // 4] for at in range(len(ids))]
                assert [event.message_id for event in found] == wanted

            await read(expect["ids"], messages, first)
            match case.get("then"):
                case "turn":
                    await read(expect["more"], [await turn()], 0)
                case "delete":
                    await session.delete()
                case "close":
                    await reader.close()
            if "error" in expect:
                with pytest.raises(SessionwireError) as caught:
                    await anext(events)
                check(caught.value, expect["error"])
            if "ends" in expect or "error" in expect:
                assert await anext(events, None) is None

    asyncio.run(main())

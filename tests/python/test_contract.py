"""The language-neutral cases of `tests/contract/`, for Python: sync and async, by the same ids."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import inspect
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import sessionwire
from helpers import RawStream
from sessionwire import Agi, AsyncAgi, Emulator, webhooks

FOLDER = Path(__file__).parent.parent / "contract"


def cases(file: str, group: str = "cases") -> list[Any]:
    found = json.loads((FOLDER / file).read_text()).get(group, [])
    if group == "cases":
        for endpoint in sorted((FOLDER / "endpoints").glob("*.json")):
            found += json.loads(endpoint.read_text()).get(file.removesuffix(".json"), [])
    assert found, f"{file} has no {group}"
    return [pytest.param(case, id=case["id"]) for case in found]


def value(described: Any) -> Any:
    """A value of a case: as it stands, or a long text described."""
    if isinstance(described, dict) and "repeat" in described:
        return described.get("prefix", "") + described["repeat"] * described["count"]
    return described


def call(case: dict[str, Any], client: Any, session: Any, task: Any = None) -> Any:
    """Makes the call of a case; the caller awaits what is awaitable."""
    handles = {"client": client, "sessions": client.sessions, "session": session, "task": task}
    handle, _, method = case["call"].partition(".")
    args = [
        session.session_id if arg == "{session}" else value(arg) for arg in case.get("args", [])
    ]
    options = {name: value(arg) for name, arg in case.get("options", {}).items()}
    return getattr(handles[handle], method)(*args, **options)


def check(error: BaseException, expect: dict[str, Any]) -> None:
    """The class by its name, every field, and the parts of the text."""
    assert type(error).__name__ == expect["name"], repr(error)
    for field, wanted in expect.items():
        if field == "text":
            for part in wanted:
                assert part in str(error)
        elif field != "name" and hasattr(error, field):
            assert getattr(error, field) == wanted, field
        elif field != "name":
            assert not wanted, f"{expect['name']} has no {field}"


async def async_call(case: dict[str, Any], client: Any, session: Any) -> None:
    outcome = call(case, client, session)
    if inspect.isawaitable(outcome):
        await outcome


@pytest.mark.parametrize("case", cases("errors.json"))
def test_errors(case: dict[str, Any]) -> None:
    with Emulator() as emulator, emulator.agi(max_retries=0) as client:
        session = client.sessions.create()
        emulator.fail(**case["fault"])
        with pytest.raises(sessionwire.SessionwireError) as caught:
            call(case, client, session)
        check(caught.value, case["expect"])


@pytest.mark.parametrize("case", cases("errors.json"))
def test_errors_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with Emulator() as emulator, emulator.async_agi(max_retries=0) as client:
            session = await client.sessions.create()
            emulator.fail(**case["fault"])
            with pytest.raises(sessionwire.SessionwireError) as caught:
                await async_call(case, client, session)
            check(caught.value, case["expect"])

    asyncio.run(main())


def check_sent(emulator: Emulator, session_id: str, expect: dict[str, Any]) -> None:
    requests = [f"{request.method} {request.path}" for request in emulator.requests()]
    for sent, count in expect["sent"].items():
        assert requests.count(sent.replace("{session}", session_id)) == count, requests


# An agent that is busy for as long as a case may take.
BUSY: dict[str, Any] = {"tasks": [{"steps": [{"delay": 3600}], "once": False}]}


@pytest.mark.parametrize("case", cases("requests.json") + cases("rude_faults.json", "calls"))
def test_requests(case: dict[str, Any]) -> None:
    with (
        Emulator(scenario=BUSY, step_delay=0.0) as emulator,
        # The client of a case may have little patience.
        emulator.agi() as patient,
        patient.with_options(**case.get("client", {})) as client,
    ):
        session = client.sessions.attach(patient.sessions.create().session_id)
        emulator.clear_requests()
        for earlier in case.get("before", []):
            call(earlier, client, session)
        for fault in case["faults"]:
            emulator.fail(fault)
        outcome: BaseException | None = None
        try:
            call(case, client, session)
        except sessionwire.SessionwireError as error:
            outcome = error
        check_outcome(outcome, case["expect"])
        check_sent(emulator, session.session_id, case["expect"])


@pytest.mark.parametrize("case", cases("requests.json") + cases("rude_faults.json", "calls"))
def test_requests_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with (
            Emulator(scenario=BUSY, step_delay=0.0) as emulator,
            emulator.async_agi() as patient,
            patient.with_options(**case.get("client", {})) as client,
        ):
            session = client.sessions.attach((await patient.sessions.create()).session_id)
            emulator.clear_requests()
            for earlier in case.get("before", []):
                await async_call(earlier, client, session)
            for fault in case["faults"]:
                emulator.fail(fault)
            outcome: BaseException | None = None
            try:
                await async_call(case, client, session)
            except sessionwire.SessionwireError as error:
                outcome = error
            check_outcome(outcome, case["expect"])
            check_sent(emulator, session.session_id, case["expect"])

    asyncio.run(main())


def check_outcome(outcome: BaseException | None, expect: dict[str, Any]) -> None:
    if "error" in expect:
        assert outcome is not None, "nothing was raised"
        check(outcome, expect["error"])
    elif outcome is not None:
        raise outcome


def bad_client(
    kind: type[Agi] | type[AsyncAgi], emulator: Emulator, options: dict[str, Any]
) -> None:
    kind(**{"base_url": emulator.url, "api_key": "some-key", **options})


@pytest.mark.parametrize("case", cases("bad_input.json"))
def test_bad_input(case: dict[str, Any]) -> None:
    with Emulator() as emulator, emulator.agi() as client:
        session = client.sessions.create()
        emulator.clear_requests()
        with pytest.raises(sessionwire.SessionwireError) as caught:
            if case["call"] == "client":
                bad_client(Agi, emulator, case["options"])
            else:
                call(case, client, session)
        check(caught.value, case["expect"])
        assert emulator.requests() == []


@pytest.mark.parametrize("case", cases("bad_input.json"))
def test_bad_input_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with Emulator() as emulator, emulator.async_agi() as client:
            session = await client.sessions.create()
            emulator.clear_requests()
            with pytest.raises(sessionwire.SessionwireError) as caught:
                if case["call"] == "client":
                    bad_client(AsyncAgi, emulator, case["options"])
                else:
                    await async_call(case, client, session)
            check(caught.value, case["expect"])
            assert emulator.requests() == []

    asyncio.run(main())


def check_stream(expect: dict[str, Any], events: list[Any], outcome: Any) -> None:
    if "ids" in expect:
        first, last = expect["ids"]
        assert [event.id for event in events] == list(range(first, last + 1))
    if "types" in expect:
        assert [event.type for event in events] == expect["types"]
    if "error" in expect:
        check(outcome, expect["error"])
    elif "result" in expect:
        assert outcome.text == expect["result"]
    else:
        assert outcome is None


def set_up(emulator: Emulator, case: dict[str, Any]) -> None:
    emulator.scenario({"tasks": [{"steps": case["steps"]}]})
    for fault in case.get("faults", []):
        emulator.fail(fault)


@pytest.mark.parametrize("case", cases("streams.json") + cases("rude_faults.json", "streams"))
def test_streams(case: dict[str, Any]) -> None:
    events: list[Any] = []
    outcome: Any
    with (
        Emulator(step_delay=0.0, **case.get("emulator", {})) as emulator,
        emulator.agi(**case.get("client", {})) as client,
    ):
        session = client.sessions.create()
        set_up(emulator, case)
        options = case.get("events", {})
        try:
            if case.get("scope") == "session":
                session.send_message("go")
                with session.events(**options) as stream:
                    events.extend(stream)
                outcome = None
            else:
                with session.start_task("go", **options) as task:
                    events.extend(task)
                    outcome = task.result()
        except sessionwire.SessionwireError as error:
            outcome = error
    check_stream(case["expect"], events, outcome)


@pytest.mark.parametrize("case", cases("streams.json") + cases("rude_faults.json", "streams"))
def test_streams_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        events: list[Any] = []
        outcome: Any
        async with (
            Emulator(step_delay=0.0, **case.get("emulator", {})) as emulator,
            emulator.async_agi(**case.get("client", {})) as client,
        ):
            session = await client.sessions.create()
            set_up(emulator, case)
            options = case.get("events", {})
            try:
                if case.get("scope") == "session":
                    await session.send_message("go")
                    async with session.events(**options) as stream:
                        async for event in stream:
                            events.append(event)
                    outcome = None
                else:
                    async with session.start_task("go", **options) as task:
                        async for event in task:
                            events.append(event)
                        outcome = await task.result()
            except sessionwire.SessionwireError as error:
                outcome = error
        check_stream(case["expect"], events, outcome)

    asyncio.run(main())


def shape(value: Any, expect: Any) -> Any:
    """The value, reduced to the fields that a case names."""
    if isinstance(expect, list):
        assert len(value) == len(expect)
        return [shape(item, wanted) for item, wanted in zip(value, expect, strict=True)]
    if isinstance(expect, dict) and not isinstance(value, dict):
        return {name: shape(getattr(value, name), wanted) for name, wanted in expect.items()}
    return value


@pytest.mark.parametrize("case", cases("answers.json"))
def test_answers(case: dict[str, Any]) -> None:
    with Emulator() as emulator, emulator.agi() as client:
        session = client.sessions.create()
        emulator.fail(on=case["on"], status=200, body=case["body"])
        answer = call(case, client, session)
        assert shape(answer, case["expect"]) == case["expect"]


@pytest.mark.parametrize("case", cases("answers.json"))
def test_answers_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with Emulator() as emulator, emulator.async_agi() as client:
            session = await client.sessions.create()
            emulator.fail(on=case["on"], status=200, body=case["body"])
            answer = await call(case, client, session)
            assert shape(answer, case["expect"]) == case["expect"]

    asyncio.run(main())


@pytest.mark.parametrize("case", cases("events.json"))
def test_events(case: dict[str, Any]) -> None:
    with (
        RawStream(case["stream"].encode()) as server,
        Agi(base_url=server.url, api_key="some-key") as client,
        client.sessions.attach("s").events() as stream,
    ):
        assert shape(next(iter(stream)), case["expect"]) == case["expect"]


@pytest.mark.parametrize("case", cases("events.json"))
def test_events_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        with RawStream(case["stream"].encode()) as server:
            async with (
                AsyncAgi(base_url=server.url, api_key="some-key") as client,
                client.sessions.attach("s").events() as stream,
            ):
                assert shape(await anext(stream), case["expect"]) == case["expect"]

    asyncio.run(main())


def frames(case: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    """The frames of a case as a session's events.

    An id that is no number is none; heartbeats are hidden.
    """
    return [
        (frame["event"], frame["data"], int(frame["id"]) if (frame["id"] or "").isdigit() else None)
        for frame in case["frames"]
        if frame["event"] != "heartbeat"
    ]


def read_sse(case: dict[str, Any]) -> list[Any]:
    events: list[Any] = []
    with (
        RawStream(body(case)) as server,
        Agi(base_url=server.url, api_key="some-key") as client,
        # After this one stream the session is gone.
        pytest.raises(sessionwire.StreamError),
    ):
        events.extend(client.sessions.attach("s").events())
    return events


async def read_sse_async(case: dict[str, Any]) -> list[Any]:
    events: list[Any] = []
    with RawStream(body(case)) as server:
        async with AsyncAgi(base_url=server.url, api_key="some-key") as client:
            with pytest.raises(sessionwire.StreamError):
                async for event in client.sessions.attach("s").events():
                    events.append(event)
    return events


def body(case: dict[str, Any]) -> bytes:
    if "input" in case:
        text: str = case["input"]
        return text.encode()
    return base64.b64decode(case["input_base64"])


SSE = [
    {**case, "id": f"sse/{case['id']}"}
    for file in sorted((FOLDER / "sse").glob("*.json"))
    for case in json.loads(file.read_text())["cases"]
    if "only" not in case
]


@pytest.fixture(scope="module")
def sse_events() -> dict[str, list[Any]]:
    """Every case at once: each waits a little for its session to be gone."""
    with ThreadPoolExecutor(len(SSE)) as pool:
        return dict(zip([case["id"] for case in SSE], pool.map(read_sse, SSE), strict=True))


@pytest.fixture(scope="module")
def sse_events_async() -> dict[str, list[Any]]:
    async def main() -> list[list[Any]]:
        return await asyncio.gather(*map(read_sse_async, SSE))

    return dict(zip([case["id"] for case in SSE], asyncio.run(main()), strict=True))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in SSE])
def test_sse(case: dict[str, Any], sse_events: dict[str, list[Any]]) -> None:
    got = [(event.type, event.raw, event.id) for event in sse_events[case["id"]]]
    assert got == frames(case)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in SSE])
def test_sse_async(case: dict[str, Any], sse_events_async: dict[str, list[Any]]) -> None:
    got = [(event.type, event.raw, event.id) for event in sse_events_async[case["id"]]]
    assert got == frames(case)


def deep(described: Any) -> Any:
    """A JSON value in which long texts are described."""
    if isinstance(described, dict) and "repeat" not in described:
        return {name: deep(field) for name, field in described.items()}
    return value(described)


def webhook_body(described: dict[str, Any]) -> str | bytes:
    filled = deep(described)
    if "bytes" in filled:
        return bytes.fromhex(filled["bytes"])
    return str(filled["text"]) if "text" in filled else json.dumps(filled)


def plain(event: Any) -> dict[str, Any]:
    """An event as the cases describe it."""
    fields = dataclasses.asdict(event)
    for place, name in ((fields, "timestamp"), (fields["session"], "created_at")):
        empty = "" if name == "timestamp" else None
        # A text that is no time; what is no text at all stays in `extra`.
        raw = place["extra"].get(name, empty)
        if isinstance(raw, str):
            place["extra"].pop(name, None)
        moment = place[name]
        if moment is None:
            place[name] = raw if isinstance(raw, str) else empty
    return fields


def as_times(expect: dict[str, Any]) -> dict[str, Any]:
    def moment(text: Any) -> Any:
        try:
            return datetime.fromisoformat(text)
        except (TypeError, ValueError):
            return text

    session = {**expect["session"], "created_at": moment(expect["session"]["created_at"])}
    return {**expect, "timestamp": moment(expect["timestamp"]), "session": session}


def header_forms(headers: dict[str, str] | None) -> list[Any]:
    """The same headers as frameworks have them."""
    if headers is None:
        return [None]
    as_bytes = {name.encode(): value.encode() for name, value in headers.items()}
    return [
        headers,
        as_bytes,
        list(headers.items()),
        # ASGI
        [(name.lower(), value) for name, value in as_bytes.items()],
        {name: [value] for name, value in headers.items()},
    ]


def parse_case(case: dict[str, Any]) -> None:
    sent = webhook_body(case["body"])
    forms: list[Any] = [sent]
    if isinstance(sent, str):
        data = sent.encode()
        forms += [data, bytearray(data), memoryview(data)]
    for form, headers in itertools.product(forms, header_forms(case.get("headers"))):
        if "error" in case:
            with pytest.raises(webhooks.WebhookError) as caught:
                webhooks.parse(form, headers)
            check(caught.value, case["error"])
            continue
        event = webhooks.parse(form, headers)
        expect = as_times(deep(case["expect"]))
        assert isinstance(event, webhooks.UnknownEvent) == expect.pop("unknown", False)
        found = plain(event)
        assert found.pop("key") == event.key
        # What an event of an unknown kind has under a known name stays where it was.
        found["extra"].pop("timestamp", None)
        assert found["extra"] == {
            name: field for name, field in expect["extra"].items() if name != "timestamp"
        }
        found.pop("extra")
        expect.pop("extra")
        if isinstance(event, webhooks.UnknownEvent):
            found.pop("timestamp")
            expect.pop("timestamp")
        assert found == expect


def deduplicate_case(case: dict[str, Any]) -> None:
    repeats = webhooks.Deduplicator(**{k: case[k] for k in ("capacity",) if k in case})
    found = []
    event: Any = None
    for item in case["bodies"]:
        if item == "forget":
            repeats.forget(event)
            continue
        event = webhooks.parse(json.dumps(item))
        found.append(repeats.is_repeat(event))
    assert found == case["expect"]


def webhook_case(case: dict[str, Any]) -> None:
    match case["call"]:
        case "parse":
            parse_case(case)
        case "url" if "error" in case:
            with pytest.raises(sessionwire.InvalidRequestError) as caught:
                webhooks.url(value(case["base"]), case["secret"])
            check(caught.value, case["error"])
        case "url":
            assert webhooks.url(case["base"], case["secret"]) == case["expect"]
        case "verify":
            assert webhooks.verify(case["target"], case["secret"]) is case["expect"]
        case "deduplicate":
            deduplicate_case(case)
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize("case", cases("webhooks.json"))
def test_webhooks(case: dict[str, Any]) -> None:
    webhook_case(case)


@pytest.mark.parametrize("case", cases("webhooks.json"))
def test_webhooks_async(case: dict[str, Any]) -> None:
    # The functions are the same ones; here they run inside an event loop.
    async def main() -> None:
        webhook_case(case)

    asyncio.run(main())

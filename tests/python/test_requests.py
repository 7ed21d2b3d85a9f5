"""What the emulator received: finding it, waiting for it, asserting it."""

from __future__ import annotations

import asyncio
import re
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from helpers import eventually
from sessionwire import Agi, Emulator, InvalidRequestError

if TYPE_CHECKING:
    from sessionwire import Session


@pytest.fixture
def session(client: Agi) -> Session:
    session = client.sessions.create()
    session.send_message("Book a table", start_url="https://example.com")
    client.sessions.list()
    return session


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 3),
        ({"method": "post"}, 2),
        ({"path": "/v1/sessions"}, 2),
        ({"method": "GET", "path": "/v1/sessions"}, 1),
        ({"path": "/v1/sessions/*"}, 0),
        ({"path": "/v1/sessions/*/message"}, 1),
        ({"path": "/v1/**"}, 3),
        ({"path": re.compile(r"/sessions(/.+)?$")}, 3),
        ({"path": re.compile("MESSAGE", re.IGNORECASE)}, 1),
        ({"json": {"message": "Book a table"}}, 1),
        ({"json": {"message": "Book"}}, 0),
        ({"json": {}}, 2),
        ({"session_id": "other"}, 0),
        ({"status": 200}, 3),
        ({"status": 503}, 0),
    ],
    ids=repr,
)
def test_filters(emulator: Emulator, session: Session, filters: dict[str, Any], count: int) -> None:
    assert len(emulator.requests(**filters)) == count


def test_by_session(emulator: Emulator, session: Session) -> None:
    [message] = emulator.requests(session_id=session.session_id)
    assert message.json() == {"message": "Book a table", "start_url": "https://example.com"}
    assert emulator.assert_requested("POST", "**/message", times=1) == [message]


def test_bad_filters(emulator: Emulator) -> None:
    wrong: Any = 5
    with pytest.raises(InvalidRequestError, match="`method` must be a str or None, not int 5"):
        emulator.requests(method=wrong)
    with pytest.raises(InvalidRequestError, match="`path`"):
        emulator.requests(path=[wrong])  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError):
        emulator.requests(json=object())


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"method": "PSOT"}, r'`method` is "PSOT", .* write `POST`'),
        ({"path": "v1/sessions"}, r'`path` is "v1/sessions", .* write `/v1/sessions`'),
        ({"path": "/v1/sessions?limit=1"}, "has a query, .* write `/v1/sessions`"),
        ({"path": "http://localhost/v1/sessions"}, "is an address, .* write `/v1/sessions`"),
        ({"status": 999}, "`status` is 999, .* from 100 to 599"),
    ],
    ids=repr,
)
def test_a_filter_that_no_request_can_fit(
    emulator: Emulator, filters: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        emulator.assert_requested(times=0, **filters)
    with pytest.raises(InvalidRequestError, match=said):
        emulator.requests(**filters)
    with pytest.raises(InvalidRequestError, match=said):
        emulator.wait_for_request(timeout=0, **filters)


def test_assert_requested_shows_what_came(emulator: Emulator, session: Session) -> None:
    with pytest.raises(AssertionError) as caught:
        emulator.assert_requested("DELETE", "/v1/sessions/*", session_id=session.session_id)
    lines = str(caught.value).splitlines()
    path = f"/v1/sessions/{session.session_id}/message"
    assert lines[:5] == [
        f"Expected DELETE /v1/sessions/* with session_id {session.session_id!r} at least once; "
        "it came 0 times.",
        f"The nearest is POST {path} -> 200, which differs:",
        "  method: expected DELETE, got POST",
        f"  path: expected /v1/sessions/*, got {path}",
        "What happened, in seconds since the emulator's start:",
    ]
    happened = [re.sub(r"^ *\d+\.\d{3}", "", line) for line in lines[5:]]
    assert happened[0].startswith('  POST /v1/sessions -> 200 {"agent_name"')
    assert happened[1].startswith(f"  POST {path} -> 200")
    name = session.session_id[:8]
    assert f'    {name} task "Book a table": the built-in agent works' in happened
    assert "  GET /v1/sessions -> 200" in happened
    with pytest.raises(AssertionError) as caught:
        emulator.assert_requested("POST", path, json={"message": "Book a chair", "start_url": 1})
    assert str(caught.value).splitlines()[1:4] == [
        f"The nearest is POST {path} -> 200, which differs:",
        '  json.message: expected "Book a chair", got "Book a table"',
        '  json.start_url: expected 1, got "https://example.com"',
    ]
    with pytest.raises(
        AssertionError, match=r"^Expected POST exactly 1 time; it came 2 times\.\nW"
    ):
        emulator.assert_requested("POST", times=1)
    with pytest.raises(AssertionError, match="^Expected a request with json .* exactly 0 times"):
        emulator.assert_requested(json={"message": "Book a table"}, times=0)
    emulator.clear_requests()
    assert emulator.assert_requested(times=0) == []
    with pytest.raises(AssertionError, match="since the requests were cleared; 3 had come before"):
        emulator.assert_requested("GET", re.compile("x"))


def test_a_long_list_is_cut(emulator: Emulator, client: Agi) -> None:
    for _ in range(60):
        client.sessions.list()
    with pytest.raises(AssertionError) as caught:
        emulator.assert_requested("PUT")
    assert "\n    ...  10 earlier\n" in str(caught.value)
    assert str(caught.value).count("GET /v1/sessions") == 50


def test_waiting_for_a_request(emulator: Emulator, client: Agi) -> None:
    emulator.fail(on="list", delay=0.2)
    thread = threading.Thread(target=client.sessions.list)
    thread.start()
    arrived = emulator.wait_for_request("GET", "/v1/sessions")
    assert arrived.status is None
    answered = emulator.wait_for_request("GET", "/v1/sessions", status=200)
    assert answered.status == 200
    thread.join()
    assert emulator.wait_for_request("GET", timeout=0) == answered


def test_waiting_in_vain(emulator: Emulator, client: Agi) -> None:
    client.sessions.list()
    with pytest.raises(TimeoutError) as caught:
        emulator.wait_for_request("DELETE", timeout=0.05)
    assert re.fullmatch(
        r"DELETE did not come within 0\.05 s\.\n"
        r"What happened, in seconds since the emulator's start:\n"
        r" +\d+\.\d{3}  GET /v1/sessions -> 200",
        str(caught.value),
    )


def test_waiting_ends_with_the_emulator(emulator: Emulator) -> None:
    ended: list[Exception] = []

    def wait() -> None:
        try:
            emulator.wait_for_request("GET", timeout=60)
        except TimeoutError as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    emulator.close()
    thread.join(10)
    assert len(ended) == 1
    assert "closed" in str(ended[0])


def test_g06_ctrl_c_ends_the_wait(emulator: Emulator) -> None:
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        emulator.wait_for_request("GET", timeout=60)
    timer.join()
    assert time.monotonic() - begin < 10


def test_waiting_in_asyncio(emulator: Emulator) -> None:
    async def main() -> None:
        async with emulator.async_agi() as client:
            waiting = asyncio.create_task(emulator.async_wait_for_request("GET", status=200))
            in_vain = asyncio.create_task(emulator.async_wait_for_request("PUT", timeout=60))
            await asyncio.sleep(0)
            await client.sessions.list()
            assert (await waiting).path == "/v1/sessions"
            in_vain.cancel()
            with pytest.raises(asyncio.CancelledError):
                await in_vain
            with pytest.raises(TimeoutError, match="GET /v1/sessions -> 200"):
                await emulator.async_wait_for_request("PUT", timeout=0.01)

    asyncio.run(main())


def test_waiting_in_trio(emulator: Emulator) -> None:
    import trio

    async def main() -> None:
        async with emulator.async_agi() as client, trio.open_nursery() as nursery:
            nursery.start_soon(client.sessions.list)
            request = await emulator.async_wait_for_request("GET", "/v1/sessions")
            assert request.method == "GET"

    trio.run(main)


def test_many_requests_wake_the_right_waiter(emulator: Emulator, client: Agi) -> None:
    found: list[str] = []
    wanted = [f"task {number}" for number in range(8)]

    def wait(text: str) -> None:
        found.append(
            emulator.wait_for_request(json={"message": text}, timeout=30).json()["message"]
        )

    threads = [threading.Thread(target=wait, args=[text]) for text in wanted]
    for thread in threads:
        thread.start()
    for text in wanted:
        client.sessions.create().send_message(text)
    for thread in threads:
        thread.join()
    assert sorted(found) == wanted
    eventually(lambda: len(emulator.requests("POST")) == 16, "all came")

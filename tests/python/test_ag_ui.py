"""Tasks and turns for the clients of AG-UI, over real sockets, by the protocol's own models."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from ag_ui.core import Event
from pydantic import TypeAdapter

from helpers import eventually
from sessionwire import AsyncAgi, ConfigError, Emulator
from sessionwire.ag_ui import AgUi, events
from test_contract import cases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

ROOT = Path(__file__).parents[2]
SCHEMA: TypeAdapter[Any] = TypeAdapter(Event)
ASKS = [
    {"thought": "Looking"},
    {"question": "Which colour?"},
    {"done": "Bought the {answer} mug"},
]


async def given(case: dict[str, Any]) -> AsyncIterator[Any]:
    """The events of a case, as a task or a turn gives them."""
    for event in case.get("task", []):
        raw = json.dumps(event["data"])
        yield SimpleNamespace(type=event["type"], id=event["id"], raw=raw)
    for frame in case.get("turn", []):
        yield SimpleNamespace(type=frame["kind"], kind=frame["kind"], raw=json.dumps(frame))


@pytest.mark.parametrize("case", cases("ag_ui.json"))
def test_events_async(case: dict[str, Any]) -> None:
    async def told() -> list[dict[str, Any]]:
        return [event async for event in events(given(case), thread_id="t", run_id="r")]

    started, *found = asyncio.run(told())
    which = {"threadId": "t", "runId": "r"}
    assert started == {"type": "RUN_STARTED", **which, "protocolVersion": "1.0"}
    for event in found:
        SCHEMA.validate_python(event)
    bare = [{name: event[name] for name in event if name not in which} for event in found]
    assert bare == case["expect"]


@contextlib.contextmanager
def serving(app: Any) -> Iterator[int]:
    """The port of an ASGI app."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def talking(
    steps: list[dict[str, Any]],
    make: Callable[[Any], AgUi] = AgUi,
    kind: str = "agi",
) -> Iterator[tuple[Emulator, int]]:
    """An emulator that plays these steps, and the port of a route to it."""
    what = "tasks" if kind == "agi" else "turns"
    with Emulator(step_delay=0.0, scenario={what: [{"steps": steps}]}) as emulator:
        client = emulator.async_agi() if kind == "agi" else emulator.async_raccoon()
        with serving(make(client)) as port:
            yield emulator, port


runs = itertools.count(1)


def asked(thread: str = "t", prompt: str = "Buy a mug", **more: Any) -> dict[str, Any]:
    message = {"id": "1", "role": "user", "content": prompt}
    return {"threadId": thread, "runId": f"r{next(runs)}", "messages": [message], **more}


def answered(interrupt: str, payload: Any = None, status: str = "resolved") -> dict[str, Any]:
    entry = {"interruptId": interrupt, "status": status, "payload": payload}
    return {"resume": [entry]}


@contextlib.contextmanager
def start(port: int, body: dict[str, Any]) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", "/", json.dumps(body))
        with connection.getresponse() as response:
            yield response


def run(port: int, body: dict[str, Any]) -> list[dict[str, Any]]:
    """All events of a run, by the protocol's models."""
    with start(port, body) as response:
        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-cache, no-transform"
        assert response.headers["x-accel-buffering"] == "no"
        text = response.read().decode()
    found = [json.loads(data) for data in re.findall(r"^data: (.*)$", text, re.MULTILINE)]
    for event in found:
        SCHEMA.validate_python(event)
    assert found[0]["type"] == "RUN_STARTED"
    return found


def interrupt_of(found: list[dict[str, Any]]) -> str:
    [interrupt] = found[-1]["outcome"]["interrupts"]
    assert interrupt["message"] == "Which colour?"
    return str(interrupt["id"])


def sent(emulator: Emulator) -> int:
    return len(emulator.requests("POST", "/v1/sessions/*/message"))


def test_a_task_with_a_question_and_its_answer() -> None:
    with talking(ASKS) as (emulator, port):
        interrupt = interrupt_of(run(port, asked()))
        assert emulator.session_count == 1
        found = run(port, asked(**answered(interrupt, {"colour": "blue"})))
        assert found[-1]["result"] == "Bought the blue mug"
        assert found[-1]["outcome"] == {"type": "success"}
        assert emulator.session_count == 0
        assert sent(emulator) == 2


def test_a_client_that_is_gone_cancels_its_run() -> None:
    steps: list[dict[str, Any]] = [{"thought": "Looking"}, {"delay": 3600}]
    with talking(steps, lambda client: AgUi(client, heartbeat=0.01)) as (emulator, port):
        with start(port, asked()) as response:
            comments = 0
            seen = b""
            # It is silent after the thought: comments come all the same.
            while comments < 3 or b"REASONING_END" not in seen:
                line = response.readline()
                comments += line == b":\n"
                seen += line
        eventually(lambda: emulator.session_count == 0, "the session is deleted")
        eventually(lambda: emulator.open_streams == 0, "the stream is closed")
        assert len(emulator.requests("POST", "/v1/sessions/*/cancel")) == 1


def test_what_breaks_the_rules_is_an_error_and_the_question_stays_open() -> None:
    with talking(ASKS) as (emulator, port):
        interrupt = interrupt_of(run(port, asked()))
        for more, problem in [
            ({}, "The thread has an open question"),
            (answered("other", "x"), 'no open question "other"'),
            (answered(interrupt), "The `payload` of `resume` has no answer"),
            (answered(interrupt, "x" * 10_001), "10001"),
        ]:
            end = run(port, asked(**more))[-1]
            assert (end["type"], end["code"]) == ("RUN_ERROR", "InvalidRequestError")
            assert problem in end["message"].replace(",", "")
        assert emulator.session_count == 1
        assert (
            run(port, asked(**answered(interrupt, "blue")))[-1]["result"] == "Bought the blue mug"
        )
        assert sent(emulator) == 2


def test_of_two_runs_of_a_thread_that_ask_at_once_one_is_told_so() -> None:
    with talking([]) as (emulator, port), ThreadPoolExecutor(2) as pool:
        emulator.scenario({"tasks": [{"steps": ASKS, "once": False}]})
        ends = [found[-1] for found in pool.map(lambda _: run(port, asked()), range(2))]
        [told] = [end for end in ends if end["type"] == "RUN_ERROR"]
        # The first may have asked before the second began.
        told_so = r"Another run of the thread asked a question|The thread has an open question"
        assert re.match(told_so, told["message"])
        [end] = [end for end in ends if end["type"] == "RUN_FINISHED"]
        # Its session goes, and that of the question waits.
        eventually(lambda: emulator.session_count == 1, "one session is left")
        answer = answered(interrupt_of([end]), "blue")
        assert run(port, asked(**answer))[-1]["result"] == "Bought the blue mug"
        eventually(lambda: emulator.session_count == 0, "no session is left")


def test_no_thread_is_stuck() -> None:
    with talking(ASKS) as (emulator, port):
        interrupt = interrupt_of(run(port, asked()))
        gave_up = answered(interrupt, status="cancelled")
        for _ in range(2):
            assert run(port, asked(**gave_up))[-1]["outcome"] == {"type": "cancelled"}
        assert emulator.session_count == 0
        interrupt = interrupt_of(run(port, asked()))
        with emulator.agi() as client:
            client.sessions.delete_all()
        end = run(port, asked(**answered(interrupt, "x")))[-1]
        assert end["code"] == "NotFoundError"
        assert interrupt_of(run(port, asked()))


def test_a_question_is_kept_elsewhere_and_a_session_of_ones_own_stays() -> None:
    kept: dict[str, str] = {}
    seen = []

    def make(client: AsyncAgi) -> AgUi:
        async def choose(request: Any) -> Any:
            seen.append((request.thread_id, request.prompt, request.scope["path"]))
            return await client.sessions.create()

        return AgUi(client, session=choose, questions=kept)

    with talking(ASKS, make) as (emulator, port):
        interrupt = interrupt_of(run(port, asked()))
        assert seen == [("t", "Buy a mug", "/")]
        assert set(json.loads(kept["t"])) == {"interrupt", "handle", "session"}
        # Another process has another route, and the same place.
        other = AgUi(emulator.async_agi(), questions=kept)
        with serving(other) as second:
            found = run(second, asked(**answered(interrupt, "red")))
        assert found[-1]["result"] == "Bought the red mug"
        assert kept == {}
        assert emulator.session_count == 1


def test_a_turn() -> None:
    steps: list[dict[str, Any]] = [
        {"tool": "browser", "output": {"pages": 3}},
        {"text": "One"},
        {"text": " two"},
    ]
    with talking(steps, kind="raccoon") as (_, port):
        found = run(port, asked())
        assert found[-1]["result"] == "One two"
        assert "TOOL_CALL_RESULT" in [event["type"] for event in found]


def test_a_turn_is_stopped_with_its_client() -> None:
    with talking([{"text": "One"}, {"delay": 3600}], kind="raccoon") as (emulator, port):
        with start(port, asked()) as response:
            while b"TEXT_MESSAGE_CONTENT" not in response.readline():
                pass
        with emulator.raccoon() as client:
            [record] = client.sessions.list()
            session = client.session(record.session_id)

            def aborted() -> bool:
                turn = session.last_turn()
                return turn is not None and turn.status == "aborted"

            eventually(aborted, "the turn is stopped")


def test_what_is_no_run_is_refused() -> None:
    with talking(ASKS) as (emulator, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            with connection.getresponse() as response:
                assert response.status == 405
        with start(port, {}) as refused:
            assert refused.status == 400
            assert "`threadId` is missing" in json.loads(refused.read())["error"]
        assert emulator.requests() == []
        with pytest.raises(
            ConfigError, match=r"no asynchronous client, but Agi\. Pass an AsyncAgi"
        ):
            AgUi(emulator.agi())  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="`heartbeat` must be more than 0 seconds"):
            AgUi(emulator.async_agi(), heartbeat=0)


def test_the_guide_mounts_in_fastapi(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi import FastAPI

    guide = (ROOT / "docs" / "ag-ui.md").read_text(encoding="utf-8")
    block = re.search(r"^```python app\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert block is not None
    with Emulator(step_delay=0.0, scenario={"tasks": [{"steps": ASKS}]}) as emulator:
        monkeypatch.setenv("AGI_BASE_URL", emulator.url)
        monkeypatch.setenv("AGI_API_KEY", emulator.api_key)
        names: dict[str, Any] = {}
        exec(block[1], names)
        app = FastAPI()
        app.mount("/", names["agent"])
        with serving(app) as port:
            interrupt = interrupt_of(run(port, asked()))
            found = run(port, asked(**answered(interrupt, "blue")))
            assert found[-1]["result"] == "Bought the blue mug"

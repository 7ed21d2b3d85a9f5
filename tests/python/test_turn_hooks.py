"""`decode_frame` and `decode_answer` in Python; the shared cases are in test_turns.py."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest

from helpers import eventually, fail, fail_at_text, open_envelope
from sessionwire import (
    APIStatusError,
    AsyncRaccoon,
    ConfigError,
    Emulator,
    InvalidRequestError,
    Raccoon,
    StreamError,
    TaskTimeout,
)

STEPS = [{"thought": "hm"}, {"text": "a"}, {"text": "b"}, {"complete": True}]
SCENARIO = {"turns": [{"steps": STEPS, "once": False}]}
ENVELOPES: dict[str, Any] = {"dialect": {"envelope": "all"}, "scenario": SCENARIO}
KINDS = ["message.received", "thought", "text", "text", "task.completed"]


def open_frame(frame: Any) -> Any:
    return open_envelope(frame)


def open_answer(operation: str, status: int, body: Any) -> Any:
    return open_envelope(body)


HOOKS: dict[str, Any] = {"decode_frame": open_frame, "decode_answer": open_answer}


def hook_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sessionwire-hooks"]


def test_each_frame_comes_once_in_a_thread_of_the_clients_own() -> None:
    seen: list[Any] = []
    threads: set[str] = set()

    def note(frame: Any) -> Any:
        threads.add(threading.current_thread().name)
        seen.append(frame)
        return frame if isinstance(frame, dict) else None

    with Emulator(scenario=SCENARIO) as emulator:
        emulator.fail({"on": "socket", "insert": "no JSON", "insert_after": 1})
        with (
            emulator.raccoon(decode_frame=note) as client,
            client.session().start_turn("go") as turn,
        ):
            assert [event.kind for event in turn] == KINDS
            assert turn.result().text == "ab"
        ids = [frame.get("event_id", frame) if isinstance(frame, dict) else frame for frame in seen]
        assert ids == [{"type": "ack", "resume_from": "0-0"}, 1, "no JSON", 2, 3, 4, 5]
        assert threads == {"sessionwire-hooks"}


def test_g01_a_turn_that_a_hook_failed_on_goes_on_elsewhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Emulator(scenario=SCENARIO) as emulator, emulator.raccoon() as client:
        with emulator.raccoon(decode_frame=fail_at_text) as broken:
            turn = broken.session().start_turn("go")
            events: list[str] = []
            with pytest.raises(StreamError) as caught:
                for event in turn:
                    events.append(event.kind)
            error = caught.value
            assert events == KINDS[:2]
            assert (error.reason, error.session_id) == ("decode_frame", turn.session_id)
            assert error.message_id == turn.message_id
            assert "`decode_frame` failed: ValueError: no such frame" in str(error)
            history = broken.sessions.get(turn.session_id)
            assert [event["kind"] for event in history.messages[1].events] == KINDS
        rest = client.attach(turn.session_id, turn.message_id, turn.resume_point)
        assert [event.kind for event in rest] == KINDS[2:]
        assert rest.result().text == "ab"
    # Where it came from.
    assert any(record.exc_info for record in caplog.records if record.levelno == logging.ERROR)


def test_g03_a_start_that_a_hook_failed_on_may_run() -> None:
    with (
        Emulator(scenario=SCENARIO) as emulator,
        emulator.raccoon(decode_answer=fail) as client,
    ):
        session = client.session()
        with pytest.raises(APIStatusError) as caught:
            session.start_turn("go")
        error = caught.value
        assert (error.reason, error.maybe_delivered) == ("decode_answer", True)
        assert error.session_id == session.session_id
        assert "`decode_answer` failed: LookupError: no such response" in str(error)
        with emulator.raccoon() as other:
            assert len(other.sessions.get(session.session_id).messages) == 2


def test_in_asyncio() -> None:
    async def main() -> None:
        seen: list[tuple[str, int]] = []

        def note(operation: str, status: int, body: Any) -> Any:
            seen.append((operation, status))
            return open_envelope(body)

        async with (
            Emulator(**ENVELOPES) as emulator,
            emulator.async_raccoon(decode_frame=open_frame, decode_answer=note) as client,
        ):
            session = client.session()
            turns = await asyncio.gather(*(client.run_turn("go") for _ in range(5)))
            assert {turn.text for turn in turns} == {"ab"}
            async with session.start_turn("go") as turn:
                assert [event.kind async for event in turn] == KINDS
            seen.clear()
            await session.upload(b"x", name="a.txt")
            await session.rename("Digest")
            assert (await session.history()).session.title == "Digest"
            assert len([found async for found in client.sessions.list()]) == 6
            assert "envelope" in str((await client.request("GET", "/sessions")).body)
            assert (await session.delete()).deleted
        names = ["upload", "rename_session", "get_session", "list_sessions", "delete_session"]
        assert seen == [(name, 200) for name in names]

    asyncio.run(main())


def test_copies_and_pickled_clients_have_them() -> None:
    with (
        Emulator(**ENVELOPES) as emulator,
        emulator.raccoon(**HOOKS) as client,
        pickle.loads(pickle.dumps(client)) as again,
    ):
        for each in (client, client.with_options(timeout=30), again):
            assert each.run_turn("go").text == "ab"


async def later(*args: Any) -> Any:
    return args[-1]


class Later:
    async def __call__(self, *args: Any) -> Any:
        return args[-1]


@pytest.mark.parametrize("name", ["decode_frame", "decode_answer"])
@pytest.mark.parametrize("kind", [Raccoon, AsyncRaccoon])
def test_g08_what_cannot_be_called_is_refused(
    kind: type[Raccoon] | type[AsyncRaccoon], name: str
) -> None:
    for odd, why in (("x", "is not a function but str"), (later, "is a coroutine function")):
        with pytest.raises(ConfigError, match=f"{name} {why}"):
            kind(**{"api_key": "some-key", name: odd})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=f"{name} is a coroutine function"):
        kind(**{"api_key": "some-key", name: Later()})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a"}, "a value of type set"),
        ({1: 2}, "the key 1 of a dict is not a string"),
        ([], "a list"),
        ("x", "a text"),
        (float("nan"), "NaN is not a number"),
    ],
)
def test_what_is_no_frame_is_an_error(given: object, said: str) -> None:
    with (
        Emulator(scenario=SCENARIO) as emulator,
        emulator.raccoon(decode_frame=lambda frame: given) as client,
        pytest.raises(StreamError) as caught,
    ):
        client.run_turn("go")
    assert said in str(caught.value)
    assert "`decode_frame` gave" in str(caught.value)


def test_something_to_await_is_an_error() -> None:
    with (
        Emulator(scenario=SCENARIO) as emulator,
        emulator.raccoon(decode_frame=lambda frame: later(frame)) as client,
        pytest.raises(StreamError, match="gave something to await"),
    ):
        client.run_turn("go")


def test_a_hook_that_uses_its_client_is_told_so() -> None:
    with Emulator(scenario=SCENARIO) as emulator, emulator.raccoon() as other:

        def ask(frame: Any) -> Any:
            assert list(other.sessions.list())
            client.sessions.get("11111111-1111-4111-8111-111111111111")
            return frame

        with (
            emulator.raccoon(decode_frame=ask) as client,
            pytest.raises(StreamError) as caught,
        ):
            client.run_turn("go")
    assert InvalidRequestError.__name__ in str(caught.value)
    assert "cannot use their own client" in str(caught.value)


def test_the_thread_ends_with_its_client() -> None:
    others = set(hook_threads())
    with Emulator(scenario=SCENARIO) as emulator:
        client = emulator.raccoon(decode_frame=open_frame)
        assert client.run_turn("go").text == "ab"
        assert len(set(hook_threads()) - others) == 1
        client.close()
        del client
        # A client and what it offers refer to one another.
        gc.collect()
        eventually(lambda: not set(hook_threads()) - others, "the thread ends")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_process_has_a_thread_of_its_own() -> None:
    with Emulator(**ENVELOPES) as emulator:
        script = f"""
import json, os
from sessionwire import Raccoon

def opened(value):
    return json.loads(value["envelope"]) if "envelope" in value else value

client = Raccoon(
    base_url={emulator.raccoon_url!r}, api_key={emulator.api_key!r},
    decode_frame=opened, decode_answer=lambda operation, status, body: opened(body),
)
print(client.run_turn("go").text, flush=True)
if os.fork() == 0:
    print(client.run_turn("go").text, flush=True)
    os._exit(0)
assert os.wait()[1] == 0
print(client.run_turn("go").text, flush=True)
"""
        assert run(script).split() == ["ab", "ab", "ab"]


def test_a_hook_that_hangs_does_not_keep_the_process() -> None:
    with Emulator(scenario=SCENARIO) as emulator:
        script = f"""
import threading
from sessionwire import Raccoon, TaskTimeout

begun = threading.Event()

def hang(frame):
    begun.set()
    threading.Event().wait()

client = Raccoon(
    base_url={emulator.raccoon_url!r}, api_key={emulator.api_key!r}, decode_frame=hang
)
turn = client.session().start_turn("go")
begun.wait()
try:
    turn.result(timeout=0.1)
except TaskTimeout:
    print("late")
"""
        assert run(script) == "late\n"


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_values_cross_as_they_are() -> None:
    big = {"n": 2**62, "f": 0.1, "t": "\N{GRINNING FACE}"}
    seen: list[Any] = []

    def swap(frame: Any) -> Any:
        if frame.get("kind") == "text":
            seen.append(frame)
            return {**frame, "payload": {"text": json.dumps(big)}, "extra": big}
        return frame

    with (
        Emulator(scenario=SCENARIO) as emulator,
        emulator.raccoon(decode_frame=swap) as client,
        client.session().start_turn("go") as turn,
    ):
        texts = [event for event in turn if event.kind == "text"]
    assert json.loads(texts[0].text) == big
    assert json.loads(texts[0].raw)["extra"] == big
    assert [frame["payload"] for frame in seen] == [{"text": "a"}, {"text": "b"}]


def test_a_run_without_a_known_end_says_which_setting_names_it() -> None:
    steps = [{"text": "x"}, {"event": "finito", "payload": {}}, {"wait_for_stop": True}]
    with (
        Emulator(scenario={"turns": [{"steps": steps}]}) as emulator,
        emulator.raccoon() as client,
        pytest.raises(TaskTimeout, match=r'"finito".*`completed_kinds`'),
    ):
        client.run_turn("go", timeout=1)

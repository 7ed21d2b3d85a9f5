"""What a Raccoon client can be told of its service: names, frames, how many turns at once."""

from __future__ import annotations

import asyncio
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from sessionwire import (
    APITimeoutError,
    ConfigError,
    Emulator,
    InvalidRequestError,
    RateLimitError,
    TaskTimeout,
)

if TYPE_CHECKING:
    from sessionwire._raccoon.types import WireNames

SPOKEN = {
    "turns": [
        {"steps": [{"wait_for_message": True}, {"text": "{message}"}, {"wait_for_stop": True}]}
    ]
}


def other_words(frame: dict[str, Any]) -> dict[str, Any]:
    """The words of a service that differ from those assumed; the emulator knows both."""
    if frame["type"] == "message":
        return {"type": "user_message", "content": frame["text"].upper()}
    return {"type": "stop_task"}


def test_names_of_the_wire_can_be_set() -> None:
    wire: WireNames = {
        "prompt": ["task"],
        "sdk_version": "ace_version",
        "agent_message_id": ["answer_id"],
        "queue_position": "before",
        "sessions": ["rows"],
    }
    with Emulator(scenario=SPOKEN) as emulator, emulator.raccoon(wire=wire) as client:
        # What the service calls otherwise: the first turn's messages are these.
        answer = {"answer_id": "msg_a3", "before": 2}
        emulator.fail(on="start_turn", status=200, body=answer, after=True)
        # The first event ends the queueing: none comes before this is looked at.
        emulator.fail(on="socket", status=503, times=0)
        turn = client.session().start_turn("go", sdk_version="fast")
        assert (turn.message_id, turn.queue_position) == ("msg_a3", 2)
        emulator.clear_faults()
        [request] = emulator.requests("POST", "/sessions/new")
        body = json.loads(request.body)
        assert (body["task"], body["ace_version"], "prompt" in body) == ("go", "fast", False)
        assert turn.stop().confirmed
        emulator.fail(on="list", status=200, body={"rows": [{"sessionId": "one"}]})
        assert [session.session_id for session in client.sessions.list()] == ["one"]
    with pytest.raises(ConfigError, match="an empty name for `file_key`"):
        emulator.raccoon(wire={"file_key": ""})


def test_frames_can_be_written_in_another_way() -> None:
    with (
        Emulator(strict_frames=True, scenario=SPOKEN) as emulator,
        emulator.raccoon(encode_frame=other_words) as client,
        pickle.loads(pickle.dumps(client)) as again,
    ):
        for each in (client, client.with_options(timeout=30), again):
            with each.session().start_turn("go") as turn:
                turn.send_message("more")
                said = next(event for event in turn if event.kind == "text")
                assert said.text == "MORE"
                assert turn.stop().confirmed
            with each.session().start_turn("go") as turn:
                attached = each.attach(turn.session_id, turn.message_id)
                attached.send_message("from elsewhere")
                said = next(event for event in attached if event.kind == "text")
                assert said.text == "FROM ELSEWHERE"


def test_frames_can_be_written_in_another_way_in_asyncio() -> None:
    async def main() -> None:
        async with (
            Emulator(strict_frames=True, scenario=SPOKEN) as emulator,
            emulator.async_raccoon(encode_frame=other_words) as client,
            client.session().start_turn("go") as turn,
        ):
            await turn.send_message("more")
            async for event in turn:
                if event.kind == "text":
                    assert event.text == "MORE"
                    break
            assert (await turn.stop()).confirmed

    asyncio.run(main())


def test_a_run_that_takes_too_long_is_stopped_by_the_encoders_frame() -> None:
    sent: list[dict[str, Any]] = []

    def encode(frame: dict[str, Any]) -> dict[str, Any]:
        sent.append(frame)
        return {"type": "abort"}

    with Emulator(scenario=SPOKEN) as emulator, emulator.raccoon(encode_frame=encode) as client:
        session = client.session()
        with pytest.raises(TimeoutError):
            session.run_turn("go", timeout=0.2, stop_on_timeout=True)
        assert sent == [{"type": "stop"}]
        assert session.history().messages[-1].aborted


def test_an_encoder_that_gives_nothing_sends_nothing() -> None:
    with Emulator(scenario=SPOKEN) as emulator:
        with emulator.raccoon(encode_frame=lambda frame: None) as client:
            turn = client.session().start_turn("go")
            with pytest.raises(InvalidRequestError, match="gave None: nothing was sent"):
                turn.send_message("more")
            with pytest.raises(InvalidRequestError, match="`text` is empty"):
                turn.send_message("")
        with pytest.raises(ConfigError, match="encode_frame is not a function but str"):
            emulator.raccoon(encode_frame="stop")


SHORT = {
    "turns": [
        {"match": "wait", "steps": [{"wait_for_stop": True}]},
        {"steps": [{"text": "x"}, {"delay": 0.02}]},
    ]
}


def refusals(emulator: Emulator) -> int:
    return len(emulator.requests("POST", "/sessions/new", status=429))


@pytest.mark.parametrize("respects", [False, True])
def test_no_more_turns_at_once_than_the_service_allows(respects: bool) -> None:
    with (
        Emulator(max_turns=3, scenario=SHORT) as emulator,
        emulator.raccoon(respect_max_concurrent=respects, max_retries=0) as client,
        ThreadPoolExecutor(12) as pool,
    ):

        def run(number: int) -> bool:
            try:
                return client.run_turn(f"turn {number}").text == "x"
            except RateLimitError:
                return False

        outcomes = list(pool.map(run, range(12)))
        assert client.max_concurrent == 3
        assert all(outcomes) == respects
        assert (refusals(emulator) == 0) == respects


NOT_BEGUN = r"not known to run within 0\.1 s.*Look at the session's history"


def test_a_run_whose_time_is_up_before_its_turn_began_does_not_say_that_it_goes_on() -> None:
    with (
        Emulator(max_turns=1, scenario=SHORT) as emulator,
        emulator.raccoon(respect_max_concurrent=True) as client,
        client.session().start_turn("wait") as first,
    ):
        with pytest.raises(TaskTimeout, match=NOT_BEGUN) as caught:
            client.run_turn("second", timeout=0.1)
        assert caught.value.session_id
        assert len(emulator.requests("POST", "/sessions/new")) == 1
        assert first.stop().confirmed


def test_the_same_in_asyncio() -> None:
    async def main() -> None:
        async with (
            Emulator(max_turns=1, scenario=SHORT) as emulator,
            emulator.async_raccoon(respect_max_concurrent=True) as client,
            client.session().start_turn("wait") as first,
        ):
            with pytest.raises(TaskTimeout, match=NOT_BEGUN):
                await client.run_turn("second", timeout=0.1)
            assert len(emulator.requests("POST", "/sessions/new")) == 1
            assert (await first.stop()).confirmed

    asyncio.run(main())


def test_no_more_turns_at_once_than_the_service_allows_in_asyncio() -> None:
    async def main() -> None:
        async with (
            Emulator(max_turns=3, scenario=SHORT) as emulator,
            emulator.async_raccoon(respect_max_concurrent=True, max_retries=0) as client,
        ):
            results = await asyncio.gather(*(client.run_turn(f"turn {n}") for n in range(12)))
            assert [result.text for result in results] == ["x"] * 12
            assert refusals(emulator) == 0

    asyncio.run(main())


def test_a_turn_without_a_place_is_not_started() -> None:
    with (
        Emulator(max_turns=1, scenario=SHORT) as emulator,
        emulator.raccoon(respect_max_concurrent=True, wait_for_limit=0.05) as client,
    ):
        first = client.session().start_turn("wait")
        with pytest.raises(APITimeoutError, match="no place became free within 0.05 s") as late:
            client.session().start_turn("second")
        assert not late.value.maybe_delivered
        assert len(emulator.requests("POST", "/sessions/new")) == 1
        assert first.stop().confirmed
        assert client.run_turn("third").text == "x"

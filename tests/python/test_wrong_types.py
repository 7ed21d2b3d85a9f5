"""g08: a value of the wrong type is an error that names the parameter and what came."""

from __future__ import annotations

import asyncio
import math
import re
from typing import TYPE_CHECKING, Any

import pytest

from sessionwire import (
    Agi,
    AsyncAgi,
    AsyncRaccoon,
    ConfigError,
    Emulator,
    InvalidRequestError,
    QuestionEvent,
    QuestionPending,
    Raccoon,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sessionwire import Session

    Call = Callable[["Here"], object]


class Here:
    """What the calls are made on."""

    def __init__(self, emulator: Emulator, agi: Agi, raccoon: Raccoon, session: Session) -> None:
        self.emulator, self.agi, self.raccoon, self.session = emulator, agi, raccoon, session


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    with (
        Emulator() as emulator,
        emulator.agi() as agi,
        emulator.raccoon() as raccoon,
        agi.sessions.create() as session,
    ):
        yield Here(emulator, agi, raccoon, session)


X: Any = "x"
NONE: Any = None
FIVE: Any = 5
BYTES: Any = b"text"
NAN: Any = math.nan
REPAIRS: Any = {"repairs": 1}

# What is given, the kind of the error, and what it says.
CALLS: dict[str, tuple[Call, type[Exception], str]] = {
    "run_task": (
        lambda here: here.session.run_task(NONE),
        InvalidRequestError,
        "`message` must be a str, not None",
    ),
    "create": (
        lambda here: here.agi.sessions.create(NONE),
        InvalidRequestError,
        "`agent_name` must be a str, not None",
    ),
    "max_steps": (
        lambda here: here.agi.sessions.create(max_steps=X),
        InvalidRequestError,
        "`max_steps` must be an int or None, not str 'x'",
    ),
    "statuses": (
        lambda here: here.agi.sessions.cleanup(statuses=NONE),
        InvalidRequestError,
        "`statuses` must be a list of 'initializing' or 'ready'",
    ),
    "nan": (
        lambda here: here.agi.sessions.cleanup(older_than=NAN),
        InvalidRequestError,
        "`older_than` is nan, which is not a number that JSON has: pass a finite one",
    ),
    "endless_idle_timeout": (
        lambda here: here.session.start_task("x", idle_timeout=-math.inf),
        InvalidRequestError,
        "`idle_timeout` is -inf, which is not a number that JSON has: pass a finite one",
    ),
    "every": (
        lambda here: here.session.screenshots(every=X, directory="shots"),
        InvalidRequestError,
        "`every` must be a positive number of seconds, not 'x'",
    ),
    "repairs": (
        lambda here: here.agi.run_tasks(["x"], **REPAIRS),
        InvalidRequestError,
        "`repairs` is for `run_task`: here the session of a result is deleted by then",
    ),
    "client_timeout": (
        lambda here: Agi(api_key="k", timeout=X),
        ConfigError,
        "`timeout` must be a number, not str 'x'",
    ),
    "api_key": (
        lambda here: Agi(api_key=FIVE),
        ConfigError,
        "`api_key` must be a str or None, not int",
    ),
    "headers": (
        lambda here: Agi(api_key="k", headers=FIVE),
        ConfigError,
        "`headers` must be a dict",
    ),
    "with_options": (
        lambda here: here.agi.with_options(max_retries=X),
        ConfigError,
        "`max_retries` must be an int or None, not str 'x'",
    ),
    "timeout": (
        lambda here: here.session.run_task("x", timeout=X),
        InvalidRequestError,
        "`timeout` must be a number or None, not str 'x'",
    ),
    "start_url": (
        lambda here: here.session.send_message("x", start_url=FIVE),
        InvalidRequestError,
        "`start_url` must be a str or None, not int 5",
    ),
    "bytes": (
        lambda here: here.session.send_message(BYTES),
        InvalidRequestError,
        "`message` must be a str, not bytes b'text': decode it first, as in `value.decode()`",
    ),
    "delete": (
        lambda here: here.agi.sessions.delete(here.session),  # type: ignore[arg-type]
        InvalidRequestError,
        "`session_id` must be a str, not Session",
    ),
    "messages": (
        lambda here: here.session.messages(after_id=X),
        InvalidRequestError,
        "`after_id` must be an int, not str 'x'",
    ),
    "wait": (
        lambda here: here.session.wait(timeout=X),
        InvalidRequestError,
        "`timeout` must be a number or None, not str 'x'",
    ),
    "events": (
        lambda here: here.session.events(event_types=[FIVE]),
        InvalidRequestError,
        "`event_types` must be a list of",
    ),
    "events_none": (
        lambda here: here.session.events(event_types=FIVE),
        InvalidRequestError,
        "`event_types` must be a list of",
    ),
    "start_task": (
        lambda here: here.session.start_task("x", idle_timeout=X),
        InvalidRequestError,
        "`idle_timeout` must be a number, not str 'x'",
    ),
    "navigate": (
        lambda here: here.session.navigate(NONE),
        InvalidRequestError,
        "`url` must be a str, not None",
    ),
    "request": (
        lambda here: here.agi.request("GET", NONE),
        InvalidRequestError,
        "`path` must be a str, not None",
    ),
    "run_tasks": (
        lambda here: here.agi.run_tasks(NONE),
        InvalidRequestError,
        "`tasks` must be a list of a str or a BatchTask, not None",
    ),
    "history": (
        lambda here: here.raccoon.session().start_turn("go", history=X),
        InvalidRequestError,
        "`history` must be a list or None, not str 'x'",
    ),
    "client_run_task": (
        lambda here: here.agi.run_task(FIVE),
        InvalidRequestError,
        "`task` must be a str, not int 5",
    ),
    "cleanup": (
        lambda here: here.agi.sessions.cleanup(older_than=X),
        InvalidRequestError,
        "`older_than` must be a number or None, not str 'x'",
    ),
    "raccoon_session": (
        lambda here: here.raccoon.session(FIVE),
        InvalidRequestError,
        "`session_id` must be a str or a UUID or None, not int 5",
    ),
    "run_turn": (
        lambda here: here.raccoon.session().run_turn(NONE),
        InvalidRequestError,
        "`prompt` must be a str, not None",
    ),
    "emulator": (
        lambda here: Emulator(port=X),
        ConfigError,
        "`port` must be an int, not str 'x'",
    ),
    "fail": (
        lambda here: here.emulator.fail(FIVE),
        InvalidRequestError,
        "`fault` must be a str or a dict or None, not int 5",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_g08_a_wrong_type_names_its_parameter(here: Here, name: str) -> None:
    call, kind, text = CALLS[name]
    before = len(here.emulator.requests())
    with pytest.raises(kind, match=re.escape(text)):
        call(here)
    assert len(here.emulator.requests()) == before


def test_g08_asynchronous_calls_name_it_too(here: Here) -> None:
    async def main() -> None:
        async with AsyncAgi(base_url=here.emulator.url, api_key="k") as client:
            with pytest.raises(InvalidRequestError, match="`agent_name` must be a str, not None"):
                await client.sessions.create(NONE)
            session = client.sessions.attach("s1")
            with pytest.raises(InvalidRequestError, match="`message` must be a str, not None"):
                await session.run_task(NONE)
            with pytest.raises(InvalidRequestError, match="`timeout` must be a number or None"):
                await session.run_task("x", timeout=X)

    asyncio.run(main())


def test_a_question_without_a_session_gets_advice_that_works(here: Here) -> None:
    with pytest.raises(QuestionPending, match="Which colour") as caught:
        here.agi.run_task("Ask me for a colour: Which colour?")
    assert "pass `on_question`, or run the task in a session of your own" in str(caught.value)
    assert "task.answer" not in str(caught.value)
    (outcome,) = here.agi.run_tasks(["Ask me for a colour"])
    assert "pass `on_question`, or run the task in a session of your own" in str(outcome.error)


def test_a_question_is_its_text(here: Here) -> None:
    question = QuestionEvent(id=1, raw='{"text": "Which colour?", "message_id": 1}')
    assert str(question) == "Which colour?"
    assert repr(question) != str(question)


@pytest.mark.parametrize("option", ["api_key", "headers", "proxy"])
@pytest.mark.parametrize("client", [Agi, AsyncAgi, Raccoon, AsyncRaccoon])
def test_g07_a_wrong_value_of_what_may_hold_a_secret_is_not_shown(option: str, client: Any) -> None:
    for value in (b"s3cret", ["s3cret"], {"s3cret"}):
        with pytest.raises(ConfigError) as caught:
            client(**{"api_key": "k", option: value})
        assert f"`{option}`" in str(caught.value)
        assert "s3cret" not in str(caught.value)
        assert "s3cret" not in repr(caught.value.__cause__)

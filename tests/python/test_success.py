"""A success whose body cannot be read, and the names of errors."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from sessionwire import Emulator, SessionwireError
from test_contract import call, cases, check

BUSY: dict[str, Any] = {"tasks": [{"steps": [{"delay": 3600}], "once": False}]}


def prepare(case: dict[str, Any], emulator: Emulator) -> None:
    emulator.clear_requests()
    for fault in (case["fault"], *case.get("besides", [])):
        emulator.fail(**fault)


def turn_call(name: str, session: Any) -> Any:
    calls: dict[str, Any] = {
        "turn.start": lambda: session.start_turn("go"),
        "turn.rename": lambda: session.rename("title"),
        "turn.delete": session.delete,
        "turn.upload": lambda: session.upload(b"x"),
    }
    return calls[name]()


def check_result(case: dict[str, Any], outcome: Any) -> None:
    if "error" in case:
        assert isinstance(outcome, SessionwireError), outcome
        check(outcome, case["error"])
    elif isinstance(outcome, BaseException):
        raise outcome
    elif "says" in case:
        assert outcome.message == case["says"]


def check_sent(case: dict[str, Any], emulator: Emulator) -> None:
    effects = [request for request in emulator.requests() if request.method != "GET"]
    if "sent" in case:
        assert len(effects) == case["sent"], effects


def attempt(case: dict[str, Any], emulator: Emulator) -> Any:
    if case["call"].startswith("turn."):
        with emulator.raccoon() as turns:
            session: Any = turns.session()
            if case["call"] != "turn.start":
                # A session is there from its first turn on.
                session.start_turn("go").close()
            prepare(case, emulator)
            return turn_call(case["call"], session)
    with emulator.agi() as client:
        session = client.sessions.create()
        for earlier in case.get("before", ()):
            call(earlier, client, session)
        prepare(case, emulator)
        return call(case, client, session)


@pytest.mark.parametrize("case", cases("success.json"))
def test_g03_success(case: dict[str, Any]) -> None:
    with Emulator(step_delay=0.0, scenario=BUSY) as emulator:
        try:
            outcome = attempt(case, emulator)
        except SessionwireError as error:
            outcome = error
        check_result(case, outcome)
        check_sent(case, emulator)


async def attempt_async(case: dict[str, Any], emulator: Emulator) -> Any:
    if case["call"].startswith("turn."):
        async with emulator.async_raccoon() as turns:
            session: Any = turns.session()
            if case["call"] != "turn.start":
                await (await session.start_turn("go")).close()
            prepare(case, emulator)
            return await turn_call(case["call"], session)
    async with emulator.async_agi() as client:
        session = await client.sessions.create()
        for earlier in case.get("before", ()):
            await call(earlier, client, session)
        prepare(case, emulator)
        outcome = call(case, client, session)
        return await outcome if inspect.isawaitable(outcome) else outcome


@pytest.mark.parametrize("case", cases("success.json"))
def test_g03_success_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with Emulator(step_delay=0.0, scenario=BUSY) as emulator:
            try:
                outcome = await attempt_async(case, emulator)
            except SessionwireError as error:
                outcome = error
            check_result(case, outcome)
            check_sent(case, emulator)

    asyncio.run(main())

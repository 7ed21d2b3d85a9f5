"""The service's limits: as errors, and as waiting where the caller asked for it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from helpers import eventually
from sessionwire import Agi, APIConnectionError, Emulator, SessionwireError
from test_contract import cases, check

LIMIT = {"on": "create", "status": 429, "times": 0}
PATHS = {"create": "/v1/sessions", "list": "/v1/sessions", "message": "/v1/sessions/*/message"}


def call(case: dict[str, Any], client: Any, session: Any) -> Any:
    args = case.get("args", {})
    calls: dict[str, Any] = {
        "create": lambda: client.sessions.create(**args),
        "list": client.sessions.list,
        "message": lambda: session.send_message("hello"),
        "run_task": lambda: client.run_task("hello", **args),
    }
    return calls[case["call"]]()


def check_requests(case: dict[str, Any], emulator: Emulator) -> None:
    endpoint = case["faults"][0]["on"]
    method = "GET" if endpoint == "list" else "POST"
    assert len(emulator.requests(method, PATHS[endpoint])) == case["expect"]["requests"]


def user_messages(messages: Any) -> int:
    return sum(message.type == "USER" for message in messages.messages)


@pytest.mark.parametrize("case", cases("limits.json"))
def test_limits(case: dict[str, Any]) -> None:
    expect = case["expect"]
    with Emulator(step_delay=0.0) as emulator, emulator.agi(**case["client"]) as original:
        client = original.with_options(**case.get("with_options", {}))
        session = client.sessions.create()
        emulator.clear_requests()
        for fault in case["faults"]:
            emulator.fail(**fault)
        if "error" in expect:
            with pytest.raises(SessionwireError) as caught:
                call(case, client, session)
            check(caught.value, expect["error"])
        else:
            call(case, client, session)
        check_requests(case, emulator)
        if "user_messages" in expect:
            assert user_messages(session.messages()) == expect["user_messages"]


@pytest.mark.parametrize("case", cases("limits.json"))
def test_limits_async(case: dict[str, Any]) -> None:
    expect = case["expect"]

    async def main() -> None:
        async with (
            Emulator(step_delay=0.0) as emulator,
            emulator.async_agi(**case["client"]) as original,
        ):
            client = original.with_options(**case.get("with_options", {}))
            session = await client.sessions.create()
            emulator.clear_requests()
            for fault in case["faults"]:
                emulator.fail(**fault)
            if "error" in expect:
                with pytest.raises(SessionwireError) as caught:
                    await call(case, client, session)
                check(caught.value, expect["error"])
            else:
                await call(case, client, session)
            check_requests(case, emulator)
            if "user_messages" in expect:
                assert user_messages(await session.messages()) == expect["user_messages"]

    asyncio.run(main())


def test_a_session_that_is_deleted_makes_room() -> None:
    with Emulator(session_limit=1) as emulator, emulator.agi(wait_for_limit=30) as client:
        first = client.sessions.create()
        refused: list[Any] = []
        waiting = threading.Thread(target=lambda: refused.append(client.sessions.create()))
        waiting.start()
        eventually(lambda: emulator.requests("POST", status=503), "a refused create")
        first.delete()
        waiting.join(30)
        assert refused[0].session_id != first.session_id


def test_closing_the_client_ends_the_wait(emulator: Emulator) -> None:
    client = emulator.agi(wait_for_limit=50, max_retries=0)
    emulator.fail(**LIMIT, headers={"Retry-After": "40"})
    failures: list[BaseException] = []

    def create() -> None:
        try:
            client.sessions.create()
        except SessionwireError as error:
            failures.append(error)

    waiting = threading.Thread(target=create)
    waiting.start()
    eventually(lambda: emulator.requests("POST", status=429), "a refused create")
    client.close()
    waiting.join(20)
    assert isinstance(failures[0], APIConnectionError)


def test_g06_a_cancelled_wait_leaves_the_client_usable(emulator: Emulator) -> None:
    async def main() -> None:
        async with emulator.async_agi(wait_for_limit=50) as client:
            emulator.fail(**LIMIT, headers={"Retry-After": "40"})
            creating = asyncio.ensure_future(client.sessions.create().__aenter__())
            await emulator.async_wait_for_request("POST", status=429)
            creating.cancel()
            with pytest.raises(asyncio.CancelledError):
                await creating
            emulator.clear_faults()
            async with await client.sessions.create():
                assert len(emulator.requests("POST", "/v1/sessions")) == 2

    asyncio.run(main())


def test_pickling_keeps_the_option(emulator: Emulator) -> None:
    import pickle

    with emulator.agi(wait_for_limit=12.5) as client:
        copy: Agi = pickle.loads(pickle.dumps(client))
        assert copy.__getstate__()["wait_for_limit"] == 12.5
        copy.close()

"""Responses and streams that are made to harm."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sessionwire import Agi, AsyncAgi, AsyncRaccoon, Emulator, Raccoon, SessionwireError
from test_contract import cases, check

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SERVICE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/sessionwire-hostile"
STREAMS = json.loads((ROOT / "tests/contract/hostile.json").read_text())["streams"]


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of the hostile service."""
    assert SERVICE.exists(), (
        f"{SERVICE} is missing. Build it with `make chaos-dev`, then try again."
    )
    with subprocess.Popen(
        [SERVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


def options(case: dict[str, Any], service: str) -> dict[str, Any]:
    given = {"base_url": f"{service}/{case['response']}", "api_key": "some-key", "max_retries": 0}
    return {**given, **case.get("client", {})}


def call(name: str, client: Any) -> Any:
    """Makes a case's call; the caller awaits what is awaitable."""
    if name.startswith("raccoon_"):
        session = client.session()
        turn_calls: dict[str, Any] = {
            "raccoon_list": client.sessions.list,
            "raccoon_get": lambda: client.sessions.get(session.session_id),
            "raccoon_upload": lambda: session.upload(b"x", key="x"),
            "raccoon_turn": lambda: session.start_turn("go"),
        }
        return turn_calls[name]()
    session = client.sessions.attach("s")
    calls: dict[str, Any] = {
        "list": client.sessions.list,
        "create": client.sessions.create,
        "message": lambda: session.send_message("hello"),
        "messages": session.messages,
        "screenshot": session.screenshot,
        "request": lambda: client.request("GET", "/sessions"),
        "events": session.events,
    }
    return calls[name]()


@pytest.mark.parametrize("case", cases("hostile.json"))
def test_g10_a_response_is_read_up_to_a_cap(case: dict[str, Any], service: str) -> None:
    kind = Raccoon if case["call"].startswith("raccoon_") else Agi
    with kind(**options(case, service)) as client, pytest.raises(SessionwireError) as caught:
        outcome = call(case["call"], client)
        if case["call"] in ("events", "raccoon_list"):
            next(iter(outcome))
    check(caught.value, case["error"])


@pytest.mark.parametrize("case", cases("hostile.json"))
def test_g10_a_response_is_read_up_to_a_cap_async(case: dict[str, Any], service: str) -> None:
    kind = AsyncRaccoon if case["call"].startswith("raccoon_") else AsyncAgi

    async def main() -> None:
        async with kind(**options(case, service)) as client:
            with pytest.raises(SessionwireError) as caught:
                outcome = call(case["call"], client)
                if case["call"] in ("events", "raccoon_list"):
                    await anext(aiter(outcome))
                else:
                    await outcome
            check(caught.value, case["error"])

    asyncio.run(main())


def expected(case: dict[str, Any]) -> list[int]:
    return [*(number * 2 for number in range(1, case["small_gaps"] + 1)), 1 << 62]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in STREAMS])
def test_g10_other_calls_keep_their_deadlines(case: dict[str, Any], service: str) -> None:
    ids: list[int] = []

    def read() -> None:
        with (
            Agi(**options(case, service)) as client,
            client.sessions.attach("s").events() as stream,
        ):
            for event in stream:
                ids.append(event.id or 0)
                if len(ids) > case["small_gaps"]:
                    return

    reader = threading.Thread(target=read, daemon=True)
    with Emulator() as emulator, emulator.agi(timeout=10) as other:
        reader.start()
        for _ in range(20):
            other.sessions.list()
    reader.join(60)
    assert sorted(ids) == expected(case)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in STREAMS])
def test_g10_other_calls_keep_their_deadlines_async(case: dict[str, Any], service: str) -> None:
    async def read() -> list[int]:
        ids: list[int] = []
        async with (
            AsyncAgi(**options(case, service)) as client,
            client.sessions.attach("s").events() as stream,
        ):
            async for event in stream:
                ids.append(event.id or 0)
                if len(ids) > case["small_gaps"]:
                    break
        return ids

    async def main() -> list[int]:
        async with Emulator() as emulator, emulator.async_agi(timeout=10) as other:
            reading = asyncio.create_task(read())
            for _ in range(20):
                await other.sessions.list()
            return await asyncio.wait_for(reading, 60)

    assert sorted(asyncio.run(main())) == expected(case)

"""The main job, end to end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from helpers import script
from sessionwire import Agi, AsyncAgi, Emulator

if TYPE_CHECKING:
    import pytest

FLIGHTS = script(
    {"thought": "Looking at the morning"},
    {"question": "Morning or evening?"},
    {"step": "Searching {answer} flights", "action": "search"},
    {"done": {"summary": "3 flights", "offers": [{"price": 41.5}]}},
)
EXPECTED_TYPES = ["thought", "question", "step", "done"]


def test_sync(emulator: Emulator) -> None:
    emulator.scenario(FLIGHTS)
    seen: list[str] = []
    with Agi(base_url=emulator.url, api_key=emulator.api_key) as client:
        with client.sessions.create("agi-0") as session:
            result = session.run_task(
                "Find three flights",
                on_question=lambda question: "morning",
                on_event=lambda event: seen.append(event.type),
                timeout=30,
            )
        assert result.text == "3 flights"
        assert result.data == {"summary": "3 flights", "offers": [{"price": 41.5}]}
        assert result.session_id == session.session_id
        assert [message.type for message in result.messages][-1] == "DONE"
        assert result.duration > 0
        assert seen == EXPECTED_TYPES
        assert client.sessions.list() == []


def test_async(emulator: Emulator) -> None:
    emulator.scenario(FLIGHTS)

    async def main() -> None:
        seen: list[str] = []

        async def on_question(question: object) -> str:
            await asyncio.sleep(0)
            return "morning"

        async with (
            AsyncAgi(base_url=emulator.url, api_key=emulator.api_key) as client,
            await client.sessions.create() as session,
        ):
            result = await session.run_task(
                "Find three flights",
                on_question=on_question,
                on_event=lambda event: seen.append(event.type),
                timeout=30,
            )
            assert result.text == "3 flights"
            assert seen == EXPECTED_TYPES
        assert emulator.session_count == 0

    asyncio.run(main())


def test_async_create_is_a_context_manager_too(emulator: Emulator) -> None:
    async def main() -> None:
        async with emulator.async_agi() as client, client.sessions.create() as session:
            assert (await client.sessions.get(session.session_id)).agent_name == "agi-0"
            assert client.sessions.attach(session.session_id).session_id == session.session_id
        assert emulator.session_count == 0

    asyncio.run(main())


def test_task_handle(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(FLIGHTS)
    with (
        client.sessions.create() as session,
        session.start_task("Book a table for two") as task,
    ):
        texts = []
        for event in task:
            texts.append(event.text)
            if event.type == "question":
                assert task.question == event
                task.answer("evening")
        assert texts[2] == "Searching evening flights"
        assert task.question is None
        assert task.result().text == "3 flights"
        assert task.status() == "finished"


def test_async_task_handle(emulator: Emulator) -> None:
    emulator.scenario(FLIGHTS)

    async def main() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            async with session.start_task("Book a table for two") as task:
                types = []
                async for event in task:
                    types.append(event.type)
                    if event.type == "question":
                        await task.answer("evening")
                assert types == EXPECTED_TYPES
                assert (await task.result()).text == "3 flights"
            other = await session.start_task("Another")
            assert other.session_id == session.session_id
            await other.cancel()

    asyncio.run(main())


def test_one_call(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script({"done": "Hello"}))
    result = client.run_task("Say hello", agent_name="agi-0-fast", goal="politeness")
    assert result.data == "Hello"
    create = emulator.requests()[0]
    assert create.json() == {"agent_name": "agi-0-fast", "goal": "politeness"}
    assert emulator.session_count == 0


def test_the_environment_configures_the_client(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGI_API_KEY", "key-from-env")
    monkeypatch.setenv("AGI_BASE_URL", emulator.url)
    with Agi() as client:
        assert client.sessions.list() == []
        assert client.base_url == f"{emulator.url}/v1"

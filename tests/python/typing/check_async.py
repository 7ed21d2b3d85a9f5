"""What a type checker must see in asynchronous code. Checked, never run."""

from __future__ import annotations

import asyncio
from typing import assert_type

from sessionwire import (
    AgentFile,
    AgentTask,
    AgentTurn,
    AsyncAgent,
    AsyncAgi,
    AsyncEventStream,
    AsyncSession,
    AsyncTask,
    AsyncTurnAgent,
    CapturedRequest,
    DeleteResult,
    DoneEvent,
    Emulator,
    Message,
    QuestionEvent,
    SuccessResult,
    TaskResult,
)


async def clients() -> None:
    async with AsyncAgi() as client, await client.sessions.create() as session:
        assert_type(client, AsyncAgi)
        assert_type(session, AsyncSession)
        assert_type(await client.models("cdp"), list[str])
        assert_type(await client.run_task("x", agent_name="agi-0-fast"), TaskResult[None])
        assert_type(await client.sessions.list(), list[AsyncSession])
        assert_type(client.sessions.attach("s"), AsyncSession)
        assert_type(await client.sessions.delete_all(), DeleteResult)
    async with client.sessions.create() as session:
        assert_type(session, AsyncSession)
    assert_type(await client.sessions.create(), AsyncSession)


async def tasks(session: AsyncSession) -> None:
    async def answer(question: QuestionEvent) -> str | None:
        return question.text

    def sync_answer(question: QuestionEvent) -> str:
        return question.text

    assert_type(await session.run_task("x", on_question=answer), TaskResult[None])
    assert_type(
        await session.run_task("x", on_question=sync_answer, on_event=print), TaskResult[None]
    )
    assert_type((await session.run_task("x", output=Message, repairs=1)).output, Message)
    results = await asyncio.gather(
        session.run_task("x"), asyncio.to_thread(len, "x"), session.run_task("x", output=Message)
    )
    assert_type(results, tuple[TaskResult[None], int, TaskResult[Message]])
    assert_type(await session.start_task("x"), AsyncTask)
    async with session.start_task("x") as task:
        assert_type(task, AsyncTask)
        async for event in task:
            if event.type == "done":
                assert_type(event, DoneEvent)
        assert_type(await task.answer("x"), SuccessResult)
        assert_type(await task.result(), TaskResult)
    async for message in session.follow_messages():
        assert_type(message, Message)
    async with session.paused() as paused:
        assert_type(paused, AsyncSession)
    stream = session.events()
    assert_type(stream, AsyncEventStream)
    async with stream:
        event = await anext(stream)
        assert_type(event.id, int | None)


async def emulators() -> None:
    async with Emulator() as emulator, emulator.async_agi() as client:
        assert_type(emulator, Emulator)
        assert_type(await emulator.async_wait_for_request("GET", timeout=1), CapturedRequest)
        assert_type(client, AsyncAgi)


async def an_agent_of_ones_own() -> None:
    async def own(task: AgentTask, agent: AsyncAgent) -> None:
        await agent.think(task.text)
        assert_type(await agent.ask("Which?"), str)
        assert_type(agent.over, str | None)
        await agent.done({"text": await agent.wait_for_message()})

    async def turns(turn: AgentTurn, agent: AsyncTurnAgent) -> str | None:
        assert_type(await agent.read_file(turn.files[0]["key"]), AgentFile | None)
        assert_type(await agent.start_tool("shell"), str)
        await agent.plan(["Read", {"content": turn.prompt, "status": "active"}])
        return await agent.wait_for_message()

    async with Emulator(turn_agent=turns) as emulator:
        emulator.turn_agent(turns)
        emulator.turn_agent(None)
    async with Emulator(agent=own) as emulator:
        emulator.agent(own)

"""An agent of one's own: a Python function behind the real wire."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest
import trio

from helpers import eventually, script
from sessionwire import (
    Agent,
    AgentTask,
    Agi,
    AsyncAgent,
    ConfigError,
    Emulator,
    InvalidRequestError,
    TaskError,
    TaskOver,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def waiting(session: Any) -> bool:
    return str(session.execution_status()) == "waiting_for_input"


def answered(question: Any) -> str:
    return "blue"


def tour(task: AgentTask, agent: Agent) -> dict[str, Any]:
    agent.think(f"{task.text} for {task.agent_name}")
    agent.step("Open", url=task.start_url, action="click")
    agent.log(task.extra["goal"])
    colour = agent.ask("Which colour?")
    return {"summary": f"A {colour} mug", "session": task.session_id}


async def async_tour(task: AgentTask, agent: AsyncAgent) -> dict[str, Any]:
    await agent.think(f"{task.text} for {task.agent_name}")
    await agent.step("Open", url=task.start_url, action="click")
    await agent.log(task.extra["goal"])
    colour = await agent.ask("Which colour?")
    return {"summary": f"A {colour} mug", "session": task.session_id}


class AgentObject:
    async def __call__(self, task: AgentTask, agent: AsyncAgent) -> dict[str, Any]:
        return await async_tour(task, agent)


@pytest.mark.parametrize(
    "agent", [tour, async_tour, AgentObject()], ids=["plain", "async", "object"]
)
def test_what_it_does_goes_over_the_wire(agent: Any) -> None:
    with (
        Emulator(agent=agent) as emulator,
        emulator.agi() as client,
        client.sessions.create("agi-0-fast", goal="a mug") as session,
    ):
        start = "http://shop.example/"
        with session.start_task("Buy", start_url=start) as task:
            seen = []
            for event in task:
                seen.append((event.type, event.text))
                if event.type == "step":
                    assert (event.data["url"], event.data["action"]) == (start, "click")
                if event.type == "question":
                    task.answer("blue")
            assert task.result().data == {
                "summary": "A blue mug",
                "session": session.session_id,
            }
    assert seen == [
        ("thought", "Buy for agi-0-fast"),
        ("step", "Open"),
        ("log", "a mug"),
        ("question", "Which colour?"),
        ("done", "A blue mug"),
    ]


def test_an_async_agent_runs_on_the_loop_of_its_emulator() -> None:
    async def main() -> None:
        here = asyncio.get_running_loop()

        async def agent(task: AgentTask, agent: AsyncAgent) -> None:
            assert asyncio.get_running_loop() is here
            await agent.done(await agent.ask("And?"))

        async with Emulator(agent=agent) as emulator, emulator.async_agi() as client:
            result = await client.run_task("Go", on_question=lambda question: "here")
            assert result.text == "here"

    asyncio.run(main())


def test_an_async_agent_runs_under_trio() -> None:
    async def main() -> None:
        async def agent(task: AgentTask, agent: AsyncAgent) -> None:
            trio.lowlevel.current_task()
            await trio.sleep(0)
            await agent.done(await agent.ask("And?"))

        async with Emulator(agent=agent) as emulator, emulator.async_agi() as client:
            result = await client.run_task("Go", on_question=lambda question: "here")
            assert result.text == "here"

    trio.run(main)


def test_a_scenario_comes_first_then_the_function_then_the_built_in_agent() -> None:
    with (
        Emulator(agent=lambda task, agent: "by the function") as emulator,
        emulator.agi() as client,
    ):
        emulator.scenario({"tasks": [{"match": "script", "steps": [{"done": "scripted"}]}]})
        assert client.run_task("for the script").data == "scripted"
        assert client.run_task("for the agent").data == "by the function"
        emulator.agent(None)
        assert "summary" in client.run_task("for nobody").data
        emulator.agent(lambda task, agent: agent.done(["later"]))
        assert client.run_task("again").data == ["later"]


def boom(task: AgentTask, agent: Agent) -> None:
    raise LookupError("no such mug")


async def async_boom(task: AgentTask, agent: AsyncAgent) -> None:
    raise LookupError("no such mug")


@pytest.mark.parametrize("agent", [boom, async_boom])
def test_an_exception_ends_the_task_and_is_shown(
    agent: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with Emulator(agent=agent) as emulator, emulator.agi() as client:
        with pytest.raises(TaskError, match="LookupError: no such mug"):
            client.run_task("Go")
        eventually(lambda: caplog.text, "it is logged")
    [record] = caplog.records
    assert (record.name, record.levelno) == ("sessionwire", logging.ERROR)
    assert record.exc_info is not None
    assert "in boom" in caplog.text or "in async_boom" in caplog.text, "with its traceback"


def test_what_is_no_result_or_no_function_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    async def hidden() -> str:
        return "never"

    agents: list[tuple[Callable[..., Any], str]] = [
        (lambda task, agent: object(), "a value of type object is not accepted"),
        (lambda task, agent: hidden(), "declare it with `async def`"),
        (lambda task, agent: sys.exit("leaving"), "SystemExit: leaving"),
        (lambda task: None, "TypeError"),
    ]
    with Emulator() as emulator, emulator.agi() as client:
        for agent, text in agents:
            emulator.agent(agent)
            with pytest.raises(TaskError, match=text):
                client.run_task("Go")
        with pytest.raises(ConfigError, match="agent is not a function but str"):
            emulator.agent("agent")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="agent is not a function but int"):
        Emulator(agent=1)  # type: ignore[arg-type]


def test_bad_input_is_refused_at_the_call() -> None:
    def agent(task: AgentTask, agent: Agent) -> None:
        with pytest.raises(InvalidRequestError, match="not an http or https address"):
            agent.navigate("shop")
        with pytest.raises(InvalidRequestError, match="from 0 to 86400"):
            agent.sleep(-1)
        with pytest.raises(InvalidRequestError, match="expected a string"):
            agent.think(1)  # type: ignore[arg-type]
        agent.fail("sold out", status_code=410)
        with pytest.raises(TaskOver) as over:
            agent.done()
        assert over.value.reason == agent.over == "ended"

    with (
        Emulator(agent=agent) as emulator,
        emulator.agi() as client,
        client.sessions.create() as session,
    ):
        with session.start_task("Go") as task:
            [event] = [event for event in task if event.type == "error"]
        assert (event.error, event.status_code) == ("sold out", 410)


def test_messages_pages_and_waits() -> None:
    def agent(task: AgentTask, agent: Agent) -> None:
        page = agent.navigate(task.text)
        assert (page.url, page.problem) == (task.text, None)
        first = agent.wait_for_message()
        agent.think(first)
        assert agent.messages() == []
        agent.sleep(3600)
        agent.done(first)

    with (
        Emulator(agent=agent, clock="fast") as emulator,
        emulator.agi() as client,
        client.sessions.create() as session,
    ):
        with session.start_task(emulator.live_url) as task:
            session.send_message("quick")
            assert task.result().data == "quick"
        assert session.screenshot().url == emulator.live_url
        messages = session.messages().messages
        begin, end = messages[0].timestamp, messages[-1].timestamp
        assert begin is not None
        assert end is not None
        assert (end - begin).total_seconds() == 3600


def test_calls_wait_while_the_session_is_paused() -> None:
    go = threading.Event()
    said = threading.Event()

    def agent(task: AgentTask, agent: Agent) -> None:
        agent.think("before")
        go.wait()
        agent.think("after")
        said.set()
        agent.pause()

    with (
        Emulator(agent=agent) as emulator,
        emulator.agi() as client,
        client.sessions.create() as session,
        session.start_task("Go") as task,
    ):
        assert next(iter(task)).text == "before"
        session.pause()
        go.set()
        session.resume()
        assert said.wait(10)
        eventually(lambda: session.refresh().status == "paused", "it paused itself")
        session.resume()
        assert [event.type for event in task if event.type in ("thought", "done")] == [
            "thought",
            "done",
        ]


WAYS: dict[str, Callable[[Emulator, Any], Any]] = {
    "cancelled": lambda emulator, session: session.cancel(),
    "deleted": lambda emulator, session: session.delete(),
    "closed": lambda emulator, session: emulator.close(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_function_learns_that_its_task_is_over(way: str, kind: str) -> None:
    learned: list[tuple[str, str | None]] = []
    calls: list[Any] = []

    def plain(task: AgentTask, agent: Agent) -> None:
        calls.append(agent)
        try:
            agent.ask("Shall I?")
        except TaskOver as over:
            learned.append((str(over), over.reason))
            raise

    async def other(task: AgentTask, agent: AsyncAgent) -> None:
        calls.append(agent)
        try:
            await agent.ask("Shall I?")
        except TaskOver as over:
            learned.append((str(over), over.reason))
            raise

    with Emulator(agent=plain if kind == "plain" else other) as emulator, emulator.agi() as client:
        session = client.sessions.create()
        session.send_message("Go")
        eventually(lambda: waiting(session), "it asks")
        WAYS[way](emulator, session)
        eventually(lambda: learned, "it learns")
        [(text, reason)] = learned
        assert reason == way == calls[0].over
        assert "Stop working on" in text
        if way == "cancelled":
            assert [m.type for m in session.messages().messages][-1] == "LOG"
            assert session.run_task("Again", on_question=answered).text == "Task completed"


def test_asyncio_cancels_another_await() -> None:
    async def main() -> None:
        cancelled = asyncio.Event()
        begun = asyncio.Event()

        async def agent(task: AgentTask, agent: AsyncAgent) -> None:
            begun.set()
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        async with Emulator(agent=agent) as emulator, emulator.async_agi() as client:
            session = await client.sessions.create()
            await session.send_message("Go")
            await asyncio.wait_for(begun.wait(), 10)
            await session.cancel()
            await asyncio.wait_for(cancelled.wait(), 10)

    asyncio.run(main())


def test_a_question_that_is_given_up_is_withdrawn() -> None:
    async def agent(task: AgentTask, agent: AsyncAgent) -> list[str]:
        try:
            await asyncio.wait_for(agent.ask("Shall I?"), 0.05)
        except TimeoutError:
            return [await agent.wait_for_message()]
        raise AssertionError("nobody answers")

    with (
        Emulator(agent=agent) as emulator,
        emulator.agi() as client,
        client.sessions.create() as session,
        session.start_task("Go") as task,
    ):
        asked = next(event for event in task if event.type == "question")
        assert asked.text == "Shall I?"
        eventually(lambda: not waiting(session), "it is withdrawn")
        session.send_message("too late")
        assert task.result().data == ["too late"]


@pytest.mark.parametrize("agent", [tour, async_tour], ids=["plain", "async"])
def test_many_sessions_at_once(agent: Any) -> None:
    with Emulator(agent=agent) as emulator, emulator.agi() as client:
        sessions = [client.sessions.create(goal="g") for _ in range(40)]
        for session in sessions:
            session.send_message("Buy")
        for number, session in enumerate(sessions):
            eventually(lambda session=session: waiting(session), "it asks")  # type: ignore[misc]
            session.send_message(str(number))
        for number, session in enumerate(sessions):
            session.wait()
            done = session.messages().messages[-1].content
            assert done == {"summary": f"A {number} mug", "session": session.session_id}
        # Some are still at it when the emulator goes away.
        for session in sessions:
            session.send_message("Again")
        eventually(lambda: all(waiting(session) for session in sessions), "all ask")
    eventually(
        lambda: not any(t.name == "sessionwire-agent" for t in threading.enumerate()),
        "no thread is left",
    )


def test_an_emulator_that_is_dropped_takes_its_threads_along() -> None:
    def agent(task: AgentTask, agent: Agent) -> None:
        agent.ask("And?")

    emulator = Emulator(agent=agent)
    with emulator.agi() as client:
        session = client.sessions.create()
        session.send_message("Go")
        eventually(lambda: waiting(session), "it asks")
    gone = weakref.ref(emulator)
    del emulator
    gc.collect()
    assert gone() is None
    eventually(
        lambda: not any(t.name == "sessionwire-agent" for t in threading.enumerate()),
        "no thread is left",
    )


def test_a_loop_that_ends_fails_its_tasks() -> None:
    async def agent(task: AgentTask, agent: AsyncAgent) -> None:
        await agent.ask("And?")

    async def begin() -> tuple[Emulator, Agi, Any]:
        emulator = Emulator(agent=agent)
        client = emulator.agi()
        session = await asyncio.to_thread(client.sessions.create)
        await asyncio.to_thread(session.send_message, "Go")
        await asyncio.to_thread(eventually, lambda: waiting(session), "it asks")
        return emulator, client, session

    emulator, client, session = asyncio.run(begin())
    with emulator, client:
        assert str(session.wait()) == "error"
        with pytest.raises(TaskError, match="The agent went away before its work ended"):
            session.run_task("Is anybody there?")


def run(program: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.mark.parametrize(
    "function",
    [
        "def agent(task, agent): agent.ask('And?')",
        "async def agent(task, agent): await agent.ask('And?')",
    ],
    ids=["plain", "async"],
)
def test_a_process_ends_while_agents_wait(function: str) -> None:
    program = f"""
{function}

from sessionwire import Emulator
emulator = Emulator(agent=agent)
client = emulator.agi()
sessions = [client.sessions.create() for _ in range(5)]
for session in sessions:
    session.send_message("Go")
for session in sessions:
    while str(session.execution_status()) != "waiting_for_input": pass
"""
    for _ in range(5):
        begin = time.monotonic()
        done = run(program)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert time.monotonic() - begin < 30


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_does_not_hang() -> None:
    program = """
import os, sys
from sessionwire import Emulator, SessionwireError

def agent(task, agent):
    child = os.fork()
    if child == 0:
        try:
            agent.think("from the child")
        except SessionwireError as error:
            os._exit(0 if "forked" in str(error) else 3)
        os._exit(4)
    agent.done(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

emulator = Emulator(agent=agent)
with emulator.agi() as client:
    print(client.run_task("Fork").data)
    child = os.fork()
    if child == 0:
        # A child has an emulator and an agent of its own, and ends in its own way.
        with Emulator(agent=lambda task, agent: "anew") as own, own.agi() as mine:
            print(mine.run_task("Go").data, flush=True)
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
    print(client.run_task("Fork").data)
emulator.close()
"""
    done = run(program)
    assert (done.stderr, done.returncode) == ("", 0)
    assert sorted(done.stdout.split()) == ["0", "0", "anew"]


def test_the_plugin_takes_an_agent(agi_emulator: Emulator, agi_client: Agi) -> None:
    agi_emulator.agent(lambda task, agent: f"{task.text}!")
    assert agi_client.run_task("Go").text == "Go!"
    agi_emulator.scenario(script({"done": "scripted"}))
    assert agi_client.run_task("Go").text == "scripted"

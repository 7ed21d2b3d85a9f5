"""An agent of one's own for turns: a Python function behind the real WebSocket."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

from helpers import eventually
from sessionwire import (
    AgentFile,
    AgentTurn,
    AsyncTurnAgent,
    ConfigError,
    Emulator,
    InvalidRequestError,
    Raccoon,
    TaskError,
    TaskOver,
    TurnAgent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = b"blue mug 12.50\xff\n"


def tour(turn: AgentTurn, agent: TurnAgent) -> str:
    agent.plan(["Read", {"content": "Write", "status": "active", "id": "w"}])
    agent.think(f"{turn.prompt} in {turn.mode}")
    agent.think("One", block="deep", finalize=False)
    agent.think("One, two", block="deep")
    [sent] = turn.files
    file = agent.read_file(sent["key"])
    assert file == AgentFile(sent["key"], "a.bin", "text/plain", len(FILE), FILE)
    assert agent.read_file("elsewhere") is None
    agent.tool("browser", {"pages": 3})
    block = agent.start_tool("shell")
    agent.end_tool(block, "no such file", status="error")
    agent.snapshot(["out/a.md"], deleted=["old.md"])
    agent.event("task.phase", {"phase": "late"}, block_id="phase:1")
    agent.say("Said, ")
    agent.say(f"{turn.base_prompt}, {turn.sdk_version}, {turn.extra}", block="note")
    return ", returned"


async def async_tour(turn: AgentTurn, agent: AsyncTurnAgent) -> str:
    await agent.plan(["Read", {"content": "Write", "status": "active", "id": "w"}])
    await agent.think(f"{turn.prompt} in {turn.mode}")
    await agent.think("One", block="deep", finalize=False)
    await agent.think("One, two", block="deep")
    [sent] = turn.files
    file = await agent.read_file(sent["key"])
    assert file == AgentFile(sent["key"], "a.bin", "text/plain", len(FILE), FILE)
    assert await agent.read_file("elsewhere") is None
    await agent.tool("browser", {"pages": 3})
    block = await agent.start_tool("shell")
    await agent.end_tool(block, "no such file", status="error")
    await agent.snapshot(["out/a.md"], deleted=["old.md"])
    await agent.event("task.phase", {"phase": "late"}, block_id="phase:1")
    await agent.say("Said, ")
    await agent.say(f"{turn.base_prompt}, {turn.sdk_version}, {turn.extra}", block="note")
    return ", returned"


class AgentObject:
    async def __call__(self, turn: AgentTurn, agent: AsyncTurnAgent) -> str:
        return await async_tour(turn, agent)


@pytest.mark.parametrize(
    "agent", [tour, async_tour, AgentObject()], ids=["plain", "async", "object"]
)
def test_what_it_does_goes_over_the_wire(agent: Any) -> None:
    with Emulator(turn_agent=agent) as emulator, emulator.raccoon() as client:
        session = client.session()
        file = session.upload(FILE, name="a.bin", content_type="text/plain")
        with session.start_turn(
            "Look",
            mode="code",
            files=[file],
            base_prompt="be brief",
            sdk_version="fast",
            extra={"own": 1},
        ) as turn:
            seen = [(event.kind, event.block_id, event.text) for event in turn]
            result = turn.result()
    assert seen == [
        ("message.received", None, "Look"),
        ("plan.update", "plan:root", seen[1][2]),
        ("thought", "thought:1", "Look in code"),
        ("thought", "thought:deep", "One"),
        ("thought", "thought:deep", "One, two"),
        ("tool.start", "tool:browser:run-1", "browser"),
        ("tool.result", "tool:browser:run-1", seen[6][2]),
        ("tool.start", "tool:shell:run-2", "shell"),
        ("tool.result", "tool:shell:run-2", seen[8][2]),
        ("sandbox.snapshot", None, ""),
        ("task.phase", "phase:1", seen[10][2]),
        ("text", "text:answer", "Said, "),
        ("text", "text:note", "be brief, fast, {'own': 1}"),
        ("text", "text:answer", ", returned"),
        ("task.completed", None, ""),
    ]
    assert result.status == "completed"
    assert "Said, " in result.text
    assert "be brief, fast, {'own': 1}" in result.text
    assert [todo["id"] for todo in result.plan] == ["1", "w"]
    assert list(result.files) == ["out/a.md"]


def test_an_async_agent_runs_on_the_loop_of_its_emulator() -> None:
    async def main() -> None:
        here = asyncio.get_running_loop()

        async def agent(turn: AgentTurn, agent: AsyncTurnAgent) -> str:
            assert asyncio.get_running_loop() is here
            return await agent.wait_for_message()

        async with Emulator(turn_agent=agent) as emulator, emulator.async_raccoon() as client:
            turn = await client.session().start_turn("Go")
            await turn.send_message("here")
            assert (await turn.result()).text == "here"

    asyncio.run(main())


def test_an_async_agent_runs_under_trio() -> None:
    async def main() -> None:
        async def agent(turn: AgentTurn, agent: AsyncTurnAgent) -> str:
            trio.lowlevel.current_task()
            await trio.sleep(0)
            return await agent.wait_for_message()

        async with Emulator(turn_agent=agent) as emulator, emulator.async_raccoon() as client:
            turn = await client.session().start_turn("Go")
            await turn.send_message("here")
            assert (await turn.result()).text == "here"

    trio.run(main)


def test_tasks_and_turns_have_agents_of_their_own() -> None:
    with (
        Emulator(
            agent=lambda task, agent: f"task {task.text}",
            turn_agent=lambda turn, agent: f"turn {turn.prompt}",
        ) as emulator,
        emulator.agi() as agi,
        emulator.raccoon() as raccoon,
    ):
        assert agi.run_task("one").text == "task one"
        assert raccoon.run_turn("one").text == "turn one"
        emulator.scenario({"turns": [{"match": "script", "steps": [{"text": "scripted"}]}]})
        assert raccoon.run_turn("the script").text == "scripted"
        emulator.turn_agent(None)
        assert agi.run_task("two").text == "task two"
        assert "for nobody" in raccoon.run_turn("for nobody").text
        emulator.turn_agent(lambda turn, agent: agent.done("content only"))
        assert raccoon.run_turn("again").text == "content only"


def ends(turn: AgentTurn, agent: TurnAgent) -> None:
    if turn.prompt == "abort":
        agent.abort("Nothing to do")
    elif turn.prompt == "fail":
        agent.fail("sold out", code="gone")
    else:
        agent.event("task.error", {"message": "by an event"})
    with pytest.raises(TaskOver) as over:
        agent.done()
    assert over.value.reason == agent.over == "ended"
    assert "Make that the last call" in str(over.value)


def test_each_way_to_end_a_turn() -> None:
    with Emulator(turn_agent=ends) as emulator, emulator.raccoon() as client:
        aborted = client.run_turn("abort")
        assert (aborted.status, aborted.reason) == ("aborted", "Nothing to do")
        with pytest.raises(TaskError, match="sold out") as failed:
            client.run_turn("fail")
        assert failed.value.events[-1].data == {"message": "sold out", "code": "gone"}
        with pytest.raises(TaskError, match="by an event"):
            client.run_turn("event")


def boom(turn: AgentTurn, agent: TurnAgent) -> None:
    raise LookupError("no such mug")


async def async_boom(turn: AgentTurn, agent: AsyncTurnAgent) -> None:
    raise LookupError("no such mug")


@pytest.mark.parametrize("agent", [boom, async_boom])
def test_an_exception_ends_the_turn_and_is_shown(
    agent: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with Emulator(turn_agent=agent) as emulator, emulator.raccoon() as client:
        with pytest.raises(TaskError, match="LookupError: no such mug"):
            client.run_turn("Go")
        eventually(lambda: caplog.text, "it is logged")
    [record] = caplog.records
    assert (record.name, record.levelno) == ("sessionwire", logging.ERROR)
    assert "in boom" in caplog.text or "in async_boom" in caplog.text, "with its traceback"


def test_what_is_no_answer_or_no_function_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    with Emulator() as emulator, emulator.raccoon() as client:
        emulator.turn_agent(lambda turn, agent: {"summary": "no text"})  # type: ignore[arg-type]
        with pytest.raises(TaskError, match="value of type dict; give the text of the answer"):
            client.run_turn("Go")
        with pytest.raises(ConfigError, match="turn_agent is not a function but str.*the turn"):
            emulator.turn_agent("agent")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="turn_agent is not a function but int"):
        Emulator(turn_agent=1)  # type: ignore[arg-type]


def test_bad_input_is_refused_at_the_call() -> None:
    refused: list[str] = []

    def agent(turn: AgentTurn, agent: TurnAgent) -> None:
        calls: list[Callable[[], None]] = [
            lambda: agent.sleep(-1),
            lambda: agent.say(1),  # type: ignore[arg-type]
            lambda: agent.plan([{"content": "a", "status": "late"}]),
            lambda: agent.plan([{"status": "active"}]),
            lambda: agent.tool("x", object()),
        ]
        for call in calls:
            with pytest.raises(InvalidRequestError) as error:
                call()
            refused.append(str(error.value))

    with Emulator(turn_agent=agent) as emulator, emulator.raccoon() as client:
        client.run_turn("Go")
    for text, part in zip(
        refused,
        ["from 0 to 86400", "expected a string", "todos[0]", "needs `content`", "type object"],
        strict=True,
    ):
        assert part in text


def test_waits_take_no_time_on_the_fast_clock() -> None:
    def agent(turn: AgentTurn, agent: TurnAgent) -> str:
        agent.think("before")
        agent.sleep(7200)
        assert agent.messages() == []
        return "after"

    with (
        Emulator(turn_agent=agent, clock="fast") as emulator,
        emulator.raccoon() as client,
        client.session().start_turn("Go") as turn,
    ):
        at = {event.kind: event.timestamp for event in turn}
    began, ended = at["thought"], at["task.completed"]
    assert began is not None
    assert ended is not None
    assert ended - began == 7_200_000


WAYS: dict[str, Callable[[Emulator, Any], Any]] = {
    "stopped": lambda emulator, turn: turn.stop(),
    "deleted": lambda emulator, turn: emulator.raccoon().sessions.delete(turn.session_id),
    "closed": lambda emulator, turn: emulator.close(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_function_learns_that_its_turn_is_over(way: str, kind: str) -> None:
    learned: list[BaseException] = []
    agents: list[Any] = []

    def plain(turn: AgentTurn, agent: TurnAgent) -> None:
        agents.append(agent)
        try:
            agent.wait_for_message()
        except TaskOver as over:
            learned.append(over)
            raise

    async def other(turn: AgentTurn, agent: AsyncTurnAgent) -> None:
        agents.append(agent)
        try:
            await agent.wait_for_message()
        except (TaskOver, asyncio.CancelledError) as over:
            # Cancelled, if the turn was over before the wait began.
            learned.append(over)
            raise

    chosen = plain if kind == "plain" else other
    with Emulator(turn_agent=chosen) as emulator, emulator.raccoon() as client:
        turn = client.session().start_turn("Go")
        eventually(lambda: agents, "it has begun")
        eventually(lambda: emulator.requests("GET", "/ws/sessions/*", status=101), "it is heard")
        WAYS[way](emulator, turn)
        eventually(lambda: learned, "it learns")
        [over] = learned
        assert agents[0].over == way
        if isinstance(over, TaskOver):
            assert over.reason == way
            assert "Stop working on it" in str(over)
        if way != "closed":
            assert turn.result().status == "aborted"


def test_asyncio_cancels_another_await() -> None:
    async def main() -> None:
        cancelled = asyncio.Event()
        begun = asyncio.Event()

        async def agent(turn: AgentTurn, agent: AsyncTurnAgent) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        async with Emulator(turn_agent=agent) as emulator, emulator.async_raccoon() as client:
            turn = await client.session().start_turn("Go")
            await asyncio.wait_for(begun.wait(), 10)
            assert (await turn.stop()).confirmed
            await asyncio.wait_for(cancelled.wait(), 10)

    asyncio.run(main())


@pytest.mark.parametrize("agent", [tour, async_tour], ids=["plain", "async"])
def test_many_turns_at_once(agent: Any) -> None:
    def echo(turn: AgentTurn, agent: TurnAgent) -> str:
        return f"{turn.prompt} {agent.wait_for_message()}"

    async def async_echo(turn: AgentTurn, agent: AsyncTurnAgent) -> str:
        return f"{turn.prompt} {await agent.wait_for_message()}"

    chosen = echo if agent is tour else async_echo
    with Emulator(turn_agent=chosen, max_turns=40) as emulator, emulator.raccoon() as client:
        turns = [client.session().start_turn(f"turn {n}") for n in range(40)]
        for number, turn in enumerate(turns):
            turn.send_message(f"message {number}")
        texts = [turn.result().text for turn in turns]
        assert texts == [f"turn {n} message {n}" for n in range(40)]
    eventually(
        lambda: not any(t.name == "sessionwire-agent" for t in threading.enumerate()),
        "no thread is left",
    )


@pytest.mark.parametrize("kind", ["", "async "], ids=["plain", "async"])
def test_a_process_ends_while_agents_wait(kind: str) -> None:
    program = f"""
import threading
begun = threading.Semaphore(0)

{kind}def agent(turn, agent):
    begun.release()
    {"await " if kind else ""}agent.wait_for_message()

from sessionwire import Emulator
emulator = Emulator(turn_agent=agent)
client = emulator.raccoon()
turns = [client.session().start_turn("Go") for _ in range(5)]
for turn in turns:
    begun.acquire()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.agi_emulator(turn_agent=lambda turn, agent: f"{turn.prompt}!")
def test_the_plugin_takes_an_agent_for_turns(agi_emulator: Emulator) -> None:
    with Raccoon(base_url=agi_emulator.raccoon_url, api_key=agi_emulator.api_key) as client:
        assert client.run_turn("Go").text == "Go!"

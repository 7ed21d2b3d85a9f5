"""`as_tool()`: clients and sessions as functions that frameworks of agents take."""

from __future__ import annotations

import asyncio
import inspect
import threading
import typing
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from sessionwire import APIConnectionError, BadRequestError, InvalidRequestError

if TYPE_CHECKING:
    from sessionwire import Agi, Emulator

ASKS = {"tasks": [{"steps": [{"question": "Which colour?"}, {"done": "A {answer} mug"}]}]}


class Interrupt(Exception):
    """As LangGraph's: it leaves the function, which is called again with the answer at hand."""


def sent(emulator: Emulator) -> list[str]:
    found = emulator.requests("POST", "/v1/sessions/*/message")
    return [request.json()["message"] for request in found]


def test_it_reads_as_a_function_of_ones_own(client: Agi, emulator: Emulator) -> None:
    session = client.sessions.attach("s")
    asynchronous = emulator.async_agi().as_tool(name="browse", description="Browses.")
    for tool in (client.as_tool(), session.as_tool(), asynchronous):
        assert inspect.isfunction(tool)
        parameters = inspect.signature(tool).parameters
        assert list(parameters) == ["task", "start_url"]
        assert (parameters["task"].annotation, parameters["start_url"].default) == (str, None)
        assert typing.get_type_hints(tool)["return"] is str
        assert "Args:\n    task: What to do" in (tool.__doc__ or "")
    assert client.as_tool().__name__ == "run_browser_task"
    assert asynchronous.__name__ == "browse"
    assert str(asynchronous.__doc__).startswith("Browses.")
    assert inspect.iscoroutinefunction(asynchronous)
    assert not inspect.iscoroutinefunction(client.as_tool())


def test_a_round_of_a_client(client: Agi, emulator: Emulator) -> None:
    emulator.scenario(ASKS)
    assert client.as_tool(on_question=lambda _: "blue")("Buy a mug") == "A blue mug"
    told = client.as_tool()(task="Buy a mug", start_url="")
    assert told.startswith("The browser's agent asks: Which colour? Nobody answered")
    assert client.sessions.list() == []


def test_data_and_failures_are_texts(client: Agi, emulator: Emulator) -> None:
    tool = client.as_tool(timeout=60)
    emulator.scenario({"tasks": [{"steps": [{"done": {"summary": "ä", "price": 1}}]}]})
    assert tool("x") == '{"summary": "ä", "price": 1}'
    emulator.scenario({"tasks": [{"steps": [{"error": "The shop is closed"}]}]})
    assert tool("x") == "The task failed: The shop is closed"
    with client.sessions.create() as session:
        again = session.as_tool()
        assert again("x") == "The task failed: The shop is closed"
        emulator.scenario({"tasks": [{"steps": [{"done": "open"}]}]})
        assert again("y") == "open"
    emulator.close()
    with pytest.raises(APIConnectionError):
        tool("x")


def test_the_next_call_answers_in_a_session(client: Agi, emulator: Emulator) -> None:
    emulator.scenario(ASKS)
    with client.sessions.create() as session:
        tool = session.as_tool()
        asked = tool("Buy a mug")
        assert asked == (
            "The agent asks: Which colour? "
            "Call this tool with the answer as `task`; it then goes on."
        )
        assert tool("red") == "A red mug"
        assert "Which colour?" in tool("Buy another")
        assert tool("blue") == "A blue mug"
    assert sent(emulator) == ["Buy a mug", "red", "Buy another", "blue"]


def test_g03_an_interrupt_sends_the_task_once(client: Agi, emulator: Emulator) -> None:
    emulator.scenario(ASKS)
    answers: list[str] = []

    def ask(question: Any) -> str:
        if not answers:
            raise Interrupt(question.text)
        return answers.pop()

    with client.sessions.create() as session:
        tool = session.as_tool(on_question=ask)
        for _ in range(2):
            with pytest.raises(Interrupt, match="Which colour"):
                tool("Buy a mug")
        # Another task never gets this one's result.
        assert tool("Sell a mug").startswith("The browser is at work")
        answers.append("green")
        assert tool("Buy a mug") == "A green mug"
        answers.append("red")
        assert tool("Buy a mug") == "A red mug"
    assert sent(emulator) == ["Buy a mug", "green", "Buy a mug", "red"]


def test_g03_interrupts_that_are_counted_from_the_top(client: Agi, emulator: Emulator) -> None:
    """LangGraph gives the first answer to the first question of a call, and so on."""
    steps = [{"question": "Which colour?"}, {"question": "Which size?"}, {"done": "{answer}"}]
    emulator.scenario({"tasks": [{"steps": steps}]})
    answers: list[str] = []
    seen: list[str] = []

    def ask(question: Any) -> str:
        seen.append(question.text)
        if len(seen) > len(answers):
            raise Interrupt(question.text)
        return answers[len(seen) - 1]

    with client.sessions.create() as session:
        tool = session.as_tool(on_question=ask)
        for answer in ("red", "large"):
            with pytest.raises(Interrupt):
                tool("Buy a mug")
            answers.append(answer)
            seen.clear()
        assert tool("Buy a mug") == "large"
        assert seen == ["Which colour?", "Which size?"]
    assert sent(emulator) == ["Buy a mug", "red", "large"]


def test_it_is_the_same_in_asyncio(emulator: Emulator) -> None:
    emulator.scenario(ASKS)

    async def main() -> list[str]:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            tool = session.as_tool()
            told = [await tool("Buy a mug"), await tool("red")]

            async def answer(_: object) -> str:
                return "blue"

            one = client.as_tool(on_question=answer)
            return [*told, *await asyncio.gather(one("A mug"), one("A mug"))]

    assert asyncio.run(main())[1:] == ["A red mug", "A blue mug", "A blue mug"]


def test_a_call_that_is_late_can_be_waited_for(client: Agi, emulator: Emulator) -> None:
    emulator.scenario({"tasks": [{"steps": [{"wait_for_message": True}, {"done": "There"}]}]})
    with client.sessions.create() as session:
        tool = session.as_tool(timeout=0.2)
        assert tool("x").startswith("The task has not ended yet.")
        session.send_message("go")
        told = ""
        while told != "There":
            told = tool("x")
    assert sent(emulator) == ["x", "go"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "run task"}, "`name` is 'run task'"),
        ({"name": ""}, "`name` is ''"),
        ({"description": 3}, "`description` must be a text"),
        ({"on_question": "blue"}, "`on_question` must be a function"),
        ({"timeout": 0}, "`timeout`"),
    ],
)
def test_g08_bad_input(client: Agi, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        client.as_tool(**options)
    with pytest.raises(InvalidRequestError, match=says):
        client.sessions.attach("s").as_tool(**options)


def test_a_result_that_nobody_came_back_for_is_kept(client: Agi, emulator: Emulator) -> None:
    emulator.scenario(
        {"tasks": [{"once": False, "steps": [{"delay": 0.5}, {"done": "{task} done"}]}]}
    )
    with client.sessions.create() as session:
        tool = session.as_tool(timeout=0.1)
        assert "same task to wait" in tool("Buy a mug")
        session.wait()
        assert "same task to wait" in tool("Read the news")
        assert tool("Buy a mug") == "Buy a mug done"
    assert sent(emulator) == ["Buy a mug", "Read the news"]


def test_a_question_that_the_handler_left_open_waits_for_the_next_call(
    client: Agi, emulator: Emulator
) -> None:
    emulator.scenario(ASKS)
    with client.sessions.create() as session:
        tool = session.as_tool(on_question=lambda question: None)
        assert "Which colour" in tool("Buy a mug")
        # Asked again, and left open again: it says so instead of waiting for ever.
        assert "Which colour" in tool("Buy a mug")
        assert tool("green").startswith("A")


def test_two_calls_at_once_are_one(client: Agi, emulator: Emulator) -> None:
    emulator.scenario(ASKS)
    asked: list[str] = []
    inside, go = threading.Event(), threading.Event()

    def ask(question: Any) -> str:
        asked.append(question.text)
        inside.set()
        assert go.wait(60)
        return "green"

    with client.sessions.create() as session, ThreadPoolExecutor(1) as pool:
        tool = session.as_tool(on_question=ask)
        first = pool.submit(tool, "Buy a mug")
        assert inside.wait(60)
        assert tool("Buy a mug").startswith("The browser is at work")
        go.set()
        assert first.result(60).startswith("A")
    assert len(asked) == 1


def test_g03_a_call_that_is_cancelled_while_it_sends_sends_once(emulator: Emulator) -> None:
    emulator.scenario(ASKS)

    async def cancelled(tool: Any, text: str, requests: int) -> None:
        # Longer than anybody would look for a message that another process sent.
        emulator.fail(on="message", delay=1.2)
        call = asyncio.create_task(tool(text))
        while len(sent(emulator)) < requests:
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    async def main() -> list[str]:
        async with emulator.async_agi() as client, client.sessions.create() as session:
            tool = session.as_tool()
            await cancelled(tool, "Buy a mug", 1)
            told = [await tool("Buy a mug")]
            await cancelled(tool, "red", 2)
            told.append(await tool("red"))
            told.append(await tool("Buy a mug"))
            await cancelled(tool, "blue", 4)
            # Its answer has arrived by now: it is no task of its own.
            while await session.execution_status() != "finished":
                await asyncio.sleep(0)
            return [*told, await tool("blue")]

    told = asyncio.run(asyncio.wait_for(main(), 60))
    assert "Which colour?" in told[0]
    assert told[1] == "A red mug"
    assert "Which colour?" in told[2]
    assert told[3] == "A blue mug"
    assert sent(emulator) == ["Buy a mug", "red", "Buy a mug", "blue"]


def test_a_task_that_was_overtaken_before_it_was_sent_is_told(emulator: Emulator) -> None:
    emulator.scenario({"tasks": [{"once": False, "steps": [{"done": "{task} done"}]}]})

    async def main() -> list[str]:
        async with emulator.async_agi() as client, client.sessions.create() as session:
            tool = session.as_tool()
            # Refused for sure, and not looked at again by this call.
            emulator.fail(on="message", status=400)
            with pytest.raises(BadRequestError):
                await tool("Buy a mug")
            await session.run_task("Read the news")
            return [await tool("Buy a mug"), await tool("Buy a mug")]

    told = asyncio.run(main())
    assert "Nothing was sent. Call this tool again if the task is still wanted." in told[0]
    assert told[1] == "Buy a mug done"

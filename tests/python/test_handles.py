"""A task that outlives its process: its handle, in the cases of every language."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from helpers import eventually, script
from sessionwire import Emulator, SessionwireError
from test_contract import FOLDER, cases, check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

URL_SAFE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


async def settled(value: Any) -> Any:
    """What a call of either client gives."""
    return await value if inspect.isawaitable(value) else value


async def events_of(task: Any) -> AsyncIterator[Any]:
    """One loop over a task of either client."""
    if hasattr(task, "__aiter__"):
        async for event in task:
            yield event
    else:
        for event in task:
            yield event


def changed(handle: str, change: dict[str, Any]) -> str:
    if "text" in change:
        return str(change["text"]).replace("{handle}", handle)
    if "replace" in change:
        return handle.replace(*change["replace"])
    return handle[: -change["cut"]]


class Play:
    """One session of a case, with clients of either kind: of AGI."""

    #: What the emulator gets, and the clients are made with, blocking or not.
    agent: ClassVar = {"tasks": json.loads((FOLDER / "handles.json").read_text())["agent"]}
    clients_of = ("agi", "async_agi")
    #: The request that sends a task.
    sends = "/v1/sessions/*/message"

    def __init__(self, emulator: Emulator, open_client: Callable[[], Any]) -> None:
        self.emulator = emulator
        self.open_client = open_client
        self.clients = [open_client(), open_client()]
        self.task: Any = None
        self.open: list[Any] = []
        self.kept: dict[str, str] = {}

    async def begin(self) -> None:
        own, other = self.clients
        self.session = await settled(own.sessions.create())
        self.other = self.attach(other)

    def attach(self, client: Any) -> Any:
        return client.sessions.attach(self.session.session_id)

    def start(self, task: str) -> Any:
        return self.session.start_task(task)

    def run(self, session: Any, task: str) -> Any:
        return session.run_task(task)

    def prepare(self, step: dict[str, Any]) -> Any:
        options = {name: step[name] for name in ("start_url", "if_busy") if name in step}
        return self.session.prepare_task(step["task"], **options)

    async def wait(self) -> None:
        await settled(self.other.wait(poll_interval=0.005))

    def message(self, text: str) -> Any:
        return self.other.send_message(text)

    async def step(self, step: dict[str, Any]) -> None:
        error = step.get("error") or error_of(step.get("expect"))
        if error is None:
            await self.carry_out(step)
            return
        with pytest.raises(SessionwireError) as caught:
            await self.carry_out(step)
        check(caught.value, error)

    async def carry_out(self, step: dict[str, Any]) -> None:
        match step["do"]:
            case "start":
                self.follow(await settled(self.start(step["task"])))
            case "run":
                await settled(self.run(self.session, step["task"]))
            case "run_elsewhere":
                await settled(self.run(self.other, step["task"]))
            case "prepare":
                handle = await settled(self.prepare(step))
                assert set(handle) <= URL_SAFE
                self.kept[step["as"]] = handle
            case "keep":
                handle = self.task.handle()
                assert len(handle) <= 200
                assert set(handle) <= URL_SAFE
                self.kept[step["as"]] = handle
            case "resume":
                await self.resume(step)
            case "leave":
                await settled(self.task.close())
            case "read":
                await self.read(step["expect"])
            case "rest":
                texts = [event.text async for event in events_of(self.task)]
                assert [text for text in texts if text] == step["expect"]
            case "result":
                assert (await settled(self.task.result())).text == step.get("expect")
            case "question":
                question = self.task.question
                assert (question and question.text) == step["expect"]
            case "answer":
                await settled(self.task.answer(step["text"]))
            case "message":
                await settled(self.message(step["text"]))
            case "sent_was":
                assert {**self.sent()[-1].json(), **step["expect"]} == self.sent()[-1].json()
            case "wait":
                await self.wait()
            case "pause":
                await settled(self.other.pause())
            case "go_on":
                await settled(self.other.resume())
            case "cancel":
                await settled(self.other.cancel())
            case "delete":
                await settled(self.other.delete())
            case "fault":
                self.emulator.fail(**step["fault"])
            case other:
                raise AssertionError(other)

    async def resume(self, step: dict[str, Any]) -> None:
        client = self.clients[0]
        if not step.get("same"):
            client = self.open_client()
            self.clients.append(client)
        handle = changed(self.kept[step["handle"]], step.get("change", {"text": "{handle}"}))
        options = {"from_start": True} if step.get("from_start") else {}
        self.follow(await settled(client.resume(handle, **options)))
        # What follows is done by the client that has the task now.
        self.session = self.attach(client)

    async def read(self, expected: list[str]) -> None:
        texts: list[str] = []
        async for event in events_of(self.task):
            texts += [event.text] if event.text else []
            if len(texts) == len(expected):
                break
        assert texts == expected

    def follow(self, task: Any) -> None:
        self.task = task
        self.open.append(task)

    def sent(self) -> list[Any]:
        return self.emulator.requests("POST", self.sends)

    async def close(self) -> None:
        for one in [*self.open, *self.clients]:
            await settled(one.close())


def error_of(expect: Any) -> dict[str, Any] | None:
    return expect.get("error") if isinstance(expect, dict) else None


async def play(case: dict[str, Any], of: type[Play], *, waits: bool) -> None:
    options = case.get("emulator", {})
    with Emulator(step_delay=0.0, scenario=of.agent, **options) as emulator:
        played = of(emulator, getattr(emulator, of.clients_of[0 if waits else 1]))
        await played.begin()
        for step in case["play"]:
            await played.step(step)
        assert len(played.sent()) == case["sent"]
        await played.close()


@pytest.mark.parametrize("case", cases("handles.json"))
def test_g02_g03_handles(case: dict[str, Any]) -> None:
    asyncio.run(play(case, Play, waits=True))


@pytest.mark.parametrize("case", cases("handles.json"))
def test_g02_g03_handles_async(case: dict[str, Any]) -> None:
    asyncio.run(play(case, Play, waits=False))


def test_g02_a_question_that_is_replayed_while_it_is_answered_does_not_open_again(
    emulator: Emulator,
) -> None:
    steps = (
        {"thought": "Looking"},
        {"question": "Which colour?"},
        {"thought": "Paying", "after": 60},
    )
    emulator.scenario(script(*steps))
    with emulator.agi() as client, client.sessions.create() as session:
        with session.start_task("Buy the mug") as task:
            handle = task.handle()
            eventually(lambda: task.question, "the question is there")
        # The stream shows the question again while the answer is on its way.
        emulator.fail(on="message", delay=0.3)
        with client.resume(handle) as task:
            task.answer("blue")
            assert task.question is None
            sent = [
                r.json()["message"] for r in emulator.requests("POST", "/v1/sessions/*/message")
            ]
            assert sent == ["Buy the mug", "blue"]

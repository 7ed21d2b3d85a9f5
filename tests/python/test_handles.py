"""A task that outlives its process: its handle, in the cases of every language."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest

from sessionwire import Emulator, SessionwireError
from test_contract import FOLDER, cases, check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

AGENT = {"tasks": json.loads((FOLDER / "handles.json").read_text())["agent"]}
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
    """One session of a case, with clients of either kind."""

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
        self.other = other.sessions.attach(self.session.session_id)

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
                self.follow(await settled(self.session.start_task(step["task"])))
            case "run":
                await settled(self.session.run_task(step["task"]))
            case "run_elsewhere":
                await settled(self.other.run_task(step["task"]))
            case "prepare":
                options = {name: step[name] for name in ("start_url", "if_busy") if name in step}
                handle = await settled(self.session.prepare_task(step["task"], **options))
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
                await settled(self.other.send_message(step["text"]))
            case "message_was":
                assert self.sent()[-1].json() == step["expect"]
            case "wait":
                await settled(self.other.wait(poll_interval=0.005))
            case "pause":
                await settled(self.other.pause())
            case "go_on":
                await settled(self.other.resume())
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
        self.session = client.sessions.attach(self.session.session_id)

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
        return self.emulator.requests("POST", "/v1/sessions/*/message")

    async def close(self) -> None:
        for one in [*self.open, *self.clients]:
            await settled(one.close())


def error_of(expect: Any) -> dict[str, Any] | None:
    return expect.get("error") if isinstance(expect, dict) else None


async def play(case: dict[str, Any], kind: str) -> None:
    with Emulator(step_delay=0.0, scenario=AGENT) as emulator:
        played = Play(emulator, getattr(emulator, kind))
        await played.begin()
        for step in case["play"]:
            await played.step(step)
        assert len(played.sent()) == case["sent"]
        await played.close()


@pytest.mark.parametrize("case", cases("handles.json"))
def test_g02_g03_handles(case: dict[str, Any]) -> None:
    asyncio.run(play(case, "agi"))


@pytest.mark.parametrize("case", cases("handles.json"))
def test_g02_g03_handles_async(case: dict[str, Any]) -> None:
    asyncio.run(play(case, "async_agi"))

"""Loops over the events of one task or turn: one at a time, in the cases of every language."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import sessionwire
from sessionwire import AsyncTask, AsyncTurn, Emulator, InvalidRequestError, Task, TaskTimeout, Turn
from test_contract import cases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

BEGIN: list[dict[str, Any]] = [{"thought": "a"}, {"thought": "b"}]
REST: list[dict[str, Any]] = [{"wait_for_message": True}, {"thought": "c"}]
SCENARIO = {
    "tasks": [{"steps": [*BEGIN, *REST, {"done": "d"}]}],
    "turns": [{"steps": [{"wait_for_socket": True}, *BEGIN, *REST, {"complete": True}]}],
}


def emulator_of(case: dict[str, Any]) -> Emulator:
    emulator = Emulator(scenario=SCENARIO, step_delay=0.0)
    if "fault" in case:
        emulator.fail(case["fault"])
    return emulator


def check_refused(error: BaseException | None, case: dict[str, Any]) -> None:
    assert type(error) is InvalidRequestError, repr(error)
    assert f"events of this {case['of']}" in str(error)


class Play:
    """One handle of a case, the blocking way."""

    def __init__(self, case: dict[str, Any], handle: Task | Turn, pool: ThreadPoolExecutor) -> None:
        self.case, self.handle, self.pool = case, handle, pool
        self.loops: dict[str, Iterator[Any]] = {}
        self.waiting: dict[str, Future[str]] = {}

    def thought(self, loop: Iterator[Any]) -> str:
        text: str = next(event.text for event in loop if event.type == "thought")
        return text

    def step(self, step: dict[str, Any]) -> None:
        match step:
            case {"do": "go_on"}:
                self.handle.send_message("Go on")
                return
            case {"do": "close"}:
                self.handle.close()
                return
        name = step["loop"]
        loop = self.loops.setdefault(name, iter(self.handle))
        match step:
            case {"reads": texts}:
                assert [self.thought(loop) for _ in texts] == texts
            case {"rest": texts}:
                assert [event.text for event in loop if event.type == "thought"] == texts
            case {"refused": True}:
                for _ in range(2):
                    with pytest.raises(InvalidRequestError) as caught:
                        next(loop)
                    check_refused(caught.value, self.case)
            case {"fails": error}:
                with pytest.raises(getattr(sessionwire, error)):
                    list(loop)
            case {"waits": True}:
                self.waiting[name] = self.pool.submit(self.thought, loop)
            case {"waited": None}:
                check_refused(self.waiting[name].exception(10), self.case)
            case {"waited": text}:
                assert self.waiting[name].result(10) == text
            case other:
                raise AssertionError(other)


@pytest.mark.parametrize("case", cases("loops.json"))
def test_g01_loops(case: dict[str, Any]) -> None:
    with emulator_of(case) as emulator, ThreadPoolExecutor() as pool:
        if case["of"] == "task":
            with emulator.agi() as client, client.sessions.create().start_task("go") as task:
                play(Play(case, task, pool))
        else:
            with emulator.raccoon() as raccoon, raccoon.session().start_turn("go") as turn:
                play(Play(case, turn, pool))


def play(one: Play) -> None:
    for step in one.case["play"]:
        one.step(step)


class AsyncPlay:
    """The same, in an event loop."""

    def __init__(self, case: dict[str, Any], handle: AsyncTask | AsyncTurn) -> None:
        self.case, self.handle = case, handle
        self.loops: dict[str, AsyncIterator[Any]] = {}
        self.waiting: dict[str, asyncio.Future[str]] = {}

    async def thought(self, loop: AsyncIterator[Any]) -> str:
        async for event in loop:
            if event.type == "thought":
                text: str = event.text
                return text
        raise AssertionError("no more thoughts")

    async def step(self, step: dict[str, Any]) -> None:
        match step:
            case {"do": "go_on"}:
                await self.handle.send_message("Go on")
                return
            case {"do": "close"}:
                await self.handle.close()
                return
        name = step["loop"]
        loop = self.loops.setdefault(name, aiter(self.handle))
        match step:
            case {"reads": texts}:
                assert [await self.thought(loop) for _ in texts] == texts
            case {"rest": texts}:
                assert [event.text async for event in loop if event.type == "thought"] == texts
            case {"refused": True}:
                for _ in range(2):
                    with pytest.raises(InvalidRequestError) as caught:
                        await anext(loop)
                    check_refused(caught.value, self.case)
            case {"fails": error}:
                with pytest.raises(getattr(sessionwire, error)):
                    [event async for event in loop]
            case {"waits": True}:
                self.waiting[name] = asyncio.ensure_future(self.thought(loop))
                await asyncio.sleep(0)
            case {"waited": None}:
                await asyncio.wait([self.waiting[name]])
                check_refused(self.waiting[name].exception(), self.case)
            case {"waited": text}:
                assert await self.waiting[name] == text
            case other:
                raise AssertionError(other)


async def play_async(one: AsyncPlay) -> None:
    for step in one.case["play"]:
        await one.step(step)


@pytest.mark.parametrize("case", cases("loops.json"))
def test_g01_loops_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with emulator_of(case) as emulator:
            if case["of"] == "task":
                async with (
                    emulator.async_agi() as client,
                    (await client.sessions.create()).start_task("go") as task,
                ):
                    await play_async(AsyncPlay(case, task))
            else:
                async with (
                    emulator.async_raccoon() as raccoon,
                    raccoon.session().start_turn("go") as turn,
                ):
                    await play_async(AsyncPlay(case, turn))

    asyncio.run(main())


def test_loops_with_a_time_limit_are_loops_like_others() -> None:
    with Emulator(scenario=SCENARIO, step_delay=0.0) as emulator:
        client = emulator.agi()
        with client.sessions.create() as session:
            task = session.start_task("Read")
            first, second = task.events(timeout=60), task.events(timeout=60)
            assert next(event.text for event in first if event.type == "thought") == "a"
            assert next(event.text for event in second if event.type == "thought") == "b"
            with pytest.raises(InvalidRequestError, match="events of this task"):
                next(first)
            with pytest.raises(TaskTimeout):
                list(task.events(timeout=0.1))
            task.send_message("Go on")
            left = [event.text for event in task.events() if event.type == "thought"]
            assert left == ["c"]
            with pytest.raises(InvalidRequestError, match="events of this task"):
                next(task.events(timeout=60))


def test_loops_with_a_time_limit_are_loops_in_asyncio() -> None:
    async def main(emulator: Emulator) -> None:
        async with emulator.async_agi() as client, client.sessions.create() as session:
            task = await session.start_task("Read")
            first, second = task.events(timeout=60), task.events(timeout=60)
            await anext(first)
            await anext(second)
            with pytest.raises(InvalidRequestError, match="events of this task"):
                await anext(first)
            with pytest.raises(TaskTimeout):
                [event async for event in task.events(timeout=0.1)]

    with Emulator(scenario=SCENARIO, step_delay=0.0) as emulator:
        asyncio.run(asyncio.wait_for(main(emulator), 60))


@pytest.mark.parametrize("timeout", [0, -1, "1", True, float("nan")])
def test_g08_a_time_limit_of_no_use_is_refused_at_the_call(timeout: Any) -> None:
    with Emulator(scenario=SCENARIO, step_delay=0.0) as emulator:
        client = emulator.agi()
        with client.sessions.create() as session:
            task = session.start_task("Read")
            with pytest.raises(InvalidRequestError, match="`timeout` must be"):
                task.events(timeout=timeout)

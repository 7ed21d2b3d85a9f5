"""Whose task is it: a session takes one task at a time, in the cases of every language."""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

import pytest

from helpers import eventually
from sessionwire import ConflictError, Emulator, SessionwireError
from test_contract import FOLDER, cases, check

if TYPE_CHECKING:
    from sessionwire import Agi, Session

AGENT = {"tasks": json.loads((FOLDER / "busy.json").read_text())["agent"]}
REFUSED = {"error": {"name": "ConflictError", "code": "task_in_progress"}, "task": True}


class Interrupted(BaseException):
    """What ends a call in the middle, as Ctrl-C does."""


def options(step: dict[str, Any]) -> dict[str, Any]:
    names = ("if_busy", "timeout", "cancel_on_timeout")
    return {name: step[name] for name in names if name in step}


def looks(emulator: Emulator) -> int:
    return len(emulator.requests("GET", "/v1/sessions/*/messages"))


def check_failure(error: SessionwireError, expect: dict[str, Any]) -> Any:
    """Gives the task that the error carries."""
    assert "error" in expect, repr(error)
    check(error, expect["error"])
    if "question" in expect:
        question = getattr(error, "question", None)
        assert (None if question is None else question.text) == expect["question"]
    task = getattr(error, "task", None)
    if "task" in expect:
        assert (task is not None) is expect["task"]
    return task


def check_sent(case: dict[str, Any], emulator: Emulator) -> None:
    assert len(emulator.requests("POST", "/v1/sessions/*/message")) == case["sent"]
    if "reads" in case:
        assert looks(emulator) == case["reads"]


class Play:
    """One session of a case, the blocking way."""

    def __init__(self, emulator: Emulator, session: Session, other: Session) -> None:
        self.emulator = emulator
        self.session = session
        self.other = other
        self.task: Any = None
        self.open: list[Any] = []

    def step(self, step: dict[str, Any]) -> None:
        match step["do"]:
            case "run_task" | "start_task":
                self.call(step)
            case "together":
                self.together(step)
            case "run_alone":
                with self.emulator.agi() as client, pytest.raises(SessionwireError) as caught:
                    client.run_task(step["task"])
                check_failure(caught.value, step["expect"])
            case "leave":
                with self.session.start_task(step["task"]) as task:
                    next(iter(task))
            case "interrupt":
                self.interrupt(step["task"])
            case "elsewhere" if "cancel" in step:
                self.other.cancel()
            case "elsewhere":
                with self.other.start_task(step["task"]) as task:
                    next(iter(task))
            case "message":
                self.session.send_message(step["text"])
            case "messages":
                self.session.messages()
            case "wait":
                self.session.wait(poll_interval=0.005)
            case "cancel":
                self.session.cancel()
            case "pause":
                self.session.pause()
            case "fault":
                self.emulator.fail(**step["fault"])
            case "answer":
                self.task.answer(step["text"])
            case "steer":
                self.task.send_message(step["text"])
            case "result":
                assert self.task.result().text == step["expect"]
            case other:
                raise AssertionError(other)

    def call(self, step: dict[str, Any]) -> None:
        with ThreadPoolExecutor(1) as pool:
            before = looks(self.emulator)
            calling = pool.submit(self.outcome, step)
            if "meanwhile" in step:
                eventually(lambda: looks(self.emulator) > before, "it looked, and waits")
                self.other.send_message(step["meanwhile"])
            try:
                result = calling.result()
            except SessionwireError as error:
                self.task = check_failure(error, step["expect"])
            else:
                assert result == step["expect"].get("result")

    def outcome(self, step: dict[str, Any]) -> str | None:
        if step["do"] == "run_task":
            return self.session.run_task(step["task"], **options(step)).text
        task = self.session.start_task(step["task"], **options(step))
        self.open.append(task)
        return None if "started" in step["expect"] else task.result().text

    def interrupt(self, task: str) -> None:
        def stop(_: object) -> None:
            raise Interrupted

        with pytest.raises(Interrupted):
            self.session.run_task(task, on_event=stop)

    def together(self, step: dict[str, Any]) -> None:
        refused = 0
        with ThreadPoolExecutor(len(step["tasks"])) as pool:
            calls = {
                pool.submit(lambda task: self.session.run_task(task, **options(step)), task): task
                for task in step["tasks"]
            }
            for call in as_completed(calls):
                try:
                    assert call.result().text.startswith(calls[call])
                except ConflictError as error:
                    check_failure(error, REFUSED)
                    refused += 1
                    if refused == step["refused"]:
                        self.other.send_message(step["then"])
        assert refused == step["refused"]

    def close(self) -> None:
        for task in self.open:
            task.close()


@pytest.mark.parametrize("case", cases("busy.json"))
def test_g02_busy(case: dict[str, Any]) -> None:
    with (
        Emulator(step_delay=0.0, scenario=AGENT) as emulator,
        emulator.agi() as first,
        emulator.agi() as second,
    ):
        created = first.sessions.create()
        attached = second.sessions.attach(created.session_id)
        pair = (attached, created) if "attached" in case else (created, attached)
        play = Play(emulator, *pair)
        for step in case["play"]:
            play.step(step)
        check_sent(case, emulator)
        play.close()


class AsyncPlay:
    """The same in an event loop."""

    def __init__(self, emulator: Emulator, session: Any, other: Any) -> None:
        self.emulator = emulator
        self.session = session
        self.other = other
        self.task: Any = None
        self.open: list[Any] = []

    async def step(self, step: dict[str, Any]) -> None:
        match step["do"]:
            case "run_task" | "start_task":
                await self.call(step)
            case "together":
                await self.together(step)
            case "run_alone":
                async with self.emulator.async_agi() as client:
                    with pytest.raises(SessionwireError) as caught:
                        await client.run_task(step["task"])
                check_failure(caught.value, step["expect"])
            case "leave":
                async with self.session.start_task(step["task"]) as task:
                    await anext(aiter(task))
            case "interrupt":
                await self.interrupt(step["task"])
            case "elsewhere" if "cancel" in step:
                await self.other.cancel()
            case "elsewhere":
                async with self.other.start_task(step["task"]) as task:
                    await anext(aiter(task))
            case "message":
                await self.session.send_message(step["text"])
            case "messages":
                await self.session.messages()
            case "wait":
                await self.session.wait(poll_interval=0.005)
            case "cancel":
                await self.session.cancel()
            case "pause":
                await self.session.pause()
            case "fault":
                self.emulator.fail(**step["fault"])
            case "answer":
                await self.task.answer(step["text"])
            case "steer":
                await self.task.send_message(step["text"])
            case "result":
                assert (await self.task.result()).text == step["expect"]
            case other:
                raise AssertionError(other)

    async def call(self, step: dict[str, Any]) -> None:
        before = looks(self.emulator)
        calling = asyncio.ensure_future(self.outcome(step))
        if "meanwhile" in step:
            while looks(self.emulator) == before:
                # It looks, and waits.
                await asyncio.sleep(0.005)
            await self.other.send_message(step["meanwhile"])
        try:
            result = await calling
        except SessionwireError as error:
            self.task = check_failure(error, step["expect"])
        else:
            assert result == step["expect"].get("result")

    async def outcome(self, step: dict[str, Any]) -> str | None:
        if step["do"] == "run_task":
            result = await self.session.run_task(step["task"], **options(step))
            text: str = result.text
            return text
        task = await self.session.start_task(step["task"], **options(step))
        self.open.append(task)
        return None if "started" in step["expect"] else (await task.result()).text

    async def interrupt(self, task: str) -> None:
        at_work = asyncio.Event()
        call = asyncio.ensure_future(self.session.run_task(task, on_event=lambda _: at_work.set()))
        await at_work.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    async def together(self, step: dict[str, Any]) -> None:
        refused = 0

        async def run(task: str) -> None:
            nonlocal refused
            try:
                result = await self.session.run_task(task, **options(step))
                assert result.text.startswith(task)
            except ConflictError as error:
                check_failure(error, REFUSED)
                refused += 1
                if refused == step["refused"]:
                    await self.other.send_message(step["then"])

        await asyncio.gather(*map(run, step["tasks"]))
        assert refused == step["refused"]

    async def close(self) -> None:
        for task in self.open:
            await task.close()


@pytest.mark.parametrize("case", cases("busy.json"))
def test_g02_busy_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with (
            Emulator(step_delay=0.0, scenario=AGENT) as emulator,
            emulator.async_agi() as first,
            emulator.async_agi() as second,
        ):
            created = await first.sessions.create()
            attached = second.sessions.attach(created.session_id)
            pair = (attached, created) if "attached" in case else (created, attached)
            play = AsyncPlay(emulator, *pair)
            for step in case["play"]:
                await play.step(step)
            check_sent(case, emulator)
            await play.close()

    asyncio.run(main())


def refusal(client: Agi) -> ConflictError:
    session = client.sessions.create()
    with session.start_task("works") as task:
        next(iter(task))
    with pytest.raises(ConflictError) as caught:
        session.run_task("quick")
    return caught.value


def test_g02_the_error_pickles_without_its_task() -> None:
    with Emulator(step_delay=0.0, scenario=AGENT) as emulator, emulator.agi() as client:
        error = refusal(client)
        assert error.task is not None
        assert error.task.session_id == error.session_id
        copy = pickle.loads(pickle.dumps(error))
        assert (str(copy), copy.code, copy.task) == (str(error), "task_in_progress", None)
        assert error.status_code == 0


def test_g02_the_task_of_the_error_can_be_cancelled_and_read() -> None:
    with Emulator(step_delay=0.0, scenario=AGENT) as emulator, emulator.agi() as client:
        error = refusal(client)
        # Nobody reads its events until somebody asks for them.
        streams = len(emulator.requests("GET", "/v1/sessions/*/events"))
        with error.task as task:
            assert next(iter(task)).text == "at work"
            assert len(emulator.requests("GET", "/v1/sessions/*/events")) == streams + 1
            task.cancel()
        result = client.sessions.attach(error.session_id or "").run_task("quick")
        assert result.text == "quick"


def test_g02_the_run_that_is_cancelled_for_another_ends() -> None:
    with Emulator(step_delay=0.0, scenario=AGENT) as emulator, emulator.agi() as client:
        session = client.sessions.create()
        at_work = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(lambda: session.run_task("works", on_event=lambda _: at_work.set()))
            assert at_work.wait(10)
            assert session.run_task("quick", if_busy="cancel").text == "quick"
            with pytest.raises(SessionwireError) as caught:
                first.result()
        check(caught.value, {"name": "TaskError", "reason": "cancelled"})

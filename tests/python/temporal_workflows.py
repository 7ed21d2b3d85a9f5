"""The workflows of `test_temporal.py`. Temporal's sandbox loads the module that has them for each
worker anew, so it is small."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow

from sessionwire.temporal import AgentQuestion, AgentTask, Questions, agent_session, run_task

SOON = timedelta(seconds=20)


@workflow.defn
class Prices:
    """Two tasks in one session."""

    @workflow.run
    async def run(self, item: str) -> list[str]:
        async with agent_session("agi-0-fast") as session:
            return [
                (await session.run_task(f"Find the {item}")).text,
                (await session.run_task(f"Price of the {item}")).text,
            ]


@workflow.defn
class Unanswered:
    """A task whose questions nobody answers."""

    @workflow.run
    async def run(self, task: str) -> str:
        return (await run_task(task)).text


@workflow.defn
class ByName:
    """Starts the activities by their names, as another language does."""

    @workflow.run
    async def run(self) -> Any:
        session_id = await call("create_session", {"agent_name": "agi-0", "options": {}})
        task = {"session_id": session_id, "task": "Buy the mug", "start_url": None}
        step = await call("run_task", {"handle": await call("prepare_task", task), "answer": None})
        asked = step["question"]
        answer = {"question_id": asked["id"], "text": "blue"}
        step = await call("run_task", {"handle": asked["handle"], "answer": answer})
        there = await call("delete_session", {"session_id": session_id, "cancel": False})
        return [step["result"]["text"], there]


async def call(name: str, given: Any) -> Any:
    return await workflow.execute_activity(
        f"sessionwire.{name}", given, start_to_close_timeout=SOON, heartbeat_timeout=SOON
    )


@workflow.defn
class Many:
    """Two agents at once, which ask both."""

    def __init__(self) -> None:
        self.questions = Questions()

    @workflow.run
    async def run(self) -> list[str]:
        results = await asyncio.gather(
            *(run_task(f"Buy {item}", on_question=self.questions.ask) for item in ("mug", "cup"))
        )
        return [result.text for result in results]

    @workflow.query
    def open(self) -> list[AgentQuestion]:
        return self.questions.open

    @workflow.update
    def answer(self, text: str, session_id: str | None) -> None:
        self.questions.answer(text, session_id)


WORKFLOWS: list[type[Any]] = [AgentTask, ByName, Many, Prices, Unanswered]

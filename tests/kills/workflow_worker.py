"""A worker of `tests/kills/workflows.py`, to be killed.

python workflow_worker.py ADDRESS QUEUE URL KEY LEDGER
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

from sessionwire import AsyncAgi
from sessionwire.temporal import AgentQuestion, Questions, SessionwirePlugin, run_task


@workflow.defn
class Buy:
    """Buys in the colour that it is told."""

    def __init__(self) -> None:
        self.questions = Questions()

    @workflow.run
    async def run(self, name: str) -> str:
        result = await run_task(
            f"Buy {name}",
            on_question=self.questions.ask,
            heartbeat_timeout=timedelta(seconds=1),
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=0.1)),
            # By it the judge knows whose session it is.
            goal=name,
        )
        return result.text

    @workflow.query
    def question(self) -> list[AgentQuestion]:
        return self.questions.open

    @workflow.update
    def answer(self, text: str) -> None:
        self.questions.answer(text)


async def main() -> None:
    address, queue, url, key, ledger = sys.argv[1:]
    client = await Client.connect(address)
    plugin = SessionwirePlugin(lambda: AsyncAgi(base_url=url, api_key=key, ledger=ledger))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[Buy],
        plugins=[plugin],
        # After so long another worker is asked to go on with the workflow.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
    )
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main())

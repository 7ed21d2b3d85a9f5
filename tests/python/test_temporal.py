"""Tasks in Temporal workflows, on Temporal's own development server."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import uuid
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, TimeoutError
from temporalio.worker import Replayer, Worker

from helpers import script
from sessionwire import AsyncAgi, ConfigError, Emulator
from sessionwire.temporal import (
    AgentQuestion,
    AgentResult,
    AgentTask,
    AgentTaskInput,
    SessionwirePlugin,
)
from temporal_server import temporal_server
from temporal_workflows import SOON, WORKFLOWS, ByName, Many, Prices, Unanswered
from test_ledger import as_if_dead

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

ROOT = Path(__file__).parents[2]
QUEUE = "agents"
#: How an interpreter may end that ends right after a call of temporalio, all work done
#: (https://github.com/temporalio/sdk-python/issues/300).
CRASHES = (-signal.SIGABRT, -signal.SIGSEGV)
BUY = script({"thought": "Looking"}, {"question": "Which colour?"}, {"done": "Bought in {answer}"})


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with temporal_server() as address:
        yield address


async def connected(address: str) -> Client:
    """Connects as soon as the server is there and has its namespace."""
    async with asyncio.timeout(30):
        while True:
            try:
                client = await Client.connect(address)
                await client.count_workflows()
            except RuntimeError:
                await asyncio.sleep(0.05)
            else:
                return client


@asynccontextmanager
async def working(
    address: str,
    emulator: Emulator,
    max_retries: int = 3,
    ledger: Path | None = None,
    task_queue: str = QUEUE,
    workflows: Sequence[type[Any]] = WORKFLOWS,
    **options: Any,
) -> AsyncIterator[Client]:
    """A client of Temporal, and a worker for its workflows."""
    client = await connected(address)
    plugin = SessionwirePlugin(
        lambda: AsyncAgi(
            base_url=emulator.url,
            api_key=emulator.api_key,
            max_retries=max_retries,
            ledger=ledger,
        ),
        **options,
    )
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=workflows,
        plugins=[plugin],
        graceful_shutdown_timeout=timedelta(0),
    ):
        yield client


async def start(client: Client, kind: Any, *given: Any) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        kind, args=given, id=f"test-{uuid.uuid4()}", task_queue=QUEUE, execution_timeout=SOON
    )


async def question(handle: WorkflowHandle[Any, Any]) -> AgentQuestion:
    """The question that the workflow waits with, once it is there."""
    async with asyncio.timeout(20):
        while True:
            asked: AgentQuestion | None = await handle.query(AgentTask.question)
            if asked is not None:
                return asked
            await asyncio.sleep(0.02)


def counts(emulator: Emulator) -> tuple[int, int, int]:
    """The creates, messages and deletes that the service saw."""
    return (
        len(emulator.requests("POST", "/v1/sessions")),
        len(emulator.requests("POST", "/v1/sessions/*/message")),
        len(emulator.requests("DELETE", "/v1/sessions/*")),
    )


async def left(emulator: Emulator) -> int:
    async with AsyncAgi(base_url=emulator.url, api_key=emulator.api_key) as client:
        return len(await client.sessions.list())


def test_a_workflow_gets_the_result_of_its_task(server: str, emulator: Emulator) -> None:
    async def main() -> None:
        seen: list[str] = []
        async with working(
            server, emulator, on_event=lambda event: seen.append(event.type)
        ) as client:
            handle = await start(client, AgentTask.run, AgentTaskInput("Price of the mug"))
            result = await handle.result()
        assert isinstance(result, AgentResult)
        assert result.text
        assert result.handle.startswith("sw1.")
        assert seen[-1] == "done"
        assert counts(emulator) == (1, 1, 1)
        assert await left(emulator) == 0

    asyncio.run(main())


def test_a_workflow_waits_for_the_answer_to_a_question(server: str, emulator: Emulator) -> None:
    emulator.scenario(BUY)

    async def main() -> None:
        async with working(server, emulator) as client:
            handle = await start(client, AgentTask.run, AgentTaskInput("Buy the mug"))
            asked = await question(handle)
            assert (asked.text, asked.id) == ("Which colour?", 3)
            with pytest.raises(WorkflowUpdateFailedError, match=r".") as refused:
                await handle.execute_update(AgentTask.answer, "")
            assert isinstance(refused.value.cause, ApplicationError)
            assert refused.value.cause.type == "InvalidRequestError"
            await handle.execute_update(AgentTask.answer, "blue")
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await handle.execute_update(AgentTask.answer, "red")
            assert "No question is open" in str(refused.value.cause)
            assert (await handle.result()).text == "Bought in blue"
        assert counts(emulator) == (1, 2, 1)

    asyncio.run(main())


def test_each_of_two_agents_gets_its_own_answer(server: str, emulator: Emulator) -> None:
    emulator.scenario({"tasks": [{**BUY["tasks"][0], "once": False}]})

    async def main() -> None:
        async with working(server, emulator) as client:
            handle = await start(client, Many.run)
            async with asyncio.timeout(20):
                while len(asked := await handle.query(Many.open)) < 2:
                    await asyncio.sleep(0.02)
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await handle.execute_update(Many.answer, args=["blue", None])
            assert "2 questions are open" in str(refused.value.cause)
            for one, colour in zip(asked, ("blue", "red"), strict=True):
                await handle.execute_update(Many.answer, args=[colour, one.session_id])
            assert set(await handle.result()) == {"Bought in blue", "Bought in red"}
        assert counts(emulator) == (2, 4, 2)

    asyncio.run(main())


def test_a_workflow_of_another_language_starts_the_activities_by_name(
    server: str, emulator: Emulator
) -> None:
    emulator.scenario(BUY)

    async def main() -> None:
        async with working(server, emulator) as client:
            handle = await start(client, ByName.run)
            assert await handle.result() == ["Bought in blue", True]
        assert counts(emulator) == (1, 2, 1)

    asyncio.run(main())


def test_tasks_of_a_block_share_its_session(server: str, emulator: Emulator) -> None:
    async def main() -> None:
        async with working(server, emulator) as client:
            handle = await start(client, Prices.run, "mug")
            assert len(await handle.result()) == 2
        assert counts(emulator) == (1, 2, 1)
        created = emulator.requests("POST", "/v1/sessions")[0].json()
        assert created["agent_name"] == "agi-0-fast"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("steps", "given", "kind", "expected"),
    [
        ([{"question": "Which colour?"}], "Buy", "QuestionPending", (1, 1, 1)),
        ([{"error": "No such mug"}], "Buy", "TaskError", (1, 1, 1)),
        ([], "", "InvalidRequestError", (0, 0, 0)),
    ],
)
def test_what_no_attempt_mends_fails_the_workflow_and_leaves_nothing(
    server: str,
    emulator: Emulator,
    steps: list[dict[str, Any]],
    given: str,
    kind: str,
    expected: tuple[int, int, int],
) -> None:
    if steps:
        emulator.scenario(script(*steps))

    async def main() -> None:
        async with working(server, emulator) as client:
            handle = await start(client, Unanswered.run, given)
            with pytest.raises(WorkflowFailureError) as failed:
                await handle.result()
        cause: BaseException | None = failed.value.cause
        if isinstance(cause, ActivityError):
            cause = cause.cause
        assert isinstance(cause, ApplicationError)
        assert cause.type == kind
        assert emulator.api_key not in str(cause)
        assert counts(emulator) == expected
        assert await left(emulator) == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    "wanted",
    [
        AgentTaskInput("Buy", timeout=0.0),
        AgentTaskInput("Buy", timeout=-5.0),
        AgentTaskInput("Buy", create_options={"nope": 1}),
    ],
)
def test_g08_input_that_no_attempt_mends_fails_at_once(
    server: str, emulator: Emulator, wanted: AgentTaskInput
) -> None:
    async def main() -> None:
        async with working(server, emulator) as client:
            handle = await start(client, AgentTask.run, wanted)
            with pytest.raises(WorkflowFailureError) as failed:
                await handle.result()
        cause: BaseException | None = failed.value.cause
        if isinstance(cause, ActivityError):
            cause = cause.cause
        assert isinstance(cause, ApplicationError)
        assert cause.type == "InvalidRequestError"
        assert counts(emulator) == (0, 0, 0)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"on": "create", "limit": 429, "retry_after": 1}, (2, 1, 1)),
        ({"on": "messages", "status": 503}, (1, 1, 1)),
        # The service did not take the first of the two.
        ({"on": "message", "reset": True}, (1, 2, 1)),
        ({"on": "message", "reset": True, "after": True}, (1, 1, 1)),
        ({"on": "delete", "status": 503}, (1, 1, 2)),
    ],
)
def test_g03_what_another_attempt_mends_is_tried_again(
    server: str, emulator: Emulator, fault: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    emulator.fail(**fault)

    async def main() -> None:
        async with working(server, emulator, max_retries=0) as client:
            handle = await start(client, AgentTask.run, AgentTaskInput("Price of the mug"))
            assert (await handle.result()).text
        assert await left(emulator) == 0

    asyncio.run(main())
    assert counts(emulator) == expected


def test_a_task_that_takes_too_long_fails_its_workflow(server: str, emulator: Emulator) -> None:
    emulator.scenario(script({"thought": "Looking"}, {"thought": "Still", "after": 60}))

    async def main() -> None:
        async with working(server, emulator) as client:
            handle = await start(client, AgentTask.run, AgentTaskInput("Buy", timeout=1.0))
            with pytest.raises(WorkflowFailureError) as failed:
                await handle.result()
        assert isinstance(failed.value.cause, ActivityError)
        assert isinstance(failed.value.cause.cause, TimeoutError)
        assert emulator.requests("POST", "/v1/sessions/*/cancel")
        assert await left(emulator) == 0

    asyncio.run(main())


@pytest.mark.parametrize("when", ["creating", "at work", "asking"])
def test_a_workflow_that_is_cancelled_leaves_nothing(
    server: str, emulator: Emulator, when: str
) -> None:
    steps: list[dict[str, Any]] = [{"thought": "Looking"}, {"question": "Which colour?"}]
    if when == "at work":
        steps = [{"thought": "Looking"}, {"thought": "Still looking", "after": 60}]
    emulator.scenario(script(*steps, {"done": "Bought"}))
    if when == "creating":
        emulator.fail(on="create", delay=0.3)

    async def main() -> None:
        seen = asyncio.Event()
        async with working(server, emulator, on_event=lambda event: seen.set()) as client:
            handle = await start(client, AgentTask.run, AgentTaskInput("Buy the mug"))
            if when == "creating":
                async with asyncio.timeout(20):
                    while not emulator.requests("POST", "/v1/sessions"):
                        await asyncio.sleep(0.005)
            elif when == "at work":
                await asyncio.wait_for(seen.wait(), 20)
            else:
                await question(handle)
            await handle.cancel()
            with pytest.raises(WorkflowFailureError) as failed:
                await handle.result()
            assert isinstance(failed.value.cause, CancelledError)
        creates, messages, deletes = counts(emulator)
        assert (creates, messages, deletes) == (1, 0 if when == "creating" else 1, 1)
        assert bool(emulator.requests("POST", "/v1/sessions/*/cancel")) == (when != "creating")
        assert await left(emulator) == 0

    asyncio.run(main())


def test_g03_a_worker_that_is_stopped_gives_its_task_to_the_next(
    server: str, emulator: Emulator
) -> None:
    paying = {"thought": "Paying", "after": 0.3}
    emulator.scenario(script({"thought": "Looking"}, paying, {"done": "Bought"}))

    async def main() -> None:
        seen: list[str] = []
        first = asyncio.Event()

        def note(event: Any) -> None:
            seen.append(event.text)
            first.set()

        async with working(server, emulator, on_event=note) as client:
            handle = await start(client, AgentTask.run, AgentTaskInput("Buy the mug"))
            await asyncio.wait_for(first.wait(), 20)
        assert seen == ["Looking"]
        async with working(server, emulator, on_event=note):
            assert (await handle.result()).text == "Bought"
        assert seen == ["Looking", "Paying", "Bought"]
        assert counts(emulator) == (1, 1, 1)

    asyncio.run(main())


def test_a_workflow_that_is_cancelled_while_no_worker_lives_leaves_nothing(
    server: str, emulator: Emulator
) -> None:
    emulator.scenario(script({"thought": "Looking"}, {"thought": "Paying", "after": 60}))

    async def main() -> None:
        seen = asyncio.Event()
        async with working(server, emulator, on_event=lambda event: seen.set()) as client:
            handle = await start(client, AgentTask.run, AgentTaskInput("Buy the mug"))
            await asyncio.wait_for(seen.wait(), 20)
        await handle.cancel()
        async with working(server, emulator):
            with pytest.raises(WorkflowFailureError) as failed:
                await handle.result()
        assert isinstance(failed.value.cause, CancelledError)
        assert emulator.requests("POST", "/v1/sessions/*/cancel")
        assert counts(emulator) == (1, 1, 1)
        assert await left(emulator) == 0

    asyncio.run(main())


@pytest.mark.parametrize("cancelled", ["before", "after"])
def test_a_workflow_that_learns_at_once_of_its_cancel_and_its_create_leaves_nothing(
    server: str, emulator: Emulator, cancelled: str
) -> None:
    async def main() -> None:
        async with working(server, emulator) as client:
            # Nobody creates the session as long as this queue has no worker.
            wanted = AgentTaskInput("Buy the mug", create_options={"task_queue": "others"})
            handle = await start(client, AgentTask.run, wanted)
            await until_history_has(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED)
        if cancelled == "before":
            await handle.cancel()
        async with working(server, emulator, task_queue="others", workflows=[]):
            await until_history_has(handle, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
            if cancelled == "after":
                await handle.cancel()
            async with working(server, emulator):
                with pytest.raises(WorkflowFailureError) as failed:
                    await handle.result()
        assert isinstance(failed.value.cause, CancelledError)
        assert counts(emulator) == (1, 0, 1)
        assert await left(emulator) == 0

    asyncio.run(main())


def test_g05_a_session_whose_question_waits_while_no_worker_lives_is_not_reaped(
    server: str, emulator: Emulator, tmp_path: Path
) -> None:
    emulator.scenario(BUY)
    ledger = tmp_path / "ledger"

    async def main() -> None:
        async with working(server, emulator, ledger=ledger) as client:
            handle = await start(client, AgentTask.run, AgentTaskInput("Buy the mug"))
            await question(handle)
        key, left = emulator.api_key, as_if_dead({}, ledger)
        async with AsyncAgi(base_url=emulator.url, api_key=key, ledger=left) as reaper:
            assert await reaper.sessions.reap() == []
        async with working(server, emulator, ledger=ledger):
            await handle.execute_update(AgentTask.answer, "blue")
            assert (await handle.result()).text == "Bought in blue"
        assert counts(emulator) == (1, 2, 1)

    asyncio.run(main())


async def until_history_has(handle: WorkflowHandle[Any, Any], kind: EventType.ValueType) -> None:
    async with asyncio.timeout(20):
        while not any(event.event_type == kind for event in (await handle.fetch_history()).events):
            await asyncio.sleep(0.02)


def test_a_workflow_replays_from_its_history(server: str, emulator: Emulator) -> None:
    emulator.scenario(BUY)

    async def main() -> None:
        async with working(server, emulator) as client:
            handle = await start(client, AgentTask.run, AgentTaskInput("Buy the mug"))
            await question(handle)
            await handle.execute_update(AgentTask.answer, "blue")
            await handle.result()
            history = await handle.fetch_history()
        # Without a key: a replay sends nothing.
        await Replayer(workflows=WORKFLOWS, plugins=[SessionwirePlugin()]).replay_workflow(history)

    asyncio.run(main())


def test_a_worker_without_a_key_says_so_when_it_starts(server: str) -> None:
    async def main() -> None:
        client = await connected(server)
        worker = Worker(
            client, task_queue=QUEUE, workflows=WORKFLOWS, plugins=[SessionwirePlugin()]
        )
        with pytest.raises(ConfigError, match="AGI_API_KEY"):
            await worker.run()

    asyncio.run(main())


def test_a_client_of_yours_stays_open_and_serves_every_worker(
    server: str, emulator: Emulator
) -> None:
    async def main() -> None:
        client = await connected(server)
        async with AsyncAgi(base_url=emulator.url, api_key=emulator.api_key) as ours:
            plugin = SessionwirePlugin(ours)
            queues = ["one", "two"]
            workers = [
                Worker(client, task_queue=queue, workflows=WORKFLOWS, plugins=[plugin])
                for queue in queues
            ]
            async with workers[0], workers[1]:
                for queue in queues:
                    await client.execute_workflow(
                        AgentTask.run,
                        AgentTaskInput("Price of the mug"),
                        id=f"test-{uuid.uuid4()}",
                        task_queue=queue,
                    )
            assert await ours.sessions.list() == []

    asyncio.run(main())


def test_the_package_itself_needs_no_temporal() -> None:
    code = "import sessionwire, sys; sys.exit('temporalio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_programs_of_the_guide_buy_a_mug(
    server: str, emulator: Emulator, tmp_path: Path
) -> None:
    guide = (ROOT / "docs" / "temporal.md").read_text(encoding="utf-8")
    programs = re.findall(r"^```python program (\S+)\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    for name, text in programs:
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert [name for name, _ in programs] == ["buy.py", "worker.py", "start.py"]
    emulator.scenario(BUY)
    environment = {
        **os.environ,
        "AGI_BASE_URL": emulator.url,
        "AGI_API_KEY": emulator.api_key,
        "TEMPORAL_ADDRESS": server,
    }
    asyncio.run(connected(server))
    command = [sys.executable, "-W", "error"]
    worker = subprocess.Popen([*command, "worker.py"], cwd=tmp_path, env=environment)
    try:
        done = subprocess.run(
            [*command, "start.py"],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            env=environment,
        )
    finally:
        worker.kill()
        worker.wait()
    assert done.returncode in (0, *CRASHES), done.stderr
    assert done.stdout == "Which colour?\nBought in The one for 12.50\n"
    assert counts(emulator) == (1, 2, 1)


def test_g03_a_worker_that_is_killed_leaves_its_workflow_to_another() -> None:
    command = [sys.executable, str(ROOT / "tests" / "kills" / "workflows.py")]
    done = subprocess.run(
        [*command, "--workflows", "2", "--at-once", "2"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kills, 0 of them with a problem" in done.stdout

"""Many tasks at once, and the cleaning up of sessions."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import Any

import pytest

from helpers import eventually, script
from sessionwire import (
    Agi,
    Emulator,
    InvalidRequestError,
    QuestionPending,
    RateLimitError,
    TaskError,
    TaskTimeout,
)

MIXED = {
    "tasks": [
        {"match": "fail", "steps": [{"error": "sold out"}]},
        {"match": "ask", "steps": [{"question": "colour?"}, {"done": "asked {answer}"}]},
        {"match": "long", "steps": [{"thought": "on it"}, {"done": "late", "after": 3600}]},
        {"steps": [{"done": "ready"}]},
    ]
}


def test_each_task_has_its_outcome(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(MIXED)
    tasks = ["one", "fail", "two", "ask", "three"]
    outcomes = {outcome.index: outcome for outcome in client.run_tasks(tasks, concurrency=2)}
    assert [outcomes[index].task for index in range(5)] == tasks
    for index in (0, 2, 4):
        result = outcomes[index].result
        assert result is not None
        assert result.text == "ready"
        assert outcomes[index].error is None
    assert isinstance(outcomes[1].error, TaskError)
    assert "sold out" in str(outcomes[1].error)
    assert outcomes[1].result is None
    assert isinstance(outcomes[3].error, QuestionPending)
    assert emulator.session_count == 0


def test_no_more_run_at_once_than_allowed() -> None:
    with Emulator(session_limit=3, step_delay=0.0) as emulator, emulator.agi() as client:
        emulator.scenario(script({"done": "ready"}))
        outcomes = list(client.run_tasks([f"task {n}" for n in range(12)], concurrency=3))
        assert [outcome.error for outcome in outcomes] == [None] * 12
        assert len({outcome.index for outcome in outcomes}) == 12
        assert emulator.requests(status=503) == []


def test_a_limit_is_waited_for_where_asked() -> None:
    with Emulator(session_limit=1, step_delay=0.0) as emulator, emulator.agi() as client:
        emulator.scenario(script({"done": "ready"}))
        tasks = ["one", "two", "three"]
        patient = list(client.run_tasks(tasks, concurrency=3, wait_for_limit=60))
        assert [outcome.error for outcome in patient] == [None] * 3
        held = client.sessions.create()
        (refused,) = client.run_tasks(["four"], wait_for_limit=0)
        assert isinstance(refused.error, RateLimitError)
        held.delete()


def test_questions_are_answered(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(MIXED)
    asked: list[str] = []

    def answer(question: Any) -> str | None:
        asked.append(question.text)
        if len(asked) == 2:
            raise LookupError("no idea")
        return "green" if len(asked) == 1 else None

    outcomes = list(client.run_tasks(["ask"] * 3, concurrency=1, on_question=answer))
    first, second, third = sorted(outcomes, key=lambda outcome: outcome.index)
    assert first.result is not None
    assert first.result.text == "asked green"
    assert isinstance(second.error, LookupError)
    assert isinstance(third.error, QuestionPending)
    assert asked == ["colour?"] * 3


def test_a_timeout_is_each_tasks_own(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(MIXED)
    outcomes = {o.task: o for o in client.run_tasks(["long", "short"], timeout=1.0)}
    assert isinstance(outcomes["long"].error, TaskTimeout)
    assert outcomes["short"].error is None
    assert emulator.session_count == 0


def test_g05_leaving_the_loop_deletes_the_sessions(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(MIXED)
    for outcome in client.run_tasks(["long", "long", "short", "long", "never started"]):
        assert outcome.task == "short"
        break
    assert emulator.session_count == 0
    assert len(emulator.requests("POST", "/v1/sessions")) <= 5


def test_g05_an_exception_in_the_loop_deletes_the_sessions(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(MIXED)
    with pytest.raises(KeyError):
        for _ in client.run_tasks(["long", "short", "long"]):
            raise KeyError
    assert emulator.session_count == 0


def test_g05_ctrl_c_deletes_the_sessions(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(MIXED)

    def interrupt() -> None:
        eventually(lambda: emulator.session_count == 2, "both sessions")
        os.kill(os.getpid(), signal.SIGINT)

    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            list(client.run_tasks(["long", "long"]))
    finally:
        signal.signal(signal.SIGINT, previous)
    assert emulator.session_count == 0


def test_g05_closing_the_client_deletes_the_sessions(emulator: Emulator) -> None:
    emulator.scenario(MIXED)
    client = emulator.agi()
    outcomes: list[Any] = []
    running = threading.Thread(target=lambda: outcomes.extend(client.run_tasks(["long", "long"])))
    running.start()
    eventually(lambda: emulator.session_count == 2, "both sessions")
    client.close()
    running.join(20)
    assert [type(outcome.error).__name__ for outcome in outcomes] == ["APIConnectionError"] * 2
    assert emulator.session_count == 0


def test_a_failed_create_is_its_tasks_failure(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(MIXED)
    emulator.fail(on="create", status=422)
    outcomes = list(client.run_tasks(["one", "two"], concurrency=1))
    assert [type(outcome.error).__name__ for outcome in outcomes] == [
        "UnprocessableEntityError",
        "NoneType",
    ]


def test_a_failed_delete_is_reported(emulator: Emulator) -> None:
    emulator.scenario(MIXED)
    with emulator.agi(max_retries=0) as client:
        emulator.fail(on="delete", status=500)
        with pytest.warns(ResourceWarning, match="could not be deleted"):
            (outcome,) = client.run_tasks(["one"])
        assert outcome.error is None


def test_bad_input_is_refused_at_once(emulator: Emulator, client: Agi) -> None:
    for tasks, options in [
        (["fine", ""], {}),
        ("a text", {}),
        (["fine"], {"concurrency": 0}),
        (["fine"], {"timeout": -1}),
        (["fine"], {"save_as_default": True}),
    ]:
        with pytest.raises(InvalidRequestError):
            client.run_tasks(tasks, **options)  # type: ignore[arg-type]
    assert list(client.run_tasks([])) == []
    assert emulator.requests() == []


def test_outcomes_async(emulator: Emulator) -> None:
    async def main() -> None:
        emulator.scenario(MIXED)

        async def answer(question: Any) -> str:
            await asyncio.sleep(0)
            return "blue"

        async with emulator.async_agi() as client:
            found = {}
            async for outcome in client.run_tasks(["one", "fail", "ask"], on_question=answer):
                found[outcome.task] = outcome
            assert found["one"].result is not None
            assert isinstance(found["fail"].error, TaskError)
            assert found["ask"].result is not None
            assert found["ask"].result.text == "asked blue"
            assert emulator.session_count == 0

    asyncio.run(main())


def test_g05_cancelling_deletes_the_sessions_async(emulator: Emulator) -> None:
    async def main() -> None:
        emulator.scenario(MIXED)
        async with emulator.async_agi() as client:

            async def consume() -> None:
                async for _ in client.run_tasks(["long", "long"]):
                    pass

            running = asyncio.ensure_future(consume())
            while emulator.session_count < 2:
                await asyncio.sleep(0.005)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert emulator.session_count == 0

    asyncio.run(main())


def test_g05_leaving_the_loop_deletes_the_sessions_async(emulator: Emulator) -> None:
    async def main() -> None:
        emulator.scenario(MIXED)
        async with emulator.async_agi() as client:
            async for outcome in client.run_tasks(["long", "short"]):
                assert outcome.task == "short"
                break
            while emulator.session_count:
                await asyncio.sleep(0.005)

    asyncio.run(main())


def test_outcomes_in_trio(emulator: Emulator) -> None:
    trio = pytest.importorskip("trio")

    async def main() -> None:
        emulator.scenario(MIXED)
        async with emulator.async_agi() as client:
            tasks = [outcome.task async for outcome in client.run_tasks(["one", "two"])]
            assert sorted(tasks) == ["one", "two"]

    trio.run(main)


def ended_sessions(emulator: Emulator, client: Agi) -> tuple[str, str, str]:
    """A completed session, one with an error, and one that is ready."""
    emulator.scenario(MIXED)
    done, failed, ready = (client.sessions.create() for _ in range(3))
    done.run_task("one")
    with pytest.raises(TaskError):
        failed.run_task("fail")
    return done.session_id, failed.session_id, ready.session_id


def test_cleanup_deletes_what_has_ended(emulator: Emulator, client: Agi) -> None:
    done, failed, ready = ended_sessions(emulator, client)
    reports = client.sessions.cleanup()
    assert [(r.session_id, r.status, r.deleted, r.error) for r in reports] == [
        (done, "completed", True, None),
        (failed, "error", True, None),
    ]
    assert all(report.created_at is not None for report in reports)
    assert [session.session_id for session in client.sessions.list()] == [ready]


def test_cleanup_by_status_and_age(emulator: Emulator, client: Agi) -> None:
    done, failed, ready = ended_sessions(emulator, client)
    assert client.sessions.cleanup(older_than=3600) == []
    assert [r.session_id for r in client.sessions.cleanup(statuses=["ready"])] == [ready]
    old = client.sessions.cleanup(older_than=0, statuses=["completed", "error"])
    assert {report.session_id for report in old} == {done, failed}


def test_a_delete_that_fails_is_in_the_report(emulator: Emulator) -> None:
    with emulator.agi(max_retries=0) as client:
        done, failed, _ = ended_sessions(emulator, client)
        emulator.fail(on="delete", status=500, session_id=done)
        first, second = client.sessions.cleanup()
        assert (first.deleted, type(first.error).__name__) == (False, "InternalServerError")
        assert (second.session_id, second.deleted, second.error) == (failed, True, None)


def test_cleanup_refuses_what_matches_nothing(emulator: Emulator, client: Agi) -> None:
    wrong: list[dict[str, Any]] = [{"statuses": []}, {"statuses": "error"}, {"older_than": -1}]
    for options in wrong:
        with pytest.raises(InvalidRequestError):
            client.sessions.cleanup(**options)
    assert emulator.requests() == []


def test_cleanup_async(emulator: Emulator) -> None:
    async def main() -> None:
        with emulator.agi() as blocking:
            done, failed, _ = ended_sessions(emulator, blocking)
        async with emulator.async_agi() as client:
            reports = await client.sessions.cleanup()
            assert [report.session_id for report in reports] == [done, failed]

    asyncio.run(main())

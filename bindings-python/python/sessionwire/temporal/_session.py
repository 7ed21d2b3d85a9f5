"""A session for the length of a block in a workflow, and tasks in it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from .. import _native
from .._errors import InvalidRequestError
from . import _models as models

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from temporalio.common import RetryPolicy

    from ._models import AgentQuestion, AgentResult

#: The workflow goes on at once, or when the call has ended, with what it brought.
TRY = workflow.ActivityCancellationType.TRY_CANCEL
WAIT = workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
HOUR = timedelta(hours=1)
#: How long one short call may take, with all its attempts.
SHORT = timedelta(minutes=10)
#: How long one attempt of it may take. A client's own limit, 60 s as it comes, is below it.
ATTEMPT = timedelta(minutes=2)
#: After so long without a word from its worker, a task is given to another one.
SILENCE = timedelta(seconds=30)


@dataclass(frozen=True)
class _Where:
    """Which workers do the work, how dead ones are noticed, and when it is tried again."""

    task_queue: str | None
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy | None

    def start(
        self, name: str, argument: Any, result: type, on_cancel: workflow.ActivityCancellationType
    ) -> workflow.ActivityHandle[Any]:
        """Starts a call that is a single request."""
        return workflow.start_activity(
            name,
            argument,
            result_type=result,
            task_queue=self.task_queue,
            schedule_to_close_timeout=SHORT,
            start_to_close_timeout=ATTEMPT,
            heartbeat_timeout=self.heartbeat_timeout,
            retry_policy=self.retry_policy,
            cancellation_type=on_cancel,
        )

    async def run(self, wanted: models.RunTask, timeout: timedelta) -> models.TaskStep:
        step: models.TaskStep = await workflow.execute_activity(
            models.RUN_TASK,
            wanted,
            result_type=models.TaskStep,
            task_queue=self.task_queue,
            schedule_to_close_timeout=timeout,
            heartbeat_timeout=self.heartbeat_timeout,
            retry_policy=self.retry_policy,
            # The session is deleted right away, which ends the attempt, too.
            cancellation_type=TRY,
        )
        return step


@dataclass(frozen=True)
class AgentSession:
    """A session in a workflow: see `agent_session`.

    Attributes:
        session_id: The session.
    """

    session_id: str
    _where: _Where

    async def run_task(
        self,
        task: str,
        *,
        start_url: str | None = None,
        on_question: Callable[[AgentQuestion], Awaitable[str]] | None = None,
        timeout: timedelta = HOUR,
    ) -> AgentResult:
        """Runs a task, on whichever worker is there, and waits for its result.

        Args:
            task: What the agent shall do: 1 to 10,000 characters.
            start_url: The page to open first.
            on_question: Gives the answer to a question; it may wait for a signal or an update,
                however long, and no worker is kept for it. Default: a question is a failure.
            timeout: How long the agent may work; waits for answers do not count.

        Raises:
            ActivityError: The task failed: its `cause` is an `ApplicationError` whose `type` is
                the name of an error of this package, such as `TaskError`, or a `TimeoutError`.
            ApplicationError: Bad input (`type` is `InvalidRequestError`), or a question that
                nobody answers (`QuestionPending`).
        """
        _check(task, start_url)
        _check_timeout(timeout)
        prepare = models.PrepareTask(self.session_id, task, start_url)
        handle: str = await self._where.start(models.PREPARE_TASK, prepare, str, TRY)
        wanted = models.RunTask(handle)
        left = timeout
        while True:
            began = workflow.now()
            step = await self._where.run(wanted, left)
            # What is over is a timeout, which Temporal wants to be more than nothing.
            left = max(left - (workflow.now() - began), timedelta(milliseconds=1))
            if step.result is not None:
                return step.result
            assert step.question is not None
            wanted = await _answered(step.question, on_question)


@asynccontextmanager
async def agent_session(
    agent_name: str = "agi-0",
    *,
    task_queue: str | None = None,
    heartbeat_timeout: timedelta = SILENCE,
    retry_policy: RetryPolicy | None = None,
    save_snapshot_mode: str | None = None,
    save_as_default: bool | None = None,
    **create_options: Any,
) -> AsyncIterator[AgentSession]:
    """A session for the length of the block, deleted on every way out of it: also when the
    workflow is cancelled, which cancels its task, too.

    Args:
        agent_name: The agent, such as `agi-0` or `agi-0-fast`.
        task_queue: Whose workers run the tasks. Default: the workflow's own.
        heartbeat_timeout: How long a worker may be silent until another one takes over.
        retry_policy: When a call that failed is tried again. Default: Temporal's. Errors that
            another attempt does not mend are not tried again.
        save_snapshot_mode: What the delete keeps: `none`, `memory` or `filesystem`.
        save_as_default: Whether that becomes the user's default environment.
        **create_options: As for `client.sessions.create`.

    Example:
        >>> async with agent_session("agi-0-fast") as session:
        ...     await session.run_task("Sign in at shop.example")
        ...     result = await session.run_task("Buy the blue mug")
    """
    where = _Where(task_queue, heartbeat_timeout, retry_policy)
    kept: dict[str, Any] = {
        "save_snapshot_mode": save_snapshot_mode,
        "save_as_default": save_as_default,
    }
    session_id = await _create(where, models.CreateSession(agent_name, create_options), kept)
    try:
        yield AgentSession(session_id, where)
    except (Exception, asyncio.CancelledError):
        await _delete(where, models.DeleteSession(session_id, cancel=True, **kept))
        raise
    await _delete(where, models.DeleteSession(session_id, **kept))


async def run_task(
    task: str,
    *,
    agent_name: str = "agi-0",
    start_url: str | None = None,
    on_question: Callable[[AgentQuestion], Awaitable[str]] | None = None,
    timeout: timedelta = HOUR,
    **session_options: Any,
) -> AgentResult:
    """Runs one task in a session of its own, which is deleted on every way out.

    Args:
        task: What the agent shall do: 1 to 10,000 characters.
        agent_name: The agent, such as `agi-0` or `agi-0-fast`.
        start_url: The page to open first.
        on_question: As for `AgentSession.run_task`.
        timeout: How long the agent may work; waits for answers do not count.
        **session_options: As for `agent_session`.

    Raises:
        ActivityError: As for `AgentSession.run_task`.
        ApplicationError: Likewise.
    """
    # Bad input costs no session.
    _check(task, start_url)
    _check_timeout(timeout)
    async with agent_session(agent_name, **session_options) as session:
        return await session.run_task(
            task, start_url=start_url, on_question=on_question, timeout=timeout
        )


def _check_timeout(timeout: timedelta) -> None:
    if timeout <= timedelta():
        # Temporal would try the workflow's code again, forever.
        raise ApplicationError(
            f"`timeout` is {timeout}: it must be more than nothing.",
            type="InvalidRequestError",
            non_retryable=True,
        )


def _check(task: str, start_url: str | None) -> None:
    try:
        _native.check({"check": "task", "message": task, "start_url": start_url})
    except InvalidRequestError as refused:
        # Any other error would make Temporal try the workflow's code again, forever.
        raise ApplicationError(
            str(refused), type="InvalidRequestError", non_retryable=True
        ) from None


async def _answered(
    question: AgentQuestion, on_question: Callable[[AgentQuestion], Awaitable[str]] | None
) -> models.RunTask:
    if on_question is None:
        raise ApplicationError(
            f"The agent asked {question.text!r}, and nobody answers. Pass `on_question`.",
            type="QuestionPending",
            non_retryable=True,
        )
    text = await on_question(question)
    _check(text, None)
    return models.RunTask(question.handle, models.Answer(question.id, text))


async def _create(where: _Where, wanted: models.CreateSession, kept: dict[str, Any]) -> str:
    """Creates a session. One that is there although the workflow was cancelled is deleted."""
    creating = where.start(models.CREATE_SESSION, wanted, str, WAIT)
    try:
        session_id: str = await asyncio.shield(creating)
    except asyncio.CancelledError:
        # Its end may have come with the cancel, and would be lost: let it be seen.
        await workflow.wait_condition(lambda: True)
        if not creating.done():
            # Else the next attempt would come, and be of use to nobody.
            creating.cancel()
        with suppress(FailureError):
            await _delete(where, models.DeleteSession(await creating, **kept))
        raise
    return session_id


async def _delete(where: _Where, wanted: models.DeleteSession) -> None:
    """Deletes a session, also where the workflow is cancelled meanwhile. A failure is reported,
    and hides neither a result nor an error."""
    deleting = where.start(models.DELETE_SESSION, wanted, bool, WAIT)
    try:
        try:
            await asyncio.shield(deleting)
        except asyncio.CancelledError:
            await deleting
            raise
    except FailureError as failed:
        workflow.logger.warning(
            f"The session {wanted.session_id} could not be deleted: {failed.cause or failed}"
        )

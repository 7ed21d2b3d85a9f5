"""The activities: each is one call of the client, safe to be tried again."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from temporalio import activity

from .._async.agi.client import AsyncAgi
from .._errors import ConfigError, InvalidRequestError, QuestionPending, SessionwireError
from . import _models as models
from ._failures import as_failures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from .._agi.events import Event, QuestionEvent
    from .._async.agi.task import AsyncTask

#: How often a heartbeat is offered to the SDK, which sends fewer: a part of its timeout.
BEATS_IN_TIMEOUT = 4


class Activities:
    """The activities of one worker process, and their client."""

    def __init__(
        self,
        client: AsyncAgi | Callable[[], AsyncAgi],
        on_event: Callable[[Event], Any] | None,
    ) -> None:
        self._given = client
        self._on_event = on_event
        self._client: AsyncAgi | None = None
        self._workers = 0

    def all(self) -> list[Callable[..., Any]]:
        return [self.create_session, self.prepare_task, self.run_task, self.delete_session]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While a worker runs. The first makes the client, the last closes it."""
        if self._client is None:
            self._client = self._given if isinstance(self._given, AsyncAgi) else self._given()
        self._workers += 1
        try:
            yield
        finally:
            self._workers -= 1
            if self._workers == 0:
                client, self._client = self._client, None
                if client is not self._given:
                    await client.close()

    @property
    def client(self) -> AsyncAgi:
        assert self._client is not None, "activities run within a worker"
        return self._client

    @activity.defn(name=models.CREATE_SESSION)
    async def create_session(self, wanted: models.CreateSession) -> str:
        """Creates a session; its id."""
        with as_failures():
            async with heartbeats():
                try:
                    creating = self.client.sessions.create(wanted.agent_name, **wanted.options)
                except TypeError as error:
                    # An option that no create has: another attempt would end the same way.
                    raise InvalidRequestError(str(error)) from error
                session = await creating
                try:
                    # It is the workflow's, which may wait while none of its workers lives.
                    await self.client.sessions.release(session.session_id)
                except BaseException:
                    await session.delete()
                    raise
            return session.session_id

    @activity.defn(name=models.PREPARE_TASK)
    async def prepare_task(self, wanted: models.PrepareTask) -> str:
        """The handle of a task that is not sent yet."""
        with as_failures():
            session = self.client.sessions.attach(wanted.session_id)
            async with heartbeats():
                return await session.prepare_task(wanted.task, start_url=wanted.start_url)

    @activity.defn(name=models.RUN_TASK)
    async def run_task(self, wanted: models.RunTask) -> models.TaskStep:
        """Goes on with a task to its result or a question. It is sent where it was not."""
        noted = activity.info().heartbeat_details
        handle: str = noted[0] if noted else wanted.handle
        with as_failures():
            async with heartbeats(handle) as beat, self.client.resume(handle) as task:
                try:
                    return await self._step(task, beat, wanted.answer)
                finally:
                    # This process has no part in it any more. Its create noted the same.
                    with suppress(ConfigError):
                        await self.client.sessions.release(task.session_id)

    @activity.defn(name=models.DELETE_SESSION)
    async def delete_session(self, wanted: models.DeleteSession) -> bool:
        """Deletes a session; whether it was there."""
        with as_failures():
            session = self.client.sessions.attach(wanted.session_id)
            options: Any = {
                "save_snapshot_mode": wanted.save_snapshot_mode,
                "save_as_default": wanted.save_as_default,
            }
            async with heartbeats():
                if wanted.cancel:
                    # No task may be left to cancel; the delete ends the session in any case.
                    with suppress(SessionwireError):
                        await session.cancel()
                return (await session.delete(**options)).deleted

    async def _step(
        self, task: AsyncTask, beat: Heartbeats, answer: models.Answer | None
    ) -> models.TaskStep:
        question = await self._until_question(task, beat, answer)
        if question is None:
            try:
                return models.TaskStep(result=await result_of(task))
            except QuestionPending as pending:
                question = pending.question
        return models.TaskStep(question=asked(task, question))

    async def _until_question(
        self, task: AsyncTask, beat: Heartbeats, answer: models.Answer | None
    ) -> QuestionEvent | None:
        """Reads the task's events; the question that stopped it, or None at its end."""
        question = task.question
        if question is not None:
            # An earlier attempt may have answered: then its question is not open any more.
            if answer is None or question.id != answer.question_id:
                return question
            await task.answer(answer.text)
        async for event in task:
            if self._on_event is not None:
                handled = self._on_event(event)
                if inspect.isawaitable(handled):
                    await handled
            # After the event was handled: the next attempt gets it again, or never lost it.
            beat.note(task.handle())
            if event.type == "question" and task.question is not None:
                return task.question
        return None


class Heartbeats:
    """Tells the server that this attempt lives, and where its task is."""

    def __init__(self, *details: str) -> None:
        self._details = details

    def note(self, handle: str) -> None:
        self._details = (handle,)
        activity.heartbeat(handle)

    async def go_on(self) -> None:
        """Repeats the last one while nothing happens."""
        limit = activity.info().heartbeat_timeout
        if limit is None:
            return
        while True:
            activity.heartbeat(*self._details)
            await asyncio.sleep(limit.total_seconds() / BEATS_IN_TIMEOUT)


@asynccontextmanager
async def heartbeats(*details: str) -> AsyncIterator[Heartbeats]:
    beat = Heartbeats(*details)
    going_on = asyncio.create_task(beat.go_on())
    try:
        yield beat
    finally:
        going_on.cancel()


async def result_of(task: AsyncTask) -> models.AgentResult:
    result = await task.result()
    return models.AgentResult(result.text, result.data, result.session_id, task.handle())


def asked(task: AsyncTask, question: QuestionEvent) -> models.AgentQuestion:
    return models.AgentQuestion(question.id, question.text, task.session_id, task.handle())

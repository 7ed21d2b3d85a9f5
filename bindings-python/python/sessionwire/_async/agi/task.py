"""One task: its events, questions and result."""

from __future__ import annotations

from ... import _wait_async as _wait
from ..._agi.models import TaskResult
from ..._errors import QuestionPending, SessionwireError, TaskTimeout
from ..._models import SuccessResult
from ..._reports import deadline, finite, log_warning, remaining, said
from ..base import AsyncHandle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import timedelta
    from typing import Any

    from ..._agi.events import Event, QuestionEvent
    from ..._agi.seam import TaskOperation
    from ..._agi.types import ExecutionStatus
    from ..._native import Task as NativeTask
    from ..._wait_async import Maybe


class AsyncTask(AsyncHandle):
    """A handle on one task: its events, its questions, its result, and no other task's.

    Iterate it for its events, each once and in order, in one loop at a time: a new loop goes
    on where the last one stopped. An older loop that reads on all the same, and a loop that
    begins after the end was reached, raise `InvalidRequestError`. As a context manager it
    stops reading them on the way out; the task itself goes on.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        _native: NativeTask

    async def _call(self, operation: TaskOperation) -> Any:
        return await _wait.result(self._start(operation))

    @property
    def question(self) -> QuestionEvent | None:
        """The question that waits for an answer, or None."""
        return self._native.question

    def __aiter__(self) -> AsyncIterator[Event]:
        loop = _wait.loop(self._events)
        return loop if self._span is None else self._span.loop(loop)

    def events(self, *, timeout: float | timedelta | None = None) -> AsyncIterator[Event]:
        """The task's events, as a loop over the task gives them, for so long.

        Args:
            timeout: Seconds, from the first look for an event on. None: no limit.

        Raises:
            InvalidRequestError: While reading: a later loop has begun, or the end was reached
                before this one began.
            TaskTimeout: While reading: the time is over; the task goes on, and so does its next
                loop.

        Example:
            >>> async for event in task.events(timeout=300):
            ...     print(event.type, event.text)
        """
        deadline(timeout)
        return self._for_so_long(timeout)

    async def _for_so_long(self, timeout: float | timedelta | None) -> AsyncIterator[Event]:
        until = deadline(timeout)
        loop = _wait.loop(self._events)
        while True:
            event = await loop._next(remaining(until))
            if event is None:
                self._note(None)
                return
            if event is False:
                late = TaskTimeout(
                    f"The events of the task went on for longer than {said(timeout)}. The task "
                    "goes on: read on, wait for its result, or cancel it."
                )
                late.session_id = self.session_id
                raise late
            yield event

    async def answer(self, text: str) -> SuccessResult:
        """Answers the open question, after a look whether it is open still.

        Args:
            text: 1 to 10,000 characters.

        Raises:
            InvalidRequestError: No question is open, or the text is empty or too long.
            TaskError: The question is not open any more (`reason` is `question_closed`): another
                program answered, cancelled the task, or started another one. Nothing was sent.
        """
        return await self._answer(text, None)

    async def _answer(self, text: str, question_id: int | None) -> SuccessResult:
        """Answers this question, and no other that was asked meanwhile."""
        return SuccessResult(
            **await self._call({"op": "answer", "text": text, "question_id": question_id})
        )

    def _asks(self, question_id: int | None) -> bool:
        open_one = self.question
        return open_one is not None and open_one.id == question_id

    async def send_message(self, text: str) -> SuccessResult:
        """Tells the agent more about the same task.

        Args:
            text: 1 to 10,000 characters.
        """
        return SuccessResult(**await self._call({"op": "send_message", "text": text}))

    async def pause(self) -> SuccessResult:
        """Pauses the task.

        Raises:
            ConflictError: It is paused already, or has ended.
        """
        return SuccessResult(**await self._call({"op": "pause"}))

    async def resume(self) -> SuccessResult:
        """Goes on with the paused task.

        Raises:
            ConflictError: It is not paused.
        """
        return SuccessResult(**await self._call({"op": "resume"}))

    async def cancel(self) -> SuccessResult:
        """Cancels the task and ends every wait for it; the session stays usable."""
        return SuccessResult(**await self._call({"op": "cancel"}))

    async def status(self) -> ExecutionStatus:
        """Asks for the execution status: `running`, `waiting_for_input`, `finished`,
        `error`, or a value not known yet."""
        status: ExecutionStatus = (await self._call({"op": "status"}))["status"]
        return status

    async def result(self, timeout: float | timedelta | None = None) -> TaskResult:
        """Waits for the result. The events need not be read.

        Args:
            timeout: Seconds. None: no limit.

        Raises:
            TaskError: The agent failed, or left no result.
            QuestionPending: A question is open: answer it, and call again.
            TaskTimeout: The time is over; the task goes on.
        """
        try:
            return TaskResult._of(await self._call({"op": "result", "timeout": finite(timeout)}))
        except QuestionPending as pending:
            pending.task = self
            raise

    def __repr__(self) -> str:
        return f"AsyncTask(session_id={self.session_id!r})"

    async def _attend(
        self,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None,
        on_event: Callable[[Event], Maybe[object]] | None,
        until: float | None,
    ) -> None:
        """Reads the events for the callbacks: to the end, to a question left open, or as
        long as there is time.

        Raises:
            TaskTimeout: A callback did not end in time.
        """
        while True:
            event = await self._events._next(remaining(until))
            if event is None or event is False:
                return
            if on_event is not None:
                await self._within(until, event, on_event)
            # One that is not open any more has its answer from elsewhere.
            if event.type != "question" or not self._asks(event.id):
                continue
            answer = None if on_question is None else await self._within(until, event, on_question)
            if answer is None:
                return
            await self._answer(answer, event.id)

    async def _within(self, until: float | None, event: Any, callback: Callable[[Any], Any]) -> Any:
        try:
            if self._span is None:
                return await _wait.call(callback, event, seconds=remaining(until))
            with self._span:
                return await _wait.call(callback, event, seconds=remaining(until))
        except _wait.Late:
            late = TaskTimeout("A callback did not end in time")
            late.events = [event]
            raise late from None

    async def _cancel_quietly(self) -> None:
        try:
            await self.cancel()
        except SessionwireError as failure:
            log_warning(f"The task could not be cancelled: {failure}")

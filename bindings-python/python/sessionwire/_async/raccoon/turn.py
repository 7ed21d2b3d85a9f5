"""One turn: its events, its result, and the way to steer it."""

from __future__ import annotations

from ... import _wait_async as _wait
from ..._errors import InvalidRequestError, SessionwireError
from ..._models import SuccessResult
from ..._raccoon.files import uploaded_files
from ..._raccoon.models import ResumePoint, StopResult, TurnResult
from ..._reports import log_warning, remaining
from ..base import AsyncHandle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from datetime import timedelta
    from typing import Any

    from ..._agi.types import Run
    from ..._native import Turn as NativeTurn
    from ..._raccoon.events import TurnEvent
    from ..._raccoon.models import UploadedFile
    from ..._raccoon.seam import SendMessageTurnOperation, StopTurnOperation, TurnOperation
    from ..._wait_async import Maybe


class AsyncTurnLoop:
    """One loop over the events of a turn, which remembers how far they were read."""

    __slots__ = ("_events", "_turn")

    def __init__(self, turn: AsyncTurn) -> None:
        self._turn = turn
        # The stream serves both services; this one holds a turn's events.
        self._events: AsyncIterator[Any] = _wait.loop(turn._events)

    def __aiter__(self) -> AsyncTurnLoop:
        return self

    async def __anext__(self) -> TurnEvent:
        event: TurnEvent = await self._events.__anext__()
        self._turn._last = event
        return event


class AsyncTurn(AsyncHandle):
    """A handle on one turn: its events, its result, and the way to steer it.

    Iterate it for its events, each once and in order, in one loop at a time: a new loop goes
    on where the last one stopped. An older loop that reads on all the same, and a loop that
    begins after the end was reached, raise `InvalidRequestError`. As a context manager it
    stops reading them on the way out; the turn itself goes on.
    """

    __slots__ = ("_after", "_encode_frame", "_last")

    if TYPE_CHECKING:
        _native: NativeTurn

    def __init__(
        self,
        native: NativeTurn,
        client: Any,
        encode_frame: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
        after: ResumePoint | None = None,
        span: Run | None = None,
    ) -> None:
        super().__init__(native, client, span)
        self._encode_frame = encode_frame
        # Where it was attached, and the last event that was read since.
        self._after = after
        self._last: TurnEvent | None = None

    @property
    def message_id(self) -> str:
        """The agent's message, which names the turn."""
        return self._native.message_id

    @property
    def user_message_id(self) -> str | None:
        """The message of the prompt; None after `attach`."""
        message_id: str | None = self._native.state()["user_message_id"]
        return message_id

    @property
    def workflow_id(self) -> str | None:
        """The service's workflow, where it says."""
        workflow_id: str | None = self._native.state()["workflow_id"]
        return workflow_id

    @property
    def status(self) -> str:
        """`submitted`, `queued`, `running`, `completed`, `aborted`, `failed` or `unknown`."""
        status: str = self._native.state()["status"]
        return status

    @property
    def queue_position(self) -> int | None:
        """How many turns went before this one when it was started, as the service said.

        It says no more in between, so that the number does not go down. 0 once an event
        came, or the turn is over; None where the service named no number, and after `attach`.
        """
        return self._native.queue_position

    @property
    def text(self) -> str:
        """The agent's visible text so far."""
        text: str = self._native.state()["text"]
        return text

    @property
    def plan(self) -> list[dict[str, Any]]:
        """What the agent plans: entries with `id`, `content` and `status`."""
        plan: list[dict[str, Any]] = self._native.state()["plan"]
        return plan

    @property
    def files(self) -> dict[str, Any]:
        """The sandbox's files, by path."""
        files: dict[str, Any] = self._native.state()["files"]
        return files

    @property
    def resume_point(self) -> ResumePoint:
        """The place after the last event that was read here: `client.attach` goes on there."""
        last = self._last
        if last is not None:
            entry, event_id = last.stream_entry_id, last.id
        elif self._after is not None:
            entry, event_id = self._after.last_stream_entry_id, self._after.last_event_id
        else:
            entry, event_id = None, None
        return ResumePoint(self.session_id, self.message_id, entry, event_id)

    def __aiter__(self) -> AsyncIterator[TurnEvent]:
        return AsyncTurnLoop(self)

    async def __anext__(self) -> TurnEvent:
        event: TurnEvent | None = await self._next(None)
        if event is None:
            raise StopAsyncIteration
        return event

    async def send_message(
        self,
        text: str,
        *,
        files: Iterable[UploadedFile | Mapping[str, Any]] = (),
        references: Iterable[Mapping[str, Any]] = (),
    ) -> SuccessResult:
        """Tells the agent more while it works. Sent once.

        Args:
            text: What it shall know.
            files: What `upload` gave.
            references: Objects to refer to.

        Raises:
            InvalidRequestError: The text is empty, or the turn is over.
            APIConnectionError: The socket broke; `maybe_delivered` says whether the
                message may have arrived all the same.
        """
        operation: SendMessageTurnOperation = {
            "op": "send_message",
            "text": text,
            "files": uploaded_files(files),
            "references": [dict(reference) for reference in references],
        }
        return SuccessResult(**await self._send(operation))

    async def stop(self, timeout: float | timedelta = 10.0) -> StopResult:
        """Stops the turn and waits for its end; the session stays.

        Args:
            timeout: Seconds to wait. `confirmed` is False where that was too short.
        """
        operation: StopTurnOperation = {"op": "stop", "timeout": timeout}
        return StopResult(**await self._send(operation))

    async def result(self, timeout: float | timedelta | None = None) -> TurnResult:
        """Waits for the result. The events need not be read.

        Args:
            timeout: Seconds. None: no limit.

        Raises:
            TaskError: The turn failed. (An aborted one is a result.)
            TaskTimeout: The time is over; the turn goes on.
            StreamError: The stream was lost, and the history does not hold the end.
        """
        return TurnResult(**await self._call({"op": "result", "timeout": timeout}))

    def __repr__(self) -> str:
        return f"AsyncTurn(session_id={self.session_id!r}, message_id={self.message_id!r})"

    async def _call(self, operation: TurnOperation) -> Any:
        return await _wait.result(self._start(operation))

    async def _send(self, operation: SendMessageTurnOperation | StopTurnOperation) -> Any:
        """A call that sends a frame: by the client's `encode_frame`, if it has one."""
        if self._encode_frame is not None:
            frame = self._encode_frame(self._native.frame(operation))
            if frame is None:
                raise InvalidRequestError(
                    "`encode_frame` gave None: nothing was sent. Give the frame to send."
                )
            operation["frame"] = dict(frame)
        return await self._call(operation)

    async def _next(self, timeout: float | None) -> Any:
        """The next event; None at the end; False after `timeout` seconds."""
        # The stream serves both services; this one holds a turn's events.
        event: Any = await self._events._next(timeout)
        if event:
            self._last = event
        return event

    async def _attend(
        self, on_event: Callable[[TurnEvent], Maybe[object]] | None, until: float | None
    ) -> None:
        """Reads the events for the callback: to the end, or as long as there is time."""
        while event := await self._next(remaining(until)):
            if on_event is not None:
                if self._span is None:
                    await _wait.call(on_event, event)
                else:
                    with self._span:
                        await _wait.call(on_event, event)

    async def _stop_quietly(self) -> None:
        try:
            await self.stop()
        except SessionwireError as failure:
            log_warning(f"The turn could not be stopped: {failure}")

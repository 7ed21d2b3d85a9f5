"""The events of a session over all its turns."""

from __future__ import annotations

from ..._errors import InvalidRequestError
from ..._raccoon.models import ResumePoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from ..._raccoon.events import TurnEvent
    from ..._raccoon.seam import GivenPlace
    from ..._wait_async import AsyncEventStream


class AsyncTurnEventStream:
    """The events of a session over all its turns, each once.

    An iterator and a context manager. Closing it, or dropping the last
    reference to it, ends the reading of the history; the turns go on.
    """

    __slots__ = ("_events", "_stream")

    def __init__(self, native: AsyncEventStream) -> None:
        self._stream = native
        # The stream serves both services; this one holds events of turns.
        self._events: AsyncIterator[Any] = native

    def __aiter__(self) -> AsyncTurnEventStream:
        return self

    async def __anext__(self) -> TurnEvent:
        event: TurnEvent = await self._events.__anext__()
        return event

    async def close(self) -> None:
        """Ends the stream. Can be called twice."""
        await self._stream.close()

    @property
    def closed(self) -> bool:
        """Whether the stream was closed on this side."""
        return self._stream.closed

    async def __aenter__(self) -> AsyncTurnEventStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncTurnEventStream(closed={self.closed})"


def place_of(session_id: str, after: ResumePoint | TurnEvent | None) -> GivenPlace | None:
    """The place that a caller means: a resume point, or that of an event of the session."""
    if after is None:
        return None
    if isinstance(after, ResumePoint):
        return {
            "session_id": after.session_id,
            "message_id": after.message_id,
            "last_stream_entry_id": after.last_stream_entry_id,
            "last_event_id": after.last_event_id,
        }
    from ..._native import TurnEvent as AnyEvent

    if not isinstance(after, AnyEvent):
        raise InvalidRequestError(
            f"`after` must be an event of this session, or a ResumePoint, not {after!r:.60}. Of a "
            "dict that was kept, make one: ResumePoint(**fields)."
        )
    return {
        "session_id": session_id,
        "message_id": after.message_id or "",
        "last_stream_entry_id": after.stream_entry_id,
        "last_event_id": after.id,
    }

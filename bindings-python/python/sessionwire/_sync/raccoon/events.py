"""Generated from `_async/raccoon/events.py` by `make generate`: change that file, and run it."""

from __future__ import annotations

from ..._errors import InvalidRequestError
from ..._raccoon.models import ResumePoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..._raccoon.events import TurnEvent
    from ..._raccoon.seam import GivenPlace
    from ..._wait_sync import EventStream


class TurnEventStream:
    """The events of a session over all its turns, each once.

    An iterator and a context manager. Closing it, or dropping the last
    reference to it, ends the reading of the history; the turns go on.
    """

    __slots__ = ("_events", "_stream")

    def __init__(self, native: EventStream) -> None:
        self._stream = native
        # The stream serves both services; this one holds events of turns.
        self._events: Iterator[Any] = native

    def __iter__(self) -> TurnEventStream:
        return self

    def __next__(self) -> TurnEvent:
        event: TurnEvent = self._events.__next__()
        return event

    def close(self) -> None:
        """Ends the stream. Can be called twice."""
        self._stream.close()

    @property
    def closed(self) -> bool:
        """Whether the stream was closed on this side."""
        return self._stream.closed

    def __enter__(self) -> TurnEventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TurnEventStream(closed={self.closed})"


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

"""The events of a stream: one class per known type, told apart by `type`.

Generated from `core/src/event.rs` by `make generate`: change that file, and run it.
"""

from __future__ import annotations

from .._native import (
    DoneEvent,
    ErrorEvent,
    HeartbeatEvent,
    LogEvent,
    PausedEvent,
    QuestionEvent,
    ResumedEvent,
    StepEvent,
    ThoughtEvent,
    UnknownEvent,
    UserEvent,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    # The union of the known types. A service may send others: they arrive as UnknownEvent,
    # for which `match` needs its own `case UnknownEvent()` or `case _`.
    from .._native import _AnyEvent as Event
else:
    # At run time the base class, so that isinstance() covers unknown types too.
    from .._native import Event

__all__ = [
    "DoneEvent",
    "ErrorEvent",
    "Event",
    "HeartbeatEvent",
    "LogEvent",
    "PausedEvent",
    "QuestionEvent",
    "ResumedEvent",
    "StepEvent",
    "ThoughtEvent",
    "UnknownEvent",
    "UserEvent",
]

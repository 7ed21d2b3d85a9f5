"""The events of a turn: one class per known kind, told apart by `type` (or `kind`).

Generated from `core/src/event.rs` by `make generate`: change that file, and run it.
"""

from __future__ import annotations

from .._native import (
    MessageReceivedEvent,
    PlanUpdateEvent,
    SandboxSnapshotEvent,
    TaskAbortedEvent,
    TaskCompletedEvent,
    TaskErrorEvent,
    TextEvent,
    ToolResultEvent,
    ToolStartEvent,
    TurnThoughtEvent,
    UnknownTurnEvent,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    # The known kinds. A service may send others: they arrive as UnknownTurnEvent,
    # for which `match` needs its own `case UnknownTurnEvent()` or `case _`.
    TurnEvent: TypeAlias = (
        TurnThoughtEvent
        | MessageReceivedEvent
        | TextEvent
        | ToolStartEvent
        | ToolResultEvent
        | PlanUpdateEvent
        | SandboxSnapshotEvent
        | TaskCompletedEvent
        | TaskAbortedEvent
        | TaskErrorEvent
    )
else:
    # At run time the base class, so that isinstance() covers unknown kinds too.
    from .._native import TurnEvent

__all__ = [
    "MessageReceivedEvent",
    "PlanUpdateEvent",
    "SandboxSnapshotEvent",
    "TaskAbortedEvent",
    "TaskCompletedEvent",
    "TaskErrorEvent",
    "TextEvent",
    "ToolResultEvent",
    "ToolStartEvent",
    "TurnEvent",
    "TurnThoughtEvent",
    "UnknownTurnEvent",
]

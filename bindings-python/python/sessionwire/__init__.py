"""One client for remote agent sessions: live events, questions, results, no leaks.

    from sessionwire import Agi

    with Agi() as client:                                   # AGI_API_KEY, AGI_BASE_URL
        with client.sessions.create("agi-0") as session:    # deleted on every way out
            result = session.run_task("Find three nonstop SFO-JFK flights")
            print(result.text, result.data)

No key at hand: `Emulator` is part of the package.
"""

from __future__ import annotations

import atexit as _atexit
import os as _os

from . import _hints as _hints
from . import _native
from ._agi.events import (
    DoneEvent,
    ErrorEvent,
    Event,
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
from ._agi.models import (
    AgentPage,
    AgentTask,
    CleanupReport,
    Message,
    Messages,
    Navigation,
    ReapReport,
    Screenshot,
    TaskOutcome,
    TaskResult,
)
from ._emulator.models import CapturedRequest, WebhookAttempt
from ._emulator.server import Emulator
from ._errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigError,
    ConflictError,
    EventTooLarge,
    InternalServerError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    QuestionPending,
    RateLimitError,
    SessionwireError,
    StreamError,
    TaskError,
    TaskOver,
    TaskTimeout,
    UnprocessableEntityError,
    WebhookError,
)
from ._models import DeleteResult, RawResponse, SuccessResult
from ._native import EventStream, __version__
from ._raccoon.events import (
    MessageReceivedEvent,
    PlanUpdateEvent,
    SandboxSnapshotEvent,
    TaskAbortedEvent,
    TaskCompletedEvent,
    TaskErrorEvent,
    TextEvent,
    ToolResultEvent,
    ToolStartEvent,
    TurnEvent,
    TurnThoughtEvent,
    UnknownTurnEvent,
)
from ._raccoon.models import (
    AgentFile,
    AgentTurn,
    History,
    HistoryMessage,
    ResumePoint,
    SessionRecord,
    StopResult,
    TurnOutcome,
    TurnResult,
    UploadedFile,
)
from ._sync import (
    Agent,
    Agi,
    Media,
    Raccoon,
    RaccoonSession,
    RaccoonSessions,
    Session,
    SessionPool,
    Sessions,
    Task,
    Turn,
    TurnAgent,
    TurnEventStream,
    TurnOutcomes,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import webhooks
    from ._async import (
        AsyncAgent,
        AsyncAgi,
        AsyncMedia,
        AsyncRaccoon,
        AsyncRaccoonSession,
        AsyncRaccoonSessions,
        AsyncSession,
        AsyncSessionPool,
        AsyncSessions,
        AsyncTask,
        AsyncTurn,
        AsyncTurnAgent,
        AsyncTurnEventStream,
        AsyncTurnOutcomes,
    )
    from ._wait_async import AsyncEventStream

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "Agent",
    "AgentFile",
    "AgentPage",
    "AgentTask",
    "AgentTurn",
    "Agi",
    "AsyncAgent",
    "AsyncAgi",
    "AsyncEventStream",
    "AsyncMedia",
    "AsyncRaccoon",
    "AsyncRaccoonSession",
    "AsyncRaccoonSessions",
    "AsyncSession",
    "AsyncSessionPool",
    "AsyncSessions",
    "AsyncTask",
    "AsyncTurn",
    "AsyncTurnAgent",
    "AsyncTurnEventStream",
    "AsyncTurnOutcomes",
    "AuthenticationError",
    "BadRequestError",
    "CapturedRequest",
    "CleanupReport",
    "ConfigError",
    "ConflictError",
    "DeleteResult",
    "DoneEvent",
    "Emulator",
    "ErrorEvent",
    "Event",
    "EventStream",
    "EventTooLarge",
    "HeartbeatEvent",
    "History",
    "HistoryMessage",
    "InternalServerError",
    "InvalidRequestError",
    "LogEvent",
    "Media",
    "Message",
    "MessageReceivedEvent",
    "Messages",
    "Navigation",
    "NotFoundError",
    "PausedEvent",
    "PermissionDeniedError",
    "PlanUpdateEvent",
    "QuestionEvent",
    "QuestionPending",
    "Raccoon",
    "RaccoonSession",
    "RaccoonSessions",
    "RateLimitError",
    "RawResponse",
    "ReapReport",
    "ResumePoint",
    "ResumedEvent",
    "SandboxSnapshotEvent",
    "Screenshot",
    "Session",
    "SessionPool",
    "SessionRecord",
    "Sessions",
    "SessionwireError",
    "StepEvent",
    "StopResult",
    "StreamError",
    "SuccessResult",
    "Task",
    "TaskAbortedEvent",
    "TaskCompletedEvent",
    "TaskError",
    "TaskErrorEvent",
    "TaskOutcome",
    "TaskOver",
    "TaskResult",
    "TaskTimeout",
    "TextEvent",
    "ThoughtEvent",
    "ToolResultEvent",
    "ToolStartEvent",
    "Turn",
    "TurnAgent",
    "TurnEvent",
    "TurnEventStream",
    "TurnOutcome",
    "TurnOutcomes",
    "TurnResult",
    "TurnThoughtEvent",
    "UnknownEvent",
    "UnknownTurnEvent",
    "UnprocessableEntityError",
    "UploadedFile",
    "UserEvent",
    "WebhookAttempt",
    "WebhookError",
    "__version__",
    "webhooks",
]


def _shut_down() -> None:
    left = _native.shut_down()
    if left:
        from ._reports import report_left

        report_left(left)


_atexit.register(_shut_down)
_hints.on_demand()
if _os.environ.get("SESSIONWIRE_LOG", "").strip().lower() == "debug":
    from ._log import to_stderr as _to_stderr

    _to_stderr()


def __getattr__(name: str) -> object:
    # Importing asyncio takes longer than all the rest: only for those who use it.
    if name in __all__ and name.startswith("Async"):
        from . import _async, _wait_async

        for found in _async.__all__:
            globals()[found] = getattr(_async, found)
        globals()["AsyncEventStream"] = _wait_async.AsyncEventStream
        _hints.on_demand()
        return globals()[name]
    if name == "webhooks":
        from importlib import import_module

        return import_module(".webhooks", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

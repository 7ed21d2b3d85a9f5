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

from . import _native
from ._agent import Agent
from ._client import Agi, Session, Sessions, Task
from ._emulator import Emulator
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
from ._events import (
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
from ._models import (
    AgentPage,
    AgentTask,
    CleanupReport,
    DeleteResult,
    Message,
    Messages,
    RawResponse,
    RecordedRequest,
    Screenshot,
    SuccessResult,
    TaskOutcome,
    TaskResult,
    WebhookAttempt,
)
from ._native import EventStream, __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import webhooks
    from ._async_agent import AsyncAgent
    from ._async_client import AsyncAgi, AsyncSession, AsyncSessions, AsyncTask
    from ._wait_async import AsyncEventStream

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "Agent",
    "AgentPage",
    "AgentTask",
    "Agi",
    "AsyncAgent",
    "AsyncAgi",
    "AsyncEventStream",
    "AsyncSession",
    "AsyncSessions",
    "AsyncTask",
    "AuthenticationError",
    "BadRequestError",
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
    "InternalServerError",
    "InvalidRequestError",
    "LogEvent",
    "Message",
    "Messages",
    "NotFoundError",
    "PausedEvent",
    "PermissionDeniedError",
    "QuestionEvent",
    "QuestionPending",
    "RateLimitError",
    "RawResponse",
    "RecordedRequest",
    "ResumedEvent",
    "Screenshot",
    "Session",
    "Sessions",
    "SessionwireError",
    "StepEvent",
    "StreamError",
    "SuccessResult",
    "Task",
    "TaskError",
    "TaskOutcome",
    "TaskOver",
    "TaskResult",
    "TaskTimeout",
    "ThoughtEvent",
    "UnknownEvent",
    "UnprocessableEntityError",
    "UserEvent",
    "WebhookAttempt",
    "WebhookError",
    "__version__",
    "webhooks",
]

_atexit.register(_native.shut_down)


def __getattr__(name: str) -> object:
    # Importing asyncio takes longer than all the rest: only for those who use it.
    if name in __all__ and name.startswith("Async"):
        from . import _async_agent, _async_client, _wait_async

        for module in (_async_agent, _async_client, _wait_async):
            for found in (*_async_agent.__all__, *_async_client.__all__, "AsyncEventStream"):
                if hasattr(module, found):
                    globals()[found] = getattr(module, found)
        return globals()[name]
    if name == "webhooks":
        from importlib import import_module

        return import_module(".webhooks", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The errors. Every one ends with what to do next."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._agi.events import Event, QuestionEvent

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConfigError",
    "ConflictError",
    "EventTooLarge",
    "InternalServerError",
    "InvalidRequestError",
    "NotFoundError",
    "PermissionDeniedError",
    "QuestionPending",
    "RateLimitError",
    "SessionwireError",
    "StreamError",
    "TaskError",
    "TaskOver",
    "TaskTimeout",
    "UnprocessableEntityError",
    "WebhookError",
]


class SessionwireError(Exception):
    """The base of every error of this package.

    Attributes:
        message: What went wrong, without the advice that `str(error)` adds.
        reason: A machine-readable word for the cause, or None.
    """

    message: str = ""
    reason: str | None = None

    #: What the native half fills in.
    _fields: tuple[str, ...] = ("message", "reason")

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.message = text

    def to_dict(self) -> dict[str, Any]:
        """What it says as JSON has it: `name`, `text`, and each of its attributes."""
        from ._data import error_dict

        return error_dict(self)


class ConfigError(SessionwireError):
    """Bad options, a missing key, or no certificate authorities."""


class InvalidRequestError(SessionwireError, ValueError):
    """The input was refused here, before any request."""


class APIError(SessionwireError):
    """The service could not be reached, or refused the request.

    Attributes:
        maybe_delivered: True when a request with an effect may have been carried
            out although the answer does not say so. It is never sent again on a
            guess.
        session_id: The session of a stream that could not be opened again, else None.
        message_id: The agent message of such a turn, else None.
        last_stream_entry_id: The place of such a turn's last event, or None: with the
            ids `client.attach` goes on there.
        last_event_id: The highest event id that was seen of such a stream, or None.
    """

    maybe_delivered: bool = False
    session_id: str | None = None
    message_id: str | None = None
    last_stream_entry_id: str | None = None
    last_event_id: int | None = None

    _fields = (
        *SessionwireError._fields,
        "maybe_delivered",
        "session_id",
        "message_id",
        "last_stream_entry_id",
        "last_event_id",
    )


class APIConnectionError(APIError):
    """No answer came: the service could not be reached, or the connection broke."""


class APITimeoutError(APIConnectionError, TimeoutError):
    """The deadline of one call passed (`timeout`)."""


class APIStatusError(APIError):
    """The service answered: with an HTTP status that is not a success, or with a success whose
    content is of no use (`reason` is `bad_answer`).

    Each answer is the class of its status, also where `maybe_delivered` is True.

    Attributes:
        status_code: The HTTP status.
        code: The service's machine-readable word, such as `already_paused`, or None.
        body: The answer's raw body.
        headers: The answer's headers, names in lower case.
        request_id: The service's id of the request, or None.
        retry_after: Seconds that the service asked to wait, or None.
    """

    status_code: int = 0
    code: str | None = None
    body: str = ""
    headers: dict[str, str]
    request_id: str | None = None
    retry_after: float | None = None

    _fields = (
        *APIError._fields,
        "status_code",
        "code",
        "body",
        "headers",
        "request_id",
        "retry_after",
    )

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.headers = {}


class BadRequestError(APIStatusError):
    """HTTP 400."""


class AuthenticationError(APIStatusError):
    """HTTP 401: the key is missing or wrong."""


class PermissionDeniedError(APIStatusError):
    """HTTP 403: this key may not do that."""


class NotFoundError(APIStatusError):
    """HTTP 404: there is no such session, or it belongs to another key."""


class ConflictError(APIStatusError):
    """The session's state forbids it.

    Attributes:
        code: `already_paused` or `not_paused`, as the service says it; `task_in_progress` for a
            task that was not sent, because the session's last one has not ended (no answer:
            `status_code` is 0).
        question: The open question of the task in progress, or None.
        task: The task in progress as a `Task` (or `AsyncTask`), if this client started it: answer
            it, wait for its result, or cancel it. None in a copy that was pickled.
    """

    question: QuestionEvent | None = None
    if TYPE_CHECKING:
        task: Any = None
    else:
        task = None

    _fields = (*APIStatusError._fields, "question")

    def __reduce__(self) -> tuple[Any, ...]:
        return without_task(self)


class UnprocessableEntityError(APIStatusError):
    """HTTP 422: the service refused the request's content."""


class RateLimitError(APIStatusError):
    """A limit of the service: HTTP 429, or a 503 that says so."""


class InternalServerError(APIStatusError):
    """HTTP 500 and above."""


class StreamError(SessionwireError):
    """An event stream ended for good.

    Attributes:
        last_event_id: The highest event id that was seen, or None.
        session_id: The stream's session, or None.
        message_id: The agent message of a turn; None for another stream.
        last_stream_entry_id: The place of a turn's last event, or None: with the ids
            `client.attach` goes on there.
    """

    last_event_id: int | None = None
    session_id: str | None = None
    message_id: str | None = None
    last_stream_entry_id: str | None = None

    _fields = (
        *SessionwireError._fields,
        "last_event_id",
        "session_id",
        "message_id",
        "last_stream_entry_id",
    )


class EventTooLarge(StreamError):
    """One event was larger than 16 MiB."""


class TaskError(SessionwireError):
    """The agent reported an error, or the task ended without a result.

    Attributes:
        reason: `ended_without_result` for a task that was cancelled elsewhere, for example.
        events: The task's latest events, oldest first; a turn's are TurnEvents.
        session_id: The task's session.
        message_id: The agent message of a turn; None for a task.
        result: The `TaskResult` that does not fit `output` (`reason` is `no_json` or
            `unexpected_shape`); else None.
    """

    events: list[Event]
    session_id: str | None = None
    message_id: str | None = None
    if TYPE_CHECKING:
        result: Any = None
    else:
        result = None

    _fields = (*SessionwireError._fields, "events", "session_id", "message_id")

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.events = []


class QuestionPending(SessionwireError):
    """The task waits for an answer, and there is no `on_question`. The task stays answerable.

    Attributes:
        question: The question; its `text` says what the agent asks.
        task: The `Task` (or `AsyncTask`): call `task.answer(...)`, then
            `task.result()` again. None in a copy that was pickled.
        session_id: The task's session.
    """

    question: QuestionEvent
    if TYPE_CHECKING:
        task: Any = None
    else:
        task = None
    session_id: str | None = None

    _fields = (*SessionwireError._fields, "question", "session_id")

    def __reduce__(self) -> tuple[Any, ...]:
        return without_task(self)


class TaskTimeout(SessionwireError, TimeoutError):
    """A task did not end within the `timeout` of run_task, result or wait. It goes on.

    Attributes:
        session_id: The task's session.
        events: The task's events so far (the latest), oldest first; a turn's are TurnEvents.
        message_id: The agent message of a turn; None for a task.
    """

    session_id: str | None = None
    message_id: str | None = None
    events: list[Event]

    _fields = (*SessionwireError._fields, "events", "session_id", "message_id")

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.events = []


class TaskOver(SessionwireError):
    """Raised in a function that plays the emulator's agent: the task or turn is no longer its own.

    Attributes:
        reason: `cancelled` (the task), `stopped` (the turn), `deleted` (its session), `closed`
            (the emulator), or `ended` (the function itself called `done`, `fail` or `abort`
            before).
    """


class WebhookError(SessionwireError):
    """A webhook's payload was not understood, or its proof was refused."""


def without_task(error: SessionwireError) -> tuple[Any, ...]:
    """What pickle keeps of an error with a task, which belongs to its process."""
    state = {name: value for name, value in error.__dict__.items() if name != "task"}
    return (type(error), error.args, state)


def from_native(fields: dict[str, Any]) -> SessionwireError:
    """Builds the error that the native half describes."""
    name = fields["name"]
    # The name may be a stranger's: an error that was stored, and comes back.
    kind: type[SessionwireError] = globals()[name] if name in __all__ else SessionwireError
    error = kind(fields["text"])
    for field in kind._fields:
        if fields.get(field) is not None:
            setattr(error, field, fields[field])
    return error


for _name in __all__:
    globals()[_name].__module__ = "sessionwire"

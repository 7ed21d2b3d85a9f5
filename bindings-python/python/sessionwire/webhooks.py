"""Webhooks, for those who receive them: what the service posts to a session's `webhook_url`.

    from sessionwire import webhooks

    session = client.sessions.create(webhook_url=webhooks.url("https://shop.example/hook", secret))

    repeats = webhooks.Deduplicator()

    def receive(url, headers, body):                  # answers with a status, within 5 seconds
        if not webhooks.verify(url, secret):
            return 401
        event = webhooks.parse(body, headers)         # a WebhookError: answer 400
        if repeats.is_repeat(event):
            return 200
        match event:
            case webhooks.TaskQuestionEvent(question=question):
                print(event.session.id, "asks:", question)
            case webhooks.TaskCompletedEvent(result=result):
                print(event.session.id, "is done:", result.message)
        return 200

The service signs nothing: the token in the address is the proof. Deliveries come in no
promised order, and their `session.status` may be stale: ask for the status before you act on it.
Receivers for FastAPI and Flask are among the examples.
"""

from __future__ import annotations

from collections.abc import Iterable  # noqa: TC003 - annotations are read at run time
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003
from typing import Any, Literal, Protocol, TypeAlias

from . import _native
from ._errors import InvalidRequestError, WebhookError
from ._models import parse_time

__all__ = [
    "Deduplicator",
    "Headers",
    "SessionCreatedEvent",
    "SessionDeletedEvent",
    "SessionStatusChangedEvent",
    "TaskCompletedEvent",
    "TaskErrorEvent",
    "TaskOutcome",
    "TaskQuestionEvent",
    "TaskStartedEvent",
    "UnknownEvent",
    "WebhookError",
    "WebhookEvent",
    "WebhookSession",
    "parse",
    "url",
    "verify",
]


@dataclass(frozen=True, slots=True)
class WebhookSession:
    """The session as the service describes it in a webhook.

    Attributes:
        id: The session's id.
        status: The life-cycle status; in the events of a task it may be stale.
        agent_name: The agent that works in it.
        created_at: When it was created, with a time zone; None where it is missing or cannot
            be read (the raw text is then in `extra`).
        vnc_url: The live view, where the service gives one.
        extra: Fields that this version does not know.
    """

    id: str
    status: str = ""
    agent_name: str = ""
    created_at: datetime | None = None
    vnc_url: str | None = None
    extra: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """How a task ended.

    Attributes:
        status: `success`, or a value not known yet.
        message: The result for a person.
        extra: Fields that this version does not know.
    """

    status: str
    message: str
    extra: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    # What every event has. `extra`: fields that this version does not know.
    session: WebhookSession
    #: When, with a time zone; None where it cannot be read (the raw text is then in `extra`).
    timestamp: datetime | None
    #: Names this delivery: a repeat of it has the same key, in every process and language.
    key: str
    #: Fields that this version does not know.
    extra: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCreatedEvent(_Event):
    """`session.created`: right after the creation."""

    type: Literal["session.created"] = "session.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatusChangedEvent(_Event):
    """`session.status_changed`: after a pause, resume or cancel, for example.

    Attributes:
        old_status: The life-cycle status before.
        new_status: The life-cycle status now.
    """

    old_status: str
    new_status: str
    type: Literal["session.status_changed"] = "session.status_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDeletedEvent(_Event):
    """`session.deleted`: the session carries its last status."""

    type: Literal["session.deleted"] = "session.deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStartedEvent(_Event):
    """`task.started`: a message started a task.

    Attributes:
        message: The message.
    """

    message: str
    type: Literal["task.started"] = "task.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCompletedEvent(_Event):
    """`task.completed`: the task ended well.

    Attributes:
        result: How it ended.
    """

    result: TaskOutcome
    type: Literal["task.completed"] = "task.completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskQuestionEvent(_Event):
    """`task.question`: the agent waits for an answer.

    Attributes:
        question: The question.
        context: What the agent adds; often empty.
    """

    question: str
    context: dict[str, Any] = field(default_factory=dict, hash=False)
    type: Literal["task.question"] = "task.question"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskErrorEvent(_Event):
    """`task.error`: the task failed.

    Attributes:
        error: What went wrong.
        details: What the service adds; often empty.
    """

    error: str
    details: dict[str, Any] = field(default_factory=dict, hash=False)
    type: Literal["task.error"] = "task.error"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(_Event):
    """A kind that this version does not know; its fields are in `extra`.

    Where it has no session, `session.id` is empty.

    Attributes:
        type: Its name on the wire.
    """

    type: str


#: What `parse` gives: `match` on the class, or on `type`.
WebhookEvent: TypeAlias = (
    SessionCreatedEvent
    | SessionStatusChangedEvent
    | SessionDeletedEvent
    | TaskStartedEvent
    | TaskCompletedEvent
    | TaskQuestionEvent
    | TaskErrorEvent
    | UnknownEvent
)

_KINDS: dict[str, type[Any]] = {
    "session.created": SessionCreatedEvent,
    "session.status_changed": SessionStatusChangedEvent,
    "session.deleted": SessionDeletedEvent,
    "task.started": TaskStartedEvent,
    "task.completed": TaskCompletedEvent,
    "task.question": TaskQuestionEvent,
    "task.error": TaskErrorEvent,
}


class Headers(Protocol):
    """Headers as a dict, FastAPI, Flask and Django have them; names and values are str or bytes."""

    def items(self) -> Iterable[tuple[Any, Any]]:
        """Names and values."""
        ...


def parse(
    body: bytes | bytearray | memoryview | str,
    headers: Headers | Iterable[tuple[Any, Any]] | None = None,
) -> WebhookEvent:
    """Reads a webhook. Unknown kinds and fields pass through.

    Args:
        body: The request's raw body, at most 16 MiB.
        headers: The request's headers, in any case, as a mapping or as pairs (ASGI's
            `scope["headers"]`), text or bytes; the event that `X-Event-Type` names must be
            the body's.

    Raises:
        WebhookError: The body is no webhook, or lacks what its kind is documented to have.
            Answer 400.
        InvalidRequestError: `headers` is something else.

    Example:
        >>> event = webhooks.parse(request.data, request.headers)
        >>> event.type, event.session.id
    """
    if isinstance(body, str):
        # Half of a surrogate pair is refused with the rest that is not UTF-8.
        data = body.encode("utf-8", "surrogatepass")
    elif isinstance(body, (bytes, bytearray, memoryview)):
        data = bytes(body)
    else:
        raise WebhookError(
            f"The body is of type {type(body).__name__}. Pass the request's raw body, "
            "as bytes or str, before anything else parses it."
        )
    fields = _native.parse_webhook(data, _event_type(headers))
    kind = _KINDS.get(fields["type"], UnknownEvent)
    fields["timestamp"] = _time(fields, "timestamp")
    session = fields["session"]
    session["created_at"] = _time(session, "created_at")
    fields["session"] = WebhookSession(**session)
    if kind is TaskCompletedEvent:
        fields["result"] = TaskOutcome(**fields["result"])
    event: WebhookEvent = kind(**fields)
    return event


def _event_type(headers: Headers | Iterable[tuple[Any, Any]] | None) -> str | None:
    if headers is None:
        return None
    given: Any = headers
    items = getattr(given, "items", None)
    try:
        pairs = [(name, value) for name, value in (given if items is None else items())]
    except (TypeError, ValueError):
        raise InvalidRequestError(
            f"webhooks.parse: `headers` is of type {type(headers).__name__}. Pass the request's "
            "headers, as a mapping or as pairs of a name and a value, or leave them out."
        ) from None
    for name, value in pairs:
        if _text(name).lower() == "x-event-type":
            # Some frameworks keep every value of a name, in a list.
            one = value[0] if isinstance(value, (list, tuple)) and value else value
            return _text(one)
    return None


def _text(part: object) -> str:
    if isinstance(part, (bytes, bytearray, memoryview)):
        # What HTTP's bytes mean.
        return bytes(part).decode("latin-1")
    return part if isinstance(part, str) else ""


def _time(fields: dict[str, Any], name: str) -> datetime | None:
    raw = fields[name]
    moment = parse_time(raw)
    if moment is None and raw:
        fields["extra"][name] = raw
    return moment


def url(base: str, secret: str) -> str:
    """The address to give to `create` as `webhook_url`: `base` with a token that only who
    knows `secret` can make.

    The token is derived from the secret, which itself goes nowhere. Use https outside of tests.

    Args:
        base: Where your receiver is: http or https.
        secret: A long random text, kept as you keep the API key.

    Raises:
        InvalidRequestError: `base` is no web address, the result has more than 2,000
            characters, or the secret is empty.

    Example:
        >>> session = client.sessions.create(
        ...     webhook_url=webhooks.url("https://shop.example/hook", os.environ["HOOK_SECRET"])
        ... )
    """
    if not isinstance(base, str) or not isinstance(secret, str):
        raise InvalidRequestError("`base` and `secret` must be texts.")
    return _native.webhook_url(base, secret)


def verify(url_or_token: str | None, secret: str) -> bool:
    """Whether a request came to an address that `url` made with this secret.

    The comparison takes the same time wherever a wrong token differs. To change the secret,
    accept the old one too for as long as sessions with it live.

    Args:
        url_or_token: The address of the request, in full or from its path on, or the value of
            the query parameter `token`; None where there is none.
        secret: The secret that `url` was given; an empty one is never right.
    """
    if not isinstance(url_or_token, str) or not isinstance(secret, str):
        return False
    try:
        return _native.verify_webhook(url_or_token, secret)
    except UnicodeEncodeError:
        return False


class Deduplicator:
    """Remembers deliveries, to tell their repeats.

    The service tries a delivery up to 3 times within 30 seconds when it got no answer in time,
    and may send one twice. For any number of threads; one process. Where several processes
    receive, keep `event.key` in a place that they share.

    Args:
        capacity: How many deliveries to remember; the oldest are forgotten first.
    """

    __slots__ = ("_capacity", "_native")

    def __init__(self, capacity: int = 10_000) -> None:
        if not isinstance(capacity, int) or isinstance(capacity, bool) or capacity < 1:
            raise InvalidRequestError(f"`capacity` must be a whole number above 0, not {capacity}.")
        self._capacity = capacity
        self._native = _native.Deduplicator(capacity)

    def is_repeat(self, event: WebhookEvent) -> bool:
        """Whether this delivery came before; remembers it."""
        return self._native.is_repeat(event.key)

    def forget(self, event: WebhookEvent) -> None:
        """Forgets a delivery that could not be worked on, so that its repeat gets a chance."""
        self._native.forget(event.key)

    def __repr__(self) -> str:
        return f"Deduplicator(capacity={self._capacity})"

"""What the emulator tells of requests and webhooks, as objects."""

from __future__ import annotations

from .._models import Model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["CapturedRequest", "WebhookAttempt"]


class CapturedRequest(Model):
    """A request that the emulator received.

    Attributes:
        method: `GET`, `POST`, ...
        path: Such as `/v1/sessions`.
        query: As it was sent, without `?`; empty where there is none.
        headers: Names in lower case; `authorization` is hidden.
        body: The body as text.
        status: The status of the response; None while there is none.
        received_at: When: ISO 8601 text, UTC.
    """

    __slots__ = ("method", "path", "query", "headers", "body", "status", "received_at")

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        body: str,
        status: int | None,
        received_at: str,
    ) -> None:
        self.method: str = method
        self.path: str = path
        self.query: str = query
        self.headers: dict[str, str] = headers
        self.body: str = body
        self.status: int | None = status
        self.received_at: str = received_at

    def json(self) -> Any:
        """The body as JSON; ValueError where it is none."""
        from .._native import parse_json

        return parse_json(self.body)


class WebhookAttempt(Model):
    """An attempt of the emulator to deliver a webhook, as it ended.

    Attributes:
        event: Such as `task.completed`.
        session_id: The session it is about.
        attempt: 1, 2 or 3: the tries of one delivery.
        replay: Whether an event was sent once more, by the control API or the dashboard.
        at: When it was sent: ISO 8601 text, UTC; on a fast clock in the session's time.
        outcome: `webhook_delivered`, `webhook_retry`, `webhook_failed_permanently` or
            `webhook_notification_error`.
        status: The status of the receiver's answer; None if there was none.
        error: Why it failed; None if it did not.
        retry_in: Seconds until the next attempt; None if there is none.
        headers: The headers that were sent, with lower-case names. The address is not told: it may
            hold a secret.
        body: The body that was sent, as text.
        response_headers: The headers of the receiver's answer; None if there was none.
        response_body: The body of the receiver's answer: at most 64 KiB of it, and what came within
            a second. None if there was none.
    """

    __slots__ = (
        "event",
        "session_id",
        "attempt",
        "replay",
        "at",
        "outcome",
        "status",
        "error",
        "retry_in",
        "headers",
        "body",
        "response_headers",
        "response_body",
    )

    def __init__(
        self,
        event: str,
        session_id: str,
        attempt: int,
        replay: bool,
        at: str,
        outcome: str,
        status: int | None,
        error: str | None,
        retry_in: float | None,
        headers: dict[str, str],
        body: str,
        response_headers: dict[str, str] | None,
        response_body: str | None,
    ) -> None:
        self.event: str = event
        self.session_id: str = session_id
        self.attempt: int = attempt
        self.replay: bool = replay
        self.at: str = at
        self.outcome: str = outcome
        self.status: int | None = status
        self.error: str | None = error
        self.retry_in: float | None = retry_in
        self.headers: dict[str, str] = headers
        self.body: str = body
        self.response_headers: dict[str, str] | None = response_headers
        self.response_body: str | None = response_body


for _name in __all__:
    globals()[_name].__module__ = "sessionwire"

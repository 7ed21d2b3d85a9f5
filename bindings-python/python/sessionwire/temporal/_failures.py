"""Which errors are worth another attempt, in Temporal's words."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio.exceptions import ApplicationError

from .. import _errors as errors

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Another attempt would end the same way.
FINAL = (
    errors.ConfigError,
    errors.InvalidRequestError,
    errors.BadRequestError,
    errors.AuthenticationError,
    errors.PermissionDeniedError,
    errors.NotFoundError,
    errors.UnprocessableEntityError,
    errors.TaskError,
)


@contextmanager
def as_failures() -> Iterator[None]:
    """Raises this package's errors as failures of an activity: `type` is the error's name."""
    try:
        yield
    except errors.SessionwireError as error:
        raise failure(error) from error


def failure(error: errors.SessionwireError) -> ApplicationError:
    """An error as Temporal knows it, with whether it may be tried again, and when."""
    wait = getattr(error, "retry_after", None)
    return ApplicationError(
        str(error),
        {"reason": error.reason, "session_id": getattr(error, "session_id", None)},
        type=type(error).__name__,
        non_retryable=is_final(error),
        next_retry_delay=None if wait is None else timedelta(seconds=wait),
    )


def is_final(error: errors.SessionwireError) -> bool:
    if isinstance(error, errors.ConflictError):
        # Where nobody knows yet whether the task was sent, the next look may tell.
        return not error.maybe_delivered
    return isinstance(error, FINAL)

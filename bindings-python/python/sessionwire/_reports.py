"""What clients of both services say besides errors, and how they count time."""

from __future__ import annotations

from time import monotonic

from ._errors import InvalidRequestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import Any, Protocol

    class _Session(Protocol):
        @property
        def session_id(self) -> str: ...


#: Most seconds that closing a client takes for what must not be left.
CLOSE_LIMIT = 5.0
# Without an import of `math`.
_FOREVER = float("inf")


def finite(timeout: float | timedelta | None) -> float | timedelta | None:
    """A limit as JSON has it: infinity is no limit."""
    return None if timeout == _FOREVER else timeout


def seconds(given: float | timedelta) -> float:
    """A time that was given as a number of seconds, or as a `timedelta`."""
    # By its class, which a stand-in of a test does not have; the type is not imported for it.
    total_seconds: Callable[[object], float] | None = getattr(type(given), "total_seconds", None)
    if total_seconds is not None:
        return total_seconds(given)
    number: Any = given
    total: float = number
    return total


def said(given: float | timedelta | None) -> str:
    """The same for a person."""
    total = 0.0 if given is None else seconds(given)
    return f"{int(total) if total == int(total) else total} s"


def deadline(timeout: float | timedelta | None) -> float | None:
    """When so many seconds from now are over. Infinity is no limit."""
    if timeout is not None:
        timeout = seconds(timeout)
    if timeout is None or timeout == _FOREVER:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        from ._parameters import refused

        refused(f"`timeout` must be a number, not {timeout!r}")
    if not timeout > 0:
        raise InvalidRequestError(f"`timeout` must be a positive number of seconds, not {timeout}.")
    return monotonic() + timeout


def remaining(until: float | None) -> float | None:
    """The seconds until then; a trace of time where it has passed."""
    return None if until is None else max(0.001, until - monotonic())


def is_over(until: float | None) -> bool:
    """Whether the time has passed."""
    return until is not None and monotonic() >= until


def report_failed_delete(session: _Session, why: str, cause: BaseException | None) -> None:
    """Says that a context manager could not delete its session."""
    import warnings

    text = (
        f"The session {session.session_id} could not be deleted and may go on costing: {why} "
        "Delete it with `client.sessions.delete`."
    )
    log_warning(text)
    try:
        warnings.warn(text, ResourceWarning, stacklevel=4, source=session)
    except ResourceWarning:
        # Warnings are errors here, but the user's own exception goes first.
        if cause is None:
            raise


def report_left(texts: list[str]) -> None:
    """Says which sessions are left where a client was closed, or the process ends."""
    import contextlib
    import warnings

    for text in texts:
        log_warning(text)
        # Where warnings are errors, the others are still to be told.
        with contextlib.suppress(ResourceWarning):
            warnings.warn(text, ResourceWarning, stacklevel=3)


def log_warning(text: str) -> None:
    """Writes to the package's log."""
    from ._log import logger

    logger.warning(text)

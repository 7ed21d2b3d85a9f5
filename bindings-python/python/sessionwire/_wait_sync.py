"""Waiting, the blocking way: in ticks, so that Ctrl-C comes through.

The names here are those of `_wait_async`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias, TypeVar

    from . import _native
    from ._native import EventStream as EventStream

    T = TypeVar("T")
    # What a callback may give.
    Maybe: TypeAlias = T


def result(operation: _native.Operation) -> Any:
    """Waits for an operation. Ctrl-C cancels it."""
    return operation.wait()


finish = result


def within(operation: _native.Operation, seconds: float | None) -> bool:
    """Waits for an operation for so many seconds; whether it is done."""
    return operation.wait_for(seconds)


def call(function: Callable[..., Any], *args: object) -> Any:
    """Calls a user's callback."""
    return function(*args)


def stream(native: _native.EventStream) -> _native.EventStream:
    """The stream that users see."""
    return native

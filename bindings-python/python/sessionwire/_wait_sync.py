"""Waiting, the blocking way: in ticks, so that Ctrl-C comes through.

The names here are those of `_wait_async`.
"""

from __future__ import annotations

from ._late import Late as Late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Annotated, Any, TypeAlias, TypeVar

    from . import _native
    from ._native import EventStream as EventStream

    T = TypeVar("T")
    # What a callback may give. `T` alone could not be subscripted at run time.
    Maybe: TypeAlias = Annotated[T, "now"]


def result(pending: _native.Pending) -> Any:
    """Waits for a call. Ctrl-C cancels it."""
    return pending.wait()


finish = kept = result


def within(pending: _native.Pending, seconds: float | None) -> bool:
    """Waits for a call for so many seconds; whether it is done."""
    return pending.wait_for(seconds)


def call(function: Callable[..., Any], *args: object, seconds: float | None = None) -> Any:
    """Calls a user's callback, which takes the time that it takes."""
    del seconds
    return function(*args)


def stream(native: _native.EventStream) -> _native.EventStream:
    """The stream that users see."""
    return native


def loop(stream: EventStream) -> EventStream:
    """One loop over the events of a handle, which go on from loop to loop."""
    return stream._loop()

"""Runs `decode_frame` and `decode_answer` of a client, in a thread of the client's own.

Their calls come through a native queue; nothing native ever calls Python. Imported only for a
client that has one of them.
"""

from __future__ import annotations

import inspect
import threading
import traceback

from .. import _wait_sync
from .._errors import ConfigError
from .._log import logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .. import _native

    Outcome = tuple[str, Any]


def check(name: str, function: object, gives: str) -> None:
    """Refuses what cannot be called from a thread."""
    if not callable(function):
        raise ConfigError(
            f"{name} is not a function but {type(function).__name__}. Give a function that {gives}."
        )
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - objects with an async __call__
    ):
        raise ConfigError(
            f"{name} is a coroutine function, which a thread cannot await. Give a plain function "
            f"that {gives}."
        )


def serve(
    calls: _native.HookCalls,
    decode_frame: Callable[[Any], Any] | None,
    decode_answer: Callable[[str, int, Any], Any] | None,
) -> None:
    """Begins to call them, until the client is gone."""
    # A daemon: a function that does not come back must not keep the process.
    threading.Thread(
        target=_serve,
        args=(calls, decode_frame, decode_answer),
        name="sessionwire-hooks",
        daemon=True,
    ).start()


def _serve(
    calls: _native.HookCalls,
    decode_frame: Callable[[Any], Any] | None,
    decode_answer: Callable[[str, int, Any], Any] | None,
) -> None:
    while (call := _next(calls)) is not None:
        request = call.request
        if request["hook"] == "decode_frame":
            call.reply(_frames(calls, "decode_frame", decode_frame, request["frames"]))
        else:
            args = (request["operation"], request["status"], request["body"])
            call.reply([_outcome(calls, "decode_answer", decode_answer, *args)])
        # The next wait must not keep it.
        del call, request


def _next(calls: _native.HookCalls) -> _native.HookCall | None:
    try:
        call: _native.HookCall | None = _wait_sync.result(calls.next())
    except Exception:
        # The process ends.
        return None
    return call


def _frames(calls: _native.HookCalls, name: str, function: Any, frames: list[Any]) -> list[Outcome]:
    """What became of the frames, up to one that it failed on."""
    outcomes: list[Outcome] = []
    for frame in frames:
        outcomes.append(_outcome(calls, name, function, frame))
        if outcomes[-1][0] != "gave":
            break
    return outcomes


def _outcome(calls: _native.HookCalls, name: str, function: Any, *args: object) -> Outcome:
    try:
        value = function(*args)
        if inspect.isawaitable(value):
            if inspect.iscoroutine(value):
                value.close()
            return "odd", "something to await; give a plain function"
    except BaseException as error:
        # Python shows it on stderr by default; the error of the call has its text alone.
        trace = "".join(traceback.format_exception(error)).rstrip()
        shown = calls.redacted(trace)
        if shown == trace:
            logger.error("%s failed", name, exc_info=error)
        else:
            logger.error("%s failed\n%s", name, shown)
        return "failed", f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return "gave", value

"""Deletes sessions when the process ends, for clients with `delete_sessions_on_exit`.

At the interpreter's exit, which also follows an unhandled exception and Ctrl-C, and on the
signals that would end the process without one. A handler of the user's own is never replaced:
it ends the process when it is ready, and the exit follows.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import threading
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from . import _native

#: Most seconds that the end of the process takes for this.
LIMIT = 5.0
#: Seconds within which a signal that comes again is the same one: a program that runs this
#: one, such as npm, passes on what the terminal sends to both.
SAME_SIGNAL = 1.0
SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")

# Kept alive: the sessions of a client that is gone are still to be deleted.
_clients: list[_native.Client] = []
_at_exit = False
# When the signal came that ends the process.
_signalled: float | None = None


def watch(client: _native.Client) -> None:
    """Deletes what this client created and did not delete when the process ends."""
    global _at_exit
    if not _at_exit:
        _at_exit = True
        atexit.register(_delete)
    # Python lets only the main thread set handlers.
    if threading.current_thread() is threading.main_thread():
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _on_signal)
    _clients.append(client)


def _on_signal(number: int, _frame: FrameType | None) -> None:
    global _signalled
    if _signalled is not None and monotonic() - _signalled < SAME_SIGNAL:
        return
    try:
        if _signalled is None:
            _signalled = monotonic()
            _delete()
    finally:
        # The exit status is what it would have been. A later signal ends it at once.
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _delete() -> None:
    until = monotonic() + LIMIT
    clients, _clients[:] = _clients[:], []
    begun = [client.delete_created_sessions(LIMIT) for client in clients]
    for pending in begun:
        if pending is None:
            continue
        # The core keeps the limit; the rest is for a machine that is very busy.
        if not pending.wait_at_exit(max(0.0, until - monotonic()) + 0.5):
            _report("Sessions", "no answer in time")
            continue
        for session_id, why in pending.result():
            _report(f"The session {session_id}", why)


def _report(what: str, why: str) -> None:
    import warnings

    from ._log import logger

    text = f"{what} could not be deleted at exit and may go on costing: {why}"
    logger.warning(text)
    # Where warnings are errors, there is nobody left to catch this one.
    with contextlib.suppress(ResourceWarning):
        warnings.warn(text, ResourceWarning, stacklevel=1)


def _forget() -> None:
    _clients.clear()


if hasattr(os, "register_at_fork"):
    # A child has its own sessions; those of its parent are not its business.
    os.register_at_fork(after_in_child=_forget)

"""Being woken in an event loop that watches no descriptors, as Windows' default one, the proactor:
it reads a socket instead. Imported only there.
"""

from __future__ import annotations

import functools
import socket
import weakref

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine
    from typing import Any

# More than one byte comes only where a wake-up crossed with the reading of the last one.
_SIZE = 64


def read(loop: asyncio.AbstractEventLoop, drain: Callable[[], None]) -> _native.Bridge:
    """A bridge whose socket the loop reads; `drain` is called when something came."""
    reader, writer = socket.socketpair()
    with writer:
        native = _native.Bridge(writer.fileno())
    reader.setblocking(False)
    # With the loop, or at exit. A loop that is closed calls nobody back.
    weakref.finalize(loop, reader.close)
    _wait(weakref.ref(loop), reader, drain)
    return native


def _wait(
    of: weakref.ref[asyncio.AbstractEventLoop], reader: socket.socket, drain: Callable[[], None]
) -> None:
    """Asks the loop for the next bytes."""
    while (loop := of()) is not None and reader.fileno() != -1:
        # Not a task: `asyncio.run` cancels every task at its end, and those that close a session
        # then still wait for their calls.
        reading: Coroutine[Any, Any, bytes] = loop.sock_recv(reader, _SIZE)
        try:
            future: asyncio.Future[Any] = reading.send(None)
        except StopIteration as done:
            # The bytes were there. None at all: nobody is left who would write.
            if not done.value:
                return
            drain()
            continue
        # What a task does with the future that its coroutine awaits.
        future._asyncio_future_blocking = False
        future.add_done_callback(functools.partial(_came, of, reader, drain, reading))
        return


def _came(
    of: weakref.ref[asyncio.AbstractEventLoop],
    reader: socket.socket,
    drain: Callable[[], None],
    reading: Coroutine[Any, Any, bytes],
    future: asyncio.Future[Any],
) -> None:
    if future.cancelled():
        # As by a loop that closes.
        return
    try:
        reading.send(None)
    except StopIteration as done:
        if done.value:
            drain()
            _wait(of, reader, drain)
    except OSError:
        # At exit the socket is closed under a loop that still runs in another thread.
        if reader.fileno() != -1:
            raise

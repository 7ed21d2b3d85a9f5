"""Waiting, the asynchronous way: asyncio, uvloop and trio.

Finished work reaches the event loop through one file descriptor per loop (see
`_native.Bridge`), or through a socket where the loop cannot watch one (`_wait_socket`).
The names here are those of `_wait_sync`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import weakref
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from . import _native
from ._late import Late as Late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from types import TracebackType
    from typing import Literal, TypeAlias

    from ._agi.events import Event

    T = TypeVar("T")
    # What a callback may give: a value, or something to await for it.
    Maybe: TypeAlias = T | Awaitable[T]

C = TypeVar("C", bound="AbstractAsyncContextManager[Any]")

# After so many events in a row without a wait, the loop gets a turn.
_FAIR = 512


class _Bridge(Protocol):
    """How finished work wakes one event loop."""

    native: _native.Bridge

    def expect(self) -> tuple[int, Awaitable[object]]:
        """A token, and what to await until the token comes through."""
        ...

    def forget(self, token: int) -> None:
        """Nobody waits for this token any more."""
        ...

    async def checkpoint(self) -> None:
        """Gives the loop one turn."""
        ...

    def shield(self) -> AbstractContextManager[object]:
        """A block that an outer cancel scope does not reach."""
        ...

    async def limit(self, ready: Awaitable[object], seconds: float | None) -> bool:
        """Awaits at most so many seconds; False if they passed."""
        ...

    async def bounded(self, value: Awaitable[object], seconds: float) -> object:
        """Awaits a value, and cancels it after so many seconds: Late."""
        ...


class _AsyncioBridge:
    __slots__ = ("_loop", "native", "tokens", "waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.native = _native.Bridge()
        self.tokens = itertools.count(1)
        self.waiters: dict[int, asyncio.Future[None]] = {}
        # The loop holds this object; a reference back would keep both alive.
        self._loop = weakref.ref(loop)
        try:
            loop.add_reader(self.native.fileno(), self._drain)
        except NotImplementedError:
            # As the default loop of Windows, which reads sockets and watches none.
            from . import _wait_socket

            self.native = _wait_socket.read(loop, self._drain)

    def _drain(self) -> None:
        waiters = self.waiters
        for token in self.native.drain():
            future = waiters.pop(token, None)
            if future is not None and not future.done():
                future.set_result(None)

    def expect(self) -> tuple[int, Awaitable[object]]:
        token = next(self.tokens)
        loop = self._loop()
        assert loop is not None, "the running loop is alive"
        future = self.waiters[token] = loop.create_future()
        return token, future

    def forget(self, token: int) -> None:
        self.waiters.pop(token, None)

    async def checkpoint(self) -> None:
        await asyncio.sleep(0)

    def shield(self) -> AbstractContextManager[object]:
        # A task that was cancelled can await again, unless a scope of anyio does it anew.
        anyio = sys.modules.get("anyio")
        scope = getattr(anyio, "CancelScope", None)
        if scope is None or asyncio.current_task() is None:
            return contextlib.nullcontext()
        shield: AbstractContextManager[object] = scope(shield=True)
        return shield

    async def limit(self, ready: Awaitable[object], seconds: float | None) -> bool:
        if seconds is None:
            await ready
            return True
        done, _ = await asyncio.wait([asyncio.ensure_future(ready)], timeout=max(0.0, seconds))
        return bool(done)

    async def bounded(self, value: Awaitable[object], seconds: float) -> object:
        scope = asyncio.timeout(seconds)
        try:
            async with scope:
                return await value
        except TimeoutError:
            if not scope.expired():
                raise
            raise Late from None


_bridges: weakref.WeakKeyDictionary[Any, _Bridge] = weakref.WeakKeyDictionary()
# The loop that was asked for last: most programs have one, and a dictionary of weak
# references takes as long as the rest of the way there.
_latest: tuple[weakref.ref[Any], _Bridge] | None = None


def _current() -> _Bridge:
    """The bridge of the running event loop."""
    global _latest
    try:
        loop: Any = asyncio.get_running_loop()
        make: Callable[[Any], _Bridge] = _AsyncioBridge
    except RuntimeError:
        loop, make = _trio()
    latest = _latest
    if latest is not None and latest[0]() is loop and latest[1].native.is_own_process():
        return latest[1]
    bridge = _bridges.get(loop)
    if bridge is None or not bridge.native.is_own_process():
        bridge = _bridges[loop] = make(loop)
    _latest = weakref.ref(loop, _loop_ended), bridge
    return bridge


def _loop_ended(_: object) -> None:
    global _latest
    _latest = None


def _trio() -> tuple[Any, Callable[[Any], _Bridge]]:
    if "trio" in sys.modules:
        from . import _wait_trio

        if (token := _wait_trio.running()) is not None:
            return token, _wait_trio.TrioBridge
    raise RuntimeError(
        "No event loop is running here. Call this from a coroutine under asyncio or trio, "
        "or use Agi."
    )


async def result(pending: _native.Pending) -> Any:
    """Awaits a call. Cancelling the awaiting task cancels it."""
    bridge = _current()
    token, ready = bridge.expect()
    try:
        if pending.watch(bridge.native, token):
            bridge.forget(token)
        else:
            # Who makes it ready forgets the token.
            await ready
    except BaseException:
        bridge.forget(token)
        pending.cancel()
        raise
    return pending.result()


async def within(pending: _native.Pending, seconds: float | None) -> bool:
    """Awaits a call for so many seconds; whether it is done."""
    bridge = _current()
    token, ready = bridge.expect()
    try:
        return pending.watch(bridge.native, token) or await bridge.limit(ready, seconds)
    except BaseException:
        pending.cancel()
        raise
    finally:
        bridge.forget(token)


async def finish(pending: _native.Pending) -> Any:
    """Awaits a call that goes on if the awaiting task is cancelled: the core sees to that."""
    with _current().shield():
        return await kept(pending)


async def kept(pending: _native.Pending) -> Any:
    """Awaits a call that goes on if the awaiting task is cancelled, and can be awaited again."""
    bridge = _current()
    token, ready = bridge.expect()
    try:
        if not pending.watch(bridge.native, token):
            await ready
    finally:
        bridge.forget(token)
    return pending.result()


async def call(function: Callable[..., Any], *args: object, seconds: float | None = None) -> Any:
    """Calls a user's callback, which may be sync or async; an async one for so many seconds."""
    value = function(*args)
    if hasattr(value, "__await__"):
        value = await (value if seconds is None else _current().bounded(value, seconds))
    return value


class AsyncEventStream:
    """The events of a session or task, each exactly once, in order.

    An async iterator and an async context manager. Closing it, or dropping the
    last reference to it, frees its socket. Cancelling a task that waits for the
    next event loses no event. One task reads it at a time.
    """

    __slots__ = ("__weakref__", "_batch", "_credit", "_dropped", "_latest", "_native", "_reading")

    def __init__(self, native: _native.EventStream) -> None:
        self._native = native
        # Handed over by the native half, the last one first.
        self._batch: list[Event] = []
        # How many of them were given to nobody when it was closed.
        self._dropped = 0
        self._credit = _FAIR
        # Of the loop that reads it: its number, and 0 for who reads it without one.
        self._reading: int | None = None
        # The loop that began last.
        self._latest = 0

    def __aiter__(self) -> AsyncEventStream:
        return self

    async def __anext__(self) -> Event:
        if self._batch:
            return self._batch.pop()
        event = await self._fetch(None)
        if event:
            return event
        raise StopAsyncIteration

    async def _next(self, timeout: float | None) -> Event | Literal[False] | None:
        """The next event; None at the end; False after `timeout` seconds."""
        return self._batch.pop() if self._batch else await self._fetch(timeout)

    async def _fetch(self, timeout: float | None, number: int = 0) -> Event | Literal[False] | None:
        # An older loop that still waits was woken when this one began, and reads no more.
        if self._reading is not None and not 0 < self._reading < number:
            if number:
                self._native._superseded()
            raise RuntimeError(
                "Another task is reading this event stream. Open one stream per task."
            )
        until = None if timeout is None else monotonic() + timeout
        self._reading = number
        try:
            if self._credit <= 0:
                self._credit = _FAIR
                await _current().checkpoint()
            while True:
                if number and number != self._latest:
                    self._native._superseded()
                batch = self._native._take()
                if batch is None:
                    remaining = None if until is None else until - monotonic()
                    if not await self._readable(remaining):
                        return False
                    self._credit = _FAIR
                elif batch:
                    self._credit -= len(batch)
                    event = batch.pop()
                    self._batch = batch
                    return event
                else:
                    return None
        finally:
            if self._reading == number:
                self._reading = None

    async def _readable(self, timeout: float | None) -> bool:
        bridge = _current()
        token, ready = bridge.expect()
        try:
            self._native._watch(bridge.native, token)
            return await bridge.limit(ready, timeout)
        finally:
            bridge.forget(token)

    def _held(self) -> int:
        """How many events were taken from the queue here, and given to nobody."""
        return len(self._batch) + self._dropped

    async def close(self) -> None:
        """Ends the stream and frees its socket. Can be called twice."""
        self._dropped += len(self._batch)
        self._batch = []
        self._native.close()

    async def aclose(self) -> None:
        """The same as `close()`."""
        await self.close()

    @property
    def closed(self) -> bool:
        """Whether the stream was closed on this side."""
        return self._native.closed

    async def __aenter__(self) -> AsyncEventStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncEventStream(closed={self.closed})"


AsyncEventStream.__module__ = "sessionwire"


def stream(native: _native.EventStream) -> AsyncEventStream:
    """The stream that users see."""
    return AsyncEventStream(native)


class _Loop:
    """One loop over the events of a handle, which go on from loop to loop."""

    __slots__ = ("_number", "_stream")

    def __init__(self, stream: AsyncEventStream) -> None:
        self._stream = stream
        # From its first read on.
        self._number = 0

    def __aiter__(self) -> _Loop:
        return self

    async def __anext__(self) -> Event:
        event = await self._next(None)
        if event:
            return event
        raise StopAsyncIteration

    async def _next(self, timeout: float | None) -> Event | Literal[False] | None:
        """The next event; None at the end; False after `timeout` seconds."""
        stream = self._stream
        if self._number == 0:
            self._number = stream._latest = stream._native._begin()
        elif self._number != stream._latest:
            stream._native._superseded()
        return stream._batch.pop() if stream._batch else await stream._fetch(timeout, self._number)


def loop(stream: AsyncEventStream) -> _Loop:
    """One loop over the events of a handle."""
    return _Loop(stream)


class Opening(Generic[C]):
    """Something on its way: `await` it, or enter it with `async with`."""

    __slots__ = ("_coroutine", "_value")

    def __init__(self, coroutine: Coroutine[Any, Any, C]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, C]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> C:
        self._value = await self._coroutine
        await self._value.__aenter__()
        return self._value

    def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Awaitable[bool | None]:
        # Not a coroutine of its own, whose frame a warning's place would count.
        return self._value.__aexit__(kind, error, traceback)

"""The bridge to trio. Imported only where trio runs."""

from __future__ import annotations

import itertools

import trio

from . import _native
from ._late import Late

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Generator
    from contextlib import AbstractContextManager
    from typing import Any


def running() -> Any:
    """What stands for the running loop, or None outside of trio."""
    try:
        return trio.lowlevel.current_trio_token()
    except RuntimeError:
        return None


def spawn(coroutine: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine until it ends or trio does."""

    async def run() -> None:
        await coroutine

    trio.lowlevel.spawn_system_task(run)


class _Ready:
    """A trio event that can be awaited directly."""

    __slots__ = ("event",)

    def __init__(self) -> None:
        self.event = trio.Event()

    def __await__(self) -> Generator[Any, Any, None]:
        return self.event.wait().__await__()


class TrioBridge:
    __slots__ = ("native", "tokens", "waiters")

    def __init__(self, _loop: object) -> None:
        self.native = _native.Bridge()
        self.tokens = itertools.count(1)
        self.waiters: dict[int, _Ready] = {}
        trio.lowlevel.spawn_system_task(self._read)

    async def _read(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self.native.fileno())
            for token in self.native.drain():
                ready = self.waiters.pop(token, None)
                if ready is not None:
                    ready.event.set()

    def expect(self) -> tuple[int, Awaitable[object]]:
        token = next(self.tokens)
        ready = self.waiters[token] = _Ready()
        return token, ready

    def forget(self, token: int) -> None:
        self.waiters.pop(token, None)

    async def checkpoint(self) -> None:
        await trio.lowlevel.checkpoint()

    def shield(self) -> AbstractContextManager[object]:
        return trio.CancelScope(shield=True)

    async def limit(self, ready: Awaitable[object], seconds: float | None) -> bool:
        if seconds is None:
            await ready
            return True
        with trio.move_on_after(max(0.0, seconds)):
            await ready
            return True
        return False

    async def bounded(self, value: Awaitable[object], seconds: float) -> object:
        with trio.move_on_after(seconds):
            return await value
        raise Late

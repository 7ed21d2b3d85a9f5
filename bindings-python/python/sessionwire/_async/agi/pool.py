"""A pool: sessions that are shared, and never more than so many of them."""

from __future__ import annotations

from ... import _wait_async as _wait
from .session import AsyncSession

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Self

    from ..._agi.seam import SnapshotOptions
    from ..._agi.types import Client
    from ..._native import SessionPool as NativeSessionPool


class AsyncSessionPool:
    """Sessions that are shared: each is given to one user at a time, and used again.

    Made by `client.sessions.pool`. Use it as a context manager, or call `close()`.
    """

    __slots__ = ("__weakref__", "_client", "_native", "_snapshot")

    def __init__(
        self, client: Client, native: NativeSessionPool, snapshot: SnapshotOptions
    ) -> None:
        self._client = client
        self._native = native
        self._snapshot = snapshot

    def session(self, *, timeout: float | timedelta | None = None) -> AsyncPooledSession:
        """Gives a session for one block, which waits for a free one; first come, first served.

        It is used again afterwards, unless the block raised, its task still runs, or it is
        too old: then it is deleted, and another one takes its place.

        Args:
            timeout: Seconds to wait. None: no limit.

        Raises:
            TaskTimeout: None became free in time.
            RateLimitError: The service allows no more sessions, and none of this pool will
                be free.
            APIError: A session could not be created.

        Example:
            >>> async with pool.session() as session:
            ...     result = await session.run_task("What does the blue mug cost?")
        """
        return AsyncPooledSession(self, timeout)

    def _of(self, lease: int) -> Client:
        """The client, for as long as the session is not given back."""
        native = self._client._native.leased(self._native, lease)
        # None: the end of the client took it back.
        return self._client if native is None else self._client._copy(native)

    async def close(self) -> None:
        """Ends it: whoever waits gets an error, and what nobody uses is deleted; the others
        are deleted once they are given back. Can be called twice."""
        await _wait.finish(self._native.start({"op": "close"}))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncPooledSession:
    """The session of a block: `async with pool.session() as session`."""

    __slots__ = ("_lease", "_pool", "_timeout")

    def __init__(self, pool: AsyncSessionPool, timeout: float | timedelta | None) -> None:
        self._pool = pool
        self._timeout = timeout
        self._lease: int | None = None

    async def __aenter__(self) -> AsyncSession:
        pool = self._pool
        reply = await _wait.result(pool._native.start({"op": "acquire", "timeout": self._timeout}))
        self._lease = reply["lease"]
        return AsyncSession(pool._of(reply["lease"]), reply["session"], pool._snapshot)

    async def __aexit__(self, kind: object, error: BaseException | None, _: object) -> None:
        lease, self._lease = self._lease, None
        if lease is not None:
            discard = error is not None
            operation = self._pool._native.start(
                {"op": "release", "lease": lease, "discard": discard}
            )
            # Goes on where the block was cancelled.
            await _wait.finish(operation)

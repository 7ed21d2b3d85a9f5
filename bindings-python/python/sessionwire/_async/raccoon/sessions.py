"""The sessions of a key: list, get, rename, delete."""

from __future__ import annotations

from ... import _wait_async as _wait
from ..._models import DeleteResult, SuccessResult
from ..._raccoon.ids import session_text
from ..._raccoon.models import History, SessionRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator
    from typing import Any

    from ..._raccoon.seam import Operation
    from ..._raccoon.types import Client


class AsyncRaccoonSessions:
    """The sessions of a key: `client.sessions`."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def list(
        self,
        *,
        search: str | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[SessionRecord]:
        """Lists the sessions of this key; the next page is read when it is needed.

        Args:
            search: Only sessions that match this text.
            sort_by: `updatedAt`, `createdAt` or `title`.
            sort_order: `asc` or `desc`.
            limit: Sessions per page: 1 to 100.

        Example:
            >>> async for session in client.sessions.list(search="report"):
            ...     print(session.session_id, session.title)
        """
        page = None
        seen: set[str] = set()
        while True:
            reply = await self._call(
                {
                    "op": "list_sessions",
                    "page": page,
                    "limit": limit,
                    "search": search,
                    "sort_by": sort_by,
                    "sort_order": sort_order,
                }
            )
            new = [fields for fields in reply["sessions"] if fields["session_id"] not in seen]
            for fields in new:
                seen.add(fields["session_id"])
                yield SessionRecord._of(fields)
            # A service that ignores the page's number repeats the first one.
            if reply["last"] or not new:
                return
            page = (page or 1) + 1

    async def get(self, session_id: str | uuid.UUID) -> History:
        """Reads a session's record and all its messages.

        Raises:
            NotFoundError: There is no such session, or it belongs to another key.
        """
        reply = await self._call({"op": "get_session", "session_id": session_text(session_id)})
        return History._of(reply)

    async def rename(self, session_id: str | uuid.UUID, title: str) -> SuccessResult:
        """Gives a session another title: 1 to 255 characters."""
        reply = await self._call(
            {"op": "rename_session", "session_id": session_text(session_id), "title": title}
        )
        return SuccessResult(**reply)

    async def delete(self, session_id: str | uuid.UUID) -> DeleteResult:
        """Deletes a session; one that is gone is no error."""
        reply = await self._call({"op": "delete_session", "session_id": session_text(session_id)})
        return DeleteResult(**reply)

    async def _call(self, operation: Operation) -> Any:
        return await _wait.result(self._client._start(operation))

"""The sessions of a key: create, list, get, attach, delete."""

from __future__ import annotations

from ... import _native
from ... import _wait_async as _wait
from ..._agi.models import CleanupReport, ReapReport
from ..._errors import InvalidRequestError
from ..._models import DeleteResult, Listed
from ..._parameters import listed
from .pool import AsyncSessionPool
from .session import AsyncSession, snapshot_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta
    from typing import Any, Literal, Unpack

    from ..._agi.seam import (
        CreateSessionOperation,
        FindOrCreateOperation,
        Operation,
        PoolOptions,
        SnapshotOptions,
    )
    from ..._agi.types import Client, CreateOptions, SessionStatus, SnapshotMode
    from ..._wait_async import Opening

    # `list` is a method here.
    List = list


class AsyncSessions:
    """The sessions of a key: `client.sessions`."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self,
        agent_name: str = "agi-0",
        *,
        webhook_url: str | None = None,
        restore_from_session_id: str | None = None,
        restore_default_environment_from_user_id: str | None = None,
        enable_memory_snapshot: bool | None = None,
        save_snapshot_mode: SnapshotMode | None = None,
        save_as_default: bool | None = None,
        goal: str | None = None,
        max_steps: int | None = None,
        restore_from_environment_id: str | None = None,
        agent_session_type: str | None = None,
        cdp_url: str | None = None,
        environment_type: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait_for_limit: float | timedelta | None = None,
    ) -> Opening[AsyncSession]:
        """Creates a session. As a context manager it is deleted on every way out.

        Args:
            agent_name: The agent, such as `agi-0` (full) or `agi-0-fast` (quick).
            webhook_url: Where the service reports events: http or https, at most
                2,000 characters.
            restore_from_session_id: Restores the snapshot of this deleted session.
            restore_default_environment_from_user_id: Restores this user's default
                environment.
            enable_memory_snapshot: Whether a restore may use the faster memory
                snapshot. The service's default: yes.
            save_snapshot_mode: What the context manager's delete keeps: `none`,
                `memory` or `filesystem`.
            save_as_default: Whether that snapshot becomes the user's default
                environment; needs a mode that saves one.
            goal: The session's goal.
            max_steps: The most steps of a task.
            restore_from_environment_id: Restores this environment.
            agent_session_type: `managed-cdp`, `external-cdp` or `desktop`.
            cdp_url: The browser to drive, for `external-cdp`.
            environment_type: `chrome-1` or `ubuntu-1`.
            extra_body: Fields that this version does not know; they win over the
                others.
            wait_for_limit: Seconds that this call may wait for the service's limits,
                within the client's `timeout`. Default: as the client does.

        Raises:
            InvalidRequestError: An input that the service would refuse.
            RateLimitError: Too many sessions or requests, and no wait was allowed or
                it was too short.
            APIError: The service refused the request, or was not reached.

        Example:
            >>> async with await client.sessions.create("agi-0-fast") as session:
            ...     result = await session.run_task("Summarise https://example.com")
        """
        snapshot = snapshot_options(save_snapshot_mode, save_as_default)
        params: CreateSessionOperation = {
            "op": "create_session",
            "agent_name": agent_name,
            "webhook_url": webhook_url,
            "restore_from_session_id": restore_from_session_id,
            "restore_default_environment_from_user_id": restore_default_environment_from_user_id,
            "enable_memory_snapshot": enable_memory_snapshot,
            "goal": goal,
            "max_steps": max_steps,
            "restore_from_environment_id": restore_from_environment_id,
            "agent_session_type": agent_session_type,
            "cdp_url": cdp_url,
            "environment_type": environment_type,
            "snapshot": snapshot,
            "extra_body": dict(extra_body or {}),
            "wait_for_limit": wait_for_limit,
        }
        return _wait.Opening(self._create(params, snapshot))

    async def _create(
        self, params: CreateSessionOperation, snapshot: SnapshotOptions
    ) -> AsyncSession:
        return AsyncSession(self._client, await self._call(params), snapshot)

    async def list(self, *, status: str | Iterable[str] | None = None) -> List[AsyncSession]:
        """Lists the sessions of this key, active and finished.

        Args:
            status: Only those with this status, such as `running`, or one of these.

        Raises:
            InvalidRequestError: `status` is empty.

        Example:
            >>> print(len(await client.sessions.list(status="running")), "at work")
        """
        if status is None:
            statuses = None
        else:
            statuses = [status] if isinstance(status, str) else listed("status", status)
        infos = await self._call({"op": "list_sessions", "status": statuses})
        return Listed(AsyncSession(self._client, info) for info in infos)

    def find_or_create(
        self, agent_name: str = "agi-0", **create_options: Unpack[CreateOptions]
    ) -> Opening[AsyncSession]:
        """Gives the newest session of this agent that rests (its status is `ready` or
        `completed`); where there is none, a new one. Two callers at once may find the same.

        What a session that is found was created with is not looked at. As a context manager it is
        deleted on every way out, as every session.

        Args:
            agent_name: The agent, such as `agi-0` or `agi-0-fast`.
            **create_options: As for `create`.

        Raises:
            InvalidRequestError: An input that the service would refuse.
            APIError: The service refused a request, or was not reached.

        Example:
            >>> session = await client.sessions.find_or_create("agi-0-fast")
            >>> result = await session.run_task("Summarise https://example.com")
        """
        snapshot = snapshot_options(
            create_options.pop("save_snapshot_mode", None),
            create_options.pop("save_as_default", None),
        )
        given = {name: value for name, value in create_options.items() if value is not None}
        create: Any = {"agent_name": agent_name, "snapshot": snapshot, **given}
        return _wait.Opening(self._find({"op": "find_or_create", "create": create}, snapshot))

    async def _find(self, params: FindOrCreateOperation, snapshot: SnapshotOptions) -> AsyncSession:
        return AsyncSession(self._client, await self._call(params), snapshot)

    async def get(self, session_id: str) -> AsyncSession:
        """Reads a session's fields.

        Raises:
            NotFoundError: There is no such session, or it belongs to another key.
        """
        info = await self._call({"op": "get_session", "session_id": session_id})
        return AsyncSession(self._client, info)

    def attach(self, session_id: str) -> AsyncSession:
        """Gives a handle on an existing session, without a request.

        Its fields other than `session_id` are empty until `refresh()`.

        Raises:
            InvalidRequestError: The id is empty.
        """
        _native.check({"check": "session_id", "session_id": session_id})
        return AsyncSession(self._client, {"session_id": session_id})

    async def delete(
        self,
        session_id: str,
        *,
        save_snapshot_mode: SnapshotMode | None = None,
        save_as_default: bool | None = None,
    ) -> DeleteResult:
        """Deletes a session; one that is gone is no error.

        Args:
            session_id: Which session.
            save_snapshot_mode: What to keep: `none`, `memory` or `filesystem`.
            save_as_default: Makes the snapshot the user's default environment;
                needs a mode that saves one.
        """
        snapshot = snapshot_options(save_snapshot_mode, save_as_default)
        reply = await self._call(
            {"op": "delete_session", "session_id": session_id, "snapshot": snapshot}
        )
        return DeleteResult(**reply)

    async def cleanup(
        self,
        *,
        older_than: float | timedelta | None = None,
        statuses: Iterable[SessionStatus] | Literal["any"] = ("completed", "error"),
    ) -> List[CleanupReport]:
        """Deletes the sessions of this key that match, and says what became of each.

        Args:
            older_than: Only sessions created more than so many seconds ago, by this
                machine's clock; those without a readable time are kept then.
            statuses: Only sessions with one of these statuses; `any` stands for all.

        Raises:
            InvalidRequestError: `statuses` is empty, or a text.
            APIError: The sessions could not be listed. A delete that fails is the
                `error` of its report instead.

        Example:
            >>> for report in await client.sessions.cleanup(older_than=3600):
            ...     print(report.session_id, report.deleted)
        """
        if isinstance(statuses, str):
            if statuses != "any":
                raise InvalidRequestError(
                    f"`statuses` is a text. Pass a list of statuses, such as [{statuses!r}], or "
                    "'any' for all."
                )
            statuses = [statuses]
        reports = await self._call(
            {"op": "cleanup", "older_than": older_than, "statuses": listed("statuses", statuses)}
        )
        return [CleanupReport._of(report) for report in reports]

    async def delete_created(self) -> List[CleanupReport]:
        """Deletes the sessions that this client and its copies created and did not delete, and
        says what became of each. `delete_sessions_on_exit` of the client does it at the end of
        the process.

        Only their ids are known: `status` of a report is empty.

        Raises:
            APIConnectionError: The client is closed. A delete that fails is the `error` of its
                report instead.

        Example:
            >>> for report in await client.sessions.delete_created():
            ...     print(report.session_id, report.deleted)
        """
        reports = await self._call({"op": "delete_created"})
        return [CleanupReport._of(report) for report in reports]

    def pool(
        self,
        max_sessions: int,
        *,
        max_age: float | timedelta | None = None,
        agent_name: str = "agi-0",
        **create_options: Unpack[CreateOptions],
    ) -> AsyncSessionPool:
        """Gives a pool of sessions: they are created as they are needed, shared, and used
        again, and there are never more than so many.

        Args:
            max_sessions: How many sessions there are at most.
            max_age: Seconds after which a session is deleted when it is given back, instead
                of being used again. None: no limit.
            agent_name: The agent, such as `agi-0` or `agi-0-fast`.
            **create_options: As for `create`; `wait_for_limit` is the time that a wait
                without a timeout may take where the service allows no more sessions and none
                of the pool will be free.

        Raises:
            InvalidRequestError: An input that cannot be; nothing was sent.

        Example:
            >>> async with client.sessions.pool(5) as pool:
            ...     async with pool.session() as session:
            ...         result = await session.run_task("What does the blue mug cost?")
        """
        snapshot = snapshot_options(
            create_options.pop("save_snapshot_mode", None),
            create_options.pop("save_as_default", None),
        )
        given = {name: value for name, value in create_options.items() if value is not None}
        create: Any = {"agent_name": agent_name, "snapshot": snapshot, **given}
        options: PoolOptions = {
            "max_sessions": max_sessions,
            "max_age": max_age,
            "create": create,
        }
        return AsyncSessionPool(self._client, self._client._native.pool(options), snapshot)

    async def reap(self, *, older_than: float | timedelta | None = None) -> List[ReapReport]:
        """Deletes the sessions that dead processes left, by the client's `ledger`, and says
        what became of each. It touches nothing of a process that lives.

        Args:
            older_than: Only sessions created more than so many seconds ago, by the ledger.

        Raises:
            ConfigError: The client has no ledger, or it cannot be read.
            ConflictError: Another process is reaping it: `code` is `reap_in_progress`.

        Example:
            >>> for report in await client.sessions.reap():
            ...     print(report.outcome, report.session_id, report.agent_name)
        """
        reports = await self._call({"op": "reap", "older_than": older_than})
        return [ReapReport._of(report) for report in reports]

    async def release(self, session_id: str) -> None:
        """Hands a session over to whoever keeps its id, such as a workflow: from here on `reap`
        leaves it alone, whichever processes use it and die. Makes no request, and does nothing
        for a client without a `ledger`.

        A context manager deletes its session all the same.

        Raises:
            InvalidRequestError: The id is empty.
            ConfigError: The ledger cannot be written: the session is still this process's.

        Example:
            >>> session = await client.sessions.create()
            >>> await client.sessions.release(session.session_id)
        """
        await self._call({"op": "release_session", "session_id": session_id})

    async def delete_all(self) -> DeleteResult:
        """Deletes all sessions of this key, and cancels their tasks. There is no way back."""
        return DeleteResult(**await self._call({"op": "delete_all_sessions"}))

    async def _call(self, operation: Operation) -> Any:
        return await _wait.result(self._client._start(operation))

"""The asynchronous client: the one place where calls are written.

`_client.py`, the blocking client, is generated from this file by
`bindings-python/generate_sync.py`; run it after every change here.
"""

from __future__ import annotations

from . import _native
from . import _wait_async as _wait
from ._async_base import AsyncBaseClient, AsyncHandle, delete_on_exit
from ._errors import InvalidRequestError, QuestionPending, SessionwireError, TaskTimeout
from ._models import (
    CleanupReport,
    DeleteResult,
    Message,
    Messages,
    Screenshot,
    SessionFields,
    SuccessResult,
    TaskOutcome,
    TaskResult,
)
from ._reports import deadline, left, log_warning

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from typing import Any, Unpack

    from ._events import Event, QuestionEvent
    from ._native import Client as NativeClient
    from ._native import Task as NativeTask
    from ._types import CreateOptions
    from ._wait_async import AsyncEventStream, Maybe, Opening

    # `list` is a method here.
    List = list

__all__ = ["AsyncAgi", "AsyncSession", "AsyncSessions", "AsyncTask"]


class AsyncAgi(AsyncBaseClient):
    """A client of the AGI Agent Sessions API.

    Configuration plus a connection pool, for any number of threads and event
    loops. Use it as a context manager, or call `close()`. It sends nothing
    until the first call.

    Args:
        api_key: The API key. Default: the environment variable `AGI_API_KEY`.
        base_url: The service's address, with or without `/v1`, or a gateway's
            address with a path. Default: `AGI_BASE_URL`, else the public service.
        timeout: Deadline of one call in seconds, over all its retries and waits.
        connect_timeout: Limit for opening a connection, in seconds.
        max_retries: How many times a failed request is tried again where that
            is safe; 0 turns retries off.
        wait_for_limit: Seconds that a call may wait, within `timeout`, for the
            service's limits to end (429, or 503 "Rate limit exceeded"), such as too
            many sessions at once. Default: a limit is tried again like any other
            failure; 0: it is a RateLimitError at once.
        proxy: A proxy for every request. Default: `HTTPS_PROXY`, `HTTP_PROXY`
            and `NO_PROXY`; loopback is never proxied unless this is set.
        ca_file: A PEM file with the certificate authorities to trust, instead
            of the system's.
        headers: Headers added to every request.
        allow_insecure_http: Allows `http://` to a host that is not loopback.
        delete_sessions_on_exit: When the process ends, also by an exception, Ctrl-C, SIGTERM
            or SIGHUP, deletes what this client created and did not delete; for at most 5
            seconds. A signal handler of your own stays in force: the sessions go when it
            ends the process by `sys.exit` or an exception. Signals are only seen if a
            client with this option is made in the main thread.

    Raises:
        ConfigError: A missing key, or an option that cannot be used.

    Example:
        >>> async with AsyncAgi() as client:
        ...     result = await client.run_task("What is on the front page of example.com?")
        ...     print(result.text)
    """

    __slots__ = ("sessions",)

    _native: NativeClient
    #: The sessions of this key: create, list, get, attach, delete, delete_all.
    sessions: AsyncSessions

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = 60.0,
        connect_timeout: float = 10.0,
        max_retries: int = 3,
        wait_for_limit: float | None = None,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        headers: Mapping[str, str] | None = None,
        allow_insecure_http: bool = False,
        delete_sessions_on_exit: bool = False,
    ) -> None:
        self._connect(
            {
                "api_key": api_key,
                "base_url": base_url,
                "timeout": timeout,
                "connect_timeout": connect_timeout,
                "max_retries": max_retries,
                "wait_for_limit": wait_for_limit,
                "proxy": proxy,
                "ca_file": ca_file,
                "headers": headers,
                "allow_insecure_http": allow_insecure_http,
                "delete_sessions_on_exit": delete_sessions_on_exit,
            }
        )

    def _make(self, options: dict[str, Any]) -> NativeClient:
        # The core knows which sessions are left; the deletion itself is ours.
        delete_sessions_on_exit = options.pop("delete_sessions_on_exit")
        native = _native.Client(options)
        if delete_sessions_on_exit:
            from . import _exit

            _exit.watch(native)
        return native

    def _open(self, native: NativeClient, options: dict[str, Any]) -> None:
        super()._open(native, options)
        self.sessions = AsyncSessions(self)

    async def run_task(
        self,
        task: str,
        *,
        agent_name: str = "agi-0",
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        on_event: Callable[[Event], Maybe[object]] | None = None,
        timeout: float | None = None,
        cancel_on_timeout: bool = False,
        **create_options: Unpack[CreateOptions],
    ) -> TaskResult:
        """Runs one task in a session of its own, which is deleted on every way out.

        Args:
            task: What the agent shall do: 1 to 10,000 characters.
            agent_name: The agent, such as `agi-0` or `agi-0-fast`.
            start_url: The page to open first.
            on_question: Answers a question of the agent; None leaves it open.
            on_event: Sees every event of the task.
            timeout: Seconds for the task, once the session is there. None: no limit.
            cancel_on_timeout: Cancels the task when the time is over.
            **create_options: As for `sessions.create`.

        Raises:
            TaskError: The agent failed, or left no result.
            QuestionPending: The agent asked, and nobody answered.
            TaskTimeout: The task took longer than `timeout`.
            APIError: The service refused a request, or was not reached.

        Example:
            >>> result = await client.run_task("Find the price", start_url="https://shop.example")
        """
        # Bad input costs no session.
        _native.check({"check": "task", "message": task, "start_url": start_url})
        async with self.sessions.create(agent_name, **create_options) as session:
            return await session.run_task(
                task,
                start_url=start_url,
                on_question=on_question,
                on_event=on_event,
                timeout=timeout,
                cancel_on_timeout=cancel_on_timeout,
            )

    def run_tasks(
        self,
        tasks: Iterable[str],
        *,
        concurrency: int = 4,
        agent_name: str = "agi-0",
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        timeout: float | None = None,
        **create_options: Unpack[CreateOptions],
    ) -> AsyncIterator[TaskOutcome]:
        """Runs many tasks, each in a session of its own, and gives each outcome as its
        task ends. One failure stops nothing; every session is deleted, also when the
        loop over the outcomes is left early.

        Args:
            tasks: What the agents shall do: 1 to 10,000 characters each.
            concurrency: How many run at once, at most.
            agent_name: The agent, such as `agi-0` or `agi-0-fast`.
            start_url: The page that each opens first.
            on_question: Answers a question of an agent; None leaves it open. One
                question is put at a time, while the outcomes are waited for.
            timeout: Seconds for each task, once its session is there. None: no limit.
            **create_options: As for `sessions.create`; `wait_for_limit` is the time
                that each task may wait for its session.

        Raises:
            InvalidRequestError: A task is empty or too long, for example; nothing was sent.

        Example:
            >>> async for outcome in client.run_tasks(["Price of the mug?", "And the cup?"]):
            ...     print(outcome.task, outcome.error or outcome.result.text)
        """
        if isinstance(tasks, str):
            raise InvalidRequestError("`tasks` is a text. Pass a list of tasks, such as [task].")
        snapshot = _snapshot(
            create_options.pop("save_snapshot_mode", None),
            create_options.pop("save_as_default", None),
        )
        create = {name: value for name, value in create_options.items() if value is not None}
        plan = {
            "tasks": list(tasks),
            "concurrency": concurrency,
            "start_url": start_url,
            "timeout": timeout,
            "create": {"agent_name": agent_name, **create},
            "snapshot": snapshot,
            "asks": on_question is not None,
        }
        _native.check({"check": "run_tasks", **plan})
        return self._outcomes(plan, on_question)

    async def _outcomes(
        self,
        plan: dict[str, Any],
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None,
    ) -> AsyncIterator[TaskOutcome]:
        runs = self._native.run_tasks(plan)
        raised: dict[int, Exception] = {}
        try:
            while True:
                item = runs.take()
                if item is None:
                    if runs.over:
                        return
                    await _wait.result(runs.ready())
                elif "question" in item:
                    answer = None
                    try:
                        if on_question is not None:
                            answer = await _wait.call(on_question, item["question"])
                    except Exception as error:
                        # This task's failure, and no other's.
                        raised[item["index"]] = error
                    runs.reply(item["number"], answer)
                else:
                    index = item["index"]
                    if item["undeleted"] is not None:
                        _warn_undeleted(item["undeleted"])
                    result = item["result"]
                    yield TaskOutcome(
                        plan["tasks"][index],
                        index,
                        None if result is None else TaskResult._of(result),
                        raised.pop(index, item["error"]),
                    )
        finally:
            await _wait.finish(runs.close())

    async def models(self, filter: str | None = None) -> list[str]:
        """Lists the names of the models.

        Args:
            filter: `cdp` or `desktop`; None for all.
        """
        names: list[str] = await self._call({"op": "models", "filter": filter})
        return names


class AsyncSessions:
    """The sessions of a key: `client.sessions`."""

    __slots__ = ("_client",)

    def __init__(self, client: AsyncAgi) -> None:
        self._client = client

    def create(
        self,
        agent_name: str = "agi-0",
        *,
        webhook_url: str | None = None,
        restore_from_session_id: str | None = None,
        restore_default_environment_from_user_id: str | None = None,
        enable_memory_snapshot: bool | None = None,
        save_snapshot_mode: str | None = None,
        save_as_default: bool | None = None,
        goal: str | None = None,
        max_steps: int | None = None,
        restore_from_environment_id: str | None = None,
        agent_session_type: str | None = None,
        cdp_url: str | None = None,
        environment_type: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        wait_for_limit: float | None = None,
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
        snapshot = _snapshot(save_snapshot_mode, save_as_default)
        params = {
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

    async def _create(self, params: dict[str, Any], snapshot: dict[str, Any]) -> AsyncSession:
        return AsyncSession(self._client, await self._client._call(params), snapshot)

    async def list(self) -> List[AsyncSession]:
        """Lists the sessions of this key, active and finished."""
        infos = await self._client._call({"op": "list_sessions"})
        return [AsyncSession(self._client, info) for info in infos]

    async def get(self, session_id: str) -> AsyncSession:
        """Reads a session's fields.

        Raises:
            NotFoundError: There is no such session, or it belongs to another key.
        """
        info = await self._client._call({"op": "get_session", "session_id": session_id})
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
        save_snapshot_mode: str | None = None,
        save_as_default: bool | None = None,
    ) -> DeleteResult:
        """Deletes a session; one that is gone is no error.

        Args:
            session_id: Which session.
            save_snapshot_mode: What to keep: `none`, `memory` or `filesystem`.
            save_as_default: Makes the snapshot the user's default environment;
                needs a mode that saves one.
        """
        snapshot = _snapshot(save_snapshot_mode, save_as_default)
        answer = await self._client._call(
            {"op": "delete_session", "session_id": session_id, "snapshot": snapshot}
        )
        return DeleteResult(**answer)

    async def cleanup(
        self,
        *,
        older_than: float | None = None,
        statuses: Iterable[str] = ("completed", "error"),
    ) -> List[CleanupReport]:
        """Deletes the sessions of this key that match, and says what became of each.

        Args:
            older_than: Only sessions created more than so many seconds ago, by this
                machine's clock; those without a readable time are kept then.
            statuses: Only sessions with one of these statuses.

        Raises:
            InvalidRequestError: `statuses` is empty, or a text.
            APIError: The sessions could not be listed. A delete that fails is the
                `error` of its report instead.

        Example:
            >>> for report in await client.sessions.cleanup(older_than=3600):
            ...     print(report.session_id, report.deleted)
        """
        if isinstance(statuses, str):
            raise InvalidRequestError(
                f"`statuses` is a text. Pass a list of statuses, such as [{statuses!r}]."
            )
        params = {"op": "cleanup", "older_than": older_than, "statuses": list(statuses)}
        return [CleanupReport._of(report) for report in await self._client._call(params)]

    async def delete_all(self) -> DeleteResult:
        """Deletes all sessions of this key, and cancels their tasks. There is no way back."""
        return DeleteResult(**await self._client._call({"op": "delete_all_sessions"}))


class AsyncSession(SessionFields):
    """One remote workspace: an agent with a browser.

    As a context manager it is deleted on every way out, also on an exception;
    a delete that fails is reported as a ResourceWarning and in the log.
    """

    __slots__ = ("__weakref__", "_client", "_deleted", "_snapshot")

    def __init__(
        self,
        client: AsyncAgi,
        info: Mapping[str, Any],
        snapshot: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(info)
        self._client = client
        # What the context manager's delete keeps.
        self._snapshot = dict(snapshot or {})
        self._deleted = False

    async def refresh(self) -> AsyncSession:
        """Reads the fields again; gives this session back."""
        self._update(await self._call("get_session"))
        return self

    async def send_message(self, message: str, *, start_url: str | None = None) -> SuccessResult:
        """Sends a task, an answer, or more about the task that runs.

        It is sent again only if the service provably did not process it.

        Args:
            message: 1 to 10,000 characters.
            start_url: The page to open first; at most 2,000 characters.

        Raises:
            InvalidRequestError: The message is empty or too long.
            APIConnectionError: No answer came; `maybe_delivered` says whether the
                service may have got the message all the same.
        """
        content = {"message": message, "start_url": start_url}
        return SuccessResult(**await self._call("send_message", message=content))

    async def execution_status(self) -> str:
        """Asks for the task's execution status: `running`, `waiting_for_input`,
        `finished` or `error`, or a value not known yet."""
        status: str = (await self._call("execution_status"))["status"]
        return status

    async def messages(self, *, after_id: int = 0, sanitize: bool = True) -> Messages:
        """Reads the session's messages.

        Args:
            after_id: Only messages with a higher id.
            sanitize: Hides system entries and image payloads.
        """
        options = {"after_id": after_id, "sanitize": sanitize}
        return Messages._of(await self._call("messages", options=options))

    async def follow_messages(
        self, *, poll_interval: float = 2.0, after_id: int = 0, sanitize: bool = True
    ) -> AsyncIterator[Message]:
        """Gives new messages by polling, until the task ends.

        Args:
            poll_interval: Seconds between two looks.
            after_id: Only messages with a higher id.
            sanitize: Hides system entries and image payloads.

        Example:
            >>> async for message in session.follow_messages():
            ...     print(message.type, message.text)
        """
        while True:
            options = {"after_id": after_id, "sanitize": sanitize}
            answer = Messages._of(
                await self._call("next_messages", options=options, poll_interval=poll_interval)
            )
            ended = not answer.messages
            for message in answer.messages:
                after_id = max(after_id, message.id)
                ended = message.type in ("DONE", "ERROR")
                yield message
            if ended and answer.status in ("finished", "error"):
                return

    def events(
        self,
        *,
        event_types: Iterable[str] | None = None,
        sanitize: bool = True,
        include_history: bool = True,
        idle_timeout: float = 90.0,
        max_reconnects: int = 5,
    ) -> AsyncEventStream:
        """Opens the session's event stream: each event exactly once, in order, over
        any number of disconnects.

        Args:
            event_types: Only events of these types. Default: all but heartbeats.
            sanitize: Hides system entries and image payloads.
            include_history: Starts with the session's stored events.
            idle_timeout: Seconds without an event or heartbeat after which the
                stream reconnects.
            max_reconnects: Failed attempts in a row after which it reads the
                messages instead, until the stream can be opened again.

        Raises:
            StreamError: While reading: the stream ended for good.

        Example:
            >>> async for event in session.events(event_types=["question", "done"]):
            ...     print(event.type, event.text)
        """
        options = {
            "event_types": _event_types(event_types),
            "sanitize": sanitize,
            "include_history": include_history,
            "idle_timeout": idle_timeout,
            "max_reconnects": max_reconnects,
        }
        return _wait.stream(self._client._native.events(self.session_id, options))

    def start_task(
        self,
        message: str,
        *,
        start_url: str | None = None,
        sanitize: bool = True,
        idle_timeout: float = 90.0,
        max_reconnects: int = 5,
    ) -> Opening[AsyncTask]:
        """Sends a task and gives a handle on it alone.

        Args:
            message: What the agent shall do: 1 to 10,000 characters.
            start_url: The page to open first; at most 2,000 characters.
            sanitize: Hides system entries and image payloads.
            idle_timeout: Seconds without an event or heartbeat after which the
                event stream reconnects.
            max_reconnects: Failed attempts in a row after which it reads the
                messages instead, until the stream can be opened again.

        Raises:
            InvalidRequestError: The message is empty or too long.
            APIError: The service refused the request, or was not reached.

        Example:
            >>> async with session.start_task("Book a table for two") as task:
            ...     async for event in task:
            ...         print(event.type, event.text)
            ...     result = await task.result()
        """
        params = {
            "message": message,
            "start_url": start_url,
            "events": {
                "sanitize": sanitize,
                "idle_timeout": idle_timeout,
                "max_reconnects": max_reconnects,
            },
        }
        return _wait.Opening(self._start_task(params))

    async def _start_task(self, params: dict[str, Any], timeout: float | None = None) -> AsyncTask:
        operation = self._client._native.start_task(self.session_id, params)
        if not await _wait.within(operation, timeout):
            operation.cancel()
            raise _task_timeout(self.session_id, timeout)
        return AsyncTask(operation.result())

    async def run_task(
        self,
        message: str,
        *,
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        on_event: Callable[[Event], Maybe[object]] | None = None,
        timeout: float | None = None,
        cancel_on_timeout: bool = False,
    ) -> TaskResult:
        """Runs a task to its end.

        Args:
            message: What the agent shall do: 1 to 10,000 characters.
            start_url: The page to open first; at most 2,000 characters.
            on_question: Answers a question of the agent; None leaves it open.
            on_event: Sees every event of the task, questions among them.
            timeout: Seconds for everything. None: no limit.
            cancel_on_timeout: Cancels the task when the time is over.

        Raises:
            TaskError: The agent failed, or left no result.
            QuestionPending: The agent asked, and nobody answered. The error's
                `task` can still be answered.
            TaskTimeout: The task took longer than `timeout`. It goes on, unless
                `cancel_on_timeout` is set.
            InvalidRequestError: The message is empty or too long, for example.
            APIError: The service refused a request, or was not reached.
        """
        until = deadline(timeout)
        task = await self._start_task({"message": message, "start_url": start_url}, timeout)
        try:
            # Read also where nobody looks: a full queue would hold the stream back.
            await task._attend(on_question, on_event, until)
            return await task.result(timeout=left(until))
        except TaskTimeout as late:
            if cancel_on_timeout:
                await task._cancel_quietly()
            raise _task_timeout(self.session_id, timeout, late.events) from None
        finally:
            # A question that was left open keeps its task, for an answer.
            if task.question is None:
                await task.close()

    async def wait(self, *, timeout: float | None = None, poll_interval: float = 2.0) -> str:
        """Waits by polling until the task ends or asks.

        Args:
            timeout: Seconds. None: no limit.
            poll_interval: Seconds between two looks.

        Returns:
            The final execution status: `finished`, `error` or `waiting_for_input`.

        Raises:
            TaskTimeout: The time is over; the task goes on.
        """
        options = {"timeout": timeout, "poll_interval": poll_interval}
        status: str = (await self._call("wait", options=options))["status"]
        return status

    async def record(
        self, path: str | os.PathLike[str] | None = None, *, secrets: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Records the session, history included, until its task ends.

        The scenario gives the same events with the same texts, data and pauses, and asks
        the same questions, when the emulator plays it. The API key, the live view's
        address, and passwords and tokens in addresses, headers and fields are replaced
        by `[redacted]`; look it over before you share it.

        Args:
            path: The file to write: JSON if it is named `.json`, else YAML.
            secrets: More texts to redact, of 4 characters or more.

        Returns:
            The scenario, as `Emulator` takes it.

        Raises:
            OSError: The file cannot be written.

        Example:
            >>> session.run_task("Find a mug")
            >>> session.record("mug.yaml")
            >>> emulator = Emulator(scenario="mug.yaml")
        """
        secrets = list(secrets)
        recording = await self._call("record")
        file = None if path is None else str(path)
        return _native.record_scenario(recording, secrets, file)

    async def pause(self) -> SuccessResult:
        """Pauses the task.

        Raises:
            ConflictError: It is paused already, or no task runs.
        """
        return SuccessResult(**await self._call("pause"))

    async def resume(self) -> SuccessResult:
        """Goes on with the paused task.

        Raises:
            ConflictError: It is not paused.
        """
        return SuccessResult(**await self._call("resume"))

    async def cancel(self) -> SuccessResult:
        """Cancels the task; the session stays usable."""
        return SuccessResult(**await self._call("cancel"))

    def paused(self) -> AsyncPaused:
        """Pauses the task for a block: then it goes on, or is cancelled on an exception.

        Example:
            >>> async with session.paused():
            ...     await session.send_message("Aisle seats only")
        """
        return AsyncPaused(self)

    async def stop(self) -> SuccessResult:
        """Stops the agent at all cost: cancels the task; if that fails, deletes the session."""
        return SuccessResult(**await self._call("stop"))

    async def navigate(self, url: str) -> str:
        """Opens a page in the session's browser.

        Args:
            url: http or https, in full; at most 2,000 characters.

        Returns:
            The URL after redirects.

        Raises:
            InvalidRequestError: The URL is none that the service takes.
        """
        current_url: str = (await self._call("navigate", url=url))["current_url"]
        return current_url

    async def screenshot(self) -> Screenshot:
        """Takes a picture of the session's browser."""
        fields, image = await self._call("screenshot")
        return Screenshot(image=image, **fields)

    async def delete(
        self, *, save_snapshot_mode: str | None = None, save_as_default: bool | None = None
    ) -> DeleteResult:
        """Deletes the session; one that is gone is no error.

        Args:
            save_snapshot_mode: What to keep: `none`, `memory` or `filesystem`.
            save_as_default: Makes the snapshot the user's default environment;
                needs a mode that saves one.
        """
        snapshot = _snapshot(save_snapshot_mode, save_as_default)
        answer = DeleteResult(**await self._call("delete_session", snapshot=snapshot))
        self._deleted = answer.success
        return answer

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._deleted:
            return
        self._deleted = await delete_on_exit(self, error, snapshot=self._snapshot)

    async def _call(self, op: str, **params: Any) -> Any:
        return await self._client._call({"op": op, "session_id": self.session_id, **params})


class AsyncPaused:
    """The block of `session.paused()`."""

    __slots__ = ("_session",)

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def __aenter__(self) -> AsyncSession:
        await self._session.pause()
        return self._session

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            await self._session.resume()
            return
        try:
            await self._session.cancel()
        except SessionwireError as failure:
            # The user's own exception goes first.
            log_warning(f"The paused task could not be cancelled: {failure}")


class AsyncTask(AsyncHandle):
    """A handle on one task: its events, its questions, its result, and no other task's.

    Iterate it for its events. As a context manager it stops reading them on the
    way out; the task itself goes on.
    """

    __slots__ = ()

    _native: NativeTask

    @property
    def question(self) -> QuestionEvent | None:
        """The question that waits for an answer, or None."""
        return self._native.question

    def __aiter__(self) -> AsyncEventStream:
        return self._events

    async def answer(self, text: str) -> SuccessResult:
        """Answers the open question.

        Args:
            text: 1 to 10,000 characters.

        Raises:
            InvalidRequestError: No question is open, or the text is empty or too long.
        """
        return SuccessResult(**await self._call("answer", text=text))

    async def send_message(self, text: str) -> SuccessResult:
        """Tells the agent more about the same task.

        Args:
            text: 1 to 10,000 characters.
        """
        return SuccessResult(**await self._call("send_message", text=text))

    async def pause(self) -> SuccessResult:
        """Pauses the task.

        Raises:
            ConflictError: It is paused already, or has ended.
        """
        return SuccessResult(**await self._call("pause"))

    async def resume(self) -> SuccessResult:
        """Goes on with the paused task.

        Raises:
            ConflictError: It is not paused.
        """
        return SuccessResult(**await self._call("resume"))

    async def cancel(self) -> SuccessResult:
        """Cancels the task and ends every wait for it; the session stays usable."""
        return SuccessResult(**await self._call("cancel"))

    async def status(self) -> str:
        """Asks for the execution status: `running`, `waiting_for_input`, `finished`,
        `error`, or a value not known yet."""
        status: str = (await self._call("status"))["status"]
        return status

    async def result(self, timeout: float | None = None) -> TaskResult:
        """Waits for the result. The events need not be read.

        Args:
            timeout: Seconds. None: no limit.

        Raises:
            TaskError: The agent failed, or left no result.
            QuestionPending: A question is open: answer it, and call again.
            TaskTimeout: The time is over; the task goes on.
        """
        try:
            return TaskResult._of(await self._call("result", timeout=timeout))
        except QuestionPending as pending:
            pending.task = self
            raise

    def __repr__(self) -> str:
        return f"AsyncTask(session_id={self.session_id!r})"

    async def _attend(
        self,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None,
        on_event: Callable[[Event], Maybe[object]] | None,
        until: float | None,
    ) -> None:
        """Reads the events for the callbacks: to the end, to a question left open, or as
        long as there is time."""
        while True:
            event = await self._events._next(left(until))
            if event is None or event is False:
                return
            if on_event is not None:
                await _wait.call(on_event, event)
            if event.type != "question" or self.question is None:
                continue
            answer = None if on_question is None else await _wait.call(on_question, event)
            if answer is None:
                return
            await self.answer(answer)

    async def _cancel_quietly(self) -> None:
        try:
            await self.cancel()
        except SessionwireError as failure:
            log_warning(f"The task could not be cancelled: {failure}")


def _task_timeout(
    session_id: str, timeout: float | None, events: list[Event] | None = None
) -> TaskTimeout:
    error = TaskTimeout(
        f"The task did not end within {timeout} s. Unless it was cancelled it goes on in its "
        "session: wait for it there, or cancel it."
    )
    error.session_id = session_id
    error.events = events or []
    return error


def _event_types(event_types: Iterable[str] | None) -> list[str] | None:
    if isinstance(event_types, str):
        raise InvalidRequestError(
            f"`event_types` is a text. Pass a list of types, such as [{event_types!r}]."
        )
    return None if event_types is None else list(event_types)


def _snapshot(mode: str | None, as_default: bool | None) -> dict[str, Any]:
    """What a delete keeps, checked when it is said: the delete may be far away."""
    options = {"save_snapshot_mode": mode, "save_as_default": as_default}
    snapshot = {name: value for name, value in options.items() if value is not None}
    _native.check({"check": "snapshot", **snapshot})
    return snapshot


def _warn_undeleted(failure: Exception) -> None:
    import warnings

    text = (
        f"A session of `run_tasks` could not be deleted and may go on costing: {failure} "
        "Delete it with `client.sessions.delete` or `client.sessions.cleanup`."
    )
    log_warning(text)
    warnings.warn(text, ResourceWarning, stacklevel=3)


for _name in __all__:
    globals()[_name].__module__ = "sessionwire"

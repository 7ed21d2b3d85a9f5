"""Generated from `_async/agi/client.py` by `make generate`: change that file, and run it."""

from __future__ import annotations

from ... import _native
from ... import _wait_sync as _wait
from ..._callbacks import check_callback
from ..._errors import ConfigError, InvalidRequestError, QuestionPending, TaskTimeout
from ..._parameters import check_flag, listed, path_text
from ..._reports import deadline, finite, said
from ..._typing import overload
from ..base import BaseClient
from .fanout import outcomes
from .session import listed_types, snapshot_options
from .sessions import Sessions
from .task import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator, Iterable, Mapping
    from datetime import timedelta
    from typing import Any, Unpack

    from ..._agi.events import Event, QuestionEvent
    from ..._agi.models import Ended, TaskResult
    from ..._agi.seam import Resume, RunTasks
    from ..._agi.types import (
        BatchTask,
        CreateOptions,
        EventTypeName,
        ModelFilter,
        Output,
        TracerProvider,
        Validates,
    )
    from ..._native import Client as NativeClient
    from ..._wait_sync import Maybe


class Agi(BaseClient):
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
        proxy: A proxy for every request: http, https, socks5, socks5h, socks4
            or socks4a. Default: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
            `NO_PROXY`; loopback is never proxied unless this is set.
        ca_file: A PEM file with the certificates to trust instead of the system's:
            of authorities, or the service's own. Default: `SSL_CERT_FILE`,
            `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, the first that is set, else the
            system's; `NODE_EXTRA_CA_CERTS` adds to the first and the last.
        headers: Headers added to every request.
        allow_insecure_http: Allows `http://` to a host that is not loopback.
        delete_sessions_on_exit: When the process ends, also by an exception, Ctrl-C, SIGTERM
            or SIGHUP, deletes what this client created and did not delete; for at most 5
            seconds. A signal handler of your own stays in force: the sessions go when it
            ends the process by `sys.exit` or an exception. Signals are only seen if a
            client with this option is made in the main thread.
        ledger: A file in which this process notes the sessions that it creates and
            deletes, so that `sessions.reap` finds what a dead process left. Default:
            `SESSIONWIRE_LEDGER`, else none.
        telemetry: False makes no spans, also where the program traces with OpenTelemetry.
        tracer_provider: Whose tracer makes the spans. Default: the program's provider; without
            one there are no spans, and nothing is imported.

    Raises:
        ConfigError: A missing key, or an option that cannot be used.

    Example:
        >>> with Agi() as client:
        ...     result = client.run_task("What is on the front page of example.com?")
        ...     print(result.text)
    """

    __slots__ = ("sessions",)

    if TYPE_CHECKING:
        _native: NativeClient

    #: The sessions of this key: create, list, get, attach, delete, delete_all.
    sessions: Sessions

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float | timedelta = 60.0,
        connect_timeout: float | timedelta = 10.0,
        max_retries: int = 3,
        wait_for_limit: float | timedelta | None = None,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        headers: Mapping[str, str] | None = None,
        allow_insecure_http: bool = False,
        delete_sessions_on_exit: bool = False,
        ledger: str | os.PathLike[str] | None = None,
        telemetry: bool = True,
        tracer_provider: TracerProvider | None = None,
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
                "ledger": path_text("ledger", ledger, ConfigError),
                "telemetry": telemetry,
                "tracer_provider": tracer_provider,
            }
        )

    def _make(self, options: dict[str, Any]) -> NativeClient:
        # The core knows which sessions are left; the deletion itself is ours.
        delete_sessions_on_exit = options.pop("delete_sessions_on_exit")
        native = _native.Client(options)
        if delete_sessions_on_exit:
            from ... import _exit

            _exit.watch(native)
        return native

    def _open(self, native: NativeClient, options: dict[str, Any]) -> None:
        super()._open(native, options)
        self.sessions = Sessions(self)

    @overload
    def run_task(
        self,
        task: str,
        *,
        agent_name: str = "agi-0",
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        on_event: Callable[[Event], Maybe[object]] | None = None,
        timeout: float | timedelta | None = None,
        cancel_on_timeout: bool = False,
        output: None = None,
        progress: bool = False,
        **create_options: Unpack[CreateOptions],
    ) -> TaskResult[None]: ...

    @overload
    def run_task(
        self,
        task: str,
        *,
        agent_name: str = "agi-0",
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        on_event: Callable[[Event], Maybe[object]] | None = None,
        timeout: float | timedelta | None = None,
        cancel_on_timeout: bool = False,
        output: type[Output] | Validates[Output],
        repairs: int = 0,
        describe_output: bool = True,
        progress: bool = False,
        **create_options: Unpack[CreateOptions],
    ) -> TaskResult[Output]: ...

    def run_task(
        self,
        task: str,
        *,
        agent_name: str = "agi-0",
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        on_event: Callable[[Event], Maybe[object]] | None = None,
        timeout: float | timedelta | None = None,
        cancel_on_timeout: bool = False,
        output: type[Any] | Validates[Any] | None = None,
        repairs: int = 0,
        describe_output: bool = True,
        progress: bool = False,
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
            output: The type of the result: a pydantic model, a dataclass, a TypedDict, a
                NamedTuple, a msgspec or attrs class, or a pydantic `TypeAdapter`. The result's
                `output` is an object of it.
            repairs: How often the agent is asked again, in the same session, for a result that
                fits `output`. Each is a task of its own.
            describe_output: Puts the JSON schema of `output` to the task. False: the task itself
                says what the result shall look like.
            progress: Shows how it gets on: a line on a terminal, a view in a notebook, and
                nothing where standard error is no terminal.
            **create_options: As for `sessions.create`.

        Raises:
            TaskError: The agent failed, or left no result; or the result does not fit `output`
                (the error's `result` has it).
            QuestionPending: The agent asked, and nobody answered.
            TaskTimeout: The task took longer than `timeout`.
            APIError: The service refused a request, or was not reached.

        Example:
            >>> result = client.run_task("Find the price", start_url="https://shop.example")
        """
        # Bad input costs no session.
        check_callback("on_question", on_question)
        check_callback("on_event", on_event)
        asked = task
        shape: Any = output
        if output is not None or repairs:
            from ..._output import Wanted

            asked = Wanted(output, repairs, describe_output).ask(task)
        _native.check({"check": "task", "message": asked, "start_url": start_url})
        check_flag("progress", progress)
        try:
            with self._block("run_task", agent=agent_name):
                created = self.sessions.create(agent_name, **create_options)
                with created as session:
                    return session.run_task(
                        task,
                        start_url=start_url,
                        on_question=on_question,
                        on_event=on_event,
                        timeout=timeout,
                        cancel_on_timeout=cancel_on_timeout,
                        output=shape,
                        repairs=repairs,
                        describe_output=describe_output,
                        progress=progress,
                    )
        except QuestionPending as pending:
            if pending.task is not None:
                pending.task.close()
            pending.task = None
            pending.args = (_native.unanswered(pending.question.text),)
            raise
        except TaskTimeout as late:
            late.message = (
                f"The task did not end within {said(timeout)}. It was given up, and its session is "
                "deleted: raise `timeout`, or run it in a session of your own, where it goes on."
            )
            late.args = (late.message,)
            raise

    def as_tool(
        self,
        *,
        name: str = "run_browser_task",
        description: str | None = None,
        agent_name: str = "agi-0",
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        on_event: Callable[[Event], Maybe[object]] | None = None,
        timeout: float | timedelta | None = None,
        **create_options: Unpack[CreateOptions],
    ) -> Callable[..., str]:
        """A tool for an agent of a framework: a function that takes a task, and perhaps
        a `start_url`, runs it in a session of its own, and gives the result as text. LangChain,
        pydantic-ai, OpenAI Agents, LlamaIndex and Google's ADK take it as it is.

        Args:
            name: The tool's name.
            description: What the model reads of it, in place of a general description.
            agent_name: The agent, such as `agi-0` or `agi-0-fast`.
            on_question: Answers a question of the agent. Without it, or if it gives None, the
                task is given up, and the text says what was asked.
            on_event: Sees every event of the tasks.
            timeout: Seconds for one task, once its session is there. None: no limit.
            **create_options: As for `sessions.create`.

        Raises:
            InvalidRequestError: `name` is none for a tool, for example.

        Example:
            >>> agent = pydantic_ai.Agent(model, tools=[client.as_tool()])
        """
        from .tool import client_tool

        check_callback("on_question", on_question)
        check_callback("on_event", on_event)
        deadline(timeout)
        options: dict[str, Any] = {
            "agent_name": agent_name,
            "on_question": on_question,
            "on_event": on_event,
            "timeout": timeout,
            **create_options,
        }
        return client_tool(self.run_task, name, description, options)

    def resume(
        self,
        handle: str,
        *,
        from_start: bool = False,
        event_types: Iterable[EventTypeName] | None = None,
        sanitize: bool = True,
        idle_timeout: float | timedelta = 90.0,
        max_reconnects: int = 5,
    ) -> Task:
        """Gives the task of a handle again, also of one that another process or another
        language took: its events go on after the last one that was given.

        A task that was prepared (see `prepare_task` of a session) is sent first, unless the
        session's history shows that it was sent already.

        Args:
            handle: What `task.handle()` or `session.prepare_task()` gave.
            from_start: Gives all of the task's events again.
            event_types: Only events of these types. Default: all but heartbeats.
            sanitize: Hides system entries and image payloads.
            idle_timeout: Seconds without an event or heartbeat after which the
                event stream reconnects.
            max_reconnects: Failed attempts in a row after which it reads the
                messages instead, until the stream can be opened again.

        Raises:
            InvalidRequestError: `handle` is no handle of a task, was cut, or is of a later
                version.
            ConflictError: Something else was sent to the session since the task was prepared.
            APIError: The session is gone, for example; `maybe_delivered` is true where nobody
                can know whether the task was sent.

        Example:
            >>> with client.resume(path.read_text()) as task:
            ...     for event in task:
            ...         print(event.type, event.text)
            ...         path.write_text(task.handle())
            ...     result = task.result()
        """
        params: Resume = {
            "handle": handle,
            "from_start": from_start,
            "events": {
                "event_types": listed_types(event_types),
                "sanitize": sanitize,
                "idle_timeout": idle_timeout,
                "max_reconnects": max_reconnects,
            },
        }
        return self._resume(params)

    def _resume(self, params: Resume) -> Task:
        run = self._run("resume")
        if run is None:
            return Task(_wait.result(self._native.resume(params)), self._native)
        try:
            task = run.began(_wait.result(run.native.resume(params)))
        except BaseException as error:
            run.note(error)
            raise
        return Task(task, self._native, run)

    @overload
    def run_tasks(
        self,
        tasks: Iterable[str | BatchTask],
        *,
        concurrency: int = 4,
        agent_name: str = "agi-0",
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        timeout: float | timedelta | None = None,
        journal: str | os.PathLike[str] | None = None,
        retry_failed: bool = False,
        output: None = None,
        progress: bool = False,
        **create_options: Unpack[CreateOptions],
    ) -> Generator[Ended[None]]: ...

    @overload
    def run_tasks(
        self,
        tasks: Iterable[str | BatchTask],
        *,
        concurrency: int = 4,
        agent_name: str = "agi-0",
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        timeout: float | timedelta | None = None,
        journal: str | os.PathLike[str] | None = None,
        retry_failed: bool = False,
        output: type[Output] | Validates[Output],
        describe_output: bool = True,
        progress: bool = False,
        **create_options: Unpack[CreateOptions],
    ) -> Generator[Ended[Output]]: ...

    def run_tasks(
        self,
        tasks: Iterable[str | BatchTask],
        *,
        concurrency: int = 4,
        agent_name: str = "agi-0",
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        timeout: float | timedelta | None = None,
        journal: str | os.PathLike[str] | None = None,
        retry_failed: bool = False,
        output: type[Any] | Validates[Any] | None = None,
        describe_output: bool = True,
        progress: bool = False,
        **create_options: Unpack[CreateOptions],
    ) -> Generator[Ended[Any]]:
        """Runs many tasks, each in a session of its own, and gives each outcome as its
        task ends. One failure stops nothing; every session is deleted, also when the
        loop over the outcomes is left early. With a `journal`, what was sent goes on in
        its session instead, and the next call with the same journal goes on with it.

        Args:
            tasks: What the agents shall do: texts of 1 to 10,000 characters, or dicts
                with `message` and, where they differ, `id`, `start_url`, `timeout`,
                `agent_name` and the other parameters of `sessions.create`.
            concurrency: How many run at once, at most.
            agent_name: The agent, such as `agi-0` or `agi-0-fast`.
            start_url: The page that each opens first.
            on_question: Answers a question of an agent; None leaves it open. One
                question is put at a time, while the outcomes are waited for. What it
                raises is the error of its task, which is `unfinished` with a
                `journal`: the next call asks again.
            timeout: Seconds for each task, once its session is there. None: no limit.
            journal: A file that says how far each task came. A call with the same tasks
                and the same file, after a process that was killed, goes on where that
                was, gives all outcomes, and sends no task twice.
            retry_failed: Sends the tasks that failed, by the journal, once more.
            output: The type of each result, as for `run_task`. A result that does not fit is its
                task's error; nobody is asked again.
            describe_output: Puts the JSON schema of `output` to each task.
            progress: Shows how it gets on: a line on a terminal, a view in a notebook, and
                nothing where standard error is no terminal.
            **create_options: As for `sessions.create`; `wait_for_limit` is the time
                that each task may wait for its session.

        Raises:
            InvalidRequestError: A task is empty or too long, for example; nothing was sent.

        Example:
            >>> for outcome in client.run_tasks(["Price of the mug?", "And the cup?"]):
            ...     print(outcome.task, outcome.error or outcome.result)
        """
        check_callback("on_question", on_question)
        check_flag("progress", progress)
        if isinstance(tasks, (str, bytes)) or hasattr(tasks, "keys"):
            what = "a dict" if hasattr(tasks, "keys") else "a text"
            raise InvalidRequestError(f"`tasks` is {what}. Pass a list of tasks, such as [task].")
        if "repairs" in create_options:
            raise InvalidRequestError(
                "`repairs` is for `run_task`: here the session of a result is deleted by then, and "
                "nobody is asked again. Run each task by itself, in a pool for example."
            )
        snapshot = snapshot_options(
            create_options.pop("save_snapshot_mode", None),
            create_options.pop("save_as_default", None),
        )
        given = {name: value for name, value in create_options.items() if value is not None}
        create: Any = {"agent_name": agent_name, **given}
        texts = listed("tasks", tasks)
        plan: RunTasks = {
            "tasks": texts,
            "concurrency": concurrency,
            "start_url": start_url,
            "timeout": finite(timeout),
            "create": create,
            "snapshot": snapshot,
            "asks": on_question is not None,
            "journal": path_text("journal", journal, InvalidRequestError),
            "retry_failed": retry_failed,
        }
        _native.check({"check": "run_tasks", **plan})
        wanted = None
        if output is not None:
            from ..._output import Wanted

            wanted = Wanted(output, 0, describe_output)
            plan["tasks"] = [wanted.asks(task) for task in texts]
        return outcomes(self, texts, plan, on_question, wanted, progress)

    def models(self, filter: ModelFilter | None = None) -> list[str]:
        """Lists the names of the models.

        Args:
            filter: `cdp` or `desktop`; None for all.
        """
        names: list[str] = self._call({"op": "models", "filter": filter})
        return names

"""Generated from `_async/agi/session.py` by `make generate`: change that file, and run it."""

from __future__ import annotations

from ... import _native
from ... import _wait_sync as _wait
from ..._agi.models import Messages, Navigation, Screenshot, SessionFields
from ..._callbacks import check_callback
from ..._errors import (
    ConflictError,
    InvalidRequestError,
    SessionwireError,
    TaskTimeout,
    from_native,
)
from ..._models import DeleteResult, SuccessResult
from ..._parameters import listed, path_text, warn_unknown_types
from ..._reports import deadline, finite, is_over, log_warning, remaining, said, seconds
from ..._typing import overload
from ..base import delete_on_exit
from .task import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import timedelta
    from typing import Any, Literal

    from ..._agi.events import Event, QuestionEvent
    from ..._agi.models import Message, TaskResult
    from ..._agi.seam import (
        EndSessionOperation,
        EventOptions,
        ListMessages,
        Operation,
        ScreenshotsOptions,
        SendMessage,
        SnapshotOptions,
        StartTask,
        WaitOptions,
    )
    from ..._agi.types import (
        Client,
        EventTypeName,
        ExecutionStatus,
        Output,
        SnapshotMode,
        Validates,
    )
    from ..._native import Client as NativeClient
    from ..._native import Task as NativeTask
    from ..._wait_sync import EventStream, Maybe


class Session(SessionFields):
    """One remote workspace: an agent with a browser.

    As a context manager it is deleted on every way out, also on an exception;
    a delete that fails is reported as a ResourceWarning and in the log.
    """

    __slots__ = ("__weakref__", "_client", "_deleted", "_snapshot")

    def __init__(
        self,
        client: Client,
        info: Mapping[str, Any],
        snapshot: SnapshotOptions | None = None,
    ) -> None:
        super().__init__(info)
        self._client = client
        # What the context manager's delete keeps.
        self._snapshot: SnapshotOptions = snapshot or {}
        self._deleted = False

    def refresh(self) -> Session:
        """Reads the fields again; gives this session back."""
        self._update(self._call({"op": "get_session", "session_id": self.session_id}))
        return self

    def send_message(self, message: str, *, start_url: str | None = None) -> SuccessResult:
        """Sends a task, an answer, or more about the task that runs.

        It is sent again only if the service provably did not process it.

        Args:
            message: 1 to 10,000 characters.
            start_url: The page to open first; at most 2,000 characters.

        Raises:
            InvalidRequestError: The message is empty or too long.
            APIError: The service refused it, or no answer came; `maybe_delivered` says
                whether it may have got the message all the same.
        """
        content: SendMessage = {"message": message, "start_url": start_url}
        return SuccessResult(
            **self._call({"op": "send_message", "session_id": self.session_id, "message": content})
        )

    def answer(self, text: str) -> SuccessResult:
        """Answers the question that is open in the session, whoever started its task: another
        program, for example.

        Args:
            text: 1 to 10,000 characters.

        Raises:
            InvalidRequestError: No question is open, or the text is empty or too long;
                nothing was sent.
            APIError: As for `send_message`.
        """
        return SuccessResult(
            **self._call({"op": "answer_question", "session_id": self.session_id, "text": text})
        )

    def execution_status(self) -> ExecutionStatus:
        """Asks for the task's execution status: `running`, `waiting_for_input`,
        `finished` or `error`, or a value not known yet."""
        status: ExecutionStatus = (
            self._call({"op": "execution_status", "session_id": self.session_id})
        )["status"]
        return status

    def messages(self, *, after_id: int = 0, sanitize: bool = True) -> Messages:
        """Reads the session's messages.

        Args:
            after_id: Only messages with a higher id.
            sanitize: Hides system entries and image payloads.
        """
        options: ListMessages = {"after_id": after_id, "sanitize": sanitize}
        return Messages._of(
            self._call({"op": "messages", "session_id": self.session_id, "options": options})
        )

    def follow_messages(
        self, *, poll_interval: float | timedelta = 2.0, after_id: int = 0, sanitize: bool = True
    ) -> Iterator[Message]:
        """Gives new messages by polling, until the task ends.

        Args:
            poll_interval: Seconds between two polls.
            after_id: Only messages with a higher id.
            sanitize: Hides system entries and image payloads.

        Example:
            >>> for message in session.follow_messages():
            ...     print(message.type, message.text)
        """
        while True:
            options: ListMessages = {"after_id": after_id, "sanitize": sanitize}
            reply = self._call(
                {
                    "op": "next_messages",
                    "session_id": self.session_id,
                    "options": options,
                    "poll_interval": poll_interval,
                }
            )
            for message in Messages._of(reply).messages:
                after_id = max(after_id, message.id)
                yield message
            if reply["over"]:
                return

    def events(
        self,
        *,
        event_types: Iterable[EventTypeName] | None = None,
        sanitize: bool = True,
        include_history: bool = True,
        idle_timeout: float | timedelta = 90.0,
        max_reconnects: int = 5,
        timeout: float | timedelta | None = None,
    ) -> EventStream:
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
            timeout: Seconds from the first look for an event on. None: no limit.

        Raises:
            StreamError: While reading: the stream ended for good.
            TaskTimeout: While reading: the time is over; the session goes on.

        Example:
            >>> for event in session.events(event_types=["question", "done"]):
            ...     print(event.type, event.text)
        """
        options: EventOptions = {
            "event_types": listed_types(event_types),
            "sanitize": sanitize,
            "include_history": include_history,
            "idle_timeout": idle_timeout,
            "max_reconnects": max_reconnects,
            "timeout": finite(timeout),
        }
        return _wait.stream(self._client._carrying().events(self.session_id, options))

    def start_task(
        self,
        message: str,
        *,
        start_url: str | None = None,
        event_types: Iterable[EventTypeName] | None = None,
        sanitize: bool = True,
        idle_timeout: float | timedelta = 90.0,
        max_reconnects: int = 5,
        if_busy: Literal["error", "wait", "cancel"] = "error",
    ) -> Task:
        """Sends a task and gives a handle on it alone.

        Args:
            message: What the agent shall do: 1 to 10,000 characters.
            start_url: The page to open first; at most 2,000 characters.
            event_types: Only events of these types. Default: all but heartbeats.
            sanitize: Hides system entries and image payloads.
            idle_timeout: Seconds without an event or heartbeat after which the
                event stream reconnects.
            max_reconnects: Failed attempts in a row after which it reads the
                messages instead, until the stream can be opened again.
            if_busy: What to do where the session's last task has not ended: raise, wait for
                its end (for as long as it takes, also for an answer to its question), or
                cancel it.

        Raises:
            ConflictError: The session's last task has not ended (`code` is
                `task_in_progress`); nothing was sent.
            InvalidRequestError: The message is empty or too long.
            APIError: The service refused the request, or was not reached.

        Example:
            >>> with session.start_task("Book a table for two") as task:
            ...     for event in task:
            ...         print(event.type, event.text)
            ...     result = task.result()
        """
        params: StartTask = {
            "message": message,
            "start_url": start_url,
            "events": {
                "event_types": listed_types(event_types),
                "sanitize": sanitize,
                "idle_timeout": idle_timeout,
                "max_reconnects": max_reconnects,
            },
            "if_busy": if_busy,
        }
        return self._start_task(params)

    def switch_to(self, message: str, *, start_url: str | None = None) -> Task:
        """Cancels the task that runs, if one does, and starts another one: `start_task` with
        `if_busy="cancel"`.

        Args:
            message: What the agent shall do instead: 1 to 10,000 characters.
            start_url: The page to open first; at most 2,000 characters.

        Raises:
            InvalidRequestError: The message is empty or too long; nothing was cancelled.
            APIError: The service refused a request, or was not reached.

        Example:
            >>> with session.switch_to("Look for a red one instead") as task:
            ...     result = task.result()
        """
        return self.start_task(message, start_url=start_url, if_busy="cancel")

    def _start_task(
        self,
        params: StartTask,
        timeout: float | timedelta | None = None,
        until: float | None = None,
    ) -> Task:
        client, told = self._client._native, (self.session_id, params, timeout, until)
        run = self._client._run(
            "start_task",
            session_id=self.session_id,
            agent=self.agent_name,
            input=params["message"],
        )
        if run is None:
            return Task(self._send_task(client, *told), client)
        try:
            return Task(run.began(self._send_task(run.native, *told)), client, run)
        except BaseException as error:
            run.note(error)
            raise

    def _send_task(
        self,
        client: NativeClient,
        session_id: str,
        params: StartTask,
        timeout: float | timedelta | None,
        until: float | None,
    ) -> NativeTask:
        pending = client.start_task(session_id, params)
        if not _wait.within(pending, remaining(until)):
            pending.cancel()
            late = TaskTimeout(
                f"The task was not started within {said(timeout)}. Raise `timeout`; look at the "
                "session's messages before you start it again."
            )
            late.session_id = self.session_id
            raise late
        try:
            task: NativeTask = pending.result()
            return task
        except ConflictError as busy:
            if busy.task is not None:
                busy.task = Task(busy.task, self._client._native)
            raise

    def prepare_task(
        self,
        message: str,
        *,
        start_url: str | None = None,
        if_busy: Literal["error", "wait", "cancel"] = "error",
    ) -> str:
        """Prepares a task without sending it, and gives its handle: `client.resume(handle)`
        sends it, unless the session's history shows that it was sent already. Keep the handle
        first, and the task is sent at most once, whatever dies when.

        The handle holds the message and the start page, no key; it may be longer than 200 bytes.

        Args:
            message: What the agent shall do: 1 to 10,000 characters.
            start_url: The page to open first; at most 2,000 characters.
            if_busy: What to do where the session's last task has not ended: raise, wait for
                its end, or cancel it.

        Raises:
            ConflictError: The session's last task has not ended (`code` is
                `task_in_progress`).
            InvalidRequestError: The message is empty or too long.
            APIError: The session's messages could not be read.

        Example:
            >>> handle = session.prepare_task("Buy the mug")
            >>> path.write_text(handle)
            >>> with client.resume(handle) as task:
            ...     result = task.result()
        """
        task: StartTask = {"message": message, "start_url": start_url, "if_busy": if_busy}
        handle: str = self._call(
            {"op": "prepare_task", "session_id": self.session_id, "task": task}
        )
        return handle

    @overload
    def run_task(
        self,
        message: str,
        *,
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        on_event: Callable[[Event], Maybe[object]] | None = None,
        timeout: float | timedelta | None = None,
        cancel_on_timeout: bool = False,
        if_busy: Literal["error", "wait", "cancel"] = "error",
        output: None = None,
        progress: bool = False,
    ) -> TaskResult[None]: ...

    @overload
    def run_task(
        self,
        message: str,
        *,
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        on_event: Callable[[Event], Maybe[object]] | None = None,
        timeout: float | timedelta | None = None,
        cancel_on_timeout: bool = False,
        if_busy: Literal["error", "wait", "cancel"] = "error",
        output: type[Output] | Validates[Output],
        repairs: int = 0,
        describe_output: bool = True,
        progress: bool = False,
    ) -> TaskResult[Output]: ...

    def run_task(
        self,
        message: str,
        *,
        start_url: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        on_event: Callable[[Event], Maybe[object]] | None = None,
        timeout: float | timedelta | None = None,
        cancel_on_timeout: bool = False,
        if_busy: Literal["error", "wait", "cancel"] = "error",
        output: type[Any] | Validates[Any] | None = None,
        repairs: int = 0,
        describe_output: bool = True,
        progress: bool = False,
    ) -> TaskResult:
        """Runs a task to its end.

        Args:
            message: What the agent shall do: 1 to 10,000 characters.
            start_url: The page to open first; at most 2,000 characters.
            on_question: Answers a question of the agent; None leaves it open.
            on_event: Sees every event of the task, questions among them.
            timeout: Seconds for everything. None: no limit.
            cancel_on_timeout: Cancels the task when the time is over.
            if_busy: What to do where the session's last task has not ended: raise, wait for
                its end (also for an answer to its question), or cancel it.
            output: The type of the result: a pydantic model, a dataclass, a TypedDict, a
                NamedTuple, a msgspec or attrs class, or a pydantic `TypeAdapter`. The result's
                `output` is an object of it.
            repairs: How often the agent is asked again, in the same session, for a result that
                fits `output`. Each is a task of its own.
            describe_output: Puts the JSON schema of `output` to the task. False: the task itself
                says what the result shall look like.
            progress: Shows how it gets on: a line on a terminal, a view in a notebook, and
                nothing where standard error is no terminal.

        Raises:
            TaskError: The agent failed, or left no result; or the result does not fit `output`
                (the error's `result` has it).
            QuestionPending: The agent asked, and nobody answered. The error's
                `task` can still be answered.
            TaskTimeout: The task took longer than `timeout`. It goes on, unless
                `cancel_on_timeout` is set.
            ConflictError: The session's last task has not ended (`code` is
                `task_in_progress`); nothing was sent. The error has its `task` and
                `question`.
            InvalidRequestError: The message is empty or too long, for example.
            APIError: The service refused a request, or was not reached.

        Example:
            >>> result = session.run_task("Find a mug", output=Mug, repairs=1)
            >>> print(result.output.price)
        """
        check_callback("on_question", on_question)
        check_callback("on_event", on_event)
        if progress is not False:
            from ..._views.progress import begin

            shown = begin(progress, "task")
            shape: Any = output
            if shown is not None:
                with shown:
                    return self.run_task(
                        message,
                        start_url=start_url,
                        on_question=shown.asking(on_question),
                        on_event=shown.seeing(on_event),
                        timeout=timeout,
                        cancel_on_timeout=cancel_on_timeout,
                        if_busy=if_busy,
                        output=shape,
                        repairs=repairs,
                        describe_output=describe_output,
                    )
        until = deadline(timeout)
        params: StartTask = {"message": message, "start_url": start_url, "if_busy": if_busy}
        wanted = None
        if output is not None or repairs:
            from ..._output import Wanted

            wanted = Wanted(output, repairs, describe_output)
            params["message"] = wanted.ask(message)
        result = self._run_task(params, on_question, on_event, timeout, until, cancel_on_timeout)
        while wanted is not None and (again := wanted.judge(result)):
            if is_over(until):
                raise wanted.late()
            try:
                result = self._run_task(
                    {"message": again}, on_question, on_event, timeout, until, cancel_on_timeout
                )
            except BaseException as failure:
                # Also a timeout of asyncio's, or Ctrl-C.
                wanted.lost(failure)
                raise
        return result

    def _run_task(
        self,
        params: StartTask,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None,
        on_event: Callable[[Event], Maybe[object]] | None,
        timeout: float | timedelta | None,
        until: float | None,
        cancel_on_timeout: bool,
    ) -> TaskResult:
        task = self._start_task(params, timeout, until)
        try:
            # Read also where nobody looks: a full queue would hold the stream back.
            task._attend(on_question, on_event, until)
            return task.result(timeout=remaining(until))
        except TaskTimeout as late:
            if cancel_on_timeout:
                task._cancel_quietly()
            task._note(late)
            raise _task_timeout(self.session_id, timeout, late.events) from None
        except BaseException as failure:
            task._note(failure)
            raise
        finally:
            # A question that was left open keeps its task, for an answer.
            if task.question is None:
                task.close()

    def as_tool(
        self,
        *,
        name: str = "run_browser_task",
        description: str | None = None,
        on_question: Callable[[QuestionEvent], Maybe[str | None]] | None = None,
        on_event: Callable[[Event], Maybe[object]] | None = None,
        timeout: float | timedelta | None = None,
    ) -> Callable[..., str]:
        """This session as a tool for an agent of a framework: a function that takes a
        task, and perhaps a `start_url`, and gives the result as text. LangChain, pydantic-ai,
        OpenAI Agents, LlamaIndex and Google's ADK take it as it is.

        A failure of the task is a text, too, for the model to read. A question that nobody
        answers is one as well: the next call's `task` is then its answer.

        Args:
            name: The tool's name.
            description: What the model reads of it, in place of a general description.
            on_question: Answers a question of the agent. If it raises, such as the interrupt of a
                framework, the task stays as it is, and the next call asks again.
            on_event: Sees every event of the tasks.
            timeout: Seconds for one call. None: no limit.

        Raises:
            InvalidRequestError: `name` is none for a tool, for example.

        Example:
            >>> agent = pydantic_ai.Agent(model, tools=[session.as_tool()])
        """
        from .tool import session_tool

        check_callback("on_question", on_question)
        check_callback("on_event", on_event)
        deadline(timeout)
        handlers = (on_question, on_event)
        client = self._client._native
        return session_tool(self.prepare_task, client, name, description, *handlers, timeout)

    def wait(
        self, *, timeout: float | timedelta | None = None, poll_interval: float | timedelta = 2.0
    ) -> ExecutionStatus:
        """Waits by polling until the task ends or asks.

        Args:
            timeout: Seconds. None: no limit.
            poll_interval: Seconds between two polls.

        Returns:
            The final execution status: `finished`, `error` or `waiting_for_input`.

        Raises:
            TaskTimeout: The time is over; the task goes on.
        """
        options: WaitOptions = {"timeout": finite(timeout), "poll_interval": poll_interval}
        status: ExecutionStatus = (
            self._call({"op": "wait", "session_id": self.session_id, "options": options})
        )["status"]
        return status

    def record(
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
        recording = self._call({"op": "record", "session_id": self.session_id})
        file = None if path is None else str(path)
        return _native.record_scenario(recording, secrets, file)

    def pause(self) -> SuccessResult:
        """Pauses the task.

        Raises:
            ConflictError: It is paused already, or no task runs.
        """
        return SuccessResult(**self._call({"op": "pause", "session_id": self.session_id}))

    def resume(self) -> SuccessResult:
        """Goes on with the paused task.

        Raises:
            ConflictError: It is not paused.
        """
        return SuccessResult(**self._call({"op": "resume", "session_id": self.session_id}))

    def try_pause(self) -> bool:
        """Pauses the task, if one runs; whether it did. It did not where the task was paused
        already, where none runs, or where the session is gone.

        Raises:
            APIError: The service refused the request otherwise, or was not reached.
        """
        paused: bool = self._call({"op": "try_pause", "session_id": self.session_id})
        return paused

    def try_resume(self) -> bool:
        """Goes on with the task, if it is paused; whether it did.

        Raises:
            APIError: The service refused the request otherwise, or was not reached.
        """
        resumed: bool = self._call({"op": "try_resume", "session_id": self.session_id})
        return resumed

    def is_alive(self) -> bool:
        """Whether the service has this session, and it takes tasks: its status is neither
        `error` nor `terminated`.

        Raises:
            APIError: The service refused the request, or was not reached.

        Example:
            >>> if session.is_alive():
            ...     session.send_message("And the price?")
        """
        alive: bool = self._call({"op": "is_alive", "session_id": self.session_id})
        return alive

    def cancel(self) -> SuccessResult:
        """Cancels the task; the session stays usable."""
        return SuccessResult(**self._call({"op": "cancel", "session_id": self.session_id}))

    def paused(self) -> Paused:
        """Pauses the task for a block: then it goes on, or is cancelled on an exception.

        Example:
            >>> with session.paused():
            ...     session.send_message("Aisle seats only")
        """
        return Paused(self)

    def stop(self) -> SuccessResult:
        """Stops the agent at all cost: cancels the task; if that fails, deletes the session."""
        return SuccessResult(**self._call({"op": "stop", "session_id": self.session_id}))

    def navigate(self, url: str, *, settle: float | timedelta | None = None) -> str:
        """Opens a page in the session's browser.

        Args:
            url: http or https, in full; at most 2,000 characters.
            settle: Seconds to wait then, at most 3,600, so that the page can settle.

        Returns:
            The URL after redirects; `goto` also says whether it is another site.

        Raises:
            InvalidRequestError: The URL is none that the service takes.
        """
        return (self.goto(url, settle=settle)).current_url

    def goto(self, url: str, *, settle: float | timedelta | None = None) -> Navigation:
        """Opens a page in the session's browser, and says where that led.

        Args:
            url: http or https, in full; at most 2,000 characters.
            settle: Seconds to wait then, at most 3,600, so that the page can settle.

        Raises:
            InvalidRequestError: The URL is none that the service takes.

        Example:
            >>> page = session.goto("https://shop.example/orders")
            >>> if page.redirected:
            ...     print("sent on to", page.current_url)
        """
        reply = self._call(
            {"op": "navigate", "session_id": self.session_id, "url": url, "settle": settle}
        )
        return Navigation(**reply)

    def screenshot(self) -> Screenshot:
        """Takes a picture of the session's browser."""
        fields, image = self._call({"op": "screenshot", "session_id": self.session_id})
        # A view of the session in a notebook shows the last one.
        self._picture = Screenshot(image=image, **fields)
        return self._picture

    def screenshots(
        self, *, every: float | timedelta, directory: str | os.PathLike[str]
    ) -> Screenshots:
        """Takes a picture of the browser every so often, beside whatever the block does.

        The first is taken at once. A picture that fails is a warning in the log, and does not
        end the block; a session that is gone ends the pictures.

        Args:
            every: Seconds between two pictures.
            directory: The folder for them, which is made where there is none. A picture is
                named by its time.

        Raises:
            InvalidRequestError: `every` is no positive number of seconds; or, on the way into
                the block, the folder is of no use.

        Example:
            >>> with session.screenshots(every=10, directory="shots") as shots:
            ...     session.run_task("Find a mug")
            >>> print(shots.paths)
        """
        length = seconds(every)
        number = isinstance(length, int | float) and not isinstance(length, bool)
        if not (number and 0 < length < float("inf")):
            raise InvalidRequestError(
                f"`every` must be a positive number of seconds, not {every!r:.60}."
            )
        folder = path_text("directory", directory, InvalidRequestError) or ""
        return Screenshots(self, {"every": every, "directory": folder})

    def delete(
        self, *, save_snapshot_mode: SnapshotMode | None = None, save_as_default: bool | None = None
    ) -> DeleteResult:
        """Deletes the session; one that is gone is no error.

        Args:
            save_snapshot_mode: What to keep: `none`, `memory` or `filesystem`.
            save_as_default: Makes the snapshot the user's default environment;
                needs a mode that saves one.
        """
        snapshot = snapshot_options(save_snapshot_mode, save_as_default)
        reply = DeleteResult(
            **self._call(
                {"op": "delete_session", "session_id": self.session_id, "snapshot": snapshot}
            )
        )
        self._deleted = reply.success
        return reply

    def __enter__(self) -> Session:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._deleted:
            return
        operation: EndSessionOperation = {
            "op": "end_session",
            "session_id": self.session_id,
            "snapshot": self._snapshot,
        }
        self._deleted = delete_on_exit(self, operation, error)

    def _call(self, operation: Operation) -> Any:
        return _wait.result(self._client._start(operation))


class Screenshots:
    """The pictures of `session.screenshots`: complete once its block is over.

    Attributes:
        paths: Their files, in the order in which they were taken.
        failed: How many could not be taken or written.
        error: Why the last of these was not; else None.
    """

    __slots__ = ("_number", "_options", "_session", "error", "failed", "paths")

    def __init__(self, session: Session, options: ScreenshotsOptions) -> None:
        self._session = session
        self._options = options
        self._number: int | None = None
        self.paths: list[str] = []
        self.failed: int = 0
        self.error: SessionwireError | None = None

    def __enter__(self) -> Screenshots:
        if self._number is not None:
            raise InvalidRequestError(
                "These pictures are being taken already. Call `screenshots` once more for others."
            )
        self._number = self._session._call(
            {
                "op": "start_screenshots",
                "session_id": self._session.session_id,
                "options": self._options,
            }
        )
        return self

    def __exit__(self, *_: object) -> None:
        number, self._number = self._number, None
        if number is None:
            return
        native = self._session._client._native
        # Goes on where the block was cancelled.
        report = _wait.finish(native.start({"op": "stop_screenshots", "number": number}))
        self.paths += report["paths"]
        self.failed += report["failed"]
        if report["error"] is not None:
            self.error = from_native(report["error"])


class Paused:
    """The block of `session.paused()`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> Session:
        self._session.pause()
        return self._session

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            self._session.resume()
            return
        try:
            self._session.cancel()
        except SessionwireError as failure:
            # The user's own exception goes first.
            log_warning(f"The paused task could not be cancelled: {failure}")


def _task_timeout(
    session_id: str, timeout: float | timedelta | None, events: list[Event]
) -> TaskTimeout:
    error = TaskTimeout(
        f"The task did not end within {said(timeout)}. Unless it was cancelled it goes on in its "
        "session: wait for it there, or cancel it."
    )
    error.session_id = session_id
    error.events = events
    return error


def listed_types(event_types: Iterable[EventTypeName] | None) -> list[str] | None:
    if isinstance(event_types, str):
        raise InvalidRequestError(
            f"`event_types` is a text. Pass a list of types, such as [{event_types!r}]."
        )
    if event_types is None:
        return None
    types = listed("event_types", event_types)
    warn_unknown_types(types)
    return types


def snapshot_options(mode: str | None, as_default: bool | None) -> SnapshotOptions:
    """What a delete keeps, checked when it is said: the delete may be far away."""
    snapshot: SnapshotOptions = {}
    if mode is not None:
        snapshot["save_snapshot_mode"] = mode
    if as_default is not None:
        snapshot["save_as_default"] = as_default
    _native.check({"check": "snapshot", **snapshot})
    return snapshot

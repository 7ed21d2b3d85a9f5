"""The blocking raccoon. Generated from `_async_raccoon.py` by
`bindings-python/generate_sync.py`: change that file, and run the script.
"""

from __future__ import annotations

from . import _native
from . import _wait_sync as _wait
from ._base import BaseClient, Handle, delete_on_exit
from ._errors import ConfigError, InvalidRequestError, SessionwireError, TaskTimeout
from ._models import DeleteResult, SuccessResult
from ._reports import deadline, left, log_warning
from ._turn_models import (
    History,
    ResumePoint,
    SessionRecord,
    StopResult,
    TurnResult,
    UploadedFile,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import IO, Any, Unpack

    from ._native import RaccoonClient as NativeClient
    from ._native import Turn as NativeTurn
    from ._turn_events import TurnEvent
    from ._types import TurnOptions, WireNames
    from ._wait_sync import Maybe

    # What an upload takes for a file.
    Content = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]

__all__ = [
    "Media",
    "Raccoon",
    "RaccoonSession",
    "RaccoonSessions",
    "Turn",
]

# How much of a file object is read at once.
_CHUNK = 256 * 1024
# Seconds between two looks at the progress of an upload.
_PROGRESS = 0.1


class Raccoon(BaseClient):
    """A client of the Raccoon AI Agents API.

    Configuration plus a connection pool, for any number of threads and event
    loops. Use it as a context manager, or call `close()`. It sends nothing
    until the first call.

    Args:
        api_key: The API key. Default: the environment variable `RACCOON_API_KEY`.
        base_url: The service's address, or a gateway's with a path. Default:
            `RACCOON_BASE_URL`, else the public service.
        timeout: Deadline of one call in seconds, over all its retries and waits. An
            upload may take longer, as long as it moves.
        connect_timeout: Limit for opening a connection, in seconds.
        max_retries: How many times a failed request is tried again where that
            is safe; 0 turns retries off.
        proxy: A proxy for every request. Default: `HTTPS_PROXY`, `HTTP_PROXY`
            and `NO_PROXY`; loopback is never proxied unless this is set.
        ca_file: A PEM file with the certificate authorities to trust, instead
            of the system's.
        headers: Headers added to every request.
        allow_insecure_http: Allows `http://` and `ws://` to a host that is not loopback.
        wait_for_limit: Seconds that a call may wait for the service's limits to
            end. Default: a limit is tried again like any other failure.
        websocket_url: The address of the WebSockets. Default: `base_url` with ws for http.
        wire: Other names for what the service's documentation leaves open, such as
            `{"prompt": ["task"]}`.
        encode_frame: Writes the frames that `send_message` and `stop` send in its own
            way: it gets the frame as a dict, and gives the one to send.
        respect_max_concurrent: Starts no more turns at once than the service allows.
            Further ones wait here for a place, for `wait_for_limit`, or `timeout` where
            that is not set; then they are an APITimeoutError.

    Raises:
        ConfigError: A missing key, or an option that cannot be used.

    Example:
        >>> with Raccoon() as client:
        ...     result = client.run_turn("Build a REST API", mode="code")
        ...     print(result.text)
    """

    __slots__ = ("media", "sessions")

    _native: NativeClient
    #: The sessions of this key: list, get, rename, delete.
    sessions: RaccoonSessions
    #: Files for turns: upload.
    media: Media

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float = 60.0,
        connect_timeout: float = 10.0,
        max_retries: int = 3,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        headers: Mapping[str, str] | None = None,
        allow_insecure_http: bool = False,
        wait_for_limit: float | None = None,
        websocket_url: str | None = None,
        wire: WireNames | Mapping[str, Any] | None = None,
        encode_frame: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
        respect_max_concurrent: bool = False,
    ) -> None:
        if encode_frame is not None and not callable(encode_frame):
            raise ConfigError(
                f"encode_frame is not a function but {type(encode_frame).__name__}. Give a "
                "function that takes a frame and gives the one to send."
            )
        self._connect(
            {
                "api_key": api_key,
                "base_url": base_url,
                "timeout": timeout,
                "connect_timeout": connect_timeout,
                "max_retries": max_retries,
                "proxy": proxy,
                "ca_file": ca_file,
                "headers": headers,
                "allow_insecure_http": allow_insecure_http,
                "wait_for_limit": wait_for_limit,
                "websocket_url": websocket_url,
                "wire": None if wire is None else dict(wire),
                "encode_frame": encode_frame,
                "respect_max_concurrent": respect_max_concurrent,
            }
        )

    def _make(self, options: dict[str, Any]) -> NativeClient:
        # It is Python's own: what it gives goes along with the call.
        options.pop("encode_frame")
        return _native.RaccoonClient(options)

    def _open(self, native: NativeClient, options: dict[str, Any]) -> None:
        super()._open(native, options)
        self.sessions = RaccoonSessions(self)
        self.media = Media(self)

    def session(
        self, session_id: str | None = None, *, delete_on_exit: bool = False
    ) -> RaccoonSession:
        """Gives a handle on a session, without a request; its first turn creates it.

        Args:
            session_id: The UUID of a session to go on with. Default: a fresh one.
            delete_on_exit: Deletes the session at the end of its `with` block; without
                it sessions stay.

        Raises:
            InvalidRequestError: The id is no UUID.
        """
        if session_id is None:
            session_id = _native.new_session_id()
        else:
            _native.check_raccoon({"check": "session_id", "session_id": session_id})
        return RaccoonSession(self, session_id, delete_on_exit)

    def run_turn(
        self,
        prompt: str,
        *,
        session_id: str | None = None,
        mode: str = "auto",
        on_event: Callable[[TurnEvent], Maybe[object]] | None = None,
        timeout: float | None = None,
        stop_on_timeout: bool = False,
        **options: Unpack[TurnOptions],
    ) -> TurnResult:
        """Runs a turn in a fresh session, or in the one with this id.

        The session stays: `result.session_id`. The other arguments and the errors are
        those of `session.run_turn`.

        Example:
            >>> result = client.run_turn("Summarise it", files=["report.pdf"])
        """
        return self.session(session_id).run_turn(
            prompt,
            mode=mode,
            on_event=on_event,
            timeout=timeout,
            stop_on_timeout=stop_on_timeout,
            **options,
        )

    def attach(
        self,
        session_id: str,
        message_id: str,
        after: str | ResumePoint | None = None,
        *,
        max_reconnects: int = 6,
        ping_interval: float = 20.0,
        idle_timeout: float = 60.0,
        replay: bool = True,
    ) -> Turn:
        """Gives a handle on a turn that was started before, or elsewhere.

        Args:
            session_id: The turn's session.
            message_id: The turn's agent message: `turn.message_id`.
            after: Only events after this place: a `turn.resume_point`, or a stream
                entry id. Default: all of the turn.
            max_reconnects: As for `start_turn`.
            ping_interval: As for `start_turn`.
            idle_timeout: As for `start_turn`.
            replay: As for `start_turn`.

        Raises:
            InvalidRequestError: An id that cannot be one.
            APIError: With `after`, the history could not be read.

        Example:
            >>> point = turn.resume_point
            >>> turn = client.attach(point.session_id, point.message_id, point)
        """
        params = {
            "session_id": session_id,
            "message_id": message_id,
            "after": after._place() if isinstance(after, ResumePoint) else after,
            "events": {
                "max_reconnects": max_reconnects,
                "ping_interval": ping_interval,
                "idle_timeout": idle_timeout,
                "replay": replay,
            },
        }
        point = ResumePoint(session_id, message_id, after) if isinstance(after, str) else after
        return self._attach(params, point)

    def _attach(self, params: dict[str, Any], point: ResumePoint | None) -> Turn:
        turn = _wait.result(self._native.attach(params))
        return Turn(turn, self._options["encode_frame"], point)

    @property
    def max_concurrent(self) -> int | None:
        """How many turns may run at once, as the service said last; None before that."""
        return self._native.max_concurrent


class RaccoonSessions:
    """The sessions of a key: `client.sessions`."""

    __slots__ = ("_client",)

    def __init__(self, client: Raccoon) -> None:
        self._client = client

    def list(
        self,
        *,
        search: str | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        limit: int | None = None,
    ) -> Iterator[SessionRecord]:
        """Lists the sessions of this key; the next page is read when it is needed.

        Args:
            search: Only sessions that match this text.
            sort_by: `updatedAt`, `createdAt` or `title`.
            sort_order: `asc` or `desc`.
            limit: Sessions per page: 1 to 100.

        Example:
            >>> for session in client.sessions.list(search="report"):
            ...     print(session.session_id, session.title)
        """
        page = None
        seen: set[str] = set()
        while True:
            answer = self._client._call(
                {
                    "op": "list_sessions",
                    "page": page,
                    "limit": limit,
                    "search": search,
                    "sort_by": sort_by,
                    "sort_order": sort_order,
                }
            )
            new = [fields for fields in answer["sessions"] if fields["session_id"] not in seen]
            for fields in new:
                seen.add(fields["session_id"])
                yield SessionRecord._of(fields)
            # A service that ignores the page's number repeats the first one.
            if answer["last"] or not new:
                return
            page = (page or 1) + 1

    def get(self, session_id: str) -> History:
        """Reads a session's record and all its messages.

        Raises:
            NotFoundError: There is no such session, or it belongs to another key.
        """
        answer = self._client._call({"op": "get_session", "session_id": session_id})
        return History._of(answer)

    def rename(self, session_id: str, title: str) -> SuccessResult:
        """Gives a session another title: 1 to 255 characters."""
        params = {"op": "rename_session", "session_id": session_id, "title": title}
        return SuccessResult(**self._client._call(params))

    def delete(self, session_id: str) -> DeleteResult:
        """Deletes a session; one that is gone is no error."""
        params = {"op": "delete_session", "session_id": session_id}
        return DeleteResult(**self._client._call(params))


class Media:
    """Files for turns: `client.media`."""

    __slots__ = ("_client",)

    def __init__(self, client: Raccoon) -> None:
        self._client = client

    def upload(
        self,
        file: Content,
        *,
        session_id: str,
        key: str | None = None,
        name: str | None = None,
        content_type: str | None = None,
        on_progress: Callable[[int, int | None], Maybe[object]] | None = None,
    ) -> UploadedFile:
        """Uploads a file. It is streamed, never held in memory as a whole.

        Args:
            file: A path, bytes, or a file object opened in binary mode. Only a file
                object is not read again for a retry.
            session_id: The session that it is for; it need not exist yet.
            key: Where to keep it. Default: `{session_id}/{name}`.
            name: Its name. Default: that of the file.
            content_type: Its media type. Default: by the name's ending.
            on_progress: Called now and then with the bytes sent and the bytes in all
                (None where unknown).

        Raises:
            InvalidRequestError: The file cannot be read, for example.
            APIError: The service refused it, or was not reached.
        """
        params = {
            "session_id": session_id,
            "key": key,
            "name": name,
            "content_type": content_type,
        }
        native = self._client._native
        if isinstance(file, (bytes, bytearray, memoryview)):
            upload = native.upload(params, content=bytes(file))
            return self._finish(upload, on_progress)
        if hasattr(file, "read"):
            if name is None:
                params["name"] = getattr(file, "name", None)
            return self._pump(native.upload(params), file, on_progress)
        return self._finish(native.upload(params, path=file), on_progress)

    def _pump(
        self,
        upload: _native.Upload,
        file: Any,
        on_progress: Callable[[int, int | None], Maybe[object]] | None,
    ) -> UploadedFile:
        try:
            while content := _wait.call(file.read, _CHUNK):
                if isinstance(content, str):
                    raise InvalidRequestError(
                        "The file gives text. Open it in binary mode: open(path, 'rb')."
                    )
                if not _wait.result(upload.write(content)):
                    break
                if on_progress is not None:
                    _wait.call(on_progress, upload.sent, None)
        except BaseException:
            upload.operation.cancel()
            raise
        upload.finish()
        return self._finish(upload, on_progress)

    def _finish(
        self,
        upload: _native.Upload,
        on_progress: Callable[[int, int | None], Maybe[object]] | None,
    ) -> UploadedFile:
        if on_progress is None:
            return UploadedFile._of(_wait.result(upload.operation))
        try:
            while not _wait.within(upload.operation, _PROGRESS):
                _wait.call(on_progress, upload.sent, upload.total)
        except BaseException:
            upload.operation.cancel()
            raise
        _wait.call(on_progress, upload.sent, upload.total)
        return UploadedFile._of(upload.operation.result())


class RaccoonSession:
    """One session: a sandbox, its files and its conversation.

    The first turn creates it, and it stays until it is deleted: as a context
    manager only with `delete_on_exit`.
    """

    __slots__ = ("__weakref__", "_client", "_delete_on_exit", "session_id")

    def __init__(self, client: Raccoon, session_id: str, delete_on_exit: bool = False) -> None:
        self._client = client
        self._delete_on_exit = delete_on_exit
        #: The UUID that names the session.
        self.session_id: str = session_id

    def start_turn(
        self, prompt: str, *, mode: str = "auto", **options: Unpack[TurnOptions]
    ) -> Turn:
        """Starts a turn and gives a handle on it. It is never started twice on a guess.

        Args:
            prompt: What the agent shall do.
            mode: `auto`, `plan`, `code`, `deepsearch` or `slides`.
            **options: `files`: paths, which are uploaded first, or what `upload` gave.
                `sdk_version`: `fast` or `think`. `base_prompt`, `references`, `history`,
                `continuation`: as the service documents them. `extra`: fields that this
                version does not know. `max_reconnects`: failed attempts in a row after
                which the stream fails (6). `ping_interval`: seconds between two pings
                (20). `idle_timeout`: seconds without a sign of life after which the
                socket counts as dead (60). `replay`: whether the first connect asks for
                what happened before it (True).

        Raises:
            InvalidRequestError: The prompt is empty, or a file cannot be read.
            ConflictError: A turn runs in this session.
            RateLimitError: Too many turns run.
            APIConnectionError: No answer came; `maybe_delivered` says whether the turn
                may run all the same.

        Example:
            >>> with session.start_turn("Digest it", files=["report.pdf"]) as turn:
            ...     for event in turn:
            ...         print(event.kind, event.text)
            ...     result = turn.result()
        """
        return self._start_turn(_turn_params(prompt, mode, options))

    def _start_turn(self, params: dict[str, Any], timeout: float | None = None) -> Turn:
        operation = self._client._native.start_turn(self.session_id, params)
        if not _wait.within(operation, timeout):
            operation.cancel()
            raise _turn_timeout(self.session_id, timeout)
        return Turn(operation.result(), self._client._options["encode_frame"])

    def run_turn(
        self,
        prompt: str,
        *,
        mode: str = "auto",
        on_event: Callable[[TurnEvent], Maybe[object]] | None = None,
        timeout: float | None = None,
        stop_on_timeout: bool = False,
        **options: Unpack[TurnOptions],
    ) -> TurnResult:
        """Runs a turn to its end.

        Args:
            prompt: What the agent shall do.
            mode: `auto`, `plan`, `code`, `deepsearch` or `slides`.
            on_event: Sees every event of the turn.
            timeout: Seconds for everything, uploads included. None: no limit.
            stop_on_timeout: Stops the turn when the time is over.
            **options: As for `start_turn`.

        Raises:
            TaskError: The turn failed. (An aborted one is a result.)
            TaskTimeout: The turn took longer than `timeout`. It goes on, unless
                `stop_on_timeout` is set.
            StreamError: Its stream was lost, and the history does not hold its end.
            APIError: The service refused a request, or was not reached.
        """
        until = deadline(timeout)
        turn = self._start_turn(_turn_params(prompt, mode, options), timeout)
        try:
            # Read also where nobody looks: a full queue would hold the stream back.
            turn._attend(on_event, until)
            return turn.result(timeout=left(until))
        except TaskTimeout as late:
            if stop_on_timeout:
                turn._stop_quietly()
            raise _turn_timeout(self.session_id, timeout, late) from None
        finally:
            turn.close()

    def history(self) -> History:
        """Reads the session's record and all its messages."""
        return self._client.sessions.get(self.session_id)

    def rename(self, title: str) -> SuccessResult:
        """Gives the session another title: 1 to 255 characters."""
        return self._client.sessions.rename(self.session_id, title)

    def delete(self) -> DeleteResult:
        """Deletes the session; one that is gone is no error."""
        answer = self._client.sessions.delete(self.session_id)
        self._delete_on_exit = False
        return answer

    def upload(
        self,
        file: Content,
        *,
        key: str | None = None,
        name: str | None = None,
        content_type: str | None = None,
        on_progress: Callable[[int, int | None], Maybe[object]] | None = None,
    ) -> UploadedFile:
        """Uploads a file for the session's turns; see `client.media.upload`."""
        return self._client.media.upload(
            file,
            session_id=self.session_id,
            key=key,
            name=name,
            content_type=content_type,
            on_progress=on_progress,
        )

    def __enter__(self) -> RaccoonSession:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not self._delete_on_exit:
            return
        delete_on_exit(self, error)

    def __repr__(self) -> str:
        return f"RaccoonSession(session_id={self.session_id!r})"


class Turn(Handle):
    """A handle on one turn: its events, its result, and the way to steer it.

    Iterate it for its events. As a context manager it stops reading them on the
    way out; the turn itself goes on.
    """

    __slots__ = ("_after", "_encode_frame", "_last")

    _native: NativeTurn

    def __init__(
        self,
        native: NativeTurn,
        encode_frame: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
        after: ResumePoint | None = None,
    ) -> None:
        super().__init__(native)
        self._encode_frame = encode_frame
        # Where it was attached, and the last event that was read since.
        self._after = after
        self._last: TurnEvent | None = None

    @property
    def message_id(self) -> str:
        """The agent's message, which names the turn."""
        return self._native.message_id

    @property
    def user_message_id(self) -> str | None:
        """The message of the prompt; None after `attach`."""
        message_id: str | None = self._native.state()["user_message_id"]
        return message_id

    @property
    def workflow_id(self) -> str | None:
        """The service's workflow, where it says."""
        workflow_id: str | None = self._native.state()["workflow_id"]
        return workflow_id

    @property
    def status(self) -> str:
        """`submitted`, `queued`, `running`, `completed`, `aborted`, `failed` or `unknown`."""
        status: str = self._native.state()["status"]
        return status

    @property
    def queue_position(self) -> int | None:
        """How many turns go before this one; 0 once it runs, None where unknown."""
        return self._native.queue_position

    @property
    def text(self) -> str:
        """The agent's visible text so far."""
        text: str = self._native.state()["text"]
        return text

    @property
    def plan(self) -> list[dict[str, Any]]:
        """What the agent plans: entries with `id`, `content` and `status`."""
        plan: list[dict[str, Any]] = self._native.state()["plan"]
        return plan

    @property
    def files(self) -> dict[str, Any]:
        """The sandbox's files, by path."""
        files: dict[str, Any] = self._native.state()["files"]
        return files

    @property
    def resume_point(self) -> ResumePoint:
        """The place after the last event that was read here: `client.attach` goes on there."""
        last = self._last
        if last is not None:
            entry, event_id = last.stream_entry_id, last.id
        elif self._after is not None:
            entry, event_id = self._after.last_stream_entry_id, self._after.last_event_id
        else:
            entry, event_id = None, None
        return ResumePoint(self.session_id, self.message_id, entry, event_id)

    def __iter__(self) -> Turn:
        return self

    def __next__(self) -> TurnEvent:
        event: TurnEvent | None = self._next(None)
        if event is None:
            raise StopIteration
        return event

    def send_message(
        self,
        text: str,
        *,
        files: Iterable[UploadedFile] = (),
        references: Iterable[Mapping[str, Any]] = (),
    ) -> SuccessResult:
        """Tells the agent more while it works. Sent once.

        Args:
            text: What it shall know.
            files: What `upload` gave.
            references: Objects to refer to.

        Raises:
            InvalidRequestError: The text is empty, or the turn is over.
            APIConnectionError: The socket broke; `maybe_delivered` says whether the
                message may have arrived all the same.
        """
        answer = self._send(
            "send_message",
            text=text,
            files=[file._fields() for file in files],
            references=[dict(reference) for reference in references],
        )
        return SuccessResult(**answer)

    def stop(self, timeout: float = 10.0) -> StopResult:
        """Stops the turn and waits for its end; the session stays.

        Args:
            timeout: Seconds to wait. `confirmed` is False where that was too short.
        """
        return StopResult(**self._send("stop", timeout=timeout))

    def result(self, timeout: float | None = None) -> TurnResult:
        """Waits for the result. The events need not be read.

        Args:
            timeout: Seconds. None: no limit.

        Raises:
            TaskError: The turn failed. (An aborted one is a result.)
            TaskTimeout: The time is over; the turn goes on.
            StreamError: The stream was lost, and the history does not hold the end.
        """
        return TurnResult(**self._call("result", timeout=timeout))

    def __repr__(self) -> str:
        return f"Turn(session_id={self.session_id!r}, message_id={self.message_id!r})"

    def _send(self, op: str, **params: Any) -> Any:
        """A call that sends a frame: by the client's `encode_frame`, if it has one."""
        if self._encode_frame is not None:
            frame = self._encode_frame(self._native.frame({"op": op, **params}))
            if frame is None:
                raise InvalidRequestError(
                    "`encode_frame` gave None: nothing was sent. Give the frame to send."
                )
            params["frame"] = dict(frame)
        return self._call(op, **params)

    def _next(self, timeout: float | None) -> Any:
        """The next event; None at the end; False after `timeout` seconds."""
        # The stream serves both services; this one holds a turn's events.
        event: Any = self._events._next(timeout)
        if event:
            self._last = event
        return event

    def _attend(
        self, on_event: Callable[[TurnEvent], Maybe[object]] | None, until: float | None
    ) -> None:
        """Reads the events for the callback: to the end, or as long as there is time."""
        while event := self._next(left(until)):
            if on_event is not None:
                _wait.call(on_event, event)

    def _stop_quietly(self) -> None:
        try:
            self.stop()
        except SessionwireError as failure:
            log_warning(f"The turn could not be stopped: {failure}")


def _turn_params(prompt: str, mode: str, options: TurnOptions) -> dict[str, Any]:
    """The parameters of a turn as the core takes them."""
    params: dict[str, Any] = {"prompt": prompt, "mode": mode, **options}
    files = params.pop("files", None)
    if isinstance(files, str):
        raise InvalidRequestError(f"`files` is a text. Pass a list of files, such as [{files!r}].")
    params["files"] = [
        file._fields() if isinstance(file, UploadedFile) else str(file) for file in files or ()
    ]
    names = ("max_reconnects", "ping_interval", "idle_timeout", "replay")
    params["events"] = {name: params.pop(name) for name in names if name in params}
    extra = params.pop("extra", None)
    params["extra"] = dict(extra or {})
    return params


def _turn_timeout(
    session_id: str, timeout: float | None, late: TaskTimeout | None = None
) -> TaskTimeout:
    error = TaskTimeout(
        f"The turn did not end within {timeout} s. Unless it was stopped it goes on in its "
        "session: attach to it, or stop it."
    )
    error.session_id = session_id
    if late is not None:
        error.message_id = late.message_id
        error.events = late.events
    return error


for _name in __all__:
    globals()[_name].__module__ = "sessionwire"

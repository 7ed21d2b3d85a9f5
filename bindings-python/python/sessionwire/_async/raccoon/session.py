"""One session: a sandbox, its files, its conversation."""

from __future__ import annotations

from ... import _native
from ... import _wait_async as _wait
from ..._callbacks import check_callback
from ..._errors import InvalidRequestError, TaskTimeout
from ..._raccoon.files import NewFile, given_files
from ..._raccoon.models import UploadedFile
from ..._reports import deadline, remaining, said
from ..base import delete_on_exit
from .events import AsyncTurnEventStream, place_of
from .media import AsyncMedia, check_files
from .sessions import AsyncRaccoonSessions

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from datetime import timedelta
    from typing import Any, Unpack

    from ..._models import DeleteResult, SuccessResult
    from ..._raccoon.events import TurnEvent
    from ..._raccoon.models import History, HistoryMessage, ResumePoint, TurnResult
    from ..._raccoon.seam import (
        EndSessionOperation,
        EventOptions,
        PrepareTurnOperation,
        StartTurn,
        TurnCheck,
    )
    from ..._raccoon.types import Client, Content, GivenFile, PrepareTurnOptions, TurnOptions
    from ..._wait_async import Maybe, Opening
    from .turn import AsyncTurn


class AsyncRaccoonSession:
    """One session: a sandbox, its files and its conversation.

    The first turn creates it, and it stays until it is deleted: as a context
    manager only with `delete_on_exit`.
    """

    __slots__ = ("__weakref__", "_client", "_delete_on_exit", "session_id")

    def __init__(self, client: Client, session_id: str, delete_on_exit: bool = False) -> None:
        self._client = client
        self._delete_on_exit = delete_on_exit
        #: The UUID that names the session.
        self.session_id: str = session_id

    def start_turn(
        self, prompt: str, *, mode: str = "auto", **options: Unpack[TurnOptions]
    ) -> Opening[AsyncTurn]:
        """Starts a turn and gives a handle on it. It is never started twice on a guess.

        Args:
            prompt: What the agent shall do.
            mode: `auto`, `plan`, `code`, `deepsearch` or `slides`.
            **options: `files`: paths, bytes, open files, dicts with `name` and `content`,
                which are uploaded first, or what `upload` gave, in any mixture.
                `sdk_version`: `fast` or `think`. `base_prompt`, `references`, `history`,
                `continuation`: as the service documents them. `extra`: fields that this
                version does not know. `max_reconnects`: failed attempts in a row after
                which the stream fails (6). `ping_interval`: seconds between two pings
                (20). `idle_timeout`: seconds without a sign of life after which the
                socket counts as dead (60). `replay`: whether the first connect asks for
                what happened before it (True). `text_mode`: what the frames of a text
                are: `delta`, each adds to its block; `cumulative`, each is all of it so
                far; `auto` (the default) decides by all of them, and by the history.

        Raises:
            InvalidRequestError: The prompt is empty, or a file cannot be read.
            ConflictError: A turn runs in this session.
            RateLimitError: Too many turns run.
            APIConnectionError: No answer came; `maybe_delivered` says whether the turn
                may run all the same.

        Example:
            >>> async with session.start_turn("Digest it", files=["report.pdf"]) as turn:
            ...     async for event in turn:
            ...         print(event.kind, event.text)
            ...     result = await turn.result()
        """
        params, files = turn_params(prompt, mode, options)
        return _wait.Opening(self._start_turn(params, files))

    async def _start_turn(
        self,
        params: StartTurn,
        files: list[NewFile | UploadedFile],
        timeout: float | timedelta | None = None,
        until: float | None = None,
    ) -> AsyncTurn:
        try:
            await self._upload_new(params, files, until)
        except _wait.Late:
            raise _start_timeout(self.session_id, timeout) from None
        run, native = self._client._begin_turn(
            "start_turn", session_id=self.session_id, input=params["prompt"]
        )
        try:
            pending = native.start_turn(self.session_id, params)
            if not await _wait.within(pending, remaining(until)):
                pending.cancel()
                raise _start_timeout(self.session_id, timeout)
            turn = pending.result()
        except BaseException as error:
            if run is not None:
                run.note(error)
            raise
        started: AsyncTurn = self._client._turn(turn, None, run)
        return started

    async def _upload_new(
        self, params: StartTurn, files: list[NewFile | UploadedFile], until: float | None
    ) -> None:
        """Uploads what is new, where the core cannot read all of it by itself: plain paths."""
        params["files"] = []
        if any(isinstance(file, NewFile) and not file.plain for file in files):
            # What the turn's start would refuse is refused before a file is sent.
            checked: TurnCheck = {"check": "turn", **params}
            _native.check_raccoon(checked)
            _native.check_raccoon({"check": "session_id", "session_id": self.session_id})
            check_files(files)
            media = AsyncMedia(self._client)
            for at, file in enumerate(files):
                if isinstance(file, NewFile):
                    files[at] = await media._send(file, self.session_id, None, until)
        params["files"] = [
            file._fields() if isinstance(file, UploadedFile) else file.content for file in files
        ]

    async def prepare_turn(
        self, prompt: str, *, mode: str = "auto", **options: Unpack[PrepareTurnOptions]
    ) -> str:
        """Prepares a turn without starting it, and gives its handle: `client.resume(handle)`
        starts it, unless the session's history shows that it was started already. Keep the
        handle first, and the turn is started at most once, whatever dies when.

        The handle holds the prompt and the other arguments, no key; it may be longer than
        200 bytes.

        Args:
            prompt: What the agent shall do.
            mode: `auto`, `plan`, `code`, `deepsearch` or `slides`.
            **options: `files`: what `upload` gave, since a handle holds no file; the others
                as for `start_turn`.

        Raises:
            InvalidRequestError: The prompt is empty, or a file is not uploaded.
            ConflictError: A turn of this session has not ended.
            APIError: The session's history could not be read.

        Example:
            >>> handle = await session.prepare_turn("Build a REST API")
            >>> path.write_text(handle)
            >>> async with client.resume(handle) as turn:
            ...     result = await turn.result()
        """
        given: Any = options
        turn, files = turn_params(prompt, mode, given)
        turn["files"] = [
            file._fields() if isinstance(file, UploadedFile) else _named(file) for file in files
        ]
        operation: PrepareTurnOperation = {
            "op": "prepare_turn",
            "session_id": self.session_id,
            "turn": turn,
        }
        handle: str = await _wait.result(self._client._start(operation))
        return handle

    async def run_turn(
        self,
        prompt: str,
        *,
        mode: str = "auto",
        on_event: Callable[[TurnEvent], Maybe[object]] | None = None,
        timeout: float | timedelta | None = None,
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
        check_callback("on_event", on_event)
        until = deadline(timeout)
        params, files = turn_params(prompt, mode, options)
        turn = await self._start_turn(params, files, timeout, until)
        try:
            # Read also where nobody looks: a full queue would hold the stream back.
            await turn._attend(on_event, until)
            return await turn.result(timeout=remaining(until))
        except TaskTimeout as late:
            if stop_on_timeout:
                await turn._stop_quietly()
            turn._note(late)
            raise _turn_timeout(self.session_id, timeout, late, turn._native.cure()) from None
        except BaseException as failure:
            turn._note(failure)
            raise
        finally:
            await turn.close()

    def events(
        self,
        *,
        after: ResumePoint | TurnEvent | None = None,
        include_history: bool = True,
        poll_interval: float | timedelta = 2.0,
        timeout: float | timedelta | None = None,
        max_reconnects: int = 6,
    ) -> AsyncTurnEventStream:
        """Watches the session: its events over all its turns, whoever starts them, each once
        and in the order of the history, which is read again and again.

        Each has the `message_id` of its turn. A session that is not there yet is waited for:
        its first turn creates it. For the events of one turn as they happen, iterate the turn.

        Args:
            after: Only events after this place: the last event that you had, or a resume point.
            include_history: Starts with the events that the session has already.
            poll_interval: Seconds between two looks at the history, more than 0.
            timeout: Seconds after which the stream ends, without an error. None: no limit.
            max_reconnects: Looks that may fail in a row; at the next one the stream fails.

        Raises:
            InvalidRequestError: An argument of no use; nothing was sent.
            StreamError: While reading: the session was deleted (`reason` is `session_gone`),
                its history cannot be read any more (`reconnect_failed`), or does not have
                the message of `after` (`unknown_resume_point`). Its `message_id`,
                `last_event_id` and `last_stream_entry_id` say how far it was read.
            APIConnectionError: While reading: the client was closed.

        Example:
            >>> async for event in session.events():
            ...     print(event.message_id, event.kind, event.text)
        """
        options: EventOptions = {
            "after": place_of(self.session_id, after),
            "include_history": include_history,
            "poll_interval": poll_interval,
            "timeout": timeout,
            "max_reconnects": max_reconnects,
        }
        return AsyncTurnEventStream(
            _wait.stream(self._client._carrying().events(self.session_id, options))
        )

    async def history(self) -> History:
        """Reads the session's record and all its messages."""
        return await AsyncRaccoonSessions(self._client).get(self.session_id)

    async def last_turn(self) -> HistoryMessage | None:
        """Reads the agent's message of the session's newest turn, whoever started it.

        Its `status` says where the turn is: no socket is needed. None where the session has
        no turn.

        Raises:
            NotFoundError: The service knows no such session: its first turn creates it.
        """
        return (await self.history()).last_turn

    async def rename(self, title: str) -> SuccessResult:
        """Gives the session another title: 1 to 255 characters."""
        return await AsyncRaccoonSessions(self._client).rename(self.session_id, title)

    async def delete(self) -> DeleteResult:
        """Deletes the session; one that is gone is no error."""
        reply = await AsyncRaccoonSessions(self._client).delete(self.session_id)
        self._delete_on_exit = False
        return reply

    async def upload(
        self,
        file: Content,
        *,
        key: str | None = None,
        name: str | None = None,
        content_type: str | None = None,
        on_progress: Callable[[int, int | None], Maybe[object]] | None = None,
        progress: bool = False,
    ) -> UploadedFile:
        """Uploads a file for the session's turns; see `client.media.upload`."""
        return await AsyncMedia(self._client).upload(
            file,
            session_id=self.session_id,
            key=key,
            name=name,
            content_type=content_type,
            on_progress=on_progress,
            progress=progress,
        )

    async def upload_files(
        self,
        files: Iterable[GivenFile],
        *,
        on_progress: Callable[[int, int, int | None], Maybe[object]] | None = None,
    ) -> list[UploadedFile]:
        """Uploads files for the session's turns; see `client.media.upload_files`."""
        return await AsyncMedia(self._client).upload_files(
            files, session_id=self.session_id, on_progress=on_progress
        )

    async def upload_directory(
        self,
        directory: str | os.PathLike[str],
        pattern: str = "**/*",
        *,
        on_progress: Callable[[int, int, int | None], Maybe[object]] | None = None,
    ) -> list[UploadedFile]:
        """Uploads the files of a directory; see `client.media.upload_directory`."""
        return await AsyncMedia(self._client).upload_directory(
            directory, pattern, session_id=self.session_id, on_progress=on_progress
        )

    async def __aenter__(self) -> AsyncRaccoonSession:
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not self._delete_on_exit:
            return
        operation: EndSessionOperation = {
            "op": "end_session",
            "session_id": self.session_id,
        }
        await delete_on_exit(self, operation, error)

    def to_dict(self) -> dict[str, Any]:
        """What it is, as JSON has it: its id. `get()` reads the record."""
        return {"session_id": self.session_id}

    def __repr__(self) -> str:
        return f"AsyncRaccoonSession(session_id={self.session_id!r})"


def _named(file: NewFile) -> Any:
    """What a handle cannot hold, as the error names it."""
    return file.content if file.plain else file.name or "a file without a name"


def turn_params(
    prompt: str, mode: str, options: TurnOptions
) -> tuple[StartTurn, list[NewFile | UploadedFile]]:
    """The parameters of a turn as the core takes them, and its files."""
    params: Any = {"prompt": prompt, "mode": mode, **options}
    if "events" in params:
        raise InvalidRequestError(
            "`events` is no option of a turn. Pass how its events are read by name, such as "
            "`max_reconnects`; `on_event` of `run_turn` sees each event."
        )
    files = given_files(params.pop("files", None))
    names = ("max_reconnects", "ping_interval", "idle_timeout", "replay", "text_mode")
    params["events"] = {name: params.pop(name) for name in names if name in params}
    extra = params.pop("extra", None)
    params["extra"] = dict(extra or {})
    checked: StartTurn = params
    return checked, files


def _start_timeout(session_id: str, timeout: float | timedelta | None) -> TaskTimeout:
    error = TaskTimeout(
        f"The turn was not known to run within {said(timeout)}: its files, a place among the turns "
        "that run at once, or the response to its start took that long. Look at the session's "
        "history before you start it again."
    )
    error.session_id = session_id
    return error


def _turn_timeout(
    session_id: str,
    timeout: float | timedelta | None,
    late: TaskTimeout | None = None,
    cure: str = "",
) -> TaskTimeout:
    error = TaskTimeout(
        f"The turn did not end within {said(timeout)}. Unless it was stopped it goes on in its "
        f"session: attach to it, or stop it{cure}."
    )
    error.session_id = session_id
    if late is not None:
        error.message_id = late.message_id
        error.events = late.events
    return error

"""Generated from `_async/raccoon/client.py` by `make generate`: change that file, and run it."""

from __future__ import annotations

from ... import _native
from ... import _wait_sync as _wait
from ..._errors import ConfigError, InvalidRequestError
from ..._raccoon.ids import session_text
from ..._raccoon.models import ResumePoint
from ..base import BaseClient
from .fanout import TurnOutcomes, run_turns
from .media import Media
from .session import RaccoonSession
from .sessions import RaccoonSessions
from .turn import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import uuid
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta
    from typing import Any, Unpack

    from ..._agi.types import Run, TracerProvider
    from ..._native import RaccoonClient as NativeClient
    from ..._native import Turn as NativeTurn
    from ..._raccoon.events import TurnEvent
    from ..._raccoon.models import TurnResult
    from ..._raccoon.seam import Attach, Resume, RunTurns
    from ..._raccoon.types import GivenTurn, TextMode, TurnOptions, WireNames
    from ..._wait_sync import Maybe


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
        proxy: A proxy for every request: http, https, socks5, socks5h, socks4
            or socks4a. Default: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
            `NO_PROXY`; loopback is never proxied unless this is set.
        ca_file: A PEM file with the certificates to trust instead of the system's:
            of authorities, or the service's own. Default: `SSL_CERT_FILE`,
            `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, the first that is set, else the
            system's; `NODE_EXTRA_CA_CERTS` adds to the first and the last.
        headers: Headers added to every request.
        allow_insecure_http: Allows `http://` and `ws://` to a host that is not loopback.
        wait_for_limit: Seconds that a call may wait for the service's limits to
            end. Default: a limit is tried again like any other failure.
        websocket_url: The address of the WebSockets. Default: `base_url` with ws for http.
        wire: Other names for what the service's documentation leaves open, such as
            `{"prompt": ["task"]}`.
        encode_frame: Writes the frames that `send_message` and `stop` send in its own
            way: it gets the frame as a dict, and gives the one to send.
        decode_frame: Brings each frame of a turn into the form that docs/spec/raccoon.md,
            section 5.3, documents, where no name in `wire` can. It gets the frame's JSON,
            or its text where it is none, and gives a dict, or None to leave it out:
            each frame of a socket once, in their order, and the events of a history
            each time that it is read. Where it raises, or gives anything else, the turn's
            stream ends with a StreamError whose `reason` is `decode_frame`; the turn goes on.
        decode_answer: Brings responses into the form of docs/spec/raccoon.md, section 4. It
            gets the operation (`list_sessions`, `get_session`, `start_turn`, `rename_session`,
            `delete_session`, `upload`), the status and the body's JSON (None where there is
            no body), and gives the body. Where it raises, the call ends with an
            APIStatusError whose `reason` is `decode_answer`; after `start_turn` its
            `maybe_delivered` is True. Both are plain functions, called one after another
            in a thread of the client's own, and may not use the client.
        respect_max_concurrent: Starts no more turns at once than the service allows.
            Further ones wait here for a place, for `wait_for_limit`, or `timeout` where
            that is not set; then they are an APITimeoutError. A turn that nobody
            follows any more keeps its place until the history says that it is over,
            for at most 10 minutes.
        telemetry: False makes no spans, also where the program traces with OpenTelemetry.
        tracer_provider: Whose tracer makes the spans. Default: the program's provider; without
            one there are no spans, and nothing is imported.

    Raises:
        ConfigError: A missing key, or an option that cannot be used.

    Example:
        >>> with Raccoon() as client:
        ...     result = client.run_turn("Build a REST API", mode="code")
        ...     print(result.text)
    """

    __slots__ = ("media", "sessions")

    if TYPE_CHECKING:
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
        timeout: float | timedelta = 60.0,
        connect_timeout: float | timedelta = 10.0,
        max_retries: int = 3,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        headers: Mapping[str, str] | None = None,
        allow_insecure_http: bool = False,
        wait_for_limit: float | timedelta | None = None,
        websocket_url: str | None = None,
        wire: WireNames | Mapping[str, Any] | None = None,
        encode_frame: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
        decode_frame: Callable[[Any], dict[str, Any] | None] | None = None,
        decode_answer: Callable[[str, int, Any], Any] | None = None,
        respect_max_concurrent: bool = False,
        telemetry: bool = True,
        tracer_provider: TracerProvider | None = None,
    ) -> None:
        if encode_frame is not None and not callable(encode_frame):
            raise ConfigError(
                f"encode_frame is not a function but {type(encode_frame).__name__}. Give a "
                "function that takes a frame and gives the one to send."
            )
        if decode_frame is not None or decode_answer is not None:
            from ..._raccoon import hooks

            if decode_frame is not None:
                hooks.check("decode_frame", decode_frame, "takes a frame and gives it as a dict")
            if decode_answer is not None:
                hooks.check(
                    "decode_answer",
                    decode_answer,
                    "takes operation, status and body, and gives the body",
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
                "decode_frame": decode_frame,
                "decode_answer": decode_answer,
                "respect_max_concurrent": respect_max_concurrent,
                "telemetry": telemetry,
                "tracer_provider": tracer_provider,
            }
        )

    def _make(self, options: dict[str, Any]) -> NativeClient:
        # It is Python's own: what it gives goes along with the call.
        options.pop("encode_frame")
        hooks = {name: options.pop(name) for name in ("decode_frame", "decode_answer")}
        return _native.RaccoonClient(options, **hooks)

    def _open(self, native: NativeClient, options: dict[str, Any]) -> None:
        super()._open(native, options)
        self.sessions = RaccoonSessions(self)
        self.media = Media(self)

    def session(
        self, session_id: str | uuid.UUID | None = None, *, delete_on_exit: bool = False
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
            return RaccoonSession(self, _native.new_session_id(), delete_on_exit)
        text = session_text(session_id)
        _native.check_raccoon({"check": "session_id", "session_id": text})
        return RaccoonSession(self, text, delete_on_exit)

    def run_turn(
        self,
        prompt: str,
        *,
        session_id: str | uuid.UUID | None = None,
        mode: str = "auto",
        on_event: Callable[[TurnEvent], Maybe[object]] | None = None,
        timeout: float | timedelta | None = None,
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

    def run_turns(
        self,
        turns: Iterable[str | GivenTurn | Mapping[str, Any]],
        *,
        concurrency: int = 4,
        mode: str = "auto",
        timeout: float | timedelta | None = None,
        stop_on_timeout: bool = False,
        **options: Unpack[TurnOptions],
    ) -> TurnOutcomes:
        """Runs many turns, each in a session of its own unless it names one, and gives each
        outcome as its turn ends. One failure stops nothing; the sessions stay.

        Turns of one session go one after another, in their order, since a session takes one at
        a time. No more run at once than the service allows (`max_concurrent`), with or without
        `respect_max_concurrent`: the others wait here for their place, for as long as it takes.

        Args:
            turns: Prompts, or dicts with `prompt`, and with `session_id` and what `start_turn`
                takes where a turn has its own. `files` are paths, or what `upload` gave.
            concurrency: How many run at once, at most.
            mode: `auto`, `plan`, `code`, `deepsearch` or `slides`, of turns that say no other.
            timeout: Seconds for each turn, uploads included, once it has its place. None: no
                limit. A turn that is late goes on, unless `stop_on_timeout` is set.
            stop_on_timeout: Stops a turn when its time is over.
            **options: As for `start_turn`, of turns that say nothing else.

        Raises:
            InvalidRequestError: A prompt is empty, for example; nothing was sent.

        Example:
            >>> for outcome in client.run_turns(["Price of the mug?", "And the cup?"]):
            ...     print(outcome.turn, outcome.error or outcome.result.text)
        """
        plan: RunTurns = {
            "concurrency": concurrency,
            "timeout": timeout,
            "stop_on_timeout": stop_on_timeout,
        }
        return run_turns(self, turns, mode, options, plan)

    def resume(
        self,
        handle: str,
        *,
        from_start: bool = False,
        max_reconnects: int = 6,
        ping_interval: float | timedelta = 20.0,
        idle_timeout: float | timedelta = 60.0,
        replay: bool = True,
        text_mode: TextMode = "auto",
    ) -> Turn:
        """Gives the turn of a handle again, also of one that another process or another
        language took: its events go on after the last one that was given.

        A turn that was prepared (see `prepare_turn` of a session) is started first, unless the
        session's history shows that it was started already.

        Args:
            handle: What `turn.handle()` or `session.prepare_turn()` gave.
            from_start: Gives all of the turn's events again.
            max_reconnects: As for `start_turn`.
            ping_interval: As for `start_turn`.
            idle_timeout: As for `start_turn`.
            replay: As for `start_turn`.
            text_mode: As for `start_turn`.

        Raises:
            InvalidRequestError: `handle` is no handle of a turn, was cut, or is of a later
                version.
            ConflictError: Another turn was started in the session since the turn was prepared.
            APIError: The session is gone, for example; `maybe_delivered` is true where nobody
                can know whether the turn was started.

        Example:
            >>> with client.resume(path.read_text()) as turn:
            ...     for event in turn:
            ...         print(event.kind, event.text)
            ...         path.write_text(turn.handle())
            ...     result = turn.result()
        """
        params: Resume = {
            "handle": handle,
            "from_start": from_start,
            "events": {
                "max_reconnects": max_reconnects,
                "ping_interval": ping_interval,
                "idle_timeout": idle_timeout,
                "replay": replay,
                "text_mode": text_mode,
            },
        }
        return self._resume(params)

    def _resume(self, params: Resume) -> Turn:
        run, native = self._begin_turn("resume")
        try:
            turn = _wait.result(native.resume(params))
        except BaseException as error:
            if run is not None:
                run.note(error)
            raise
        point = ResumePoint(**turn.state()["resume_point"])
        return self._turn(turn, point, run)

    def attach(
        self,
        session_id: str | uuid.UUID | ResumePoint,
        message_id: str | None = None,
        after: str | ResumePoint | None = None,
        *,
        max_reconnects: int = 6,
        ping_interval: float | timedelta = 20.0,
        idle_timeout: float | timedelta = 60.0,
        replay: bool = True,
        text_mode: TextMode = "auto",
    ) -> Turn:
        """Gives a handle on a turn that was started before, or elsewhere.

        Args:
            session_id: The turn's session; or a `turn.resume_point`, which says the two
                others as well.
            message_id: The turn's agent message: `turn.message_id`.
            after: Only events after this place: a `turn.resume_point`, or a stream
                entry id. Default: all of the turn.
            max_reconnects: As for `start_turn`.
            ping_interval: As for `start_turn`.
            idle_timeout: As for `start_turn`.
            replay: As for `start_turn`.
            text_mode: As for `start_turn`.

        Raises:
            InvalidRequestError: An id that cannot be one.
            APIError: With `after`, the history could not be read.

        Example:
            >>> point = turn.resume_point
            >>> turn = client.attach(point)
        """
        if isinstance(session_id, ResumePoint):
            if message_id is not None or after is not None:
                raise InvalidRequestError(
                    "`session_id` is a resume point, which says where to go on. Leave out "
                    "`message_id` and `after`."
                )
            after = session_id
            session_id, message_id = after.session_id, after.message_id
        session_id = session_text(session_id)
        if isinstance(session_id, dict):
            raise InvalidRequestError(
                "`session_id` is a dict. Pass a resume point, `ResumePoint(**fields)`, or the ids."
            )
        if message_id is None:
            raise InvalidRequestError(
                "`message_id` is missing. Pass the turn's agent message, or a resume point alone."
            )
        params: Attach = {
            "session_id": session_id,
            "message_id": message_id,
            "after": after._position() if isinstance(after, ResumePoint) else after,
            "events": {
                "max_reconnects": max_reconnects,
                "ping_interval": ping_interval,
                "idle_timeout": idle_timeout,
                "replay": replay,
                "text_mode": text_mode,
            },
        }
        point = ResumePoint(session_id, message_id, after) if isinstance(after, str) else after
        return self._attach(params, point)

    def _attach(self, params: Attach, point: ResumePoint | None) -> Turn:
        run, native = self._begin_turn("attach", session_id=params["session_id"])
        try:
            turn = _wait.result(native.attach(params))
        except BaseException as error:
            if run is not None:
                run.note(error)
            raise
        return self._turn(turn, point, run)

    def _begin_turn(self, operation: str, **about: str | None) -> tuple[Run | None, NativeClient]:
        """The span of a turn that begins now, if the program traces, and the client for it."""
        run = self._run(operation, **about)
        return run, self._native if run is None else run.native

    def _turn(self, native: NativeTurn, after: ResumePoint | None, run: Run | None) -> Turn:
        if run is not None:
            run.began(native)
        return Turn(native, self._native, self._options["encode_frame"], after, run)

    @property
    def max_concurrent(self) -> int | None:
        """How many turns may run at once, as the service said last; None before that."""
        return self._native.max_concurrent

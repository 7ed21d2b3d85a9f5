"""What the clients of both services, their sessions, and tasks and turns have in common."""

from __future__ import annotations

from sys import modules

from .. import _wait_async as _wait
from .._errors import ConfigError
from .._models import DeleteResult, RawResponse, Secret
from .._parameters import named, path_text
from .._reports import CLOSE_LIMIT, report_failed_delete, report_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from typing import Any, Protocol, Self

    from .._agi.seam import EndSessionOperation, Operation
    from .._agi.types import Block, Run
    from .._raccoon.seam import EndSessionOperation as EndRaccoonSession
    from .._raccoon.seam import Operation as RaccoonOperation

    class _Client(Protocol):
        def _start(self, operation: Any) -> Any: ...

    class _Session(Protocol):
        @property
        def session_id(self) -> str: ...

        @property
        def _client(self) -> _Client: ...


#: Options that are Python's own.
_TELEMETRY = ("telemetry", "tracer_provider")


class Untraced:
    """The block of what has no span: it gives the native client to use."""

    __slots__ = ("native",)

    def __init__(self, native: Any) -> None:
        self.native = native

    def __enter__(self) -> Any:
        return self.native

    def __exit__(self, *_: object) -> None:
        pass

    def runs(self) -> None:
        pass

    def end(self) -> None:
        pass


class AsyncBaseClient:
    """A client: its options, and the native client that does the work."""

    # Not generic: `typing` would be imported for it.
    __slots__ = ("__weakref__", "_native", "_options", "_telemetry")

    if TYPE_CHECKING:
        _native: Any
        _options: dict[str, Any]
        # The provider of tracers; None: the program's; False: none.
        _telemetry: Any

    def _make(self, options: dict[str, Any]) -> Any:
        """Makes the native client of the service; the options are a copy."""
        raise NotImplementedError

    def _connect(self, options: Mapping[str, Any]) -> None:
        try:
            headers = dict(options["headers"] or {})
        except (TypeError, ValueError):
            why = f"`headers` must be a dict, not {type(options['headers']).__name__}"
            raise ConfigError(f"{named(why)}.") from None
        traces, provider = options["telemetry"], options["tracer_provider"]
        if not isinstance(traces, bool):
            raise ConfigError(f"`telemetry` must be True or False, not {traces!r}.")
        if provider is not None and not hasattr(provider, "get_tracer"):
            raise ConfigError(
                f"`tracer_provider` is a {type(provider).__name__}. Pass a TracerProvider of "
                "OpenTelemetry, or leave it out: the program's is used then."
            )
        plain = {
            **options,
            "ca_file": path_text("ca_file", options["ca_file"], ConfigError),
            "headers": headers,
        }
        told = {name: value for name, value in plain.items() if name not in _TELEMETRY}
        self._open(self._make(told), plain)

    def _open(self, native: Any, options: dict[str, Any]) -> None:
        key = options["api_key"]
        self._native = native
        self._options = {**options, "api_key": Secret(key) if isinstance(key, str) else key}
        self._telemetry = options["tracer_provider"] if options["telemetry"] else False

    def with_options(
        self,
        *,
        timeout: float | timedelta | None = None,
        max_retries: int | None = None,
        wait_for_limit: float | timedelta | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Gives a copy that shares the connections, with some options changed.

        Closing the copy or the original closes both.

        Args:
            timeout: New deadline of one call, in seconds.
            max_retries: New number of retries.
            wait_for_limit: New wait for the service's limits, in seconds.
            headers: Headers to add or replace.

        Raises:
            ConfigError: A value that cannot be used.
        """
        changes = {
            "timeout": timeout,
            "max_retries": max_retries,
            "wait_for_limit": wait_for_limit,
            "headers": dict(headers or {}),
        }
        options = {name: value for name, value in changes.items() if value is not None}
        options["headers"] = {**self._options["headers"], **dict(headers or {})}
        return self._copy(self._native.with_options(changes), {**self._options, **options})

    def _copy(self, native: Any, options: dict[str, Any] | None = None) -> Self:
        """A client like this one with another native client."""
        copy = type(self).__new__(type(self))
        copy._open(native, self._options if options is None else options)
        return copy

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> RawResponse:
        """Sends any request, with this client's key, retries and errors.

        Args:
            method: `GET`, `POST`, ...
            path: The path after `base_url`, such as `/sessions`.
            query: Query parameters.
            body: A JSON body.
            headers: More headers.

        Raises:
            APIError: The service refused the request, or was not reached.

        Example:
            >>> response = await client.request("GET", "/sessions")
            >>> response.status_code
            200
        """
        reply = await self._call(
            {
                "op": "request",
                "method": method,
                "path": path,
                "query": dict(query or {}),
                "body": body,
                "headers": dict(headers or {}),
            }
        )
        return RawResponse(**reply)

    @property
    def base_url(self) -> str:
        """The service's address; that of AGI ends in `/v1`."""
        url: str = self._native.base_url
        return url

    async def close(self) -> None:
        """Ends every call, wait and stream of this client at once. Can be called twice.

        It waits, for at most 5 seconds, for what must not be left: a `create` that was
        cancelled when it was sent already, and the delete of its session. What is left
        all the same is a ResourceWarning.
        """
        self._native.close()
        pending = self._native.settle(CLOSE_LIMIT)
        if pending is not None:
            report_left(await _wait.finish(pending))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def __getstate__(self) -> dict[str, Any]:
        # A key from the environment is not in the options, and stays out.
        key = self._options["api_key"]
        revealed = key.reveal() if isinstance(key, Secret) else key
        # A provider belongs to its process: the copy uses that of its own.
        options = {**self._options, "tracer_provider": None}
        return {**options, "api_key": revealed, "base_url": self.base_url}

    def __setstate__(self, options: dict[str, Any]) -> None:
        self._connect(options)

    async def _call(self, operation: Operation) -> Any:
        # What both services take is the same of both.
        return await _wait.result(self._start(operation))

    # Who has not imported OpenTelemetry has set no provider: it is not imported for that.

    def _start(self, operation: Operation | RaccoonOperation) -> Any:
        """Starts an operation, with a span if the program traces."""
        if "opentelemetry.trace" not in modules:
            return self._native.start(operation)
        from .. import _telemetry

        return _telemetry.start(self, operation)

    def _run(self, operation: str, **about: str | None) -> Run | None:
        """The span of a task or turn that begins now; None where nothing traces."""
        if "opentelemetry.trace" not in modules:
            return None
        from .. import _telemetry

        return _telemetry.run(self, operation, **about)

    def _block(self, operation: str, **about: str | None) -> Block:
        """A block for the span of an operation; it gives the native client to use."""
        if "opentelemetry.trace" not in modules:
            return Untraced(self._native)
        from .. import _telemetry

        return _telemetry.block(self, operation, **about) or Untraced(self._native)

    def _carrying(self) -> Any:
        """The native client whose requests belong to the span that is current now."""
        if "opentelemetry.trace" not in modules:
            return self._native
        from .. import _telemetry

        return _telemetry.carrying(self)


class AsyncHandle:
    """A handle on a task or a turn: its events, and calls about it."""

    __slots__ = ("__weakref__", "_client", "_events", "_native", "_span")

    if TYPE_CHECKING:
        _native: Any

    def __init__(self, native: Any, client: Any, span: Run | None = None) -> None:
        self._native = native
        # Until its end is known.
        self._span = span
        # The native client: a view in a notebook reads the events once more.
        self._client = client
        self._events = _wait.stream(native.events())

    @property
    def session_id(self) -> str:
        """The session that it runs in."""
        session_id: str = self._native.session_id
        return session_id

    def handle(self) -> str:
        """This and how far its events were given to you, as a short text: keep it, and
        `client.resume(handle)` goes on from there, in any process and any language. It makes
        no request.

        An event counts as given once you have it: keep the handle after you handled the event.
        It holds no key and not what was sent, and has at most 200 bytes: letters, digits, `.`,
        `_` and `-`.
        """
        handle: str = self._native.handle(self._events._held())
        return handle

    def _ipython_display_(self) -> None:
        from .._views.watch import display

        display(self)

    def _repr_html_(self) -> str:
        from .._views.watch import page

        return page(self)

    async def close(self) -> None:
        """Stops reading the events; the work itself goes on. Can be called twice."""
        await self._events.close()
        self._native.close()
        if self._span is not None:
            self._span.left()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            self._note(error)
        await self.close()

    def _start(self, operation: Any) -> Any:
        native = self._native
        return native.start(operation) if self._span is None else self._span.start(operation)

    def _note(self, error: BaseException | None) -> None:
        """Ends its span if the end is known; else this is what becomes of it."""
        if self._span is not None:
            self._span.note(error)


async def delete_on_exit(
    session: _Session,
    operation: EndSessionOperation | EndRaccoonSession,
    error: BaseException | None,
) -> bool:
    """Deletes the session at the end of its block, which may have raised `error`; whether it
    is gone. A failure is reported, and never hides `error`."""
    try:
        # Goes on where the block was cancelled.
        reply = DeleteResult(**await _wait.finish(session._client._start(operation)))
    except Exception as failure:
        report_failed_delete(session, str(failure), error)
        return False
    if not reply.success:
        report_failed_delete(session, reply.message, error)
    return reply.success

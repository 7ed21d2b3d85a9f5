"""Spans, by OpenTelemetry: imported where a program has imported `opentelemetry.trace`.

What a span says, and what it must not say, the core decides (`_native.Trace`). What goes
wrong here stays here: a call is never worse off for being traced.
"""

from __future__ import annotations

import atexit
import os
import weakref

from opentelemetry import context, propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from ._native import __version__
from ._reports import log_warning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from . import _native

#: Where the conventions look whether texts of tasks and results are wanted.
_CONTENT: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

_KINDS = {"client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}

#: Providers that record nothing: nobody set one.
_NONE = (trace.ProxyTracerProvider, trace.NoOpTracerProvider)

#: The provider that was asked last, and its tracer.
_latest: tuple[Any, Tracer] | None = None


def _tracer(chosen: Any) -> Tracer | None:
    """The tracer of a client's provider; None where nothing traces."""
    global _latest
    if chosen is False or context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY):
        return None
    provider = trace.get_tracer_provider() if chosen is None else chosen
    if isinstance(provider, _NONE):
        return None
    latest = _latest
    if latest is not None and latest[0] is provider:
        return latest[1]
    tracer: Tracer = provider.get_tracer("sessionwire", __version__)
    _latest = provider, tracer
    return tracer


class _Told:
    """A span, and what the core is told of it."""

    __slots__ = ("__weakref__", "_pid", "span", "trace")

    def __init__(self, span: Span, told: _native.Trace) -> None:
        self.span = span
        self.trace = told
        # A child process has a copy of what its parent is to end.
        self._pid: int | None = os.getpid()
        _open.add(self)

    def is_open(self) -> bool:
        """Whether this process is still to end it."""
        return self._pid == os.getpid()

    def end(self, error: str | None = None) -> None:
        """Ends the span, once. `error` counts where the core knows of no outcome."""
        if not self.is_open():
            return
        self._pid = None
        _open.discard(self)
        try:
            _end(self.span, self._report(error) if self.span.is_recording() else None)
        except Exception as failure:
            log_warning(f"A span could not be ended: {type(failure).__name__}")

    def left(self) -> None:
        """Ends it where nobody waits any more."""
        self.end("CancelledError")

    def _report(self, error: str | None) -> dict[str, Any]:
        return self.trace.report(error)

    def __del__(self) -> None:
        if self._pid is not None:
            self.left()


#: What has not ended yet.
_open: weakref.WeakSet[_Told] = weakref.WeakSet()


@atexit.register
def _end_open() -> None:
    # Before the provider of the program ends, which was made earlier.
    for told in list(_open):
        told.left()


def _nanoseconds(moment: list[int]) -> int:
    seconds, rest = moment
    return seconds * 1_000_000_000 + rest


def _end(span: Span, report: dict[str, Any] | None) -> None:
    at = None
    if report is not None:
        span.set_attributes(report["attributes"])
        for name, moment, attributes in report["events"]:
            span.add_event(name, attributes, _nanoseconds(moment))
        if report["failed"]:
            # Without a description: the text of an error may quote the agent.
            span.set_status(Status(StatusCode.ERROR))
        at = report["end"]
    span.end(None if at is None else _nanoseconds(at))


def _detach(token: Any, kind: type[BaseException] | None) -> None:
    # A coroutine that is closed and not run to its end is in another context by then.
    if kind is not GeneratorExit:
        context.detach(token)


class Call(_Told):
    """A call under way, and its span: in the place of its `_native.Pending`."""

    __slots__ = ("_pending",)

    if TYPE_CHECKING:
        _pending: _native.Pending

    def begun(self, begin: Callable[[], _native.Pending]) -> Call:
        try:
            self._pending = begin()
        except BaseException as error:
            self.end(type(error).__name__)
            raise
        return self

    def wait(self) -> Any:
        return self._take(self._pending.wait)

    def result(self) -> Any:
        return self._take(self._pending.result)

    def wait_for(self, seconds: float | None = None) -> bool:
        try:
            return self._pending.wait_for(seconds)
        except BaseException as error:
            self.end(type(error).__name__)
            raise

    def watch(self, bridge: _native.Bridge, token: int) -> bool:
        return self._pending.watch(bridge, token)

    def cancel(self) -> None:
        self._pending.cancel()
        self.left()

    def _take(self, take: Callable[[], Any]) -> Any:
        try:
            value = take()
        except BaseException as error:
            self.end(type(error).__name__)
            raise
        self.end()
        return value


class Run(_Told):
    """The span of a task or a turn: until its end is known, or nobody can ask for it."""

    __slots__ = ("_chosen", "_error", "_handle", "_token", "native")

    def __init__(self, span: Span, told: _native.Trace) -> None:
        super().__init__(span, told)
        self._handle: Any = None
        self._error: str | None = None
        self._chosen: Any = None
        #: The native client whose requests belong to the span.
        self.native: Any = None

    def began(self, handle: Any) -> Any:
        """There is a native task or turn."""
        self._handle = handle
        return handle

    def start(self, operation: Any) -> Any:
        """Starts a request about it: the wait for its end within the span, others below it."""
        handle = self._handle
        if operation["op"] == "result":
            return Waiting(handle.start(operation), self)
        below = trace.set_span_in_context(self.span)
        call = _begin(
            Call, self._chosen, handle, operation["op"], {"session_id": handle.session_id}, below
        )
        if call is None:
            return handle.start(operation)
        return call.begun(lambda: handle.traced(call.trace).start(operation))

    def note(self, error: BaseException | None) -> None:
        """Ends the span if the end is known; else this is what is known of it."""
        # Not the error itself, whose frames hold the task.
        self._error = None if error is None else type(error).__name__
        if self.is_open() and (self._handle is None or self._report(None)["end"] is not None):
            self.end(self._error)

    def left(self) -> None:
        self.end(self._error)

    def loop(self, loop: Any) -> Any:
        """A loop over the events, at whose end the span ends."""
        return Loop(loop, self)

    def __enter__(self) -> None:
        """A block whose spans belong below this one."""
        # A callback's: no other block of this one is open.
        self._token = context.attach(trace.set_span_in_context(self.span))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _detach(self._token, kind)

    def _report(self, error: str | None) -> dict[str, Any]:
        if self._handle is None:
            return self.trace.report(error)
        report: dict[str, Any] = self._handle.report(error)
        return report


class Waiting:
    """The wait for the result of a task or turn that has a span."""

    __slots__ = ("_pending", "_run")

    def __init__(self, pending: _native.Pending, run: Run) -> None:
        self._pending = pending
        self._run = run

    def wait(self) -> Any:
        return self._take(self._pending.wait)

    def result(self) -> Any:
        return self._take(self._pending.result)

    def watch(self, bridge: _native.Bridge, token: int) -> bool:
        return self._pending.watch(bridge, token)

    def cancel(self) -> None:
        self._pending.cancel()

    def _take(self, take: Callable[[], Any]) -> Any:
        try:
            value = take()
        except BaseException as error:
            self._run.note(error)
            raise
        self._run.end()
        return value


class Loop:
    """A loop over the events of a task or turn that has a span."""

    __slots__ = ("_loop", "_run")

    def __init__(self, loop: Any, run: Run) -> None:
        self._loop = loop
        self._run = run

    def __iter__(self) -> Loop:
        return self

    def __aiter__(self) -> Loop:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._loop)
        except StopIteration:
            self._run.note(None)
            raise

    async def __anext__(self) -> Any:
        try:
            return await self._loop.__anext__()
        except StopAsyncIteration:
            self._run.note(None)
            raise


class Block(_Told):
    """The span of what is made of several calls, which belong below it."""

    __slots__ = ("_token", "native", "tracer")

    if TYPE_CHECKING:
        # The native client whose requests belong to the span.
        native: Any
        tracer: Tracer | None

    def runs(self) -> None:
        """Makes the spans of those of many tasks or turns that are over by now."""
        if self.tracer is None or not self.is_open():
            return
        try:
            below = trace.set_span_in_context(self.span)
            for run in self.trace.runs():
                kind, start = _KINDS[run["kind"]], _nanoseconds(run["start"])
                _end(self.tracer.start_span(run["name"], below, kind, start_time=start), run)
        except Exception as failure:
            log_warning(f"A span could not be made: {type(failure).__name__}")

    def end(self, error: str | None = None) -> None:
        self.runs()
        super().end(error)

    def __enter__(self) -> Any:
        self._token = context.attach(trace.set_span_in_context(self.span))
        return self.native

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _detach(self._token, kind)
        self.end(None if kind is None else kind.__name__)

    def left(self) -> None:
        # Who leaves the outcomes of many tasks has read those that he wanted.
        self.end()


def _begin(
    make: Callable[[Span, _native.Trace], Any],
    chosen: Any,
    native: Any,
    operation: str,
    about: dict[str, str | None],
    parent: Context | None = None,
) -> Any:
    """Begins a span of which the service is told; None where nothing traces."""
    try:
        tracer = _tracer(chosen)
        if tracer is None:
            return None
        told: _native.Trace = native.trace(os.environ.get(_CONTENT))
        said = told.span(operation, **about)
        span = tracer.start_span(
            said["name"], parent, kind=_KINDS[said["kind"]], attributes=said["attributes"]
        )
        told.carry(_carried(trace.set_span_in_context(span, parent)))
        return make(span, told)
    except Exception as failure:
        log_warning(f"A span could not be begun: {type(failure).__name__}")
        return None


def start(client: Any, operation: Any) -> Any:
    """Starts an operation of a client."""
    # Errors of bad input read the arguments of what is running here: no `**` that they would
    # take for one.
    native = client._native
    about = {"session_id": operation.get("session_id"), "agent": operation.get("agent_name")}
    told = _begin(Call, client._telemetry, native, operation["op"], about)
    if told is None:
        return native.start(operation)
    return told.begun(lambda: native.traced(told.trace).start(operation))


def run(client: Any, operation: str, **about: str | None) -> Run | None:
    """The span of a task or turn that begins now; None where nothing traces."""
    native = client._native
    begun: Run | None = _begin(Run, client._telemetry, native, operation, about)
    if begun is not None:
        begun.native = native.traced(begun.trace)
        begun._chosen = client._telemetry
    return begun


def block(client: Any, operation: str, **about: str | None) -> Block | None:
    """The span of several calls; None where nothing traces."""
    native = client._native
    begun: Block | None = _begin(Block, client._telemetry, native, operation, about)
    if begun is not None:
        begun.native = native.traced(begun.trace)
        begun.tracer = _tracer(client._telemetry)
    return begun


def carrying(client: Any) -> Any:
    """The native client whose requests belong to the span that is current."""
    native = client._native
    try:
        current = trace.get_current_span().get_span_context()
        if not current.is_valid or _tracer(client._telemetry) is None:
            return native
        told = native.trace(None)
        told.carry(_carried(None))
        return native.traced(told)
    except Exception as failure:
        log_warning(f"No span is told to the service: {type(failure).__name__}")
        return native


def _carried(of: Context | None) -> list[tuple[str, str]]:
    """The headers that name the span of a context."""
    headers: dict[str, str] = {}
    propagate.inject(headers, of)
    return [(str(name), str(value)) for name, value in headers.items()]

"""Shapes, for type checkers only: nothing imports this at run time."""

import typing
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, Protocol, Required, Self, TypeAlias, TypedDict

from .. import _native
from .seam import Operation

# The default, for type checkers alone, is one of Python 3.13 and later.
if typing.TYPE_CHECKING:
    from typing_extensions import TypeVar

    #: The type of a result's `output`: `TaskResult` alone is one of any.
    Output_co = TypeVar("Output_co", covariant=True, default=Any)
else:
    Output_co = typing.TypeVar("Output_co", covariant=True)

#: The type that `output` of `run_task` asks for.
Output = typing.TypeVar("Output")
Fitted_co = typing.TypeVar("Fitted_co", covariant=True)


class Validates(Protocol[Fitted_co]):
    """What checks a value and knows its JSON schema: a `TypeAdapter` of pydantic."""

    def validate_python(self, object: Any, /) -> Fitted_co: ...
    def json_schema(self) -> dict[str, Any]: ...


class Run(Protocol):
    """The span of a task or turn: what `_telemetry` has, which imports OpenTelemetry."""

    native: Any

    def began(self, handle: Any) -> Any: ...
    def start(self, operation: Any) -> Any: ...
    def note(self, error: BaseException | None) -> None: ...
    def left(self) -> None: ...
    def loop(self, loop: Any) -> Any: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: object, /
    ) -> None: ...


class Block(Protocol):
    """The span of several calls."""

    native: Any

    def runs(self) -> None: ...
    def end(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: object, /
    ) -> None: ...


class Client(Protocol):
    """What sessions need of their client; they keep it, to be pickled with it."""

    # For spans, and without them where nothing traces.
    def _start(self, operation: Operation) -> Any: ...
    def _run(self, operation: str, **about: str | None) -> Run | None: ...
    def _block(self, operation: str, **about: str | None) -> Block: ...
    def _carrying(self) -> _native.Client: ...

    # Before the name means the property.
    def _copy(self, native: _native.Client) -> Self: ...

    @property
    def _native(self) -> _native.Client: ...


class TracerProvider(Protocol):
    """Whose tracers make spans: a `TracerProvider` of OpenTelemetry."""

    def get_tracer(self, name: str, version: str, /) -> Any: ...


# Known values complete in editors; others pass.
SessionStatus: TypeAlias = (
    Literal["initializing", "ready", "running", "paused", "completed", "error", "terminated"] | str
)
ExecutionStatus: TypeAlias = Literal["running", "waiting_for_input", "finished", "error"] | str
MessageType: TypeAlias = Literal["THOUGHT", "QUESTION", "USER", "DONE", "ERROR", "LOG"] | str
ModelFilter: TypeAlias = Literal["cdp", "desktop"] | str
SnapshotMode: TypeAlias = Literal["none", "memory", "filesystem"] | str
EventTypeName: TypeAlias = (
    Literal["step", "thought", "question", "done", "error", "log", "paused", "resumed"]
    | Literal["heartbeat", "user"]
    | str
)


class BatchTask(TypedDict, total=False):
    """A task of `client.run_tasks` that differs from the others."""

    message: Required[str]
    id: str | int
    start_url: str | None
    timeout: float | timedelta | None
    agent_name: str
    webhook_url: str | None
    restore_from_session_id: str | None
    restore_default_environment_from_user_id: str | None
    enable_memory_snapshot: bool | None
    goal: str | None
    max_steps: int | None
    restore_from_environment_id: str | None
    agent_session_type: str | None
    cdp_url: str | None
    environment_type: str | None
    extra_body: Mapping[str, Any] | None
    wait_for_limit: float | timedelta | None


class CreateOptions(TypedDict, total=False):
    """The keywords of `client.sessions.create`."""

    webhook_url: str | None
    restore_from_session_id: str | None
    restore_default_environment_from_user_id: str | None
    enable_memory_snapshot: bool | None
    save_snapshot_mode: SnapshotMode | None
    save_as_default: bool | None
    goal: str | None
    max_steps: int | None
    restore_from_environment_id: str | None
    agent_session_type: str | None
    cdp_url: str | None
    environment_type: str | None
    extra_body: Mapping[str, Any] | None
    wait_for_limit: float | timedelta | None

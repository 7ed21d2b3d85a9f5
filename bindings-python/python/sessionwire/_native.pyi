"""The native half of sessionwire. Private: import from `sessionwire`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Literal, NoReturn, TypeAlias, final

from typing_extensions import disjoint_base

from ._agi import seam as agi
from ._raccoon import seam as raccoon

__all__ = [
    "AgUiRun",
    "AgentJob",
    "AgentJobs",
    "Bridge",
    "Client",
    "Deduplicator",
    "DoneEvent",
    "Emulator",
    "ErrorEvent",
    "Event",
    "EventStream",
    "HeartbeatEvent",
    "HookCall",
    "HookCalls",
    "LogEvent",
    "MessageReceivedEvent",
    "PausedEvent",
    "Pending",
    "PlanUpdateEvent",
    "QuestionEvent",
    "RaccoonClient",
    "ResumedEvent",
    "SandboxSnapshotEvent",
    "SessionPool",
    "StepEvent",
    "Task",
    "TaskAbortedEvent",
    "TaskCompletedEvent",
    "TaskErrorEvent",
    "TaskRuns",
    "TestGuard",
    "TextEvent",
    "ThoughtEvent",
    "ToolResultEvent",
    "ToolStartEvent",
    "Trace",
    "Turn",
    "TurnEvent",
    "TurnRuns",
    "TurnThoughtEvent",
    "UnknownEvent",
    "UnknownTurnEvent",
    "Upload",
    "UserEvent",
    "__version__",
    "ag_ui_input",
    "ask_again",
    "ask_for",
    "check",
    "check_raccoon",
    "cli_main",
    "does_not_fit",
    "find_all_json",
    "find_json",
    "new_session_id",
    "parse_json",
    "parse_time",
    "parse_webhook",
    "record_scenario",
    "shut_down",
    "unanswered",
    "unknown_event_type",
    "verify_webhook",
    "webhook_url",
]

__version__: Final[str]

def cli_main(args: list[str]) -> int:
    """Runs the command line program and returns its exit status."""

def check(params: agi.Check) -> None:
    """Refuses input that a call would refuse: `{"check": ..., ...}`. Sends nothing."""

def record_scenario(
    recording: dict[str, Any], secrets: list[str], path: str | None
) -> dict[str, Any]:
    """The scenario of a recording, without these secrets; also written to a file, if named."""

def parse_json(text: str) -> Any:
    """Parses a JSON text; raises ValueError where it is none."""

def find_json(text: str) -> str | None:
    """The JSON that a text holds, whatever is around it; None where it holds none."""

def find_all_json(text: str) -> list[str]:
    """All JSON that a text holds, in the order in which to try whether it fits a type."""

def parse_time(text: str) -> int | None:
    """Microseconds since 1970 of a service's timestamp; None if it cannot be read."""

def unknown_event_type(name: str) -> str | None:
    """What to warn of where somebody asks for events of this type; None for one that is known."""

def unanswered(question: str) -> str:
    """What the error says of a question without an answer, whose session is deleted by now."""

def ask_for(message: str, schema: str) -> str:
    """A task whose result shall be JSON of this schema."""

def ask_again(problem: str | None, schema: str | None) -> str:
    """The message after a result that did not fit."""

def does_not_fit(problem: str | None, repairs: int) -> str:
    """What the error says of a result that does not fit after so many repairs."""

def parse_webhook(body: bytes, event_type: str | None = None) -> dict[str, Any]:
    """Reads a webhook's body; its fields as a dict."""

def webhook_url(base: str, secret: str) -> str:
    """An address with a token."""

def verify_webhook(url_or_token: str, secret: str) -> bool:
    """Whether an address has the token of this secret."""

def shut_down() -> list[str]:
    """Ends every call and the runtime. The texts say which sessions are left."""

@disjoint_base
class Event:
    """One item of a session's event stream; every event class has this one as its base."""

    @property
    def id(self) -> int | None:
        """The message id; None where the event has none."""
    @property
    def raw(self) -> str:
        """The data as it came, character by character."""
    @property
    def data(self) -> Any:
        """The data as JSON, or the raw text where it is none."""
    @property
    def text(self) -> str:
        """The text for a person; empty where there is none."""
    @property
    def message_id(self) -> int | None:
        """The id of the message that the event stands for."""
    @property
    def received_at(self) -> datetime | None:
        """When it was received here, by this machine's clock, in UTC; None for one that your
        program made. An event that a disconnect swallowed has the time at which it was read."""
    def to_dict(self) -> dict[str, Any]:
        """What the event says, as JSON has it: its type, id, data, text, ..."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class StepEvent(Event):
    """An action of the agent."""

    type: Literal["step"]
    def __new__(
        cls, id: int | None = None, raw: str = "", received_at: datetime | None = None
    ) -> StepEvent: ...
    def __getnewargs__(self, /) -> tuple[int | None, str, datetime | None]: ...

@final
class ThoughtEvent(Event):
    """The agent's reasoning."""

    type: Literal["thought"]
    def __new__(
        cls, id: int | None = None, raw: str = "", received_at: datetime | None = None
    ) -> ThoughtEvent: ...
    def __getnewargs__(self, /) -> tuple[int | None, str, datetime | None]: ...

@final
class QuestionEvent(Event):
    """The agent waits for an answer; `text` is the question."""

    type: Literal["question"]
    def __new__(
        cls, id: int | None = None, raw: str = "", received_at: datetime | None = None
    ) -> QuestionEvent: ...
    def __getnewargs__(self, /) -> tuple[int | None, str, datetime | None]: ...

@final
class DoneEvent(Event):
    """The task ended with a result."""

    type: Literal["done"]
    def __new__(
        cls, id: int | None = None, raw: str = "", received_at: datetime | None = None
    ) -> DoneEvent: ...
    def __getnewargs__(self, /) -> tuple[int | None, str, datetime | None]: ...
    @property
    def result(self) -> Any:
        """The result as it came: a text, or any JSON; None where there is none."""

@final
class ErrorEvent(Event):
    """The task failed."""

    type: Literal["error"]
    def __new__(
        cls, id: int | None = None, raw: str = "", received_at: datetime | None = None
    ) -> ErrorEvent: ...
    def __getnewargs__(self, /) -> tuple[int | None, str, datetime | None]: ...
    @property
    def error(self) -> str:
        """What the agent reported; empty where it said nothing."""
    @property
    def status_code(self) -> int | None:
        """The status code that the agent reported; None where it did not."""

@final
class LogEvent(Event):
    """Context for debugging."""

    type: Literal["log"]
    def __new__(
        cls, id: int | None = None, raw: str = "", received_at: datetime | None = None
    ) -> LogEvent: ...
    def __getnewargs__(self, /) -> tuple[int | None, str, datetime | None]: ...

@final
class PausedEvent(Event):
    """The session was paused."""

    type: Literal["paused"]

    @property
    def timestamp(self) -> datetime | None:
        """When, by the service's clock; None where it does not say."""
    def __new__(
        cls, id: int | None = None, raw: str = "", received_at: datetime | None = None
    ) -> PausedEvent: ...
    def __getnewargs__(self, /) -> tuple[int | None, str, datetime | None]: ...

@final
class ResumedEvent(Event):
    """The session went on."""

    type: Literal["resumed"]

    @property
    def timestamp(self) -> datetime | None:
        """When, by the service's clock; None where it does not say."""
    def __new__(
        cls, id: int | None = None, raw: str = "", received_at: datetime | None = None
    ) -> ResumedEvent: ...
    def __getnewargs__(self, /) -> tuple[int | None, str, datetime | None]: ...

@final
class HeartbeatEvent(Event):
    """The stream is alive; delivered only on request."""

    type: Literal["heartbeat"]

    @property
    def timestamp(self) -> datetime | None:
        """When, by the service's clock; None where it does not say."""
    def __new__(
        cls, id: int | None = None, raw: str = "", received_at: datetime | None = None
    ) -> HeartbeatEvent: ...
    def __getnewargs__(self, /) -> tuple[int | None, str, datetime | None]: ...

@final
class UserEvent(Event):
    """A message of the user."""

    type: Literal["user"]
    def __new__(
        cls, id: int | None = None, raw: str = "", received_at: datetime | None = None
    ) -> UserEvent: ...
    def __getnewargs__(self, /) -> tuple[int | None, str, datetime | None]: ...

@final
class UnknownEvent(Event):
    """An event of a type that this version does not know."""

    def __new__(
        cls,
        type: str,
        id: int | None = None,
        raw: str = "",
        received_at: datetime | None = None,
    ) -> UnknownEvent: ...
    @property
    def type(self) -> str:
        """The event's type as the service named it."""
    def __getnewargs__(self, /) -> tuple[str, int | None, str, datetime | None]: ...

# The known types of events: `sessionwire.Event` for type checkers.
_AnyEvent: TypeAlias = (
    # generated: events (make generate)
    StepEvent
    | ThoughtEvent
    | QuestionEvent
    | DoneEvent
    | ErrorEvent
    | LogEvent
    | PausedEvent
    | ResumedEvent
    | HeartbeatEvent
    | UserEvent
    # end of generated: events
)

@final
class EventStream:
    """The events of a session or task, each exactly once, in order.

    An iterator and a context manager. Closing it, or dropping the last
    reference to it, frees its socket.
    """

    def __iter__(self, /) -> EventStream: ...
    def __next__(self, /) -> _AnyEvent: ...
    def __enter__(self) -> EventStream: ...
    def __exit__(self, _kind: object, _error: object, _traceback: object) -> None: ...
    def close(self) -> None:
        """Ends the stream and frees its socket. Can be called twice."""
    @property
    def closed(self) -> bool:
        """Whether the stream was closed on this side."""
    def _next(self, timeout: float | None) -> _AnyEvent | Literal[False] | None: ...
    def _loop(self) -> EventStream: ...
    def _begin(self) -> int: ...
    def _superseded(self) -> NoReturn: ...
    def _take(self) -> list[_AnyEvent] | None: ...
    def _held(self) -> int: ...
    def _watch(self, bridge: Bridge, token: int) -> None: ...

@final
class Bridge:
    """The loop's side: watch `fileno()` for reading, or read the other end of `socket`; then call
    `drain()`."""

    def __new__(cls, socket: int | None = None) -> Bridge: ...
    def fileno(self) -> int: ...
    def is_own_process(self) -> bool: ...
    def drain(self) -> list[int]: ...

@final
class TestGuard:
    """Lives as long as the emulator of a test."""

    def __new__(cls, url: str) -> TestGuard: ...
    def release(self) -> None: ...

def ag_ui_input(body: str) -> dict[str, Any]:
    """What a client of AG-UI asks for."""

@final
class AgUiRun:
    """One run of AG-UI: from its start to a question, or to the end of its task."""

    def __new__(cls, thread_id: str, run_id: str) -> AgUiRun: ...
    @property
    def over(self) -> bool: ...
    def started(self) -> list[str]: ...
    def add(self, event_type: str, id: int | None, raw: str) -> list[str]: ...
    def add_frame(self, raw: str) -> list[str]: ...
    def finished(self) -> list[str]: ...
    def failed(self, message: str, code: str | None) -> list[str]: ...

@final
class Deduplicator:
    """The keys of deliveries that came before."""

    def __new__(cls, capacity: int) -> Deduplicator: ...
    def is_repeat(self, key: str) -> bool: ...
    def forget(self, key: str) -> None: ...

@final
class Pending:
    """A call under way."""

    def wait(self) -> Any: ...
    def wait_for(self, seconds: float | None = None) -> bool: ...
    def wait_at_exit(self, seconds: float) -> bool: ...
    def watch(self, bridge: Bridge, token: int) -> bool: ...
    def result(self) -> Any: ...
    def cancel(self) -> None: ...

@final
class TaskRuns:
    """The tasks of one `run_tasks`. Dropping it ends them and deletes their
    sessions in the background."""

    def ready(self) -> Pending:
        """Is done once there is something to take, or nothing will follow."""
    def take(self) -> dict[str, Any] | None:
        """What there is to take now, as a dict; None where there is nothing."""
    @property
    def over(self) -> bool:
        """Whether everything was taken and nothing will follow."""
    def reply(self, number: int, answer: str | None) -> None:
        """Answers a question; None leaves it open."""
    def fail(self, number: int) -> None:
        """Says that whoever was to answer a question failed."""
    def close(self) -> Pending:
        """Ends what still runs; is done once the sessions are deleted."""

@final
class SessionPool:
    """A pool of sessions. Dropping it deletes what nobody has."""

    def start(self, params: agi.PoolOperation) -> Pending: ...

@final
class Task:
    """A task that runs in a session."""

    @property
    def session_id(self) -> str: ...
    @property
    def question(self) -> QuestionEvent | None: ...
    def handle(self, held: int) -> str: ...
    def events(self) -> EventStream: ...
    def trace(self, content: str | None = None) -> Trace:
        """For a span of a call."""
    def traced(self, trace: Trace) -> Task:
        """A copy whose requests belong to this span."""
    def report(self, error: str | None = None) -> dict[str, Any] | None:
        """What its span is to say, if it has one."""
    def start(self, params: agi.TaskOperation) -> Pending: ...
    def close(self) -> None: ...

@final
class Trace:
    """What one span is told, and what it is to say."""

    def span(
        self,
        operation: str,
        session_id: str | None = None,
        agent: str | None = None,
        input: str | None = None,
    ) -> dict[str, Any]:
        """Its name, kind and attributes."""
    def carry(self, headers: list[tuple[str, str]]) -> None:
        """Headers that name the span to the service."""
    def runs(self) -> list[dict[str, Any]]:
        """What the spans of those of many tasks or turns are to say that are over by now."""
    def report(self, error: str | None = None) -> dict[str, Any]:
        """What the call brought; `error` counts where the core knows of no outcome."""

@final
class Client:
    """A client of the service."""

    def __new__(cls, options: dict[str, Any]) -> Client: ...
    @property
    def base_url(self) -> str: ...
    @property
    def timeout(self) -> float: ...
    @property
    def closed(self) -> bool: ...
    def with_options(self, changes: dict[str, Any]) -> Client: ...
    def trace(self, content: str | None = None) -> Trace:
        """For a span of a call."""
    def traced(self, trace: Trace) -> Client:
        """A copy whose requests belong to this span."""
    def start(self, params: agi.Operation) -> Pending: ...
    def run_tasks(self, params: agi.RunTasks) -> TaskRuns: ...
    def journal_left(self, path: str) -> Pending | None:
        """Waits shortly until no earlier `run_tasks` of this process has the journal; None
        where none has it."""
    def pool(self, params: agi.PoolOptions) -> SessionPool: ...
    @staticmethod
    def leased(pool: SessionPool, lease: int) -> Client | None:
        """A client whose calls end when the session with this lease is given back."""
    def start_task(self, session_id: str, params: agi.StartTask) -> Pending: ...
    def resume(self, params: agi.Resume) -> Pending: ...
    def events(self, session_id: str, options: agi.EventOptions) -> EventStream: ...
    def delete_created_sessions(self, seconds: float) -> Pending | None: ...
    def close(self) -> None: ...
    def settle(self, seconds: float) -> Pending | None:
        """Waits for what goes on in the background; the texts say which sessions are left.
        None where nothing goes on."""

class TurnEvent(Event):
    """One event of a turn; every event class of turns has this one as its base."""

    @property
    def kind(self) -> str:
        """The same as `type`: the wire's own word."""
    @property
    def payload(self) -> Any:
        """The same as `data`: the wire's own word."""
    @property
    def block_id(self) -> str | None:
        """Which part of the agent's work it belongs to, such as `text:answer`."""
    @property
    def message_id(self) -> str | None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """The turn's agent message."""
    @property
    def timestamp(self) -> int | None:
        """Milliseconds since 1970."""
    @property
    def stream_entry_id(self) -> str | None:
        """The place in the stream, where the service names it."""

@final
class MessageReceivedEvent(TurnEvent):
    """The agent got a message; `text` is the message."""

    type: Literal["message.received"]
    def __new__(cls, raw: str, received_at: datetime | None = None) -> MessageReceivedEvent: ...

@final
class TurnThoughtEvent(TurnEvent):
    """A part of the agent's reasoning."""

    type: Literal["thought"]
    def __new__(cls, raw: str, received_at: datetime | None = None) -> TurnThoughtEvent: ...

@final
class TextEvent(TurnEvent):
    """A part of the agent's visible text."""

    type: Literal["text"]
    def __new__(cls, raw: str, received_at: datetime | None = None) -> TextEvent: ...

@final
class ToolStartEvent(TurnEvent):
    """A tool begins its work."""

    type: Literal["tool.start"]
    def __new__(cls, raw: str, received_at: datetime | None = None) -> ToolStartEvent: ...
    @property
    def tool_name(self) -> str | None:
        """The tool's name."""

@final
class ToolResultEvent(TurnEvent):
    """A tool's work is done; `block_id` is that of its start."""

    type: Literal["tool.result"]
    def __new__(cls, raw: str, received_at: datetime | None = None) -> ToolResultEvent: ...
    @property
    def status(self) -> str | None:
        """`success`, or another word of the service's."""
    @property
    def output(self) -> Any:
        """What the tool gave: any JSON."""

@final
class PlanUpdateEvent(TurnEvent):
    """What the agent plans; `turn.plan` is the whole plan."""

    type: Literal["plan.update"]
    def __new__(cls, raw: str, received_at: datetime | None = None) -> PlanUpdateEvent: ...

@final
class SandboxSnapshotEvent(TurnEvent):
    """The sandbox's files changed; `turn.files` are all of them."""

    type: Literal["sandbox.snapshot"]
    def __new__(cls, raw: str, received_at: datetime | None = None) -> SandboxSnapshotEvent: ...

@final
class TaskCompletedEvent(TurnEvent):
    """The turn ended well."""

    type: Literal["task.completed"]
    def __new__(cls, raw: str, received_at: datetime | None = None) -> TaskCompletedEvent: ...

@final
class TaskAbortedEvent(TurnEvent):
    """The turn was stopped; `text` says why."""

    type: Literal["task.aborted"]
    def __new__(cls, raw: str, received_at: datetime | None = None) -> TaskAbortedEvent: ...

@final
class TaskErrorEvent(TurnEvent):
    """The turn failed; `text` says why."""

    type: Literal["task.error"]
    def __new__(cls, raw: str, received_at: datetime | None = None) -> TaskErrorEvent: ...

@final
class UnknownTurnEvent(TurnEvent):
    """An event of a kind that this version does not know."""

    def __new__(cls, raw: str, received_at: datetime | None = None) -> UnknownTurnEvent: ...
    @property
    def type(self) -> str:
        """The event's kind as the service named it."""

@final
class Turn:
    """A turn that runs in a session."""

    @property
    def session_id(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def queue_position(self) -> int | None: ...
    def state(self) -> dict[str, Any]: ...
    def cure(self) -> str: ...
    def handle(self, held: int) -> str: ...
    def events(self) -> EventStream: ...
    def trace(self, content: str | None = None) -> Trace:
        """For a span of a call."""
    def traced(self, trace: Trace) -> Turn:
        """A copy whose requests belong to this span."""
    def report(self, error: str | None = None) -> dict[str, Any] | None:
        """What its span is to say, if it has one."""
    def start(self, params: raccoon.TurnOperation) -> Pending: ...
    def frame(self, params: raccoon.TurnOperation) -> dict[str, Any]: ...
    def close(self) -> None: ...

@final
class RaccoonClient:
    """A client of Raccoon."""

    def __new__(
        cls,
        options: dict[str, Any],
        *,
        decode_frame: Callable[[Any], Any] | None = None,
        decode_answer: Callable[[str, int, Any], Any] | None = None,
    ) -> RaccoonClient: ...
    @property
    def base_url(self) -> str: ...
    @property
    def closed(self) -> bool: ...
    @property
    def max_concurrent(self) -> int | None: ...
    def with_options(self, changes: dict[str, Any]) -> RaccoonClient: ...
    def trace(self, content: str | None = None) -> Trace:
        """For a span of a call."""
    def traced(self, trace: Trace) -> RaccoonClient:
        """A copy whose requests belong to this span."""
    def start(self, params: raccoon.Operation) -> Pending: ...
    def start_turn(self, session_id: str, params: raccoon.StartTurn) -> Pending: ...
    def resume(self, params: raccoon.Resume) -> Pending: ...
    def attach(self, params: raccoon.Attach) -> Pending: ...
    def run_turns(self, params: raccoon.RunTurns) -> TurnRuns: ...
    def events(self, session_id: str, options: raccoon.EventOptions) -> EventStream: ...
    def stop_frame(self) -> dict[str, Any]: ...
    def upload(
        self, params: raccoon.Upload, *, path: object = None, content: bytes | None = None
    ) -> Upload: ...
    def close(self) -> None: ...
    def settle(self, seconds: float) -> Pending | None: ...

@final
class TurnRuns:
    """The turns of one `run_turns`. Dropping it stops them in the background."""

    def ready(self) -> Pending:
        """Is done once there is something to take, or nothing will follow."""
    def take(self) -> tuple[dict[str, Any], Exception | None] | None:
        """What there is to take now, as a dict, and its error; None where there is nothing."""
    @property
    def over(self) -> bool:
        """Whether everything was taken and nothing will follow."""
    def close(self) -> Pending:
        """Starts no further turn and stops those that run; is done once they are."""

@final
class HookCalls:
    """The calls that wait for `decode_frame` and `decode_answer`."""

    def redacted(self, text: str) -> str: ...
    def next(self) -> Pending: ...

@final
class HookCall:
    """One call."""

    @property
    def request(self) -> dict[str, Any]: ...
    def reply(self, outcomes: list[tuple[str, Any]]) -> None: ...

@final
class Upload:
    """An upload under way."""

    @property
    def pending(self) -> Pending: ...
    @property
    def sent(self) -> int: ...
    @property
    def total(self) -> int | None: ...
    def write(self, content: bytes) -> Pending: ...
    def finish(self) -> None: ...

def check_raccoon(params: raccoon.Check) -> None: ...
def new_session_id() -> str: ...

@final
class Emulator:
    """A local server that speaks the service's API."""

    def __new__(cls, options: dict[str, Any], agent: bool, turn_agent: bool) -> Emulator: ...
    def world(self, key: str | None) -> Emulator: ...
    def reset(self) -> None: ...
    def clock(self, clock: str) -> None: ...
    def agent_jobs(self) -> AgentJobs | None: ...
    def turn_agent_jobs(self) -> AgentJobs | None: ...
    def agent(self, on: bool) -> AgentJobs | None: ...
    def turn_agent(self, on: bool) -> AgentJobs | None: ...
    @property
    def url(self) -> str: ...
    @property
    def raccoon_url(self) -> str: ...
    @property
    def api_key(self) -> str: ...
    @property
    def live_url(self) -> str: ...
    @property
    def control_url(self) -> str | None: ...
    @property
    def control_token(self) -> str | None: ...
    @property
    def ca_file(self) -> str | None: ...
    @property
    def is_remote(self) -> bool: ...
    @property
    def warnings(self) -> list[str]: ...
    @property
    def open_streams(self) -> int: ...
    @property
    def session_count(self) -> int: ...
    @property
    def request_changes(self) -> int: ...
    def requests(self, filter: dict[str, Any]) -> list[dict[str, Any]]: ...
    def explain(self, filter: dict[str, Any] | None) -> str: ...
    def requests_changed(self, seen: int) -> Pending: ...
    def clear_requests(self) -> None: ...
    def fail(self, fault: dict[str, Any] | str) -> None: ...
    def faults(self) -> list[str]: ...
    def unplayed(self) -> tuple[list[str], list[str]]: ...
    def webhook_attempts(self) -> list[dict[str, Any]]: ...
    def clear_faults(self) -> None: ...
    def scenario(self, scenario: dict[str, Any]) -> None: ...
    def scenario_file(self, path: str) -> None: ...
    def close(self) -> None: ...

@final
class AgentJobs:
    """The tasks or turns that wait for the function."""

    def next(self) -> Pending: ...

@final
class AgentJob:
    """One task or turn to work on."""

    @property
    def task(self) -> dict[str, Any]: ...
    def start(self, params: dict[str, Any]) -> Pending: ...
    def over(self) -> str | None: ...
    def wait_until_over(self) -> Pending: ...
    def finish(self, error: str | None = None) -> None: ...

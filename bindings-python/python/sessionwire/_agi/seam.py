"""What the core takes for AGI. `make generate` writes this file: do not edit it."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta


class CreateSession(TypedDict):
    agent_name: NotRequired[str]
    webhook_url: NotRequired[str | None]
    restore_from_session_id: NotRequired[str | None]
    restore_default_environment_from_user_id: NotRequired[str | None]
    enable_memory_snapshot: NotRequired[bool | None]
    goal: NotRequired[str | None]
    max_steps: NotRequired[int | None]
    restore_from_environment_id: NotRequired[str | None]
    agent_session_type: NotRequired[str | None]
    cdp_url: NotRequired[str | None]
    environment_type: NotRequired[str | None]
    wait_for_limit: NotRequired[float | timedelta | None]
    snapshot: NotRequired[SnapshotOptions]
    extra_body: NotRequired[Mapping[str, Any]]


class EventOptions(TypedDict):
    event_types: NotRequired[Sequence[str] | None]
    timeout: NotRequired[float | timedelta | None]
    sanitize: NotRequired[bool]
    include_history: NotRequired[bool]
    idle_timeout: NotRequired[float | timedelta]
    max_reconnects: NotRequired[int]
    poll_interval: NotRequired[float | timedelta]


IfBusy: TypeAlias = 'Literal["error"] | Literal["wait"] | Literal["cancel"]'


class ListMessages(TypedDict):
    after_id: NotRequired[int]
    sanitize: NotRequired[bool]


class PoolOptions(TypedDict):
    max_sessions: int
    max_age: NotRequired[float | timedelta | None]
    create: NotRequired[CreateSession]


class Resume(TypedDict):
    handle: str
    from_start: NotRequired[bool]
    events: NotRequired[EventOptions]


class RunTasks(TypedDict):
    tasks: NotRequired[Sequence[Any]]
    concurrency: NotRequired[int]
    start_url: NotRequired[str | None]
    timeout: NotRequired[float | timedelta | None]
    create: NotRequired[CreateSession]
    snapshot: NotRequired[SnapshotOptions]
    asks: NotRequired[bool]
    journal: NotRequired[str | None]
    retry_failed: NotRequired[bool]


class ScreenshotsOptions(TypedDict):
    every: float | timedelta
    directory: str


class SendMessage(TypedDict):
    message: str
    start_url: NotRequired[str | None]


class SnapshotOptions(TypedDict):
    save_snapshot_mode: NotRequired[str | None]
    save_as_default: NotRequired[bool | None]


class StartTask(TypedDict):
    message: str
    start_url: NotRequired[str | None]
    events: NotRequired[EventOptions]
    if_busy: NotRequired[IfBusy]


class WaitOptions(TypedDict):
    timeout: NotRequired[float | timedelta | None]
    poll_interval: NotRequired[float | timedelta]


class CreateSessionOperation(TypedDict):
    op: Literal["create_session"]
    agent_name: NotRequired[str]
    webhook_url: NotRequired[str | None]
    restore_from_session_id: NotRequired[str | None]
    restore_default_environment_from_user_id: NotRequired[str | None]
    enable_memory_snapshot: NotRequired[bool | None]
    goal: NotRequired[str | None]
    max_steps: NotRequired[int | None]
    restore_from_environment_id: NotRequired[str | None]
    agent_session_type: NotRequired[str | None]
    cdp_url: NotRequired[str | None]
    environment_type: NotRequired[str | None]
    wait_for_limit: NotRequired[float | timedelta | None]
    snapshot: NotRequired[SnapshotOptions]
    extra_body: NotRequired[Mapping[str, Any]]


class ListSessionsOperation(TypedDict):
    op: Literal["list_sessions"]
    status: NotRequired[Sequence[str] | None]


class FindOrCreateOperation(TypedDict):
    op: Literal["find_or_create"]
    create: CreateSession


class DeleteCreatedOperation(TypedDict):
    op: Literal["delete_created"]


class IsAliveOperation(TypedDict):
    op: Literal["is_alive"]
    session_id: str


class AnswerQuestionOperation(TypedDict):
    op: Literal["answer_question"]
    session_id: str
    text: str


class TryPauseOperation(TypedDict):
    op: Literal["try_pause"]
    session_id: str


class TryResumeOperation(TypedDict):
    op: Literal["try_resume"]
    session_id: str


class GetSessionOperation(TypedDict):
    op: Literal["get_session"]
    session_id: str


class DeleteSessionOperation(TypedDict):
    op: Literal["delete_session"]
    session_id: str
    snapshot: NotRequired[SnapshotOptions]


class EndSessionOperation(TypedDict):
    op: Literal["end_session"]
    session_id: str
    snapshot: NotRequired[SnapshotOptions]


class DeleteAllSessionsOperation(TypedDict):
    op: Literal["delete_all_sessions"]


class CleanupOperation(TypedDict):
    op: Literal["cleanup"]
    older_than: NotRequired[float | timedelta | None]
    statuses: NotRequired[Sequence[str]]


class ReapOperation(TypedDict):
    op: Literal["reap"]
    older_than: NotRequired[float | timedelta | None]


class ReleaseSessionOperation(TypedDict):
    op: Literal["release_session"]
    session_id: str


class SendMessageOperation(TypedDict):
    op: Literal["send_message"]
    session_id: str
    message: SendMessage


class PrepareTaskOperation(TypedDict):
    op: Literal["prepare_task"]
    session_id: str
    task: StartTask


class ExecutionStatusOperation(TypedDict):
    op: Literal["execution_status"]
    session_id: str


class MessagesOperation(TypedDict):
    op: Literal["messages"]
    session_id: str
    options: NotRequired[ListMessages]


class NextMessagesOperation(TypedDict):
    op: Literal["next_messages"]
    session_id: str
    options: NotRequired[ListMessages]
    poll_interval: float | timedelta


class RecordOperation(TypedDict):
    op: Literal["record"]
    session_id: str


class PauseOperation(TypedDict):
    op: Literal["pause"]
    session_id: str


class ResumeOperation(TypedDict):
    op: Literal["resume"]
    session_id: str


class CancelOperation(TypedDict):
    op: Literal["cancel"]
    session_id: str


class StopOperation(TypedDict):
    op: Literal["stop"]
    session_id: str


class NavigateOperation(TypedDict):
    op: Literal["navigate"]
    session_id: str
    url: str
    settle: NotRequired[float | timedelta | None]


class StartScreenshotsOperation(TypedDict):
    op: Literal["start_screenshots"]
    session_id: str
    options: ScreenshotsOptions


class StopScreenshotsOperation(TypedDict):
    op: Literal["stop_screenshots"]
    number: int


class ScreenshotOperation(TypedDict):
    op: Literal["screenshot"]
    session_id: str


class WaitOperation(TypedDict):
    op: Literal["wait"]
    session_id: str
    options: NotRequired[WaitOptions]


class ModelsOperation(TypedDict):
    op: Literal["models"]
    filter: NotRequired[str | None]


class RequestOperation(TypedDict):
    op: Literal["request"]
    method: str
    path: str
    query: NotRequired[Mapping[str, str]]
    body: NotRequired[Any]
    headers: NotRequired[Mapping[str, str]]


Operation: TypeAlias = (
    CreateSessionOperation
    | ListSessionsOperation
    | FindOrCreateOperation
    | DeleteCreatedOperation
    | IsAliveOperation
    | AnswerQuestionOperation
    | TryPauseOperation
    | TryResumeOperation
    | GetSessionOperation
    | DeleteSessionOperation
    | EndSessionOperation
    | DeleteAllSessionsOperation
    | CleanupOperation
    | ReapOperation
    | ReleaseSessionOperation
    | SendMessageOperation
    | PrepareTaskOperation
    | ExecutionStatusOperation
    | MessagesOperation
    | NextMessagesOperation
    | RecordOperation
    | PauseOperation
    | ResumeOperation
    | CancelOperation
    | StopOperation
    | NavigateOperation
    | StartScreenshotsOperation
    | StopScreenshotsOperation
    | ScreenshotOperation
    | WaitOperation
    | ModelsOperation
    | RequestOperation
)


class AnswerTaskOperation(TypedDict):
    op: Literal["answer"]
    text: str
    question_id: NotRequired[int | None]


class SendMessageTaskOperation(TypedDict):
    op: Literal["send_message"]
    text: str


class PauseTaskOperation(TypedDict):
    op: Literal["pause"]


class ResumeTaskOperation(TypedDict):
    op: Literal["resume"]


class CancelTaskOperation(TypedDict):
    op: Literal["cancel"]


class StatusTaskOperation(TypedDict):
    op: Literal["status"]


class ResultTaskOperation(TypedDict):
    op: Literal["result"]
    timeout: NotRequired[float | timedelta | None]


TaskOperation: TypeAlias = (
    AnswerTaskOperation
    | SendMessageTaskOperation
    | PauseTaskOperation
    | ResumeTaskOperation
    | CancelTaskOperation
    | StatusTaskOperation
    | ResultTaskOperation
)


class AcquirePoolOperation(TypedDict):
    op: Literal["acquire"]
    timeout: NotRequired[float | timedelta | None]


class ReleasePoolOperation(TypedDict):
    op: Literal["release"]
    lease: int
    discard: NotRequired[bool]


class ClosePoolOperation(TypedDict):
    op: Literal["close"]


PoolOperation: TypeAlias = AcquirePoolOperation | ReleasePoolOperation | ClosePoolOperation


class SessionIdCheck(TypedDict):
    check: Literal["session_id"]
    session_id: str


class SnapshotCheck(TypedDict):
    check: Literal["snapshot"]
    save_snapshot_mode: NotRequired[str | None]
    save_as_default: NotRequired[bool | None]


class TaskCheck(TypedDict):
    check: Literal["task"]
    message: str
    start_url: NotRequired[str | None]
    events: NotRequired[EventOptions]
    if_busy: NotRequired[IfBusy]


class RunTasksCheck(TypedDict):
    check: Literal["run_tasks"]
    tasks: NotRequired[Sequence[Any]]
    concurrency: NotRequired[int]
    start_url: NotRequired[str | None]
    timeout: NotRequired[float | timedelta | None]
    create: NotRequired[CreateSession]
    snapshot: NotRequired[SnapshotOptions]
    asks: NotRequired[bool]
    journal: NotRequired[str | None]
    retry_failed: NotRequired[bool]


Check: TypeAlias = SessionIdCheck | SnapshotCheck | TaskCheck | RunTasksCheck

"""What the core takes for Raccoon. `make generate` writes this file: do not edit it."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

After: TypeAlias = "str | Mapping[str, Any]"


class Attach(TypedDict):
    session_id: str
    message_id: str
    after: NotRequired[After | None]
    events: NotRequired[TurnEventOptions]


class EventOptions(TypedDict):
    after: NotRequired[GivenPlace | None]
    include_history: NotRequired[bool]
    poll_interval: NotRequired[float | timedelta]
    timeout: NotRequired[float | timedelta | None]
    max_reconnects: NotRequired[int]


class FileToCheck(TypedDict):
    uploaded: NotRequired[bool]
    path: NotRequired[str | None]
    key: NotRequired[str | None]
    content_type: NotRequired[str | None]


class GivenFile(TypedDict):
    key: str
    name: NotRequired[str]
    type: NotRequired[str]
    size: NotRequired[int]
    uploaded_at: NotRequired[str | None]


class GivenPlace(TypedDict):
    session_id: str
    message_id: str
    last_stream_entry_id: NotRequired[str | None]
    last_event_id: NotRequired[int | None]


class Resume(TypedDict):
    handle: str
    from_start: NotRequired[bool]
    events: NotRequired[TurnEventOptions]


class RunTurns(TypedDict):
    turns: NotRequired[Sequence[TurnInSession]]
    concurrency: NotRequired[int]
    timeout: NotRequired[float | timedelta | None]
    stop_on_timeout: NotRequired[bool]
    stop_frame: NotRequired[Any]


class StartTurn(TypedDict):
    prompt: str
    mode: NotRequired[str]
    files: NotRequired[Sequence[TurnFile]]
    sdk_version: NotRequired[str | None]
    base_prompt: NotRequired[str | None]
    references: NotRequired[Sequence[Any] | None]
    history: NotRequired[Sequence[Any] | None]
    continuation: NotRequired[str | None]
    extra: NotRequired[Mapping[str, Any]]
    events: NotRequired[TurnEventOptions]


TextMode: TypeAlias = 'Literal["auto"] | Literal["delta"] | Literal["cumulative"]'


class TurnEventOptions(TypedDict):
    max_reconnects: NotRequired[int]
    ping_interval: NotRequired[float | timedelta]
    idle_timeout: NotRequired[float | timedelta]
    replay: NotRequired[bool]
    text_mode: NotRequired[TextMode]


TurnFile: TypeAlias = "GivenFile | str"


class TurnInSession(TypedDict):
    session_id: NotRequired[str | None]
    turn: StartTurn


class Upload(TypedDict):
    session_id: NotRequired[str]
    key: NotRequired[str | None]
    folder: NotRequired[str | None]
    name: NotRequired[str | None]
    content_type: NotRequired[str | None]


class ListSessionsOperation(TypedDict):
    op: Literal["list_sessions"]
    page: NotRequired[int | None]
    limit: NotRequired[int | None]
    search: NotRequired[str | None]
    sort_by: NotRequired[str | None]
    sort_order: NotRequired[str | None]


class GetSessionOperation(TypedDict):
    op: Literal["get_session"]
    session_id: str


class PrepareTurnOperation(TypedDict):
    op: Literal["prepare_turn"]
    session_id: str
    turn: StartTurn


class RenameSessionOperation(TypedDict):
    op: Literal["rename_session"]
    session_id: str
    title: str


class DeleteSessionOperation(TypedDict):
    op: Literal["delete_session"]
    session_id: str


class EndSessionOperation(TypedDict):
    op: Literal["end_session"]
    session_id: str


class DirectoryFilesOperation(TypedDict):
    op: Literal["directory_files"]
    directory: str
    pattern: NotRequired[str]


class RequestOperation(TypedDict):
    op: Literal["request"]
    method: str
    path: str
    query: NotRequired[Mapping[str, str]]
    body: NotRequired[Any]
    headers: NotRequired[Mapping[str, str]]


Operation: TypeAlias = (
    ListSessionsOperation
    | GetSessionOperation
    | PrepareTurnOperation
    | RenameSessionOperation
    | DeleteSessionOperation
    | EndSessionOperation
    | DirectoryFilesOperation
    | RequestOperation
)


class SendMessageTurnOperation(TypedDict):
    op: Literal["send_message"]
    text: NotRequired[str]
    files: NotRequired[Sequence[GivenFile]]
    references: NotRequired[Sequence[Any]]
    frame: NotRequired[Any]


class StopTurnOperation(TypedDict):
    op: Literal["stop"]
    timeout: NotRequired[float | timedelta]
    frame: NotRequired[Any]


class ResultTurnOperation(TypedDict):
    op: Literal["result"]
    timeout: NotRequired[float | timedelta | None]


TurnOperation: TypeAlias = SendMessageTurnOperation | StopTurnOperation | ResultTurnOperation


class SessionIdCheck(TypedDict):
    check: Literal["session_id"]
    session_id: str


class TurnCheck(TypedDict):
    check: Literal["turn"]
    prompt: str
    mode: NotRequired[str]
    files: NotRequired[Sequence[TurnFile]]
    sdk_version: NotRequired[str | None]
    base_prompt: NotRequired[str | None]
    references: NotRequired[Sequence[Any] | None]
    history: NotRequired[Sequence[Any] | None]
    continuation: NotRequired[str | None]
    extra: NotRequired[Mapping[str, Any]]
    events: NotRequired[TurnEventOptions]


class RunTurnsCheck(TypedDict):
    check: Literal["run_turns"]
    turns: NotRequired[Sequence[TurnInSession]]
    concurrency: NotRequired[int]
    timeout: NotRequired[float | timedelta | None]
    stop_on_timeout: NotRequired[bool]
    stop_frame: NotRequired[Any]


class FilesCheck(TypedDict):
    check: Literal["files"]
    files: Sequence[FileToCheck]


Check: TypeAlias = SessionIdCheck | TurnCheck | RunTurnsCheck | FilesCheck

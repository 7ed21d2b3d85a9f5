"""Shapes, for type checkers only: nothing imports this at run time."""

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import IO, Any, Literal, Protocol, Required, TypeAlias, TypedDict

from .. import _native
from .._agi.types import Block, Run
from .models import ResumePoint, UploadedFile


class Client(Protocol):
    """What sessions need of their client; they keep it, to be pickled with it."""

    # For spans, and without them where nothing traces.
    def _start(self, operation: Any) -> Any: ...
    def _block(self, operation: str, **about: str | None) -> Block: ...
    def _carrying(self) -> Any: ...
    def _begin_turn(
        self, operation: str, **about: str | None
    ) -> tuple[Run | None, _native.RaccoonClient]: ...
    def _turn(self, native: _native.Turn, after: ResumePoint | None, run: Run | None) -> Any: ...

    # After the uses of the module of that name.
    @property
    def _native(self) -> _native.RaccoonClient: ...

    @property
    def _options(self) -> dict[str, Any]: ...


# What an upload takes for a file.
Content: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
# What a turn takes for one.
GivenFile: TypeAlias = Content | UploadedFile | Mapping[str, Any]

TextMode: TypeAlias = Literal["auto", "delta", "cumulative"]


class WireNames(TypedDict, total=False):
    """Names on the wire that the service's documentation leaves open.

    The service is a beta: where it uses another name, set it here.
    """

    #: The fields that all carry the prompt. Default: `["prompt", "task"]`.
    prompt: list[str]
    sdk_version: str
    base_prompt: str
    references: str
    history: str
    continuation: str
    #: The fields of a file that a turn refers to. Default: `key`, `name`, `type`, `size`.
    file_key: str
    file_name: str
    file_type: str
    file_size: str
    #: The fields of the answer to a new turn that may name its agent message.
    #: Default: `["agent_message_id", "assistant_message_id"]`.
    agent_message_id: list[str]
    user_message_id: str
    workflow_id: str
    #: Whether the turn is queued. Default: `status`.
    turn_status: str
    queue_position: str
    page: str
    limit: str
    search: str
    sort_by: str
    sort_order: str
    #: The fields that may hold the list of sessions. Default: `["sessions", "chats", "data"]`.
    sessions: list[str]
    #: The field that says where a page stands, and its fields.
    meta: str
    total_count: str
    total_pages: str
    current_page: str
    title: str
    #: The field that says what a frame to the service is. Default: `type`.
    frame_type: str
    #: What a message's frame is. Default: `message`.
    message_frame: str
    #: The fields of a message. Default: `text`, `files`, `references`.
    message_text: str
    message_files: str
    message_references: str
    #: What a stop's frame is. Default: `stop`.
    stop_frame: str
    #: Fields of a frame of the service's: its kind, ids, time and payload. The first that
    #: is there counts, here and below. A name may be a path, such as `data.kind`, and
    #: `eventId` is the same name as `event_id`. Default: `["kind", "type", "event", "event_type"]`.
    frame_kind: list[str]
    #: Default: `["event_id", "id", "seq"]`.
    frame_event_id: list[str]
    #: Default: `["block_id", "block"]`.
    frame_block_id: list[str]
    #: Default: `["message_id", "agent_message_id"]`.
    frame_message_id: list[str]
    #: Default: `["stream_entry_id", "entry_id"]`.
    frame_entry_id: list[str]
    #: Default: `["timestamp", "ts", "created_at"]`.
    frame_timestamp: list[str]
    #: Default: `["payload", "data", "content", "delta", "body"]`; else beside the ids.
    frame_payload: list[str]
    #: Where a payload has its text. Default: `["text", "content", "delta", "value", "chunk"]`.
    text_fields: list[str]
    #: The same of a thought. Default: `["thought", "reasoning", "text", "content", "delta"]`.
    thought_fields: list[str]
    #: Where `task.completed` may have the answer. Default: `["text", "result", "answer",
    #: "output", "content"]`.
    result_fields: list[str]
    #: Kinds beside those that say in their words what they are. Default: none.
    text_kinds: list[str]
    thought_kinds: list[str]
    completed_kinds: list[str]
    aborted_kinds: list[str]
    failed_kinds: list[str]


class PrepareTurnOptions(TypedDict, total=False):
    """The further keywords of `session.prepare_turn`."""

    files: Iterable[GivenFile]
    sdk_version: str | None
    base_prompt: str | None
    references: list[dict[str, Any]] | None
    history: list[Any] | None
    continuation: str | None
    extra: Mapping[str, Any] | None


class TurnOptions(PrepareTurnOptions, total=False):
    """The further keywords of `session.start_turn`."""

    max_reconnects: int
    ping_interval: float | timedelta
    idle_timeout: float | timedelta
    replay: bool
    text_mode: TextMode


class GivenTurn(TurnOptions, total=False):
    """A turn of `client.run_turns`: its prompt, its session, and what `start_turn` takes."""

    prompt: Required[str]
    #: The UUID of its session. Default: a fresh one.
    session_id: str | None
    mode: str

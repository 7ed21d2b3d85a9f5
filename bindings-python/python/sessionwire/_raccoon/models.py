"""What Raccoon answers, as objects."""

from __future__ import annotations

from .._models import Model, take

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    T = TypeVar("T")

__all__ = [
    "AgentFile",
    "AgentTurn",
    "History",
    "HistoryMessage",
    "ResumePoint",
    "SessionRecord",
    "StopResult",
    "TurnOutcome",
    "TurnResult",
    "UploadedFile",
]


class SessionRecord(Model):
    """A session as the service describes it.

    Attributes:
        session_id: The UUID that names it.
        title: Its title; empty where it has none.
        created_at: Milliseconds since 1970, or None.
        updated_at: Milliseconds since 1970, or None.
        files: The sandbox's files, by path.
        extra: Every other field, named as on the wire.
    """

    __slots__ = ("session_id", "title", "created_at", "updated_at", "files", "extra")

    def __init__(
        self,
        session_id: str,
        title: str = "",
        created_at: int | None = None,
        updated_at: int | None = None,
        files: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.session_id: str = session_id
        self.title: str = title
        self.created_at: int | None = created_at
        self.updated_at: int | None = updated_at
        self.files: dict[str, Any] = files if files is not None else {}
        self.extra: dict[str, Any] = extra if extra is not None else {}

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> SessionRecord:
        extra = dict(fields)
        if extra.get("id") is None:
            extra.pop("id", None)
        return cls(
            take(extra, "session_id", str, ""),
            take(extra, "title", str, ""),
            take(extra, "created_at", int, None),
            take(extra, "updated_at", int, None),
            take(extra, "files", dict, None),
            extra,
        )


class HistoryMessage(Model):
    """One message of a session: a prompt, or what a turn brought.

    Attributes:
        id: The message's id; the agent's names the turn.
        role: `user` or `agent`.
        content: Its text; may be empty where the events hold it.
        text: The text: its content, or what its events say.
        status: Where the turn of an agent's message is: `running`, `completed`, `aborted`
            or `failed`; None of a prompt.
        plan: What the agent planned: entries with `id`, `content` and `status`.
        sandbox_files: The sandbox's files by path, as its events tell.
        created_at: Milliseconds since 1970, or None.
        mode: The mode of a prompt's turn, or None.
        aborted: Whether the turn was stopped.
        files: The files of a prompt, as on the wire.
        events: The turn's events, as on the wire.
        extra: Fields that this version does not know.
    """

    __slots__ = (
        "id",
        "role",
        "content",
        "text",
        "status",
        "plan",
        "sandbox_files",
        "created_at",
        "mode",
        "aborted",
        "files",
        "events",
        "extra",
    )

    def __init__(
        self,
        id: str,
        role: str,
        content: str = "",
        created_at: int | None = None,
        mode: str | None = None,
        aborted: bool = False,
        files: list[Any] | None = None,
        events: list[dict[str, Any]] | None = None,
        extra: dict[str, Any] | None = None,
        text: str = "",
        status: str | None = None,
        plan: list[dict[str, Any]] | None = None,
        sandbox_files: dict[str, Any] | None = None,
    ) -> None:
        self.id: str = id
        self.role: str = role
        self.content: str = content
        self.text: str = text
        self.status: str | None = status
        self.plan: list[dict[str, Any]] = plan if plan is not None else []
        self.sandbox_files: dict[str, Any] = sandbox_files if sandbox_files is not None else {}
        self.created_at: int | None = created_at
        self.mode: str | None = mode
        self.aborted: bool = aborted
        self.files: list[Any] = files if files is not None else []
        self.events: list[dict[str, Any]] = events if events is not None else []
        self.extra: dict[str, Any] = extra if extra is not None else {}


class History(Model):
    """A session with every message of every turn.

    Attributes:
        session: The session's record.
        messages: Its messages, as the service orders them.
        last_turn: The agent's message of the newest turn; None where no turn was started.
    """

    __slots__ = ("session", "messages", "last_turn")

    def __init__(
        self,
        session: SessionRecord,
        messages: list[HistoryMessage],
        last_turn: HistoryMessage | None = None,
    ) -> None:
        self.session: SessionRecord = session
        self.messages: list[HistoryMessage] = messages
        self.last_turn: HistoryMessage | None = last_turn

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> History:
        messages = [HistoryMessage(**message) for message in fields["messages"]]
        last_turn = fields["last_turn"]
        return cls(
            SessionRecord._of(fields["session"]),
            messages,
            None if last_turn is None else messages[last_turn],
        )


class UploadedFile(Model):
    """A file that was uploaded: pass it in `files` of a turn.

    Attributes:
        key: Where the service keeps it.
        name: Its name.
        type: Its media type.
        size: Bytes.
        uploaded_at: When: ISO 8601 text as it came, or None.
    """

    __slots__ = ("key", "name", "type", "size", "uploaded_at")

    def __init__(
        self,
        key: str,
        name: str = "",
        type: str = "",
        size: int = 0,
        uploaded_at: str | None = None,
    ) -> None:
        self.key: str = key
        self.name: str = name
        self.type: str = type
        self.size: int = size
        self.uploaded_at: str | None = uploaded_at

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> UploadedFile:
        return cls(**fields)

    def _fields(self) -> Any:
        return {name: getattr(self, name) for name in self.__slots__}


class ResumePoint(Model):
    """How far a turn's events were read: `client.attach` goes on there. `to_dict()` gives what
    to keep, and `ResumePoint(**fields)` is the same point again.

    Attributes:
        session_id: The turn's session.
        message_id: The turn's agent message.
        last_stream_entry_id: The place of the last event, where the service names it.
        last_event_id: The last event; None: none was read.
    """

    __slots__ = ("session_id", "message_id", "last_stream_entry_id", "last_event_id")

    def __init__(
        self,
        session_id: str,
        message_id: str,
        last_stream_entry_id: str | None = None,
        last_event_id: int | None = None,
    ) -> None:
        self.session_id: str = session_id
        self.message_id: str = message_id
        self.last_stream_entry_id: str | None = last_stream_entry_id
        self.last_event_id: int | None = last_event_id

    def _position(self) -> dict[str, Any] | None:
        if self.last_stream_entry_id is None and self.last_event_id is None:
            return None
        return {
            "last_stream_entry_id": self.last_stream_entry_id,
            "last_event_id": self.last_event_id,
        }


class StopResult(Model):
    """What became of a stop.

    Attributes:
        confirmed: Whether the turn is over; False: the service did not confirm it in time.
        status: Where the turn is now.
    """

    __slots__ = ("confirmed", "status")

    def __init__(self, confirmed: bool, status: str) -> None:
        self.confirmed: bool = confirmed
        self.status: str = status


class TurnResult(Model):
    """What a turn ended with.

    Attributes:
        text: The agent's answer.
        text_is_certain: False where the frames can be read to another text too, and the
            history does not say which is right: set `text_mode` then.
        status: `completed` or `aborted`.
        reason: Why it was aborted, where the service says; else None.
        plan: What the agent planned: entries with `id`, `content` and `status`.
        files: The sandbox's files, by path.
        session_id: The turn's session.
        message_id: The turn's agent message.
        duration: Seconds from the start of the turn, or from `attach`, to its end.
        extra: What else the turn's end said, named as on the wire: the usage, for example.
    """

    __slots__ = (
        "text",
        "text_is_certain",
        "status",
        "reason",
        "plan",
        "files",
        "session_id",
        "message_id",
        "duration",
        "extra",
    )

    def __init__(
        self,
        text: str,
        text_is_certain: bool,
        status: str,
        reason: str | None,
        plan: list[dict[str, Any]],
        files: dict[str, Any],
        session_id: str,
        message_id: str,
        duration: float,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.text: str = text
        self.text_is_certain: bool = text_is_certain
        self.status: str = status
        self.reason: str | None = reason
        self.plan: list[dict[str, Any]] = plan
        self.files: dict[str, Any] = files
        self.session_id: str = session_id
        self.message_id: str = message_id
        self.duration: float = duration
        self.extra: dict[str, Any] = extra if extra is not None else {}

    def _repr_html_(self) -> str:
        from .._views.records import turn_result

        return turn_result(self)

    def json(self) -> Any:
        """The text as JSON: all of it, else the first code fence that is JSON, else the
        longest object or array in it.

        Raises:
            TaskError: The text holds no JSON (`reason` is `no_json`).
        """
        from .._parse import find_json

        return find_json(self.text, self.session_id)

    def parse(self, model: type[T]) -> T:
        """The text as an object of `model`: a pydantic model, a msgspec struct, a
        dataclass, or a `list[...]` or `dict[str, ...]` of those.

        The agent knows nothing of the model: say in the prompt which JSON it shall give.

        Raises:
            TaskError: The text holds no JSON, or a dataclass does not fit it
                (`reason` is `no_json` or `unexpected_shape`). pydantic and
                msgspec raise their own validation errors.

        Example:
            >>> prompt = 'Price of the mug? Answer with JSON: {"price": number, "currency": text}'
            >>> price = session.run_turn(prompt).parse(Price)
        """
        from .._parse import build

        fitted: T = build(self.text, model, self.session_id)
        return fitted


class TurnOutcome(Model):
    """What became of one turn of `client.run_turns`.

    Attributes:
        turn: The turn as it was given: a prompt, or a dict.
        index: Its place among the turns, from 0.
        session_id: The session that it ran in, or would have.
        message_id: Its agent message; None where the service named none, since the turn was
            not started, or not heard.
        sent: Whether the service has the turn, or may have it: False where it was not sent,
            or refused. Where it is True and there is no `message_id`, the session's history
            tells whether it runs.
        result: Its result; None if there is an error. A turn that was stopped has one.
        error: Why there is no result: an error of this package. None if there is one.
    """

    __slots__ = ("turn", "index", "session_id", "message_id", "sent", "result", "error")

    def __init__(
        self,
        turn: Any,
        index: int,
        session_id: str,
        message_id: str | None = None,
        sent: bool = False,
        result: TurnResult | None = None,
        error: Exception | None = None,
    ) -> None:
        self.turn: Any = turn
        self.index: int = index
        self.session_id: str = session_id
        self.message_id: str | None = message_id
        self.sent: bool = sent
        self.result: TurnResult | None = result
        self.error: Exception | None = error

    def _repr_html_(self) -> str:
        from .._views.records import outcome

        return outcome(self)


class AgentTurn(Model):
    """A turn, as a function that plays the emulator's agent gets it.

    What the request left out is empty, or None.

    Attributes:
        prompt: What to do.
        mode: `auto`, `plan`, `code`, `deepsearch` or `slides`.
        session_id: The session it runs in.
        message_id: The agent message that names the turn.
        files: The references to uploads, as on the wire: `key`, `name`, `type`, `size`.
        references: The objects to refer to, as they came.
        history: The conversation so far, as it came.
        base_prompt: The system instructions.
        sdk_version: `fast` or `think`.
        continuation: The continuation data.
        extra: What else the request had.
    """

    __slots__ = (
        "prompt",
        "mode",
        "session_id",
        "message_id",
        "files",
        "references",
        "history",
        "base_prompt",
        "sdk_version",
        "continuation",
        "extra",
    )

    def __init__(
        self,
        prompt: str,
        mode: str,
        session_id: str,
        message_id: str,
        files: list[dict[str, Any]],
        references: list[Any],
        history: list[Any],
        base_prompt: str | None,
        sdk_version: str | None,
        continuation: str | None,
        extra: dict[str, Any],
    ) -> None:
        self.prompt: str = prompt
        self.mode: str = mode
        self.session_id: str = session_id
        self.message_id: str = message_id
        self.files: list[dict[str, Any]] = files
        self.references: list[Any] = references
        self.history: list[Any] = history
        self.base_prompt: str | None = base_prompt
        self.sdk_version: str | None = sdk_version
        self.continuation: str | None = continuation
        self.extra: dict[str, Any] = extra


class AgentFile(Model):
    """An uploaded file, as a function that plays the emulator's agent reads it.

    Attributes:
        key: What it is stored under.
        name: Its name.
        content_type: Its media type.
        size: How many bytes it has.
        content: Its first 64 KiB: the emulator keeps no more.
    """

    __slots__ = ("key", "name", "content_type", "size", "content")

    def __init__(self, key: str, name: str, content_type: str, size: int, content: bytes) -> None:
        self.key: str = key
        self.name: str = name
        self.content_type: str = content_type
        self.size: int = size
        self.content: bytes = content

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> AgentFile:
        from binascii import a2b_base64

        return cls(**{**fields, "content": a2b_base64(fields["content"])})


for _name in __all__:
    globals()[_name].__module__ = "sessionwire"

"""What AGI answers, as objects."""

from __future__ import annotations

from .._models import Listed, Model, parse_time, take

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any, Generic, Literal, TypeAlias, TypeVar

    from .._errors import SessionwireError
    from .types import ExecutionStatus, MessageType, Output_co, SessionStatus, Validates

    T = TypeVar("T")

    ReapOutcome: TypeAlias = Literal["deleted", "gone", "failed", "perhaps"]

__all__ = [
    "AgentPage",
    "AgentTask",
    "CleanupReport",
    "Message",
    "Messages",
    "Navigation",
    "ReapReport",
    "Screenshot",
    "TaskOutcome",
    "TaskResult",
]


class Message(Model):
    """One entry of a session's history.

    Attributes:
        id: Increases within a session.
        type: `THOUGHT`, `QUESTION`, `USER`, `DONE`, `ERROR`, `LOG`, or a value not known yet.
        content: A text, or any JSON.
        timestamp: When, with a time zone; None where it is missing or cannot be read
            (the raw text is then in `extra`).
        metadata: What the service adds.
        extra: Fields that this version does not know.
    """

    __slots__ = ("id", "type", "content", "timestamp", "metadata", "extra")

    def __init__(
        self,
        id: int,
        type: MessageType,
        content: Any = None,
        timestamp: datetime | None = None,
        metadata: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.id: int = id
        self.type: MessageType = type
        self.content: Any = content
        self.timestamp: datetime | None = timestamp
        self.metadata: dict[str, Any] = metadata if metadata is not None else {}
        self.extra: dict[str, Any] = extra if extra is not None else {}

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> Message:
        extra = dict(fields)
        raw = take(extra, "timestamp", str, None)
        timestamp = parse_time(raw)
        message = cls(
            take(extra, "id", int, 0),
            take(extra, "type", str, ""),
            extra.pop("content", None),
            timestamp,
            take(extra, "metadata", dict, None),
        )
        if timestamp is None and raw is not None:
            extra["timestamp"] = raw
        message.extra = extra
        return message

    @property
    def text(self) -> str:
        """The content as text for a person: the text itself, or the JSON."""
        if isinstance(self.content, str):
            return self.content
        if self.content is None:
            return ""
        import json

        return json.dumps(self.content, ensure_ascii=False, separators=(",", ":"))


class Messages(Model):
    """A session's messages and status at one moment.

    Attributes:
        messages: In the order of their ids.
        status: The execution status: `running`, `waiting_for_input`, `finished`, `error`.
        has_agent: Whether an agent is connected.
    """

    __slots__ = ("messages", "status", "has_agent")

    def __init__(
        self, messages: list[Message], status: ExecutionStatus, has_agent: bool = True
    ) -> None:
        self.messages: list[Message] = messages
        self.status: ExecutionStatus = status
        self.has_agent: bool = has_agent

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> Messages:
        messages = Listed(Message._of(message) for message in fields["messages"])
        return cls(messages, fields["status"], fields["has_agent"])

    def _repr_html_(self) -> str:
        from .._views.records import messages

        return messages(self)


class Screenshot(Model):
    """A picture of the session's browser. It shows itself in a notebook.

    Attributes:
        image: The encoded image.
        mime_type: `image/jpeg` as a rule.
        width: Pixels; 0 if the image does not say.
        height: Pixels; 0 if the image does not say.
        url: The page shown.
        title: The page's title.
    """

    __slots__ = ("image", "mime_type", "width", "height", "url", "title")

    def __init__(
        self,
        image: bytes,
        mime_type: str = "image/jpeg",
        width: int = 0,
        height: int = 0,
        url: str = "",
        title: str = "",
    ) -> None:
        self.image: bytes = image
        self.mime_type: str = mime_type
        self.width: int = width
        self.height: int = height
        self.url: str = url
        self.title: str = title

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the image to a file, replacing what is there."""
        with open(path, "wb") as file:  # noqa: PTH123 (pathlib takes long to import)
            file.write(self.image)

    def __repr__(self) -> str:
        size = f"{self.width}x{self.height}, {len(self.image):,} bytes"
        from .._short import text

        return f"<Screenshot {self.mime_type} {size} of {text(self.url)}, title {text(self.title)}>"

    def _repr_html_(self) -> str:
        from .._views.records import screenshot

        return screenshot(self)

    def _repr_jpeg_(self) -> bytes | None:
        return self.image if self.mime_type == "image/jpeg" else None

    def _repr_png_(self) -> bytes | None:
        return self.image if self.mime_type == "image/png" else None


if TYPE_CHECKING:

    class _OfOutput(Model, Generic[Output_co]): ...

else:

    class _OfOutput(Model):
        """Takes the type of `output` in brackets, as `typing.Generic` would."""

        __slots__ = ()
        __class_getitem__ = classmethod(type(list[int]))


class TaskResult(_OfOutput["Output_co"]):
    """What a task ended with.

    Attributes:
        text: The result for a person: the text, or an object's `summary`.
        data: The content of the `DONE` message as it came: a text, or any JSON.
        message_id: The id of the `DONE` message.
        messages: All messages of this task, in the order of their ids.
        duration: Seconds from the start of the task to its end, measured here.
        metadata: The metadata of the `DONE` message.
        session_id: The task's session.
        output: The result as an object of the type that `output` of `run_task` names, else None.
        refused: The results before it that did not fit that type, oldest first.
    """

    __slots__ = (
        "text",
        "data",
        "message_id",
        "messages",
        "duration",
        "metadata",
        "session_id",
        "output",
        "refused",
    )

    def __init__(
        self,
        text: str,
        data: Any = None,
        message_id: int | None = None,
        messages: list[Message] | None = None,
        duration: float = 0.0,
        metadata: dict[str, Any] | None = None,
        session_id: str = "",
        output: Any = None,
        refused: list[TaskResult[Any]] | None = None,
    ) -> None:
        self.text: str = text
        self.data: Any = data
        self.message_id: int | None = message_id
        self.messages: list[Message] = messages if messages is not None else []
        self.duration: float = duration
        self.metadata: dict[str, Any] = metadata if metadata is not None else {}
        self.session_id: str = session_id
        self.output: Output_co = output
        self.refused: list[TaskResult[Any]] = refused if refused is not None else []

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> TaskResult[Any]:
        messages = Listed(Message._of(message) for message in fields.pop("messages"))
        return cls(messages=messages, **fields)

    def _repr_html_(self) -> str:
        from .._views.records import task_result

        return task_result(self)

    def json(self) -> Any:
        """The result as JSON.

        Of a text it is all of it, else the first code fence that is JSON, else the
        longest object or array in it.

        Raises:
            TaskError: The text holds no JSON (`reason` is `no_json`).
        """
        from .._parse import find_json

        return find_json(self.data, self.session_id)

    def parse(self, model: type[T] | Validates[T]) -> T:
        """The result as an object of `model`: a pydantic model or TypeAdapter, a msgspec struct,
        a dataclass, an attrs class, a TypedDict, a NamedTuple, an Enum, a datetime, date,
        Decimal or UUID, or a `list[...]` or `dict[str, ...]` of those.

        Raises:
            TaskError: The text holds no JSON, or a dataclass does not fit it
                (`reason` is `no_json` or `unexpected_shape`). pydantic and
                msgspec raise their own validation errors.
        """
        from .._parse import build

        fitted: T = build(self.data, model, self.session_id)
        return fitted


class TaskOutcome(_OfOutput["Output_co"]):
    """What became of one task of `client.run_tasks`.

    Attributes:
        task: The task's message.
        index: Its place among the tasks, from 0.
        result: Its result; None if there is an error.
        error: Why there is no result: an error of this package, or what `on_question`
            raised; None if there is one.
        id: Its own `id`; without one its index as text.
        unfinished: With a journal: it did not end here, and the next call with the same
            journal goes on with it.
    """

    __slots__ = ("task", "index", "result", "error", "id", "unfinished")

    def __init__(
        self,
        task: str,
        index: int,
        result: TaskResult[Any] | None = None,
        error: Exception | None = None,
        id: str = "",
        unfinished: bool = False,
    ) -> None:
        self.task: str = task
        self.index: int = index
        self.result: TaskResult[Output_co] | None = result
        self.error: Exception | None = error
        self.id: str = id
        self.unfinished: bool = unfinished

    def _repr_html_(self) -> str:
        from .._views.records import outcome

        return outcome(self)


if TYPE_CHECKING:
    # What `run_tasks` gives: told apart by `error`, which is None where there is a result.
    class _Succeeded(TaskOutcome[Output_co]):
        result: TaskResult[Output_co]  # pyright: ignore[reportIncompatibleVariableOverride]
        error: None  # pyright: ignore[reportIncompatibleVariableOverride]

    class _Failed(TaskOutcome[Any]):
        result: None  # pyright: ignore[reportIncompatibleVariableOverride]
        error: Exception  # pyright: ignore[reportIncompatibleVariableOverride]

    Ended: TypeAlias = _Succeeded[Output_co] | _Failed


class Navigation(Model):
    """Where `session.goto` led.

    Attributes:
        current_url: The URL after redirects.
        redirected: Whether that is another site than the one that was asked for: its host
            differs, other than by `www.`.
    """

    __slots__ = ("current_url", "redirected")

    def __init__(self, current_url: str, redirected: bool = False) -> None:
        self.current_url: str = current_url
        self.redirected: bool = redirected


class CleanupReport(Model):
    """What `client.sessions.cleanup` did with one session that matched.

    Attributes:
        session_id: The session.
        status: Its status before.
        created_at: When it was created, with a time zone; None if that cannot be read.
        deleted: Whether it was deleted; False also where it was gone.
        error: Why it could not be deleted; None if it could.
    """

    __slots__ = ("session_id", "status", "created_at", "deleted", "error")

    def __init__(
        self,
        session_id: str,
        status: str,
        created_at: datetime | None = None,
        deleted: bool = False,
        error: SessionwireError | None = None,
    ) -> None:
        self.session_id: str = session_id
        self.status: str = status
        self.created_at: datetime | None = created_at
        self.deleted: bool = deleted
        self.error: SessionwireError | None = error

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> CleanupReport:
        from .._errors import from_native

        error = fields["error"]
        return cls(
            fields["session_id"],
            fields["status"],
            parse_time(fields["created_at"]),
            fields["deleted"],
            None if error is None else from_native(error),
        )


class ReapReport(Model):
    """What `client.sessions.reap` found of one session that a dead process left, or may have left.

    Attributes:
        outcome: `deleted`; `gone` (it was already); `failed` (the next `reap` tries again);
            `perhaps` (nobody knows whether there is such a session, or whether its process
            lives; nothing was deleted).
        session_id: The session; None for a create whose answer never came, which is told once.
        agent_name: The agent that it was created with.
        created_at: When it was created, or was to be, by the clock of that process.
        working: Whether a task was sent whose end the ledger does not know.
        error: Why it could not be deleted; None if it could.
    """

    __slots__ = ("outcome", "session_id", "agent_name", "created_at", "working", "error")

    def __init__(
        self,
        outcome: ReapOutcome,
        session_id: str | None,
        agent_name: str,
        created_at: datetime | None = None,
        working: bool = False,
        error: SessionwireError | None = None,
    ) -> None:
        self.outcome: ReapOutcome = outcome
        self.session_id: str | None = session_id
        self.agent_name: str = agent_name
        self.created_at: datetime | None = created_at
        self.working: bool = working
        self.error: SessionwireError | None = error

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> ReapReport:
        from .._errors import from_native

        error = fields["error"]
        return cls(
            fields["outcome"],
            fields["session_id"],
            fields["agent_name"],
            parse_time(fields["created_at"]),
            fields["working"],
            None if error is None else from_native(error),
        )


class AgentTask(Model):
    """A task, as a function that plays the emulator's agent gets it.

    Attributes:
        text: What to do: the text of the message that started the task.
        start_url: The page to start on, where the message names one; nobody opened it yet.
        session_id: The session it runs in.
        agent_name: The agent that the session was created with, such as `agi-0`.
        extra: What else the session was created with: `goal`, `max_steps`, ...
    """

    __slots__ = ("text", "start_url", "session_id", "agent_name", "extra")

    def __init__(
        self,
        text: str,
        start_url: str | None,
        session_id: str,
        agent_name: str,
        extra: dict[str, Any],
    ) -> None:
        self.text: str = text
        self.start_url: str | None = start_url
        self.session_id: str = session_id
        self.agent_name: str = agent_name
        self.extra: dict[str, Any] = extra


class AgentPage(Model):
    """A page that an agent opened.

    Attributes:
        url: Where it ended up, after redirects.
        title: Its title; empty where it has none.
        text: What is readable on it, one piece a line.
        problem: Why it could not be opened or read; None if it could.
    """

    __slots__ = ("url", "title", "text", "problem")

    def __init__(self, url: str, title: str, text: str, problem: str | None) -> None:
        self.url: str = url
        self.title: str = title
        self.text: str = text
        self.problem: str | None = problem


class SessionFields:
    """The fields of a session, as last read from the service."""

    __slots__ = ("_extra", "_info", "_picture")

    if TYPE_CHECKING:
        _info: dict[str, Any]
        # Made when it is asked for: a list may have thousands of sessions.
        _extra: dict[str, Any] | None

    def __init__(self, info: Mapping[str, Any]) -> None:
        self._picture: Screenshot | None = None
        self._update(info)

    def _update(self, info: Mapping[str, Any]) -> None:
        self._info = dict(info)
        self._extra = None

    @property
    def session_id(self) -> str:
        """The session's id: an opaque text."""
        return self._text("session_id")

    @property
    def agent_name(self) -> str:
        """The agent that works in the session; empty if not read yet."""
        return self._text("agent_name")

    @property
    def status(self) -> SessionStatus:
        """The life-cycle status as last read: `initializing`, `ready`, `running`, `paused`,
        `completed`, `error`, `terminated`, or a value not known yet; empty if not read yet."""
        return self._text("status")

    @property
    def created_at(self) -> datetime | None:
        """When the session was created, with a time zone. None if not read yet, or if the
        service's text cannot be read (it is then in `extra`)."""
        return parse_time(self._info.get("created_at"))

    @property
    def vnc_url(self) -> str | None:
        """The live view, where the service gives one."""
        return self._known("vnc_url")

    @property
    def agent_url(self) -> str | None:
        """The agent's own address, where the service gives one."""
        return self._known("agent_url")

    @property
    def environment_id(self) -> str | None:
        """The environment's id, where the service gives one."""
        return self._known("environment_id")

    @property
    def goal(self) -> str | None:
        """The session's goal, where the service gives one."""
        return self._known("goal")

    @property
    def agent_session_type(self) -> str | None:
        """`managed-cdp`, `external-cdp` or `desktop`, where the service says so."""
        return self._known("agent_session_type")

    @property
    def extra(self) -> dict[str, Any]:
        """Every field that has no attribute of its own."""
        if self._extra is None:
            extra = dict(self._info)
            for name in KNOWN_FIELDS:
                take(extra, name, str, None)
            raw = self._info.get("created_at")
            if raw is not None and parse_time(raw) is None:
                extra["created_at"] = raw
            self._extra = extra
        return self._extra

    def to_dict(self) -> dict[str, Any]:
        """The fields as last read, as JSON has them: each that has an attribute, and `extra`."""
        from .._data import plain

        fields = {name: plain(getattr(self, name)) for name in KNOWN_FIELDS}
        return {**fields, "extra": plain(self.extra)}

    def _repr_html_(self) -> str:
        from .._views.records import session

        return session(self)

    def _known(self, name: str) -> str | None:
        value = self._info.get(name)
        return value if isinstance(value, str) else None

    def _text(self, name: str) -> str:
        return self._known(name) or ""

    def __repr__(self) -> str:
        from .._short import text

        fields = f"session_id={text(self.session_id)}"
        for name in ("agent_name", "status"):
            if value := self._text(name):
                fields += f", {name}={text(value)}"
        return f"{type(self).__name__}({fields})"


KNOWN_FIELDS = (
    "session_id",
    "agent_name",
    "status",
    "created_at",
    "vnc_url",
    "agent_url",
    "environment_id",
    "goal",
    "agent_session_type",
)


for _name in __all__:
    globals()[_name].__module__ = "sessionwire"

"""What workflows and activities give one another: plain data, for every payload converter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Names that histories keep: never change one.
CREATE_SESSION = "sessionwire.create_session"
PREPARE_TASK = "sessionwire.prepare_task"
RUN_TASK = "sessionwire.run_task"
DELETE_SESSION = "sessionwire.delete_session"


@dataclass(frozen=True)
class AgentResult:
    """What a task ended with.

    Attributes:
        text: The result for a person: the text, or an object's `summary`.
        data: The content of the `DONE` message as it came: a text, or any JSON.
        session_id: The task's session.
        handle: The task's handle: `client.resume` gives the task again, as long as its
            session is not deleted.
    """

    text: str
    data: Any
    session_id: str
    handle: str


@dataclass(frozen=True)
class AgentQuestion:
    """What the agent asks, and waits to be told.

    Attributes:
        id: The id of the question's event, or None.
        text: The question.
        session_id: The session whose agent asks.
        handle: The task's handle, at the question.
    """

    id: int | None
    text: str
    session_id: str
    handle: str


@dataclass(frozen=True)
class AgentTaskInput:
    """What the workflow `AgentTask` shall do.

    Attributes:
        task: What the agent shall do: 1 to 10,000 characters.
        agent_name: The agent, such as `agi-0` or `agi-0-fast`.
        start_url: The page to open first.
        create_options: More options of `client.sessions.create`.
        timeout: Seconds that the agent may work; waits for answers do not count.
    """

    task: str
    agent_name: str = "agi-0"
    start_url: str | None = None
    create_options: dict[str, Any] = field(default_factory=dict)
    timeout: float = 3600.0


@dataclass(frozen=True)
class CreateSession:
    """What the activity `create_session` takes."""

    agent_name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PrepareTask:
    """What the activity `prepare_task` takes."""

    session_id: str
    task: str
    start_url: str | None = None


@dataclass(frozen=True)
class Answer:
    """An answer, and to which question."""

    question_id: int | None
    text: str


@dataclass(frozen=True)
class RunTask:
    """What the activity `run_task` takes: where the task is, and the answer to its question."""

    handle: str
    answer: Answer | None = None


@dataclass(frozen=True)
class TaskStep:
    """How far a task came: to its result, or to a question."""

    result: AgentResult | None = None
    question: AgentQuestion | None = None


@dataclass(frozen=True)
class DeleteSession:
    """What the activity `delete_session` takes."""

    session_id: str
    cancel: bool = False
    save_snapshot_mode: str | None = None
    save_as_default: bool | None = None

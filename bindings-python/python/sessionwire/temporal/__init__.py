"""Tasks of AGI in Temporal workflows: the extra `sessionwire[temporal]`.

A worker with `SessionwirePlugin` runs tasks for workflows. A worker that dies costs nothing: its
task goes on, and the next worker takes it up from its handle. Guide: docs/temporal.md.

    >>> worker = Worker(client, task_queue="agents", workflows=[Buy], plugins=[SessionwirePlugin()])

In a workflow:

    >>> result = await run_task("Buy the blue mug", on_question=self.questions.ask)
"""

from __future__ import annotations

from ._models import AgentQuestion, AgentResult, AgentTaskInput
from ._plugin import SessionwirePlugin
from ._questions import Questions
from ._session import AgentSession, agent_session, run_task
from ._workflow import AgentTask

__all__ = [
    "AgentQuestion",
    "AgentResult",
    "AgentSession",
    "AgentTask",
    "AgentTaskInput",
    "Questions",
    "SessionwirePlugin",
    "agent_session",
    "run_task",
]

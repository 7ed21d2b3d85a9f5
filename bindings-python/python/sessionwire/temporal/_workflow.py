"""A workflow that runs one task, for those who need no more."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from ._models import AgentQuestion, AgentResult, AgentTaskInput
from ._questions import Questions
from ._session import run_task


@workflow.defn(name="sessionwire.AgentTask")
class AgentTask:
    """Runs one task. Ask for `question`, and `answer` it by an update."""

    def __init__(self) -> None:
        self._questions = Questions()

    @workflow.run
    async def run(self, wanted: AgentTaskInput) -> AgentResult:
        return await run_task(
            wanted.task,
            agent_name=wanted.agent_name,
            start_url=wanted.start_url,
            on_question=self._questions.ask,
            timeout=timedelta(seconds=wanted.timeout),
            **wanted.create_options,
        )

    @workflow.query
    def question(self) -> AgentQuestion | None:
        """The question that waits for an answer, or None."""
        return next(iter(self._questions.open), None)

    @workflow.update
    def answer(self, text: str) -> None:
        """Answers it; refused where none is open."""
        self._questions.answer(text)

    @answer.validator
    def _check_answer(self, text: str) -> None:
        self._questions.check(text)

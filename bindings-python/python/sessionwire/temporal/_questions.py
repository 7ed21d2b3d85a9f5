"""The questions of a workflow's agents, until somebody answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from .. import _native
from .._errors import InvalidRequestError

if TYPE_CHECKING:
    from ._models import AgentQuestion


class Questions:
    """The open questions of one workflow. `ask` waits, a signal or an update answers.

    Example:
        >>> @workflow.defn
        ... class Buy:
        ...     def __init__(self) -> None:
        ...         self.questions = Questions()
        ...
        ...     @workflow.run
        ...     async def run(self, item: str) -> str:
        ...         result = await run_task(f"Buy {item}", on_question=self.questions.ask)
        ...         return result.text
        ...
        ...     @workflow.query
        ...     def question(self) -> list[AgentQuestion]:
        ...         return self.questions.open
        ...
        ...     @workflow.update
        ...     def answer(self, text: str) -> None:
        ...         self.questions.answer(text)
    """

    def __init__(self) -> None:
        self._open: dict[str, AgentQuestion] = {}
        self._answers: dict[str, str] = {}

    @property
    def open(self) -> list[AgentQuestion]:
        """The questions that wait for an answer, oldest first: one for each session at most."""
        return list(self._open.values())

    async def ask(self, question: AgentQuestion) -> str:
        """Waits for the answer: the `on_question` of `run_task`."""
        key = question.session_id
        self._open[key] = question
        try:
            await workflow.wait_condition(lambda: key in self._answers)
            return self._answers.pop(key)
        finally:
            self._open.pop(key, None)

    def check(self, text: str, session_id: str | None = None) -> None:
        """Refuses what `answer` would refuse: for an update's validator.

        Raises:
            ApplicationError: No such question is open, several are and none was named, or the
                text is empty or too long.
        """
        self._asker(text, session_id)

    def answer(self, text: str, session_id: str | None = None) -> None:
        """Answers the open question.

        Args:
            text: 1 to 10,000 characters.
            session_id: Whose question, where several agents ask. Default: the only one.

        Raises:
            ApplicationError: As for `check`. It fails an update alone, but of a signal's handler
                the whole workflow: look at `open` first there.
        """
        asker = self._asker(text, session_id)
        del self._open[asker]
        self._answers[asker] = text

    def _asker(self, text: str, session_id: str | None) -> str:
        try:
            _native.check({"check": "task", "message": text, "start_url": None})
        except InvalidRequestError as refused:
            raise _refusal(str(refused)) from None
        if session_id is not None:
            if session_id not in self._open:
                raise _refusal(f"The session {session_id!r} has no open question. Ask for `open`.")
            return session_id
        if len(self._open) != 1:
            raise _refusal(
                "No question is open: it was answered, or the task ended."
                if not self._open
                else f"{len(self._open)} questions are open. Say whose you answer: `session_id`."
            )
        return next(iter(self._open))


def _refusal(text: str) -> ApplicationError:
    return ApplicationError(text, type="InvalidRequestError", non_retryable=True)

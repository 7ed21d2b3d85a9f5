"""Generated from `_async/agi/agent.py` by `make generate`: change that file, and run it."""

from __future__ import annotations

from ..._agi.models import AgentPage
from ..agent import AgentCalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Agent(AgentCalls):
    """What a function can do with the task that it got from the emulator.

    Every call waits while the session is paused, and raises `TaskOver` when the task
    is no longer the function's: cancelled, its session deleted, the emulator closed.

    Example:
        >>> def agent(task, agent):
        ...     agent.think(f"Working on: {task.text}")
        ...     colour = agent.ask("Which colour?")
        ...     agent.done({"summary": f"A {colour} mug"})
    """

    __slots__ = ()

    def think(self, text: str) -> None:
        """Reports a thought."""
        self._call({"op": "think", "text": text})

    def step(self, text: str, *, url: str | None = None, action: str | None = None) -> None:
        """Reports an action.

        Args:
            text: What the agent does.
            url: The page it does it on.
            action: A word for the kind of action, such as `click`.
        """
        self._call({"op": "step", "text": text, "url": url, "action": action})

    def log(self, text: str) -> None:
        """Reports context for debugging."""
        self._call({"op": "log", "text": text})

    def ask(self, question: str) -> str:
        """Asks the user, and waits for the answer however long it takes.

        Returns:
            The answer. If the wait is given up, the question is withdrawn.
        """
        answer: str = self._call({"op": "ask", "question": question})
        return answer

    def navigate(self, url: str) -> AgentPage:
        """Opens a page in the session's browser, and reports that as a step.

        A page that cannot be opened is no error: its `problem` says why.

        Raises:
            InvalidRequestError: Not an http or https address.
        """
        return AgentPage(**self._call({"op": "navigate", "url": url}))

    def pause(self) -> None:
        """Pauses the session as a `pause` request does, and waits until it is resumed."""
        self._call({"op": "pause"})

    def done(self, result: Any = "Task completed") -> None:
        """Ends the task with a result: a text or any JSON; of an object the `summary` is the text.

        Raises:
            InvalidRequestError: The result is not JSON.
        """
        self._call({"op": "done", "result": result})

    def fail(self, error: str, *, status_code: int = 500) -> None:
        """Ends the task as a failure.

        Args:
            error: What went wrong.
            status_code: The `status_code` of the event.
        """
        self._call({"op": "fail", "error": error, "status_code": status_code})

    def _conclude(self, value: Any) -> None:
        """Ends the task with what the function gave."""
        self.done("Task completed" if value is None else value)

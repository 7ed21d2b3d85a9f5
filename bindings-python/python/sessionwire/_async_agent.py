"""What a function does that plays the emulator's agent: the one place where its calls are written.

`_agent.py`, for plain functions, is generated from this file by
`bindings-python/generate_sync.py`; run it after every change here.
"""

from __future__ import annotations

from . import _wait_async as _wait
from ._models import AgentPage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import _native

__all__ = ["AsyncAgent"]


class AsyncAgent:
    """What an `async` function can do with the task that it got from the emulator.

    Every call waits while the session is paused, and raises `TaskOver` when the task
    is no longer the function's: cancelled, its session deleted, the emulator closed.

    Example:
        >>> async def agent(task, agent):
        ...     await agent.think(f"Working on: {task.text}")
        ...     colour = await agent.ask("Which colour?")
        ...     await agent.done({"summary": f"A {colour} mug"})
    """

    __slots__ = ("_calls", "_job")

    def __init__(self, job: _native.AgentJob) -> None:
        self._job = job
        # How many calls are under way.
        self._calls = 0

    async def _call(self, params: dict[str, Any]) -> Any:
        self._calls += 1
        try:
            return await _wait.result(self._job.start(params))
        finally:
            self._calls -= 1

    async def think(self, text: str) -> None:
        """Reports a thought."""
        await self._call({"op": "think", "text": text})

    async def step(self, text: str, *, url: str | None = None, action: str | None = None) -> None:
        """Reports an action.

        Args:
            text: What the agent does.
            url: The page it does it on.
            action: A word for the kind of action, such as `click`.
        """
        await self._call({"op": "step", "text": text, "url": url, "action": action})

    async def log(self, text: str) -> None:
        """Reports context for debugging."""
        await self._call({"op": "log", "text": text})

    async def ask(self, question: str) -> str:
        """Asks the user, and waits for the answer however long it takes.

        Returns:
            The answer. If the wait is given up, the question is withdrawn.
        """
        answer: str = await self._call({"op": "ask", "question": question})
        return answer

    async def navigate(self, url: str) -> AgentPage:
        """Opens a page in the session's browser, and reports that as a step.

        A page that cannot be opened is no error: its `problem` says why.

        Raises:
            InvalidRequestError: Not an http or https address.
        """
        return AgentPage(**await self._call({"op": "navigate", "url": url}))

    async def sleep(self, seconds: float) -> None:
        """Waits so many seconds, up to a day; on the fast clock they pass at once."""
        await self._call({"op": "sleep", "seconds": seconds})

    async def pause(self) -> None:
        """Pauses the session as a `pause` request does, and waits until it is resumed."""
        await self._call({"op": "pause"})

    async def messages(self) -> list[str]:
        """Gives what the user sent since the last look, other than answers. Does not wait."""
        messages: list[str] = await self._call({"op": "messages"})
        return messages

    async def wait_for_message(self) -> str:
        """Waits for a message, other than an answer; one that came since the last look counts."""
        message: str = await self._call({"op": "wait_for_message"})
        return message

    async def done(self, result: Any = "Task completed") -> None:
        """Ends the task with a result: a text or any JSON; of an object the `summary` is the text.

        Raises:
            InvalidRequestError: The result is not JSON.
        """
        await self._call({"op": "done", "result": result})

    async def fail(self, error: str, *, status_code: int = 500) -> None:
        """Ends the task as a failure.

        Args:
            error: What went wrong.
            status_code: The `status_code` of the event.
        """
        await self._call({"op": "fail", "error": error, "status_code": status_code})

    @property
    def over(self) -> str | None:
        """Why the task is no longer the function's, as `TaskOver.reason` says it; else None."""
        return self._job.over()

    def __repr__(self) -> str:
        return f"AsyncAgent(over={self.over!r})"


AsyncAgent.__module__ = "sessionwire"

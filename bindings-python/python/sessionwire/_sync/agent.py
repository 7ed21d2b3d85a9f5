"""Generated from `_async/agent.py` by `make generate`: change that file, and run it."""

from __future__ import annotations

from .. import _wait_sync as _wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .. import _native


class AgentCalls:
    """What agents of both services do."""

    __slots__ = ("_calls", "_job")

    def __init__(self, job: _native.AgentJob) -> None:
        self._job = job
        # How many calls are under way.
        self._calls = 0

    def _call(self, params: dict[str, Any]) -> Any:
        self._calls += 1
        try:
            return _wait.result(self._job.start(params))
        finally:
            self._calls -= 1

    def sleep(self, seconds: float) -> None:
        """Waits so many seconds, up to a day; on the fast clock they pass at once."""
        self._call({"op": "sleep", "seconds": seconds})

    def messages(self) -> list[str]:
        """Gives what the user sent since the last look, other than answers. Does not wait."""
        messages: list[str] = self._call({"op": "messages"})
        return messages

    def wait_for_message(self) -> str:
        """Waits for a message, other than an answer; one that came since the last look counts."""
        message: str = self._call({"op": "wait_for_message"})
        return message

    @property
    def over(self) -> str | None:
        """Why the work is no longer the function's, as `TaskOver.reason` says it; else None."""
        return self._job.over()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(over={self.over!r})"

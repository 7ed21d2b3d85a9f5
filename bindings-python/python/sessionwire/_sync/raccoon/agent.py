"""Generated from `_async/raccoon/agent.py` by `make generate`: change that file, and run it."""

from __future__ import annotations

from ..._raccoon.models import AgentFile
from ..agent import AgentCalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


class TurnAgent(AgentCalls):
    """What a function can do with the turn (Raccoon) that it got from the emulator.

    Every call raises `TaskOver` when the turn is no longer the function's: stopped, its
    session deleted, the emulator closed.

    Example:
        >>> def agent(turn, agent):
        ...     agent.plan(["Read", "Answer"])
        ...     agent.think(f"Working on: {turn.prompt}")
        ...     agent.tool("calculator", {"sum": 22.4})
        ...     agent.say("Both mugs cost 22.40 EUR")
    """

    __slots__ = ()

    def think(self, text: str, *, block: str | None = None, finalize: bool = True) -> None:
        """Reports a thought.

        Args:
            text: The thought, or a piece of it.
            block: The block that its pieces belong to, `thought:<block>`. Default: one of its own.
            finalize: Whether the block is finished with it.
        """
        self._call({"op": "think", "text": text, "block": block, "finalize": finalize})

    def say(self, text: str, *, block: str = "answer") -> None:
        """Says a piece of the answer. The pieces, put together, are the turn's text.

        Args:
            text: The piece.
            block: The block that it belongs to, `text:<block>`.
        """
        self._call({"op": "say", "text": text, "block": block})

    def tool(self, name: str, output: Any = None, *, status: str = "success") -> None:
        """Reports a tool that began and ended.

        Args:
            name: The tool's name.
            output: What it gave: any JSON.
            status: How it went: `success`, `error`, ...
        """
        self.end_tool(self.start_tool(name), output, status=status)

    def start_tool(self, name: str) -> str:
        """Reports that a tool begins.

        Returns:
            Its block, for `end_tool`.
        """
        block_id: str = self._call({"op": "start_tool", "name": name})
        return block_id

    def end_tool(self, block_id: str, output: Any = None, *, status: str = "success") -> None:
        """Reports what a tool gave.

        Args:
            block_id: What `start_tool` gave.
            output: What it gave: any JSON.
            status: How it went: `success`, `error`, ...
        """
        self._call({"op": "end_tool", "block_id": block_id, "output": output, "status": status})

    def plan(self, todos: Iterable[str | Mapping[str, str]]) -> None:
        """Reports the whole plan as it is now.

        Args:
            todos: Texts, or mappings with `content`, `status` (`pending`, `active` or
                `completed`) and `id` (default: the place in the plan, from 1).

        Raises:
            InvalidRequestError: An entry that is neither.
        """
        entries = [todo if isinstance(todo, str) else dict(todo) for todo in todos]
        self._call({"op": "plan", "todos": entries})

    def snapshot(self, written: Iterable[str] = (), *, deleted: Iterable[str] = ()) -> None:
        """Reports files of the sandbox.

        Args:
            written: The paths that were written.
            deleted: The paths that were deleted.
        """
        self._call({"op": "snapshot", "written": list(written), "deleted": list(deleted)})

    def event(
        self, kind: str, payload: Mapping[str, Any] | None = None, *, block_id: str | None = None
    ) -> None:
        """Reports an event of any kind; `task.error` and its like end the turn."""
        self._call(
            {"op": "event", "kind": kind, "payload": dict(payload or {}), "block_id": block_id}
        )

    def read_file(self, key: str) -> AgentFile | None:
        """Gives an uploaded file by its key; None where nothing was uploaded under it.

        Example:
            >>> for file in turn.files:
            ...     print(agent.read_file(file["key"]))
        """
        file = self._call({"op": "read_file", "key": key})
        return None if file is None else AgentFile._of(file)

    def done(self, content: str | None = None) -> None:
        """Completes the turn.

        Args:
            content: The content of the agent's message in the history. Default: what was said.
        """
        self._call({"op": "done", "content": content})

    def abort(self, reason: str) -> None:
        """Ends the turn as aborted."""
        self._call({"op": "abort", "reason": reason})

    def fail(self, error: str, *, code: str | None = None) -> None:
        """Ends the turn as a failure.

        Args:
            error: What went wrong.
            code: The `code` of the event.
        """
        self._call({"op": "fail", "error": error, "code": code})

    def _conclude(self, value: Any) -> None:
        """Completes the turn with what the function gave."""
        if value is not None:
            if not isinstance(value, str):
                raise TypeError(
                    f"the function gave a value of type {type(value).__name__}; give the text of "
                    "the answer, or nothing after `say`"
                )
            self.say(value)
        self.done()

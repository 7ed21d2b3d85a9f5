"""Generated from `_async/agi/tool.py` by `make generate`: change that file, and run it."""

from __future__ import annotations

from threading import Lock

from ... import _wait_sync as _wait
from ..._errors import ConflictError, InvalidRequestError, QuestionPending, TaskError, TaskTimeout
from ..._reports import deadline, remaining
from .task import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import Any

    from ..._agi.events import Event, QuestionEvent
    from ..._agi.models import TaskResult
    from ..._native import Client, Pending
    from ..._wait_sync import Maybe

_AT_WORK = "The browser is at work, and takes one task at a time."
# Seconds to see that a question is still open.
_LOOK = 10.0
# Results that nobody came back for are kept, so many of them.
_UNFETCHED = 16

#: What a model reads of it.
DESCRIPTION = "Carries out a task in a web browser and gives what came of it, as text."
ARGUMENTS = """

Args:
    task: What to do, in plain words, with all that one must know to do it.
    start_url: The page to open first, if it is known.
"""


def client_tool(
    run_task: Callable[..., TaskResult],
    name: str,
    description: str | None,
    options: dict[str, Any],
) -> Callable[..., str]:
    """A function that runs each task in a session of its own."""

    def tool(task: str, start_url: str | None = None) -> str:
        try:
            return told(run_task(task, start_url=start_url or None, **options))
        except QuestionPending as pending:
            return (
                f"The browser's agent asks: {pending.question.text} Nobody answered, and the task "
                "was given up. Call this tool again with a task that says the answer."
            )
        except (TaskError, TaskTimeout) as failure:
            return failed(failure)

    named(tool, name, description)
    return tool


def session_tool(
    prepare: Callable[..., str],
    client: Client,
    name: str,
    description: str | None,
    on_question: Callable[[QuestionEvent], Maybe[str | None]] | None,
    on_event: Callable[[Event], Maybe[object]] | None,
    timeout: float | timedelta | None,
) -> Callable[..., str]:
    """A function that runs each task in this session."""
    # The task that a call left open, and what it was: a question waits, or the call was broken off.
    left: dict[str, Task] = {}
    # Tasks that ended after their call was told to come back, and before it did.
    unfetched: dict[str, Task] = {}
    # Handles of tasks whose sending was broken off: they are looked up before they are sent again.
    unsure: dict[str, str] = {}
    # Their sending goes on where the call was cancelled.
    sending: dict[str, Pending] = {}
    # What it asked so far.
    asked: list[QuestionEvent] = []
    # The left task whose question the model was told to answer. An interrupt answers by itself.
    answerable: set[str] = set()
    # Answers of the model to that question, and those that a cancelled call left on their way.
    given: dict[str, Pending | None] = {}
    # One call at a time: frameworks call tools at once, also from several threads.
    working = Lock()

    def ask(question: QuestionEvent) -> str | None:
        asked.append(question)
        return None if on_question is None else _wait.call(on_question, question)

    def go_on(running: Task) -> None:
        """A framework's interrupt left the function, and calls it again with the answer. It counts
        its interrupts from the top, so what was asked is asked again; only the last answer is new.
        """
        open_one = running.question
        earlier = asked[:-1] if open_one is not None else asked[:]
        asked.clear()
        for question in earlier:
            ask(question)
        if open_one is None:
            return
        answer = ask(open_one)
        if answer is None:
            # Its event was read before: nothing would come until somebody answers.
            running.result(timeout=_LOOK)
        else:
            running._answer(answer, open_one.id)

    def send(task: str, start_url: str | None) -> Task:
        """Sends a task once, also where an earlier call was cancelled in the middle of it."""
        if task not in unsure:
            unsure[task] = prepare(task, start_url=start_url or None)
        if task not in sending:
            sending[task] = client.resume({"handle": unsure[task]})
        try:
            native = _wait.kept(sending[task])
        except (Exception, KeyboardInterrupt):
            del sending[task]
            raise
        del sending[task], unsure[task]
        while len(unsure) > _UNFETCHED:
            oldest = next(iter(unsure))
            sending.pop(oldest, None)
            del unsure[oldest]
        return Task(native, client)

    def answered() -> None:
        """Waits until no answer is on its way."""
        for text, pending in given.items():
            if pending is not None:
                try:
                    _wait.kept(pending)
                except (Exception, KeyboardInterrupt):
                    del given[text]
                    raise
                given[text] = None

    def begin(task: str, start_url: str | None) -> Task:
        """The task of this call: one that was left, or a new one."""
        text = next(iter(left), None)
        if text is None or text != task:
            if text is not None:
                answered()
                if text in answerable and left[text].question is not None:
                    given[task] = left[text]._native.start({"op": "answer", "text": task})
                    answered()
                if task in given:
                    return left[text]
            # Another task never gets this one's result.
            running = send(task, start_url)
            if text is not None:
                unfetched[text] = left.pop(text)
                while len(unfetched) > _UNFETCHED:
                    unfetched.pop(next(iter(unfetched))).close()
            asked.clear()
            given.clear()
            left[task] = running
        elif on_question is not None:
            go_on(left[text])
        return left.get(task) or left[next(iter(left))]

    def tool(task: str, start_url: str | None = None) -> str:
        if not working.acquire(blocking=False):
            return f"{_AT_WORK} Call this tool again when the other call is over."
        try:
            return one_call(task, start_url)
        finally:
            working.release()

    def one_call(task: str, start_url: str | None) -> str:
        until = deadline(timeout)
        earlier = unfetched.pop(task, None)
        try:
            running = earlier or begin(task, start_url)
            answerable.clear()
            if earlier is None:
                running._attend(None if on_question is None else ask, on_event, until)
            result = running.result(timeout=remaining(until))
        except ConflictError as busy:
            if busy.code == "session_has_moved_on":
                del unsure[task]
                return f"{busy.message}. Call this tool again if the task is still wanted."
            return f"{_AT_WORK[:-1]}: {busy.message}"
        except QuestionPending as pending:
            answerable.add(next(iter(left)))
            given.clear()
            return (
                f"The agent asks: {pending.question.text} Call this tool with the answer as "
                "`task`; it then goes on."
            )
        except TaskTimeout:
            if earlier is not None:
                unfetched[task] = earlier
            return "The task has not ended yet. Call this tool with the same task to wait for it."
        except TaskError as failure:
            if earlier is None:
                left.clear()
            return failed(failure)
        if earlier is None:
            left.clear()
        running.close()
        return told(result)

    named(tool, name, description)
    return tool


def told(result: TaskResult) -> str:
    """A result for a model: the text, or the JSON."""
    if isinstance(result.data, str):
        return result.data
    import json

    return json.dumps(result.data, ensure_ascii=False)


def failed(failure: TaskError | TaskTimeout) -> str:
    """A failure for a model, which may try something else."""
    return f"The task failed: {failure.message}"


def named(function: Any, name: str, description: str | None) -> None:
    """Makes it the function that frameworks read: its name, its docstring, its annotations."""
    if not isinstance(name, str) or not name.isascii() or not name.isidentifier():
        raise InvalidRequestError(
            f"`name` is {name!r}. Use letters, digits and `_`, such as run_browser_task."
        )
    if description is not None and not isinstance(description, str):
        raise InvalidRequestError(f"`description` must be a text, not {description!r}.")
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (description or DESCRIPTION) + ARGUMENTS
    # Types, not their names: who reads a signature need not look them up.
    function.__annotations__ = {"task": str, "start_url": str | None, "return": str}

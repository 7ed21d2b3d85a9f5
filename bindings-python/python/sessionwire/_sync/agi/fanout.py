"""Generated from `_async/agi/fanout.py` by `make generate`: change that file, and run it."""

from __future__ import annotations

from ... import _wait_sync as _wait
from ..._agi.models import TaskOutcome, TaskResult
from ..._callbacks import checked_answer
from ..._reports import log_warning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from ..._agi.events import QuestionEvent
    from ..._agi.seam import RunTasks
    from ..._agi.types import BatchTask, Client
    from ..._output import Wanted
    from ..._wait_sync import Maybe


def outcomes(
    client: Client,
    tasks: list[str | BatchTask],
    plan: RunTasks,
    on_question: Callable[[QuestionEvent], Maybe[str | None]] | None,
    wanted: Wanted | None,
    progress: bool = False,
) -> Generator[Any]:
    """Runs the tasks of `client.run_tasks`, and gives each outcome as its task ends."""
    journal = plan.get("journal")
    if journal and (left := client._native.journal_left(journal)) is not None:
        # asyncio ends a loop that was left only in one of its next turns.
        _wait.result(left)
    span = client._block("run_tasks")
    runs = span.native.run_tasks(plan)
    raised: dict[int, Exception] = {}
    shown = None
    if progress:
        from ..._views.progress import begin

        shown = begin(progress, "tasks")
        if shown is not None:
            on_question = shown.asking(on_question)
            shown.total = len(tasks)
    try:
        while True:
            item = runs.take()
            if item is None:
                if runs.over:
                    return
                _wait.result(runs.ready())
            elif "question" in item:
                try:
                    answer = None
                    if on_question is not None:
                        answer = _wait.call(on_question, item["question"])
                    runs.reply(item["number"], checked_answer(answer))
                except Exception as error:
                    # This task's failure, and no other's.
                    raised[item["index"]] = error
                    runs.fail(item["number"])
            else:
                index = item["index"]
                span.runs()
                if item["undeleted"] is not None:
                    _warn_undeleted(item["undeleted"])
                task, result = tasks[index], None
                if item["result"] is not None:
                    result = TaskResult._of(item["result"])
                    if wanted is not None and (misfit := wanted.misfit(result)):
                        result, item["error"] = None, misfit
                outcome: Any = TaskOutcome(
                    task if isinstance(task, str) else task["message"],
                    index,
                    result,
                    raised.pop(index, item["error"]),
                    id=item["id"],
                    unfinished=item["unfinished"],
                )
                if shown is not None:
                    shown.outcome(outcome)
                yield outcome
    finally:
        if shown is not None:
            shown.end()
        _wait.finish(runs.close())
        span.end()


def _warn_undeleted(failure: Exception) -> None:
    import warnings

    text = (
        f"A session of `run_tasks` could not be deleted and may go on costing: {failure} "
        "Delete it with `client.sessions.delete` or `client.sessions.cleanup`."
    )
    log_warning(text)
    warnings.warn(text, ResourceWarning, stacklevel=3)

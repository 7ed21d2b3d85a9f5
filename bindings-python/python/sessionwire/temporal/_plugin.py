"""The plugin that makes a worker one for tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from temporalio.plugin import SimplePlugin
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from .._async.agi.client import AsyncAgi
from ._activities import Activities

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from temporalio.worker import Worker, WorkflowRunner

    from .._agi.events import Event


class SessionwirePlugin(SimplePlugin):
    """Gives a worker the activities of this module, and lets its workflows use it.

    Args:
        client: A client, or what makes one, such as `lambda: AsyncAgi(timeout=30)`. Default: one
            by the environment (`AGI_API_KEY`). What it makes is closed with the worker.
        on_event: Sees every event of a task, in the worker: a function, or a coroutine function.
            If it raises, the attempt fails, and the next one sees that event again; so does the
            next worker, if one dies with an event in hand.

    Example:
        >>> worker = Worker(
        ...     client, task_queue="agents", workflows=[Buy], plugins=[SessionwirePlugin()]
        ... )
    """

    def __init__(
        self,
        client: AsyncAgi | Callable[[], AsyncAgi] = AsyncAgi,
        *,
        on_event: Callable[[Event], Any] | None = None,
    ) -> None:
        self._our_activities = Activities(client, on_event)
        super().__init__(
            "sessionwire.SessionwirePlugin",
            activities=self._our_activities.all(),
            workflow_runner=_passing_through,
        )

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:
        """Runs the worker, with the client open. A client that cannot be made is an error here."""
        async with self._our_activities.running():
            await super().run_worker(worker, next)


def _passing_through(runner: WorkflowRunner | None) -> WorkflowRunner:
    """The sandbox of workflows loads modules anew, which a native one does not take."""
    if runner is None:
        raise ValueError("The worker has no workflow runner. Leave `workflow_runner` out.")
    if isinstance(runner, SandboxedWorkflowRunner):
        allowed = runner.restrictions.with_passthrough_modules("sessionwire")
        return replace(runner, restrictions=allowed)
    return runner

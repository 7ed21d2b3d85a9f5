"""Runs the function that plays the emulator's agent, in the user's own threads or event loop.

Tasks and turns come through a native queue; nothing native ever calls Python. Imported only for
an emulator with an agent of one's own.
"""

from __future__ import annotations

import atexit
import inspect
import sys
import threading

from .. import _wait_sync
from .._agi.models import AgentTask
from .._errors import TaskOver
from .._log import logger
from .._raccoon.models import AgentTurn
from .._sync.agi.agent import Agent
from .._sync.raccoon.agent import TurnAgent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, Literal

    from .. import _native
    from .._async.agi.agent import AsyncAgent
    from .._async.raccoon.agent import AsyncTurnAgent

    # What an agent works on.
    Kind = Literal["task", "turn"]
    Spawn = Callable[[Coroutine[Any, Any, None]], object]

# Event loops in threads of our own.
_loops: set[Any] = set()


@atexit.register
def _exit() -> None:
    # Runs before the package's own exit, which ends all calls of agents: that is no news
    # for a function that the process leaves behind.
    for loop in tuple(_loops):
        parked = threading.Event()
        loop.call_soon_threadsafe(_park, parked)
        parked.wait(0.1)


def _park(parked: threading.Event) -> None:
    parked.set()
    threading.Event().wait()


def work(jobs: _native.AgentJobs, function: Callable[[Any, Any], Any], kind: Kind) -> None:
    """Begins to work on tasks or turns: in threads, or on the event loop that runs here."""
    if not _is_async(function):
        _start_thread(_take, jobs, function, kind)
        return
    spawn = _spawn_here()
    if spawn is None:
        _start_thread(_run_loop, jobs, function, kind)
    else:
        spawn(_take_async(jobs, function, kind, spawn))


def _what(job: _native.AgentJob, kind: Kind) -> AgentTask | AgentTurn:
    return AgentTask(**job.task) if kind == "task" else AgentTurn(**job.task)


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - objects with an async __call__
    )


def _start_thread(target: Callable[..., None], *args: object) -> None:
    # Daemons: one that waits for an answer must not keep the process.
    threading.Thread(target=target, args=args, name="sessionwire-agent", daemon=True).start()


# --- plain functions: a thread for each job ------------------------------------


def _take(jobs: _native.AgentJobs, function: Callable[..., Any], kind: Kind) -> None:
    while (job := _wait_sync.result(jobs.next())) is not None:
        try:
            _start_thread(_play, job, function, kind)
        except RuntimeError as error:
            _report(job, error)
        del job


def _play(job: _native.AgentJob, function: Callable[..., Any], kind: Kind) -> None:
    agent = Agent(job) if kind == "task" else TurnAgent(job)
    try:
        value = function(_what(job, kind), agent)
        if inspect.isawaitable(value):
            if inspect.iscoroutine(value):
                value.close()
            raise TypeError(
                "the function gave something to await; declare it with `async def`, so that "
                "it is run on an event loop"
            )
        if agent.over is None:
            agent._conclude(value)
        job.finish()
    except BaseException as error:
        if isinstance(error, TaskOver) and agent.over is not None:
            job.finish()
        else:
            _report(job, error)


# --- async functions: on the loop that was running, else on one in a thread ----


def _spawn_here() -> Spawn | None:
    """What starts a coroutine on the running event loop, if one runs in this thread."""
    if "asyncio" in sys.modules:
        import asyncio

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            return _spawn_on(loop)
    if "trio" in sys.modules:
        from .. import _wait_trio

        if _wait_trio.running() is not None:
            return _wait_trio.spawn
    return None


def _spawn_on(loop: Any) -> Spawn:
    # The loop itself holds its tasks weakly.
    tasks: set[Any] = set()

    def spawn(coroutine: Coroutine[Any, Any, None]) -> None:
        task = loop.create_task(coroutine)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return spawn


def _run_loop(jobs: _native.AgentJobs, function: Callable[..., Any], kind: Kind) -> None:
    import asyncio

    async def main() -> None:
        loop = asyncio.get_running_loop()
        _loops.add(loop)
        try:
            await _take_async(jobs, function, kind, _spawn_on(loop))
        finally:
            _loops.discard(loop)

    asyncio.run(main())


async def _take_async(
    jobs: _native.AgentJobs, function: Callable[..., Any], kind: Kind, spawn: Spawn
) -> None:
    from .. import _wait_async

    while (job := await _wait_async.result(jobs.next())) is not None:
        spawn(_play_async(job, function, kind, spawn))
        del job


async def _play_async(
    job: _native.AgentJob, function: Callable[..., Any], kind: Kind, spawn: Spawn
) -> None:
    from .._async.agi.agent import AsyncAgent
    from .._async.raccoon.agent import AsyncTurnAgent

    agent = AsyncAgent(job) if kind == "task" else AsyncTurnAgent(job)
    _cancel_when_over(job, agent, spawn)
    try:
        value = await function(_what(job, kind), agent)
        if agent.over is None:
            await agent._conclude(value)
        job.finish()
    except TaskOver as error:
        if agent.over is None:
            _report(job, error)
        else:
            job.finish()
    except Exception as error:
        _report(job, error)
    except BaseException:
        # Cancelled: because the task is over, or because the loop ends.
        taken_away = agent.over is not None
        job.finish("The agent was cancelled")
        if not taken_away:
            raise


def _cancel_when_over(
    job: _native.AgentJob, agent: AsyncAgent | AsyncTurnAgent, spawn: Spawn
) -> None:
    """Under asyncio: cancels the function where it waits for something else than the agent.

    Under trio it learns of the end from its next call.
    """
    asyncio = sys.modules.get("asyncio")
    try:
        work = asyncio and asyncio.current_task()
    except RuntimeError:
        work = None
    if work is None:
        return
    from .. import _wait_async

    async def watch() -> None:
        reason = await _wait_async.result(job.wait_until_over())
        # A call that is under way raises TaskOver instead.
        if reason != "ended" and agent._calls == 0:
            work.cancel()

    spawn(watch())


def _report(job: _native.AgentJob, error: BaseException) -> None:
    """Ends the job with the exception's text, and shows the developer where it came from."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    session_id = job.task["session_id"]
    job.finish(text)
    # Python shows it on stderr by default.
    logger.error("The agent failed in session %s", session_id, exc_info=error)

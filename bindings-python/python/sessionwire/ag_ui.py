"""Tasks and turns for the clients of AG-UI 1.0 (https://docs.ag-ui.com). Guide: docs/ag-ui.md.

    from sessionwire import AsyncAgi
    from sessionwire.ag_ui import AgUi

    agent = AgUi(AsyncAgi())          # an ASGI app
    app.mount("/agent", agent)        # of FastAPI, Starlette or Litestar

The last message of the user is a task, and a question an interrupt, whose answer goes on with
it. A client that is gone cancels its run. It needs asyncio, and no other package.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    MutableMapping,
)
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import _native
from ._async.agi.client import AsyncAgi
from ._async.agi.session import AsyncSession
from ._async.agi.task import AsyncTask
from ._async.raccoon.client import AsyncRaccoon
from ._async.raccoon.session import AsyncRaccoonSession
from ._async.raccoon.turn import AsyncTurn
from ._errors import (
    ConfigError,
    InvalidRequestError,
    NotFoundError,
    SessionwireError,
    TaskError,
)
from ._reports import log_warning

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Chosen: TypeAlias = AsyncSession | AsyncRaccoonSession

__all__ = ["AgUi", "AgUiRequest", "events"]

#: No proxy may hold a part back: `no-transform` is for what compresses, the last one for nginx.
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class AgUiRequest:
    """What a client asks for."""

    thread_id: str
    """The conversation."""
    run_id: str
    """The run."""
    prompt: str
    """The last message of the user."""
    scope: Scope
    """The request's ASGI scope: its path, headers, and what middleware added."""


async def events(source: Any, *, thread_id: str, run_id: str) -> AsyncIterator[dict[str, Any]]:
    """A task or a turn as events of AG-UI: from `RUN_STARTED` to its end, or to a question, which
    ends the run with an interrupt. An error of the stream is the run's `RUN_ERROR`.

    Args:
        source: An `AsyncTask` or an `AsyncTurn`.
        thread_id: The conversation; the client's `threadId`.
        run_id: The run; the client's `runId`. The ids of messages begin with it.

    Example:
        >>> async for event in events(task, thread_id="thread-1", run_id="run-1"):
        ...     print(event["type"])
    """
    run = _native.AgUiRun(thread_id, run_id)
    for told in run.started():
        yield json.loads(told)
    try:
        async for told in _follow(run, source):
            yield json.loads(told)
    except Exception as error:
        for told in _failed(run, error):
            yield json.loads(told)


async def _follow(
    run: _native.AgUiRun,
    source: Any,
    may_ask: Callable[[], None] | None = None,
    asked: Callable[[str], None] | None = None,
) -> AsyncIterator[str]:
    """The events of a run after its start, each as JSON. `asked` is called before a question is
    told, with the id of its interrupt, and `may_ask` before that: it raises where it may not be."""
    async for event in source:
        question = event.type == "question"
        if question and isinstance(source, AsyncTask) and source.question is None:
            # Somebody else answered it, or cancelled the task.
            continue
        if question and may_ask is not None:
            may_ask()
        if hasattr(event, "kind"):
            told = run.add_frame(event.raw)
        else:
            told = run.add(event.type, event.id, event.raw)
        if question and run.over and asked is not None:
            asked(json.loads(told[-1])["outcome"]["interrupts"][0]["id"])
        for one in told:
            yield one
        if run.over:
            return
    for one in run.finished():
        yield one


def _failed(run: _native.AgUiRun, error: Exception) -> list[str]:
    """The end of a run that cannot go on. The code is the name of the error, the same in every
    language."""
    code = type(error).__name__ if isinstance(error, SessionwireError) else None
    return run.failed(str(error), code)


class AgUi:
    """An ASGI app for clients of AG-UI. A client that is gone cancels its run.

    Args:
        client: Whose tasks, or turns, the runs are.
        session: Gives the session of a run; it is yours, and is not deleted. None: a new one for
            each run, which is deleted when its task is over (of Raccoon: kept).
        questions: Where open questions are kept, by thread. None: in this process.
        heartbeat: Seconds of silence after which a comment is sent.

    Raises:
        ConfigError: `client` is no asynchronous client.
    """

    def __init__(
        self,
        client: AsyncAgi | AsyncRaccoon,
        *,
        session: Callable[[AgUiRequest], Awaitable[Chosen]] | None = None,
        questions: MutableMapping[str, str] | None = None,
        heartbeat: float = 15.0,
    ) -> None:
        if not isinstance(client, (AsyncAgi, AsyncRaccoon)):
            raise ConfigError(
                f"`client` is no asynchronous client, but {type(client).__name__}. Pass an "
                "AsyncAgi or an AsyncRaccoon."
            )
        if not heartbeat > 0:
            raise ConfigError(f"`heartbeat` must be more than 0 seconds, not {heartbeat!r}.")
        self._client = client
        self._session = session
        self._questions: MutableMapping[str, str] = {} if questions is None else questions
        self._heartbeat = heartbeat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] != "http":
            raise NotImplementedError(f"A run of AG-UI is an HTTP request, not {scope['type']}")
        elif scope["method"] != "POST":
            await _refuse(send, 405, "A run of AG-UI is a POST.")
        elif (body := await _body(receive)) is not None:
            try:
                asked = _native.ag_ui_input(body.decode(errors="replace"))
            except InvalidRequestError as error:
                await _refuse(send, 400, str(error))
                return
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._answer(_Run(self, asked, scope), receive, send)

    async def _answer(self, run: _Run, receive: Receive, send: Send) -> None:
        """Sends a run until its end, or until the client is gone."""
        told = run.tell()
        gone: asyncio.Future[Any] = asyncio.ensure_future(_gone(receive))
        step: asyncio.Future[Any] | None = None
        try:
            await _send(send, ":\n\n")
            while True:
                step = step or asyncio.ensure_future(anext(told, None))
                done, _ = await asyncio.wait(
                    {step, gone}, timeout=self._heartbeat, return_when=asyncio.FIRST_COMPLETED
                )
                if gone in done:
                    return
                if not done:
                    await _send(send, ":\n\n")
                    continue
                event, step = step.result(), None
                if event is None:
                    break
                await _send(send, f"data: {event}\n\n")
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            if step is not None:
                # Ends the wait for an event; what the run owns is released on its way out.
                step.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await step
            await told.aclose()


class _Run:
    """One run, from its request to its end."""

    def __init__(self, route: AgUi, asked: dict[str, Any], scope: Scope) -> None:
        self._client = route._client
        self._choose = route._session
        self._questions = route._questions
        self._asked = asked
        self._scope = scope
        self._run = _native.AgUiRun(asked["thread_id"], asked["run_id"])
        self._work: AsyncTask | AsyncTurn | None = None
        # The session that is deleted with the run.
        self._delete: str | None = None

    async def tell(self) -> AsyncGenerator[str, None]:
        """The events of the run, each as JSON."""
        try:
            for told in self._run.started():
                yield told
            if await self._begin():
                async for told in _follow(self._run, self._work, self._may_ask, self._keep):
                    yield told
            else:
                for told in self._run.finished():
                    yield told
        except Exception as error:
            for told in _failed(self._run, error):
                yield told
        finally:
            await self._release()

    def _may_ask(self) -> None:
        """A question of a run beside this one is not lost: its session would wait for ever."""
        text = self._questions.get(self._asked["thread_id"])
        session = None if text is None else json.loads(text)["session"]
        if session not in (None, self._delete):
            raise InvalidRequestError(
                "Another run of the thread asked a question meanwhile. Answer it, or cancel it, "
                "with `resume`, and start this one anew."
            )

    def _keep(self, interrupt: str) -> None:
        """Keeps a question; the same text in every language."""
        assert self._work is not None
        kept = {"interrupt": interrupt, "handle": self._work.handle(), "session": self._delete}
        self._questions[self._asked["thread_id"]] = json.dumps(kept)
        # It waits for the answer.
        self._delete = None

    async def _begin(self) -> bool:
        """Starts the task, or goes on with it; False where it was cancelled."""
        text = self._questions.get(self._asked["thread_id"])
        kept = None if text is None else json.loads(text)
        if self._asked["answers"]:
            return await self._answer(kept)
        if kept is not None:
            raise InvalidRequestError(
                "The thread has an open question. Answer it, or cancel it, with `resume`."
            )
        if self._asked["prompt"] is None:
            raise InvalidRequestError(
                "The last of the `messages` is no text of the user. Add one that says what to do."
            )
        await self._start(self._asked["prompt"])
        return True

    async def _start(self, prompt: str) -> None:
        chosen: Any = None
        if self._choose is not None:
            asked = AgUiRequest(
                self._asked["thread_id"], self._asked["run_id"], prompt, self._scope
            )
            chosen = await self._choose(asked)
        if isinstance(self._client, AsyncRaccoon):
            self._work = await (chosen or self._client.session()).start_turn(prompt)
            return
        if chosen is None:
            chosen = await self._client.sessions.create()
            self._delete = chosen.session_id
        self._work = await chosen.start_task(prompt)

    async def _answer(self, kept: dict[str, Any] | None) -> bool:
        thread, answers = self._asked["thread_id"], self._asked["answers"]
        known = [one for one in answers if kept and one["interrupt_id"] == kept["interrupt"]]
        if kept is None or not known or isinstance(self._client, AsyncRaccoon):
            # What nobody knows any more can always be given up.
            if all(one["cancelled"] for one in answers):
                return False
            raise InvalidRequestError(
                f"The thread has no open question {json.dumps(answers[0]['interrupt_id'])}. "
                "Cancel it with `resume`, and start anew."
            )
        answer = known[0]
        try:
            task = await self._client.resume(kept["handle"])
            try:
                if answer["cancelled"]:
                    await task.cancel()
                else:
                    await _give(task, answer["text"])
            except BaseException:
                await task.close()
                raise
            self._work = task
        except SessionwireError as error:
            over = isinstance(error, NotFoundError)
            if over or answer["cancelled"]:
                self._questions.pop(thread, None)
            if not answer["cancelled"]:
                raise
            if not over:
                log_warning(f"A task of AG-UI could not be cancelled: {error}")
        self._delete = kept["session"]
        self._questions.pop(thread, None)
        return not answer["cancelled"]

    async def _release(self) -> None:
        """Cancels what did not end, and deletes the session, unless a question waits in it."""
        work = self._work
        try:
            if isinstance(work, AsyncTurn) and not self._run.over:
                await work.stop()
            if isinstance(work, AsyncTask) and not self._run.over:
                await work.cancel()
        except SessionwireError as failure:
            log_warning(f"A run of AG-UI could not be cancelled: {failure}")
        try:
            if self._delete is not None and isinstance(self._client, AsyncAgi):
                await self._client.sessions.delete(self._delete)
            if work is not None:
                await work.close()
        except SessionwireError as failure:
            log_warning(f"The session {self._delete} could not be deleted: {failure}")


async def _give(task: AsyncTask, answer: str | None) -> None:
    if answer is None:
        raise InvalidRequestError("The `payload` of `resume` has no answer. Send a text.")
    try:
        await task.answer(answer)
    except TaskError as error:
        # The same answer came before: the run goes on with what came of it.
        if error.reason != "question_closed":
            raise


async def _body(receive: Receive) -> bytes | None:
    """The body of a request; None where the client is gone."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _gone(receive: Receive) -> None:
    """Waits until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _refuse(send: Send, status: int, error: str) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": error}).encode()})


async def _lifespan(receive: Receive, send: Send) -> None:
    """Of an app that is served as it is: there is nothing to do at either end."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

"""Many turns at once."""

from __future__ import annotations

from ... import _native
from ... import _wait_async as _wait
from ..._errors import InvalidRequestError
from ..._parameters import listed
from ..._raccoon.models import TurnOutcome, TurnResult, UploadedFile
from .session import turn_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from typing import Any

    from ..._raccoon.files import NewFile
    from ..._raccoon.seam import RunTurns, TurnInSession
    from ..._raccoon.types import Client, GivenTurn, TurnOptions

# What a turn of a list may say, beside its prompt.
_FIELDS = (
    "prompt",
    "session_id",
    "mode",
    "files",
    "sdk_version",
    "base_prompt",
    "references",
    "history",
    "continuation",
    "extra",
    "max_reconnects",
    "ping_interval",
    "idle_timeout",
    "replay",
    "text_mode",
)


class AsyncTurnOutcomes:
    """The outcomes of `client.run_turns`, each as its turn ends; one for every turn.

    An iterator and a context manager. The turns start when the outcomes are first
    asked for. The end of the block, `close()`, a cancel or Ctrl-C while it waits, and the drop
    of the last reference start no further turn and stop those that run. The outcomes that are
    left then can be read all the same: they say which turns were sent.
    """

    __slots__ = ("_client", "_closed", "_loop", "_plan", "_runs", "_span", "_turns")

    def __init__(self, client: Client, turns: list[Any], plan: RunTurns) -> None:
        self._client = client
        self._turns = turns
        self._plan = plan
        self._runs: _native.TurnRuns | None = None
        self._loop: AsyncIterator[TurnOutcome] | None = None
        self._closed = False

    def __aiter__(self) -> AsyncTurnOutcomes:
        return self

    async def __anext__(self) -> TurnOutcome:
        if self._runs is None:
            if self._closed:
                raise StopAsyncIteration
            self._span = self._client._block("run_turns")
            runs: _native.TurnRuns = self._span.native.run_turns(self._plan)
            self._runs = runs
        if self._loop is None:
            self._loop = _outcomes(self._turns, self._runs)
        try:
            outcome = await self._loop.__anext__()
            self._span.runs()
            return outcome
        except StopAsyncIteration:
            self._span.end()
            raise
        except BaseException:
            # What is left can be read by another loop.
            self._loop = None
            raise

    async def all(self) -> list[TurnOutcome]:
        """Waits for all outcomes that were not read yet; in the order of their turns.

        Example:
            >>> outcomes = await client.run_turns(["Price of the mug?", "And the cup?"]).all()
        """
        found = {outcome.index: outcome async for outcome in self}
        return [found[index] for index in sorted(found)]

    async def close(self) -> None:
        """Starts no further turn, stops those that run, and waits for that (20 seconds at
        most). The outcomes that are left say which turns were sent. Can be called twice."""
        self._closed = True
        if self._runs is not None:
            await _wait.finish(self._runs.close())
            self._span.end()

    async def __aenter__(self) -> AsyncTurnOutcomes:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _outcomes(turns: list[Any], runs: _native.TurnRuns) -> AsyncIterator[TurnOutcome]:
    """One loop over the outcomes; whoever leaves it leaves the turns."""
    try:
        while True:
            item = runs.take()
            if item is not None:
                fields, error = item
                result = fields.pop("result")
                yield TurnOutcome(
                    turns[fields["index"]],
                    **fields,
                    result=None if result is None else TurnResult(**result),
                    error=error,
                )
            elif runs.over:
                return
            else:
                await _wait.result(runs.ready())
    finally:
        await _wait.finish(runs.close())


def run_turns(
    client: Client,
    turns: Iterable[str | GivenTurn | Mapping[str, Any]],
    mode: str,
    options: TurnOptions,
    plan: RunTurns,
) -> AsyncTurnOutcomes:
    """Checks the turns of `client.run_turns`; nothing is sent yet."""
    if isinstance(turns, (str, bytes)) or hasattr(turns, "keys"):
        what = "a dict" if hasattr(turns, "keys") else "a text"
        raise InvalidRequestError(f"`turns` is {what}. Pass a list of turns, such as [turn].")
    given: list[Any] = listed("turns", turns)
    shared: dict[str, Any] = {"mode": mode, **options}
    plan["turns"] = [_turn(index, turn, shared) for index, turn in enumerate(given)]
    encode_frame = client._options["encode_frame"]
    if encode_frame is not None:
        plan["stop_frame"] = dict(encode_frame(client._native.stop_frame()))
    _native.check_raccoon({"check": "run_turns", **plan})
    return AsyncTurnOutcomes(client, given, plan)


def _turn(index: int, turn: Any, shared: dict[str, Any]) -> TurnInSession:
    fields = {"prompt": turn} if isinstance(turn, str) else turn
    if not hasattr(fields, "keys"):
        raise InvalidRequestError(
            f"`turns[{index}]` must be a prompt, or a dict with one, not {turn!r:.60}."
        )
    for name in fields:
        if name not in _FIELDS:
            raise InvalidRequestError(
                f"`turns[{index}]` has {name!r}, which no turn has. Its fields are "
                f"{', '.join(_FIELDS)}."
            )
    said: dict[str, Any] = {**shared, **fields}
    session_id, prompt, mode = (said.pop(name, None) for name in ("session_id", "prompt", "mode"))
    for name, value in (("prompt", prompt), ("mode", mode)):
        if not isinstance(value, str):
            raise InvalidRequestError(
                f"`turns[{index}]`: its `{name}` must be a text, not {value!r:.60}."
            )
    options: Any = said
    params, files = turn_params(prompt, mode, options)
    params["files"] = [_file(index, at, file) for at, file in enumerate(files)]
    return {"session_id": session_id, "turn": params}


def _file(index: int, at: int, file: NewFile | UploadedFile) -> Any:
    if isinstance(file, UploadedFile):
        return file._fields()
    if file.plain:
        return file.content
    raise InvalidRequestError(
        f"`turns[{index}]`: `files[{at}]` must be a path, or what `upload` gave. Upload it first, "
        "to the session of its turn, and name that as the turn's `session_id`."
    )

"""The local server that speaks the service's API."""

from __future__ import annotations

import os
from time import monotonic

from .. import _native
from .._errors import ConfigError, InvalidRequestError
from .._parameters import refused
from .._reports import said, seconds
from .._sync.agi.client import Agi
from .._sync.raccoon.client import Raccoon
from .models import CapturedRequest, WebhookAttempt
from .requests import described, request_filter, times_in_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import timedelta
    from typing import Any, Literal

    from .._agi.models import AgentTask
    from .._async.agi.agent import AsyncAgent
    from .._async.agi.client import AsyncAgi
    from .._async.raccoon.agent import AsyncTurnAgent
    from .._async.raccoon.client import AsyncRaccoon
    from .._raccoon.models import AgentTurn
    from .._sync.agi.agent import Agent
    from .._sync.raccoon.agent import TurnAgent
    from .agents import Kind
    from .requests import Filter

    # A function that plays the agent, in tasks and in turns.
    AgentFunction = (
        Callable[[AgentTask, Agent], Any] | Callable[[AgentTask, AsyncAgent], Awaitable[Any]]
    )
    TurnAgentFunction = (
        Callable[[AgentTurn, TurnAgent], str | None]
        | Callable[[AgentTurn, AsyncTurnAgent], Awaitable[str | None]]
    )


class Emulator:
    """A local server that speaks the service's API, in this process. No key is needed.

    It runs once constructed. Use it as a context manager (`with` or `async
    with`), or call `close()`.

    Args:
        scenario: What the agent does: a scenario, or the path of a file with one in
            JSON or YAML. Default: it reads the page that the task names, and reports
            what it found.
        unmatched: What becomes of a task or turn that no entry of the scenario fits:
            `agent`: the emulator's own agent works on it, and a warning is logged;
            `error`: it fails with a text that names the nearest entry and the
            difference, and `assert_played` reports it. The test helpers say `error`.
        agent: A function that works on the tasks which no scenario plays; see `agent()`.
        turn_agent: The same for the turns of Raccoon; see `turn_agent()`.
        port: Which port; 0 for any free one.
        api_keys: The keys it accepts. Default: any that is not empty.
        control: Offers the control API, with which programs in other languages drive it:
            `control_url`, `control_token`; see `docs/emulator-control.md`.
        control_token: The same with this token: 8 or more visible ASCII characters.
        tls: Speaks TLS (`https`) with a certificate that it makes; clients trust `ca_file`.
        tls_ca: The same, with what clients trust written to this file (PEM).
        tls_cert: Speaks TLS with a certificate of your own: a PEM file with it, followed by
            those between it and its authority.
        tls_key: The key of `tls_cert`: a PEM file without a passphrase.
        state: A folder for what it holds (scenario, faults, clock, sessions, turns, uploads),
            which is kept there over a restart; it holds keys.
        seed: A mapping or a file with what exists at the start and after each `reset`: a state as
            the control API exports it.
        heartbeat_interval: Seconds between the heartbeats of an event stream.
        step_delay: Seconds between the steps of its own agent.
        session_limit: Most live sessions per key; more are refused.
        init_delay: Seconds that a new session stays `initializing`.
        extended_status: Reports the execution status `ready` and `paused` too.
        honour_last_event_id: Leaves out the events up to `Last-Event-ID`.
        host: The address to listen on; any but loopback needs `allow_remote`.
        allow_remote: Lets other machines use it, without TLS unencrypted: a RuntimeWarning.
            Without `api_keys` it accepts one key alone, which it makes up: `api_key`.
        allow_hosts: Names that it answers to, beside `localhost` and IP addresses.
        barred_keys: Keys that are known, but get 403.
        webhook_backoff: Seconds before the second try of a webhook; doubled for the third.
        webhook_timeout: Seconds that the receiver of a webhook has for its answer.
        faults: Faults from the start, as `fail` takes them.
        clock: `fast`: the agent's waits take no time, but the timestamps show them;
            hours of a scenario pass at once.
        browser: What shows the pages: `chromium`, `builtin` (a page view that knows no
            scripts), or `auto`: Chromium where there is one.
        max_turns: Turns (Raccoon) that may run at once, per key.
        queue_turns: Turns above that wait in a queue; otherwise they are refused with 429.
        upload_limit: The largest file, in bytes.
        resume: What a turn's socket makes of the place to go on from: `honoured`: later
            entries only; `ignored`: everything again; `inclusive`: that entry again too.
        entry_ids: Whether live frames name their stream entry.
        dialect: How Raccoon speaks where its documentation leaves that open, such as
            `{"text": "cumulative", "payload": "data"}`; see `docs/emulator-dialect.md`.
        ping_interval: Seconds between two pings on a turn's socket.
        strict_frames: Answers unknown frames with an error.
        abort_endpoint: Offers `DELETE /message/{message_id}/abort`.

    Raises:
        ConfigError: An option that cannot be used, or a port that is taken.

    Example:
        >>> with Emulator() as emulator, emulator.agi() as client:
        ...     print(client.run_task("What is on this page? https://example.com").text)
    """

    __slots__ = ("__weakref__", "_api_key", "_live_url", "_native", "_url")

    def __init__(
        self,
        *,
        scenario: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        unmatched: Literal["agent", "error"] = "agent",
        agent: AgentFunction | None = None,
        turn_agent: TurnAgentFunction | None = None,
        port: int = 0,
        api_keys: Iterable[str] | None = None,
        control: bool = False,
        control_token: str | None = None,
        tls: bool = False,
        tls_ca: str | os.PathLike[str] | None = None,
        tls_cert: str | os.PathLike[str] | None = None,
        tls_key: str | os.PathLike[str] | None = None,
        state: str | os.PathLike[str] | None = None,
        seed: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        heartbeat_interval: float | timedelta = 30.0,
        step_delay: float | timedelta = 0.15,
        session_limit: int | None = None,
        init_delay: float | timedelta = 0.0,
        extended_status: bool = False,
        honour_last_event_id: bool = False,
        host: str = "127.0.0.1",
        allow_remote: bool = False,
        allow_hosts: Iterable[str] = (),
        barred_keys: Iterable[str] = (),
        webhook_backoff: float = 1.0,
        webhook_timeout: float | timedelta = 10.0,
        faults: Iterable[str | Mapping[str, Any]] = (),
        clock: Literal["real", "fast"] = "real",
        browser: Literal["auto", "builtin", "chromium"] = "auto",
        max_turns: int = 10,
        queue_turns: bool = False,
        upload_limit: int = 26_214_400,
        resume: Literal["honoured", "ignored", "inclusive"] = "honoured",
        entry_ids: bool = True,
        dialect: Mapping[str, Any] | None = None,
        ping_interval: float | timedelta = 20.0,
        strict_frames: bool = False,
        abort_endpoint: bool = False,
    ) -> None:
        if agent is not None:
            _check_agent("agent", agent)
        if turn_agent is not None:
            _check_agent("turn_agent", turn_agent)
        mapped, file = _data_or_file("scenario", scenario)
        seed_state, seed_file = _data_or_file("seed", seed)
        self._native = _native.Emulator(
            {
                "scenario": mapped,
                "scenario_file": file,
                "unmatched": unmatched,
                "port": port,
                "api_keys": None if api_keys is None else list(api_keys),
                "control": control,
                "control_token": control_token,
                "tls": tls,
                "tls_ca": _path("tls_ca", tls_ca),
                "tls_cert": _path("tls_cert", tls_cert),
                "tls_key": _path("tls_key", tls_key),
                "state": _path("state", state),
                "seed": seed_file,
                "seed_state": seed_state,
                "heartbeat_interval": heartbeat_interval,
                "step_delay": step_delay,
                "session_limit": session_limit,
                "init_delay": init_delay,
                "extended_status": extended_status,
                "honour_last_event_id": honour_last_event_id,
                "host": host,
                "allow_remote": allow_remote,
                "allow_hosts": list(allow_hosts),
                "barred_keys": list(barred_keys),
                "webhook_backoff": webhook_backoff,
                "webhook_timeout": webhook_timeout,
                "faults": [_fault(fault) for fault in faults],
                "clock": clock,
                "browser": browser,
                "max_turns": max_turns,
                "queue_turns": queue_turns,
                "upload_limit": upload_limit,
                "resume": resume,
                "entry_ids": entry_ids,
                "dialect": dict(dialect or {}),
                "ping_interval": ping_interval,
                "strict_frames": strict_frames,
                "abort_endpoint": abort_endpoint,
            },
            agent is not None,
            turn_agent is not None,
        )
        self._work(self._native.agent_jobs(), agent, "task")
        self._work(self._native.turn_agent_jobs(), turn_agent, "turn")
        self._url = self._native.url
        self._api_key = self._native.api_key
        self._live_url = self._native.live_url
        if self._native.is_remote:
            import warnings

            how = "" if self._url.startswith("https:") else ", without encryption"
            warnings.warn(
                f"The emulator listens on {host}: other machines can use it{how}. "
                "Leave host out if that is not wanted.",
                RuntimeWarning,
                stacklevel=2,
            )
        for warning in self._native.warnings:
            import warnings

            warnings.warn(f"{warning}.", RuntimeWarning, stacklevel=2)

    def world(self, key: str | None = None) -> Emulator:
        """Gives this emulator as one API key sees it, so that parallel tests can share one server.

        What is set on it (scenario, faults, agents, clock) plays for requests with this key alone,
        and what it shows (requests, webhooks, sessions) is theirs. It begins as this emulator was
        started. Keys without a world of their own share that of the emulator itself. `close()`
        deletes the key's sessions and forgets its world; the emulator goes on.

        Args:
            key: The key; the same one gives the same world. Default: a new key, which nobody
                else has: `api_key`.

        Raises:
            InvalidRequestError: A key that no request can bring, or one of `barred_keys`.

        Example:
            >>> with emulator.world() as world, world.agi() as client:
            ...     world.scenario({"tasks": [{"steps": [{"done": "42"}]}]})
            ...     client.run_task("What is six times seven?").text
        """
        if key is not None and not isinstance(key, str):
            refused(f"`key` must be a str or None, not {type(key).__name__} {key!r}")
        world = Emulator.__new__(Emulator)
        world._native = self._native.world(key)
        world._url = self._url
        world._api_key = world._native.api_key
        world._live_url = self._live_url
        return world

    def reset(self) -> None:
        """Sets everything back to how it began, for the next test.

        Scenario, faults and clock are those of the start, and so are the sessions of `seed`;
        requests, webhook attempts and other sessions are forgotten, and nothing that they told is
        sent to a webhook any more. Agents stay. Of a `world`: its own.
        """
        self._native.reset()

    def clock(self, clock: Literal["real", "fast"]) -> None:
        """Says how time passes in the sessions that are created from now on.

        Args:
            clock: `real`, or `fast`: the agent's waits take no time, but the timestamps show them.

        Raises:
            InvalidRequestError: Another clock.
        """
        self._native.clock(clock)

    @property
    def url(self) -> str:
        """The address for a client's `base_url`."""
        return self._url

    @property
    def raccoon_url(self) -> str:
        """The address for a Raccoon client's `base_url`."""
        return self._native.raccoon_url

    @property
    def api_key(self) -> str:
        """A key that the emulator accepts."""
        return self._api_key

    @property
    def live_url(self) -> str:
        """The live view, for a browser: all sessions, and a page for each (its `vnc_url`).

        Whoever has this address can watch and drive them without a key.
        """
        return self._live_url

    @property
    def control_url(self) -> str | None:
        """The base URL of the control API; None: it is off."""
        return self._native.control_url

    @property
    def control_token(self) -> str | None:
        """What the control API wants as `Authorization: Bearer`; None: it is off."""
        return self._native.control_token

    @property
    def ca_file(self) -> str | None:
        """The PEM file with what clients must trust: their `ca_file`. None: it made no certificate.

        Without `tls_ca` it is a temporary file, which goes when the emulator is closed.
        """
        return self._native.ca_file

    @property
    def open_streams(self) -> int:
        """How many event streams are open now."""
        return self._native.open_streams

    @property
    def session_count(self) -> int:
        """How many sessions live now."""
        return self._native.session_count

    def raccoon(self, **options: Any) -> Raccoon:
        """Gives a Raccoon client of this emulator; the options are those of `Raccoon`."""
        return Raccoon(**{**self._with_defaults({"base_url": self.raccoon_url}), **options})

    def async_raccoon(self, **options: Any) -> AsyncRaccoon:
        """Gives an asynchronous Raccoon client; the options are those of `AsyncRaccoon`."""
        from .._async.raccoon.client import AsyncRaccoon

        return AsyncRaccoon(**{**self._with_defaults({"base_url": self.raccoon_url}), **options})

    def agi(self, **options: Any) -> Agi:
        """Gives a client of this emulator; the options are those of `Agi`."""
        return Agi(**self._with_defaults(options))

    def async_agi(self, **options: Any) -> AsyncAgi:
        """Gives an asynchronous client of this emulator; the options are those of `AsyncAgi`."""
        from .._async.agi.client import AsyncAgi

        return AsyncAgi(**self._with_defaults(options))

    def _with_defaults(self, options: dict[str, Any]) -> dict[str, Any]:
        own = {"base_url": self.url, "api_key": self.api_key}
        if (ca_file := self.ca_file) is not None:
            own["ca_file"] = ca_file
        return {**own, **options}

    def requests(
        self,
        method: str | None = None,
        path: str | re.Pattern[str] | None = None,
        *,
        session_id: str | None = None,
        json: Any = None,
        status: int | None = None,
    ) -> list[CapturedRequest]:
        """Lists the requests it received, in order: all, or those that are meant.

        Args:
            method: `GET`, `POST`, ...
            path: The whole path as a pattern, in which `*` stands for anything
                but `/` and `**` for anything; or a regular expression that
                occurs in it.
            session_id: The session that the path names, or else the body.
            json: What the body holds at least: objects may have more members.
            status: The status of the response.

        Raises:
            InvalidRequestError: A value of the wrong type, or one that no request can
                have, such as the method `PSOT` or a path without its first `/`.

        Example:
            >>> emulator.requests("POST", "/v1/sessions/*/message", json={"message": "Hello"})
        """
        return self._matching(request_filter(method, path, session_id, json, status))

    def _matching(self, wanted: Filter) -> list[CapturedRequest]:
        path = wanted["path"]
        pattern: re.Pattern[str] | None = path if hasattr(path, "search") else None
        found = self._native.requests(wanted if pattern is None else {**wanted, "path": None})
        requests = [CapturedRequest(**request) for request in found]
        if pattern is None:
            return requests
        return [request for request in requests if pattern.search(request.path)]

    def assert_requested(
        self,
        method: str | None = None,
        path: str | re.Pattern[str] | None = None,
        *,
        times: int | None = None,
        session_id: str | None = None,
        json: Any = None,
        status: int | None = None,
    ) -> list[CapturedRequest]:
        """Asserts that a request came; gives those that did.

        Args:
            method: As in `requests`, like the rest.
            path: A pattern or a regular expression.
            times: Exactly so often. Default: once or more.
            session_id: The session that the path names, or else the body.
            json: What the body holds at least.
            status: The status of the response.

        Raises:
            AssertionError: It did not come, or not so often; the text shows the nearest
                request and what differs, and what happened.

        Example:
            >>> emulator.assert_requested("DELETE", "/v1/sessions/*", times=1)
        """
        __tracebackhide__ = True  # pytest shows the line of the test
        wanted = request_filter(method, path, session_id, json, status)
        found = self._matching(wanted)
        if len(found) != times if times is not None else not found:
            often = "at least once" if times is None else f"exactly {times_in_words(times)}"
            enough = len(found) >= (1 if times is None else times)
            raise AssertionError(
                f"Expected {described(wanted)} {often}; it came {times_in_words(len(found))}.\n"
                + self._explain(None if enough else wanted)
            )
        return found

    def wait_for_request(
        self,
        method: str | None = None,
        path: str | re.Pattern[str] | None = None,
        *,
        timeout: float | timedelta = 5.0,
        session_id: str | None = None,
        json: Any = None,
        status: int | None = None,
    ) -> CapturedRequest:
        """Waits until a request has come; gives the first. One that came before counts.

        Args:
            method: As in `requests`, like the rest.
            path: A pattern or a regular expression.
            timeout: So many seconds at most.
            session_id: The session that the path names, or else the body.
            json: What the body holds at least.
            status: The status of the response. Without it the request may still be
                under way.

        Raises:
            TimeoutError: It did not come; the text shows what did.
        """
        wanted = request_filter(method, path, session_id, json, status)
        until = monotonic() + seconds(timeout)
        while True:
            changes = self._native.request_changes
            if found := self._matching(wanted):
                return found[0]
            remaining = until - monotonic()
            change = self._native.requests_changed(changes)
            if remaining <= 0 or not change.wait_for(remaining):
                raise self._did_not_come(wanted, f"within {said(timeout)}")
            if not change.result():
                raise self._did_not_come(wanted, "before the emulator was closed")

    async def async_wait_for_request(
        self,
        method: str | None = None,
        path: str | re.Pattern[str] | None = None,
        *,
        timeout: float | timedelta = 5.0,
        session_id: str | None = None,
        json: Any = None,
        status: int | None = None,
    ) -> CapturedRequest:
        """Waits until a request has come, as `wait_for_request` does, in asyncio or trio.

        Raises:
            TimeoutError: It did not come; the text shows what did.
        """
        from .._wait_async import within

        wanted = request_filter(method, path, session_id, json, status)
        until = monotonic() + seconds(timeout)
        while True:
            changes = self._native.request_changes
            if found := self._matching(wanted):
                return found[0]
            remaining = until - monotonic()
            change = self._native.requests_changed(changes)
            if remaining <= 0 or not await within(change, remaining):
                raise self._did_not_come(wanted, f"within {said(timeout)}")
            if not change.result():
                raise self._did_not_come(wanted, "before the emulator was closed")

    def _did_not_come(self, wanted: Filter, when: str) -> TimeoutError:
        return TimeoutError(f"{described(wanted)} did not come {when}.\n{self._explain(wanted)}")

    def _explain(self, wanted: Filter | None) -> str:
        """The request that is nearest to a filter, if one is wanted, and what happened."""
        if wanted is not None and hasattr(wanted["path"], "search"):
            wanted = {**wanted, "path": None}  # a regular expression is Python's own
        return self._native.explain(wanted)

    def clear_requests(self) -> None:
        """Forgets the requests so far."""
        self._native.clear_requests()

    def fail(self, fault: str | Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        """Injects a fault: the next matching requests fail in the way it says.

        docs/faults.md has the table of all fields, the emulator's README that of the endpoints.

        Args:
            fault: The fault as a line of text, such as `events cut_after=7 times=2`, or
                as a mapping.
            **fields: The same by name. Where: `on` (an endpoint such as `events`, or `*`),
                `session_id`, `key`, `header`, `task`, `skip` (let so many through first),
                `every`, `chance` with `seed`, `starts_after`, `lasts`, `per_minute`, `times`
                (0: for ever; default 1, with the last six 0). What, for the answer: `delay`,
                `latency` with `jitter`, `set`, `status` with `body`, `headers`,
                `drop_headers`, `limit` (429 or 503) with `retry_after`, `redirect`,
                `deleted`, `reset`, `hang`, `after` (process the request first),
                `late_status`, `then`; for its content: `put` with `at`, `body_as` with
                `inflates_to`; for its body: `split`, `split_delay`, `cut_after_bytes`,
                `close_after_bytes`, `end_after_bytes`; for streams: `cut_after`,
                `close_after`, `end_after`, `silence`, `silence_after`,
                `heartbeat_only`, `no_heartbeats`, `duplicate`, `reorder`, `omit_ids`,
                `drop_ids`, `replay_done`, `insert`, `oversize`, `insert_after`; for `on="webhook"`:
                `lose`, `duplicate`, `reorder`, `delay`, each with `event`.

        Raises:
            InvalidRequestError: A fault that is not known, or has no meaning there.

        Example:
            >>> emulator.fail(on="status", status=503, times=2)
            >>> emulator.fail("status status=503 times=2")
        """
        if isinstance(fault, str):
            if fields:
                raise InvalidRequestError("fail: give a text or names, not both")
            self._native.fail(fault)
        elif fault is not None and not hasattr(fault, "keys"):
            refused(f"`fault` must be a text or a dict, not {fault!r}")
        else:
            self._native.fail({**(fault or {}), **fields})

    def faults(self) -> list[str]:
        """Lists the faults that still wait for their requests, as `fail` takes them."""
        return self._native.faults()

    def clear_faults(self) -> None:
        """Takes all faults back."""
        self._native.clear_faults()

    def webhook_attempts(self) -> list[WebhookAttempt]:
        """Lists the attempts to deliver webhooks, as they ended."""
        return [WebhookAttempt(**attempt) for attempt in self._native.webhook_attempts()]

    def assert_played(self, *, allow_unused: bool = False) -> None:
        """Asserts that all went as the scenario and the faults say.

        The test helpers do, at the end of a test.

        Args:
            allow_unused: Faults that never struck, and `once` entries that never played,
                are no error.

        Raises:
            AssertionError: No entry of the scenario fitted a task or a turn (with
                `unmatched="error"`), a fault never struck, or a `once` entry of the
                scenario in force never played.
        """
        __tracebackhide__ = True
        if problems := self._unplayed(allow_unused=allow_unused):
            raise AssertionError("\n".join(problems))

    def _unplayed(self, *, allow_unused: bool) -> list[str]:
        unmatched, unused = self._native.unplayed()
        return unmatched if allow_unused else unmatched + unused

    def scenario(self, scenario: Mapping[str, Any] | str | os.PathLike[str]) -> None:
        """Says what the agent does in the next tasks.

        Args:
            scenario: A scenario, or the path of a file with one in JSON or YAML.

        Raises:
            InvalidRequestError: The scenario is not understood; the text names the place.

        Example:
            >>> emulator.scenario({"tasks": [{"steps": [{"thought": "Hm"}, {"done": "42"}]}]})
        """
        mapped, file = _data_or_file("scenario", scenario)
        if file is not None:
            self._native.scenario_file(file)
        elif mapped is not None:
            self._native.scenario(mapped)

    def agent(self, function: AgentFunction | None) -> None:
        """Says who works on the tasks that start from now on and that no scenario plays.

        The function gets an `AgentTask`, and an `Agent` to act with (`AsyncAgent` for an
        `async` function): `think`, `step`, `ask`, `done`, `fail`, ... What it returns is the
        result, unless it said `done` or `fail`; an exception ends the task as a failure
        and is logged with its traceback.

        A plain function runs in a daemon thread for each task. An `async` one runs on the
        event loop (asyncio or trio) on which this is called, else on one in a daemon thread.
        When its task is cancelled, the session deleted or the emulator closed, the next call
        of the agent raises `TaskOver`; under asyncio another `await` is cancelled at once.

        Args:
            function: The function; None: the emulator's own agent.

        Raises:
            ConfigError: Not a function.

        Example:
            >>> def ask_first(task, agent):
            ...     colour = agent.ask("Which colour?")
            ...     agent.done({"summary": f"A {colour} mug"})
            >>> emulator.agent(ask_first)
        """
        if function is not None:
            _check_agent("agent", function)
        self._work(self._native.agent(function is not None), function, "task")

    def turn_agent(self, function: TurnAgentFunction | None) -> None:
        """Says who works on the turns (Raccoon) that start from now on and that no scenario plays.

        The function gets an `AgentTurn`, and a `TurnAgent` to act with (`AsyncTurnAgent` for an
        `async` function): `think`, `say`, `tool`, `plan`, `snapshot`, `done`, ... A text that it
        returns is the answer, or the last piece of it; without `done`, `abort` or `fail` the turn
        is completed. It runs, and learns of the end of its turn, as a function for `agent` does.

        Args:
            function: The function; None: the emulator's own agent.

        Raises:
            ConfigError: Not a function.

        Example:
            >>> def count_words(turn, agent):
            ...     agent.think("Counting")
            ...     return f"{len(turn.prompt.split())} words"
            >>> emulator.turn_agent(count_words)
        """
        if function is not None:
            _check_agent("turn_agent", function)
        self._work(self._native.turn_agent(function is not None), function, "turn")

    def _work(
        self,
        jobs: _native.AgentJobs | None,
        function: AgentFunction | TurnAgentFunction | None,
        kind: Kind,
    ) -> None:
        if jobs is not None and function is not None:
            from .agents import work

            work(jobs, function, kind)

    def close(self) -> None:
        """Ends every connection and stops. Can be called twice.

        Raises:
            ConfigError: It has stopped, but what it held could not be kept in the folder of
                `state`: the text has the folder and the cause. Said once. At the end of a `with`
                block that raised it is a `RuntimeWarning`, which hides no other error.
        """
        self._native.close()

    def _end(self, failed: object) -> None:
        try:
            self.close()
        except ConfigError as error:
            if failed is None:
                raise
            import warnings

            warnings.warn(str(error), RuntimeWarning, stacklevel=3)

    def __enter__(self) -> Emulator:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        self._end(failed)

    async def __aenter__(self) -> Emulator:
        return self

    async def __aexit__(self, failed: object, *_: object) -> None:
        self._end(failed)

    def _repr_html_(self) -> str:
        from .._views.records import emulator

        return emulator(self)

    def __repr__(self) -> str:
        return f"Emulator(url={self.url!r})"


def _check_agent(name: str, function: object) -> None:
    """Refuses what is no function."""
    if not callable(function):
        what = name.replace("turn_agent", "turn").replace("agent", "task")
        raise ConfigError(
            f"{name} is not a function but {type(function).__name__}. Give a function, plain or "
            f"async, that takes the {what} and the agent."
        )


def _fault(fault: str | Mapping[str, Any]) -> str | dict[str, Any]:
    return fault if isinstance(fault, str) else dict(fault)


def _path(name: str, path: str | os.PathLike[str] | None) -> str | None:
    if path is None:
        return None
    if isinstance(path, (str, os.PathLike)):
        return os.fspath(path)
    raise TypeError(f"`{name}` must be a path, a str or os.PathLike, not {type(path).__name__}")


def _data_or_file(
    name: str, given: Mapping[str, Any] | str | os.PathLike[str] | None
) -> tuple[dict[str, Any] | None, str | None]:
    """The data itself, or the path of its file."""
    if given is None:
        return None, None
    from collections.abc import Mapping

    if isinstance(given, Mapping):
        return dict(given), None
    if isinstance(given, (str, os.PathLike)):
        return None, os.fspath(given)
    raise TypeError(
        f"`{name}` must be a mapping, or the path of a file, not {type(given).__name__}"
    )


Emulator.__module__ = "sessionwire"

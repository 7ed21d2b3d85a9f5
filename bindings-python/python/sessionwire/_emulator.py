"""The local server that speaks the service's API."""

from __future__ import annotations

from . import _native
from ._client import Agi
from ._models import RecordedRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Any

    from ._async_client import AsyncAgi


class Emulator:
    """A local server that speaks the service's API, in this process. No key is needed.

    It runs once constructed. Use it as a context manager (`with` or `async
    with`), or call `close()`.

    Args:
        scenario: What the agent does. Default: it reads the page that the task
            names, and reports what it found.
        port: Which port; 0 for any free one.
        api_keys: The keys it accepts. Default: any that is not empty.
        heartbeat_interval: Seconds between the heartbeats of an event stream.
        step_delay: Seconds between the steps of its own agent.
        session_limit: Most live sessions per key; more are refused.
        init_delay: Seconds that a new session stays `initializing`.
        extended_status: Reports the execution status `ready` and `paused` too.
        honour_last_event_id: Leaves out the events up to `Last-Event-ID`.
        host: The address to listen on.

    Raises:
        ConfigError: An option that cannot be used, or a port that is taken.

    Example:
        >>> with Emulator() as emulator, emulator.agi() as client:
        ...     print(client.run_task("What is on this page? https://example.com").text)
    """

    __slots__ = ("__weakref__", "_api_key", "_native", "_url")

    def __init__(
        self,
        *,
        scenario: Mapping[str, Any] | None = None,
        port: int = 0,
        api_keys: Iterable[str] | None = None,
        heartbeat_interval: float = 30.0,
        step_delay: float = 0.15,
        session_limit: int | None = None,
        init_delay: float = 0.0,
        extended_status: bool = False,
        honour_last_event_id: bool = False,
        host: str = "127.0.0.1",
    ) -> None:
        self._native = _native.Emulator(
            {
                "scenario": None if scenario is None else dict(scenario),
                "port": port,
                "api_keys": None if api_keys is None else list(api_keys),
                "heartbeat_interval": heartbeat_interval,
                "step_delay": step_delay,
                "session_limit": session_limit,
                "init_delay": init_delay,
                "extended_status": extended_status,
                "honour_last_event_id": honour_last_event_id,
                "host": host,
            }
        )
        self._url = self._native.url
        self._api_key = self._native.api_key

    @property
    def url(self) -> str:
        """The address for a client's `base_url`."""
        return self._url

    @property
    def api_key(self) -> str:
        """A key that the emulator accepts."""
        return self._api_key

    @property
    def open_streams(self) -> int:
        """How many event streams are open now."""
        return self._native.open_streams

    @property
    def session_count(self) -> int:
        """How many sessions live now."""
        return self._native.session_count

    def agi(self, **options: Any) -> Agi:
        """Gives a client of this emulator; the options are those of `Agi`."""
        return Agi(**self._with_defaults(options))

    def async_agi(self, **options: Any) -> AsyncAgi:
        """Gives an asynchronous client of this emulator; the options are those of `AsyncAgi`."""
        from ._async_client import AsyncAgi

        return AsyncAgi(**self._with_defaults(options))

    def _with_defaults(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"base_url": self.url, "api_key": self.api_key, **options}

    def requests(self) -> list[RecordedRequest]:
        """Lists every request it received, in order."""
        return [RecordedRequest(**request) for request in self._native.requests()]

    def clear_requests(self) -> None:
        """Forgets the requests so far."""
        self._native.clear_requests()

    def fail(self, **fault: Any) -> None:
        """Injects a fault: the next matching requests fail in the way it says.

        Args:
            **fault: Where: `on` (`events`, `create`, `list`, `get`, `delete`,
                `delete_all`, `message`, `status`, `messages`, `pause`, `resume`,
                `cancel`, `navigate`, `screenshot`, `models` or `*`), `session_id`,
                `skip` (let so many through first), `times` (0: for ever; default 1).
                What: `status` with `headers` and `body`, `delay`, `reset`, `hang`,
                `after` (process the request first), and for streams `cut_after`,
                `close_after`, `end_after`, `split`, `duplicate`, `omit_ids`,
                `drop_ids`, `silence`.

        Raises:
            InvalidRequestError: A fault that is not known, or has no meaning there.

        Example:
            >>> emulator.fail(on="status", status=503, times=2)
        """
        self._native.fail(fault)

    def clear_faults(self) -> None:
        """Takes all faults back."""
        self._native.clear_faults()

    def scenario(self, scenario: Mapping[str, Any]) -> None:
        """Says what the agent does in the next tasks.

        Raises:
            InvalidRequestError: The scenario is not understood.

        Example:
            >>> emulator.scenario({"tasks": [{"steps": [{"thought": "Hm"}, {"done": "42"}]}]})
        """
        self._native.scenario(dict(scenario))

    def close(self) -> None:
        """Ends every connection and stops. Can be called twice."""
        self._native.close()

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Emulator:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Emulator(url={self.url!r})"


Emulator.__module__ = "sessionwire"

"""The view of a task or turn that follows it by a stream of its own, in a thread of its own.

The events of the handle that is shown stay untouched: whoever loops over them misses none.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from time import monotonic, sleep
from weakref import WeakKeyDictionary

from . import html, records, timeline
from .board import Board, kernel_shell
from .text import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Seconds between two pictures of what is new, and at most so long without one.
PACE = 0.3
# After so many events without a pause the thread gives the kernel its turn.
BURST = 256
PAUSE = 0.02
# Seconds after which the last picture is shown again.
AGAIN = (0.3, 0.7)
# Seconds that the first picture may wait for what there is already.
FIRST = 0.3

_watches: WeakKeyDictionary[Any, Watch] = WeakKeyDictionary()


def display(handle: Any) -> None:
    """Shows a task or turn in a notebook, and keeps the view up to date; a line elsewhere."""
    shell = kernel_shell()
    if shell is None:
        # What IPython does with a value in a terminal.
        print(repr(handle))  # noqa: T201
        return
    _watch(handle).show(Board(shell))


def page(handle: Any) -> str:
    """A task or turn as it is now."""
    return _watch(handle).page()


def _watch(handle: Any) -> Watch:
    watch = _watches.get(handle)
    if watch is None:
        watch = _watches[handle] = Watch(handle)
        watch.begin()
    return watch


class Watch:
    """What is known of a task or turn, and where it is shown."""

    def __init__(self, handle: Any) -> None:
        self._name = type(handle).__name__.removeprefix("Async")
        self._line = repr(handle)
        self._session_id: str = handle.session_id
        self._client = handle._client
        self._text: str = handle.handle()
        self._native: Any = None
        self._stream: Any = None
        self._rows: list[timeline.Row] = []
        self._total = 0
        # How many rows were dropped, and when the first one was.
        self._cut = 0
        self._first: datetime | None = None
        self._times: dict[int, datetime] = {}
        self._failure = ""
        self._over = False
        self._boards: list[Board] = []
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._began = monotonic()

    def begin(self) -> None:
        # Not in the context of the cell that shows it: an update goes by the output's own id,
        # also where a later cell runs.
        threading.Thread(target=self._follow, name="sessionwire view", daemon=True).start()

    def show(self, board: Board) -> None:
        self._settled.wait(FIRST)
        with self._lock:
            board.show(self._page(), self._line)
            if not self._over:
                self._boards.append(board)

    def page(self) -> str:
        self._settled.wait(FIRST)
        with self._lock:
            return self._page()

    def _follow(self) -> None:
        try:
            self._open()
            self._read()
        except Exception as error:
            self._failure = str(error)
        with self._lock:
            self._over = True
            self._draw()
        self._settled.set()
        # What executes a notebook (nbclient, papermill) loses a picture that comes between two
        # cells, and this is the last one.
        for seconds in AGAIN:
            sleep(seconds)
            with self._lock:
                self._draw()
        with self._lock:
            self._boards.clear()
        if self._native is not None:
            self._native.close()

    def _open(self) -> None:
        params = {"handle": self._text, "from_start": True}
        self._native = self._client.resume(params).wait()
        self._stream = self._native.events()
        if self._name == "Task":
            found = self._client.start({"op": "messages", "session_id": self._session_id}).wait()
            from .._models import parse_time

            for message in found["messages"]:
                at = parse_time(message.get("timestamp"))
                if at is not None and isinstance(message.get("id"), int):
                    self._times[message["id"]] = at

    def _read(self) -> None:
        due, news, burst = self._began + FIRST / 2, False, 0
        while True:
            # What is new waits for its picture; else the clock of the view goes on.
            limit = due - monotonic() if news else self._tick()
            event = self._stream._next(max(0.001, limit))
            if event is None:
                return
            if event:
                self._take(event)
                news, burst = True, burst + 1
                if burst % BURST == 0:
                    sleep(PAUSE)
            if not event or monotonic() >= due:
                with self._lock:
                    self._draw()
                self._settled.set()
                due, news = monotonic() + PACE, False

    def _tick(self) -> float:
        return 1.0 if monotonic() - self._began < 60 else 5.0

    def _take(self, event: Any) -> None:
        at = self._times.get(event.id) or _time_of(event) or datetime.now(UTC)
        with self._lock:
            self._total += 1
            timeline.add(self._rows, timeline.of_event(event, at), deltas=self._name == "Turn")
            if len(self._rows) > 2 * timeline.ROWS:
                self._cut += len(self._rows) - timeline.ROWS
                del self._rows[: -timeline.ROWS]

    def _draw(self) -> None:
        if self._boards:
            page = self._page()
            for board in self._boards:
                board.show(page, self._line)

    def _page(self) -> str:
        native = self._native
        state = native.state() if self._name == "Turn" and native is not None else {}
        asked = None if self._name == "Turn" or native is None else native.question
        word = state.get("status") or self._status(asked is not None)
        parts = [records.status(word), f" {html.dim(self._summary())}"]
        if self._failure:
            parts.append(f"<div>{html.text(self._failure)}</div>")
        if asked is not None:
            parts.append(timeline.question(asked.text, "It waits: task.answer(...) answers it."))
        parts.append(timeline.plan(state.get("plan", ())))
        parts.append(timeline.render(self._rows, self._cut + len(self._rows)))
        return html.page(html.card(self._name, *parts))

    def _status(self, asks: bool) -> str:
        if asks:
            return "waiting_for_input"
        if not self._over:
            return "running"
        last = self._rows[-1].kind if self._rows else ""
        return {"done": "finished", "error": "error"}.get(last, "not followed any more")

    def _summary(self) -> str:
        first, last = (self._rows[0].at, self._rows[-1].at) if self._rows else (None, None)
        events = f"{self._total:,} event{'' if self._total == 1 else 's'}"
        if first is None or last is None:
            return f"{events}, session {self._session_id}"
        if self._first is None:
            self._first = first
        seconds = ((last if self._over else datetime.now(UTC)) - self._first).total_seconds()
        return f"{clock(seconds)}, {events}, session {self._session_id}"


def _time_of(event: Any) -> datetime | None:
    """The time that a turn's event says."""
    stamp = getattr(event, "timestamp", None)
    if not isinstance(stamp, int):
        return None
    try:
        return datetime.fromtimestamp(stamp / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None

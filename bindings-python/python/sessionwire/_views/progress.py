"""`progress=True`: a line on a terminal, a view in a notebook, and nothing in a log."""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from time import monotonic

from .._errors import InvalidRequestError
from . import html, records, timeline
from .board import Board, kernel_shell
from .text import clock, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

# Seconds between two pictures, where something is new; a terminal's clock goes on all the same.
PACE = 0.3


def begin(progress: object, what: object) -> Progress | None:
    """What shows the progress of a call; None where nothing is to be shown.

    Args:
        progress: What the caller said.
        what: What goes on: `task`, `tasks`, or the file that is sent.
    """
    if not isinstance(progress, bool):
        raise InvalidRequestError(f"`progress` must be True or False, not {progress!r}.")
    if not progress:
        return None
    name = what if isinstance(what, str) else getattr(what, "name", None)
    name = name.replace("\\", "/").rpartition("/")[2] if isinstance(name, str) else "upload"
    shell = kernel_shell()
    if shell is not None:
        return Progress(name, _Notebook(shell))
    err = sys.stderr
    try:
        return Progress(name, _Terminal(err)) if err is not None and err.isatty() else None
    except (OSError, ValueError):
        return None


class Progress:
    """What is known of a call that runs, and where it is shown."""

    def __init__(self, name: str, where: _Terminal | _Notebook) -> None:
        self.name = name
        self.began = monotonic()
        self.rows: list[timeline.Row] = []
        self.total = 0
        self.cut = 0
        self.outcomes: list[Any] = []
        self.bytes: tuple[int, int | None] | None = None
        self.asked = ""
        self.ended = False
        self._where = where
        self._paused = False
        self._news = True
        self._over = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._draw_on, name="sessionwire progress", daemon=True).start()

    @property
    def seconds(self) -> float:
        return monotonic() - self.began

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def seeing(self, on_event: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
        """The caller's `on_event`, which shows each event, too."""

        def both(event: Any) -> Any:
            self.event(event)
            return None if on_event is None else on_event(event)

        return both

    def asking(self, on_question: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
        """The caller's `on_question`, which may write to the terminal."""
        if on_question is None:
            return None

        def both(question: Any) -> Any:
            self.wait_for_answer()
            return on_question(question)

        return both

    def sending(
        self, on_progress: Callable[[int, int | None], Any] | None
    ) -> Callable[[int, int | None], Any]:
        """The caller's `on_progress`, which shows how far it is, too."""

        def both(sent: int, total: int | None) -> Any:
            self.sent(sent, total)
            return None if on_progress is None else on_progress(sent, total)

        return both

    def event(self, event: Any) -> None:
        """An event of the task came."""
        with self._lock:
            self.total += 1
            self.rows.append(timeline.of_event(event, datetime.now(UTC)))
            if len(self.rows) > 2 * timeline.ROWS:
                self.cut += len(self.rows) - timeline.ROWS
                del self.rows[: -timeline.ROWS]
            self.asked = event.text if event.type == "question" else ""
            self._news, self._paused = True, False

    def wait_for_answer(self) -> None:
        """The caller is asked: a line that goes on would spoil what it types."""
        with self._lock:
            self._where.draw(self)
            self._where.leave()
            self._paused = True

    def outcome(self, outcome: Any) -> None:
        """A task of many ended."""
        with self._lock:
            self.outcomes.append(outcome)
            self._news = True

    def sent(self, sent: int, total: int | None) -> None:
        """So many bytes are sent."""
        with self._lock:
            self.bytes, self._news = (sent, total), True

    def end(self) -> None:
        """Nothing more comes. Can be called twice."""
        with self._lock:
            if self._over.is_set():
                return
            self._over.set()
            self.ended = True
            self._where.draw(self)
            self._where.leave()

    def _draw_on(self) -> None:
        while not self._over.wait(PACE):
            with self._lock:
                if not self._over.is_set() and not self._paused and self._where.is_due(self._news):
                    self._where.draw(self)
                    self._news = False

    def summary(self) -> str:
        """All of it in one line."""
        parts = [clock(self.seconds)]
        if self.bytes is not None:
            sent, total = self.bytes
            share = f"{100 * sent // total} % of {total:,}" if total else f"{sent:,}"
            return f"{parts[0]}  {one_line(self.name)}: {share} bytes"
        if self.name == "tasks":
            failed = sum(outcome.error is not None for outcome in self.outcomes)
            done = f"{len(self.outcomes) - failed} of {self.total or '?'} tasks done"
            return f"{parts[0]}  {done}{f', {failed} failed' if failed else ''}"
        if self.rows:
            last = self.rows[-1]
            parts.append(f"{last.kind}: {one_line(last.text)}")
        return "  ".join(parts)


class _Terminal:
    """One line of standard error."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._clean = True

    def is_due(self, news: bool) -> bool:
        del news
        return True

    def draw(self, progress: Progress) -> None:
        from shutil import get_terminal_size

        width = max(20, get_terminal_size().columns - 1)
        text = progress.summary()
        if len(text) > width:
            text = f"{text[: width - 3]}..."
        self._write(f"\r{text}\x1b[K")
        self._clean = False

    def leave(self) -> None:
        """Ends the line, so that others can write."""
        if not self._clean:
            self._write("\n")
            self._clean = True

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # A terminal that is gone stops no task.
            return


class _Notebook:
    """An output of the cell."""

    def __init__(self, shell: Any) -> None:
        self._board = Board(shell)

    def is_due(self, news: bool) -> bool:
        return news

    def draw(self, progress: Progress) -> None:
        parts = [f" {html.dim(clock(progress.seconds))} "]
        if progress.outcomes or progress.name == "tasks" or progress.bytes is not None:
            parts = [f" {html.dim(progress.summary())}"]
        if progress.outcomes:
            parts.append(records.outcome_table(progress.outcomes))
        if progress.asked and not progress.ended:
            parts.append(timeline.question(progress.asked, "It waits for an answer."))
        if progress.rows:
            parts.append(timeline.render(progress.rows, progress.cut + len(progress.rows)))
        self._board.show(html.page(html.card(progress.name, *parts)), progress.summary())

    def leave(self) -> None:
        """Nothing to end: an output stays."""

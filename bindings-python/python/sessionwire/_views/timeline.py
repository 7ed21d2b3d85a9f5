"""A timeline of what happened: of messages, and of events as they come."""

from __future__ import annotations

from . import html

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from typing import Any

# As many rows are shown, the latest.
ROWS = 200

_LOOKS = {
    "done": "sw-good",
    "task.completed": "sw-good",
    "error": "sw-bad",
    "task.error": "sw-bad",
    "task.aborted": "sw-bad",
    "question": "sw-ask",
    "user": "sw-said",
    "message.received": "sw-said",
}


class Row:
    """One line: when, what kind, which text."""

    __slots__ = ("at", "block", "kind", "text")

    def __init__(self, at: datetime | None, kind: str, text: str, block: str | None = None) -> None:
        self.at = at
        self.kind = kind
        self.text = text
        self.block = block


def of_messages(messages: Iterable[Any]) -> list[Row]:
    return [Row(message.timestamp, str(message.type).lower(), message.text) for message in messages]


def of_event(event: Any, at: datetime | None) -> Row:
    kind, said = event.type, event.text
    if kind == "tool.start":
        return Row(at, "tool", event.tool_name or said, event.block_id)
    if kind == "tool.result":
        return Row(at, "tool.result", said or str(event.status or ""), event.block_id)
    return Row(at, kind, said, getattr(event, "block_id", None))


def add(rows: list[Row], row: Row, deltas: bool) -> None:
    """Adds a row. The text of a turn comes in pieces: those of one block are one row."""
    last = rows[-1] if rows else None
    pieces = deltas and row.kind in ("text", "thought") and last is not None
    if pieces and last is not None and (last.kind, last.block) == (row.kind, row.block):
        # A piece that repeats what stood before replaces it.
        last.text = row.text if row.text.startswith(last.text) else last.text + row.text
        return
    if row.kind != "plan.update" or row.text:
        # The plan stands on top, as it is now.
        rows.append(row)


def render(rows: Sequence[Row], total: int | None = None) -> str:
    """The rows as a table, the latest ones; `total` where there were more."""
    shown = rows[-ROWS:]
    left_out = (len(rows) if total is None else total) - len(shown)
    lines = [_line(row) for row in shown]
    more = html.dim(f"{left_out:,} earlier") if left_out > 0 else ""
    return f'{more}<div class="sw-scroll"><table>{"".join(lines)}</table></div>'


def _line(row: Row) -> str:
    at = "" if row.at is None else row.at.astimezone().strftime("%H:%M:%S")
    said = html.text(row.text, 2_000)
    if row.kind == "question":
        said = f'<div class="sw-question">{said}</div>'
    kind = html.mark(row.kind, _LOOKS.get(row.kind, ""))
    return f'<tr><td class="sw-time">{at}</td><td class="sw-mark">{kind}</td><td>{said}</td></tr>'


def question(asked: str, how: str) -> str:
    """A question that waits, set off."""
    return (
        f'<div class="sw-question">{html.mark("question", "sw-ask")} {html.text(asked)}'
        f"<br>{html.dim(how)}</div>"
    )


_SIGNS = {
    "completed": "\N{CHECK MARK}",
    "done": "\N{CHECK MARK}",
    "active": "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}",
}


def plan(entries: Iterable[Any]) -> str:
    """What an agent plans, as a list."""
    items = []
    for entry in entries:
        fields = entry if isinstance(entry, dict) else {"content": entry}
        sign = _SIGNS.get(str(fields.get("status")), "\N{WHITE CIRCLE}")
        items.append(f"<li>{sign} {html.text(fields.get('content', ''), 500)}</li>")
    return f"<ul>{''.join(items)}</ul>" if items else ""

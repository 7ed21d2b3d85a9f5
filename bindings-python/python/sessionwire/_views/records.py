"""Results, lists and sessions as HTML."""

from __future__ import annotations

from . import html, timeline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# As many rows of a list are shown.
ROWS = 200

_STATUS = {
    "completed": "sw-good",
    "finished": "sw-good",
    "ready": "sw-good",
    "running": "sw-said",
    "waiting_for_input": "sw-ask",
    "paused": "sw-ask",
    "queued": "sw-ask",
    "error": "sw-bad",
    "failed": "sw-bad",
    "aborted": "sw-bad",
    "terminated": "sw-bad",
}


def status(word: str) -> str:
    return html.mark(word, _STATUS.get(word, "")) if word else ""


def task_result(result: Any) -> str:
    parts = [
        html.mark("done", "sw-good"),
        f" {html.dim(_took(result))}",
        f'<div class="sw-text">{html.text(result.text)}</div>',
    ]
    if not isinstance(result.data, str | None):
        parts.append(_folded("data", result.data))
    if result.metadata:
        parts.append(_folded("metadata", result.metadata))
    if result.messages:
        many = html.text(f"{len(result.messages):,} messages")
        parts.append(html.folded(many, timeline.render(timeline.of_messages(result.messages))))
    return html.page(html.card("TaskResult", *parts))


def turn_result(result: Any) -> str:
    parts = [
        status(result.status),
        f" {html.dim(_took(result))}",
        "" if result.reason is None else f"<div>{html.text(result.reason)}</div>",
        f'<div class="sw-text">{html.text(result.text)}</div>',
        timeline.plan(result.plan),
    ]
    if not result.text_is_certain:
        parts.append(html.dim("The text can be read in another way, too: see `text_mode`."))
    for name in ("files", "extra"):
        if value := getattr(result, name):
            parts.append(_folded(name, value))
    return html.page(html.card("TurnResult", *parts))


def _took(result: Any) -> str:
    # One that was made by hand may say nothing.
    seconds = "" if result.duration is None else f"{result.duration:.1f} s, "
    return f"{seconds}session {result.session_id}"


def messages(whole: Any) -> str:
    count = f" {html.dim(f'{len(whole.messages):,} messages')}"
    rows = timeline.render(timeline.of_messages(whole.messages))
    return html.page(html.card("Messages", status(whole.status), count, rows))


def screenshot(picture: Any) -> str:
    size = f"{picture.width} x {picture.height}, {len(picture.image):,} bytes"
    title = f"<div>{html.text(picture.title, 300)}</div>" if picture.title else ""
    return html.page(
        html.card(
            "Screenshot", html.dim(size), title, html.link(picture.url), "<br>", shot(picture)
        )
    )


def shot(picture: Any) -> str:
    return html.image(picture.image, picture.mime_type)


def session(one: Any) -> str:
    parts = [status(one.status), f" {html.dim(one.agent_name)} {html.text(one.session_id)}"]
    if one.vnc_url:
        parts.append(f"<div>{html.link(one.vnc_url, 'live view')}</div>")
    if one.goal:
        parts.append(f"<div>{html.text(one.goal)}</div>")
    if one.created_at:
        parts.append(f"<div>{html.dim(f'created {_time(one.created_at)}')}</div>")
    picture = getattr(one, "_picture", None)
    if picture is not None:
        parts.append(f"<div>{html.text(picture.title, 300)} {html.link(picture.url)}</div>")
        parts.append(shot(picture))
    return html.page(html.card("Session", *parts))


def outcome(one: Any) -> str:
    return html.page(html.card(type(one).__name__, outcome_table([one])))


def emulator(server: Any) -> str:
    rows = [
        ("live view of its sessions", html.link(server.live_url)),
        ("AGI (base_url)", html.link(server.url)),
        ("Raccoon (base_url)", html.link(server.raccoon_url)),
    ]
    return html.page(html.card("Emulator", html.table((), ([html.text(a), b] for a, b in rows))))


def listed(items: Sequence[Any]) -> str | None:
    """A list of one kind as a table; None where it is shown as text."""
    kinds = {type(item).__name__.removeprefix("Async") for item in items}
    if kinds == {"Session"}:
        return html.page(html.card(_count(items, "session"), _more(items), _sessions(items[:ROWS])))
    if kinds == {"Message"}:
        rows = timeline.render(timeline.of_messages(items))
        return html.page(html.card(_count(items, "message"), rows))
    return None


def _count(items: Sequence[Any], what: str) -> str:
    return f"{len(items):,} {what}{'' if len(items) == 1 else 's'}"


def _more(items: Sequence[Any]) -> str:
    return html.dim(f"the first {ROWS}") if len(items) > ROWS else ""


def _sessions(sessions: Sequence[Any]) -> str:
    heads = ("session_id", "agent_name", "status", "created_at", "")
    return html.table(
        heads,
        (
            [
                html.text(one.session_id),
                html.text(one.agent_name),
                status(one.status),
                html.text(_time(one.created_at)),
                html.link(one.vnc_url, "live view") if one.vnc_url else "",
            ]
            for one in sessions
        ),
    )


def outcome_table(outcomes: Sequence[Any]) -> str:
    """The latest outcomes, one a row."""
    return html.table(("", "task", "", "result or error"), map(_outcome, outcomes[-ROWS:]))


def _outcome(one: Any) -> list[str]:
    given = one.turn if hasattr(one, "turn") else one.task
    if one.result is not None:
        kind = html.mark(getattr(one.result, "status", "done"), "sw-good")
        said = html.text(one.result.text)
    elif one.error is not None:
        kind = html.mark(type(one.error).__name__, "sw-bad")
        said = html.text(one.error)
    else:
        kind, said = html.mark("no result"), ""
    if getattr(one, "unfinished", False):
        said += (
            f"<div>{html.dim('unfinished: the next call with the journal goes on with it')}</div>"
        )
    return [html.text(getattr(one, "id", "") or one.index), html.data(given), kind, said]


def _folded(name: str, value: object) -> str:
    return html.folded(html.text(name), f'<div class="sw-text">{html.data(value)}</div>')


def _time(at: Any) -> str:
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")

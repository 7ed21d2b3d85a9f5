"""Which requests are meant, and the requests that came, in words."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any

    from .models import CapturedRequest

    # What `emulator.requests` and its like take.
    Filter = dict[str, Any]

# How many requests a text lists.
MOST_SHOWN = 50


def request_filter(
    method: str | None,
    path: str | re.Pattern[str] | None,
    session_id: str | None,
    json: Any,
    status: int | None,
) -> Filter:
    return {
        "method": method,
        "path": path,
        "session_id": session_id,
        "json": json,
        "status": status,
    }


def described(wanted: Filter) -> str:
    """A filter in words, such as `POST /v1/sessions with json {}`."""
    path = wanted["path"]
    words = [wanted["method"] or "a request"]
    if path is not None:
        words.append(path if isinstance(path, str) else f"/{path.pattern}/")
    extras = [
        f"{name} {wanted[name]!r}"
        for name in ("session_id", "json", "status")
        if wanted[name] is not None
    ]
    if extras:
        words.append("with " + ", ".join(extras))
    return " ".join(words)


def times_in_words(count: int) -> str:
    return "1 time" if count == 1 else f"{count} times"


def what_came(requests: list[CapturedRequest]) -> str:
    """The requests as a text, one a line; the last ones of many."""
    if not requests:
        return "The emulator received nothing: does the client use emulator.url?"
    left_out = max(0, len(requests) - MOST_SHOWN)
    lines = [f"  ... {left_out} earlier"] if left_out else []
    for request in requests[left_out:]:
        query = f"?{request.query}" if request.query else ""
        answer = "no answer yet" if request.status is None else request.status
        body = request.body if len(request.body) <= 200 else f"{request.body[:200]}..."
        lines.append(f"  {request.method} {request.path}{query} -> {answer} {body}".rstrip())
    return "\n".join(["The emulator received:", *lines])

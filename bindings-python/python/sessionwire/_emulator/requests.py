"""Which requests are meant, and the requests that came, in words."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any

    # What `emulator.requests` and its like take.
    Filter = dict[str, Any]


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

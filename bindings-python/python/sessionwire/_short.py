"""The `repr` of records: one short line, whatever they hold. Imported on use."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# How many characters of a text are shown, and of all values within a list or dict.
_TEXT = 60
_INSIDE = 60


def line(record: Any) -> str:
    """A record as the call that makes it, long values cut; what is empty is left out."""
    shown = [
        f"{name}={short(value)}"
        for name, value in ((name, getattr(record, name)) for name in record.__slots__)
        if not (isinstance(value, dict | list) and not value)
    ]
    return f"{type(record).__name__}({', '.join(shown)})"


def short(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bytes | bytearray):
        return repr(value) if len(value) < _TEXT else f"<{len(value):,} bytes>"
    if isinstance(value, dict):
        return _inside(value, "{", "}", "field")
    if isinstance(value, list | tuple):
        return _inside(value, "[", "]", "item")
    shown = repr(value)
    return shown if len(shown) <= 2 * _TEXT else f"{shown[:_TEXT]}..."


def text(value: str) -> str:
    """A text, quoted; only its beginning where it is long."""
    return repr(value) if len(value) <= _TEXT else f"{value[:_TEXT]!r}..."


def _inside(value: Any, begin: str, end: str, what: str) -> str:
    """A list or dict: all of it, or how many it has."""
    if len(value) <= 8 and all(_is_small(item) for item in value):
        items = value.items() if isinstance(value, dict) else value
        parts = [
            f"{item[0]!r}: {item[1]!r}" if isinstance(value, dict) else repr(item)
            for item in items
            if not isinstance(value, dict) or _is_small(item[1])
        ]
        shown = begin + ", ".join(parts) + end
        if len(parts) == len(value) and len(shown) <= _INSIDE:
            return shown
    return f"{begin}{len(value):,} {what}{'' if len(value) == 1 else 's'}{end}"


def _is_small(value: Any) -> bool:
    return (
        value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str) and len(value) <= _INSIDE)
    )

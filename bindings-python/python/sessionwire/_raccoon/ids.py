"""Ids that a caller gives."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import uuid
    from typing import TypeVar

    T = TypeVar("T")


def session_text(session_id: uuid.UUID | T) -> str | T:
    """A session's id as text, where it is a UUID object; anything else is checked later."""
    # `uuid` takes long to import, and whoever has one imported it.
    if type(session_id).__name__ == "UUID" and hasattr(session_id, "urn"):
        return str(session_id)
    return session_id  # type: ignore[return-value]

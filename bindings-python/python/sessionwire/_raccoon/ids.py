"""Ids that a caller gives."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import uuid
    from typing import Any, TypeVar

    T = TypeVar("T")


def session_text(session_id: uuid.UUID | T) -> str | T:
    """A session's id as text, where it is a UUID object; anything else is checked later."""
    # `uuid` takes long to import, and whoever has one imported it.
    is_uuid = type(session_id).__name__ == "UUID" and hasattr(session_id, "urn")
    given: Any = session_id
    return str(given) if is_uuid else given

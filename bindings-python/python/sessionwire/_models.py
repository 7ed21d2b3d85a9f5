"""Models that both services share, and what all models are made of."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, TypeVar

    T = TypeVar("T")
    D = TypeVar("D")

__all__ = ["DeleteResult", "RawResponse", "SuccessResult"]


class Model:
    """A record: its fields are `__slots__`, in the order of the constructor."""

    __slots__: tuple[str, ...] = ()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)


class DeleteResult(Model):
    """The answer of a delete.

    Attributes:
        success: Whether the service carried the request out.
        deleted: Whether anything was deleted; False for a session that was gone.
        message: The service's words.
    """

    __slots__ = ("success", "deleted", "message")

    def __init__(self, success: bool, deleted: bool, message: str = "") -> None:
        self.success: bool = success
        self.deleted: bool = deleted
        self.message: str = message


class SuccessResult(Model):
    """The answer of a command such as pause.

    Attributes:
        success: Whether the service carried the request out.
        message: The service's words.
    """

    __slots__ = ("success", "message")

    def __init__(self, success: bool, message: str = "") -> None:
        self.success: bool = success
        self.message: str = message


class RawResponse(Model):
    """The answer of `client.request`.

    Attributes:
        status_code: The HTTP status.
        headers: Names in lower case.
        body: The body as text.
    """

    __slots__ = ("status_code", "headers", "body")

    def __init__(self, status_code: int, headers: dict[str, str], body: str) -> None:
        self.status_code: int = status_code
        self.headers: dict[str, str] = headers
        self.body: str = body

    def json(self) -> Any:
        """The body as JSON; ValueError where it is none."""
        from ._native import parse_json

        return parse_json(self.body)


class Secret:
    """An API key that no repr or traceback shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "[redacted]"


def parse_time(text: object) -> datetime | None:
    """A time of the service: ISO 8601, UTC where it names no zone; None if it cannot be read."""
    if not isinstance(text, str):
        return None
    from datetime import UTC, datetime, timedelta

    from . import _native

    microseconds = _native.parse_time(text)
    if microseconds is None:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def take(fields: dict[str, Any], name: str, kind: type[T], default: D) -> T | D:
    """Takes a field. One of another type than documented stays: it is the object's `extra`."""
    value = fields.get(name)
    if value is None:
        fields.pop(name, None)
    elif isinstance(value, kind):
        del fields[name]
        return value
    return default


for _name in __all__:
    globals()[_name].__module__ = "sessionwire"

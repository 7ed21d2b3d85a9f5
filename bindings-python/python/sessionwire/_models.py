"""Models that both services share, and what all models are made of."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import Field
    from datetime import datetime
    from typing import Any, ClassVar, TypeVar

    T = TypeVar("T")
    D = TypeVar("D")

__all__ = ["DeleteResult", "RawResponse", "SuccessResult"]


class _DataclassPart:
    """What `dataclasses` asks of a class, made when somebody asks: pandas, FastAPI, msgspec and
    others know a dataclass. The import of `dataclasses` takes longer than that of this package."""

    __slots__ = ("_name",)

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, _instance: object, kind: type[Model]) -> Any:
        from ._data import as_dataclass

        made = as_dataclass(kind)
        if not kind.__slots__:
            # A base: what it kept, every record would inherit.
            return getattr(made, self._name)
        # pydantic takes only fields that are annotated.
        for name in ("__dataclass_fields__", "__dataclass_params__", "__annotations__"):
            setattr(kind, name, getattr(made, name))
        return getattr(made, self._name)


class Model:
    """A record: its fields are `__slots__`, and the parameters of the constructor."""

    __slots__: tuple[str, ...] = ()

    #: What tells a record from an object of the caller's.
    _is_record = True

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    else:
        __dataclass_fields__ = _DataclassPart()
        __dataclass_params__ = _DataclassPart()

    def to_dict(self) -> dict[str, Any]:
        """Its fields as JSON has them: `json.dumps` takes what it gives.

        Times are ISO 8601 text, bytes Base64, errors and other records objects.
        """
        from ._data import plain

        try:
            fields: dict[str, Any] = plain(self)
        except RecursionError:
            from ._errors import InvalidRequestError

            raise InvalidRequestError(
                f"This {type(self).__name__} holds lists or objects in one another that are too "
                "deep for JSON, or have no end. Make JSON of its fields yourself."
            ) from None
        return fields

    def __repr__(self) -> str:
        from ._short import line

        return line(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, generate: Any) -> Any:
        from ._data import pydantic_schema
        from ._errors import from_native

        return pydantic_schema(cls, generate.generate_schema, from_native)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)


class Listed(list["Any"]):
    """A list that is a table in a notebook; nothing else differs."""

    __slots__ = ()

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return Listed(found) if isinstance(at, slice) else found

    def _repr_html_(self) -> str | None:
        from ._views.records import listed

        return listed(self)


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
    from . import _native

    microseconds = _native.parse_time(text)
    return None if microseconds is None else moment(microseconds)


def moment(microseconds: int) -> datetime:
    """The time so many microseconds after 1970."""
    from datetime import UTC, datetime, timedelta

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

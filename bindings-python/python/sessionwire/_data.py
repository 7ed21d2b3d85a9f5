"""Results as plain data: dicts for JSON, and what other packages ask. Imported on use."""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys
import types
import typing
from enum import Enum
from typing import Any

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# What an event says of itself, in the order of Node's `JSON.stringify(event)`.
_EVENT = ("type", "id", "data", "text", "raw", "message_id", "received_at")
_TURN_EVENT = (*_EVENT, "block_id", "timestamp", "stream_entry_id")


def plain(value: Any) -> Any:
    """A value as JSON has it: times as ISO 8601 text, bytes as Base64, records as objects."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        # JSON has no number for these.
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "_is_record"):
        return {name: plain(getattr(value, name)) for name in value.__slots__}
    if isinstance(value, _native.Event):
        return event_dict(value)
    if isinstance(value, BaseException):
        return error_dict(value)
    if isinstance(value, bytes | bytearray | memoryview):
        from binascii import b2a_base64

        return b2a_base64(value, newline=False).decode()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return [plain(item) for item in value]
    return _foreign(value)


def _foreign(value: Any) -> Any:
    """An object of a class of the caller's."""
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, Enum):
        return plain(value.value)
    names: Any = ()
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    elif hasattr(value, "__attrs_attrs__"):
        names = [field.name for field in value.__attrs_attrs__]
    elif hasattr(value, "__struct_fields__"):
        names = value.__struct_fields__
    return {name: plain(getattr(value, name)) for name in names} if names else str(value)


def event_dict(event: Any) -> dict[str, Any]:
    """What an event says, as JSON has it."""
    names = _TURN_EVENT if isinstance(event, _native.TurnEvent) else _EVENT
    return {name: plain(getattr(event, name)) for name in names}


def error_dict(error: BaseException) -> dict[str, Any]:
    """What an error says: its class, its text, and each of its fields."""
    fields = {"name": type(error).__name__, "text": str(error)}
    # An error of this package says which attributes it has.
    names: tuple[str, ...] = getattr(error, "_fields", ())
    fields |= {name: plain(getattr(error, name, None)) for name in names}
    # What came and did not fit: it was paid for.
    if (result := getattr(error, "result", None)) is not None:
        fields["result"] = plain(result)
    return fields


def _told(error: dict[str, Any]) -> dict[str, Any]:
    """What `error_dict` told of an error; its events and its question are left out."""
    fields = {name: item for name, item in error.items() if name not in ("events", "question")}
    return {**fields, "name": str(error.get("name")), "text": str(error.get("text", ""))}


def as_dataclass(kind: Any) -> Any:
    """A dataclass with the fields of a record: what it says of them is true of the record, too."""
    hints = typing.get_type_hints(kind.__init__)
    given = inspect.signature(kind).parameters
    fields: list[Any] = []
    for name in kind.__slots__:
        default, wanted = given[name].default, hints[name]
        container = _container(wanted)
        if default is inspect.Parameter.empty:
            fields.append((name, wanted))
        elif default is None and container is not None:
            # What is left out is empty.
            empty = dataclasses.field(default_factory=typing.get_origin(container) or container)
            fields.append((name, container, empty))
        else:
            fields.append((name, wanted, dataclasses.field(default=default)))
    # Without a `repr`: `pprint` shows the record's own.
    return dataclasses.make_dataclass(kind.__name__, fields, repr=False, eq=False, kw_only=True)


def _container(wanted: Any) -> Any:
    """The list or dict of `list[...] | None`."""
    if typing.get_origin(wanted) not in (typing.Union, types.UnionType):
        return None
    others = [item for item in typing.get_args(wanted) if item is not type(None)]
    return others[0] if typing.get_origin(others[0]) in (list, dict) else None


# The records whose schemas are being made.
_begun: set[str] = set()


def pydantic_schema(kind: Any, generate: Any, make_error: Callable[[Any], Any]) -> Any:
    """How pydantic holds a record: an object of the class as it is, or made of its JSON; an
    error in it is made by `make_error`."""
    core = sys.modules["pydantic_core"].core_schema
    ref = f"sessionwire.{kind.__name__}:{id(kind)}"
    if ref in _begun:
        # A record that holds records of its own kind.
        return core.definition_reference_schema(ref)
    _begun.add(ref)
    try:
        return _pydantic_schema(core, kind, ref, generate, make_error)
    finally:
        _begun.discard(ref)


def _pydantic_schema(
    core: Any, kind: Any, ref: str, generate: Any, make_error: Callable[[Any], Any]
) -> Any:
    fields = {
        field.name: core.typed_dict_field(
            _field_schema(core, field.type, generate, make_error),
            required=field.default is field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    }
    made = core.no_info_after_validator_function(
        lambda given: kind(**given), core.typed_dict_schema(fields, cls_name=kind.__name__)
    )
    return core.json_or_python_schema(
        json_schema=made,
        python_schema=core.union_schema([core.is_instance_schema(kind), made]),
        # What is to be left out is left out of what this gives.
        serialization=core.wrap_serializer_function_ser_schema(
            _told_to, info_arg=True, schema=core.any_schema()
        ),
        ref=ref,
    )


def _told_to(record: Any, handler: Any, info: Any) -> Any:
    """A record as pydantic is told to give it."""
    fields = plain(record)
    if info.exclude_none and isinstance(fields, dict):
        fields = {name: item for name, item in fields.items() if item is not None}
    return handler(fields)


def _field_schema(core: Any, wanted: Any, generate: Any, make_error: Callable[[Any], Any]) -> Any:
    kinds = typing.get_args(wanted) or (wanted,)
    if any(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        told = core.no_info_after_validator_function(
            lambda error: make_error(_told(error)), core.dict_schema()
        )
        error = core.json_or_python_schema(
            told, core.union_schema([core.is_instance_schema(BaseException), told])
        )
        return core.nullable_schema(error)
    if wanted is bytes:
        from binascii import a2b_base64

        text = core.no_info_after_validator_function(a2b_base64, core.str_schema())
        return core.json_or_python_schema(
            text, core.union_schema([core.is_instance_schema(bytes), text])
        )
    return generate(_bare(wanted))


def _bare(wanted: Any) -> Any:
    """A type in which no record says what its `output` is: pydantic would take a record that does
    for a dataclass, and make it without its constructor."""
    origin: Any = typing.get_origin(wanted)
    inner = tuple(map(_bare, typing.get_args(wanted)))
    if hasattr(origin, "_is_record"):
        return origin
    if origin in (typing.Union, types.UnionType):
        return typing.Union[inner]  # noqa: UP007 (the members are known only here)
    return types.GenericAlias(origin, inner) if origin in (list, dict) else wanted

"""From a result to JSON and to objects of the user's classes. Imported on use."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections import abc
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

from . import _native
from ._errors import TaskError

T = TypeVar("T")

#: What JSON has only as a text, and how it is read.
TEXTS: dict[Any, tuple[str, Any]] = {
    datetime: ("date-time", datetime.fromisoformat),
    date: ("date", date.fromisoformat),
    time: ("time", time.fromisoformat),
    Decimal: ("decimal", Decimal),
    UUID: ("uuid", UUID),
}


#: What becomes of a list, and what is an object of any names.
SEQUENCES: dict[Any, Any] = {
    list: list,
    abc.Sequence: list,
    abc.Iterable: list,
    abc.Collection: list,
    tuple: tuple,
    set: set,
    abc.Set: set,
    frozenset: frozenset,
}
MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)


def find_json(data: Any, session_id: str) -> Any:
    """The JSON that a result holds, whatever is around it."""
    if not isinstance(data, str):
        return data
    found = _native.find_json(data)
    if found is None:
        raise _task_error(
            "The result holds no JSON. Read `text`, or ask for JSON.",
            "no_json",
            session_id,
        )
    return _native.parse_json(found)


def build(value: Any, model: Any, session_id: str) -> Any:
    """An object of `model` from JSON."""
    try:
        return convert(value, model, "the result")
    except Mismatch as mismatch:
        raise _task_error(
            f"The result does not fit {name_of(model)}: {mismatch}. "
            "Read its text, or describe the wanted fields to the agent.",
            "unexpected_shape",
            session_id,
        ) from mismatch.__cause__


class Mismatch(Exception):
    """What does not fit, and where."""


def convert(value: Any, wanted: Any, where: str) -> Any:
    """An object of the wanted type from JSON; Mismatch, or the type's own error."""
    wanted = plain(wanted)
    if wanted is Any or wanted is object:
        return value
    if validated := validator(wanted):
        return validated(value)
    if isinstance(wanted, type) and hasattr(wanted, "__struct_fields__"):
        # A msgspec struct: its package is imported already.
        return sys.modules["msgspec"].convert(value, wanted)
    if (fields := record(wanted)) is not None:
        return _record(value, wanted, fields, where)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return _member(value, wanted, where)
    if wanted in TEXTS:
        return _text(value, wanted, where)
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return _union(value, arguments, where)
    if origin is typing.Literal:
        # True is no 1.
        if any(value == one and type(value) is type(one) for one in arguments):
            return value
        raise Mismatch(f"{where} is {value!r}, not one of {arguments}")
    if origin in SEQUENCES:
        return _sequence(value, SEQUENCES[origin], arguments, where)
    if origin in MAPPINGS:
        expect(value, dict, where)
        return {
            key: convert(item, arguments[1], f"{where}[{key!r}]") for key, item in value.items()
        }
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if wanted is None or wanted is type(None):
        if value is None:
            return None
        raise Mismatch(f"{where} is not null")
    if wanted in (str, int, float, bool, list, dict):
        return expect(value, wanted, where)
    raise TypeError(cannot_build(wanted))


def cannot_build(wanted: Any) -> str:
    """What the error says of a type that is none of those."""
    return (
        f"parse() cannot build {name_of(wanted)}. Use a pydantic model or TypeAdapter, a msgspec "
        "struct, a dataclass, an attrs class, a TypedDict, a NamedTuple, an Enum, a date, or "
        "lists and dicts of those."
    )


def plain(wanted: Any) -> Any:
    """The type behind `Annotated`, `type X = ...`, `NewType` and `NotRequired`."""
    while True:
        origin = typing.get_origin(wanted)
        if origin is typing.Annotated:
            wanted = wanted.__origin__
        elif hasattr(wanted, "__supertype__"):
            wanted = wanted.__supertype__
        elif type(wanted).__name__ == "TypeAliasType":
            wanted = wanted.__value__
        elif is_mark(origin):
            wanted = typing.get_args(wanted)[0]
        else:
            return wanted


def is_mark(origin: Any) -> bool:
    """Whether it is `Required`, `NotRequired` or `ReadOnly`, of typing or typing_extensions."""
    name = getattr(origin, "_name", None)
    return not isinstance(origin, type) and name in ("Required", "NotRequired", "ReadOnly")


def validator(wanted: Any) -> Any:
    """The function of a pydantic model, dataclass or TypeAdapter that checks JSON, or None."""
    if validate := getattr(wanted, "model_validate_json", None):
        return lambda value: validate(_dumped(value))
    if isinstance(wanted, type) and (validate := getattr(wanted, "model_validate", None)):
        return validate
    if isinstance(wanted, type) and hasattr(wanted, "__pydantic_validator__"):
        wanted = sys.modules["pydantic"].TypeAdapter(wanted)
    if isinstance(wanted, type):
        return None
    if validate := getattr(wanted, "validate_json", None):
        return lambda value: validate(_dumped(value))
    return getattr(wanted, "validate_python", None)


def _dumped(value: Any) -> str:
    import json

    return json.dumps(value)


def record(wanted: Any) -> list[tuple[str, Any, bool]] | None:
    """The fields of a dataclass, attrs class, TypedDict or NamedTuple: their names, types, and
    whether they are required. None for other types."""
    if not isinstance(wanted, type):
        return None
    if dataclasses.is_dataclass(wanted):
        missing = dataclasses.MISSING
        found = [
            (field.name, field.name, field.default is missing and field.default_factory is missing)
            for field in dataclasses.fields(wanted)
            if field.init
        ]
    elif attributes := getattr(wanted, "__attrs_attrs__", None):
        nothing = sys.modules["attr"].NOTHING
        found = [(one.alias, one.name, one.default is nothing) for one in attributes if one.init]
    elif hasattr(wanted, "__required_keys__"):
        hints = hints_of(wanted)
        return [(name, hint, _required(wanted, name, hint)) for name, hint in hints.items()]
    elif issubclass(wanted, tuple) and (names := getattr(wanted, "_fields", None)):
        defaults = getattr(wanted, "_field_defaults", {})
        found = [(name, name, name not in defaults) for name in names]
    else:
        return None
    hints = hints_of(wanted)
    return [(key, hints.get(name, Any), required) for key, name, required in found]


def hints_of(wanted: type) -> dict[str, Any]:
    """The types of its fields, with what `Annotated` adds."""
    try:
        return typing.get_type_hints(wanted, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"The fields of {name_of(wanted)} cannot be read: {error}. Define what they "
            "name at the top of a module."
        ) from None


def _required(wanted: Any, name: str, hint: Any) -> bool:
    mark = typing.get_origin(hint)
    while is_mark(mark) and mark._name == "ReadOnly":
        hint = typing.get_args(hint)[0]
        mark = typing.get_origin(hint)
    if is_mark(mark):
        return bool(mark._name == "Required")
    return name in wanted.__required_keys__


def _record(value: Any, wanted: Any, fields: list[tuple[str, Any, bool]], where: str) -> Any:
    if isinstance(value, list) and issubclass(wanted, tuple) and len(value) <= len(fields):
        value = dict(zip([name for name, _, _ in fields], value, strict=False))
    found: dict[str, Any] = expect(value, dict, where)
    given: dict[str, Any] = {}
    for name, hint, required in fields:
        if name in found:
            given[name] = convert(found[name], hint, f"{where}.{name}")
        elif required:
            raise Mismatch(f"{where} has no field {name!r}")
    try:
        return wanted(**given)
    except (ValueError, TypeError) as refused:
        # What the class itself says, such as a validator.
        raise Mismatch(f"{where}: {refused}") from refused


def _member(value: Any, wanted: type[Enum], where: str) -> Enum:
    for member in wanted:
        if member.value == value and isinstance(value, bool) == isinstance(member.value, bool):
            return member
    raise Mismatch(f"{where} is {value!r}, not one of {[member.value for member in wanted]}")


def _text(value: Any, wanted: Any, where: str) -> Any:
    form, read = TEXTS[wanted]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not isinstance(value, str) and not (wanted is Decimal and number):
        raise Mismatch(f"{where} is {name_of(type(value))}, not a text ({form})")
    try:
        return read(str(value))
    except (ValueError, ArithmeticError):
        raise Mismatch(f"{where} is {value!r}, which is no {form}") from None


def _union(value: Any, choices: tuple[Any, ...], where: str) -> Any:
    if value is None and type(None) in choices:
        return None
    problems: list[str] = []
    for choice in choices:
        if choice is type(None):
            continue
        try:
            return convert(value, choice, where)
        except (Mismatch, ValueError) as problem:
            problems.append(str(problem))
    raise Mismatch("; ".join(problems) or f"{where} fits none of the choices")


def _sequence(value: Any, kind: Any, arguments: tuple[Any, ...], where: str) -> Any:
    expect(value, list, where)
    if kind is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        if len(arguments) != len(value):
            raise Mismatch(f"{where} has {len(value)} entries, not {len(arguments)}")
        pairs = zip(value, arguments, strict=True)
    else:
        pairs = zip(value, [arguments[0]] * len(value), strict=True)
    items = [convert(item, wanted, f"{where}[{at}]") for at, (item, wanted) in enumerate(pairs)]
    return kind(items)


def expect(value: Any, kind: type, where: str) -> Any:
    """The value, if it is of this JSON type."""
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise Mismatch(f"{where} is {name_of(type(value))}, not {name_of(kind)}")


def name_of(kind: Any) -> str:
    """A type's name for a person."""
    return kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)


def _task_error(text: str, reason: str, session_id: str) -> TaskError:
    error = TaskError(text)
    error.reason = reason
    error.session_id = session_id
    return error

"""From a result to JSON and to objects of the user's classes. Imported on use."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from typing import Any, TypeVar

from . import _native
from ._errors import TaskError

T = TypeVar("T")


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


def build(value: Any, model: type[T], session_id: str) -> T:
    """An object of `model` from JSON."""
    try:
        return typing.cast("T", _convert(value, model, "the result"))
    except _Mismatch as mismatch:
        raise _task_error(
            f"The result does not fit {_name(model)}: {mismatch}. "
            "Read its text, or describe the wanted fields to the agent.",
            "unexpected_shape",
            session_id,
        ) from None


class _Mismatch(Exception):
    pass


def _convert(value: Any, wanted: Any, where: str) -> Any:
    if wanted is Any or wanted is object:
        return value
    if isinstance(wanted, type) and (validate := getattr(wanted, "model_validate", None)):
        return validate(value)
    if isinstance(wanted, type) and hasattr(wanted, "__struct_fields__"):
        # A msgspec struct: its package is imported already.
        return sys.modules["msgspec"].convert(value, wanted)
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        return _dataclass(value, wanted, where)
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return _union(value, arguments, where)
    if origin is typing.Literal:
        if value in arguments:
            return value
        raise _Mismatch(f"{where} is {value!r}, not one of {arguments}")
    if origin in (list, tuple, set, frozenset):
        return _sequence(value, origin, arguments, where)
    if origin is dict:
        _expect(value, dict, where)
        return {
            key: _convert(item, arguments[1], f"{where}[{key!r}]") for key, item in value.items()
        }
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted is None or wanted is type(None):
        if value is None:
            return None
        raise _Mismatch(f"{where} is not null")
    if wanted in (str, int, float, bool, list, dict):
        return _expect(value, wanted, where)
    raise TypeError(
        f"parse() cannot build {_name(wanted)}. Use a pydantic model, a msgspec struct, "
        "a dataclass, or lists and dicts of those."
    )


def _dataclass(value: Any, wanted: Any, where: str) -> Any:
    _expect(value, dict, where)
    hints = typing.get_type_hints(wanted)
    given: dict[str, Any] = {}
    for field in dataclasses.fields(wanted):
        if not field.init:
            continue
        if field.name in value:
            given[field.name] = _convert(
                value[field.name], hints[field.name], f"{where}.{field.name}"
            )
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise _Mismatch(f"{where} has no field {field.name!r}")
    return wanted(**given)


def _union(value: Any, choices: tuple[Any, ...], where: str) -> Any:
    if value is None and type(None) in choices:
        return None
    problems: list[str] = []
    for choice in choices:
        if choice is type(None):
            continue
        try:
            return _convert(value, choice, where)
        except (_Mismatch, ValueError) as problem:
            problems.append(str(problem))
    raise _Mismatch("; ".join(problems) or f"{where} fits none of the choices")


def _sequence(value: Any, kind: Any, arguments: tuple[Any, ...], where: str) -> Any:
    _expect(value, list, where)
    if kind is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        if len(arguments) != len(value):
            raise _Mismatch(f"{where} has {len(value)} entries, not {len(arguments)}")
        pairs = zip(value, arguments, strict=True)
    else:
        pairs = zip(value, [arguments[0]] * len(value), strict=True)
    items = [_convert(item, wanted, f"{where}[{at}]") for at, (item, wanted) in enumerate(pairs)]
    return kind(items)


def _expect(value: Any, kind: type, where: str) -> Any:
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise _Mismatch(f"{where} is {_name(type(value))}, not {_name(kind)}")


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)


def _task_error(text: str, reason: str, session_id: str) -> TaskError:
    error = TaskError(text)
    error.reason = reason
    error.session_id = session_id
    return error

"""From a result to JSON and to objects of the user's classes. Imported on use."""

from __future__ import annotations

import dataclasses
import math
import re
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

#: The keys of an object are texts: which numbers they are.
NUMBERS = {int: r"-?[0-9]+", float: r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"}


def find_json(data: Any, session_id: str) -> Any:
    """The JSON that a result holds, whatever is around it."""
    if not isinstance(data, str):
        return data
    found = _native.find_json(data)
    if found is None:
        raise _no_json(session_id)
    return _native.parse_json(found)


def build(data: Any, model: Any, session_id: str) -> Any:
    """An object of `model` from a result."""
    try:
        return read(data, model)
    except NoJson:
        raise _no_json(session_id) from None
    except Mismatch as mismatch:
        raise _task_error(
            f"The result does not fit {name_of(model)}: {mismatch}. "
            "Read its text, or describe the wanted fields to the agent.",
            "unexpected_shape",
            session_id,
        ) from mismatch.__cause__


class Mismatch(Exception):
    """What does not fit, and where."""


class NoJson(Mismatch):
    """There is nothing that could fit."""


def read(data: Any, wanted: Any) -> Any:
    """A result as the wanted type: of the pieces of JSON in a text the last one that fits, else
    the text itself, such as an Enum's value or a date."""
    if not isinstance(data, str):
        return convert(data, wanted, "the result")
    misfit: Exception = NoJson()
    longest = 0
    for found in _native.find_all_json(data):
        try:
            return convert(_exactly(found), wanted, "the result")
        except Exception as error:
            # What is said of several is said of the longest.
            if len(found) > longest:
                misfit, longest = error, len(found)
    try:
        if text := data.strip():
            return convert(text, wanted, "the result")
    except (Mismatch, ValueError, AssertionError):
        pass
    raise misfit


class Exact(float):
    """A number that knows how it was written: what becomes a Decimal is not rounded."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> Exact:
        made = super().__new__(cls, text)
        made.text = text
        return made

    text: str


def _exactly(text: str) -> Any:
    import json

    return json.loads(text, parse_float=Exact)


def _inexact(value: Any) -> Any:
    """The same with plain numbers, as everybody else wants them."""
    if isinstance(value, Exact):
        return float(value)
    if isinstance(value, list):
        return [_inexact(item) for item in value]
    if isinstance(value, dict):
        return {key: _inexact(item) for key, item in value.items()}
    return value


def _written(value: Any) -> str:
    """The value as JSON, with each number as it was written."""
    import json

    if isinstance(value, Exact):
        return value.text
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, dict):
        members = (f"{json.dumps(key)}:{_written(item)}" for key, item in value.items())
        return f"{{{','.join(members)}}}"
    return json.dumps(value)


class Fit:
    """How well a value fits: a union takes what fits best."""

    __slots__ = ("bent", "known", "lost", "unset")

    def __init__(self, known: dict[Any, Any]) -> None:
        # Fields that nobody takes, fields that are left to their defaults, numbers that were
        # written as another kind of number.
        self.lost = self.unset = self.bent = 0
        # What was found out about types.
        self.known = known

    def rank(self) -> tuple[int, int, int]:
        return (self.lost, self.unset, self.bent)

    def add(self, part: Fit) -> None:
        self.lost += part.lost
        self.unset += part.unset
        self.bent += part.bent

    def fields(self, wanted: Any) -> list[tuple[str, Any, bool]] | None:
        if wanted not in self.known:
            self.known[wanted] = record(wanted)
        found: list[tuple[str, Any, bool]] | None = self.known[wanted]
        return found

    def adapter(self, wanted: Any, of: Any = None) -> Any:
        """pydantic's adapter of a type, or of what is made `of` it."""
        # By its id: what `Annotated` holds need not be hashable. It is kept beside its adapter.
        place = (id(wanted), of is None)
        if place not in self.known:
            self.known[place] = (adapter(wanted if of is None else of), wanted)
        return self.known[place][0]


def convert(value: Any, wanted: Any, where: str, fit: Fit | None = None) -> Any:
    """An object of the wanted type from JSON; Mismatch, or the type's own error."""
    fit = Fit({}) if fit is None else fit
    wanted = plain(wanted)
    if wanted is Any or wanted is object:
        return _inexact(value)
    try:
        if (checked := _by_others(value, wanted, fit)) is not _by_others:
            return checked
    except ValueError as refused:
        if typing.get_origin(wanted) is not typing.Annotated:
            raise
        raise Mismatch(f"{where}: {refused}") from refused
    if isinstance(wanted, list | dict | set):
        raise TypeError(cannot_build(wanted))
    if (fields := fit.fields(wanted)) is not None:
        return _record(value, wanted, fields, where, fit)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return _member(value, wanted, where)
    if wanted in TEXTS:
        return _text(value, wanted, where)
    origin, arguments = parts(wanted)
    if origin in (typing.Union, types.UnionType):
        return _union(value, arguments, where, fit)
    if origin is typing.Literal:
        return _literal(value, arguments, where)
    if origin in SEQUENCES:
        return _sequence(value, SEQUENCES[origin], arguments, where, fit)
    if origin in MAPPINGS:
        return _mapping(value, arguments, where, fit)
    if wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        fit.bent += isinstance(value, int)
        return float(value)
    if wanted is int and isinstance(value, float) and value.is_integer():
        fit.bent += 1
        return int(value)
    if wanted is None or wanted is type(None):
        if value is None:
            return None
        raise Mismatch(f"{where} is not null")
    if wanted in (str, int, float, bool):
        return expect(value, wanted, where)
    raise TypeError(cannot_build(wanted))


def cannot_build(wanted: Any) -> str:
    """What the error says of a type that is none of those."""
    if isinstance(wanted, str):
        return f"{wanted!r} is a text. Pass the class itself."
    if isinstance(wanted, list) and len(wanted) == 1:
        return f"{wanted!r:.80} is a list. Pass list[{name_of(wanted[0])}]."
    return (
        f"parse() cannot build {name_of(wanted)}. Use a pydantic model or TypeAdapter, a msgspec "
        "struct, a dataclass, an attrs class, a TypedDict, a NamedTuple, an Enum, a date, or "
        "lists and dicts of those."
    )


def plain(wanted: Any) -> Any:
    """The type behind `Annotated`, `type X = ...`, `NewType` and `NotRequired`; an `Annotated`
    with rules stays."""
    while True:
        origin = typing.get_origin(wanted)
        if origin is typing.Annotated:
            if rules(wanted) is not None:
                return wanted
            wanted = wanted.__origin__
        elif hasattr(wanted, "__supertype__"):
            wanted = wanted.__supertype__
        elif type(wanted).__name__ == "TypeAliasType":
            wanted = wanted.__value__
        elif is_mark(origin):
            wanted = typing.get_args(wanted)[0]
        elif isinstance(wanted, TypeVar):
            # A generic class without its brackets.
            wanted = wanted.__bound__ or Any
        else:
            return wanted


def parts(wanted: Any) -> tuple[Any, tuple[Any, ...]]:
    """What a type is made of. A container without brackets holds anything."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is None or (not arguments and (origin is not tuple or wanted is typing.Tuple)):  # noqa: UP006
        origin = origin or wanted
        if origin in MAPPINGS:
            arguments = (Any, Any)
        elif origin in SEQUENCES:
            arguments = (Any, Ellipsis) if origin is tuple else (Any,)
    return origin, arguments


def is_mark(origin: Any) -> bool:
    """Whether it is `Required`, `NotRequired` or `ReadOnly`, of typing or typing_extensions."""
    name = getattr(origin, "_name", None)
    return not isinstance(origin, type) and name in ("Required", "NotRequired", "ReadOnly")


def rules(annotated: Any) -> str | None:
    """The package that checks what `Annotated` says besides its type: `Gt(0)`, for example."""
    for told in annotated.__metadata__:
        if hasattr(told, "__get_pydantic_core_schema__"):
            return "pydantic"
        for kind in type(told).__mro__:
            package = kind.__module__.partition(".")[0]
            if package in ("pydantic", "annotated_types"):
                return "pydantic"
            if package == "msgspec":
                return "msgspec"
    return None


def is_struct(wanted: Any) -> bool:
    """Whether msgspec reads it: its package is imported already then."""
    if typing.get_origin(wanted) is typing.Annotated:
        return rules(wanted) == "msgspec"
    return hasattr(typing.get_origin(wanted) or wanted, "__struct_fields__")


def is_model(wanted: Any) -> bool:
    """Whether pydantic reads it by an adapter: what is no class of its own."""
    if typing.get_origin(wanted) is typing.Annotated:
        return rules(wanted) == "pydantic"
    return (
        isinstance(wanted, type)
        and hasattr(wanted, "__pydantic_validator__")
        and not hasattr(wanted, "model_validate_json")
    )


def adapter(wanted: Any) -> Any:
    """pydantic's adapter of a type."""
    pydantic = sys.modules.get("pydantic")
    if pydantic is None:
        raise TypeError(
            f"{name_of(wanted)} has rules that pydantic checks. Import pydantic, or leave them out."
        )
    return pydantic.TypeAdapter(wanted)


def _by_others(value: Any, wanted: Any, fit: Fit) -> Any:
    """What pydantic or msgspec makes of it; this function itself where it is none of theirs."""
    if is_struct(wanted):
        made = sys.modules["msgspec"].json.decode(_written(value), type=wanted)
    elif is_model(wanted):
        made = fit.adapter(wanted).validate_json(_written(value))
    elif validate := getattr(wanted, "model_validate_json", None):
        made = validate(_written(value))
    elif isinstance(wanted, type):
        if not (validate := getattr(wanted, "model_validate", None)):
            return _by_others
        made = validate(_inexact(value))
    elif validate := getattr(wanted, "validate_json", None):
        made = validate(_written(value))
    elif validate := getattr(wanted, "validate_python", None):
        made = validate(_inexact(value))
    else:
        return _by_others
    if isinstance(value, dict) and (names := field_names(wanted)):
        fit.lost += len(value.keys() - names)
        fit.unset += len(names) - len(value.keys() & names)
    return made


def field_names(wanted: Any) -> set[str]:
    """The names that the fields of a class have in JSON; none where it takes any."""
    kind = typing.get_origin(wanted) or wanted
    if (config := getattr(kind, "__struct_config__", None)) is not None:
        return {*kind.__struct_encode_fields__, *filter(None, [config.tag_field])}
    if (fields := record(wanted)) is not None:
        return {name for name, _, _ in fields}
    models: dict[str, Any] = getattr(kind, "model_fields", {}) if isinstance(kind, type) else {}
    if "root" in models or getattr(kind, "model_config", {}).get("extra") == "allow":
        return set()
    aliases = ((name, getattr(field, "validation_alias", None)) for name, field in models.items())
    return {alias if isinstance(alias, str) else name for name, alias in aliases}


def record(wanted: Any) -> list[tuple[str, Any, bool]] | None:
    """The fields of a dataclass, attrs class, TypedDict or NamedTuple: their names, types, and
    whether they are required. None for other types."""
    kind = typing.get_origin(wanted) or wanted
    if not isinstance(kind, type):
        return None
    if dataclasses.is_dataclass(kind):
        hints = hints_of(wanted)
        missing = dataclasses.MISSING
        found = [
            (name, name, field.default is missing and field.default_factory is missing)
            # Those that only the constructor takes are not among `fields`.
            for name, field in kind.__dataclass_fields__.items()
            if isinstance(hints.get(name), dataclasses.InitVar)
            or (field.init and field in dataclasses.fields(kind))
        ]
    elif attributes := getattr(kind, "__attrs_attrs__", None):
        hints = hints_of(wanted)
        nothing = sys.modules["attr"].NOTHING
        found = [(one.alias, one.name, one.default is nothing) for one in attributes if one.init]
    elif hasattr(kind, "__required_keys__"):
        hints = hints_of(wanted)
        return [(name, hint, _required(kind, name, hint)) for name, hint in hints.items()]
    elif issubclass(kind, tuple) and (names := getattr(kind, "_fields", None)):
        hints = hints_of(wanted)
        defaults = getattr(kind, "_field_defaults", {})
        found = [(name, name, name not in defaults) for name in names]
    else:
        return None
    return [(key, _init(hints.get(name, Any)), required) for key, name, required in found]


def _init(hint: Any) -> Any:
    return hint.type if isinstance(hint, dataclasses.InitVar) else hint


def hints_of(wanted: Any) -> dict[str, Any]:
    """The types of its fields, with what `Annotated` adds, and with the types that a generic
    class was given."""
    kind = typing.get_origin(wanted) or wanted
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"The fields of {name_of(wanted)} cannot be read: {error}. Define what they "
            "name at the top of a module."
        ) from None
    if kind is wanted:
        return hints
    given = dict(zip(kind.__parameters__, typing.get_args(wanted), strict=False))
    return {name: _filled(hint, given) for name, hint in hints.items()}


def _filled(hint: Any, given: dict[Any, Any]) -> Any:
    if isinstance(hint, dataclasses.InitVar):
        return _filled(hint.type, given)
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    open_ones = getattr(hint, "__parameters__", ())
    if not open_ones or (isinstance(hint, type) and not typing.get_args(hint)):
        # The parameters of a class without brackets are its own matter.
        return hint
    generic: Any = hint
    return generic[tuple(given.get(one, one) for one in open_ones)]


def _required(wanted: Any, name: str, hint: Any) -> bool:
    mark = typing.get_origin(hint)
    while is_mark(mark) and mark._name == "ReadOnly":
        hint = typing.get_args(hint)[0]
        mark = typing.get_origin(hint)
    if is_mark(mark):
        return bool(mark._name == "Required")
    return name in wanted.__required_keys__


def _record(
    value: Any, wanted: Any, fields: list[tuple[str, Any, bool]], where: str, fit: Fit
) -> Any:
    kind = typing.get_origin(wanted) or wanted
    if isinstance(value, list) and issubclass(kind, tuple) and len(value) <= len(fields):
        value = dict(zip([name for name, _, _ in fields], value, strict=False))
    found: dict[str, Any] = expect(value, dict, where)
    given: dict[str, Any] = {}
    for name, hint, required in fields:
        if name in found:
            given[name] = convert(found[name], hint, f"{where}.{name}", fit)
        elif required:
            raise Mismatch(f"{where} has no field {name!r}")
    fit.lost += len(found) - len(given)
    fit.unset += len(fields) - len(given)
    try:
        return kind(**given)
    except (ValueError, TypeError) as refused:
        # What the class itself says, such as a validator.
        raise Mismatch(f"{where}: {refused}") from refused


def as_json(value: Any) -> Any:
    """The value of an Enum's member or of a Literal, as JSON has it. TypeError for one that it
    has not."""
    if isinstance(value, Enum):
        return as_json(value.value)
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: as_json(item) for key, item in value.items()}
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise TypeError(
        f"JSON has no value such as {value!r:.60}. Use texts and numbers, and make of them what "
        "you want afterwards."
    )


def _member(value: Any, wanted: type[Enum], where: str) -> Enum:
    for member in wanted:
        if _same(value, member):
            return member
    raise Mismatch(f"{where} is {value!r}, not one of {[as_json(member) for member in wanted]}")


def _literal(value: Any, choices: tuple[Any, ...], where: str) -> Any:
    for one in choices:
        if _same(value, one) and (isinstance(one, Enum) or type(value) is type(one)):
            return one
    raise Mismatch(f"{where} is {value!r}, not one of {tuple(map(as_json, choices))}")


def _same(value: Any, one: Any) -> bool:
    """Whether this is its JSON. True is no 1."""
    form = as_json(one)
    return bool(form == value) and isinstance(value, bool) == isinstance(form, bool)


def _text(value: Any, wanted: Any, where: str) -> Any:
    form, make = TEXTS[wanted]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not isinstance(value, str) and not (wanted is Decimal and number):
        raise Mismatch(f"{where} is {kind_of(value)}, not a text ({form})")
    try:
        made = make(value.text if isinstance(value, Exact) else str(value))
    except (ValueError, ArithmeticError):
        made = None
    # "NaN" is no amount.
    if made is None or (wanted is Decimal and not made.is_finite()):
        raise Mismatch(f"{where} is {value!r}, which is no {form}")
    return made


def _union(value: Any, choices: tuple[Any, ...], where: str, fit: Fit) -> Any:
    if value is None and type(None) in choices:
        return None
    problems: list[str] = []
    found: list[tuple[Fit, Any, Any]] = []
    for choice in choices:
        if choice is type(None):
            continue
        part = Fit(fit.known)
        try:
            found.append((part, choice, convert(value, choice, where, part)))
        except (Mismatch, ValueError, AssertionError) as problem:
            problems.append(str(problem))
    if not found:
        raise Mismatch("; ".join(problems) or f"{where} fits none of the choices")
    best, chosen, made = min(found, key=lambda one: one[0].rank())
    alike = [
        name_of(choice)
        for part, choice, _ in found
        if part.rank() == best.rank() and has_fields(choice)
    ]
    if has_fields(chosen) and len(alike) > 1:
        raise Mismatch(
            f"{where} fits {' and '.join(alike)} alike. Give a field that only one of them has"
        )
    fit.add(best)
    return made


def has_fields(wanted: Any) -> bool:
    """Whether it is a class with fields, of whatever package."""
    wanted = plain(wanted)
    return record(wanted) is not None or bool(field_names(wanted))


def _sequence(value: Any, kind: Any, arguments: tuple[Any, ...], where: str, fit: Fit) -> Any:
    expect(value, list, where)
    if kind is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        if len(arguments) != len(value):
            raise Mismatch(f"{where} has {len(value)} entries, not {len(arguments)}")
        pairs = zip(value, arguments, strict=True)
    else:
        pairs = zip(value, [arguments[0]] * len(value), strict=True)
    items = [
        convert(item, wanted, f"{where}[{at}]", fit) for at, (item, wanted) in enumerate(pairs)
    ]
    try:
        return kind(items)
    except TypeError as refused:
        # A list in a set, for example.
        raise Mismatch(f"{where} cannot be a set: {refused}") from refused


def _mapping(value: Any, arguments: tuple[Any, ...], where: str, fit: Fit) -> Any:
    made: dict[Any, Any] = {}
    for text, item in expect(value, dict, where).items():
        key = _key(text, arguments[0], where, fit)
        if key in made:
            raise Mismatch(f"{where} has two keys for {key!r}: {text!r} is the second")
        made[key] = convert(item, arguments[1], f"{where}[{text!r}]", fit)
    return made


def _key(text: str, wanted: Any, where: str, fit: Fit) -> Any:
    """The key of a dict: JSON has it as a text, whatever it is."""
    wanted = plain(wanted)
    if wanted in (Any, object, str):
        return text
    if typing.get_origin(wanted) is typing.Annotated:
        written, keys = _written({text: None}), types.GenericAlias(dict, (wanted, Any))
        if is_struct(wanted):
            return next(iter(sys.modules["msgspec"].json.decode(written, type=keys)))
        return next(iter(fit.adapter(wanted, keys).validate_json(written)))
    if (known := key_texts(wanted)) is not None:
        if text in known:
            return known[text]
        raise Mismatch(f"{where} has the key {text!r}, which is not one of {list(known)}")
    if wanted in NUMBERS:
        if re.fullmatch(NUMBERS[wanted], text):
            return wanted(text)
        raise Mismatch(f"{where} has the key {text!r}, which is no {name_of(wanted)}")
    if wanted in TEXTS:
        return _text(text, wanted, f"{where}: the key {text!r}")
    problems: list[str] = []
    for choice in typing.get_args(wanted):
        try:
            return _key(text, choice, where, fit)
        except (Mismatch, ValueError) as problem:
            problems.append(str(problem))
    raise Mismatch("; ".join(problems))


def key_texts(wanted: Any) -> dict[str, Any] | None:
    """The keys of a bool, an Enum or a Literal, by their texts in JSON; None for others."""
    if wanted is bool:
        return {"false": False, "true": True}
    ones: Any = None
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        ones = wanted
    elif typing.get_origin(wanted) is typing.Literal:
        ones = typing.get_args(wanted)
    if ones is None:
        return None
    forms = [(as_json(one), one) for one in ones]
    return {form if isinstance(form, str) else _written(form): one for form, one in forms}


def expect(value: Any, kind: type, where: str) -> Any:
    """The value, if it is of this JSON type."""
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise Mismatch(f"{where} is {kind_of(value)}, not {name_of(kind)}")


def kind_of(value: Any) -> str:
    """The name of a value's JSON type."""
    return "float" if isinstance(value, float) else name_of(type(value))


def name_of(kind: Any) -> str:
    """A type's name for a person."""
    return kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)


def _no_json(session_id: str) -> TaskError:
    text = "The result holds no JSON. Read `text`, or ask for JSON."
    return _task_error(text, "no_json", session_id)


def _task_error(text: str, reason: str, session_id: str) -> TaskError:
    error = TaskError(text)
    error.reason = reason
    error.session_id = session_id
    return error

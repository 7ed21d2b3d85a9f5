"""The JSON schema of a type. Imported on use."""

from __future__ import annotations

import inspect
import itertools
import json
import re
import sys
import types
import typing
from enum import Enum
from typing import Any

from ._parse import (
    MAPPINGS,
    NUMBERS,
    SEQUENCES,
    TEXTS,
    adapter,
    as_json,
    cannot_build,
    has_fields,
    is_mark,
    is_model,
    is_struct,
    key_texts,
    name_of,
    parts,
    plain,
    record,
)

NAMES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
}


def check_type(model: Any) -> None:
    """TypeError for a type that no JSON becomes: nobody pays for a result that cannot fit."""
    try:
        _Definitions(asks_others=False).schema(model)
    except RecursionError:
        raise TypeError(
            f"{name_of(model)} is made of itself. Make a class of it, such as a dataclass."
        ) from None


def schema_of(model: Any) -> dict[str, Any]:
    """The JSON schema of a type, as `parse` reads it. TypeError for one that it cannot build."""
    definitions = _Definitions()
    found = definitions.schema(model)
    name = found.get("$ref", "").removeprefix("#/$defs/")
    if name in definitions.named and f'"#/$defs/{name}"' not in json.dumps(definitions.named):
        # Nothing else refers to it.
        found = definitions.named.pop(name)
    if definitions.named:
        found = {**found, "$defs": definitions.named}
    return found


def schema_text(model: Any) -> str:
    """The same as a short text."""
    return json.dumps(schema_of(model), ensure_ascii=False, separators=(",", ":"))


class _Definitions:
    """The schemas that have a name, each once."""

    def __init__(self, asks_others: bool = True) -> None:
        # Whether schemas of other packages are made.
        self._asks_others = asks_others
        self.named: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def schema(self, wanted: Any) -> dict[str, Any]:
        told = description_in(wanted)
        found = self._schema(plain(wanted))
        return {**found, "description": told} if told else found

    def _schema(self, wanted: Any) -> dict[str, Any]:
        if wanted is Any or wanted is object:
            return {}
        if isinstance(wanted, list | dict | set):
            raise TypeError(cannot_build(wanted))
        if is_foreign(wanted):
            if is_model(wanted):
                wanted = adapter(wanted)
            return self._take_over(_foreign(wanted)) if self._asks_others else {}
        if record(wanted) is not None:
            return self._record(wanted)
        if isinstance(wanted, type) and issubclass(wanted, Enum):
            return {"enum": _values(wanted, wanted)}
        if wanted in TEXTS:
            return {"type": "string", "format": TEXTS[wanted][0]}
        if wanted is None or wanted is type(None):
            return {"type": "null"}
        origin, arguments = parts(wanted)
        if origin in (typing.Union, types.UnionType):
            _tell_apart(arguments)
            return {"anyOf": [self.schema(choice) for choice in arguments]}
        if origin is typing.Literal:
            return {"enum": _values(arguments, wanted)}
        if origin in MAPPINGS:
            keys = _key_schema(arguments[0])
            found = {"type": "object", "additionalProperties": self.schema(arguments[1])}
            return {**found, "propertyNames": keys} if keys else found
        if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
            items = [self.schema(item) for item in arguments]
            size = {"minItems": len(items), "maxItems": len(items)}
            return {"type": "array", "prefixItems": items, **size}
        if origin in SEQUENCES:
            if SEQUENCES[origin] in (set, frozenset) and (without := _without_hash(arguments[0])):
                raise TypeError(
                    f"{name_of(wanted)} cannot hold {without}, which has no hash. Use a list, or "
                    "make the class frozen."
                )
            return {"type": "array", "items": self.schema(arguments[0])}
        if wanted in NAMES:
            return {"type": NAMES[wanted]}
        raise TypeError(cannot_build(wanted))

    def _record(self, wanted: Any) -> dict[str, Any]:
        if wanted not in self._names:
            name = self._names[wanted] = self._free(re.sub(r"\W+", "_", name_of(wanted)))
            self.named[name] = {}
            fields = record(wanted) or []
            _check_constructor(wanted, fields)
            found: dict[str, Any] = {"type": "object"}
            if told := _docstring(wanted):
                found["description"] = told
            found["properties"] = {key: self.schema(hint) for key, hint, _ in fields}
            found["required"] = [key for key, _, required in fields if required]
            self.named[name] = found
        return {"$ref": f"#/$defs/{self._names[wanted]}"}

    def _take_over(self, foreign: dict[str, Any]) -> dict[str, Any]:
        """A schema that another package made; what it names may be named here already."""
        foreign = dict(foreign)
        others: dict[str, Any] = foreign.pop("$defs", {})
        renamed = {
            name: name if self.named.get(name) == schema else self._free(name)
            for name, schema in others.items()
        }
        for name, schema in others.items():
            self.named[renamed[name]] = _with_names(schema, renamed)
        taken: dict[str, Any] = _with_names(foreign, renamed)
        return taken

    def _free(self, name: str) -> str:
        found, number = name, 1
        while found in self.named:
            number += 1
            found = f"{name}{number}"
        return found


def description_in(wanted: Any) -> str:
    """The text of `Annotated[str, "in euros"]`."""
    if typing.get_origin(wanted) is typing.Annotated:
        # `Doc("...")` of typing_extensions is the same.
        texts = (getattr(one, "documentation", one) for one in wanted.__metadata__)
        return next((text for text in texts if isinstance(text, str)), "")
    return description_in(typing.get_args(wanted)[0]) if is_mark(typing.get_origin(wanted)) else ""


def is_foreign(wanted: Any) -> bool:
    """Whether another package reads it, and knows its schema."""
    own = "model_json_schema" if isinstance(wanted, type) else "validate_python"
    return is_struct(wanted) or is_model(wanted) or hasattr(wanted, own)


def _foreign(wanted: Any) -> dict[str, Any]:
    """The schema of what knows its own."""
    if is_struct(wanted):
        msgspec: Any = sys.modules["msgspec"]
        made: dict[str, Any] = msgspec.json.schema(wanted)
        return made
    if hasattr(wanted, "model_json_schema"):
        return dict(wanted.model_json_schema())
    if not hasattr(wanted, "json_schema"):
        raise TypeError(f"{name_of(wanted)} has no `json_schema()`.")
    return dict(wanted.json_schema())


def _values(ones: Any, wanted: Any) -> list[Any]:
    """What an Enum or a Literal has, as JSON has it."""
    try:
        found = [as_json(one) for one in ones]
    except TypeError as error:
        raise TypeError(f"{name_of(wanted)}: {error}") from None
    if not found:
        raise TypeError(f"{name_of(wanted)} has no values, so that nothing fits it. Add some.")
    return found


def _key_schema(wanted: Any) -> dict[str, Any]:
    """What the names of an object's members must be."""
    wanted = plain(wanted)
    if wanted in (Any, object, str):
        return {}
    if typing.get_origin(wanted) is typing.Annotated:
        return _key_schema(wanted.__origin__)
    if wanted in NUMBERS:
        return {"pattern": f"^{NUMBERS[wanted]}$"}
    if wanted in TEXTS:
        return {"format": TEXTS[wanted][0]}
    origin, arguments = parts(wanted)
    if origin in (typing.Union, types.UnionType):
        choices = [_key_schema(choice) for choice in arguments if choice is not type(None)]
        return {"anyOf": choices} if all(choices) else {}
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        _values(wanted, wanted)
    elif origin is typing.Literal:
        _values(arguments, wanted)
    if (known := key_texts(wanted)) is not None:
        return {"enum": list(known)}
    raise TypeError(
        f"A key in JSON is a text, which cannot become {name_of(wanted)}. Use a list of pairs, or "
        "keys that are texts, numbers, dates, or of an Enum."
    )


def _tell_apart(choices: tuple[Any, ...]) -> None:
    """Refuses a union of classes with the same fields: a result would fit both."""
    classes = [(choice, _fields(plain(choice))) for choice in choices if has_fields(choice)]
    for (one, fields), (other, same) in itertools.combinations(classes, 2):
        if fields == same:
            raise TypeError(
                f"{name_of(one)} and {name_of(other)} have the same fields, so that a result fits "
                "both. Give each a field of its own, such as `kind` with a Literal."
            )


def _fields(wanted: Any) -> dict[str, Any]:
    """The fields of a class, and their types."""
    if (fields := record(wanted)) is not None:
        return {name: hint for name, hint, _ in fields}
    kind = typing.get_origin(wanted) or wanted
    if (config := getattr(kind, "__struct_config__", None)) is not None:
        hints = typing.get_type_hints(kind, include_extras=True)
        return {**hints, "tag": config.tag}
    return {name: repr(field.annotation) for name, field in kind.model_fields.items()}


def _without_hash(wanted: Any) -> str:
    """The part of a type that no set can hold, or nothing."""
    wanted = plain(wanted)
    origin, arguments = parts(wanted)
    if origin is typing.Annotated:
        return _without_hash(wanted.__origin__)
    inside: list[Any] = []
    if origin in (typing.Union, types.UnionType) or SEQUENCES.get(origin) is tuple:
        inside = [one for one in arguments if one is not Ellipsis]
    elif origin in MAPPINGS or SEQUENCES.get(origin) in (list, set):
        return name_of(wanted)
    elif isinstance(origin, type):
        struct = getattr(origin, "__struct_config__", None)
        is_dict = hasattr(origin, "__required_keys__")
        if origin.__hash__ is None or is_dict or (struct and struct.eq and not struct.frozen):
            return name_of(wanted)
        made = getattr(getattr(origin.__hash__, "__code__", None), "co_filename", "<tuple>")
        if made.startswith("<"):
            # A hash that dataclasses or attrs wrote, or a tuple's, is made of the fields.
            inside = [hint for _, hint, _ in record(wanted) or []]
    return next(filter(None, map(_without_hash, inside)), "")


def _check_constructor(wanted: Any, fields: list[tuple[str, Any, bool]]) -> None:
    """Refuses a class whose constructor takes something else than its fields."""
    kind = typing.get_origin(wanted) or wanted
    if hasattr(kind, "__required_keys__"):
        return
    try:
        signature = inspect.signature(kind)
    except (TypeError, ValueError):
        return
    for given in (fields, [field for field in fields if field[2]]):
        try:
            signature.bind(**{name: None for name, _, _ in given})
        except TypeError as error:
            raise TypeError(
                f"{name_of(wanted)} cannot be made of its fields: {error}. Let its constructor "
                "take them by their names."
            ) from None


def _with_names(schema: Any, names: dict[str, str]) -> Any:
    if isinstance(schema, list):
        return [_with_names(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _with_names(value, names) for key, value in schema.items()}
    ref = found.get("$ref")
    if isinstance(ref, str) and (name := ref.removeprefix("#/$defs/")) in names:
        found["$ref"] = f"#/$defs/{names[name]}"
    return found


def _docstring(wanted: Any) -> str:
    kind = typing.get_origin(wanted) or wanted
    told = inspect.cleandoc(kind.__dict__.get("__doc__") or "")
    # Those that a dataclass or a NamedTuple writes by itself say nothing new.
    return "" if told.startswith(f"{kind.__name__}(") else told

"""The JSON schema of a type. Imported on use."""

from __future__ import annotations

import inspect
import json
import sys
import types
import typing
from enum import Enum
from typing import Any

from ._parse import MAPPINGS, SEQUENCES, TEXTS, cannot_build, is_mark, name_of, plain, record

NAMES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
}


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

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def schema(self, wanted: Any) -> dict[str, Any]:
        told = description_in(wanted)
        found = self._schema(plain(wanted))
        return {**found, "description": told} if told else found

    def _schema(self, wanted: Any) -> dict[str, Any]:
        if wanted is Any or wanted is object:
            return {}
        if (foreign := _foreign(wanted)) is not None:
            return self._take_over(foreign)
        if record(wanted) is not None:
            return self._record(wanted)
        if isinstance(wanted, type) and issubclass(wanted, Enum):
            return {"enum": [member.value for member in wanted]}
        if wanted in TEXTS:
            return {"type": "string", "format": TEXTS[wanted][0]}
        if wanted is None or wanted is type(None):
            return {"type": "null"}
        if wanted in NAMES:
            return {"type": NAMES[wanted]}
        origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
        if origin in (typing.Union, types.UnionType):
            return {"anyOf": [self.schema(choice) for choice in arguments]}
        if origin is typing.Literal:
            return {"enum": list(arguments)}
        if origin in MAPPINGS:
            return {"type": "object", "additionalProperties": self.schema(arguments[1])}
        if origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
            items = [self.schema(item) for item in arguments]
            size = {"minItems": len(items), "maxItems": len(items)}
            return {"type": "array", "prefixItems": items, **size}
        if origin in SEQUENCES:
            return {"type": "array", "items": self.schema(arguments[0])}
        raise TypeError(cannot_build(wanted))

    def _record(self, wanted: Any) -> dict[str, Any]:
        if wanted not in self._names:
            name = self._names[wanted] = self._free(name_of(wanted))
            self.named[name] = {}
            fields = record(wanted) or []
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
        return next((text for text in wanted.__metadata__ if isinstance(text, str)), "")
    return description_in(typing.get_args(wanted)[0]) if is_mark(typing.get_origin(wanted)) else ""


def _foreign(wanted: Any) -> dict[str, Any] | None:
    """The schema of a class that knows its own."""
    if isinstance(wanted, type) and hasattr(wanted, "__struct_fields__"):
        msgspec: Any = sys.modules["msgspec"]
        made: dict[str, Any] = msgspec.json.schema(wanted)
        return made
    if isinstance(wanted, type) and hasattr(wanted, "model_json_schema"):
        return dict(wanted.model_json_schema())
    if isinstance(wanted, type) and hasattr(wanted, "__pydantic_validator__"):
        wanted = sys.modules["pydantic"].TypeAdapter(wanted)
    if not isinstance(wanted, type) and hasattr(wanted, "validate_python"):
        if not hasattr(wanted, "json_schema"):
            raise TypeError(f"{name_of(wanted)} has no `json_schema()`.")
        return dict(wanted.json_schema())
    return None


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


def _docstring(wanted: type) -> str:
    told = inspect.cleandoc(wanted.__dict__.get("__doc__") or "")
    # Those that a dataclass or a NamedTuple writes by itself say nothing new.
    return "" if told.startswith(f"{wanted.__name__}(") else told

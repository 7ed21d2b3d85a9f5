"""Every public name and parameter is in `tests/contract/api-surface.json`, and the other way."""

from __future__ import annotations

import inspect
import json
from dataclasses import is_dataclass
from typing import Any

import pytest

import sessionwire
from sessionwire import ag_ui, temporal, webhooks
from sessionwire._agi import types
from sessionwire._models import Model
from test_contract import FOLDER

# What `**options` stands for, by the name of its shape.
SHAPES = {"CreateOptions": "Sessions.create", "TurnOptions": "TurnOptions"}
# Public modules beside the package itself.
MODULES: dict[str, Any] = {"ag_ui": ag_ui, "temporal": temporal, "webhooks": webhooks}


def wanted(language: str) -> dict[str, str | None]:
    """The entries of this language; a parameter can be some languages' own (`name@node`)."""
    groups = json.loads((FOLDER / "api-surface.json").read_text())["surface"]
    found: dict[str, str | None] = {}
    for languages, entries in groups.items():
        if {"everywhere", "python", language} & set(languages.split(", ")):
            for name, params in entries.items():
                assert name not in found, f"{name} is listed twice"
                found[name] = None if params is None else own(params, language)
    return found


def own(params: str, language: str) -> str:
    kept = []
    for param in filter(None, params.split(", ")):
        name, _, languages = param.partition("@")
        if not languages or {"python", language} & set(languages.split("|")):
            kept.append(name)
    # A star that nothing follows.
    return ", ".join(kept[:-1] if kept[-1:] == ["*"] else kept)


def surface(asynchronous: bool) -> dict[str, str | None]:
    """The public names of the blocking or of the asynchronous half, in the blocking one's words."""
    pairs = [name for name in sessionwire.__all__ if f"Async{name}" in sessionwire.__all__]
    hidden = pairs if asynchronous else [f"Async{name}" for name in pairs]
    found: dict[str, str | None] = {}
    for name in sessionwire.__all__:
        if name not in hidden:
            plain = name.removeprefix("Async") if asynchronous else name
            found |= members(plain, getattr(sessionwire, name))
    for module, content in MODULES.items():
        for name in content.__all__:
            found |= members(f"{module}.{name}", getattr(content, name))
    return found


def members(name: str, thing: Any) -> dict[str, str | None]:
    if not inspect.isclass(thing):
        return {name: params(thing) if callable(thing) else None}
    found: dict[str, str | None] = {name: constructor(thing)}
    for owner in thing.__mro__:
        # What comes from Python itself is not ours; a public base has entries of its own.
        public = owner is not thing and owner.__name__ in sessionwire.__all__
        if public or not owner.__module__.startswith("sessionwire"):
            continue
        slots = owner.__dict__.get("__slots__", ())
        for member in {*vars(owner), *inspect.get_annotations(owner), *slots}:
            if not member.startswith("_"):
                value = inspect.getattr_static(thing, member, None)
                method = callable(value) or isinstance(value, (classmethod, staticmethod))
                found[f"{name}.{member}"] = params(getattr(thing, member)) if method else None
    return found


def constructor(thing: type) -> str | None:
    """The parameters of a class that users construct."""
    made_by_us = (
        issubclass(thing, (BaseException, Model))
        or is_dataclass(thing)
        or "__init__" not in vars(thing)
    )
    first = "" if made_by_us else next(iter(inspect.signature(thing).parameters), "")
    return None if made_by_us or first in ("client", "native", "session") else params(thing)


def params(function: Any) -> str:
    signature = inspect.signature(function)
    shown = []
    for param in signature.parameters.values():
        if param.name == "self":
            continue
        if param.kind is param.VAR_KEYWORD:
            shape = next((SHAPES[name] for name in SHAPES if name in str(param.annotation)), "")
            shown.append(f"**{shape or param.name}")
            continue
        if param.kind is param.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        default = "" if param.default is param.empty else f"={param.default!r}"
        shown.append(f"{param.name}{default}")
    return ", ".join(shown)


@pytest.mark.parametrize("language", ["python-sync", "python-async"])
def test_the_public_names_are_those_of_the_list(language: str) -> None:
    found = surface(language == "python-async")
    listed = wanted(language) | {}
    advice = "tests/contract/api-surface.json and the code differ; see CONTRIBUTING.md"
    missing = {name: value for name, value in found.items() if name not in listed}
    assert not missing, f"{advice}. Add:\n" + json.dumps(missing, indent=2)
    assert not listed.keys() - found.keys(), f"{advice}. These are not there"
    for name, value in found.items():
        assert value == listed[name], f"{advice}: {name}"


def test_the_shapes_of_options_are_those_of_the_calls() -> None:
    create = inspect.signature(sessionwire.Sessions.create).parameters.keys() - {"self"}
    assert create - {"agent_name"} == set(types.CreateOptions.__annotations__)

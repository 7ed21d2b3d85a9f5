"""Annotations can be read at run time: what FastAPI, pydantic and LangChain do with a signature."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from datetime import timedelta
from typing import Any

import pytest

import sessionwire
import sessionwire.ag_ui
import sessionwire.webhooks

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# typing itself has none for these.
SPECIAL = {"__class__", "__init_subclass__", "__subclasshook__", "__new__"}


def public() -> Iterator[tuple[str, Any]]:
    """Every public class and function, with the methods and properties of the classes."""
    for module in (sessionwire, sessionwire.ag_ui, sessionwire.webhooks):
        for name in module.__all__:
            item = getattr(module, name)
            if inspect.isclass(item):
                yield name, item
                yield from ((f"{name}.{member}", value) for member, value in members(item))
            elif inspect.isfunction(item):
                yield name, item


def members(owner: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in dir(owner):
        value = inspect.getattr_static(owner, name)
        if name.startswith("_") and not name.startswith("__"):
            continue
        if isinstance(value, property) and value.fget is not None:
            yield name, value.fget
        elif isinstance(value, staticmethod | classmethod):
            yield name, value.__func__
        elif inspect.isfunction(value) and name not in SPECIAL:
            yield name, value


ITEMS = dict(public())


def test_there_are_items_to_look_at() -> None:
    assert len(ITEMS) > 350


@pytest.mark.parametrize("name", ITEMS)
def test_annotations_can_be_read(name: str) -> None:
    hints = typing.get_type_hints(ITEMS[name])
    assert not any(isinstance(hint, str) for hint in hints.values())
    if inspect.isfunction(ITEMS[name]):
        inspect.signature(ITEMS[name], eval_str=True)


def test_they_are_what_the_source_says() -> None:
    hints = typing.get_type_hints(sessionwire.Session.run_task)
    assert hints["return"] is sessionwire.TaskResult
    assert hints["timeout"] == float | timedelta | None
    hints = typing.get_type_hints(sessionwire.AsyncSession.messages)
    assert hints["return"] is sessionwire.Messages


@pytest.mark.parametrize("order", ["class", "method"])
@pytest.mark.parametrize(
    "item", ["Agi", "AsyncAgi", "Session", "AsyncSession", "Turn", "Emulator", "QuestionPending"]
)
def test_no_other_import_is_needed(item: str, order: str) -> None:
    """In a process of its own: whatever else is read first must not matter."""
    program = f"""
import sessionwire, typing
item = sessionwire.{item}
readable = {{"class": [item, item.__init__], "method": [item.__init__, item]}}["{order}"]
for one in readable:
    typing.get_type_hints(one)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.returncode == 0


def test_a_plain_import_stays_small() -> None:
    """What takes longer to import than this package is left to those who use it."""
    program = "import sys, sessionwire; print(*sys.modules)"
    bare = "import sys; print(*sys.modules)"
    run = [sys.executable, "-c"]
    loaded = subprocess.run([*run, program], capture_output=True, text=True, check=True)
    before = subprocess.run([*run, bare], capture_output=True, text=True, check=True)
    ours = set(loaded.stdout.split()) - set(before.stdout.split())
    assert not ours & {"typing", "asyncio", "ast", "inspect", "json", "datetime", "logging"}


def test_a_name_that_does_not_exist_is_still_an_error() -> None:
    space = sys.modules["sessionwire._models"].__dict__
    with pytest.raises(NameError, match="no_such_name"):
        eval("no_such_name", space)

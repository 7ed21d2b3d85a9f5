"""What the recipes start from, and what each must bring: the same for both kinds of client."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessionwire import Emulator, TaskTimeout

PAGE = "http://127.0.0.1:9/"
HOOK = json.dumps(
    {
        "event": "task.completed",
        "timestamp": "2026-03-04T09:15:27Z",
        "session": {"id": "s-1", "status": "ready", "agent_name": "agi-0"},
        "result": {"status": "success", "message": "Bought", "data": "Bought"},
    }
)
SCENARIO = {
    "tasks": [
        {
            "match": "ask",
            "once": False,
            "steps": [{"question": "Which colour?"}, {"done": "{answer}"}],
        },
        {"match": "JSON", "once": False, "steps": [{"done": 'Here: {"price": 12}'}]},
        {
            "match": "long",
            "once": False,
            "steps": [{"thought": "at work"}, {"delay": 3600}, {"done": "late"}],
        },
        {"once": False, "steps": [{"thought": "Looking"}, {"done": "Bought"}]},
    ]
}


@dataclass
class World:
    """What a recipe may name as its parameters, as far as it does."""

    emulator: Emulator
    client: Any
    folder: Path
    #: A session that rests.
    session: Any = None
    #: A session in which a task works for an hour, and one whose task asks.
    busy: Any = None
    asking: Any = None
    #: A task that was started, and one that asks.
    task: Any = None
    question: Any = None
    seen: list[Any] = field(default_factory=list)
    #: What the recipe gave, or raised.
    result: Any = None

    def bodies(self, path: str) -> list[Any]:
        """The bodies of the requests for a path, in order."""
        return [request.json() for request in self.emulator.requests("POST", path)]

    def paths(self, method: str) -> list[str]:
        return [request.path.rsplit("/", 1)[1] for request in self.emulator.requests(method)]


CHECKS: dict[int, Callable[[World], bool]] = {
    1: lambda w: [m.type for m in w.result] == ["USER", "THOUGHT", "DONE"] and gone(w),
    2: lambda w: w.result == "Bought" and created(w)["agent_name"] == "agi-0-fast" and gone(w),
    3: lambda w: w.result.startswith("http"),
    4: lambda w: w.result == "task.completed" and "s3cret" not in created(w)["webhook_url"],
    5: lambda w: created(w, 1)["restore_from_session_id"] == w.session.session_id,
    6: lambda w: [(each[0], each[1]) for each in w.result] == [(w.busy.session_id, "running")],
    7: lambda w: w.result.session_id == w.session.session_id,
    8: lambda w: w.result.success,
    9: lambda w: w.result == "Bought" and gone(w),
    10: lambda w: w.result == [],
    11: lambda w: w.result == [] and w.emulator.session_count == 1,
    12: lambda w: w.emulator.session_count == 5,
    13: lambda w: w.result == (True, False) and gone(w),
    14: lambda w: [each.deleted for each in w.result] == [True] and gone(w),
    15: lambda w: w.result.deleted and gone(w),
    16: lambda w: w.result.success and gone(w),
    17: lambda w: w.bodies("/v1/sessions/*/message")[0]["start_url"] == PAGE,
    18: lambda w: w.result == "blue",
    19: lambda w: w.result == "waiting_for_input",
    20: lambda w: [text for _, text in w.seen] == ["Looking", "Bought"],
    21: lambda w: w.result == "Which colour?",
    22: lambda w: w.result == "blue",
    23: lambda w: w.seen == ["mug", "Looking", "Bought"],
    24: lambda w: w.result == ('Here: {"price": 12}', {"price": 12}),
    25: lambda w: w.result == "blue" and [e.type for e in w.seen] == ["question", "done"],
    26: lambda w: w.seen == [("thought", "Looking"), ("done", "Bought")] and gone(w),
    27: lambda w: w.result == "question",
    28: lambda w: w.result == "at work",
    29: lambda w: isinstance(w.result, TaskTimeout),
    30: lambda w: w.result == "at work",
    31: lambda w: w.paths("POST")[-2:] == ["pause", "resume"],
    32: lambda w: isinstance(w.result, PermissionError) and w.paths("POST")[-1] == "cancel",
    33: lambda w: w.paths("POST")[-3:] == ["pause", "message", "resume"],
    34: lambda w: w.result == (True, False, True, False),
    35: lambda w: w.result.success and w.paths("POST")[-1] == "cancel",
    36: lambda w: w.result == "Bought" and w.paths("POST")[-2:] == ["cancel", "message"],
    37: lambda w: w.result == "Bought" and "navigate" in w.paths("POST"),
    38: lambda w: w.result is False,
    39: lambda w: w.result == ["Bought", "Bought"],
    40: lambda w: "https://" in str(w.result) and "navigate" not in w.paths("POST"),
    41: lambda w: (w.folder / "page.jpg").stat().st_size > 0 and w.result[0] > 0,
    42: lambda w: w.result._repr_jpeg_() or w.result._repr_png_(),
    43: lambda w: w.result is False,
    44: lambda w: len(list(w.folder.glob("*.*"))) >= 1,
    45: lambda w: w.result == {"price": 12},
    46: lambda w: w.result == 200,
}


def created(world: World, place: int = 0) -> dict[str, Any]:
    body: dict[str, Any] = world.bodies("/v1/sessions")[place]
    return body


def gone(world: World) -> bool:
    return world.emulator.session_count == 0


@dataclass
class Recipe:
    number: int
    title: str
    function: Callable[..., Any]

    @property
    def needs(self) -> list[str]:
        return list(inspect.signature(self.function).parameters)

    @property
    def lines(self) -> int:
        """The lines of its body, which are all that a user writes."""
        source = textwrap.dedent(inspect.getsource(self.function))
        (definition,) = ast.parse(source).body
        assert isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef)
        first, last = definition.body[0].lineno, definition.body[-1].end_lineno
        assert last is not None
        return last - first + 1


def collector() -> tuple[dict[int, Recipe], Callable[[int, str], Callable[[Any], Any]]]:
    """The recipes of a file, and what puts a function among them."""
    recipes: dict[int, Recipe] = {}

    def recipe(number: int, title: str) -> Callable[[Any], Any]:
        def take(function: Any) -> Any:
            assert number not in recipes
            recipes[number] = Recipe(number, title, function)
            return function

        return take

    return recipes, recipe

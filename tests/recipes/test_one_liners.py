"""The 46 recipes of the service's reference: one or two lines each, in both kinds of client."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest

import recipes_async
import recipes_sync
from sessionwire import Agi, Emulator
from world import CHECKS, SCENARIO, Recipe, World

NUMBERS = range(1, 47)


def prepared(world: World, recipe: Recipe, other: Agi) -> None:
    """Makes the sessions that a recipe starts from, with a client of their own."""
    for name, task, status in (
        ("session", None, None),
        ("busy", "long", "running"),
        ("asking", "ask", "waiting_for_input"),
    ):
        if name not in recipe.needs:
            continue
        # What a program deletes that it created must be its own.
        mine = world.client if isinstance(world.client, Agi) else other
        session = mine.sessions.create()
        if task is not None:
            session.send_message(task)
            while session.execution_status() != status or not session.messages().messages[1:]:
                pass
        setattr(world, name, world.client.sessions.attach(session.session_id))
    if "six" in recipe.needs:
        world.seen = [other.sessions.create() for _ in range(6)]


def given(world: World, recipe: Recipe) -> dict[str, Any]:
    return {name: getattr(world, name, None) for name in recipe.needs}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_recipe(number: int, tmp_path: Path) -> None:
    recipe = recipes_sync.RECIPES[number]
    with (
        Emulator(step_delay=0.0, scenario=SCENARIO) as emulator,
        emulator.agi() as client,
        emulator.agi() as other,
    ):
        world = World(emulator, client, tmp_path)
        prepared(world, recipe, other)
        if "task" in recipe.needs:
            session = world.session or client.sessions.create()
            world.task = session.start_task("mug")
        if "question" in recipe.needs:
            world.question = client.sessions.create().start_task("ask")
            assert [event.type for event in one(world.question)] == ["question"]
        try:
            world.result = recipe.function(**given(world, recipe))
        except Exception as error:
            world.result = error
        assert CHECKS[number](world), world.result


def one(task: Any) -> list[Any]:
    for event in task:
        return [event]
    return []


@pytest.mark.parametrize("number", NUMBERS)
def test_a_recipe_async(number: int, tmp_path: Path) -> None:
    recipe = recipes_async.RECIPES[number]

    async def main(emulator: Emulator, other: Agi) -> None:
        async with emulator.async_agi() as client:
            world = World(emulator, client, tmp_path)
            await asyncio.to_thread(prepared, world, recipe, other)
            if number == 14:
                # What a program deletes that it created must be its own.
                other.sessions.cleanup(statuses=["ready"])
                world.session = await client.sessions.create()
            if "task" in recipe.needs:
                session = world.session or await client.sessions.create()
                world.task = await session.start_task("mug")
            if "question" in recipe.needs:
                session = await client.sessions.create()
                world.question = await session.start_task("ask")
                async for _ in world.question:
                    break
            try:
                world.result = await recipe.function(**given(world, recipe))
            except Exception as error:
                world.result = error
            assert CHECKS[number](world), world.result

    with Emulator(step_delay=0.0, scenario=SCENARIO) as emulator, emulator.agi() as other:
        asyncio.run(main(emulator, other))


def test_every_recipe_has_one_or_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    rows = []
    for number in NUMBERS:
        of_sync, of_async = recipes_sync.RECIPES[number], recipes_async.RECIPES[number]
        assert of_sync.title == of_async.title
        assert inspect.iscoroutinefunction(of_async.function)
        rows.append((number, of_sync.title, of_sync.lines, of_async.lines))
    with capsys.disabled():
        print(f"\n{'':3}{'recipe':56}{'sync':>5}{'async':>6}")
        for number, title, *lines in rows:
            print(f"{number:2} {title:56}{lines[0]:5}{lines[1]:6}")
    assert all(line in (1, 2) for _, _, *lines in rows for line in lines)

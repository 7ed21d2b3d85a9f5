"""Scenarios: one shared file from a dict, from files and on the command line; and their schema."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from sessionwire import Agi, ConfigError, Emulator, InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "contract" / "scenarios"
CASES = json.loads((FOLDER / "cases.json").read_text())
SCHEMA = json.loads((ROOT / "emulator" / "scenario.schema.json").read_text())
TOUR = FOLDER / "tour.json"


@contextmanager
def from_the_command_line(file: Path) -> Iterator[Agi]:
    command = [sys.executable, "-m", "sessionwire", "emulator", "--json", "--fast"]
    with subprocess.Popen(
        [*command, "--scenario", str(file)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            where = json.loads(process.stdout.readline())
            with Agi(base_url=where["url"], api_key=where["api_key"]) as client:
                yield client
        finally:
            process.terminate()


@contextmanager
def from_python(scenario: Any) -> Iterator[Agi]:
    with Emulator(scenario=scenario, clock="fast") as emulator, emulator.agi() as client:
        yield client


@contextmanager
def set_later(scenario: Any) -> Iterator[Agi]:
    with Emulator(clock="fast") as emulator, emulator.agi() as client:
        emulator.scenario(scenario)
        yield client


PLACES = {
    "dict": lambda: from_python(json.loads(TOUR.read_text())),
    "text": lambda: from_python(str(TOUR)),
    "path": lambda: from_python(FOLDER / "tour.yaml"),
    "set a path later": lambda: set_later(FOLDER / "tour.yaml"),
    "command line": lambda: from_the_command_line(FOLDER / "tour.yaml"),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_same_scenario_gives_the_same_events_everywhere(place: str) -> None:
    expected = json.loads((FOLDER / "tour.expected.json").read_text())
    events = []
    with PLACES[place]() as client, client.sessions.create() as session:
        begin = session.created_at
        assert begin is not None
        task = session.start_task(expected["task"])
        for event in task:
            events.append([event.type, event.text])
            if event.type == "question":
                task.answer(expected["answer"])
            elif event.text == expected["message_after"]:
                session.send_message(expected["message"])
        answer = task.result()
        messages = [message for message in session.messages().messages if message.type != "USER"]
    assert events == [event[:2] for event in expected["events"]]
    assert answer.data == {"summary": "A blue mug", "minutes": 120}
    times = [message.timestamp for message in messages]
    assert all(time is not None for time in times)
    seconds = [(time - begin).total_seconds() for time in times if time is not None]
    assert seconds == [event[2] for event in expected["events"]]


def test_the_schema_and_the_emulator_agree() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(
        SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    with Emulator() as emulator:
        for good in CASES["good"]:
            assert validator.is_valid(good), good
            emulator.scenario(good)
        for case in CASES["bad"]:
            assert not validator.is_valid(case["scenario"]), case
            if isinstance(case["scenario"], dict):
                with pytest.raises(InvalidRequestError, match=re.escape(case["error"])):
                    emulator.scenario(case["scenario"])
        # What no schema can tell.
        for case in CASES["misses"]:
            assert validator.is_valid(case["scenario"]), case
            with pytest.raises(InvalidRequestError, match=re.escape(case["error"])):
                emulator.scenario(case["scenario"])


def test_the_schema_has_a_name_and_says_what_each_property_is() -> None:
    assert SCHEMA["$id"].endswith("/emulator/scenario.schema.json")
    seen = 0

    def look(node: Any, path: str) -> None:
        nonlocal seen
        if isinstance(node, list):
            for index, item in enumerate(node):
                look(item, f"{path}[{index}]")
        elif isinstance(node, dict):
            # What follows a condition says nothing new of its properties.
            if not path.endswith((".then", ".else", ".if")) and "/then" not in path:
                for name, property_ in node.get("properties", {}).items():
                    assert property_.get("description"), f"{path}.{name}"
                    seen += 1
            for name, item in node.items():
                mark = "/then" if name in ("then", "else", "if") and path[-1:] == "]" else ""
                look(item, f"{path}{mark}.{name}")

    look(SCHEMA, "")
    assert seen > 100
    examples = 0
    for name, definition in SCHEMA["$defs"].items():
        for one in [definition, *definition.get("oneOf", [])]:
            for example in one.get("examples", []):
                validator = {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}
                jsonschema.validate(example, validator)
                examples += 1
    assert examples > 40


def test_the_documented_examples_fit_the_schema() -> None:
    readme = (ROOT / "emulator" / "README.md").read_text()
    chapter = readme.split("\n## Scenarios\n")[1].split("\n## ")[0]
    examples = re.findall(r"```json\n(.*?)```", chapter, re.DOTALL)
    assert examples
    for example in examples:
        jsonschema.validate(json.loads(example), SCHEMA)


def test_the_package_has_the_schema() -> None:
    packed = resources.files("sessionwire").joinpath("scenario.schema.json").read_text()
    assert json.loads(packed) == SCHEMA


def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("tasks:\n  - steps:\n      - thougth: x\n")
    place = r"bad\.yaml:3:9: tasks\[0\]\.steps\[0\]: `thougth` is not a step: write `thought`"
    with pytest.raises(ConfigError, match=place):
        Emulator(scenario=bad)
    with Emulator() as emulator:
        with pytest.raises(InvalidRequestError, match=place):
            emulator.scenario(bad)
        with pytest.raises(InvalidRequestError, match="cannot be read"):
            emulator.scenario(tmp_path / "missing.json")
    with pytest.raises(ConfigError, match="fast"):
        Emulator(clock="slow")  # type: ignore[arg-type]

"""The guide for who comes from `agi-python`: its two programs, and the names that it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sessionwire
from sessionwire import Emulator, Message, Screenshot, Session, Task, TaskResult

GUIDE = Path(__file__).parents[2] / "docs" / "migrating-from-agi-python.md"
TEXT = GUIDE.read_text(encoding="utf-8")
SCENARIO = {
    "tasks": [
        {"match": "cheapest", "steps": [{"done": "The blue mug"}]},
        {"match": "colours", "steps": [{"done": "Red and green"}]},
    ]
}


def program(name: str) -> str:
    block = re.search(rf"^```python {name}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1]


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        # The trap that the guide names: the second answer is the first one.
        ("before", "{'content': 'The blue mug'}\nThe blue mug\n"),
        ("after", "The blue mug\nRed and green\n"),
    ],
)
def test_a_program_of_the_guide_runs(name: str, printed: str, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(program(name), encoding="utf-8")
    with Emulator(step_delay=0.0, scenario=SCENARIO) as emulator:
        done = subprocess.run(
            [sys.executable, str(path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "AGI_BASE_URL": emulator.url, "AGI_API_KEY": emulator.api_key},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == printed
        assert emulator.agi().sessions.list() == []


def rows() -> list[list[str]]:
    lines = [line for line in TEXT.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_names_of_the_guide_are_there() -> None:
    with Emulator() as emulator, emulator.agi() as client:
        owners: dict[str, object] = {
            "client": client,
            "client.sessions": client.sessions,
            "session": Session,
            "task": Task,
            "result": TaskResult,
            "message": Message,
            "event": sessionwire.DoneEvent,
        }
        found = re.findall(
            r"\b(client\.sessions|client|session|task|result|message|event)\.(\w+)",
            " ".join(row[-1] for row in rows()),
        )
        assert len(found) == 30
        missing = [f"{owner}.{name}" for owner, name in found if not hasattr(owners[owner], name)]
        # `refresh` fills in what the service says of a session.
        assert missing == []
    assert {"image", "mime_type"} <= set(Screenshot.__slots__)


def test_the_errors_of_the_guide_are_there() -> None:
    named = {name for row in rows() for name in re.findall(r"`(\w+(?:Error|Timeout))`", row[-1])}
    assert len(named) > 10
    assert {name for name in named if not hasattr(sessionwire, name)} <= {"ValueError"}

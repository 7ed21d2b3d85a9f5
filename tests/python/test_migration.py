"""The guide for who comes from `agi-python`: its two programs, and the names that it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from agi import AGIClient

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


OFFERS: Any = {
    "tasks": [{"once": False, "steps": [{"thought": "1"}, {"thought": "2"}, {"done": "Two"}]}]
}


@pytest.mark.parametrize("fault", ["message reset after", "message status=502 after"])
def test_a_message_whose_answer_was_lost_starts_two_tasks(fault: str) -> None:
    with (
        Emulator(step_delay=0.0, scenario=OFFERS, faults=[fault]) as emulator,
        AGIClient(base_url=emulator.url, api_key=emulator.api_key) as client,
        client.session("agi-0") as session,
    ):
        session.send_message("Buy it")
        messages = session.get_messages().messages
        assert [one.content for one in messages if one.type == "USER"] == ["Buy it"] * 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("cut_after", httpx.ReadError),
        ("close_after", httpx.RemoteProtocolError),
        ("end_after", None),
    ],
)
def test_a_stream_breaks(fault: str, error: type[Exception] | None) -> None:
    with (
        Emulator(step_delay=0.0, scenario=OFFERS, faults=[f"events {fault}=1"]) as emulator,
        AGIClient(base_url=emulator.url, api_key=emulator.api_key) as client,
        client.session("agi-0") as session,
    ):
        session.send_message("Compare")
        events = session.stream_events()
        assert next(events).event == "thought"
        with pytest.raises(error or StopIteration):
            next(events)


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

"""The examples run, and the typing tests hold."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "python").glob("*.py"))
# What the second process prints depends on how far the first one came.
CHAT = "go on: 63.00 EUR\nevents read once each\nmain   > The sum?\n       < 63.00 EUR\n"
EXPECTED = {
    "agent.py": "done The blue bowl costs 7.50 EUR\n7.5",
    "quickstart.py": "messages in",
    "live_events.py": "? ",
    "async_quickstart.py": "Add 2 and 3: done",
    "turn.py": "task.completed",
    "turn_envelopes.py": "You asked: \u201cSay hello\u201d",
    "turn_agent.py": "\nWithout tax: 22.40 EUR. With 19 % tax: 26.66 EUR.\n",
    "chat.py": CHAT,
    "async_chat.py": CHAT,
    "emulator_binary.py": "A blue mug after 1 message",
    "emulator.py": "21 thoughts, the last: Comparing offer 20 for the morning",
}
# They run under a web server: see test_webhook_receivers.py.
SERVED = {"webhooks_fastapi.py", "webhooks_flask.py"}


def run(*command: str) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AGI_", "RACCOON_"))
    }
    # pyright asks the python on the path where packages are.
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_example_is_known() -> None:
    assert {path.name for path in EXAMPLES} == {*EXPECTED, *SERVED}


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_runs_without_a_key(name: str) -> None:
    assert EXPECTED[name] in run("-W", "error", f"examples/python/{name}")


def test_types_by_mypy() -> None:
    run("-m", "mypy", "--strict", "tests/python/typing", "examples/python")


def test_types_by_pyright() -> None:
    run("-m", "pyright", "tests/python/typing", "examples/python")


def test_the_types_are_complete() -> None:
    run("-m", "pyright", "--verifytypes", "sessionwire", "--ignoreexternal")


def test_the_command() -> None:
    assert "sessionwire" in run("-m", "sessionwire", "--version")
    script = Path(sys.executable).with_name("sessionwire")
    done = subprocess.run([script, "no-such-command"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "no-such-command" in done.stderr.decode()

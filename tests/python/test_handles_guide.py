"""The guide to handles: its programs buy once, however often they are started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sessionwire import Emulator

ROOT = Path(__file__).parents[2]
AGENT = {"tasks": [{"steps": [{"thought": "Looking"}, {"done": "Bought"}], "once": False}]}
ASKS = {"tasks": [{"steps": [{"question": "Which one?"}, {"done": "Bought: {answer}"}]}]}
COMMANDS = {"python": [sys.executable, "-W", "error"], "js": ["node"]}


def program(language: str) -> str:
    guide = (ROOT / "docs" / "handles.md").read_text(encoding="utf-8")
    block = re.search(rf"^```{language} program\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1]


def start(language: str, emulator: Emulator, path: Path, folder: Path, typed: str = "") -> str:
    """Runs the program to its end; what it printed."""
    done = subprocess.run(
        [*COMMANDS[language], str(path), str(folder)],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "AGI_BASE_URL": emulator.url, "AGI_API_KEY": emulator.api_key},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(language: str, name: str) -> Path:
    # Below the package, so that Node finds it.
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "snippets"
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"handles-{name}.{ {'python': 'py', 'js': 'mjs'}[language] }"
    path.write_text(program(language), encoding="utf-8")
    return path


@pytest.mark.parametrize("language", ["python", "js"])
def test_g02_a_program_of_the_guide_answers_a_question(language: str, tmp_path: Path) -> None:
    path = written(language, "asks")
    with Emulator(step_delay=0.0, scenario=ASKS) as emulator, emulator.agi() as client:
        printed = start(language, emulator, path, tmp_path, "the blue one\n")
        assert "question Which one?" in printed
        assert "result: Bought: the blue one" in printed
        assert client.sessions.list() == []


@pytest.mark.parametrize("language", ["python", "js"])
@pytest.mark.parametrize("left", ["nothing", "a session", "a prepared handle", "a sent task"])
def test_g03_a_program_of_the_guide_buys_once(language: str, left: str, tmp_path: Path) -> None:
    path = written(language, left.replace(" ", "-"))
    with Emulator(step_delay=0.0, scenario=AGENT) as emulator, emulator.agi() as client:
        if left != "nothing":
            session = client.sessions.create()
            (tmp_path / "session").write_text(session.session_id)
        if left in ("a prepared handle", "a sent task"):
            handle = session.prepare_task("Buy the blue mug")
            (tmp_path / "handle").write_text(handle)
        if left == "a sent task":
            with client.resume(handle) as task:
                task.result()
        assert "result: Bought" in start(language, emulator, path, tmp_path)
        assert len(emulator.requests("POST", "/v1/sessions/*/message")) == 1
        assert client.sessions.list() == []

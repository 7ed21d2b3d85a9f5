"""Processes that die in the middle of a task or turn, and others that finish it: a few of
`make kills`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[1] / "kills" / "run.py"


@pytest.mark.parametrize("kind", ["tasks", "turns"])
def test_g03_a_process_that_is_killed_leaves_its_work_to_another(kind: str) -> None:
    other = {"tasks": "turns", "turns": "tasks"}[kind]
    command = [sys.executable, str(RUN), f"--{kind}", "3", f"--{other}", "0", "--at-once", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 kills, 0 of them with a problem" in done.stdout

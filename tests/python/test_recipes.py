"""The recipes for more than one process: each kills a worker, and sends each task once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "python" / "recipes"
RECIPES = sorted(path.name for path in FOLDER.glob("*.py"))
#: Those whose engine is no tool of ours are tried by hand.
RUN = [name for name in RECIPES if name != "ray_pool.py"]


@pytest.mark.parametrize("name", RUN)
def test_g03_a_recipe_that_loses_a_worker_sends_each_task_once(name: str, tmp_path: Path) -> None:
    environment = {key: text for key, text in os.environ.items() if not key.startswith("AGI_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / name)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
        # The processes of the engines are no tests of ours: their own warnings stay warnings.
        env={**environment, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 results, 4 tasks sent" in done.stdout


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_short(name: str) -> None:
    assert len((FOLDER / name).read_text(encoding="utf-8").splitlines()) <= 60

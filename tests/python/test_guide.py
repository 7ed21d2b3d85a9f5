"""The guide to Raccoon: its blocks of Python, put together, run and type-check."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def program(kind: str) -> str:
    """All blocks of one kind as one program."""
    guide = (ROOT / "docs" / "raccoon.md").read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{kind}\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 6
    whole = "\n".join(blocks)
    if kind == "python":
        return whole
    return (
        f"async def main() -> None:\n{textwrap.indent(whole, '    ')}\n"
        "import asyncio\n\nasyncio.run(main())\n"
    )


@pytest.fixture(params=["python", "python asyncio"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "guide.py"
    path.write_text(program(request.param), encoding="utf-8")
    return path


@pytest.mark.parametrize("checker", [["mypy", "--strict", "--config-file="], ["pyright"]])
def test_the_guide_type_checks(checker: list[str], path: Path) -> None:
    command = [sys.executable, "-m", *checker]
    if checker[0] == "pyright":
        command += ["--pythonpath", sys.executable]
    done = subprocess.run([*command, path], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_guide_runs(path: Path) -> None:
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=path.parent, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "task.completed" in done.stdout

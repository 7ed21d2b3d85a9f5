"""Every Python snippet of the documents type-checks, as a user's editor does it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    "README.md",
    "emulator/README.md",
    "docs/ledger.md",
    "docs/machines.md",
    "docs/pool.md",
    "docs/recipes.md",
    "docs/temporal.md",
    "docs/testing.md",
    "docs/typed-results.md",
)

# What a snippet that imports nothing takes as given.
GIVEN = """
from concurrent.futures import ThreadPoolExecutor

from sessionwire import Agi, Raccoon

prompts = ["Build a REST API"]
secret = "secret"
"""
CLIENT = "client = Agi()\n"


def snippets() -> dict[str, str]:
    """The snippets, by document and line."""
    found = {}
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, block.start()) + 1
            found[f"{Path(document).parent.name}_line_{line}.py"] = block[1]
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The snippets as files."""
    folder = tmp_path_factory.mktemp("snippets")
    paths = []
    for name, snippet in snippets().items():
        given = "" if "import Emulator" in snippet or "Emulator(" in snippet else GIVEN
        if given and "client = " not in snippet and "import Agi" not in snippet:
            given += CLIENT
        path = folder / name.lstrip("_")
        path.write_text(f"{given}\n{snippet}", encoding="utf-8")
        paths.append(str(path))
    assert len(paths) > 8
    return paths


@pytest.mark.parametrize("checker", [["mypy", "--strict", "--config-file="], ["pyright"]])
def test_the_snippets_type_check(checker: list[str], written: list[str]) -> None:
    command = [sys.executable, "-m", *checker]
    if checker[0] == "pyright":
        command += ["--pythonpath", sys.executable]
    done = subprocess.run([*command, *written], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr

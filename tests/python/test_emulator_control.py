"""The control API of the emulator, as programs of other languages use it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from sessionwire import ConfigError, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCUMENT = json.loads((ROOT / "emulator" / "control.openapi.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "emulator-control.md").read_text(encoding="utf-8")


@pytest.fixture
def told() -> Iterator[dict[str, str]]:
    """Starts the program; gives its first line."""
    command = [sys.executable, "-m", "sessionwire", "emulator", "--control", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def test_the_document_is_openapi() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_every_response_says_what_was_wrong() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            for status, response in operation["responses"].items():
                reference = response.get("$ref", "")
                is_error = int(status) >= 400
                assert is_error == reference.startswith("#/components/responses/"), (path, status)


def test_the_page_runs_as_it_is_written(told: dict[str, str], tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    environment = {
        **os.environ,
        "CONTROL": told["control_url"],
        "TOKEN": told["control_token"],
        "URL": told["url"],
    }
    done = subprocess.run(
        [shutil.which("dash") or "sh", "-eux", "-c", "\n".join(blocks)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_names_every_route() -> None:
    table = PAGE[PAGE.index("## Every route") :]
    for path in DOCUMENT["paths"]:
        last = "/" + path.rsplit("/", 1)[-1]
        assert last in table, path


def test_what_is_served_is_what_is_in_the_repository(told: dict[str, str]) -> None:
    with urllib.request.urlopen(f"{told['control_url']}/openapi") as response:
        assert json.load(response) == DOCUMENT
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{told['control_url']}/worlds")
    assert refused.value.code == 401
    assert "Authorization: Bearer" in json.load(refused.value)["detail"]


def test_an_emulator_in_this_process_offers_it_too() -> None:
    with Emulator() as emulator:
        assert emulator.control_url is None
        assert emulator.control_token is None
    with Emulator(control_token="a-token-of-mine") as emulator:
        assert emulator.control_url == f"{emulator.url}/_emulator/v1"
        assert emulator.control_token == "a-token-of-mine"
        headers = {"Authorization": "Bearer a-token-of-mine"}
        request = urllib.request.Request(f"{emulator.control_url}/worlds", headers=headers)
        with urllib.request.urlopen(request) as response:
            assert json.load(response)["worlds"][0]["url"] == emulator.url
    with pytest.raises(ConfigError, match="control_token must be 8 or more"):
        Emulator(control_token="short")

"""`sessionwire mcp` beside an emulator, for the official client and for frameworks."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sessionwire import Agi, Emulator

PROGRAM = os.environ.get("SESSIONWIRE_PROGRAM", "sessionwire")
TOKEN = "0123456789abcdef0123"


def environment(emulator: Emulator, folder: Path) -> dict[str, str]:
    """What the server reads, and nothing of the machine's own."""
    return {
        "PATH": os.environ["PATH"],
        "AGI_API_KEY": emulator.api_key,
        "AGI_BASE_URL": emulator.url,
        "RACCOON_API_KEY": emulator.api_key,
        "RACCOON_BASE_URL": emulator.raccoon_url,
        "SESSIONWIRE_MCP_TOKEN": TOKEN,
        "XDG_STATE_HOME": str(folder),
    }


@contextmanager
def listening(emulator: Emulator, folder: Path, *options: str) -> Iterator[str]:
    """The address of a server that listens."""
    process = subprocess.Popen(
        [PROGRAM, "mcp", "--http", "0", *options],
        env=environment(emulator, folder),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        found = re.search(r"http://\S+/mcp", process.stderr.readline())
        assert found is not None
        yield found[0]
    finally:
        process.terminate()
        assert process.wait(20) == 0


def left(emulator: Emulator) -> list[Any]:
    """The sessions that are there."""
    with Agi(base_url=emulator.url, api_key=emulator.api_key) as client:
        return list(client.sessions.list())

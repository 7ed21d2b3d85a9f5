"""What the tests share. They run against the emulator over real sockets."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sessionwire import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionwire import Agi

for name in ("AGI_API_KEY", "AGI_BASE_URL", "RACCOON_API_KEY", "RACCOON_BASE_URL"):
    os.environ.pop(name, None)

# A shell that runs the tests in the background ignores Ctrl-C, and so would every child.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes for `tests/report.py` which case of `tests/contract/` passed here."""
    folder = os.environ.get("SESSIONWIRE_CASES")
    name, bracket, case = report.nodeid.removesuffix("]").partition("[")
    if folder and bracket and report.when == "call" and report.passed:
        column = "python-async" if name.endswith("_async") else "python-sync"
        with (Path(folder) / f"{column}.txt").open("a") as file:
            file.write(f"{case}\n")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(step_delay=0.005, browser="builtin") as emulator:
        yield emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Agi]:
    with emulator.agi() as client:
        yield client

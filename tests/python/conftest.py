"""What the tests share. They run against the emulator over real sockets."""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sessionwire import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionwire import Agi

for name in ("AGI_API_KEY", "AGI_BASE_URL", "RACCOON_API_KEY", "RACCOON_BASE_URL"):
    os.environ.pop(name, None)

#: Tests that need a package which is no tool of ours, and which one.
NEEDED = {
    "test_ag_ui.py": ("ag_ui",),
    "test_examples.py": ("celery", "distributed"),
    "test_migration.py": ("agi", "httpx"),
    "test_migration_raccoonai.py": ("raccoonai",),
    "test_own_loop.py": ("httpx", "httpx_sse", "requests"),
    "test_recipes.py": ("celery", "distributed"),
    "test_snippets.py": ("temporalio",),
    "test_surface.py": ("temporalio",),
    "test_telemetry.py": ("opentelemetry",),
    "test_temporal.py": ("temporalio",),
}
#: Those that are left out here, and said to be. `make test` wants all of them.
LEFT_OUT = {
    name: packages
    for name, packages in NEEDED.items()
    if os.environ.get("SESSIONWIRE_TESTS") != "all" and not all(map(find_spec, packages))
}
collect_ignore = list(LEFT_OUT)


def pytest_report_header() -> list[str]:
    return [
        f"left out: {name}, which needs {' and '.join(packages)} (pip install -r "
        "bindings-python/requirements-dev.txt)"
        for name, packages in LEFT_OUT.items()
    ]


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

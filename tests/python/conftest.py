"""What the tests share. They run against the emulator over real sockets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sessionwire import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionwire import Agi

for name in ("AGI_API_KEY", "AGI_BASE_URL"):
    os.environ.pop(name, None)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(step_delay=0.005) as emulator:
        yield emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Agi]:
    with emulator.agi() as client:
        yield client

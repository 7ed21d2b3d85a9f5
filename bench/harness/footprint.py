"""What the package costs before it does anything: import time and size."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.environment import HOME
from harness.errors import BenchError, run
from harness.measure import Spread

PEERS = ("agi", "openai", "httpx")
OURS = "sessionwire"
_TOTAL = re.compile(r"import time:\s+\d+ \|\s+(\d+) \|\s*(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Ours:
    """What our package loads and weighs."""

    importtime_ms: float
    third_party: tuple[str, ...]
    wheel_mb: float


@dataclass(frozen=True)
class Footprint:
    """Milliseconds of an import over the bare interpreter, by module; `ours` if it was measured."""

    bare: Spread
    over_bare: dict[str, Spread]
    ours: Ours | None


def measure_footprint(
    python: Path, *, rounds: int, wheel: Path | None, record: Callable[[str, int, float], None]
) -> Footprint:
    """Time whole processes in turn; the first turn, which may write bytecode, is not counted."""
    modules = [*([OURS] if wheel else []), *PEERS]
    bare: list[float] = []
    over: dict[str, list[float]] = {module: [] for module in modules}
    for number in range(rounds + 1):
        base = _process_ms(python, "pass")
        extra = {module: _process_ms(python, f"import {module}") - base for module in modules}
        if number == 0:
            continue
        bare.append(base)
        record("pass", number, base)
        for module, value in extra.items():
            over[module].append(value)
            record(module, number, value)
    return Footprint(
        Spread.of(bare),
        {module: Spread.of(values) for module, values in over.items()},
        Ours(*_importtime(python), wheel.stat().st_size / 1e6) if wheel else None,
    )


def _process_ms(python: Path, code: str) -> float:
    start = time.perf_counter()
    run([python, "-c", code], cwd=HOME, timeout=60)
    return (time.perf_counter() - start) * 1e3


def _importtime(python: Path) -> tuple[float, tuple[str, ...]]:
    """Our cumulative milliseconds, and the packages loaded that are neither ours nor Python's."""
    standard = set(
        run([python, "-c", "import sys; print(*sys.stdlib_module_names)"], cwd=HOME).split()
    )
    at_start = {module for _, module in _imports(python, "pass")}
    ours = _imports(python, f"import {OURS}")
    total = [int(micros) for micros, module in ours if module == OURS]
    if not total:
        raise BenchError(f"-X importtime does not list {OURS}: is the wheel installed?")
    extra = {module.partition(".")[0] for _, module in ours if module not in at_start}
    return total[0] / 1e3, tuple(sorted(extra - standard - {OURS}))


def _imports(python: Path, code: str) -> list[tuple[str, str]]:
    done = subprocess.run(
        [python, "-X", "importtime", "-c", code],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"{python} -c {code!r} failed:\n{done.stderr[-2000:]}")
    return _TOTAL.findall(done.stderr)

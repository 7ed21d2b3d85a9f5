"""The one way the benchmark fails: something is broken, never merely slow."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class BenchError(Exception):
    """What went wrong, and what to do about it."""


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    timeout: float = 3600,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a command and give its standard output; a failure shows the end of what it wrote."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, cwd=cwd, timeout=timeout, env=env, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise BenchError(
            f"{words[0]} is not installed: install it, or leave its suites out with --only"
        ) from None
    except subprocess.TimeoutExpired:
        raise BenchError(f"{' '.join(words)} did not end within {timeout:.0f} s") from None
    if done.returncode != 0:
        written = (done.stderr or done.stdout).strip().splitlines()
        raise BenchError(
            "\n".join([f"{' '.join(words)} failed ({done.returncode}):", *written[-20:]])
        )
    return done.stdout

"""Small helps for the tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def eventually(condition: Callable[[], Any], what: str, limit: float = 10.0) -> None:
    """Waits until the condition holds."""
    until = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < until, f"still not so after {limit} s: {what}"
        time.sleep(0.005)


def script(*steps: dict[str, Any]) -> dict[str, Any]:
    """A scenario in which every task takes these steps."""
    return {"tasks": [{"steps": list(steps)}]}


def thoughts(count: int) -> dict[str, Any]:
    """So many thoughts, `thought 1` first."""
    return {"repeat": count, "steps": [{"thought": "thought {n}"}]}

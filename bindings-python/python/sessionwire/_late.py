"""What ends a wait for a callback. Apart, because both bridges raise it."""

from __future__ import annotations


class Late(Exception):
    """A callback that is awaited did not end in time."""

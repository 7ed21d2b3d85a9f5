"""The logger `sessionwire`, and the core's records for it.

Imported by who writes to it: `logging` takes long to import.
"""

from __future__ import annotations

import logging

logger = logging.getLogger("sessionwire")


def replay(records: list[tuple[int, float, str]]) -> None:
    """Gives records of level, time and text to the logger, as if they were made just then."""
    for level, created, text in records:
        if not logger.isEnabledFor(level):
            continue
        record = logger.makeRecord("sessionwire", level, "(sessionwire)", 0, text, (), None)
        record.relativeCreated += (created - record.created) * 1000
        record.created = created
        record.msecs = int((created % 1) * 1000) + 0.0
        logger.handle(record)

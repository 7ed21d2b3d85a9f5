"""The logger `sessionwire`, and the core's records for it.

Imported by who writes to it: `logging` takes long to import.
"""

from __future__ import annotations

import logging

logger = logging.getLogger("sessionwire")


def to_stderr() -> None:
    """Shows everything on standard error, for a program that does not set `logging` up itself."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s sessionwire: %(message)s"))
    # A program that has handlers of its own shows the records already.
    handler.addFilter(lambda _: not logging.root.handlers)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


def replay(records: list[tuple[int, float, str, dict[str, object]]]) -> None:
    """Gives records of level, time, text and fields to the logger, as if they were made just then.

    A field is an attribute of the record, such as `sessionwire_session_id`.
    """
    for level, created, text, fields in records:
        if not logger.isEnabledFor(level):
            continue
        extra = {f"sessionwire_{name}": value for name, value in fields.items()}
        record = logger.makeRecord(
            "sessionwire", level, "(sessionwire)", 0, text, (), None, extra=extra
        )
        record.relativeCreated += (created - record.created) * 1000
        record.created = created
        record.msecs = int((created % 1) * 1000) + 0.0
        logger.handle(record)

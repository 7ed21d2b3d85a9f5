"""A place in a notebook whose content is replaced: by Jupyter's display protocol, no widgets."""

from __future__ import annotations

import sys
from contextlib import suppress
from contextvars import copy_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def kernel_shell() -> Any:
    """The shell of the notebook that this runs in; None in a terminal, a script or a test."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return None if getattr(shell, "kernel", None) is None else shell


class Board:
    """One output of a cell."""

    __slots__ = ("_cell", "_id", "_shell", "_shown")

    def __init__(self, shell: Any) -> None:
        from uuid import uuid4

        self._shell = shell
        self._id = uuid4().hex
        self._shown = False
        self._cell = copy_context()

    def show(self, page: str, line: str) -> None:
        """Shows a page; `line` is what a front end without HTML has of it.

        A view that cannot be shown stops nothing: the kernel may be about to end.
        """
        try:
            self._publish(page, line)
        except LookupError:
            # ipykernel 7.0 knows no cell in a thread of ours: it is the one that began.
            with suppress(Exception):
                self._cell.run(self._publish, page, line)
        except Exception:
            return

    def _publish(self, page: str, line: str) -> None:
        self._shell.display_pub.publish(
            data={"text/html": page, "text/plain": line},
            metadata={},
            transient={"display_id": self._id},
            update=self._shown,
        )
        self._shown = True

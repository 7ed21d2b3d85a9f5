"""What `typing` has, without its import: it takes longer than all the rest."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import overload as overload
else:

    def overload(function: object) -> object:
        """The function: the last of that name is the one that runs."""
        return function

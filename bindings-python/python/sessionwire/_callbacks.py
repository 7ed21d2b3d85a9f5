"""Functions that a caller gives to be called."""

from __future__ import annotations


def check_callback(name: str, function: object) -> None:
    """Refuses what cannot be called, before anything is sent."""
    if function is not None and not callable(function):
        from ._errors import InvalidRequestError

        raise InvalidRequestError(
            f"`{name}` must be a function, not {function!r}. Pass a function, or leave it out."
        )

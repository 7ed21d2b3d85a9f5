"""Functions that a caller gives to be called."""

from __future__ import annotations


def check_callback(name: str, function: object) -> None:
    """Refuses what cannot be called, before anything is sent."""
    if function is not None and not callable(function):
        from ._errors import InvalidRequestError

        raise InvalidRequestError(
            f"`{name}` must be a function, not {function!r}. Pass a function, or leave it out."
        )


def checked_answer(answer: object) -> str | None:
    """The answer that `on_question` gave."""
    if answer is None or isinstance(answer, str):
        return answer
    from ._errors import InvalidRequestError

    raise InvalidRequestError(
        f"`on_question` gave {type(answer).__name__} {answer!r:.60}. Give a text, or None to leave "
        "the question open."
    )

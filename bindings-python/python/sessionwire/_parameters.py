"""Which parameter a wrong value was given for: looked up where a call fails, and only there."""

from __future__ import annotations

import os
import sys

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import FrameType
    from typing import Any, NoReturn

PACKAGE = __name__.partition(".")[0]
MISSING = object()
# How the native half ends what it says of NaN and of infinity.
_NO_NUMBER = "is not a number that JSON has"
# What may hold a key or a password: such a value is shown nowhere.
SECRET = frozenset(("api_key", "headers", "proxy", "secret"))


def named(why: str) -> str:
    """What is wrong, by the parameter of the public call that is running; else `why`."""
    found = endless = None
    # The outermost call of the package is the one that the caller wrote.
    for function, given in _calls(sys._getframe(1)):
        found = next(_wrong(function, given), None) or found
        endless = next(_endless(function, given), None) or endless
    return found or (endless if why.endswith(_NO_NUMBER) else None) or why


def check_flag(name: str, value: object) -> None:
    """Refuses what is neither True nor False."""
    if not isinstance(value, bool):
        refused(f"`{name}` must be True or False, not {value!r}")


def listed(name: str, values: Iterable[Any]) -> list[Any]:
    """A list of what a caller gave."""
    try:
        return list(values)
    except TypeError:
        refused(f"`{name}` must be a list, not {values!r}")


def path_text(name: str, path: object, error: type[Exception]) -> str | None:
    """The path that a caller gave, as text."""
    given = os.fspath(path) if isinstance(path, os.PathLike) else path
    if given is None or isinstance(given, str):
        return given
    advice = ". Pass `os.fsdecode(path)`" if isinstance(given, bytes) else ""
    raise error(
        f"`{name}` must be a str or a Path, not {type(given).__name__} {path!r:.60}{advice}."
    )


def warn_unknown_types(types: list[Any]) -> None:
    """Warns of types of events that this version does not know: they may be new, or misspelled."""
    for name in dict.fromkeys(one for one in types if isinstance(one, str)):
        if (warning := _native.unknown_event_type(name)) is not None:
            import warnings

            warnings.warn(warning, UserWarning, stacklevel=_level())


def _level() -> int:
    """How far the caller's line is from the place of a warning."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame):
        level, frame = level + 1, frame.f_back
    return level


def refused(why: str) -> NoReturn:
    """Raises the error for a value of the wrong type."""
    from ._errors import InvalidRequestError

    raise InvalidRequestError(f"{named(why)}.") from None


def _calls(frame: FrameType | None) -> Iterator[tuple[Callable[..., Any], Mapping[str, object]]]:
    """The functions of the package that are running, from the inside out, with their arguments."""
    while frame is not None and _is_ours(frame):
        function = _function(frame)
        if function is not None:
            yield function, frame.f_locals
            # What is awaited later runs when its public call is over already.
            public = getattr(frame.f_locals.get("self"), frame.f_code.co_name.lstrip("_"), None)
            params = frame.f_locals.get("params")
            if public is not None and isinstance(params, dict):
                yield getattr(public, "__func__", public), params
        frame = frame.f_back


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == PACKAGE


def _function(frame: FrameType) -> Callable[..., Any] | None:
    """The function whose frame this is."""
    owner: object = frame.f_locals.get("self")
    name = frame.f_code.co_name
    kinds = type(owner).__mro__ if owner is not None else ()
    found = [vars(kind).get(name) for kind in kinds] or [frame.f_globals.get(name)]
    return next((one for one in found if getattr(one, "__code__", None) is frame.f_code), None)


def _endless(function: Callable[..., Any], given: Mapping[str, object]) -> Iterator[str]:
    """Which of the values is a number that JSON has not."""
    code = function.__code__
    for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        value = given.get(name)
        if isinstance(value, float) and not abs(value) < float("inf"):
            yield f"`{name}` is {value!r}, which {_NO_NUMBER}: pass a finite one"


def _wrong(function: Callable[..., Any], given: Mapping[str, object]) -> Iterator[str]:
    """What is wrong with the values, by the function's annotations."""
    import typing

    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):
        # A frozen program has no source to read them from.
        return
    for name, hint in hints.items():
        if name == "return":
            continue
        if typing.get_origin(hint) is typing.Unpack:
            yield from _wrong_extras(typing.get_args(hint)[0], given.get(name, {}))
            continue
        value = given.get(name, MISSING)
        if value is not MISSING and not _fits(value, hint):
            yield _sentence(name, hint, value)


def _wrong_extras(shape: Any, given: object) -> Iterator[str]:
    """The same for keywords that a `TypedDict` describes."""
    import typing

    for name, hint in typing.get_type_hints(shape).items():
        value = given.get(name, MISSING) if isinstance(given, dict) else MISSING
        if value is not MISSING and not _fits(value, hint):
            yield _sentence(name, hint, value)


def _fits(value: object, hint: Any) -> bool:
    """Whether a value may be of this type; in doubt it may."""
    import collections.abc
    import types
    import typing

    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in typing.get_args(hint))
    if origin is typing.Annotated:
        return _fits(value, typing.get_args(hint)[0])
    if origin is typing.Literal:
        return any(type(value) is type(one) for one in typing.get_args(hint))
    kind = origin or hint
    if kind in (None, type(None)):
        return value is None
    if typing.is_typeddict(kind):
        return isinstance(value, dict)
    if hint is typing.Any or not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in (collections.abc.Iterable, collections.abc.Sequence, list, tuple):
        inner = [one for one in typing.get_args(hint) if one is not Ellipsis]
        if not isinstance(value, kind) or (isinstance(value, str | bytes) and str in inner):
            return False
        # Others are read once only.
        members = value if isinstance(value, list | tuple) else ()
        return not inner or all(_fits(one, inner[0]) for one in members)
    return isinstance(value, kind)


def _sentence(name: str, hint: Any, value: object) -> str:
    given = "" if name in SECRET else f" {value!r}"
    if len(given) > 61:
        given = given[:58] + "..."
    kind = "None" if value is None else f"{type(value).__name__}{given}"
    advice = ""
    if isinstance(value, bytes):
        advice = ": decode it first, as in `value.decode()`"
    elif hasattr(value, "session_id"):
        advice = ": pass its `session_id`"
    return f"`{name}` must be {_words(hint)}, not {kind}{advice}"


def _words(hint: Any) -> str:
    """A type as a person would say it."""
    import collections.abc
    import types
    import typing

    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [one for one in typing.get_args(hint) if one is not type(None)]
        # A number of seconds may be a `timedelta`, too.
        words = [_words(one) for one in kinds]
        if "a number" in words:
            words = [word for word in words if word != "a timedelta"]
        if type(None) in typing.get_args(hint):
            words.append("None")
        return " or ".join(dict.fromkeys(words))
    if origin is typing.Annotated:
        return _words(typing.get_args(hint)[0])
    if origin is typing.Literal:
        return " or ".join(repr(one) for one in typing.get_args(hint))
    kind = origin or hint
    if kind is collections.abc.Callable:
        return "a function"
    if kind is float:
        return "a number"
    if kind in (collections.abc.Iterable, collections.abc.Sequence, list, tuple):
        inner = typing.get_args(hint)
        # Of anything: there is no more to say.
        known = [one for one in inner[:1] if one not in (typing.Any, object)]
        return f"a list of {_words(known[0])}" if known else "a list"
    if kind in (collections.abc.Mapping, dict):
        return "a dict"
    name = getattr(kind, "__name__", str(kind))
    # A name in capitals is spelled: a UUID.
    vowel = name[:1] in ("A", "E", "I", "O") if name.isupper() else name[:1].lower() in "aeiou"
    return f"an {name}" if vowel else f"a {name}"

"""Tolerant JSON beside `json.loads`: what it reads is read to the same value, and nothing else."""

from __future__ import annotations

import json
import math
import random
import re
from typing import Any

import pytest

from sessionwire._native import find_json, parse_json

DEEPEST = 100
# Text that is written as it is, and escapes; some of them halves of a surrogate pair.
CHARACTERS = ["a", "é", "🚀", "{", "[", "]", "}", ",", ":", "'", " ", "\u007f", "\u2028", "\ufeff"]
ESCAPES = [r"\"", r"\\", r"\/", r"\n", r"\u0000", r"\u00e9", r"\ud83d", r"\uDE80", r"\ud83d\ude80"]
NUMBERS = [
    *("0", "-0", "0.0", "-0.0", "1", "-1", "10", "1.5", "1E5", "1e-5", "1e+5", "-1.5e-3"),
    *("9007199254740993", "-9007199254740993", "9223372036854775808", "-9223372036854775808"),
    *("18446744073709551615", "18446744073709551616", "-9223372036854775809", "1" * 30, "1" * 400),
    *(
        "1e308",
        "1e309",
        "-1e309",
        "1e999",
        "1E400",
        "1e-400",
        "0.1",
        "123456789.123456789",
        "5e-324",
    ),
]
WORDS = ["true", "false", "null", "NaN", "Infinity", "-Infinity"]
SPACES = ["", "", "", " ", "\n", "\t", "\r\n  "]
# What a mutation puts into a text.
CHANGES = [*'{}[]",:0123456789-+.eEtfnNaI\\/u \n', "NaN", "\x00", "\u00a0", r"\ud83d", "é"]


def whole(text: str) -> Any:
    """A whole number; its text where 64 bits cannot hold it."""
    if len(text) > 25:
        return text
    number = int(text)
    return number if -(2**63) <= number < 2**64 else text


def fraction(text: str) -> Any:
    """A number; its text where a double cannot hold it."""
    number = float(text)
    return number if math.isfinite(number) else text


def mended(found: Any) -> Any:
    """A value with U+FFFD for each half of a surrogate pair."""
    match found:
        case list():
            return [mended(item) for item in found]
        case dict():
            return {mended(name): mended(item) for name, item in found.items()}
        case str():
            return re.sub("[\ud800-\udfff]", "\ufffd", found)
        case _:
            return found


def by_python(text: str) -> Any:
    """What `json.loads` reads, in the words of strict JSON."""
    return mended(json.loads(text, parse_int=whole, parse_float=fraction, parse_constant=str))


class Author:
    """Writes JSON as it may come: with any space, escapes, numbers and names."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def space(self) -> str:
        return self.chance.choice(SPACES)

    def string(self) -> str:
        parts = self.chance.choices([*CHARACTERS, *ESCAPES], k=self.chance.randrange(8))
        return f'"{"".join(parts)}"'

    def value(self, depth: int = 0) -> str:
        space, choice = self.space, self.chance.randrange(9 if depth < 6 else 5)
        if choice < 2:
            return self.string()
        if choice < 4:
            return self.chance.choice(NUMBERS)
        if choice == 4:
            return self.chance.choice(WORDS)
        entries = range(self.chance.randrange(4))
        if choice < 7:
            inside = ",".join(space() + self.value(depth + 1) + space() for _ in entries)
            return f"[{inside or space()}]"
        # Few names, so that some stand twice.
        names = [*(f'"{name}"' for name in "ab"), r'"\u0061"', self.string()]
        inside = ",".join(
            space() + self.chance.choice(names) + space() + ":" + self.value(depth + 1) + space()
            for _ in entries
        )
        return f"{{{inside or space()}}}"

    def document(self) -> str:
        return self.space() + self.value() + self.space()

    def changed(self, text: str) -> str:
        """The text with some small mistakes."""
        for _ in range(self.chance.randrange(1, 4)):
            at = self.chance.randrange(len(text) + 1)
            to = at + self.chance.randrange(3)
            text = text[:at] + self.chance.choice(["", *CHANGES]) + text[to:]
        return text


def same(ours: Any, wanted: Any) -> bool:
    """Equal, and of the same types: 1 is not 1.0, and not true."""
    if isinstance(wanted, list) and isinstance(ours, list):
        return len(ours) == len(wanted) and all(map(same, ours, wanted))
    if isinstance(wanted, dict) and isinstance(ours, dict):
        return list(ours) == list(wanted) and all(same(ours[name], wanted[name]) for name in wanted)
    return type(ours) is type(wanted) and ours == wanted


@pytest.mark.parametrize("seed", range(4))
def test_g09_what_python_reads_is_read_to_the_same_value(seed: int) -> None:
    author = Author(seed)
    for _ in range(1500):
        text = author.document()
        wanted = by_python(text)
        assert same(parse_json(text), wanted), text
        # Alone, and among words.
        alone = find_json(text)
        assert alone is not None
        assert same(json.loads(alone), wanted), text
        if isinstance(wanted, list | dict):
            among = find_json(f"Result: {text}.")
            assert among is not None
            assert same(json.loads(among), wanted), text


@pytest.mark.parametrize("seed", range(4))
def test_g09_what_python_refuses_is_refused(seed: int) -> None:
    author, read, refused = Author(100 + seed), 0, 0
    for _ in range(2500):
        text = author.changed(author.document())
        if text.startswith("\ufeff"):
            # A mark at the start is nothing here.
            continue
        try:
            wanted = by_python(text)
        except json.JSONDecodeError:
            with pytest.raises(ValueError, match="column"):
                parse_json(text)
            refused += 1
        else:
            assert same(parse_json(text), wanted), text
            read += 1
    assert read > 200
    assert refused > 200


@pytest.mark.parametrize("depth", [1, 99, 100, 101, 150, 201, 450])
@pytest.mark.parametrize("ends", ["[]", '{"a":}'])
def test_g09_what_is_nested_too_deep_is_its_text(depth: int, ends: str) -> None:
    opened, closed = ends[:-1], ends[-1]
    text = opened * depth + "[7,NaN]" + closed * depth
    ours, wanted = parse_json(text), by_python(text)
    for level in range(1, depth + 1):
        ours = ours[0] if ends == "[]" else ours["a"]
        wanted = wanted[0] if ends == "[]" else wanted["a"]
        if level % DEEPEST == 0:
            # Its text is read like any other.
            assert isinstance(ours, str)
            ours = parse_json(ours)
    assert same(ours, wanted)


@pytest.mark.parametrize("text", ["nan", "[1,]", "{'a': 1}", '{"a": undefined}', "[1", "", "\x00"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    with pytest.raises(ValueError, match="column"):
        parse_json(text)

"""Which object comes of which JSON, type by type; and types that no JSON can become."""

import dataclasses
import datetime
import enum
import subprocess
import sys
import typing
from dataclasses import InitVar, dataclass
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar

import annotated_types
import attrs
import jsonschema
import msgspec
import pydantic
import pytest

from helpers import script
from sessionwire import Agi, Emulator, InvalidRequestError, TaskError, TaskResult
from sessionwire._schema import schema_of

T = TypeVar("T")


@dataclass
class Short:
    x: int


@dataclass
class Long:
    x: int
    y: int


@dataclass
class Padded:
    x: int
    note: str = ""


@dataclass
class Titled:
    x: int
    title: str = ""


@dataclass
class Same:
    x: int


@dataclass
class Tagged:
    x: int
    kind: Literal["tagged"]


@dataclass
class Marked:
    x: int
    kind: Literal["marked"]


@dataclass(frozen=True)
class Frozen:
    x: int


@dataclass(frozen=True)
class Holding:
    x: list[int]


@dataclass
class Late:
    a: int
    k: InitVar[int]
    double: int = dataclasses.field(init=False)

    def __post_init__(self, k: int) -> None:
        self.double = 2 * k


@dataclass
class Box(Generic[T]):
    held: T
    more: list[T] = dataclasses.field(default_factory=list)


class Pair(TypedDict, Generic[T]):
    one: T


@dataclass
class Priced:
    price: Annotated[float, annotated_types.Gt(0)]


@dataclass(init=False)
class Own:
    x: int

    def __init__(self, y: int) -> None:
        self.x = y


class Point(enum.Enum):
    ORIGIN = (0, 0)
    ONE = (1, 1)


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


class Day(enum.Enum):
    FIRST = datetime.date(2026, 1, 1)


class Empty(enum.Enum):
    pass


class Struct(msgspec.Struct):
    d: dict[int, str]
    at: datetime.datetime | None = None


class StructBox(msgspec.Struct, Generic[T]):
    held: T


class Cat(msgspec.Struct, tag="cat"):
    name: str


class Dog(msgspec.Struct, tag="dog"):
    name: str


class Small(pydantic.BaseModel):
    x: int


class Large(pydantic.BaseModel):
    x: int
    y: int = 0


class Twin(pydantic.BaseModel):
    x: int


@attrs.define
class Attrs:
    x: int


class Row(NamedTuple):
    name: str
    tags: list[str]


Positive = NewType("Positive", pydantic.PositiveInt)
AbCode = Annotated[str, pydantic.Field(pattern="^a")]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
DAY = datetime.date(2026, 1, 1)

FITS: list[tuple[Any, Any, Any]] = [
    # Keys of an object are texts in JSON.
    (dict[datetime.date, float], {"2026-01-01": 1}, {DAY: 1.0}),
    (dict[int, str], {"1": "a", "-2": "b"}, {1: "a", -2: "b"}),
    (dict[float, int], {"1.5": 1}, {1.5: 1}),
    (dict[bool, int], {"true": 1}, {True: 1}),
    (dict[Size, int], {"1": 7}, {Size.SMALL: 7}),
    (dict[Literal["a", "b"], int], {"a": 7}, {"a": 7}),
    (dict[int | str, int], {"7": 1, "seven": 2}, {7: 1, "seven": 2}),
    (dict[Decimal, int], {"0.10": 1}, {Decimal("0.10"): 1}),
    (dict[pydantic.PositiveInt, int], {"7": 1}, {7: 1}),
    (dict[Percent, int], {"7": 1}, {7: 1}),
    (
        Struct,
        {"d": {"1": "a"}, "at": "2026-01-01T00:00:00"},
        Struct({1: "a"}, datetime.datetime(2026, 1, 1)),
    ),
    # Amounts.
    (Decimal, "0.123456789012345678", Decimal("0.123456789012345678")),
    (list[Decimal], "[12345678901234567890.12, 3]", [Decimal("12345678901234567890.12"), 3]),
    (list[float], "[0.1]", [0.1]),
    (dict[str, Any], '{"a": [0.1]}', {"a": [0.1]}),
    (Small | Decimal, "0.1000000000000000000001", Decimal("0.1000000000000000000001")),
    # What `Annotated` says besides the type.
    (pydantic.PositiveInt, 3, 3),
    (list[AbCode], ["ab"], ["ab"]),
    (Priced, {"price": 1}, Priced(1.0)),
    (Percent, 7, 7),
    (Positive, 7, 7),
    # Unions.
    (Short | Long, {"x": 1, "y": 2}, Long(1, 2)),
    (Long | Short, {"x": 1}, Short(1)),
    (Short | Padded, {"x": 1}, Short(1)),
    (Padded | Titled, {"x": 1, "title": "a"}, Titled(1, "a")),
    (list[Short] | list[Long], [{"x": 1, "y": 2}], [Long(1, 2)]),
    (Tagged | Marked, {"x": 1, "kind": "marked"}, Marked(1, "marked")),
    (Short | dict[str, int], {"x": 1, "z": 2}, {"x": 1, "z": 2}),
    (Short | dict[str, int], {"x": 1}, Short(1)),
    (Small | Large, {"x": 1, "y": 2}, Large(x=1, y=2)),
    (Large | Small, {"x": 1}, Small(x=1)),
    (Cat | Dog, {"type": "dog", "name": "Rex"}, Dog("Rex")),
    (float | int, 1, 1),
    (int | str, "42", 42),
    # Values that JSON has in another form.
    (Point, [1, 1], Point.ONE),
    (Literal[Size.SMALL, "none"], 1, Size.SMALL),
    (Late, {"a": 1, "k": 2}, Late(1, 2)),
    (set[Frozen], [{"x": 1}, {"x": 1}], {Frozen(1)}),
    (frozenset[tuple[int, str]], [[1, "a"]], frozenset({(1, "a")})),
    # Generic classes, and containers without brackets.
    (Box[int], {"held": 1, "more": [2]}, Box(1, [2])),
    (Box[Frozen], {"held": {"x": 1}}, Box(Frozen(1))),
    (Box, {"held": "anything"}, Box("anything")),
    (Pair[datetime.date], {"one": "2026-01-01"}, {"one": DAY}),
    (StructBox[int], {"held": 1}, StructBox(1)),
    (typing.List, [1, "a"], [1, "a"]),  # noqa: UP006
    (tuple, [1, "a"], (1, "a")),
    (typing.Mapping, {"a": 1}, {"a": 1}),
    (set, [1, 1], {1}),
]


@pytest.mark.parametrize(("wanted", "data", "expected"), FITS, ids=str)
def test_it_becomes_this_object(wanted: Any, data: Any, expected: Any) -> None:
    made = TaskResult("", data).parse(wanted)
    assert made == expected
    assert type(made) is type(expected)
    if not isinstance(data, str):
        jsonschema.validate(data, schema_of(wanted))


@pytest.mark.parametrize(
    ("wanted", "data", "says"),
    [
        (Decimal, "NaN", "no decimal"),
        (dict[int, str], {"one": "a"}, "the key 'one', which is no int"),
        (dict[int, str], {"1": "a", "01": "b"}, "two keys for 1: '01' is the second"),
        (dict[Size, str], {"3": "a"}, "the key '3', which is not one of \\['1', '2'\\]"),
        (dict[datetime.date, str], {"x": "a"}, "the key 'x' is 'x', which is no date"),
        (Padded | Titled, {"x": 1}, "fits Padded and Titled alike"),
        (Point, [0, 1], "not one of"),
        (list[AbCode], ["ab", "zzz"], "the result\\[1\\]: 1 validation error"),
        (dict[str, Percent], {"a": 101}, "the result\\['a'\\]: Expected `int` <= 100"),
        (set[Any], [[1]], "cannot be a set"),
    ],
    ids=str,
)
def test_it_does_not_fit(wanted: Any, data: Any, says: str) -> None:
    with pytest.raises(TaskError, match=says):
        TaskResult("", data).parse(wanted)


@pytest.mark.parametrize(
    ("wanted", "data"),
    [
        (pydantic.PositiveInt, -3),
        (list[AbCode], ["zzz"]),
        (Priced, {"price": -1}),
        (Positive, -1),
        (Percent, 101),
        (dict[Percent, int], {"101": 1}),
        (dict[pydantic.PositiveInt, int], {"-1": 1}),
    ],
    ids=str,
)
def test_what_annotated_says_is_checked(
    emulator: Emulator, client: Agi, wanted: Any, data: Any
) -> None:
    emulator.scenario({"tasks": [{"verbatim": True, "steps": [{"done": data}]}]})
    with pytest.raises(TaskError) as refused:
        client.run_task("x", output=wanted)
    assert refused.value.reason == "unexpected_shape"


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (complex, "cannot be made of JSON: parse\\(\\) cannot build complex"),
        ("Short", "'Short' is a text. Pass the class itself."),
        ([Short], "is a list. Pass list\\[Short\\]."),
        (dict[Frozen, int], "A key in JSON is a text, which cannot become Frozen. Use a list of"),
        (dict[tuple[int, int], int], "cannot become tuple\\[int, int\\]"),
        (set[Short], "cannot hold Short, which has no hash. Use a list, or make the class frozen."),
        (set[Holding], "cannot hold list\\[int\\], which has no hash"),
        (set[Row], "cannot hold list\\[str\\]"),
        (frozenset[list[int]], "cannot hold list\\[int\\]"),
        (set[Attrs], "cannot hold Attrs"),
        (set[Cat], "cannot hold Cat"),
        (set[Small], "cannot hold Small"),
        (set[dict[str, int]], "cannot hold dict"),
        (Short | Same, "Short and Same have the same fields, so that a result fits both. Give"),
        (list[Small | Twin], "Small and Twin have the same fields"),
        (Day, "Day: JSON has no value such as datetime.date\\(2026, 1, 1\\). Use texts"),
        (Empty, "Empty has no values"),
        (Literal[b"x"], "JSON has no value such as b'x'"),
        (Own, "Own cannot be made of its fields: .*'y'.* Let its constructor take them"),
        (Box[complex], "cannot build complex"),
        (Annotated[Cat, annotated_types.Gt(0)], "pydantic-core schema for .*Cat"),
    ],
    ids=str,
)
def test_g08_a_type_that_nothing_fits_costs_nothing(
    client: Agi, emulator: Emulator, wanted: Any, says: str, described: bool
) -> None:
    with pytest.raises(InvalidRequestError, match=f"`output` .*{says}"):
        client.run_task("x", output=wanted, repairs=2, describe_output=described)
    assert emulator.requests("POST") == []


def test_g08_rules_that_nobody_checks_are_refused() -> None:
    program = """
from typing import Annotated
from annotated_types import Gt
from sessionwire import Agi, InvalidRequestError
try:
    Agi(api_key="k").run_task("x", output=Annotated[int, Gt(0)])
except InvalidRequestError as refused:
    print(refused)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "has rules that pydantic checks. Import pydantic, or leave them out." in done.stdout


DRAFTS = [
    ('```json\n{"draft": true}\n```\nSo the result is {"x": 2}', 2),
    ('I had {"x": 1, "note": "of this I am not sure"} but the final result is {"x": 2}', 2),
    ('Like `{"example": "of a longer object"}`: {"x": 2}', 2),
    ('{"x": 1}\n{"x": 2}', 2),
    ('"{\\"x\\": 2}"', 2),
    ('```json\n{"x": 1}\n```\nNo, this:\n```json\n{"x": 2}\n```', 2),
    ('{"x": 2} (see [1] and {})', 2),
    ('[{"x": 2}, {"y": 3} and so on', 2),
    ('Of {curly braces} and {title} it says\n{"x": 2}', 2),
    ('```\nstep 1\nstep 2\n```\nand then ```json\n{"x": 2}\n```', 2),
    ('You wrote {"x": 1}. I say: {"x": 2}', 2),
    # What is part of something else is no result.
    ('{"items": [{"x": 1}]} or {"x": "many"}', None),
]


@pytest.mark.parametrize(("text", "x"), DRAFTS, ids=str)
def test_the_last_that_fits_wins(text: str, x: int | None) -> None:
    if x is not None:
        assert TaskResult("", text).parse(Short) == Short(x)
        return
    with pytest.raises(TaskError, match="no field 'x'"):
        TaskResult("", text).parse(Short)


def test_an_empty_list_is_taken_where_nothing_else_fits() -> None:
    assert TaskResult("", 'Names: ["a", "b"], without the old ones []').parse(list[str]) == [
        "a",
        "b",
    ]
    assert TaskResult("", "There are none: []").parse(list[str]) == []


def test_a_repair_is_asked_for_where_no_draft_fits(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script({"done": '{"x": "one"} {"y": 2}'}))
    with pytest.raises(TaskError, match="the result.x is str, not int") as refused:
        client.run_task("x", output=Short)
    assert refused.value.reason == "unexpected_shape"

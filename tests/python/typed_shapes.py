"""Types that a result can fit, one of each kind, without future annotations."""

import dataclasses
import datetime
import decimal
import enum
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import attrs
import msgspec
import pydantic

MUG: dict[str, Any] = {"name": "Blue", "price": 12.5}


class Model(pydantic.BaseModel):
    name: str
    price: float = pydantic.Field(gt=0)


class Aliased(pydantic.BaseModel):
    title: str = pydantic.Field(alias="name")
    price: decimal.Decimal


@dataclasses.dataclass
class Record:
    """A mug of the shop."""

    name: str
    price: Annotated[float, "in euros"]
    note: str | None = None


@pydantic.dataclasses.dataclass
class CheckedRecord:
    name: str
    price: float


class Keys(TypedDict):
    name: str
    price: float
    colour: NotRequired[Literal["blue", "red"]]


class Tuple(NamedTuple):
    name: str
    price: float
    amount: int = 1


class Struct(msgspec.Struct):
    name: str
    price: float


@attrs.define
class Attrs:
    name: str
    price: float = attrs.field(validator=attrs.validators.gt(0))
    _hidden: int = 3


class Colour(enum.Enum):
    BLUE = "blue"
    RED = "red"


@dataclasses.dataclass
class Dates:
    day: datetime.date
    at: datetime.datetime
    price: decimal.Decimal
    colour: Colour


@dataclasses.dataclass
class Tree:
    name: str
    parts: list["Tree"] = dataclasses.field(default_factory=list)


DATES = {"day": "2026-03-04", "at": "2026-03-04T09:15:00Z", "price": "12.50", "colour": "red"}
AT = datetime.datetime(2026, 3, 4, 9, 15, tzinfo=datetime.UTC)

#: Each kind: the type, JSON that fits it, and the object.
SHAPES: dict[str, tuple[Any, Any, Any]] = {
    "pydantic model": (Model, MUG, Model(**MUG)),
    "pydantic alias": (Aliased, MUG, Aliased.model_validate(MUG)),
    "pydantic dataclass": (CheckedRecord, MUG, CheckedRecord(**MUG)),
    "pydantic TypeAdapter": (
        pydantic.TypeAdapter(list[Model]),
        [MUG],
        [Model(**MUG)],
    ),
    "dataclass": (Record, MUG, Record(**MUG)),
    "nested dataclass": (
        Tree,
        {"name": "a", "parts": [{"name": "b"}]},
        Tree("a", [Tree("b")]),
    ),
    "TypedDict": (Keys, MUG, MUG),
    "NamedTuple": (Tuple, MUG, Tuple("Blue", 12.5)),
    "msgspec struct": (Struct, MUG, Struct("Blue", 12.5)),
    "attrs class": (Attrs, {**MUG, "hidden": 4}, Attrs("Blue", 12.5, 4)),
    "dates": (
        Dates,
        DATES,
        Dates(datetime.date(2026, 3, 4), AT, decimal.Decimal("12.50"), Colour.RED),
    ),
    "list of dataclasses": (list[Record], [MUG, MUG], [Record(**MUG)] * 2),
    "dict of models": (dict[str, Model], {"a": MUG}, {"a": Model(**MUG)}),
    "optional": (Record | None, None, None),
}

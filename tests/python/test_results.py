"""Results as JSON and as objects; pictures; times."""

from __future__ import annotations

import dataclasses
import pickle
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import pydantic
import pytest

from sessionwire import Message, Screenshot, TaskError, TaskResult
from sessionwire._models import parse_time

OFFERS = {"offers": [{"price": 41.5, "name": "A"}], "note": None}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (OFFERS, OFFERS),
        ([1, 2], [1, 2]),
        ('{"a": 1}', {"a": 1}),
        ("  [1, 2]\n", [1, 2]),
        ('Here you are:\n```json\n{"a": 1}\n```\nAnything else?', {"a": 1}),
        ('```\n[{"a": 1}]\n```', [{"a": 1}]),
        ('The offers [see below] are {"a": {"b": [1]}} as asked.', {"a": {"b": [1]}}),
        ('Small {"a": 1}, large {"a": 1, "b": [1, 2, 3]}.', {"a": 1, "b": [1, 2, 3]}),
        ("```json\n{broken\n```\n[1]", [1]),
        ("42", 42),
        (None, None),
    ],
)
def test_json_in_whatever_wrapping(data: Any, expected: Any) -> None:
    assert TaskResult("", data).json() == expected


@pytest.mark.parametrize("text", ["", "No offers today.", "{", "[" * 5000, "a } b ] c"])
def test_no_json(text: str) -> None:
    with pytest.raises(TaskError, match="no JSON.*ask for JSON") as caught:
        TaskResult("", text, session_id="s").json()
    assert (caught.value.reason, caught.value.session_id) == ("no_json", "s")


class Offer(pydantic.BaseModel):
    price: float
    name: str


class Offers(pydantic.BaseModel):
    offers: list[Offer]


class StructOffer(msgspec.Struct):
    price: float
    name: str


class StructOffers(msgspec.Struct):
    offers: list[StructOffer]
    note: str | None = None


@dataclasses.dataclass
class DataOffer:
    price: float
    name: str
    currency: Literal["USD", "EUR"] = "USD"


@dataclasses.dataclass
class DataOffers:
    offers: list[DataOffer]
    note: str | None
    tags: dict[str, int] = dataclasses.field(default_factory=dict)


def test_models() -> None:
    result = TaskResult("", OFFERS)
    assert result.parse(Offers).offers[0].price == 41.5
    assert result.parse(StructOffers) == StructOffers([StructOffer(41.5, "A")], None)
    assert result.parse(DataOffers) == DataOffers([DataOffer(41.5, "A")], None)
    assert TaskResult("", '[{"price": 1, "name": "B"}]').parse(list[DataOffer])[0].price == 1.0
    assert TaskResult("", OFFERS["offers"]).parse(list[Offer])[0].name == "A"
    assert TaskResult("", {"a": 1}).parse(dict[str, int]) == {"a": 1}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([], "the result is list, not dict"),
        ({"offers": []}, "no field 'note'"),
        ({"offers": [{"price": "free", "name": "A"}], "note": None}, r"offers\[0\].price is str"),
        ({"offers": [{"price": True, "name": "A"}], "note": None}, "is bool, not float"),
        (
            {"offers": [{"price": 1, "name": "A", "currency": "XXX"}], "note": None},
            "'XXX', not one of",
        ),
        ({"offers": [], "note": 4}, "note is int, not str"),
    ],
)
def test_a_result_that_does_not_fit(data: Any, text: str) -> None:
    with pytest.raises(TaskError, match=text) as caught:
        TaskResult("", data).parse(DataOffers)
    assert caught.value.reason == "unexpected_shape"


def test_models_raise_their_own_errors() -> None:
    with pytest.raises(pydantic.ValidationError):
        TaskResult("", {"offers": 1}).parse(Offers)
    with pytest.raises(msgspec.ValidationError):
        TaskResult("", {"offers": 1}).parse(StructOffers)
    with pytest.raises(TypeError, match="parse\\(\\) cannot build"):
        TaskResult("", {"a": 1}).parse(complex)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-04T09:15:27.418Z",
        "2026-03-04T09:15:27.418000000Z",
        "2026-03-04T09:15:27.418",
        "2026-03-04T09:15:27.418+00:00",
        "2026-03-04T11:15:27.418+02:00",
    ],
)
def test_times(text: str) -> None:
    assert parse_time(text) == datetime(2026, 3, 4, 9, 15, 27, 418000, tzinfo=UTC)


def test_g09_odd_times_stay_readable() -> None:
    assert parse_time("yesterday") is None
    assert parse_time(12) is None
    message = Message._of({"id": 1, "type": "NEW", "timestamp": "yesterday", "odd": [1]})
    assert (message.timestamp, message.extra) == (None, {"timestamp": "yesterday", "odd": [1]})
    assert message.text == ""
    assert Message(1, "DONE", {"ä": 1}).text == '{"ä":1}'


def test_records_are_values() -> None:
    one, two = Message(1, "LOG", "a"), Message(1, "LOG", "a")
    assert one == two
    assert one != Message(2, "LOG", "a")
    assert one != "a"
    assert pickle.loads(pickle.dumps(one)) == one
    assert repr(one).startswith("Message(id=1, type='LOG', content='a'")
    picture = Screenshot(b"\x89PNG", "image/png", 2, 3, "https://shop.example", "Shop")
    assert picture._repr_png_() == b"\x89PNG"
    assert picture._repr_jpeg_() is None
    assert "2x3" in repr(picture)

"""`output=`: results that fit a type, are asked for again, or are refused with what came."""

from __future__ import annotations

import asyncio
import datetime
import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NewType

import jsonschema
import pydantic
import pytest

from sessionwire import (
    Agi,
    APIConnectionError,
    ConflictError,
    Emulator,
    InvalidRequestError,
    QuestionPending,
    TaskError,
    TaskResult,
    TaskTimeout,
)
from sessionwire._schema import schema_of
from typed_shapes import MUG, SHAPES, Attrs, Colour, Dates, Keys, Model, Record, Struct, Tree, Tuple

ROOT = Path(__file__).parents[2]

#: What is sent instead of the result.
BROKEN = {
    "prose": "It costs twelve euros fifty.",
    "half": '{"name": "Blue", "price": ',
    "other": {"sorry": [True]},
    "empty": "",
    "fenced": "Here you are:\n```json\n[[false]]\n```\nAnything else?",
}


def answers(*contents: Any) -> dict[str, Any]:
    """One task after the other gives these."""
    return {
        "tasks": [
            {"once": True, "verbatim": True, "steps": [{"done": content}]} for content in contents
        ]
    }


def sent(emulator: Emulator) -> list[str]:
    return [
        request.json()["message"] for request in emulator.requests("POST", "/v1/sessions/*/message")
    ]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_result_that_does_not_fit_is_asked_for_once_more(
    emulator: Emulator, client: Agi, shape: str, broken: str
) -> None:
    wanted, fitting, expected = SHAPES[shape]
    emulator.scenario(answers(BROKEN[broken], fitting))
    result = client.run_task("What does the mug cost?", output=wanted, repairs=1)
    assert result.output == expected
    assert type(result.output) is type(expected)
    assert [one.data for one in result.refused] == [BROKEN[broken]]
    task, repair = sent(emulator)
    assert task.startswith("What does the mug cost?\n\nGive the result as JSON alone")
    assert "Do not do the task again" in repair
    schema = task.partition("JSON schema:\n")[2]
    assert repair.endswith(schema)
    jsonschema.validate(fitting, json.loads(schema))
    assert client.sessions.list() == []


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_never_fits_is_refused_and_nothing_is_lost(
    emulator: Emulator, client: Agi, shape: str, broken: str
) -> None:
    emulator.scenario(answers("no", BROKEN[broken]))
    with pytest.raises(TaskError, match="does not fit `output` after 1 repair: ") as caught:
        client.run_task("What does the mug cost?", output=SHAPES[shape][0], repairs=1)
    assert caught.value.reason in ("no_json", "unexpected_shape")
    result = caught.value.result
    assert result is not None
    assert (result.data, result.refused[0].data) == (BROKEN[broken], "no")
    assert result.session_id == caught.value.session_id
    assert len(sent(emulator)) == 2
    assert pickle.loads(pickle.dumps(caught.value)).result.data == BROKEN[broken]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_result_that_fits_costs_one_message(emulator: Emulator, client: Agi, shape: str) -> None:
    wanted, fitting, expected = SHAPES[shape]
    emulator.scenario(answers(f"So it is.\n```json\n{json.dumps(fitting)}\n```\nBye."))
    result = client.run_task("x", output=wanted, repairs=3)
    assert (result.output, result.refused) == (expected, [])
    assert len(sent(emulator)) == 1


async def ask_async(emulator: Emulator) -> TaskResult[Record]:
    async with emulator.async_agi() as client, await client.sessions.create() as session:
        return await session.run_task("x", output=Record, repairs=1)


def test_it_is_the_same_in_asyncio(emulator: Emulator) -> None:
    emulator.scenario(answers("prose", MUG))
    assert asyncio.run(ask_async(emulator)).output == Record("Blue", 12.5)
    emulator.scenario(answers("prose", "prose"))
    with pytest.raises(TaskError, match="after 1 repair"):
        asyncio.run(ask_async(emulator))


def test_without_repairs_nothing_is_sent_again(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(answers({"name": "Blue", "price": -1}))
    with pytest.raises(TaskError, match="does not fit `output`: 1 validation error") as caught:
        client.run_task("x", output=Model)
    assert "errors.pydantic.dev" not in str(caught.value)
    assert isinstance(caught.value.__cause__, pydantic.ValidationError)
    assert len(sent(emulator)) == 1


def test_the_agent_is_told_what_was_wrong(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(answers({"name": "Blue", "price": "dear"}, MUG))
    client.run_task("x", output=Record, repairs=1)
    assert "the result.price is str, not float" in sent(emulator)[1]


def test_the_schema_can_stay_out(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(answers({}, MUG))
    client.run_task("JSON with name and price", output=Keys, repairs=1, describe_output=False)
    task, repair = sent(emulator)
    assert task == "JSON with name and price"
    assert "schema" not in repair
    assert "no field 'name'" in repair


@pytest.mark.parametrize(
    ("wanted", "text", "expected"),
    [
        (Colour, "red", Colour.RED),
        (Colour, ' "red"\n', Colour.RED),
        (Literal["yes", "no"], "yes", "yes"),
        (datetime.date, "2026-03-04", datetime.date(2026, 3, 4)),
        (Decimal, "12.50", Decimal("12.50")),
        (str, "42", "42"),
        (int, "42", 42),
        (int, 12.0, 12),
        (Sequence[int], [1, 2], [1, 2]),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (int | str, "42", 42),
        (dict[str, int], 'So: {"a": 1}.', {"a": 1}),
        (NewType("Count", int), "7", 7),
        (tuple[int, str], [1, "a"], (1, "a")),
        (Any, {"a": 1}, {"a": 1}),
    ],
)
def test_plain_types(
    emulator: Emulator, client: Agi, wanted: Any, text: Any, expected: object
) -> None:
    emulator.scenario(answers(text))
    assert client.run_task("x", output=wanted).output == expected


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"output": complex}, "`output` cannot be made of JSON: parse\\(\\) cannot build complex"),
        ({"output": "Model"}, "`output` cannot be made of JSON: 'Model' is a text"),
        ({"output": 3}, "`output` cannot be made of JSON"),
        ({"repairs": 1}, "`repairs` needs `output`"),
        ({"output": Model, "repairs": -1}, "`repairs` is -1"),
        ({"output": Model, "repairs": True}, "`repairs` is True"),
        ({"output": Model, "describe_output": "no"}, "`describe_output` is 'no'"),
        ({"output": Model, "repairs": "1"}, "`repairs` is '1'"),
        ({"output": Literal[tuple(map(str, range(2000)))]}, "characters with the JSON schema"),
    ],
)
def test_g08_bad_input_costs_nothing(
    emulator: Emulator, client: Agi, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        client.run_task("x", **options)
    session = client.sessions.create()
    with pytest.raises(InvalidRequestError, match=says):
        session.run_task("x", **options)
    assert sent(emulator) == []
    assert len(emulator.requests("POST", "/v1/sessions")) == 1


def test_a_huge_answer_gives_a_repair_that_the_service_takes(
    emulator: Emulator, client: Agi
) -> None:
    emulator.scenario(answers({"name": "x" * 300_000, "price": "y" * 300_000}, MUG))
    assert client.run_task("x", output=Record, repairs=1).output == Record("Blue", 12.5)
    emulator.scenario(answers({"price": ["y"] * 90_000, "name": None, "count": {}}, MUG))
    either: Any = Literal["a"] | Record
    assert client.run_task("x", output=either, repairs=1).output
    assert all(len(message) <= 10_000 for message in sent(emulator))


def test_a_task_that_asks_and_one_that_fails(emulator: Emulator, client: Agi) -> None:
    asks = {"question": "Which?"}
    emulator.scenario(
        {
            "tasks": [
                {"once": True, "steps": [asks, {"done": "prose"}]},
                {"once": True, "steps": [asks, {"done": MUG}]},
                {"once": True, "steps": [{"error": "The shop is closed"}]},
            ]
        }
    )
    asked: list[str] = []

    def answer(question: Any) -> str:
        asked.append(question.text)
        return "blue"

    result = client.run_task("x", output=Record, repairs=1, on_question=answer)
    assert (result.output, asked) == (Record("Blue", 12.5), ["Which?"] * 2)
    with pytest.raises(TaskError, match="shop is closed") as caught:
        client.run_task("x", output=Record, repairs=1)
    assert (caught.value.result, caught.value.__cause__) == (None, None)


def first_result(error: BaseException) -> Any:
    """What an error of a repair leads to."""
    assert isinstance(error.__cause__, TaskError)
    assert error.__cause__.result is not None
    return error.__cause__.result.data


def test_a_repair_that_fails_loses_no_result(emulator: Emulator, client: Agi) -> None:
    def scenario(*steps: Any) -> None:
        first = {"once": True, "steps": [{"done": "dear"}]}
        emulator.scenario({"tasks": [first, {"steps": [*steps]}]})

    scenario({"question": "Why?"})
    with pytest.raises(QuestionPending, match="Why") as asks:
        client.run_task("x", output=Record, repairs=1)
    assert first_result(asks.value) == "dear"
    scenario({"error": "Tired"})
    with pytest.raises(TaskError, match="Tired") as failed:
        client.run_task("x", output=Record, repairs=1)
    assert first_result(failed.value) == "dear"
    scenario({"delay": 3600})
    with pytest.raises(TaskTimeout) as late:
        client.run_task("x", output=Record, repairs=1, timeout=1)
    assert first_result(late.value) == "dear"


def test_a_repair_that_is_broken_off_loses_no_result(emulator: Emulator, client: Agi) -> None:
    first = {"once": True, "steps": [{"done": "dear"}]}
    emulator.scenario({"tasks": [first, {"steps": [{"question": "Why?"}]}]})
    cause = KeyError("nobody")

    def ask(question: object) -> str:
        raise OSError("gone") from cause

    with pytest.raises(OSError, match="gone") as broken:
        client.run_task("x", output=Record, repairs=1, on_question=ask)
    assert broken.value.__cause__ is cause
    assert first_result(cause) == "dear"

    def stop(question: object) -> str:
        raise KeyboardInterrupt

    emulator.scenario({"tasks": [first, {"steps": [{"question": "Why?"}]}]})
    with pytest.raises(KeyboardInterrupt) as stopped:
        client.run_task("x", output=Record, repairs=1, on_question=stop)
    assert first_result(stopped.value) == "dear"

    async def late() -> BaseException:
        async with emulator.async_agi() as asynchronous:
            try:
                async with asyncio.timeout(2):
                    await asynchronous.run_task("x", output=Record, repairs=1)
            except TimeoutError as timeout:
                return timeout
        raise AssertionError

    emulator.scenario({"tasks": [first, {"steps": [{"delay": 3600}]}]})
    timeout = asyncio.run(late())
    assert timeout.__cause__ is not None
    assert first_result(timeout.__cause__) == "dear"


def test_g03_a_repair_whose_answer_is_lost_is_not_sent_again(
    emulator: Emulator, client: Agi
) -> None:
    emulator.scenario(answers("dear", MUG))
    with client.sessions.create() as session:

        def lose(event: Any) -> None:
            if event.type == "done" and len(sent(emulator)) == 1:
                emulator.fail(on="message", reset=True, after=True)

        result = session.run_task("x", output=Record, repairs=1, on_event=lose)
        assert result.output == Record("Blue", 12.5)
    assert len(sent(emulator)) == 2


def test_a_session_that_another_took_gets_no_repair(emulator: Emulator, client: Agi) -> None:
    emulator.scenario({"tasks": [*answers("dear")["tasks"], {"steps": [{"delay": 3600}]}]})
    with client.sessions.create() as session:

        class Nosy(pydantic.BaseModel):
            name: str

            @pydantic.model_validator(mode="before")
            @classmethod
            def start_another(cls, value: object) -> object:
                session.send_message("Another")
                return value

        with pytest.raises(ConflictError) as busy:
            session.run_task("x", output=Nosy, repairs=1, describe_output=False)
        assert first_result(busy.value) == "dear"


def test_a_fault_of_the_type_itself_is_told_with_the_result(
    emulator: Emulator, client: Agi
) -> None:
    class Faulty(pydantic.BaseModel):
        name: str

        @pydantic.model_validator(mode="after")
        def fail(self) -> Faulty:
            raise KeyError("no_such_key")

    emulator.scenario(answers(MUG))
    with pytest.raises(TaskError, match="no_such_key") as caught:
        client.run_task("x", output=Faulty, repairs=5)
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.result is not None
    assert len(sent(emulator)) == 1


def test_many_tasks(emulator: Emulator, client: Agi, tmp_path: Path) -> None:
    emulator.scenario(
        {
            "tasks": [
                {"match": "blue", "steps": [{"done": MUG}]},
                {"match": "red", "steps": [{"done": "dear"}]},
            ]
        }
    )
    tasks: Sequence[Any] = ["the blue mug", {"message": "the red mug", "id": "red"}]
    for _ in range(2):
        outcomes = {
            outcome.task: outcome
            for outcome in client.run_tasks(tasks, output=Record, journal=tmp_path / "j")
        }
        blue, red = outcomes["the blue mug"], outcomes["the red mug"]
        assert blue.result is not None
        assert blue.result.output == Record("Blue", 12.5)
        assert isinstance(red.error, TaskError)
        assert red.error.result is not None
        assert (red.result, red.error.result.text, red.id) == (None, "dear", "red")
    assert len(sent(emulator)) == 2
    assert all("JSON schema" in message for message in sent(emulator))
    with pytest.raises(InvalidRequestError, match="`output` cannot be made of JSON"):
        client.run_tasks(tasks, output=complex)
    with pytest.raises(InvalidRequestError, match="index 0: `message` is empty"):
        client.run_tasks([""], output=Record)


def test_a_lost_service_is_an_error_as_ever(emulator: Emulator, client: Agi) -> None:
    emulator.close()
    with pytest.raises(APIConnectionError):
        client.run_task("x", output=Record, repairs=1)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_schema_takes_what_fits_and_nothing_else(shape: str) -> None:
    wanted, fitting, _ = SHAPES[shape]
    schema = schema_of(wanted)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(fitting, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"sorry": [True]}, schema)


def test_schemas_say_what_is_known_of_the_fields() -> None:
    assert schema_of(Record) == {
        "type": "object",
        "description": "A mug of the shop.",
        "properties": {
            "name": {"type": "string"},
            "price": {"type": "number", "description": "in euros"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["name", "price"],
    }
    assert schema_of(Keys)["required"] == ["name", "price"]
    assert schema_of(Tree)["$ref"] == "#/$defs/Tree"
    assert set(schema_of(Attrs)["properties"]) == {"name", "price", "hidden"}
    assert schema_of(Tuple)["required"] == ["name", "price"]
    assert schema_of(Dates)["properties"]["day"] == {"type": "string", "format": "date"}


def test_types_of_one_name_stay_apart() -> None:
    @dataclass
    class Holder:
        one: Any
        two: Any
        three: Any

    def model(**fields: Any) -> Any:
        inner = pydantic.create_model("Inner", **fields)
        return pydantic.create_model("Outer", inner=(inner, ...))

    text, number = model(a=(str, ...)), model(a=(int, ...))
    Holder.__annotations__.update(one=text, two=number, three=list[Struct])
    schema = schema_of(Holder)
    jsonschema.Draft202012Validator.check_schema(schema)
    good = {"one": {"inner": {"a": "x"}}, "two": {"inner": {"a": 1}}, "three": [MUG]}
    jsonschema.validate(good, schema)
    for bad in ({**good, "two": good["one"]}, {**good, "one": good["two"]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)


def test_parse_takes_the_same_types() -> None:
    for wanted, fitting, expected in SHAPES.values():
        assert TaskResult("", fitting).parse(wanted) == expected
    with pytest.raises(TaskError, match="'green', not one of \\['blue', 'red'\\]"):
        TaskResult("", '"green"').parse(Colour)
    with pytest.raises(TaskError, match="which is no date"):
        TaskResult("", '"someday"').parse(datetime.date)
    with pytest.raises(TaskError, match="the result: 'price' must be > 0"):
        TaskResult("", {"name": "x", "price": 0}).parse(Attrs)

"""Results as data: short lines, dicts for JSON, frames, pydantic, FastAPI."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import pickle
import pprint
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pydantic
import pytest
from fastapi import FastAPI

import sessionwire
from helpers import script
from sessionwire import (
    CleanupReport,
    DeleteResult,
    Emulator,
    History,
    HistoryMessage,
    InvalidRequestError,
    Message,
    Messages,
    RateLimitError,
    Screenshot,
    SessionRecord,
    TaskError,
    TaskOutcome,
    TaskResult,
    TurnOutcome,
    TurnResult,
)
from sessionwire._models import Model

ROOT = Path(__file__).parents[2]
TIME = datetime(2026, 3, 4, 9, 15, 27, 418000, tzinfo=UTC)
# Text that goes wrong in many places: directions, controls, an emoji, line ends.
ODD = 'a\u202eb\u0007\x1b[31m\r\n\u2028"<b>🎈\ufeff'


def messages(count: int) -> list[Message]:
    odd = {"origin": {"x": [1, None, {ODD: ODD}]}, "n": float("inf")}
    return [Message(n, "THOUGHT", f"{ODD} {n}", TIME, odd, {"new": [n]}) for n in range(count)]


def result(count: int = 3) -> TaskResult:
    return TaskResult("Two offers", {"offers": [1, 2]}, 9, messages(count), 1.5, {}, "s-1")


def failure() -> TaskError:
    error = TaskError("The agent failed: no page. Try again.")
    error.events = [sessionwire.ThoughtEvent(1, '{"text": "x"}')]
    error.session_id = "s-1"
    return error


TURN = TurnResult("Done", True, "completed", None, [{"id": "1"}], {"a.py": {}}, "s", "m", 2.0)
RECORDS: list[Model] = [
    *messages(1),
    Message(1, "NEW"),
    Messages(messages(3), "finished"),
    Messages([], "running", False),
    result(),
    TaskResult(""),
    TaskResult(ODD * 9999, ODD * 9999, metadata={str(n): ODD for n in range(99)}),
    TaskOutcome("Buy", 0, result(), None, "a"),
    TaskOutcome("Buy", 1, None, failure(), "b"),
    TaskOutcome("Buy", 2, None, ValueError(ODD * 999), "c", True),
    Screenshot(b"\xff\xd8\xff", "image/jpeg", 2, 3, "https://shop.example", ODD),
    DeleteResult(True, False, "gone"),
    CleanupReport("s", "error", TIME, False, failure()),
    History(SessionRecord("s", ODD), [HistoryMessage("m", "agent")], None),
    TURN,
    TurnOutcome({"prompt": "x"}, 0, "s", "m", True, TURN),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_is_one_short_line_and_json(record: Model) -> None:
    line = repr(record)
    assert line.isprintable()
    assert len(line) < 500
    text = json.dumps(record.to_dict(), allow_nan=False)
    assert json.loads(text) == record.to_dict()
    assert list(record.to_dict()) == list(record.__slots__)
    for same in (copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record))):
        assert type(same) is type(record)
        assert same.to_dict() == record.to_dict()


def test_a_result_does_not_print_its_messages() -> None:
    assert repr(result(10_000)) == (
        "TaskResult(text='Two offers', data={1 field}, message_id=9, messages=[10,000 items], "
        "duration=1.5, session_id='s-1', output=None)"
    )
    assert repr(Message(1, "DONE", {"price": 9.5, "name": "mug"})) == (
        "Message(id=1, type='DONE', content={'price': 9.5, 'name': 'mug'}, timestamp=None)"
    )
    assert repr(DeleteResult(True, True)) == "DeleteResult(success=True, deleted=True, message='')"


def test_what_every_class_of_records_says_of_itself() -> None:
    kinds = [kind for kind in vars(sessionwire).values() if isinstance(kind, type)]
    records = [kind for kind in kinds if issubclass(kind, Model)]
    assert len(records) > 15
    for kind in records:
        assert [field.name for field in dataclasses.fields(kind)] == list(kind.__slots__)
        schema = pydantic.TypeAdapter(kind).json_schema()
        # One that holds records of its own kind stands among the definitions.
        schema = schema["$defs"][kind.__name__] if "$ref" in schema else schema
        assert schema["properties"].keys() == set(kind.__slots__)


def test_an_error_says_what_it_is() -> None:
    told = TaskOutcome("Buy", 1, None, failure()).to_dict()["error"]
    assert (told["name"], told["text"]) == ("TaskError", "The agent failed: no page. Try again.")
    assert told["events"] == [
        {
            "type": "thought",
            "id": 1,
            "data": {"text": "x"},
            "text": "x",
            "raw": '{"text": "x"}',
            "message_id": 1,
            "received_at": None,
        }
    ]
    limited = RateLimitError("Slow down")
    limited.retry_after, limited.status_code = 1.5, 429
    told = json.loads(json.dumps(limited.to_dict()))
    assert (told["status_code"], told["retry_after"], told["body"]) == (429, 1.5, "")


def test_an_error_keeps_the_result_that_did_not_fit() -> None:
    with (
        Emulator(scenario=script({"done": {"name": "mug"}})) as emulator,
        emulator.agi() as client,
        pytest.raises(TaskError) as refused,
    ):
        client.run_task("Find a mug", output=int)
    stored = json.loads(json.dumps(refused.value.to_dict()))
    assert stored["result"]["data"] == {"name": "mug"}


@pytest.mark.parametrize("name", ["Any", "from_native", "__builtins__", "TYPE_CHECKING", "NoError"])
def test_the_name_of_a_stored_error_may_be_a_strangers(name: str) -> None:
    stored = {"task": "t", "result": None, "error": {"name": name, "text": "No mug"}, "index": 0}
    outcome = pydantic.TypeAdapter(TaskOutcome).validate_python(stored)
    assert type(outcome.error) is sessionwire.SessionwireError
    assert str(outcome.error) == "No mug"


def test_events_are_json_and_one_line() -> None:
    turn = sessionwire.TextEvent('{"kind": "text", "payload": {"text": "x"}, "timestamp": 5}')
    assert turn.to_dict()["timestamp"] == 5
    for event in (turn, sessionwire.DoneEvent(2, ODD * 9999), sessionwire.UnknownEvent("x")):
        told = event.to_dict()
        assert json.loads(json.dumps(told)) == told
        assert (told["type"], told["raw"]) == (event.type, event.raw)
        assert len(repr(event)) < 2500
        assert repr(event).isprintable()


def test_frames() -> None:
    frame = pd.DataFrame(result(10_000).messages)
    assert list(frame.columns) == ["id", "type", "content", "timestamp", "metadata", "extra"]
    assert len(frame) == 10_000
    assert frame["timestamp"].iloc[0] == pd.Timestamp(TIME)
    flat = pd.json_normalize(result().to_dict()["messages"])
    assert "metadata.origin.x" in flat.columns
    whole = pd.json_normalize(result().to_dict(), "messages", ["session_id"])
    assert list(whole["session_id"]) == ["s-1"] * 3
    assert list(pd.DataFrame([result(), TaskResult("")])["text"]) == ["Two offers", ""]
    assert list(pd.DataFrame([event.to_dict() for event in failure().events])["id"]) == [1]


def test_packages_that_know_dataclasses() -> None:
    assert dataclasses.asdict(result())["messages"][0]["id"] == 0
    assert dataclasses.replace(result(), text="x").text == "x"
    assert json.loads(msgspec.json.encode(DeleteResult(True, True, "x")))["message"] == "x"
    assert pprint.pformat(result()) == repr(result())
    assert dataclasses.fields(Model) == ()


class Report(pydantic.BaseModel):
    result: TaskResult
    outcomes: list[TaskOutcome] = []
    picture: Screenshot | None = None
    turn: TurnResult | None = None


def test_pydantic_holds_a_result() -> None:
    outcomes = [TaskOutcome("Buy", 0, None, failure()), TaskOutcome("Buy", 0, result())]
    picture = Screenshot(b"\xff\xd8\xff", url="https://shop.example")
    report = Report(result=result(), outcomes=outcomes, picture=picture, turn=TURN)
    assert report.outcomes[0].error is outcomes[0].error
    twin = Report.model_validate_json(report.model_dump_json())
    assert twin.result.messages[0].timestamp == TIME
    assert (twin.picture, twin.turn) == (picture, TURN)
    error = twin.outcomes[0].error
    assert isinstance(error, TaskError)
    assert (str(error), error.session_id) == (str(failure()), "s-1")
    report.outcomes.pop(0)
    assert Report.model_validate(report.model_dump()).model_dump() == report.model_dump()
    assert Report.model_validate({"result": {"text": "x"}}).result == TaskResult("x")
    again = TaskResult("x", refused=[result()])
    assert pydantic.TypeAdapter(TaskResult).validate_python(again.to_dict()).text == "x"
    typed = pydantic.TypeAdapter(TaskResult[int])
    assert typed.validate_json(typed.dump_json(again)).to_dict() == again.to_dict()
    with pytest.raises(pydantic.ValidationError, match="message_id"):
        Report.model_validate({"result": {"text": "x", "message_id": "none"}})


def get(app: FastAPI, path: str) -> Any:
    """What a route answers, as JSON."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 200
    return json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def test_fastapi_returns_a_result() -> None:
    app = FastAPI()

    @app.get("/typed")
    def typed() -> TaskResult:
        return result()

    @app.get("/model", response_model=list[TaskOutcome])
    def model() -> Any:
        return [TaskOutcome("Buy", 0, None, failure()), TaskOutcome("Buy", 1, result())]

    @app.get("/untyped")
    def untyped():  # type: ignore[no-untyped-def]
        return {"deleted": DeleteResult(True, True), "page": SessionRecord("s")}

    @app.get("/picture")
    def picture() -> Screenshot:
        return Screenshot(b"\xff\xd8\xff")

    assert get(app, "/typed") == result().to_dict()
    told = get(app, "/model")
    assert (told[0]["error"]["name"], told[1]["result"]["text"]) == ("TaskError", "Two offers")
    assert get(app, "/untyped")["deleted"]["deleted"] is True
    assert get(app, "/picture")["image"] == "/9j/"
    schemas = get(app, "/openapi.json")["components"]["schemas"]
    assert schemas["TaskResult"]["properties"]["messages"]["items"]["$ref"].endswith("/Message")


def test_fastapi_leaves_out_what_it_is_told_to() -> None:
    app = FastAPI()

    @app.get("/without", response_model=TaskResult, response_model_exclude={"messages", "refused"})
    def without() -> Any:
        return result()

    @app.get("/only", response_model=TaskResult, response_model_include={"text", "data"})
    def only() -> Any:
        return result()

    @app.get("/filled", response_model=Message, response_model_exclude_none=True)
    def filled() -> Any:
        return Message(1, "NEW")

    assert get(app, "/without").keys() == result().to_dict().keys() - {"messages", "refused"}
    assert get(app, "/only") == {"text": "Two offers", "data": {"offers": [1, 2]}}
    assert "timestamp" not in get(app, "/filled")
    adapter = pydantic.TypeAdapter(TaskResult)
    told = adapter.dump_python(result(), include={"messages": {0: {"id"}}})
    assert told == {"messages": [{"id": 0}]}


def test_what_has_no_end_is_refused_in_words() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidRequestError, match="This TaskResult holds .* too deep for JSON"):
        TaskResult("x", endless).to_dict()


def test_long_texts_leave_a_line_short() -> None:
    picture = Screenshot(b"x", url="https://shop.example/" + "u" * 9999, title="t" * 9999)
    assert len(repr(picture)) < 300
    session = sessionwire.Agi(api_key="k").sessions.attach("s" * 200)
    assert len(repr(session)) < 100


def test_a_result_made_by_hand_shows_itself() -> None:
    nothing: Any = None
    page = TaskResult("x", duration=nothing, session_id="s-1")._repr_html_()
    assert "session s-1" in page


def test_sessions_and_what_a_real_run_brings(emulator: Emulator) -> None:
    emulator.scenario(script({"thought": ODD}, {"done": {"offers": [ODD], "price": 9.5}}))
    with emulator.agi() as client, client.sessions.create(goal="Mugs") as session:
        done = session.run_task("Buy")
        told = session.to_dict()
        assert json.loads(json.dumps(told)) == told
        assert (told["session_id"], told["goal"]) == (session.session_id, "Mugs")
        assert told["created_at"].startswith("20")
        frame = pd.DataFrame([one.to_dict() for one in client.sessions.list()])
        assert list(frame["session_id"]) == [session.session_id]
        assert list(pd.DataFrame(done.messages)["type"]) == ["USER", "THOUGHT", "DONE"]
        assert Report(result=done).model_dump()["result"] == done.to_dict()


def test_the_program_of_the_page_runs_and_type_checks(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 4
    path = tmp_path / "data.py"
    path.write_text("\n".join(blocks), encoding="utf-8")
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Two offers" in done.stdout
    # Without mypy: it has no types of pandas.
    checker = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, str(path)]
    checked = subprocess.run(checker, capture_output=True, text=True, cwd=ROOT)
    assert checked.returncode == 0, checked.stdout

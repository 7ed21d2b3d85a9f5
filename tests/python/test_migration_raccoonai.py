"""docs/migrating-from-raccoonai.md: its two programs, and what it says of `raccoonai`.

Nobody plays the vendor's earlier API but `Lam`, which is here: as much of it as the page needs.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import raccoonai
from raccoonai import RaccoonAI

import sessionwire
from sessionwire import Emulator, TaskError, Turn, TurnResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionwire import TurnEvent

GUIDE = Path(__file__).parents[2] / "docs" / "migrating-from-raccoonai.md"
TEXT = GUIDE.read_text(encoding="utf-8")
MUG = {"name": "green", "price": 9.9}
SCENARIO: Any = {
    "turns": [
        {"match": "cheaper", "steps": [{"thought": "Comparing"}, {"complete": json.dumps(MUG)}]}
    ]
}


def program(name: str) -> str:
    block = re.search(rf"^```python {name}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1]


def told(status: str, message: str, data: list[object]) -> bytes:
    response = {
        "task_status": status,
        "message": message,
        "data": data,
        "livestream_url": "",
        "properties": {},
    }
    return f"data: {json.dumps(response)}\n\n".encode()


class Lam(ThreadingHTTPServer):
    """`POST /lam/run` of the earlier API, and what can go wrong with it."""

    def __init__(self, trouble: str = "", end: str = "DONE") -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.trouble = trouble
        self.end = end
        self.keys: list[str | None] = []
        self.elsewhere = ""
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.client = RaccoonAI(secret_key="a secret", base_url=self.url)

    def __enter__(self) -> Lam:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.shutdown()
        self.server_close()

    def run(self) -> Iterator[str]:
        stream = self.client.lam.run(query="Which?", raccoon_passcode="customer-7", stream=True)
        for response in stream:
            yield response.task_status


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Lam

    def log_message(self, format: str, *args: object) -> None: ...

    def head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def do_POST(self) -> None:
        assert self.path == "/lam/run"
        self.rfile.read(int(self.headers["content-length"]))
        self.server.keys.append(self.headers["raccoon-secret-key"])
        trouble = self.server.trouble
        if self.server.elsewhere:
            self.head(307, location=self.server.elsewhere, content_length="0")
            return
        if trouble == "half an answer":
            body = b'{"task_status": "DONE"}'
            self.head(200, content_type="application/json", content_length=str(len(body)))
            self.wfile.write(body)
            return
        self.close_connection = True
        first = told("PROCESSING", "Comparing", [])
        if trouble == "ends early":
            self.head(200, content_type="text/event-stream", connection="close")
            self.wfile.write(first)
            return
        self.head(200, content_type="text/event-stream", transfer_encoding="chunked")
        self.chunk(first)
        if trouble == "breaks":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if trouble == "no JSON":
            self.chunk(b"data: {oops\n\n")
        self.chunk(told(self.server.end, "Ended", [MUG]))
        self.chunk(b"")


def printed(name: str, tmp_path: Path, environment: dict[str, str]) -> str:
    path = tmp_path / "program.py"
    path.write_text(program(name), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_program_before_runs_against_the_earlier_api(tmp_path: Path) -> None:
    with Lam() as lam:
        own = {"RACCOON_SECRET_KEY": "a secret", "RACCOON_AI_BASE_URL": lam.url}
        assert printed("before", tmp_path, own) == (
            "PROCESSING Comparing\nDONE Ended\n[{'name': 'green', 'price': 9.9}]\n"
        )


def test_the_program_after_runs(tmp_path: Path) -> None:
    with Emulator(step_delay=0.0, scenario=SCENARIO) as emulator:
        own = {"RACCOON_BASE_URL": emulator.raccoon_url, "RACCOON_API_KEY": emulator.api_key}
        lines = printed("after", tmp_path, own).splitlines()
        assert "thought Comparing" in lines
        assert lines[-1] == "Mug(name='green', price=9.9)"
        assert emulator.session_count == 0


def test_today_s_service_answers_none_of_its_calls() -> None:
    with (
        Emulator() as emulator,
        RaccoonAI(secret_key=emulator.api_key, base_url=emulator.raccoon_url) as client,
    ):
        with pytest.raises(raccoonai.NotFoundError):
            client.lam.run(query="Which?", raccoon_passcode="customer-7")
        with pytest.raises(raccoonai.AuthenticationError):
            client.fleet.sessions.all()
        with pytest.raises(raccoonai.APIStatusError):
            client.fleet.sessions.create()


def events(emulator: Emulator) -> list[TurnEvent]:
    with emulator.raccoon() as client:
        return list(client.session().start_turn("Which is cheaper?"))


KINDS = ["message.received", "thought", "task.completed"]


def test_a_stream_that_breaks() -> None:
    with Lam(trouble="breaks") as lam:
        seen = lam.run()
        assert next(seen) == "PROCESSING"
        with pytest.raises(httpx.RemoteProtocolError) as broken:
            next(seen)
        assert not isinstance(broken.value, raccoonai.RaccoonAIError)
    with Lam(trouble="ends early") as lam:
        assert list(lam.run()) == ["PROCESSING"]
    for fault in ("socket cut_after=1", "socket close_after=2"):
        with Emulator(step_delay=0.0, scenario=SCENARIO, faults=[fault]) as emulator:
            assert [event.kind for event in events(emulator)] == KINDS
            assert emulator.faults() == []


def test_an_event_that_is_no_json() -> None:
    with Lam(trouble="no JSON") as lam, pytest.raises(json.JSONDecodeError):
        list(lam.run())
    fault = "socket insert={oops insert_after=1"
    with Emulator(step_delay=0.0, scenario=SCENARIO, faults=[fault]) as emulator:
        seen = events(emulator)
        assert [event.kind for event in seen if event.id] == KINDS
        assert [event.text for event in seen if not event.id] == ["{oops"]


def test_work_that_failed() -> None:
    with Lam(end="FAILURE") as lam:
        assert list(lam.run()) == ["PROCESSING", "FAILURE"]
    failing: Any = {"turns": [{"steps": [{"error": "No shop answers"}]}]}
    with (
        Emulator(step_delay=0.0, scenario=failing) as emulator,
        emulator.raccoon() as client,
        pytest.raises(TaskError, match="No shop answers"),
    ):
        client.run_turn("Which?")


def test_a_field_that_is_missing() -> None:
    with Lam(trouble="half an answer") as lam:
        response = lam.client.lam.run(query="Which?", raccoon_passcode="customer-7")
        assert response.data is None  # its type is list[object]
    with (
        Emulator(faults=["start_turn status=200 body={}"]) as emulator,
        emulator.raccoon() as client,
        pytest.raises(sessionwire.APIStatusError, match="agent_message_id") as missing,
    ):
        client.run_turn("Which?")
    assert missing.value.maybe_delivered


@pytest.mark.parametrize("fault", ["start_turn reset after", "start_turn status=502 after"])
def test_a_request_that_failed(fault: str) -> None:
    """`raccoonai` sends today's request here, as it would any: how it repeats is the same."""
    scenario: Any = {"turns": [{"once": False, "steps": [{"complete": "Bought"}]}]}
    with Emulator(step_delay=0.0, scenario=scenario) as emulator, emulator.raccoon() as ours:

        def buy(**options: int) -> list[str]:
            session = ours.session()
            emulator.fail(fault)
            if options:
                bearer = {"Authorization": f"Bearer {emulator.api_key}"}
                body = {"session_id": session.session_id, "prompt": "Buy it", "mode": "auto"}
                with RaccoonAI(
                    secret_key="a secret",
                    base_url=emulator.raccoon_url,
                    default_headers=bearer,
                    **options,  # type: ignore[arg-type]
                ) as client:
                    client.post("/sessions/new", cast_to=object, body=body)
            else:
                session.run_turn("Buy it")
            return [one.content for one in session.history().messages if one.role == "user"]

        assert raccoonai.DEFAULT_MAX_RETRIES == 0
        with pytest.raises(raccoonai.APIError):
            buy(max_retries=0)
        assert buy(max_retries=2) == ["Buy it", "Buy it"]
        assert buy() == ["Buy it"]


def test_a_redirect_to_another_host() -> None:
    with Lam() as other, Lam() as lam:
        lam.elsewhere = f"http://localhost:{other.server_port}/lam/run"
        assert list(lam.run()) == ["PROCESSING", "DONE"]
        assert other.keys == ["a secret"]
        fault = f"start_turn redirect={other.url}/lam/run"
        with (
            Emulator(faults=[fault]) as emulator,
            emulator.raccoon() as client,
            pytest.raises(sessionwire.APIStatusError, match="redirected"),
        ):
            client.run_turn("Which?")
        assert len(other.keys) == 1


def test_a_rate_limit() -> None:
    with (
        Emulator(faults=["list limit=429 retry_after=0"] * 2) as emulator,
        RaccoonAI(
            secret_key="a secret",
            base_url=emulator.raccoon_url,
            default_headers={"Authorization": f"Bearer {emulator.api_key}"},
        ) as theirs,
        emulator.raccoon() as ours,
    ):
        with pytest.raises(raccoonai.RateLimitError):
            theirs.get("/sessions", cast_to=object)
        assert list(ours.sessions.list()) == []
        assert emulator.faults() == []


def test_what_it_does_better() -> None:
    seen: list[str] = []

    def note(response: httpx.Response) -> None:
        seen.append(response.headers["content-type"])

    hooked = httpx.Client(event_hooks={"response": [note]})
    with Lam(trouble="half an answer") as lam, lam.client.with_options(http_client=hooked) as own:
        raw = own.lam.with_raw_response.run(query="Which?", raccoon_passcode="customer-7")
        assert [raw.headers["content-type"]] == seen == ["application/json"]


def rows() -> list[list[str]]:
    lines = [line for line in TEXT.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_names_of_the_guide_are_there() -> None:
    with Emulator() as emulator, emulator.raccoon() as client, Lam() as lam:
        owners: dict[str, object] = {
            "client": client,
            "client.sessions": client.sessions,
            "session": client.session(uuid.uuid4()),
            "turn": Turn,
            "result": TurnResult,
            "event": sessionwire.TurnEvent,
        }
        owned = r"\b(client\.sessions|client|session|turn|result|event)\.(\w+)"
        ours = re.findall(owned, " ".join(row[-1] for row in rows()))
        assert len(ours) == 14
        assert [f"{of}.{name}" for of, name in ours if not hasattr(owners[of], name)] == []
        theirs = re.findall(
            r"`client\.((?:lam|fleet|tail|with)[\w.]*)", " ".join(row[0] for row in rows())
        )
        assert len(theirs) == 7
        for path in theirs:
            owner: Any = lam.client
            for name in path.split("."):
                owner = getattr(owner, name)


def test_the_errors_of_the_guide_are_there() -> None:
    for column, module in ((0, raccoonai), (-1, sessionwire)):
        named = {
            name
            for row in rows()
            for name in re.findall(r"`(\w+Error)[`(]", row[column])
            if len(row) == 2
        }
        assert len(named) > 5
        assert {name for name in named if not hasattr(module, name)} == set()

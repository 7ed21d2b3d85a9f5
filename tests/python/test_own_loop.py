"""docs/migrating-from-your-own-loop.md: its loops by hand, and what the page says of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests
from httpx_sse import connect_sse
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from helpers import eventually
from sessionwire import Emulator, QuestionPending, TaskTimeout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionwire import Agi

GUIDE = Path(__file__).parents[2] / "docs" / "migrating-from-your-own-loop.md"
TEXT = GUIDE.read_text(encoding="utf-8")
TWO: Any = {
    "tasks": [
        {"match": "cheapest", "steps": [{"done": "The blue mug"}]},
        {"match": "colours", "steps": [{"done": "Red and green"}]},
    ]
}
OFFERS: Any = {
    "tasks": [{"once": False, "steps": [{"thought": "1"}, {"thought": "2"}, {"done": "Two"}]}]
}
ALL = ["thought", "thought", "done"]


@pytest.mark.parametrize("name", ["httpx", "requests"])
def test_a_loop_of_the_page_gives_the_first_answer_twice(name: str, tmp_path: Path) -> None:
    block = re.search(rf"^```python {name}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    output = re.search(r"^```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert block
    assert output
    path = tmp_path / "loop.py"
    path.write_text(block[1], encoding="utf-8")
    with Emulator(step_delay=0.0, scenario=TWO) as emulator:
        done = subprocess.run(
            [sys.executable, "-W", "error", path],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "AGI_BASE_URL": emulator.url, "AGI_API_KEY": emulator.api_key},
        )
        assert (done.returncode, done.stderr, done.stdout) == (0, "", output[1])
        assert emulator.session_count == 0


class ByHand:
    """A session by hand whose task has ended, or asks."""

    def __init__(self, emulator: Emulator, ends: str = "DONE") -> None:
        self.key = {"Authorization": f"Bearer {emulator.api_key}"}
        self.http = httpx.Client(base_url=emulator.url, headers=self.key, timeout=5)
        created = self.http.post("/v1/sessions", json={"agent_name": "agi-0"})
        self.path = f"/v1/sessions/{created.raise_for_status().json()['session_id']}"
        self.url = f"{emulator.url}{self.path}"
        self.send(self.http.post)
        eventually(lambda: ends in self.messages(), ends)

    def __enter__(self) -> ByHand:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.delete(self.path)
        self.http.close()

    def send(self, post: Any) -> None:
        post(f"{self.url}/message", json={"message": "Compare"}).raise_for_status()

    def messages(self) -> list[str]:
        answer = self.http.get(f"{self.path}/messages").raise_for_status()
        return [message["type"] for message in answer.json()["messages"]]

    def by_httpx(self, query: str = "") -> Iterator[str]:
        with connect_sse(self.http, "GET", f"{self.path}/events{query}") as stream:
            for event in stream.iter_sse():
                yield event.event

    def by_lines_of_httpx(self) -> Iterator[str]:
        with self.http.stream("GET", f"{self.path}/events") as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    json.loads(line[6:])
                    yield line

    def by_requests(self, decode: bool = False) -> Iterator[str]:
        with requests.get(f"{self.url}/events", headers=self.key, stream=True, timeout=5) as stream:
            lines: Iterator[Any] = stream.iter_lines(decode_unicode=decode)  # type: ignore[call-overload]
            for line in lines:
                text = line if isinstance(line, str) else line.decode()
                if text.startswith("event: "):
                    yield text[7:]
                elif text.startswith("data: "):
                    json.loads(text[6:])


def ours(emulator: Emulator, client: Agi, **options: Any) -> list[str]:
    with client.sessions.create() as session, session.start_task("Compare", **options) as task:
        seen: list[str] = [event.type for event in task]
    assert emulator.faults() == []
    return seen


def emulator(*faults: str, scenario: Any = OFFERS, **options: Any) -> Emulator:
    return Emulator(step_delay=0.0, scenario=scenario, faults=list(faults), **options)


@pytest.mark.parametrize(
    ("fault", "error"), [("cut_after", httpx.ReadError), ("close_after", httpx.RemoteProtocolError)]
)
def test_the_connection_breaks(fault: str, error: type[Exception]) -> None:
    with emulator() as service, service.agi() as client, ByHand(service) as hand:
        for read, expected in (
            (hand.by_httpx, error),
            (hand.by_requests, requests.exceptions.ChunkedEncodingError),
        ):
            service.fail(f"events {fault}=1")
            seen = read()
            assert next(seen) == "thought"
            with pytest.raises(expected):
                next(seen)
        service.fail(f"events {fault}=1")
        assert ours(service, client) == ALL


def test_a_stream_that_ends_properly_before_the_task() -> None:
    with emulator() as service, service.agi() as client, ByHand(service) as hand:
        for read in (hand.by_httpx, hand.by_requests):
            service.fail("events end_after=1")
            assert list(read()) == ["thought"]
        service.fail("events end_after=1")
        assert ours(service, client) == ALL


def test_a_stream_that_is_opened_again() -> None:
    with emulator(heartbeat_interval=0.02) as service, ByHand(service) as hand:
        service.fail("events end_after=1")
        seen = list(hand.by_httpx())
        assert [*seen, *hand.by_httpx()] == ["thought", *ALL]
        # What came in between is lost, the end of the task with it: heartbeats from here on.
        missed = hand.by_httpx("?include_history=false")
        assert [next(missed) for _ in range(3)] == ["heartbeat"] * 3
        missed.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", ["message reset after", "message status=502 after"])
def test_a_message_that_is_sent_again(fault: str) -> None:
    again = Retry(2, allowed_methods=None, status_forcelist=[502], backoff_factor=0)
    with emulator() as service, service.agi() as client, ByHand(service) as hand:
        with requests.Session() as http:
            http.headers.update(hand.key)
            http.mount("http://", HTTPAdapter(max_retries=again))
            service.fail(fault)
            hand.send(http.post)
        assert hand.messages().count("USER") == 3  # of two tasks
        service.fail(fault)
        with client.sessions.create() as session:
            session.run_task("Compare")
            sent = [message.type for message in session.messages().messages]
        assert sent.count("USER") == 1


def test_nothing_comes_or_nothing_but_heartbeats() -> None:
    with emulator(heartbeat_interval=0.02) as service, service.agi() as client:
        with ByHand(service) as hand:
            service.fail("events silence")
            hand.http.timeout = httpx.Timeout(0.2)
            with pytest.raises(httpx.ReadTimeout):
                next(hand.by_httpx())
            service.fail("events heartbeat_only")
            seen = hand.by_httpx()
            assert [next(seen) for _ in range(20)] == ["heartbeat"] * 20  # longer than the timeout
            seen.close()  # type: ignore[attr-defined]
        service.fail("events silence")
        assert ours(service, client, idle_timeout=0.2) == ALL
    waiting: Any = {"tasks": [{"steps": [{"delay": 3600}]}]}
    with (
        emulator(scenario=waiting, heartbeat_interval=0.02) as service,
        service.agi() as client,
        pytest.raises(TaskTimeout),
    ):
        client.run_task("Compare", timeout=0.3)


def test_a_limit() -> None:
    limit = "create limit=429 retry_after=0"
    with emulator(limit) as service, service.agi() as client:
        bearer = {"Authorization": f"Bearer {service.api_key}"}
        with pytest.raises(httpx.HTTPStatusError, match="429"):
            httpx.post(f"{service.url}/v1/sessions", headers=bearer).raise_for_status()
        service.fail(limit)
        assert ours(service, client) == ALL


def test_a_character_that_some_take_for_the_end_of_a_line() -> None:
    text = {"tasks": [{"once": False, "steps": [{"done": "blue\u2028mug"}]}]}
    with emulator(scenario=text) as service, service.agi() as client, ByHand(service) as hand:
        assert list(hand.by_httpx()) == list(hand.by_requests()) == ["done"]
        with pytest.raises(json.JSONDecodeError):
            list(hand.by_requests(decode=True))
        with pytest.raises(json.JSONDecodeError):
            list(hand.by_lines_of_httpx())
        assert client.run_task("Compare").text == "blue\u2028mug"


def test_a_question() -> None:
    asks: Any = {"tasks": [{"once": False, "steps": [{"question": "Which?"}, {"done": "Both"}]}]}
    with emulator(scenario=asks, heartbeat_interval=0.02) as service, service.agi() as client:
        with ByHand(service, ends="QUESTION") as hand:
            seen = hand.by_httpx()
            assert [next(seen) for _ in range(4)] == ["question", *["heartbeat"] * 3]
            seen.close()  # type: ignore[attr-defined]
        with pytest.raises(QuestionPending):
            client.run_task("Compare")
        assert client.run_task("Compare", on_question=lambda _: "Both").text == "Both"

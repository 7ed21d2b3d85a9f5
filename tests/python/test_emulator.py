"""The emulator from Python: faults in both forms, webhooks at a receiver, who may use it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from helpers import eventually
from sessionwire import (
    Agi,
    APIConnectionError,
    ConfigError,
    Emulator,
    InternalServerError,
    InvalidRequestError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
FAULTS = json.loads((ROOT / "tests" / "contract" / "scenarios" / "faults.json").read_text())


@pytest.mark.parametrize("case", FAULTS["cases"], ids=lambda case: case["text"])
def test_a_fault_is_the_same_in_every_form(emulator: Emulator, case: dict[str, Any]) -> None:
    forms: tuple[Callable[[], None], ...] = (
        lambda: emulator.fail(case["text"]),
        lambda: emulator.fail(case["fault"]),
        lambda: emulator.fail(**case["fault"]),
    )
    for inject in forms:
        inject()
        assert emulator.faults() == [case["text"]]
        emulator.clear_faults()
    with Emulator(faults=[case["text"], case["fault"]]) as other:
        assert other.faults() == [case["text"]] * 2


@pytest.mark.parametrize("case", FAULTS["refused"], ids=lambda case: case["text"] or "empty")
def test_a_bad_fault_is_refused(emulator: Emulator, case: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        emulator.fail(case["text"])
    assert case["error"] in str(caught.value)
    with pytest.raises(ConfigError, match="fault"):
        Emulator(faults=[case["text"]])
    assert emulator.faults() == []


def test_a_fault_is_given_as_a_text_or_by_names(emulator: Emulator) -> None:
    with pytest.raises(InvalidRequestError, match="a text or names"):
        emulator.fail("list", hang=True)
    emulator.fail({"on": "list", "hang": True}, times=2)
    assert emulator.faults() == ["list hang times=2"]


@contextmanager
def command_line(*faults: str) -> Iterator[str]:
    command = [sys.executable, "-m", "sessionwire", "emulator", "--json"]
    for fault in faults:
        command += ["--fault", fault]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def answers(url: str, count: int) -> list[str]:
    """The raw answers to so many requests for the list of sessions."""
    found = []
    for _ in range(count):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            head = "GET /v1/sessions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer a-key"
            connection.sendall(f"{head}\r\nconnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        lines = answer.decode().splitlines()
        found.append("\n".join(line for line in lines if not line.startswith("date:")))
    return found


def test_code_and_command_line_do_the_same(emulator: Emulator) -> None:
    faults = [
        "list limit=429 retry_after=5",
        "list redirect={path} times=2",
        "list status=200 body=oops",
        "list close_after_bytes=1",
        "* delay=0.01",
    ]
    for fault in faults:
        emulator.fail(fault)
    wanted = answers(emulator.url, 7)
    assert "retry-after: 5" in wanted[0].lower()
    assert "oops" in wanted[3]
    assert wanted[6].endswith("[]")
    with command_line(*faults) as url:
        assert answers(url, 7) == wanted


class Receiver(ThreadingHTTPServer):
    """Receives webhooks; the first so many answers are 500."""

    daemon_threads = True

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.received: list[tuple[dict[str, str], dict[str, Any]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"

    def __enter__(self) -> Receiver:
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def events(self) -> list[str]:
        return [body["event"] for _, body in self.received]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = self.server
        assert isinstance(receiver, Receiver)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.received.append((headers, body))
        receiver.failures -= 1
        self.send_response(500 if receiver.failures >= 0 else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


ALL_KINDS = {
    "session.created": set(),
    "session.status_changed": {"old_status", "new_status"},
    "session.deleted": set(),
    "task.started": {"message"},
    "task.completed": {"result"},
    "task.question": {"question", "context"},
    "task.error": {"error", "details"},
}


def test_all_kinds_of_webhooks_arrive() -> None:
    scenario = {
        "tasks": [
            {"match": "ask", "steps": [{"question": "Which?"}, {"done": "{answer}"}]},
            {"match": "fail", "steps": [{"error": "no"}]},
        ]
    }
    with (
        Receiver() as receiver,
        Emulator(scenario=scenario) as emulator,
        emulator.agi() as client,
    ):
        with client.sessions.create(webhook_url=receiver.url) as session:
            task = session.start_task("ask me")
            eventually(lambda: "task.question" in receiver.events(), "the question arrives")
            session.pause()
            session.resume()
            task.answer("blue")
            assert task.result().text == "blue"
            task.close()
            session.send_message("fail")
            session.wait()
        eventually(lambda: set(receiver.events()) == set(ALL_KINDS), "all kinds arrive")
        eventually(
            lambda: len(emulator.webhook_attempts()) == len(receiver.received), "all are noted"
        )
        assert {attempt.outcome for attempt in emulator.webhook_attempts()} == {"webhook_delivered"}
    for headers, body in receiver.received:
        assert headers["x-event-type"] == body["event"]
        assert headers["content-type"] == "application/json"
        assert headers["user-agent"] == "AgencyAPI-Webhooks/1.0"
        assert set(body) == {"event", "timestamp", "session"} | ALL_KINDS[body["event"]]
        assert body["session"]["id"] == session.session_id


@pytest.mark.parametrize(
    ("failures", "outcomes"),
    [
        (2, ["webhook_retry", "webhook_retry", "webhook_delivered"]),
        (3, ["webhook_retry", "webhook_retry", "webhook_failed_permanently"]),
    ],
)
def test_the_third_try_comes_at_the_documented_time(failures: int, outcomes: list[str]) -> None:
    with (
        Receiver(failures) as receiver,
        Emulator(clock="fast") as emulator,
        emulator.agi() as client,
    ):
        session = client.sessions.create(webhook_url=receiver.url)
        eventually(lambda: len(emulator.webhook_attempts()) == 3, "three attempts")
        attempts = emulator.webhook_attempts()
        assert [attempt.outcome for attempt in attempts] == outcomes
        assert [attempt.retry_in for attempt in attempts] == [1.0, 2.0, None]
        times = [_seconds(attempt.at) for attempt in attempts]
        assert [round((time - times[0]) % 86_400, 3) for time in times] == [0.0, 1.0, 3.0]
        assert len({json.dumps(body) for _, body in receiver.received}) == 1
        assert {attempt.body for attempt in attempts} == {
            json.dumps(body, separators=(",", ":")) for _, body in receiver.received
        }
        assert attempts[0].headers["x-event-type"] == "session.created"
        assert attempts[0].response_headers is not None
        assert attempts[0].response_body == ""
        assert {attempt.session_id for attempt in attempts} == {session.session_id}


def _seconds(at: str) -> float:
    return int(at[11:13]) * 3600 + int(at[14:16]) * 60 + float(at[17:23])


def test_other_machines_are_kept_out_unless_it_is_said() -> None:
    with pytest.raises(ConfigError, match="allow_remote"):
        Emulator(host="0.0.0.0")
    with (
        pytest.warns(RuntimeWarning, match="other machines"),
        Emulator(host="0.0.0.0", allow_remote=True) as emulator,
        emulator.agi() as client,
    ):
        assert client.sessions.list() == []


def test_the_manuals_scenario_runs_as_data_and_from_a_file(tmp_path: Path) -> None:
    manual = (ROOT / "emulator" / "README.md").read_text()
    for name, file in (("mug.yaml", "mug.yaml"), ("python", "example.py")):
        [block] = re.findall(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", manual, re.DOTALL)
        (tmp_path / file).write_text(block)
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("A blue mug\n" * 2, "")


def test_parallel_tests_share_one_emulator_and_see_nothing_of_one_another() -> None:
    def play(text: str) -> None:
        with emulator.world() as world, world.agi(max_retries=0) as client:
            assert world.url == emulator.url
            assert world.api_key != emulator.api_key
            world.scenario({"tasks": [{"steps": [{"done": text}]}]})
            world.fail("models status=503")
            with pytest.raises(InternalServerError):
                client.models()
            assert client.run_task("Say it").text == text
            world.assert_requested("GET", "/v1/models", times=1)

    with (
        Emulator(step_delay=0) as emulator,
        ThreadPoolExecutor(8) as threads,
    ):
        list(threads.map(play, [f"text {number}" for number in range(24)]))
        assert emulator.requests() == []
        assert emulator.session_count == 0


def test_a_world_is_found_again_by_its_key_and_reset() -> None:
    with Emulator(step_delay=0) as emulator:
        world = emulator.world("key-of-a-test")
        world.scenario({"tasks": [{"steps": [{"delay": 36_000}, {"done": "late"}]}]})
        world.clock("fast")
        again = emulator.world("key-of-a-test")
        with again.agi() as client:
            assert client.run_task("Wait").text == "late"
        again.reset()
        assert world.requests() == []
        with pytest.raises(InvalidRequestError, match="visible ASCII"):
            emulator.world("two words")
        with pytest.raises(InvalidRequestError, match="`key` must be a str or None, not int 7"):
            emulator.world(7)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequestError, match="clock"):
            emulator.clock("slow")  # type: ignore[arg-type]


def test_with_tls_clients_that_trust_its_file_work() -> None:
    scenario = {
        "tasks": [{"steps": [{"thought": "hm"}, {"done": "42"}]}],
        "turns": [{"steps": [{"text": "For"}, {"text": "ty"}]}],
    }
    with Emulator(scenario=scenario, tls=True) as emulator:
        assert emulator.url.startswith("https://127.0.0.1:")
        assert emulator.ca_file is not None
        with emulator.agi() as client, client.sessions.create() as session:
            assert session.vnc_url is not None
            assert session.vnc_url.startswith(emulator.url)
            task = session.start_task("work")
            assert [event.text for event in task] == ["hm", "42"]
        with emulator.raccoon() as raccoon:
            assert raccoon.run_turn("count").text == "Forty"
        # Python's own clients trust it, too, as strict as they are.
        trusting = ssl.create_default_context(cafile=emulator.ca_file)
        trusting.verify_flags |= ssl.VERIFY_X509_STRICT
        with urlopen(emulator.live_url, context=trusting) as page:
            assert page.status == 200
        file = Path(emulator.ca_file)
        with Agi(base_url=emulator.url, api_key="k", max_retries=0) as stranger:
            before = len(emulator.requests())
            with pytest.raises(APIConnectionError, match="certificate.*ca_file"):
                stranger.sessions.list()
            assert len(emulator.requests()) == before
    assert not file.exists()


def test_tls_writes_where_it_is_told_and_shows_a_certificate_of_ones_own(tmp_path: Path) -> None:
    with Emulator(tls_ca=tmp_path / "ca.pem") as emulator:
        assert emulator.ca_file == str(tmp_path / "ca.pem")
    certificates = ROOT / "tests" / "certificates"
    cert, key = certificates / "localhost.pem", certificates / "localhost.key"
    with Emulator(tls_cert=cert, tls_key=key) as emulator:
        assert emulator.url.startswith("https://localhost:")
        assert emulator.ca_file is None
        with emulator.agi(ca_file=certificates / "ca.pem") as client:
            assert client.sessions.list() == []
    with pytest.raises(ConfigError, match="set tls_key"):
        Emulator(tls_cert="cert.pem")


def test_what_it_holds_is_kept_and_there_from_the_start(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    session = {"session_id": "a-session", "agent_name": "agi-0"}
    seed.write_text(json.dumps({"version": 1, "accounts": {"k": {"sessions": [session]}}}))
    turns = {"turns": [{"steps": [{"text": "Forty"}]}]}
    with Emulator(state=tmp_path / "kept", seed=seed, scenario=turns) as emulator:
        with emulator.agi(api_key="k") as client:
            assert [one.session_id for one in client.sessions.list()] == ["a-session"]
        with emulator.raccoon(api_key="k") as raccoon:
            turn = raccoon.session().start_turn("count")
            assert turn.result().text == "Forty"
    with Emulator(state=tmp_path / "kept") as emulator:
        with emulator.agi(api_key="k") as client:
            assert [one.session_id for one in client.sessions.list()] == ["a-session"]
        with emulator.raccoon(api_key="k") as raccoon:
            assert len(list(raccoon.sessions.list())) == 1
        with pytest.raises(ConfigError, match="which another emulator uses"):
            Emulator(state=tmp_path / "kept")
    data = json.loads(seed.read_text())
    with Emulator(seed=data) as emulator, emulator.agi(api_key="k") as client:
        assert [one.session_id for one in client.sessions.list()] == ["a-session"]
    with pytest.raises(ConfigError, match="seed is data, which cannot be used"):
        Emulator(seed={"version": 7})
    for wrong in ("seed", "scenario", "state", "tls_cert"):
        with pytest.raises(TypeError, match=f"`{wrong}` must be a .*path.*, not list"):
            Emulator(**{wrong: []})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="seed is .*none.json"):
        Emulator(seed=tmp_path / "none.json")


def test_what_could_not_be_kept_is_an_error_of_close(tmp_path: Path) -> None:
    state = tmp_path / "kept"

    def spoil() -> Emulator:
        emulator = Emulator(state=state)
        eventually((state / "state.json").exists, "it is kept")
        shutil.rmtree(state)
        state.write_text("mine")
        return emulator

    emulator = spoil()
    with pytest.raises(ConfigError) as lost:
        emulator.close()
    assert str(state) in str(lost.value)
    assert "move that away" in str(lost.value)
    emulator.close()  # once is enough
    assert state.read_text() == "mine"

    state.unlink()
    with pytest.raises(ConfigError, match="could not be kept"), spoil():
        pass
    state.unlink()
    # It hides no other error.
    with pytest.raises(ZeroDivisionError), pytest.warns(RuntimeWarning, match="is lost"), spoil():
        _ = 1 / 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address")
def test_a_certificate_that_clients_refuse_is_warned_of() -> None:
    certificates = ROOT / "tests" / "certificates"
    cert, key = certificates / "localhost.pem", certificates / "localhost.key"
    with pytest.warns(RuntimeWarning, match=r"tls_cert is .* 127\.0\.0\.2.*holds for localhost"):
        Emulator(host="127.0.0.2", tls_cert=cert, tls_key=key).close()
    with pytest.raises(ConfigError, match="tls_key is not the key of tls_cert"):
        Emulator(tls_cert=cert, tls_key=certificates / "own.key")

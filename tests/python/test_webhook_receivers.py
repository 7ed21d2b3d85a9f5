"""The receivers among the examples, with webhooks from the emulator."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from werkzeug.serving import make_server

from helpers import eventually
from sessionwire import Agi, webhooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sessionwire import Emulator

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
SECRET = "correct horse battery staple"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def fastapi() -> Iterator[str]:
    config = uvicorn.Config(load("webhooks_fastapi").app, log_level="error")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def flask() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, load("webhooks_flask").app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def post(url: str, body: bytes) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.parametrize("receiver", [fastapi, flask], ids=lambda receiver: receiver.__name__)
def test_a_receiver_gets_every_kind(
    receiver: Any,
    emulator: Emulator,
    client: Agi,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    emulator.scenario(
        {
            "tasks": [
                {
                    "match": "ask",
                    "steps": [{"question": "Which colour?"}, {"done": "Got {answer}"}],
                },
                {"match": "fail", "steps": [{"error": "It broke"}]},
                {"steps": [{"delay": 3600}]},
            ]
        }
    )
    shown = ""

    def has_shown(line: str) -> bool:
        nonlocal shown
        shown += capsys.readouterr().out
        return f"{line}\n" in shown

    def shows(line: str) -> None:
        eventually(lambda: has_shown(line), line)

    with receiver() as base:
        url = webhooks.url(base, SECRET)
        with client.sessions.create(webhook_url=url) as session:
            shows(f"session.created: {session.session_id}")
            assert session.run_task("ask me", on_question=lambda _: "blue").data == "Got blue"
            shows("task.started: ask me")
            shows("task.question: Which colour?")
            shows("task.completed: Got blue")
            session.send_message("fail")
            shows("task.error: It broke")
            session.send_message("stay")
            session.pause()
            shows("session.status_changed: running -> paused")
            session.cancel()
            shows("session.status_changed: paused -> ready")
        shows(f"session.deleted: {session.session_id}")

        # Who does not know the secret, what is no webhook, what came before.
        strange = (
            b'{"event": "moon.rose", "timestamp": "2026-03-04T09:15:40Z", "session": {"id": "s1"}}'
        )
        assert post(base, strange) == 401
        assert post(webhooks.url(base, "another secret"), strange) == 401
        assert post(url, b"no JSON") == 400
        assert post(url, b"") == 400
        assert [post(url, strange) for _ in range(3)] == [200, 200, 200]
        shows("moon.rose: s1")
        last = strange.replace(b"moon.rose", b"sun.rose")
        assert post(url, last) == 200
        shows("sun.rose: s1")
        assert shown.count("moon.rose") == 1


@pytest.mark.parametrize("receiver", [fastapi, flask], ids=lambda receiver: receiver.__name__)
def test_a_receiver_on_this_machine_is_told_by_the_command_line(
    receiver: Any,
    emulator: Emulator,
    client: Agi,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("AGI_BASE_URL", emulator.url)
    monkeypatch.setenv("AGI_API_KEY", emulator.api_key)
    emulator.scenario({"tasks": [{"steps": [{"question": "Which?"}, {"done": "Got {answer}"}]}]})
    with receiver() as base, client.sessions.create() as session:
        command = [sys.executable, "-m", "sessionwire", "listen", session.session_id]
        options = ["--forward-to", base, "--poll-interval", "20ms"]
        with subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as listening:
            assert listening.stderr is not None
            assert "Listening to" in listening.stderr.readline()
            assert session.run_task("ask me", on_question=lambda _: "blue").data == "Got blue"
            shown = ""

            def has_shown(line: str) -> bool:
                nonlocal shown
                shown += capsys.readouterr().out
                return f"{line}\n" in shown

            # What a session said is gone with it.
            eventually(lambda: has_shown("task.completed: Got blue"), "the end of the task")
            session.delete()
            told, problems = listening.communicate(timeout=60)
        assert listening.returncode == 0, problems
        assert [line.split() for line in told.splitlines()] == [
            [event, "200", "delivered"]
            for event in ("task.started", "task.question", "task.completed", "session.deleted")
        ]
        for line in (
            "task.started: ask me",
            "task.question: Which?",
            "task.completed: Got blue",
            f"session.deleted: {session.session_id}",
        ):
            assert has_shown(line)

"""A service that says the key back: `tests/contract/echoes.json`, for Python."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sessionwire import Agi, AsyncAgi, AsyncRaccoon, Emulator, Raccoon, SessionwireError
from test_contract import FOLDER, cases

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE: dict[str, Any] = json.loads((FOLDER / "echoes.json").read_text())
KEY: str = FILE["key"]
FORMS: dict[str, str] = FILE["forms"]
OPTIONS: dict[str, Any] = {"api_key": KEY, "max_retries": 0}


def echoing(case: dict[str, Any], form: str) -> Any:
    """The case with this in the place of `{echo}`."""
    return json.loads(json.dumps(case).replace("{echo}", json.dumps(form)[1:-1]))


@contextmanager
def service(case: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Plays the case; gives the options of its client."""
    if case["call"] == "proxied":
        with socket.create_server(("127.0.0.1", 0)) as server:
            refusing = threading.Thread(target=refuse, args=[server, case["answer"].encode()])
            refusing.start()
            proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
            yield {**OPTIONS, "base_url": "https://service.invalid", "proxy": proxy}
            # Wakes the thread, which a close alone would not.
            server.shutdown(socket.SHUT_RDWR)
            refusing.join()
        return
    scenario = {"tasks": case.get("tasks", []), "turns": case.get("turns", [])}
    with Emulator(step_delay=0.0, scenario=scenario) as emulator:
        for fault in case.get("faults", []):
            emulator.fail(**fault)
        url = emulator.raccoon_url if case["call"] == "turn" else emulator.url
        yield {**OPTIONS, "base_url": url}


def refuse(server: socket.socket, answer: bytes) -> None:
    """Answers each `CONNECT`: the client may ask twice, to learn the status."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += connection.recv(1)
            connection.sendall(answer)


def check_nowhere(
    case: dict[str, Any], error: SessionwireError, log: pytest.LogCaptureFixture
) -> None:
    assert type(error).__name__ == case["error"], repr(error)
    fields = [getattr(error, name) for name in dir(error) if not name.startswith("__")]
    shown = "\n".join([str(error), repr(error), repr(vars(error)), repr(fields)])
    assert ("[redacted]" in shown) is not case.get("silent", False), shown
    seen = "\n".join([shown, *traceback.format_exception(error), log.text])
    # A quotation adds backslashes, or takes them.
    bare = seen.replace("\\", "")
    for form in FORMS.values():
        assert form not in seen
        assert form.replace("\\", "") not in bare
    assert any(record.name == "sessionwire" for record in log.records)
    log.clear()


def attempt(case: dict[str, Any], options: dict[str, Any]) -> None:
    if case["call"] == "turn":
        with Raccoon(**options) as turns:
            turns.run_turn("go", timeout=10.0, max_reconnects=0)
    else:
        with Agi(**options) as client:
            if case["call"] == "task":
                client.run_task("go")
            else:
                client.sessions.list()


async def attempt_async(case: dict[str, Any], options: dict[str, Any]) -> None:
    if case["call"] == "turn":
        async with AsyncRaccoon(**options) as turns:
            await turns.run_turn("go", timeout=10.0, max_reconnects=0)
    else:
        async with AsyncAgi(**options) as client:
            if case["call"] == "task":
                await client.run_task("go")
            else:
                await client.sessions.list()


@pytest.mark.parametrize("case", cases("echoes.json"))
def test_g07_no_form_of_the_key_is_shown(
    case: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for form in FORMS.values():
        echo = echoing(case, form)
        with service(echo) as options, pytest.raises(SessionwireError) as caught:
            attempt(echo, options)
        check_nowhere(case, caught.value, caplog)


@pytest.mark.parametrize("case", cases("echoes.json"))
def test_g07_no_form_of_the_key_is_shown_async(
    case: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for form in FORMS.values():
        echo = echoing(case, form)
        with service(echo) as options, pytest.raises(SessionwireError) as caught:
            asyncio.run(attempt_async(echo, options))
        check_nowhere(case, caught.value, caplog)

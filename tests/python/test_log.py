"""The log: what it tells, what it costs when off, and that the key is nowhere."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

from helpers import eventually, script, thoughts
from sessionwire import Agi, AsyncAgi, Emulator, SessionwireError
from test_contract import async_call, call, cases
from test_process import environment

KEY = "sk-very/secret key+0123456789"
FORMS = ("very/secret", "very%2Fsecret", "secret key", "secret+key", "secret%20key", "0123456789")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "sessionwire")
    return caplog


def lines(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.name == "sessionwire"]


def test_each_request_is_logged(emulator: Emulator, log: pytest.LogCaptureFixture) -> None:
    begun = time.time()
    with emulator.agi() as client:
        client.sessions.list()
        emulator.fail(on="list", status=503, times=1, headers={"Retry-After": "0"})
        client.sessions.list()
        client.request("GET", "/models", query={"filter": "cdp", "access_token": "hidden"})
    requests = [line for line in lines(log) if line.startswith("request ")]
    url = re.escape(f"{emulator.url}/v1/sessions")
    pattern = rf"request method=GET url={url} status=%d duration=[\d.]+\S+ attempt=%d"
    for line, status, attempt in zip(requests[:3], (200, 503, 200), (1, 1, 2), strict=True):
        assert re.match(pattern % (status, attempt), line), line
    assert "/models?access_token=redacted&filter=cdp status=" in requests[3]
    (retry,) = [line for line in lines(log) if line.startswith("retrying ")]
    assert "request=GET /v1/sessions attempt=1 wait=" in retry
    assert "reason=" in retry
    record = log.records[0]
    assert (record.levelno, record.name) == (logging.DEBUG, "sessionwire")
    assert begun - 1 < record.created < time.time() + 1


def test_reconnects_are_logged(emulator: Emulator, log: pytest.LogCaptureFixture) -> None:
    emulator.scenario(script(thoughts(3), {"done": "ok"}))
    emulator.fail(on="events", cut_after=1)
    with emulator.agi() as client:
        client.run_task("go")
    assert any(line.startswith("reconnecting the event stream ") for line in lines(log))


def test_the_log_reaches_an_idle_event_loop(
    emulator: Emulator, log: pytest.LogCaptureFixture
) -> None:
    emulator.scenario(script({"thought": "one"}, {"delay": 3600}))
    emulator.fail(on="events", close_after=1)

    async def main() -> None:
        async with emulator.async_agi() as client, client.sessions.create() as session:
            await session.send_message("go")
            stream = session.events()
            await anext(stream)
            waiting = asyncio.ensure_future(anext(stream))
            until = time.monotonic() + 10
            while not any(line.startswith("reconnecting") for line in lines(log)):
                assert time.monotonic() < until
                await asyncio.sleep(0.01)
            waiting.cancel()

    asyncio.run(main())


def test_it_is_off_until_the_logger_wants_it(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("sessionwire")
    with emulator.agi() as client:
        caplog.set_level(logging.INFO, "sessionwire")
        client.sessions.list()
        assert lines(caplog) == []
        caplog.set_level(logging.DEBUG, "sessionwire")
        client.sessions.list()
        assert len(lines(caplog)) == 1
        caplog.set_level(logging.INFO, "sessionwire")
        client.sessions.list()
        assert len(lines(caplog)) == 1
    assert logger.level == logging.INFO


def test_a_handler_that_calls_the_client(emulator: Emulator, log: pytest.LogCaptureFixture) -> None:
    inside: list[int] = []

    class Nested(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
            if not inside:
                inside.append(-1)
                inside[0] = len(client.sessions.list())

    handler = Nested()
    client = emulator.agi()
    logging.getLogger("sessionwire").addHandler(handler)
    try:
        client.sessions.list()
        client.close()
    finally:
        logging.getLogger("sessionwire").removeHandler(handler)
    assert inside == [0]


def test_the_last_records_come_at_exit(emulator: Emulator) -> None:
    program = """
import asyncio, logging
logging.basicConfig(level=logging.DEBUG)
from sessionwire import Agi
client = Agi()
client.sessions.create()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(emulator),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "DEBUG:sessionwire:request method=POST" in done.stderr


def echoing(fault: dict[str, Any]) -> dict[str, Any]:
    """The same failure, of a server that repeats the key wherever it can."""
    if "status" not in fault:
        return fault
    body = fault.get("body", "")
    told = {**body, "echo": KEY} if isinstance(body, dict) else f"{body} {KEY}"
    return {**fault, "body": told, "headers": {**fault.get("headers", {}), "X-Echo": KEY}}


def shown(error: BaseException, *objects: object) -> str:
    parts = [str(error), repr(error), repr(vars(error)), *map(repr, objects)]
    return "\n".join([*parts, *traceback.format_exception(error)])


def check_nowhere(text: str) -> None:
    for form in FORMS:
        assert form not in text


def test_g07_the_key_is_nowhere(log: pytest.LogCaptureFixture) -> None:
    # All loggers, of other packages too.
    log.set_level(logging.DEBUG)
    seen = []
    with Emulator() as emulator:
        client = Agi(base_url=emulator.url, api_key=KEY, max_retries=0)
        session = client.sessions.create()
        for parameter in cases("errors.json"):
            (case,) = parameter.values
            emulator.clear_faults()
            emulator.fail(**echoing(case["fault"]))
            with pytest.raises(SessionwireError) as caught:
                call(case, client, session)
            seen.append(shown(caught.value, client, session))
        emulator.clear_faults()
        # Who mixes up the arguments shows the key to the server, but not to the log.
        with pytest.raises(SessionwireError) as caught:
            client.sessions.get(KEY)
        seen.append(shown(caught.value))
        client.close()
    check_nowhere("\n".join(seen))
    assert len(lines(log)) > len(seen)
    check_nowhere(log.text)


def test_g07_the_key_is_nowhere_async(log: pytest.LogCaptureFixture) -> None:
    log.set_level(logging.DEBUG)
    seen = []

    async def main() -> None:
        async with Emulator() as emulator:
            client = AsyncAgi(base_url=emulator.url, api_key=KEY, max_retries=0)
            session = await client.sessions.create()
            for parameter in cases("errors.json"):
                (case,) = parameter.values
                emulator.clear_faults()
                emulator.fail(**echoing(case["fault"]))
                with pytest.raises(SessionwireError) as caught:
                    await async_call(case, client, session)
                seen.append(shown(caught.value, client, session))
            await client.close()

    asyncio.run(main(), debug=True)
    check_nowhere("\n".join(seen))
    assert len(lines(log)) > len(seen)
    check_nowhere(log.text)


@pytest.mark.parametrize("source", ["option", "environment"])
def test_g07_the_key_is_not_in_what_a_crash_prints(emulator: Emulator, source: str) -> None:
    folder = Path(__file__).parents[1] / "contract"
    first = json.loads((folder / "errors.json").read_text())["cases"][0]
    emulator.fail(**{**echoing(first["fault"]), "on": "list"})
    program = f"""
import logging
logging.basicConfig(level=logging.DEBUG)
from sessionwire import Agi
client = Agi({"api_key=" + repr(KEY) if source == "option" else ""})
client.sessions.list()
"""
    # The program's own text stands in no file, so that a traceback cannot quote it.
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program],
        env={**environment(emulator), "AGI_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "BadRequestError" in done.stderr
    assert "DEBUG:sessionwire:request" in done.stderr
    check_nowhere(done.stderr + done.stdout)


def test_the_log_of_another_thread(emulator: Emulator, log: pytest.LogCaptureFixture) -> None:
    import threading

    with emulator.agi() as client:
        thread = threading.Thread(target=client.sessions.list)
        thread.start()
        thread.join()
    eventually(lambda: lines(log), "the record is there")


@pytest.mark.parametrize("setup", ["", "import logging; logging.basicConfig(level=10)"])
def test_the_environment_switches_it_on(emulator: Emulator, setup: str) -> None:
    program = f"{setup}\nfrom sessionwire import Agi\nwith Agi() as client: client.sessions.list()"
    env = {**environment(emulator), "SESSIONWIRE_LOG": "debug"}
    for command in (["-c", program], ["-m", "sessionwire", "sessions", "list"]):
        done = subprocess.run(
            [sys.executable, *command], env=env, capture_output=True, text=True, check=True
        )
        (line,) = [line for line in done.stderr.splitlines() if "request method=GET" in line]
        assert "status=200" in line
        assert emulator.api_key not in done.stderr

"""A ledger, and what `reap` makes of it."""

from __future__ import annotations

import asyncio
import inspect
import os
import pickle
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from sessionwire import (
    Agi,
    AsyncAgi,
    ConfigError,
    Emulator,
    InvalidRequestError,
    PermissionDeniedError,
    ReapReport,
    SessionwireError,
)
from test_contract import cases

if TYPE_CHECKING:
    from pathlib import Path


async def maybe(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def locks(ledger: Path) -> list[str]:
    return [path.name for path in ledger.with_name(f"{ledger.name}.owners").glob("*.lock")]


def as_if_dead(case: dict[str, Any], original: Path) -> Path:
    """The ledger as it is found when its process has died."""
    lock = case.get("lock", "dead")
    if lock == "held":
        return original
    copy = original.with_name("copy")
    copy.write_text(original.read_text() + "".join(case.get("append", [])))
    if lock == "dead":
        folder = original.with_name("copy.owners")
        folder.mkdir()
        for name in locks(original):
            (folder / name).touch()
    return copy


async def take(step: str, emulator: Emulator, client: Any, created: list[Any]) -> None:
    match step:
        case "create":
            created.append(await maybe(client.sessions.create()))
        case "lost" | "refused":
            emulator.fail(on="create", status=500 if step == "lost" else 403)
            with pytest.raises(SessionwireError) as caught:
                await maybe(client.sessions.create())
            assert getattr(caught.value, "maybe_delivered") is (step == "lost")  # noqa: B009
        case "send":
            await maybe(created[-1].send_message("go"))
        case "cancel":
            await maybe(created[-1].cancel())
        case "release":
            await maybe(client.sessions.release(created[-1].session_id))
        case "delete":
            await maybe(created[0].delete())
        case _:
            raise AssertionError(step)


def check(reports: list[ReapReport], expected: list[dict[str, Any]], created: list[Any]) -> None:
    assert len(reports) == len(expected), reports
    for report, wanted in zip(reports, expected, strict=True):
        place = wanted["session"]
        assert report.outcome == wanted["outcome"]
        assert report.session_id == (None if place is None else created[place].session_id)
        assert report.agent_name == "agi-0"
        assert report.created_at is not None
        assert report.created_at.tzinfo is not None
        assert report.working is wanted.get("working", False)
        name = None if report.error is None else type(report.error).__name__
        assert name == wanted.get("error")


async def run(case: dict[str, Any], client_type: Any, folder: Path) -> None:
    original = folder / "ledger"
    with Emulator(step_delay=0.0, browser="builtin", api_keys=["first", "other"]) as emulator:

        def client(key: str, ledger: Path) -> Any:
            return client_type(base_url=emulator.url, api_key=key, ledger=ledger, max_retries=0)

        creator = client("first", original)
        created: list[Any] = []
        for step in case["steps"]:
            await take(step, emulator, creator, created)
        left = as_if_dead(case, original)
        for fault in case.get("faults", []):
            emulator.fail(**fault)
        reaper = client(case.get("key", "first"), left)
        for name in ("reports", "again"):
            reports = await maybe(reaper.sessions.reap(**case.get("options", {})))
            check(reports, case.get(name, []), created)
        assert emulator.session_count == case["sessions"]
        assert (left.stat().st_size == 0) is case["empty"]
        await maybe(creator.close())
        await maybe(reaper.close())


@pytest.mark.parametrize("case", cases("ledger.json"))
def test_g05_what_dead_processes_left(case: dict[str, Any], tmp_path: Path) -> None:
    asyncio.run(run(case, Agi, tmp_path))


@pytest.mark.parametrize("case", cases("ledger.json"))
def test_g05_what_dead_processes_left_async(case: dict[str, Any], tmp_path: Path) -> None:
    asyncio.run(run(case, AsyncAgi, tmp_path))


PROGRAM = """
import sys
from sessionwire import Agi
print(Agi().sessions.create().session_id, flush=True)
sys.stdin.read()
"""


def started(emulator: Emulator, ledger: Path, program: str = PROGRAM) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "AGI_API_KEY": emulator.api_key,
        "AGI_BASE_URL": emulator.url,
        "SESSIONWIRE_LEDGER": str(ledger),
    }
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_g05_what_a_killed_process_left_is_deleted(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    with Emulator(browser="builtin") as emulator:
        killed, living = started(emulator, ledger), started(emulator, ledger)
        left, kept = said(killed), said(living)
        end(killed)
        with emulator.agi(ledger=ledger) as client:
            assert [report.session_id for report in client.sessions.reap()] == [left]
            assert [session.session_id for session in client.sessions.list()] == [kept]
            end(living)
            assert [report.session_id for report in client.sessions.reap()] == [kept]
        assert emulator.session_count == 0


FORK = """
import os, sys
from sessionwire import Agi
client = Agi()
session = client.sessions.create()
pid = os.fork()
if pid:
    print(session.session_id, flush=True)
    sys.stdin.read()
    os._exit(0)
print(client.sessions.create().session_id, flush=True)
os.close(0)
os.read(int(os.environ["HOLD"]), 1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_g11_a_forked_child_has_a_lock_of_its_own(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    held, hold = os.pipe()
    os.set_inheritable(held, True)
    try:
        with Emulator(browser="builtin") as emulator:
            environment = {
                **os.environ,
                "AGI_API_KEY": emulator.api_key,
                "AGI_BASE_URL": emulator.url,
                "SESSIONWIRE_LEDGER": str(ledger),
                "HOLD": str(held),
            }
            command = [sys.executable, "-W", "ignore", "-c", FORK]
            pipe = subprocess.PIPE
            with subprocess.Popen(
                command, env=environment, stdin=pipe, stdout=pipe, text=True, pass_fds=[held]
            ) as parent:
                both = {said(parent), said(parent)}
                os.kill(parent.pid, signal.SIGKILL)
                parent.wait()
                with emulator.agi(ledger=ledger) as client:
                    (report,) = client.sessions.reap()
                    assert report.outcome == "deleted"
                    (kept,) = client.sessions.list()
                    assert both == {report.session_id, kept.session_id}
    finally:
        os.close(hold)
        os.close(held)


def test_g08_a_client_without_a_ledger_cannot_reap() -> None:
    with (
        Emulator(browser="builtin") as emulator,
        emulator.agi() as client,
        pytest.raises(ConfigError, match="SESSIONWIRE_LEDGER"),
    ):
        client.sessions.reap()


def test_g08_an_id_that_no_session_has_is_not_released(tmp_path: Path) -> None:
    client = Agi(api_key="key", ledger=tmp_path / "ledger")
    with client, pytest.raises(InvalidRequestError, match="session_id"):
        client.sessions.release("")


def test_a_client_without_a_ledger_may_release() -> None:
    with Agi(api_key="key") as client:
        client.sessions.release("s-1")


def test_g08_a_ledger_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it is a folder"):
        Agi(api_key="key", ledger=tmp_path)
    with pytest.raises(ConfigError, match="its folder does not exist"):
        Agi(api_key="key", ledger=tmp_path / "missing" / "ledger")
    with pytest.raises(ConfigError, match="ledger"):
        Agi(api_key="key", ledger="")


def test_g11_a_pickled_client_keeps_its_ledger(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    client = Agi(api_key="key", ledger=ledger)
    copy = pickle.loads(pickle.dumps(client))
    assert copy._options["ledger"] == str(ledger)


def test_g11_a_report_pickles() -> None:
    error = PermissionDeniedError("Not yours")
    report = ReapReport("failed", "s-1", "agi-0", None, True, error)
    copy = pickle.loads(pickle.dumps(report))
    assert (copy.outcome, copy.session_id, copy.working) == ("failed", "s-1", True)

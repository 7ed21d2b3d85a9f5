"""`progress=True`: a line on a terminal, nothing elsewhere."""

from __future__ import annotations

import asyncio
import inspect
import io
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import sessionwire
from helpers import script
from sessionwire import AsyncAgi, InvalidRequestError, QuestionPending, TaskError
from sessionwire._views import progress

if TYPE_CHECKING:
    from pathlib import Path

    from sessionwire import Emulator


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    # pytest sets the real one anew for each phase of a test.
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=terminal))
    monkeypatch.setenv("COLUMNS", "60")
    return terminal


STEPS = ({"thought": "Looking \u202e\x1b[2J\nx"}, {"question": "Blue?"}, {"done": "Bought " * 50})


def test_a_task_is_a_line_that_a_question_ends(emulator: Emulator, terminal: Terminal) -> None:
    emulator.scenario(script(*STEPS))
    seen = []

    def answer(question: object) -> str:
        terminal.write(f"{question} ")
        return "yes"

    with emulator.agi() as client:
        client.run_task(
            "Buy", on_question=answer, on_event=lambda event: seen.append(event.type), progress=True
        )
    assert seen == ["thought", "question", "done"]
    asked, answered = terminal.getvalue().split("\n")[:2]
    assert asked.endswith("question: Blue?\x1b[K")
    assert answered.startswith("Blue? \r")
    assert terminal.getvalue().endswith("...\x1b[K\n")
    for line in terminal.getvalue().replace("\n", "").split("\r"):
        assert len(line.removesuffix("\x1b[K")) < 66
        assert line.replace("\x1b[K", "").isprintable()


def test_many_tasks_are_counted(emulator: Emulator, terminal: Terminal) -> None:
    emulator.scenario(script({"done": "Bought"}))
    with emulator.agi() as client:
        texts = ["a", "b", "c"]
        assert len(list(client.run_tasks(texts, progress=True))) == 3
    assert "3 of 3 tasks done" in terminal.getvalue()
    emulator.scenario(script({"question": "Blue?"}))
    with emulator.agi() as client:
        runs = client.run_tasks(["a", "b"], progress=True)
        assert isinstance(next(runs).error, QuestionPending)
        runs.close()
    # Left early, the line ends all the same.
    assert terminal.getvalue().endswith("1 failed\x1b[K\n")


def test_an_upload_says_its_share(emulator: Emulator, terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_bytes(b"x" * 100_000)
    told = []
    with emulator.raccoon() as client:
        session = client.session()
        session.upload(path, progress=True, on_progress=lambda *at: told.append(at))
        with path.open("rb") as file:
            client.media.upload(file, session_id=session.session_id, progress=True)
    assert "report.csv: 100 % of 100,000 bytes" in terminal.getvalue()
    assert told[-1] == (100_000, 100_000)


def test_an_asynchronous_task(emulator: Emulator, terminal: Terminal) -> None:
    emulator.scenario(script(*STEPS))

    async def answer(question: object) -> str:
        return "yes"

    async def main() -> None:
        async with AsyncAgi(base_url=emulator.url, api_key=emulator.api_key) as client:
            await client.run_task("Buy", on_question=answer, progress=True)
            assert [one async for one in client.run_tasks(["a"], on_question=answer, progress=True)]

    asyncio.run(main())
    assert "question: Blue?" in terminal.getvalue()
    assert "1 of 1 tasks done" in terminal.getvalue()


def test_a_task_that_fails_ends_its_line(emulator: Emulator, terminal: Terminal) -> None:
    emulator.scenario(script({"error": "No page"}))
    with emulator.agi() as client, pytest.raises(TaskError, match="No page"):
        client.run_task("Buy", progress=True)
    assert terminal.getvalue().endswith("\x1b[K\n")


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_nothing_is_shown_where_no_terminal_is(
    emulator: Emulator, stream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.scenario(script({"done": "Bought"}))
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stream))
    with emulator.agi() as client:
        client.run_task("Buy", progress=True)
        list(client.run_tasks(["a"], progress=True))
    assert stream is None or stream.getvalue() == ""


def test_it_is_off_by_default_and_is_a_bool(emulator: Emulator, terminal: Terminal) -> None:
    emulator.scenario(script({"done": "Bought"}))
    with emulator.agi() as client:
        client.run_task("Buy")
        assert terminal.getvalue() == ""
        with pytest.raises(InvalidRequestError, match="`progress` must be a bool, not str 'yes'"):
            client.run_task("Buy", progress="yes")  # type: ignore[call-overload]
        with pytest.raises(InvalidRequestError, match="`progress` must be a bool, not None"):
            client.run_tasks(["Buy"], progress=None)  # type: ignore[call-overload]
        assert client.sessions.list() == []
        with client.sessions.create() as session, pytest.raises(InvalidRequestError):
            session.run_task("Buy", progress=1)  # type: ignore[call-overload]
    for call in (sessionwire.Agi.run_task, sessionwire.Agi.run_tasks, sessionwire.Media.upload):
        assert inspect.signature(call).parameters["progress"].default is False

"""Batches by a journal: loops that are left, and those that go on."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sessionwire import (
    Agi,
    AsyncAgi,
    ConfigError,
    ConflictError,
    Emulator,
    InvalidRequestError,
    TaskError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from sessionwire import QuestionEvent
    from sessionwire._agi.types import BatchTask

ROOT = Path(__file__).parents[2]
AGENT = {
    "tasks": [
        {"match": "fail", "once": False, "steps": [{"error": "sold out"}]},
        {"match": "which", "once": False, "steps": [{"question": "colour?"}, {"done": "{answer}"}]},
        {"match": "long", "once": False, "steps": [{"done": "late", "after": 3600}]},
        {"once": False, "steps": [{"thought": "Looking"}, {"done": "{task}: bought"}]},
    ]
}
TASKS: list[str | BatchTask] = [
    *[f"mug {number}." for number in range(8)],
    {"id": 17, "message": "fail"},
    {
        "id": "cup",
        "message": "cup.",
        "agent_name": "agi-0-fast",
        "start_url": "https://shop.example",
    },
]
EXPECTED = {
    **{str(number): f"mug {number}.: bought" for number in range(8)},
    "17": "TaskError",
    "cup": "cup.: bought",
}


@pytest.fixture
def shop() -> Emulator:
    return Emulator(step_delay=0.0, scenario=AGENT)


def sent(emulator: Emulator) -> int:
    return len(emulator.requests("POST", "/v1/sessions/*/message"))


def test_g03_a_loop_that_was_left_goes_on(shop: Emulator, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with shop as emulator, emulator.agi() as client:
        for leave_after in (2, 5):
            outcomes = client.run_tasks(TASKS, journal=journal, concurrency=2)
            for _ in range(leave_after):
                next(outcomes)
            outcomes.close()
        seen = {}
        for outcome in client.run_tasks(TASKS, journal=str(journal)):
            assert not outcome.unfinished
            given = TASKS[outcome.index]
            assert outcome.task == (given if isinstance(given, str) else given["message"])
            assert outcome.id not in seen
            told = outcome.result.text if outcome.result else type(outcome.error).__name__
            seen[outcome.id] = told
        assert seen == EXPECTED
        assert sent(emulator) == len(TASKS)
        assert client.sessions.list() == []
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


def test_g03_an_error_is_given_again_and_sent_again_when_asked(
    shop: Emulator, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with shop as emulator, emulator.agi() as client:
        for retry_failed, count in ((False, 1), (False, 1), (True, 2)):
            outcomes = client.run_tasks(["fail"], journal=journal, retry_failed=retry_failed)
            (outcome,) = list(outcomes)
            assert isinstance(outcome.error, TaskError)
            assert "sold out" in str(outcome.error)
            assert outcome.error.reason == "agent_error"
            assert sent(emulator) == count


def test_g03_a_loop_that_was_left_gives_its_journal_to_the_next_one(
    shop: Emulator, tmp_path: Path
) -> None:
    """At once: also where asyncio ends the generator only in a later turn."""

    async def main(emulator: Emulator) -> None:
        async with emulator.async_agi() as client:
            for _ in range(5):
                async for _ in client.run_tasks(TASKS, journal=tmp_path / "async"):
                    break
            outcomes = [each async for each in client.run_tasks(TASKS, journal=tmp_path / "async")]
            assert {outcome.id for outcome in outcomes} == set(EXPECTED)

    with shop as emulator, emulator.agi() as client:
        for _ in range(5):
            for _ in client.run_tasks(TASKS, journal=tmp_path / "sync"):
                break
        assert {each.id for each in client.run_tasks(TASKS, journal=tmp_path / "sync")} == set(
            EXPECTED
        )
        asyncio.run(main(emulator))
        assert sent(emulator) == 2 * len(TASKS)


def test_g03_asyncio_goes_on_with_what_was_left(shop: Emulator, tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    async def run(client: AsyncAgi) -> dict[str, str]:
        outcomes = client.run_tasks(TASKS, journal=journal, concurrency=3)
        async for _ in outcomes:
            break
        await outcomes.aclose()
        return {
            outcome.id: outcome.result.text if outcome.result else type(outcome.error).__name__
            async for outcome in client.run_tasks(TASKS, journal=journal)
        }

    async def main(emulator: Emulator) -> None:
        async with emulator.async_agi() as client:
            assert await run(client) == EXPECTED

    with shop as emulator:
        asyncio.run(main(emulator))
        assert sent(emulator) == len(TASKS)


def failing(question: QuestionEvent) -> str:
    raise LookupError(question.text)


def test_g02_a_question_that_nobody_could_answer_is_asked_again_at_the_next_start(
    shop: Emulator, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"

    def five(_: QuestionEvent) -> str:
        return 5  # type: ignore[return-value]

    async def later(client: AsyncAgi) -> None:
        async def fails(question: QuestionEvent) -> str:
            raise LookupError(question.text)

        outcomes = client.run_tasks(["which"], journal=journal, on_question=fails)
        (outcome,) = [outcome async for outcome in outcomes]
        assert isinstance(outcome.error, LookupError)
        assert outcome.unfinished

    with shop as emulator, emulator.agi() as client:
        for callback, kind, words in (
            (failing, LookupError, "colour?"),
            (five, InvalidRequestError, "`on_question` gave int 5. Give a text, or None"),
        ):
            outcomes = client.run_tasks(["which"], journal=journal, on_question=callback)
            (outcome,) = list(outcomes)
            assert type(outcome.error) is kind
            assert words in str(outcome.error)
            assert outcome.unfinished
        asyncio.run(_with_client(emulator, later))
        answered = client.run_tasks(["which"], journal=journal, on_question=lambda _: "blue")
        (outcome,) = list(answered)
        assert not outcome.unfinished
        assert outcome.result is not None
        assert outcome.result.text == "blue"
        # The task, and the answer.
        assert sent(emulator) == 2
        assert client.sessions.list() == []


async def _with_client(
    emulator: Emulator, work: Callable[[AsyncAgi], Coroutine[Any, Any, None]]
) -> None:
    async with emulator.async_agi() as client:
        await work(client)


def test_bad_input_is_refused_by_its_name(shop: Emulator, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with shop as emulator, emulator.agi() as client:
        for tasks, words in (
            (["one", {"id": "0", "message": "two"}], "indexes 0 and 1"),
            ([{"message": "one", "start_ulr": "x"}], "`start_ulr` is not known"),
            ([{"id": "a"}], "needs `message`"),
            (
                ["one", {"id": 1.5, "message": "two"}],
                "the task with the index 1: `id` must be a text or a whole number, not 1.5",
            ),
            (
                ["one", {"message": "two", "start_url": 7}],
                "the task with the index 1: `start_url` must be a text, not 7",
            ),
            ([7], "must be a list of a str or a BatchTask"),
            ({"message": "one"}, "`tasks` is a dict. Pass a list of tasks, such as [task]."),
            ("one", "`tasks` is a text. Pass a list of tasks, such as [task]."),
        ):
            with pytest.raises(InvalidRequestError, match=re.escape(words)):
                client.run_tasks(tasks, journal=journal)  # type: ignore[arg-type]
        list(client.run_tasks(["one"], journal=journal))
        with pytest.raises(InvalidRequestError, match="message changed"):
            list(client.run_tasks(["another"], journal=journal))
        first = client.run_tasks(["one", "long"], journal=journal)
        next(first)
        words = "This process works by the journal .* Close the outcomes"
        with pytest.raises(ConflictError, match=words) as caught:
            list(client.run_tasks(["one", "long"], journal=journal))
        assert caught.value.code == "journal_in_use"
        first.close()


class Place:
    """A path that is none of the standard library."""

    def __init__(self, path: str | bytes) -> None:
        self.path = path

    def __fspath__(self) -> str | bytes:
        return self.path


def test_a_journal_and_a_ledger_are_paths(shop: Emulator, tmp_path: Path) -> None:
    with shop as emulator, emulator.agi() as client:
        place = Place(str(tmp_path / "journal"))
        list(client.run_tasks(["one"], journal=place))  # type: ignore[arg-type]
        assert (tmp_path / "journal").exists()
        for value, what in (
            (b"journal", "bytes b'journal'. Pass `os.fsdecode(path)`"),
            (5, "int 5"),
            (True, "bool True"),
            (object, "type <class 'object'>"),
            (Place(b"journal"), "bytes"),
        ):
            words = f"must be a str or a Path, not {what}"
            with pytest.raises(InvalidRequestError, match=re.escape(f"`journal` {words}")):
                client.run_tasks(["one"], journal=value)  # type: ignore[arg-type]
            for name in ("ledger", "ca_file"):
                with pytest.raises(ConfigError, match=re.escape(f"`{name}` {words}")):
                    Agi(base_url=emulator.url, api_key="k", **{name: value})  # type: ignore[arg-type]


FORKS = """
import os, sys, time
from pathlib import Path
from sessionwire import Agi

outcomes = Agi().run_tasks(["one", "long"], journal=sys.argv[1])
next(outcomes)
while Path(sys.argv[1]).read_text().count('"sent"') < 2:
    time.sleep(0.01)
if os.fork() == 0:
    print("forked", flush=True)
    sys.stdin.read()
    os._exit(0)
time.sleep(3600)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_does_not_keep_the_journal_of_its_dead_parent(
    shop: Emulator, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with shop as emulator, emulator.agi() as client:
        parent = subprocess.Popen(
            [sys.executable, "-c", FORKS, str(journal)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "AGI_BASE_URL": emulator.url, "AGI_API_KEY": emulator.api_key},
        )
        # Leaving it closes the pipe, which ends the child.
        with parent:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"forked\n"
            # The child lives, and has not taken it from its parent.
            with pytest.raises(ConflictError, match="or a child that it forked"):
                list(client.run_tasks(["one", "long"], journal=journal))
            parent.kill()
            parent.wait()
            outcomes = client.run_tasks(["one", "long"], journal=journal)
            assert next(outcomes).id == "0"
            outcomes.close()
        assert sent(emulator) == 2


def test_a_file_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/t\xff"
    done = subprocess.run(
        [sys.executable, "-m", "sessionwire", "batch", name, "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.endswith("is not UTF-8 text. Write it in UTF-8.\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("language", ["python", "js"])
def test_g03_a_program_of_the_guide_goes_on(language: str, tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
    block = re.search(rf"^```{language} program\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert block is not None
    # Below the package, so that Node finds it.
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "snippets"
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"batch.{ {'python': 'py', 'js': 'mjs'}[language] }"
    path.write_text(block[1], encoding="utf-8")
    command = [sys.executable, "-W", "error"] if language == "python" else ["node"]
    with Emulator(step_delay=0.0, scenario=AGENT) as emulator:
        for _ in range(2):
            done = subprocess.run(
                [*command, str(path), str(tmp_path / "journal")],
                capture_output=True,
                text=True,
                timeout=60,
                cwd=ROOT,
                env={**os.environ, "AGI_BASE_URL": emulator.url, "AGI_API_KEY": emulator.api_key},
            )
            assert done.returncode == 0, done.stderr
            lines = done.stdout.splitlines()
            assert len(lines) == 21
            assert "cup And the cup?: bought" in lines
        assert sent(emulator) == 21
        # The other languages go on with the same file.
        tasks: list[str | BatchTask] = [f"What does mug {number} cost?" for number in range(20)]
        tasks.append({"id": "cup", "message": "And the cup?", "agent_name": "agi-0-fast"})
        with Agi(base_url=emulator.url, api_key=emulator.api_key) as client:
            outcomes = list(client.run_tasks(tasks, journal=tmp_path / "journal"))
        assert len(outcomes) == 21
        assert sent(emulator) == 21

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

from sessionwire import Agi, AsyncAgi, ConflictError, Emulator, InvalidRequestError, TaskError

if TYPE_CHECKING:
    from sessionwire._agi.types import BatchTask

ROOT = Path(__file__).parents[2]
AGENT = {
    "tasks": [
        {"match": "fail", "once": False, "steps": [{"error": "sold out"}]},
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
            outcomes.close()  # type: ignore[attr-defined]
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


def test_g03_asyncio_goes_on_with_what_was_left(shop: Emulator, tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    async def run(client: AsyncAgi) -> dict[str, str]:
        outcomes = client.run_tasks(TASKS, journal=journal, concurrency=3)
        async for _ in outcomes:
            break
        await outcomes.aclose()  # type: ignore[attr-defined]
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


def test_bad_input_is_refused_by_its_name(shop: Emulator, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with shop as emulator, emulator.agi() as client:
        for tasks, words in (
            (["one", {"id": "0", "message": "two"}], "indexes 0 and 1"),
            ([{"message": "one", "start_ulr": "x"}], "`start_ulr` is not known"),
            ([{"id": "a"}], "needs `message`"),
            ([7], "must be a list of a str or a BatchTask"),
        ):
            with pytest.raises(InvalidRequestError, match=re.escape(words)):
                client.run_tasks(tasks, journal=journal)  # type: ignore[arg-type]
        list(client.run_tasks(["one"], journal=journal))
        with pytest.raises(InvalidRequestError, match="message changed"):
            list(client.run_tasks(["another"], journal=journal))
        first = client.run_tasks(["one", "long"], journal=journal)
        next(first)
        with pytest.raises(ConflictError, match="works by the journal") as caught:
            list(client.run_tasks(["one", "long"], journal=journal))
        assert caught.value.code == "journal_in_use"
        first.close()  # type: ignore[attr-defined]


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

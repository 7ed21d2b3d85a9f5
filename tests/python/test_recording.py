"""A session recorded against one emulator and played in another."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from helpers import eventually, script
from sessionwire import Agi, Emulator, NotFoundError, Session, TaskError

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-live-4711"
TASK = "Buy a {answer} mug; the PIN is 80514"

SHOP = script(
    {"thought": f"My key is {KEY}; braces like {{these}} stay"},
    {"step": "Open https://me:pw@shop.example/?token=t0ken", "url": "http://shop.example/"},
    {"log": "password: hunter2", "after": 2.5, "data": {"usage": {"tokens": 12}, "cost": 0.25}},
    {"event": "budget", "data": {"left": 2.5}, "id": True},
    {"question": "Which colour?"},
    {"question": "And the size?", "after": 90},
    {"thought": "So {answer}: {task}"},
    {"done": {"summary": "A mug", "offers": [{"price": 12.5}, None, True], "api_key": "abcd1234"}},
)


def answers(question: Any) -> str:
    return "blue" if "colour" in question.text else "large, and my PIN is 80514"


def played(session: Session, task: str) -> list[Any]:
    """The events of a task, without what is counted anew in each session."""
    events = []
    with session.start_task(task) as running:
        for event in running:
            data = dict(event.data)
            data.pop("message_id", None)
            events.append((event.type, event.text, data))
            if event.type == "question":
                running.answer(answers(event))
    return events


def seconds(session: Session) -> list[float]:
    """When things were said, from the first message on; questions are answered at once."""
    times = [message.timestamp for message in session.messages().messages]
    assert all(time is not None for time in times)
    return [(time - times[0]).total_seconds() for time in times]  # type: ignore[operator]


def scrubbed(value: Any) -> Any:
    text = json.dumps(value)
    for secret in (KEY, "80514"):
        text = text.replace(secret, "[redacted]")
    text = text.replace("token=t0ken", "token=[redacted]").replace("me:pw@", "[redacted]@")
    return json.loads(text.replace("hunter2", "[redacted]").replace("abcd1234", "[redacted]"))


@pytest.mark.parametrize("name", ["shop.yaml", "shop.json"])
def test_what_was_recorded_is_played_again(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    with (
        Emulator(scenario=SHOP, clock="fast", api_keys=[KEY]) as emulator,
        emulator.agi() as client,
        client.sessions.create() as session,
    ):
        first = played(session, TASK)
        times = seconds(session)
        live = session.vnc_url
        scenario = session.record(file, secrets=["80514"])
    text = file.read_text()
    for secret in (KEY, "80514", "hunter2", "me:pw", "t0ken", "abcd1234", live):
        assert secret
        assert secret not in text
    with Emulator(scenario=file, clock="fast") as other, other.agi() as client:
        with client.sessions.create() as session:
            assert played(session, TASK) == [tuple(event) for event in scrubbed(first)]
            assert seconds(session) == times
        other.scenario(scenario)
        with client.sessions.create() as session:
            assert played(session, TASK) == [tuple(event) for event in scrubbed(first)]
    [task] = scenario["tasks"]
    question = next(step for step in task["steps"] if "question" in step)
    assert question["answers"] == [{"match": "blue", "steps": []}]
    assert task["verbatim"] is True


def test_the_built_in_agent_and_several_tasks(tmp_path: Path) -> None:
    tasks = ["Compare: blue mug 12.50 EUR", "Ask me for a colour", "Compare: blue mug 12.50 EUR"]
    with (
        Emulator(step_delay=0) as emulator,
        emulator.agi() as client,
        client.sessions.create() as session,
    ):
        first = [played(session, task) for task in tasks]
        session.record(tmp_path / "all.yaml")
    with (
        Emulator(scenario=tmp_path / "all.yaml") as other,
        other.agi() as client,
        client.sessions.create() as session,
    ):
        assert [played(session, task) for task in tasks] == first


def test_it_follows_a_task_that_runs() -> None:
    scenario: list[dict[str, Any]] = []
    with (
        Emulator(scenario=script({"thought": "a"}, {"question": "?"}, {"done": "b"})) as emulator,
        emulator.agi() as client,
        client.sessions.create() as session,
    ):
        session.send_message("Go")
        thread = threading.Thread(target=lambda: scenario.append(session.record()))
        thread.start()
        eventually(lambda: emulator.open_streams == 1, "it follows")
        eventually(lambda: session.execution_status() == "waiting_for_input", "it asks")
        session.send_message("yes")
        thread.join(10)
    [recorded] = scenario
    steps = [next(iter(step)) for step in recorded["tasks"][0]["steps"]]
    assert steps == ["thought", "question", "done"]


def test_a_task_that_was_cancelled_ends_with_an_error() -> None:
    with (
        Emulator(scenario=script({"thought": "a"}, {"delay": 3600})) as emulator,
        emulator.agi() as client,
        client.sessions.create() as session,
    ):
        session.send_message("Go")
        eventually(lambda: len(session.messages().messages) == 2, "it thinks")
        session.cancel()
        scenario = session.record()
    with (
        Emulator(scenario=scenario) as other,
        other.agi() as client,
        pytest.raises(TaskError, match="The recording ends here"),
    ):
        client.run_task("Go")


def test_async(tmp_path: Path) -> None:
    async def main() -> None:
        file = tmp_path / "it.json"
        async with (
            Emulator(scenario=script({"done": 42})) as emulator,
            emulator.async_agi() as client,
            await client.sessions.create() as session,
        ):
            await session.run_task("Go")
            scenario = await session.record(file)
        assert scenario == json.loads(file.read_text())
        [task] = scenario["tasks"]
        assert (task["match"], task["steps"][-1]["done"]) == ("Go", 42)

    asyncio.run(main())


def test_what_cannot_be_recorded(client: Agi, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        client.sessions.attach("missing").record()
    with client.sessions.create() as session:
        session.run_task("Go")
        with pytest.raises(OSError, match="No such file"):
            session.record(tmp_path / "missing" / "it.yaml")

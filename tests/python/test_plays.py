"""The scenarios of `examples/scenarios/`, played: the same cases as in Node."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sessionwire import Emulator, TaskError
from test_contract import cases

if TYPE_CHECKING:
    from sessionwire import Agi, Raccoon, RaccoonSession, Session

SCENARIOS = Path(__file__).parents[2] / "examples" / "scenarios"


def run_task(session: Session, run: dict[str, Any]) -> Any:
    """Plays one run; gives the data of its result, and fails where something else came."""
    options = {"start_url": run["start_url"]} if "start_url" in run else {}
    task = session.start_task(run["task"], **options)
    events = []
    for event in task:
        events.append(event)
        if event.type == "question":
            task.answer(run["answers"][event.text])
        elif event.type == "paused" and run.get("resumes"):
            session.resume()
        elif event.text in run.get("says", {}):
            session.send_message(run["says"][event.text])
    seen = [event for event in events if event.type not in ("paused", "resumed")]
    if "events" in run:
        assert [[event.type, event.text] for event in seen] == run["events"]
    if "types" in run:
        assert [event.type for event in seen] == run["types"]
        for event, fields in zip(seen, run["fields"], strict=True):
            data = event.data if isinstance(event.data, dict) else {}
            assert {name: data.get(name) for name in fields} == fields
    told = [message for message in session.messages().messages if message.type != "USER"]
    if "metadata" in run:
        assert [message.metadata for message in told] == run["metadata"]
    if "seconds" in run:
        times = [message.timestamp for message in told if message.timestamp is not None]
        assert (times[-1] - times[0]).total_seconds() == run["seconds"]
    if "error" in run:
        with pytest.raises(TaskError) as failed:
            task.result()
        assert run["error"] in str(failed.value)
        assert events[-1].data["status_code"] == run["status_code"]
        return None
    result = task.result()
    if "text" in run:
        assert result.text == run["text"]
    if "data" in run:
        assert result.data == run["data"]
    return result.data


def run_turn(session: RaccoonSession, run: dict[str, Any]) -> None:
    files = [
        {"name": name, "content": content.encode()}
        for name, content in run.get("files", {}).items()
    ]
    turn = session.start_turn(run["prompt"], files=files)
    for event in turn:
        said = run.get("says", {}).get(event.text)
        if said is not None:
            turn.send_message(said)
    if "error" in run:
        with pytest.raises(TaskError, match=run["error"]):
            turn.result()
    else:
        assert turn.result().text == run["text"]


class Clients:
    """The clients of a case, and the sessions that have a name in it."""

    def __init__(self, agi: Agi, raccoon: Raccoon) -> None:
        self.agi, self.raccoon = agi, raccoon
        self.tasks: dict[str, Session] = {}
        self.turns: dict[str, RaccoonSession] = {}

    def run(self, run: dict[str, Any]) -> Any:
        name = run.get("session")
        if "prompt" in run:
            turns = self.turns.get(name or "") or self.raccoon.session()
            self.turns.update({name: turns} if name else {})
            return run_turn(turns, run)
        session = self.tasks.get(name or "") or self.agi.sessions.create(run.get("agent", "agi-0"))
        self.tasks.update({name: session} if name else {})
        return run_task(session, run)


def played(case: dict[str, Any], runs: list[dict[str, Any]]) -> list[Any]:
    file = SCENARIOS / f"{case['id'].rsplit('/', 1)[-1]}.yaml"
    with (
        Emulator(scenario=file, clock="fast") as emulator,
        emulator.agi() as agi,
        emulator.raccoon() as raccoon,
    ):
        clients = Clients(agi, raccoon)
        if case.get("parallel"):
            with ThreadPoolExecutor(len(runs)) as pool:
                return list(pool.map(clients.run, runs))
        return [clients.run(run) for run in runs]


@pytest.mark.parametrize("case", cases("plays.json"))
def test_a_scenario_of_the_examples_plays_as_it_says(case: dict[str, Any]) -> None:
    results = played(case, case["runs"])
    if case.get("parallel"):
        # The same whatever the order, and not the same for all.
        again = played({**case, "parallel": False}, case["runs"][::-1])[::-1]
        assert results == again
        assert len({result["summary"].split(": ")[1] for result in results}) > 1
        assert [result["summary"] for result in results] == case["results"]


def test_each_file_has_a_case_and_at_most_30_lines() -> None:
    files = {path.stem: path for path in SCENARIOS.glob("*.yaml")}
    named = [case.values[0]["id"].rsplit("/", 1)[-1] for case in cases("plays.json")]
    assert sorted(named) == sorted(files)
    assert len(files) >= 12
    for path in files.values():
        assert len(path.read_text().splitlines()) <= 30, path.name

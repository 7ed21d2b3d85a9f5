"""A chat of ten turns: it branches, three readers follow one turn, and a killed process goes on.

It runs on the emulator, without a key; its agent is the function `till` below. For the real
service set RACCOON_API_KEY, and open `Raccoon()` instead of the emulator and its client.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

from sessionwire import (
    AgentTurn,
    Emulator,
    Raccoon,
    RaccoonSession,
    ResumePoint,
    Turn,
    TurnAgent,
)


def main() -> None:
    with Emulator(turn_agent=till) as emulator, emulator.raccoon() as client:
        session = client.session()
        # The session remembers: a turn needs its prompt alone.
        for prompt in ("blue mug 12.50", "green mug 9.90", "teapot 31.00"):
            say("main", prompt, session.run_turn(prompt).text)

        branch_off(client, session)
        say("main", "The sum?", session.run_turn("The sum?").text)

        # Files: paths, bytes, open files, or dicts, in any mixture.
        more = {"name": "more.txt", "content": b"plate 7.00\nspoon 2.60\n"}
        say("main", "Add it", session.run_turn("Add it", files=[more]).text)

        three_readers(client, session)
        killed_and_resumed(session, emulator)
        say("main", "The sum?", session.run_turn("The sum?").text)


def say(who: str, prompt: str, answer: str) -> None:
    print(f"{who:<6} > {prompt}\n{'':<6} < {answer}")


def branch_off(client: Raccoon, session: RaccoonSession) -> None:
    """Goes on from the second turn in another way: a session of its own, with that history."""
    messages = session.history().messages[:4]
    history = [{"role": message.role, "content": message.content} for message in messages]
    branch = client.session()
    say("branch", "cup 4.20", branch.run_turn("cup 4.20", history=history).text)
    say("branch", "The sum?", branch.run_turn("The sum?").text)


def three_readers(client: Raccoon, session: RaccoonSession) -> None:
    """A handle has one loop at a time: each further reader attaches to the turn."""

    def read(turn: Turn) -> tuple[list[int | None], str]:
        with turn:
            return [event.id for event in turn], turn.result().text

    first = session.start_turn("Read the list")
    others = [client.attach(first.session_id, first.message_id) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        one, *more = pool.map(read, [first, *others])
    assert more == [one, one]
    say("main", "Read the list", f"{one[1]} (read three times)")


def killed_and_resumed(session: RaccoonSession, emulator: Emulator) -> None:
    """A process is killed in the middle of a turn; a new one goes on after the last event."""
    address = {"RACCOON_BASE_URL": emulator.raccoon_url, "RACCOON_API_KEY": emulator.api_key}
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.jsonl"
        for who in ("first", "second"):
            with subprocess.Popen(
                [sys.executable, __file__, session.session_id, journal],
                env={**os.environ, **address},
                stdout=subprocess.PIPE,
                text=True,
            ) as process:
                assert process.stdout is not None
                for count, line in enumerate(process.stdout, start=1):
                    print(f"{who:<6} | {line}", end="")
                    if who == "first" and count == 3:
                        process.kill()
        entries = [json.loads(line) for line in journal.read_text().splitlines()]
    read = [entry["event"] for entry in entries if entry["event"] is not None]
    there = [event["event_id"] for event in session.history().messages[-1].events]
    print(f"events {'read once each' if read == there else f'differ: {read} {there}'}")


def follow(session_id: str, journal: Path) -> None:
    """What the processes do: starts a turn, or goes on where the journal ends."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    with Raccoon() as client, journal.open("a") as file:  # RACCOON_API_KEY, RACCOON_BASE_URL
        if lines:
            turn = client.attach(ResumePoint(**json.loads(lines[-1])["point"]))
            turn.send_message("go on")
        else:
            turn = client.session(session_id).start_turn("Read the list, and wait")
            note(file, turn, None)
        with turn:
            for event in turn:
                note(file, turn, event.id)
                print(event.kind, event.text, flush=True)
            print(turn.result().text)


def note(file: TextIO, turn: Turn, event: int | None) -> None:
    """Writes the event and the place after it at once: neither is there without the other."""
    print(json.dumps({"event": event, "point": turn.resume_point.to_dict()}), file=file, flush=True)


told: dict[str, list[str]] = {}  # by session, such as "teapot 31.00"


def till(turn: AgentTurn, agent: TurnAgent) -> None:
    """The emulator's agent: adds up the prices that a conversation named."""
    said = [entry["content"] for entry in turn.history if entry["role"] == "user"]
    # A session that begins with the history of another one knows what was said there.
    items = told.setdefault(turn.session_id, said)
    if turn.prompt[-1].isdigit():
        items.append(turn.prompt)
    for reference in turn.files:
        file = agent.read_file(reference["key"])
        items += file.content.decode().splitlines() if file else []
    agent.think(f"{len(items)} items")
    if "list" in turn.prompt:
        for item in items:
            agent.say(f"{item}, ")
    if "wait" in turn.prompt:
        agent.say(f"{agent.wait_for_message()}: ")
    agent.say(f"{sum(float(item.split()[-1]) for item in items):.2f} EUR")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        follow(sys.argv[1], Path(sys.argv[2]))
    else:
        main()

"""A process of `make kills`: buys by a task or a turn, or goes on with what another one began.

    python worker.py task|turn URL KEY LEDGER FOLDER

All that it needs to go on is in FOLDER: the session, the handle, what was read. It says `ready`,
waits for a line, and works.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from sessionwire import Agi, Raccoon


class State:
    """What a process leaves to the one that takes its place: small files, each written whole."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def read(self, name: str) -> str | None:
        try:
            return (self.folder / name).read_text()
        except FileNotFoundError:
            return None

    def write(self, name: str, text: str) -> None:
        # In one piece: whoever reads it finds the old text or the new one.
        unfinished = self.folder / f"{name}.{os.getpid()}"
        unfinished.write_text(text)
        unfinished.rename(self.folder / name)

    def note(self, name: str, text: str) -> None:
        with (self.folder / name).open("a") as file:
            file.write(f"{text}\n")

    def phase(self, name: str) -> None:
        self.note("phases", f"{os.getpid()} {name} {time.time()}")


def begin_task(client: Agi, state: State) -> str:
    session_id = state.read("session")
    if session_id is None:
        session_id = client.sessions.create().session_id
        state.write("session", session_id)
    state.phase("created")
    return client.sessions.attach(session_id).prepare_task(f"Buy {state.folder.name}")


def begin_turn(client: Raccoon, state: State) -> str:
    session_id = state.read("session")
    session = client.session(session_id)
    state.write("session", session.session_id)
    state.phase("created")
    return session.prepare_turn(f"Buy {state.folder.name}")


def buy(client: Any, state: State, begin: Any) -> None:
    handle = state.read("handle")
    if handle is None:
        handle = begin(client, state)
        state.write("handle", handle)
        state.phase("prepared")
    with client.resume(handle) as work:
        state.phase("sent")
        for event in work:
            state.note("events", f"{os.getpid()} {event.id} {event.type}")
            state.phase("reading")
            if event.type == "question" and work.question is not None:
                state.phase("asked")
                work.answer("blue")
                state.phase("answered")
            state.write("handle", work.handle())
        state.phase("read")
        state.write("result", work.result().text)
    state.phase("done")


def main() -> None:
    kind, url, key, ledger, folder = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    state = State(folder)
    state.phase("begun")
    if kind == "task":
        with Agi(base_url=url, api_key=key, ledger=ledger) as client:
            buy(client, state, begin_task)
    else:
        with Raccoon(base_url=url, api_key=key) as client:
            buy(client, state, begin_turn)


if __name__ == "__main__":
    main()

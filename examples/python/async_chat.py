"""The chat of chat.py with asyncio: ten turns, a branch, three readers of one turn, and a killed
process that goes on.

It runs on the emulator, without a key; its agent is the function `till` below. For the real
service set RACCOON_API_KEY, and open `AsyncRaccoon()` instead of the emulator and its client.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from sessionwire import (
    AgentTurn,
    AsyncRaccoon,
    AsyncRaccoonSession,
    AsyncTurn,
    AsyncTurnAgent,
    Emulator,
    ResumePoint,
)


async def main() -> None:
    async with Emulator(turn_agent=till) as emulator, emulator.async_raccoon() as client:
        session = client.session()
        # The session remembers: a turn needs its prompt alone.
        for prompt in ("blue mug 12.50", "green mug 9.90", "teapot 31.00"):
            say("main", prompt, (await session.run_turn(prompt)).text)

        await branch_off(client, session)
        say("main", "The sum?", (await session.run_turn("The sum?")).text)

        # Files: paths, bytes, open files, or dicts, in any mixture.
        more = {"name": "more.txt", "content": b"plate 7.00\nspoon 2.60\n"}
        say("main", "Add it", (await session.run_turn("Add it", files=[more])).text)

        await three_readers(client, session)
        await killed_and_resumed(session, emulator)
        say("main", "The sum?", (await session.run_turn("The sum?")).text)


def say(who: str, prompt: str, answer: str) -> None:
    print(f"{who:<6} > {prompt}\n{'':<6} < {answer}")


async def branch_off(client: AsyncRaccoon, session: AsyncRaccoonSession) -> None:
    """Goes on from the second turn in another way: a session of its own, with that history."""
    messages = (await session.history()).messages[:4]
    history = [{"role": message.role, "content": message.content} for message in messages]
    branch = client.session()
    say("branch", "cup 4.20", (await branch.run_turn("cup 4.20", history=history)).text)
    say("branch", "The sum?", (await branch.run_turn("The sum?")).text)


async def three_readers(client: AsyncRaccoon, session: AsyncRaccoonSession) -> None:
    """A handle has one loop at a time: each further reader attaches to the turn."""

    async def read(turn: AsyncTurn) -> tuple[list[int | None], str]:
        async with turn:
            return [event.id async for event in turn], (await turn.result()).text

    first = await session.start_turn("Read the list")
    others = [await client.attach(first.session_id, first.message_id) for _ in range(2)]
    one, *more = await asyncio.gather(*(read(turn) for turn in [first, *others]))
    assert more == [one, one]
    say("main", "Read the list", f"{one[1]} (read three times)")


async def killed_and_resumed(session: AsyncRaccoonSession, emulator: Emulator) -> None:
    """A process is killed in the middle of a turn; a new one goes on after the last event."""
    address = {"RACCOON_BASE_URL": emulator.raccoon_url, "RACCOON_API_KEY": emulator.api_key}
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.jsonl"
        for who in ("first", "second"):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, __file__, session.session_id, journal),
                env={**os.environ, **address},
                stdout=asyncio.subprocess.PIPE,
            )
            assert process.stdout is not None
            lines = 0
            async for line in process.stdout:
                print(f"{who:<6} | {line.decode()}", end="")
                lines += 1
                if who == "first" and lines == 3:
                    process.kill()
            await process.wait()
        entries = [json.loads(line) for line in journal.read_text().splitlines()]
    read = [entry["event"] for entry in entries if entry["event"] is not None]
    there = [event["event_id"] for event in (await session.history()).messages[-1].events]
    print(f"events {'read once each' if read == there else f'differ: {read} {there}'}")


async def follow(session_id: str, journal: Path) -> None:
    """What the processes do: starts a turn, or goes on where the journal ends."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    with journal.open("a") as file:
        async with AsyncRaccoon() as client:  # RACCOON_API_KEY, RACCOON_BASE_URL
            if lines:
                turn = await client.attach(ResumePoint(**json.loads(lines[-1])["point"]))
                await turn.send_message("go on")
            else:
                turn = await client.session(session_id).start_turn("Read the list, and wait")
                note(file, turn, None)
            async with turn:
                async for event in turn:
                    note(file, turn, event.id)
                    print(event.kind, event.text, flush=True)
                print((await turn.result()).text)


def note(file: TextIO, turn: AsyncTurn, event: int | None) -> None:
    """Writes the event and the place after it at once: neither is there without the other."""
    print(json.dumps({"event": event, "point": turn.resume_point.to_dict()}), file=file, flush=True)


told: dict[str, list[str]] = {}  # by session, such as "teapot 31.00"


async def till(turn: AgentTurn, agent: AsyncTurnAgent) -> None:
    """The emulator's agent: adds up the prices that a conversation named."""
    said = [entry["content"] for entry in turn.history if entry["role"] == "user"]
    # A session that begins with the history of another one knows what was said there.
    items = told.setdefault(turn.session_id, said)
    if turn.prompt[-1].isdigit():
        items.append(turn.prompt)
    for reference in turn.files:
        file = await agent.read_file(reference["key"])
        items += file.content.decode().splitlines() if file else []
    await agent.think(f"{len(items)} items")
    if "list" in turn.prompt:
        for item in items:
            await agent.say(f"{item}, ")
    if "wait" in turn.prompt:
        await agent.say(f"{await agent.wait_for_message()}: ")
    await agent.say(f"{sum(float(item.split()[-1]) for item in items):.2f} EUR")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(follow(sys.argv[1], Path(sys.argv[2])))
    else:
        asyncio.run(main())

"""What an installed Python package must do on every system: a task, a question, a cut stream, in a
blocking client and under asyncio with the system's own event loop; and the command line.

Usage: smoke.py. It uses the package that is installed, and nothing else.
"""

from __future__ import annotations

import asyncio
import platform
import subprocess
import sys

from sessionwire import Agi, AsyncAgi, Emulator

TASK = "Ask me for a colour"


def green(_: object) -> str:
    return "green"


def blocking(client: Agi) -> None:
    with client.sessions.create("agi-0") as session:
        result = session.run_task(TASK, on_question=green, timeout=60)
        assert "green" in result.text, result
        with session.start_task("Compare: blue mug 12.50 EUR, green mug 9.90 EUR") as task:
            ids = [event.id for event in task if event.id is not None]
            assert ids == sorted(set(ids)), ids
            assert task.result(timeout=60).data["prices"]
    assert client.sessions.list() == []


async def asynchronous(client: AsyncAgi) -> str:
    async with client, await client.sessions.create("agi-0") as session:
        result = await session.run_task(TASK, on_question=green, timeout=60)
        assert "green" in result.text, result
        async with session.start_task("Compare: blue mug 12.50 EUR") as task:
            seen = [event.type async for event in task]
            assert seen[-1] == "done", seen
        # Many at once, and one that is given up.
        tasks = [asyncio.ensure_future(client.sessions.list()) for _ in range(50)]
        tasks[0].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(value, list) for value in done[1:]), done
    return type(asyncio.get_running_loop()).__name__


def main() -> None:
    with Emulator() as emulator:
        with emulator.agi() as client:
            blocking(client)
        # The next stream is cut in the middle of an event.
        emulator.fail("events cut_after=7")
        loop = asyncio.run(asynchronous(emulator.async_agi()))
    program = [sys.executable, "-m", "sessionwire"]
    shown = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    run = subprocess.run([*program, "emulator", "--help"], capture_output=True, text=True)
    assert run.returncode == 0, run
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{shown.stdout.strip()} on {python}, {platform.system()} {platform.machine()}, {loop}")
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()

"""A turn with a file and live events, in asyncio. Usage: turn_async.py FILE PROMPT"""

import asyncio
import json
import sys

from sessionwire import Emulator


async def main(file: str, prompt: str) -> None:
    async with (
        Emulator() as emulator,
        emulator.async_raccoon() as client,
        client.session().start_turn(prompt, mode="deepsearch", files=[file]) as turn,
    ):
        async for event in turn:
            print(f"  {event.kind:<16} {event.text}", flush=True)
        result = await turn.result()
    print(json.dumps({"text": result.text, "plan": result.plan, "files": result.files}))


asyncio.run(main(*sys.argv[1:]))

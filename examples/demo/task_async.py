"""A task with live events and a question, in asyncio. Usage: task_async.py URL"""

import asyncio
import json
import sys

from sessionwire import AsyncAgi, Emulator


async def main(url: str) -> None:
    with Emulator() as emulator:
        async with (
            AsyncAgi(base_url=emulator.url, api_key=emulator.api_key) as client,
            await client.sessions.create("agi-0") as session,
            session.start_task("Ask me what I like, then list the prices", start_url=url) as task,
        ):
            async for event in task:
                print(f"  {event.type:<8} {event.text}", flush=True)
                if event.type == "question":
                    print("  answer   mugs", flush=True)
                    await task.answer("mugs")
            result = await task.result()
        print(json.dumps(result.data))


asyncio.run(main(sys.argv[1]))

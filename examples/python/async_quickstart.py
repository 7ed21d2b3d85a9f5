"""Two tasks at once, with asyncio.

It runs on the emulator, without a key. For the real service set AGI_API_KEY and
write `async with AsyncAgi() as client:` instead of the first `async with`.
"""

import asyncio

from sessionwire import AsyncAgi, Emulator


async def research(client: AsyncAgi, task: str) -> str:
    async with await client.sessions.create("agi-0-fast") as session:
        async with session.start_task(task) as handle:
            async for event in handle:
                print(f"{task}: {event.type}")
            result = await handle.result(timeout=600)
    return result.text


async def main() -> None:
    async with Emulator() as emulator, emulator.async_agi() as client:
        tasks = ["Count the words of this text", "Add 2 and 3"]
        for text in await asyncio.gather(*(research(client, task) for task in tasks)):
            print(text)


if __name__ == "__main__":
    asyncio.run(main())

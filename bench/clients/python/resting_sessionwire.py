"""sessionwire, asyncio."""

import asyncio

from measure import API_KEY
from resting import Seen, resting

from sessionwire import AsyncAgi


async def listen(base_url: str, session_id: str, streams: int, seen: Seen) -> None:
    async with AsyncAgi(base_url=base_url, api_key=API_KEY) as client:

        async def one() -> None:
            async with client.sessions.attach(session_id).events() as stream:
                async for event in stream:
                    assert event.data["message_id"]
                    seen(event.data.get("sent", 0))

        await asyncio.gather(*(one() for _ in range(streams)))


resting(listen)

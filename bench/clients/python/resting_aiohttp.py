"""aiohttp, read line by line."""

import asyncio
import json

import aiohttp
from measure import API_KEY
from resting import Seen, resting


async def listen(base_url: str, session_id: str, streams: int, seen: Seen) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}", "Accept": "text/event-stream"}
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        base_url, headers=headers, timeout=timeout, connector=connector
    ) as session:

        async def one() -> None:
            async with session.get(f"/v1/sessions/{session_id}/events") as response:
                response.raise_for_status()
                async for line in response.content:
                    if line.startswith(b"data:"):
                        data = json.loads(line[5:])
                        assert data["message_id"]
                        seen(data.get("sent", 0))

        await asyncio.gather(*(one() for _ in range(streams)))


resting(listen)

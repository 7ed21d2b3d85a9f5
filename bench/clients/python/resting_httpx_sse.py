"""httpx-sse, asyncio."""

import asyncio

import httpx
from httpx_sse import aconnect_sse
from measure import API_KEY
from resting import Seen, resting


async def listen(base_url: str, session_id: str, streams: int, seen: Seen) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    limits = httpx.Limits(max_connections=None)
    timeout = httpx.Timeout(60)
    async with httpx.AsyncClient(
        base_url=base_url, headers=headers, limits=limits, timeout=timeout
    ) as client:

        async def one() -> None:
            path = f"/v1/sessions/{session_id}/events"
            async with aconnect_sse(client, "GET", path) as source:
                async for event in source.aiter_sse():
                    data = event.json()
                    assert data["message_id"]
                    seen(data.get("sent", 0))

        await asyncio.gather(*(one() for _ in range(streams)))


resting(listen)

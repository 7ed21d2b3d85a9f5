"""httpx with httpx-sse, asyncio."""

import json

import httpx
from httpx_sse import aconnect_sse
from measure import API_KEY, Seen, asynchronous


async def consume(base_url: str, session_id: str) -> Seen:
    events = total = 0
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with (
        httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60) as client,
        aconnect_sse(client, "GET", f"/v1/sessions/{session_id}/events") as source,
    ):
        async for event in source.aiter_sse():
            events += 1
            total += json.loads(event.data)["message_id"]
    return Seen(events, total)


asynchronous(consume)

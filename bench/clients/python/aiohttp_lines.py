"""aiohttp, the event stream read line by line: no event type, no id, only what the sum needs."""

import json

import aiohttp
from measure import API_KEY, Seen, asynchronous


async def consume(base_url: str, session_id: str) -> Seen:
    events = total = 0
    headers = {"Authorization": f"Bearer {API_KEY}", "Accept": "text/event-stream"}
    timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
    async with (
        aiohttp.ClientSession(base_url, headers=headers, timeout=timeout) as session,
        session.get(f"/v1/sessions/{session_id}/events") as response,
    ):
        response.raise_for_status()
        async for line in response.content:
            if line.startswith(b"data:"):
                events += 1
                total += json.loads(line[5:])["message_id"]
    return Seen(events, total)


asynchronous(consume)

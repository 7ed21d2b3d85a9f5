"""aiohttp, its own WebSocket."""

import json

import aiohttp
from measure import Seen, asynchronous
from turn_by_hand import HEADERS, socket_url, start


async def consume(base_url: str, prompt: str) -> Seen:
    events = total = 0
    async with aiohttp.ClientSession(base_url, headers=HEADERS) as session:
        async with session.post("/sessions/new", json=start(prompt)) as response:
            response.raise_for_status()
            started = await response.json()
        async with session.ws_connect(socket_url(base_url, started)) as socket:
            async for message in socket:
                event = json.loads(message.data)
                if "kind" not in event:
                    continue
                events += 1
                total += event["payload"]["number"]
                if event["kind"] == "task.completed":
                    break
    return Seen(events, total)


asynchronous(consume)

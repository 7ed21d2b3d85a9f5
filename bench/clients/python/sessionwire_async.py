"""sessionwire, asyncio."""

from measure import API_KEY, Seen, asynchronous

from sessionwire import AsyncAgi


async def consume(base_url: str, session_id: str) -> Seen:
    events = total = 0
    async with (
        AsyncAgi(base_url=base_url, api_key=API_KEY) as client,
        client.sessions.attach(session_id).events() as stream,
    ):
        async for event in stream:
            events += 1
            total += event.data["message_id"]
    return Seen(events, total)


asynchronous(consume)

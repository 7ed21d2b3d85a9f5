"""sessionwire, asyncio."""

from measure import API_KEY, Seen, asynchronous

from sessionwire import AsyncRaccoon


async def consume(base_url: str, prompt: str) -> Seen:
    events = total = 0
    async with (
        AsyncRaccoon(base_url=base_url, api_key=API_KEY) as client,
        client.session().start_turn(prompt) as turn,
    ):
        async for event in turn:
            events += 1
            total += event.data["number"]
    return Seen(events, total)


asynchronous(consume)

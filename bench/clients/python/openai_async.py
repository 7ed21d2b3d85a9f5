"""openai's asyncio event stream, pointed at this service."""

from measure import API_KEY, Seen, asynchronous
from openai import AsyncOpenAI, AsyncStream


async def consume(base_url: str, session_id: str) -> Seen:
    events = total = 0
    async with AsyncOpenAI(api_key=API_KEY, base_url=f"{base_url}/v1") as client:
        stream = await client.get(
            f"/sessions/{session_id}/events",
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        )
        async with stream:
            async for data in stream:
                events += 1
                total += data["message_id"]
    return Seen(events, total)


asynchronous(consume)

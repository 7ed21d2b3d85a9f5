"""sessionwire, asyncio."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from calls import SESSION, Calls, asynchronous
from measure import API_KEY

from sessionwire import AsyncAgi


@asynccontextmanager
async def connect(base_url: str) -> AsyncIterator[Calls[Awaitable[object]]]:
    async with AsyncAgi(base_url=base_url, api_key=API_KEY) as client:
        session = client.sessions.attach(SESSION)

        async def screenshot() -> bytes:
            return (await session.screenshot()).image

        yield Calls(session.execution_status, screenshot)


asynchronous(connect)

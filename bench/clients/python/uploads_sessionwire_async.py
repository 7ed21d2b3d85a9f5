"""sessionwire, asyncio."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from calls import FILE, Uploads, asynchronous
from measure import API_KEY

from sessionwire import AsyncRaccoon


@asynccontextmanager
async def connect(base_url: str) -> AsyncIterator[Uploads[Awaitable[object]]]:
    async with AsyncRaccoon(base_url=base_url, api_key=API_KEY) as client:
        session = client.session()

        async def upload() -> int:
            return (await session.upload(FILE)).size

        yield Uploads(upload)


asynchronous(connect)

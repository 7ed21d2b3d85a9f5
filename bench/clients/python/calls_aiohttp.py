"""aiohttp."""

import base64
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import aiohttp
from calls import SESSION, Calls, asynchronous
from measure import API_KEY


@asynccontextmanager
async def connect(base_url: str) -> AsyncIterator[Calls[Awaitable[object]]]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with aiohttp.ClientSession(base_url, headers=headers) as session:

        async def status() -> object:
            async with session.get(f"/v1/sessions/{SESSION}/status") as response:
                response.raise_for_status()
                return (await response.json())["status"]

        async def screenshot() -> bytes:
            async with session.get(f"/v1/sessions/{SESSION}/screenshot") as response:
                response.raise_for_status()
                picture: str = (await response.json())["screenshot"]
                return base64.b64decode(picture.partition(",")[2])

        yield Calls(status, screenshot)


asynchronous(connect)

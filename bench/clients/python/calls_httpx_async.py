"""httpx, asyncio."""

import base64
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import httpx
from calls import AT_ONCE, SESSION, Calls, asynchronous
from measure import API_KEY


@asynccontextmanager
async def connect(base_url: str) -> AsyncIterator[Calls[Awaitable[object]]]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    # By default it keeps 20, and makes the others of 64 anew for each call.
    limits = httpx.Limits(max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=base_url, headers=headers, limits=limits) as client:

        async def status() -> object:
            response = await client.get(f"/v1/sessions/{SESSION}/status")
            return response.raise_for_status().json()["status"]

        async def screenshot() -> bytes:
            response = await client.get(f"/v1/sessions/{SESSION}/screenshot")
            picture: str = response.raise_for_status().json()["screenshot"]
            return base64.b64decode(picture.partition(",")[2])

        yield Calls(status, screenshot)


asynchronous(connect)

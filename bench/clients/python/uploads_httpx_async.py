"""httpx, asyncio."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import httpx
from calls import FILE, Uploads, asynchronous
from measure import API_KEY


@asynccontextmanager
async def connect(base_url: str) -> AsyncIterator[Uploads[Awaitable[object]]]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers) as client:

        async def upload() -> object:
            with FILE.open("rb") as file:
                form = {"key": f"session/{FILE.name}"}
                response = await client.put("/media/upload", data=form, files={"file": file})
            return response.raise_for_status().json()["size"]

        yield Uploads(upload)


asynchronous(connect)

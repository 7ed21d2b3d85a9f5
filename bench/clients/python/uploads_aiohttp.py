"""aiohttp."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import aiohttp
from calls import FILE, Uploads, asynchronous
from measure import API_KEY


@asynccontextmanager
async def connect(base_url: str) -> AsyncIterator[Uploads[Awaitable[object]]]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with aiohttp.ClientSession(base_url, headers=headers) as session:

        async def upload() -> object:
            with FILE.open("rb") as file:
                form = aiohttp.FormData({"key": f"session/{FILE.name}"})
                form.add_field("file", file, filename=FILE.name)
                async with session.put("/media/upload", data=form) as response:
                    response.raise_for_status()
                    return (await response.json())["size"]

        yield Uploads(upload)


asynchronous(connect)

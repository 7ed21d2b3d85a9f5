"""pyqwest (reqwest, in Rust), asyncio."""

import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from calls import SESSION, Calls, asynchronous
from measure import API_KEY
from pyqwest import Client


@asynccontextmanager
async def connect(base_url: str) -> AsyncIterator[Calls[Awaitable[object]]]:
    client = Client()
    headers = {"Authorization": f"Bearer {API_KEY}"}

    async def get(path: str) -> str:
        response = await client.get(f"{base_url}/v1/sessions/{SESSION}/{path}", headers)
        if response.status != 200:
            raise SystemExit(f"status {response.status}")
        answer: str = json.loads(response.content)[path]
        return answer

    async def screenshot() -> bytes:
        return base64.b64decode((await get("screenshot")).partition(",")[2])

    yield Calls(lambda: get("status"), screenshot)


asynchronous(connect)
# Its threads may crash the process while the interpreter ends.
sys.stdout.flush()
os._exit(0)

"""A client's begin: `start.py BASE_URL cold|create CLIENT COUNT`.

`cold` is all of a short program: it imports a client, makes one call, prints the answer. Whoever
started it measures. `create` makes COUNT clients and prints what each took.
"""

from __future__ import annotations

import sys

# A program that begins fast imports nothing for its types.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

BASE_URL, WORK, NAME = sys.argv[1:4]
KEY = "bench-key"
HEADERS = {"Authorization": f"Bearer {KEY}"}
STATUS = "/v1/sessions/n1-s120-each/status"


def cold() -> object:
    """Imports no more than this client needs."""
    if NAME == "sessionwire":
        from sessionwire import Agi

        with Agi(base_url=BASE_URL, api_key=KEY) as client:
            return client.sessions.attach("n1-s120-each").execution_status()
    if NAME == "httpx":
        import httpx

        with httpx.Client(base_url=BASE_URL, headers=HEADERS) as client:
            return client.get(STATUS).raise_for_status().json()["status"]
    if NAME == "requests":
        import requests

        with requests.Session() as session:
            return session.get(BASE_URL + STATUS, headers=HEADERS).json()["status"]
    if NAME == "agi-python":
        from agi import AGIClient

        with AGIClient(api_key=KEY, base_url=BASE_URL) as client:
            return client.sessions.get_status("n1-s120-each").status
    if NAME == "openai":
        from openai import OpenAI

        with OpenAI(api_key=KEY, base_url=BASE_URL + "/v1") as client:
            return client.get(STATUS.removeprefix("/v1"), cast_to=object)["status"]
    import asyncio

    return asyncio.run(cold_asyncio())


async def cold_asyncio() -> object:
    """The same with asyncio."""
    if NAME == "sessionwire-async":
        from sessionwire import AsyncAgi

        async with AsyncAgi(base_url=BASE_URL, api_key=KEY) as client:
            return await client.sessions.attach("n1-s120-each").execution_status()
    if NAME == "aiohttp":
        import aiohttp

        async with (
            aiohttp.ClientSession(BASE_URL, headers=HEADERS) as session,
            session.get(STATUS) as response,
        ):
            return (await response.json())["status"]
    if NAME == "httpx-async":
        import httpx

        async with httpx.AsyncClient(base_url=BASE_URL, headers=HEADERS) as client:
            return (await client.get(STATUS)).raise_for_status().json()["status"]
    raise SystemExit(f"no client is called {NAME}")


def create(count: int) -> None:
    """Makes clients; how each is closed is not measured."""
    import asyncio
    import json
    import statistics
    import time

    from measure import Clock

    connect, close = makers()

    async def run() -> list[float]:
        took = []
        for _ in range(count):
            start = time.perf_counter()
            client = connect()
            took.append(time.perf_counter() - start)
            closing = close(client)
            if closing is not None:
                await closing
        return took

    asyncio.run(run())
    clock = Clock()
    took = asyncio.run(run())
    seconds, cpu = clock.read()
    hundredths = statistics.quantiles(took, n=100)
    figures = {"calls": count, "seconds": seconds, "cpu": cpu}
    print(json.dumps(figures | {"p50": hundredths[49] * 1e6, "p99": hundredths[98] * 1e6}))


def makers() -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """How a client is made, and closed."""
    if NAME == "sessionwire":
        from sessionwire import Agi

        return lambda: Agi(base_url=BASE_URL, api_key=KEY), lambda client: client.close()
    if NAME == "sessionwire-async":
        from sessionwire import AsyncAgi

        return lambda: AsyncAgi(base_url=BASE_URL, api_key=KEY), lambda client: client.close()
    if NAME == "httpx":
        import httpx

        return lambda: httpx.Client(base_url=BASE_URL, headers=HEADERS), lambda c: c.close()
    if NAME == "httpx-async":
        import httpx

        return lambda: httpx.AsyncClient(base_url=BASE_URL, headers=HEADERS), lambda c: c.aclose()
    if NAME == "requests":
        import requests

        return requests.Session, lambda session: session.close()
    if NAME == "aiohttp":
        import aiohttp

        return lambda: aiohttp.ClientSession(BASE_URL, headers=HEADERS), lambda s: s.close()
    if NAME == "agi-python":
        from agi import AGIClient

        return lambda: AGIClient(api_key=KEY, base_url=BASE_URL), lambda client: client.close()
    if NAME == "openai":
        from openai import OpenAI

        return lambda: OpenAI(api_key=KEY, base_url=BASE_URL), lambda client: client.close()
    raise SystemExit(f"no client is called {NAME}")


if WORK == "cold":
    print(cold(), flush=True)
else:
    create(int(sys.argv[4]))

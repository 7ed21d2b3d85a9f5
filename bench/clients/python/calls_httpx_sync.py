"""httpx, blocking."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from calls import SESSION, Calls, sync
from measure import API_KEY


@contextmanager
def connect(base_url: str) -> Iterator[Calls[object]]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=base_url, headers=headers) as client:

        def status() -> object:
            response = client.get(f"/v1/sessions/{SESSION}/status")
            return response.raise_for_status().json()["status"]

        def screenshot() -> bytes:
            response = client.get(f"/v1/sessions/{SESSION}/screenshot")
            picture: str = response.raise_for_status().json()["screenshot"]
            return base64.b64decode(picture.partition(",")[2])

        yield Calls(status, screenshot)


sync(connect)

"""httpx, blocking."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from calls import SESSION, Calls, sync
from measure import API_KEY


@contextmanager
def connect(base_url: str) -> Iterator[Calls[object]]:
    # One for each thread: that of 64 threads closes now and then what another one reads.
    own = threading.local()

    def client() -> httpx.Client:
        if not hasattr(own, "client"):
            headers = {"Authorization": f"Bearer {API_KEY}"}
            own.client = httpx.Client(base_url=base_url, headers=headers)
        found: httpx.Client = own.client
        return found

    def status() -> object:
        response = client().get(f"/v1/sessions/{SESSION}/status")
        return response.raise_for_status().json()["status"]

    def screenshot() -> bytes:
        response = client().get(f"/v1/sessions/{SESSION}/screenshot")
        picture: str = response.raise_for_status().json()["screenshot"]
        return base64.b64decode(picture.partition(",")[2])

    yield Calls(status, screenshot)


sync(connect)

"""httpx, blocking."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from calls import FILE, Uploads, sync
from measure import API_KEY


@contextmanager
def connect(base_url: str) -> Iterator[Uploads[object]]:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=base_url, headers=headers) as client:

        def upload() -> object:
            with FILE.open("rb") as file:
                form = {"key": f"session/{FILE.name}"}
                response = client.put("/media/upload", data=form, files={"file": file})
            return response.raise_for_status().json()["size"]

        yield Uploads(upload)


sync(connect)

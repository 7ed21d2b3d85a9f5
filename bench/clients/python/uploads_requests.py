"""requests."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from calls import FILE, Uploads, sync
from measure import API_KEY


@contextmanager
def connect(base_url: str) -> Iterator[Uploads[object]]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {API_KEY}"

        def upload() -> object:
            with FILE.open("rb") as file:
                form = {"key": f"session/{FILE.name}"}
                url = f"{base_url}/media/upload"
                response = session.put(url, data=form, files={"file": file})
            response.raise_for_status()
            return response.json()["size"]

        yield Uploads(upload)


sync(connect)

"""sessionwire, blocking."""

from collections.abc import Iterator
from contextlib import contextmanager

from calls import FILE, Uploads, sync
from measure import API_KEY

from sessionwire import Raccoon


@contextmanager
def connect(base_url: str) -> Iterator[Uploads[object]]:
    with Raccoon(base_url=base_url, api_key=API_KEY) as client:
        session = client.session()
        yield Uploads(lambda: session.upload(FILE).size)


sync(connect)

"""The vendor's own client (blocking only)."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager

from agi import AGIClient
from calls import SESSION, Calls, sync
from measure import API_KEY


@contextmanager
def connect(base_url: str) -> Iterator[Calls[object]]:
    with AGIClient(api_key=API_KEY, base_url=base_url) as client:
        sessions = client.sessions

        def status() -> object:
            return sessions.get_status(SESSION).status

        def screenshot() -> bytes:
            picture: str = sessions.screenshot(SESSION).screenshot
            return base64.b64decode(picture.partition(",")[2])

        yield Calls(status, screenshot)


sync(connect)

"""sessionwire, blocking."""

from collections.abc import Iterator
from contextlib import contextmanager

from calls import SESSION, Calls, sync
from measure import API_KEY

from sessionwire import Agi


@contextmanager
def connect(base_url: str) -> Iterator[Calls[object]]:
    with Agi(base_url=base_url, api_key=API_KEY) as client:
        session = client.sessions.attach(SESSION)
        yield Calls(session.execution_status, lambda: session.screenshot().image)


sync(connect)

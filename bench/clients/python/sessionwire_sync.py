"""sessionwire, blocking."""

from measure import API_KEY, Seen, sync

from sessionwire import Agi


def consume(base_url: str, session_id: str) -> Seen:
    events = total = 0
    with (
        Agi(base_url=base_url, api_key=API_KEY) as client,
        client.sessions.attach(session_id).events() as stream,
    ):
        for event in stream:
            events += 1
            total += event.data["message_id"]
    return Seen(events, total)


sync(consume)

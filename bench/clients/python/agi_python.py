"""The vendor's own client (blocking only), by its own stream call."""

from agi import AGIClient
from measure import API_KEY, Seen, sync


def consume(base_url: str, session_id: str) -> Seen:
    events = total = 0
    with AGIClient(api_key=API_KEY, base_url=base_url) as client:
        for event in client.sessions.stream_events(session_id):
            events += 1
            total += event.data["message_id"]
    return Seen(events, total)


sync(consume)

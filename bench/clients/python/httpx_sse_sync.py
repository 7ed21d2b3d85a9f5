"""httpx with httpx-sse, blocking."""

import json

import httpx
from httpx_sse import connect_sse
from measure import API_KEY, Seen, sync


def consume(base_url: str, session_id: str) -> Seen:
    events = total = 0
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with (
        httpx.Client(base_url=base_url, headers=headers, timeout=60) as client,
        connect_sse(client, "GET", f"/v1/sessions/{session_id}/events") as source,
    ):
        for event in source.iter_sse():
            events += 1
            total += json.loads(event.data)["message_id"]
    return Seen(events, total)


sync(consume)

"""requests, the event stream read line by line: no event type, no id, only what the sum needs."""

import json

import requests
from measure import API_KEY, Seen, sync


def consume(base_url: str, session_id: str) -> Seen:
    events = total = 0
    headers = {"Authorization": f"Bearer {API_KEY}", "Accept": "text/event-stream"}
    url = f"{base_url}/v1/sessions/{session_id}/events"
    with requests.get(url, headers=headers, stream=True, timeout=60) as response:
        response.raise_for_status()
        for line in response.iter_lines(chunk_size=None):  # type: ignore[call-overload, unused-ignore]
            if line.startswith(b"data:"):
                events += 1
                total += json.loads(line[5:])["message_id"]
    return Seen(events, total)


sync(consume)

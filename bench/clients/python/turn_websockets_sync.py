"""websockets, blocking; requests starts the turn."""

import json

import requests
from measure import Seen, sync
from turn_by_hand import HEADERS, socket_url, start
from websockets.sync.client import connect


def consume(base_url: str, prompt: str) -> Seen:
    events = total = 0
    response = requests.post(f"{base_url}/sessions/new", json=start(prompt), headers=HEADERS)
    response.raise_for_status()
    with connect(socket_url(base_url, response.json()), compression=None) as socket:
        for message in socket:
            event = json.loads(message)
            if "kind" not in event:
                continue
            events += 1
            total += event["payload"]["number"]
            if event["kind"] == "task.completed":
                break
    return Seen(events, total)


sync(consume)

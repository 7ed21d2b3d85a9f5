"""sessionwire."""

from measure import API_KEY, Seen, sync

from sessionwire import Raccoon


def consume(base_url: str, prompt: str) -> Seen:
    events = total = 0
    with (
        Raccoon(base_url=base_url, api_key=API_KEY) as client,
        client.session().start_turn(prompt) as turn,
    ):
        for event in turn:
            events += 1
            total += event.data["number"]
    return Seen(events, total)


sync(consume)

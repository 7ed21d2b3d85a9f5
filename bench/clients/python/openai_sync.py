"""openai's event stream, pointed at this service."""

from measure import API_KEY, Seen, sync
from openai import OpenAI, Stream


def consume(base_url: str, session_id: str) -> Seen:
    events = total = 0
    with (
        OpenAI(api_key=API_KEY, base_url=f"{base_url}/v1") as client,
        client.get(
            f"/sessions/{session_id}/events",
            cast_to=object,
            stream=True,
            stream_cls=Stream[object],
        ) as stream,
    ):
        for data in stream:
            events += 1
            total += data["message_id"]
    return Seen(events, total)


sync(consume)

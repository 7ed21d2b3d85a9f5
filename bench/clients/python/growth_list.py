"""A list of many sessions: `growth_list.py CLIENT BASE_URL SESSIONS`; the key asks for so many.

The fastest of some rounds counts: what disturbs a long list more often does not bend the growth.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence

from measure import resident

ROUNDS = 7


def main() -> None:
    name, base_url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    one = lister(name, base_url, "list-1")
    listed = lister(name, base_url, f"list-{count}")
    for _ in range(ROUNDS):
        one()
    before = resident()
    took: list[float] = []
    ids: Sequence[str] = ()
    for _ in range(ROUNDS):
        start = time.perf_counter()
        ids = listed()
        took.append(time.perf_counter() - start)
    memory = resident() - before
    if len(ids) != count or ids[-1] != f"s{count:09}":
        raise SystemExit(f"{name} listed {len(ids)} sessions up to {ids[-1]}")
    print(json.dumps({"seconds": min(took), "kib": memory / 1024}))


def lister(name: str, base_url: str, key: str) -> Callable[[], Sequence[str]]:
    """What lists sessions, and gives the id of each."""
    if name == "sessionwire":
        from sessionwire import Agi

        client = Agi(base_url=base_url, api_key=key)
        return lambda: [session.session_id for session in client.sessions.list()]
    import httpx

    headers = {"Authorization": f"Bearer {key}"}
    peer = httpx.Client(base_url=base_url, headers=headers)
    return lambda: [
        session["session_id"] for session in peer.get("/v1/sessions").raise_for_status().json()
    ]


main()

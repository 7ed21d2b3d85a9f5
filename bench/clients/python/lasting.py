"""Memory over many streams or calls: `lasting.py streams|calls BASE_URL COUNT`.

Prints what the process holds after 10, 50 and 100 percent of them, and a tenth before to warm up.
"""

from __future__ import annotations

import json
import sys

from measure import API_KEY, resident

from sessionwire import Agi, Session


def main() -> None:
    work, base_url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    marks = {count // 10, count // 2, count}
    held, total = [], 0
    with Agi(base_url=base_url, api_key=API_KEY) as client:
        session = client.sessions.attach("n3-s120-each")
        one = stream if work == "streams" else call
        for _ in range(count // 10):
            one(session)
        for number in range(1, count + 1):
            total += one(session)
            if number in marks:
                held.append(resident() / 1024)
    if total != count * (10 if work == "streams" else 1):
        raise SystemExit(f"{total} after {count} {work}")
    print(json.dumps({"count": count, "kib": held}))


def stream(session: Session) -> int:
    """The sum of the ids of a stream: 1 + 2 + 3, and 4 of its done."""
    with session.events() as stream:
        return sum(event.data["message_id"] for event in stream)


def call(session: Session) -> int:
    """1 for a status that is right."""
    return int(session.execution_status() == "finished")


main()

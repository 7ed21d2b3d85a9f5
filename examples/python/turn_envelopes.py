"""A service that puts all it says into envelopes: two functions open them.

The emulator plays it: its frames and responses are `{"envelope": "{...}"}`.
"""

from __future__ import annotations

import json
from typing import Any

from sessionwire import Emulator, Raccoon


def opened(value: Any) -> Any:
    return json.loads(value["envelope"]) if "envelope" in value else value


def main() -> None:
    with (
        Emulator(dialect={"envelope": "all"}) as emulator,
        Raccoon(
            base_url=emulator.raccoon_url,
            api_key=emulator.api_key,
            decode_frame=opened,
            decode_answer=lambda operation, status, body: opened(body),
        ) as client,
        client.session().start_turn("Say hello") as turn,
    ):
        for event in turn:
            print(event.kind, event.text)
        print(turn.result().text)


if __name__ == "__main__":
    main()

"""A turn: a file goes up, the agent's work comes back live, and its answer at the end.

Without a key the emulator answers; with RACCOON_API_KEY set, the service does.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from sessionwire import Emulator, Raccoon


def main() -> None:
    with ExitStack() as stack:
        if "RACCOON_API_KEY" in os.environ:
            client = stack.enter_context(Raccoon())
        else:
            emulator = stack.enter_context(Emulator())
            client = stack.enter_context(emulator.raccoon())
        session = client.session()
        notes = session.upload(b"blue mug 12.50 EUR, green mug 9.90 EUR", name="notes.txt")
        prompt = "Compare: blue mug 12.50 EUR, green mug 9.90 EUR"
        with session.start_turn(prompt, mode="deepsearch", files=[notes]) as turn:
            for event in turn:
                print(event.kind, event.text)
            result = turn.result()
        print(result.text)
        session.rename("Mugs")


if __name__ == "__main__":
    main()

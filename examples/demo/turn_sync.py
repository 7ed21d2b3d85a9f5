"""A turn with a file and live events, in plain Python. Usage: turn_sync.py FILE PROMPT"""

import json
import sys

from sessionwire import Emulator

file, prompt = sys.argv[1:]
with Emulator() as emulator, emulator.raccoon() as client:
    with client.session().start_turn(prompt, mode="deepsearch", files=[file]) as turn:
        for event in turn:
            print(f"  {event.kind:<16} {event.text}", flush=True)
        result = turn.result()
    print(json.dumps({"text": result.text, "plan": result.plan, "files": result.files}))

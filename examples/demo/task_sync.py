"""A task with live events, in plain Python. Usage: task_sync.py URL"""

import json
import sys

from sessionwire import Emulator

with Emulator() as emulator, emulator.agi() as client, client.sessions.create("agi-0") as session:
    with session.start_task("List the prices on this page", start_url=sys.argv[1]) as task:
        for event in task:
            print(f"  {event.type:<8} {event.text}", flush=True)
        result = task.result()
    print(json.dumps(result.data))

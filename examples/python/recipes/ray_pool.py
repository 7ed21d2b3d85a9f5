# pyright: basic, reportMissingImports=false
"""Tasks in Ray's workers of which one is killed: each task is sent once, and finished.

A handle is made here, where nobody kills; a worker only goes on with it, and Ray gives what a dead
one had to the next. It runs on the emulator, without a key. For the real service set AGI_API_KEY
on the nodes, and leave the emulator out. Needs `pip install ray`.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import ray

from sessionwire import Agi, Emulator

ITEMS = ["mug", "cup", "bowl", "plate"]


@ray.remote(max_retries=10, num_cpus=1)
def finish(handle: str, folder: str) -> str:
    with Agi() as client, client.resume(handle) as task:
        (at_work := Path(folder) / f"{os.getpid()}.at-work").touch()
        text = task.result().text
        at_work.unlink()
        return text


def main() -> None:
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator())
        client = stack.enter_context(emulator.agi())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ |= {"AGI_BASE_URL": emulator.url, "AGI_API_KEY": emulator.api_key}
        ray.init(num_cpus=2, include_dashboard=False)
        stack.callback(ray.shutdown)
        results = []
        for item in ITEMS:
            session = stack.enter_context(client.sessions.create())
            handle = session.prepare_task(f"What does the {item} cost?")
            results.append(finish.remote(handle, folder))
        while not (at_work := [path.stem for path in Path(folder).glob("*.at-work")]):
            time.sleep(0.01)
        os.kill(int(at_work[0]), signal.SIGKILL)
        texts = ray.get(results)
        sent = len(emulator.requests("POST", "/v1/sessions/*/message"))
        print(f"{len(texts)} results, {sent} tasks sent")


if __name__ == "__main__":
    main()

# pyright: basic
"""Tasks on a Dask cluster of which a worker is killed: each task is sent once, and finished.

The handle of a task is made here, where nobody kills; a worker only goes on with it, and Dask gives
what a dead one had to the next. It runs on the emulator, without a key. For the real service set
AGI_API_KEY on the workers, and leave the emulator out. Needs `pip install distributed`.
"""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from typing import Any

from distributed import Client, LocalCluster, as_completed

from sessionwire import Agi, Emulator

ITEMS = ["mug", "cup", "bowl", "plate"]


def finish(handle: str) -> str:
    with Agi() as client, client.resume(handle) as task:
        return task.result().text


def main() -> None:
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator())
        client = stack.enter_context(emulator.agi())
        os.environ |= {"AGI_BASE_URL": emulator.url, "AGI_API_KEY": emulator.api_key}
        cluster = stack.enter_context(
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
        )
        dask: Any = stack.enter_context(Client(cluster))
        handles: list[str] = []
        for item in ITEMS:
            session = stack.enter_context(client.sessions.create())
            handles.append(session.prepare_task(f"What does the {item} cost?"))

        # Two calls with the same handle are not the same call: no result is taken from before.
        futures = dask.map(finish, handles, pure=False)
        next(iter(as_completed(futures)))
        workers = dask.run(os.getpid)
        os.kill(next(iter(workers.values())), signal.SIGKILL)
        print(f"Killed one of {len(workers)} workers")

        results = dask.gather(futures)
        sent = len(emulator.requests("POST", "/v1/sessions/*/message"))
        print(f"{len(results)} results, {sent} tasks sent")


if __name__ == "__main__":
    main()

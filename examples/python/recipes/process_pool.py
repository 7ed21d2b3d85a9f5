"""Tasks in a pool of processes of which one is killed: each task is sent once, and finished.

The handle of a task is made here, where nobody kills; a process only goes on with it. It runs on
the emulator, without a key. For the real service set AGI_API_KEY, and leave the emulator out.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import active_children, get_context

from sessionwire import Agi, Emulator

ITEMS = ["mug", "cup", "bowl", "plate"]


def finish(handle: str) -> str:
    with Agi() as client, client.resume(handle) as task:
        return task.result().text


def finish_all(handles: dict[str, str], kill_one: bool) -> dict[str, str]:
    """The results of those whose process lived, by item."""
    results: dict[str, str] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        at_work: dict[Future[str], str] = {
            pool.submit(finish, handle): item for item, handle in handles.items()
        }
        for future in as_completed(at_work):
            try:
                results[at_work[future]] = future.result()
            except BrokenProcessPool:
                continue  # whatever the pool did is lost, and its handle is not
            if kill_one:
                kill_one = False
                active_children()[0].kill()
    return results


def main() -> None:
    with Emulator() as emulator, emulator.agi() as client, ExitStack() as sessions:
        os.environ |= {"AGI_BASE_URL": emulator.url, "AGI_API_KEY": emulator.api_key}
        handles: dict[str, str] = {}
        for item in ITEMS:
            session = sessions.enter_context(client.sessions.create())
            handles[item] = session.prepare_task(f"What does the {item} cost?")
        results = finish_all(handles, kill_one=True)
        while left := {item: handle for item, handle in handles.items() if item not in results}:
            print(f"The pool broke with {len(left)} tasks left")
            results |= finish_all(left, kill_one=False)
        sent = len(emulator.requests("POST", "/v1/sessions/*/message"))
        print(f"{len(results)} results, {sent} tasks sent")


if __name__ == "__main__":
    main()

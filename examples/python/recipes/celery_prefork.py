# pyright: basic
"""Tasks in Celery's processes of which one is killed: each task is sent once, and finished.

A handle is made here, where nobody kills; a process only goes on with it. It runs on the emulator,
without a key, and with a folder for a broker: use yours. Needs `pip install celery`.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from celery import Celery

from sessionwire import Agi, Emulator

FOLDER = Path(os.environ.get("RECIPE_FOLDER") or tempfile.mkdtemp())
os.environ["RECIPE_FOLDER"] = str(FOLDER)
app = Celery("celery_prefork", broker="filesystem://", backend=f"file://{FOLDER}")
folders = dict.fromkeys(["data_folder_in", "data_folder_out"], str(FOLDER / "queue"))
app.conf.broker_transport_options = {**folders, "control_folder": str(FOLDER / "control")}
app.conf.worker_lost_wait = 1  # seconds until the next one gets it


@app.task(acks_late=True, reject_on_worker_lost=True)
def finish(handle: str) -> str:
    with Agi() as client, client.resume(handle) as task:
        (at_work := FOLDER / f"{os.getpid()}.at-work").touch()
        text = task.result().text
        at_work.unlink()
        return text


def main() -> None:
    with Emulator() as emulator, emulator.agi() as client, ExitStack() as sessions:
        (FOLDER / "queue").mkdir()
        os.environ |= {"AGI_BASE_URL": emulator.url, "AGI_API_KEY": emulator.api_key}
        command = ["celery", "-A", "celery_prefork", "worker", "-c", "2", "-l", "ERROR"]
        worker = subprocess.Popen([sys.executable, "-m", *command], cwd=Path(__file__).parent)
        calls = []
        for item in ("mug", "cup", "bowl", "plate"):
            session = sessions.enter_context(client.sessions.create())
            calls.append(finish.delay(session.prepare_task(f"What does the {item} cost?")))
        while not (at_work := [path.stem for path in FOLDER.glob("*.at-work")]):
            pass
        os.kill(int(at_work[0]), signal.SIGKILL)
        results = [call.get(timeout=60) for call in calls]
        sent = len(emulator.requests("POST", "/v1/sessions/*/message"))
        print(f"{len(results)} results, {sent} tasks sent")
        worker.kill()  # it has nothing left to do
        worker.wait()
    shutil.rmtree(FOLDER)


if __name__ == "__main__":
    main()

"""The command line of the Python package, where it could differ from that of cargo."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from test_process import environment

if TYPE_CHECKING:
    from sessionwire import Emulator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of a terminal")


@pytest.mark.skipif(sys.platform != "linux", reason="only there it shows what is ignored")
@pytest.mark.parametrize("nohup", [True, False])
def test_the_closing_of_the_terminal_ends_it_unless_nohup_started_it(
    emulator: Emulator, nohup: bool
) -> None:
    emulator.scenario({"tasks": [{"steps": [{"question": "Which?"}, {"done": "Got {answer}"}]}]})
    how = signal.SIG_IGN if nohup else signal.SIG_DFL
    command = [sys.executable, "-m", "sessionwire", "run", "Buy a shirt"]
    # A program of its own sets the signal, as `nohup` does: no code runs in a forked child here.
    setter = (
        "import os, signal, sys; "
        "signal.signal(signal.SIGHUP, signal.Handlers(int(sys.argv[1]))); "
        "os.execv(sys.argv[2], sys.argv[2:])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", setter, str(int(how)), *command],
        env=environment(emulator),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert "Which?" in running.stdout.readline()
        running.send_signal(signal.SIGHUP)
        if not nohup:
            # Before its standard input ends.
            running.wait(60)
        told, problems = running.communicate("blue\n" if nohup else None, timeout=60)
    if nohup:
        assert (running.returncode, told.splitlines()[-1]) == (0, "Got blue"), problems
    else:
        assert running.returncode == 130, problems
    assert emulator.session_count == 0

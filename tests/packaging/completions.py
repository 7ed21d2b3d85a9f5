"""Presses the tabulator in bash and zsh: the completions that the command line prints work there.

Usage: completions.py PROGRAM. `make test-shells` runs it, and installs zsh where it may.
"""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "source <(sessionwire completions bash)",
    ),
    # Without -u: the folders of another user, as in a container, are asked about else.
    "zsh": (
        ["zsh", "-f", "-i"],
        "autoload -Uz compinit && compinit -u -D && source <(sessionwire completions zsh)",
    ),
}
# What is typed, and what stands there once the tabulator was pressed.
TYPED = {
    "sessionwire compl": "sessionwire completions ",
    # zsh puts a = behind an option that takes a value, and takes it back for a space.
    "sessionwire run --scr": "sessionwire run --screenshot",
    "sessionwire sessions delete-": "sessionwire sessions delete-all ",
    "sessionwire raccoon sessions ren": "sessionwire raccoon sessions rename ",
    "sessionwire completions powe": "sessionwire completions powershell ",
}
LIMIT = 30.0
STYLE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A shell with a terminal."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.shown = ""
        ours, theirs = pty.openpty()
        self.ours = ours
        self.process = subprocess.Popen(
            command, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def wait_for(self, text: str) -> None:
        """Waits until the terminal shows it; then forgets what it has shown."""
        until = time.monotonic() + LIMIT
        while text not in self.shown:
            left = until - time.monotonic()
            ready, _, _ = select.select([self.ours], [], [], max(left, 0))
            if not ready:
                raise SystemExit(f"{text!r} never came; shown was {self.shown!r}")
            self.shown += os.read(self.ours, 4096).decode(errors="replace")
            self.shown = STYLE.sub("", self.shown)
        self.shown = ""

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


def try_out(name: str, program: Path) -> None:
    command, setup = SHELLS[name]
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PS1": "> ", "TERM": "xterm", "INPUTRC": os.devnull}
    env.pop("ZDOTDIR", None)
    terminal = Terminal(command, env)
    # Written in two parts, so that its echo is not taken for its output.
    terminal.press(f'{setup}; echo rea"dy"\n')
    terminal.wait_for("ready\r\n")
    for typed, expected in TYPED.items():
        terminal.press(typed)
        terminal.wait_for(typed)
        terminal.press("\t")
        # The shell may write the whole line anew, or what is added alone.
        terminal.wait_for(expected[len(typed) :])
        terminal.press("\x15")
    terminal.close()
    print(f"{name}: {len(TYPED)} completions")


def main() -> None:
    program = Path(sys.argv[1]).resolve()
    missing = [name for name in SHELLS if shutil.which(name) is None]
    for name in SHELLS:
        if name not in missing:
            try_out(name, program)
    if missing:
        names = " ".join(missing)
        raise SystemExit(f"NOT TESTED: {names} is missing (Debian: apt-get install {names}).")


main()

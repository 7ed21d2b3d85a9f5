"""The command `sessionwire`, and `python -m sessionwire`."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> int:
    """Runs the command line program; its exit status."""
    # The program handles Ctrl-C itself: it cancels and deletes what it started.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.cli_main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

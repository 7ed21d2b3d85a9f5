"""The command `sessionwire`, and `python -m sessionwire`."""

from __future__ import annotations

import os
import signal
import sys

from . import _native


def main() -> int:
    """Runs the command line program; its exit status."""
    args = sys.argv[1:]
    for arg in args:
        # A file name in another encoding, as a rule.
        if not _is_unicode(arg):
            text = f"error: The argument {os.fsencode(arg)!r} is not UTF-8 text. Write it in UTF-8."
            sys.stderr.write(f"{text}\n")
            return 2
    # The program handles Ctrl-C itself: it cancels and deletes what it started.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.cli_main(args)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())

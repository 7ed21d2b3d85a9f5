"""Writes the blocking client from the asynchronous one.

    python bindings-python/generate_sync.py           # writes _client.py
    python bindings-python/generate_sync.py --check   # fails if it is out of date

The two differ only in waiting, so that one is written by hand and the other is
derived: every `await` is dropped, and the asynchronous names become the plain ones.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "python" / "sessionwire"
SOURCE = PACKAGE / "_async_client.py"
TARGET = PACKAGE / "_client.py"

HEADER = '''"""The blocking client. Generated from `_async_client.py` by
`bindings-python/generate_sync.py`: change that file, and run the script.
"""
'''

RULES: list[tuple[str, str]] = [
    (r"_wait_async import AsyncEventStream, Maybe, Opening", "_wait_sync import Maybe"),
    (r"(    from \._events import .*\n)", r"\1    from ._native import EventStream\n"),
    (r"_wait_async", "_wait_sync"),
    (r"\bOpening\[(\w+)\]", r"\1"),
    (r"return _wait\.Opening\((.*)\)\n", r"return \1\n"),
    (r"__aenter__", "__enter__"),
    (r"__aexit__", "__exit__"),
    (r"__aiter__", "__iter__"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsync(Agi|Sessions?|Task|EventStream|Paused|Iterator)\b", r"\1"),
]


def generate() -> str:
    """The text of the blocking client."""
    text = SOURCE.read_text()
    text = HEADER + text.split('"""\n', 1)[1]
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    ruff = [sys.executable, "-m", "ruff", "--quiet"]
    name = ["--stdin-filename", str(TARGET)]
    for command in (["check", "--fix", "--select=I", *name, "-"], ["format", *name, "-"]):
        done = subprocess.run(
            [*ruff, *command], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


def main() -> int:
    if "--check" in sys.argv[1:]:
        if TARGET.read_text() == generate():
            return 0
        print(f"{TARGET} is out of date: run {Path(__file__).name}", file=sys.stderr)
        return 1
    TARGET.write_text(generate())
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes the blocking clients and agent from the asynchronous ones.

    python bindings-python/generate_sync.py           # writes the files in FILES
    python bindings-python/generate_sync.py --check   # fails if one is out of date

The two differ only in waiting, so that one is written by hand and the other is
derived: every `await` is dropped, and the asynchronous names become the plain ones.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "python" / "sessionwire"
# What is generated from what.
FILES = {
    "_base.py": "_async_base.py",
    "_client.py": "_async_client.py",
    "_agent.py": "_async_agent.py",
    "_raccoon.py": "_async_raccoon.py",
}

HEADER = '''"""The blocking {name}. Generated from `{source}` by
`bindings-python/generate_sync.py`: change that file, and run the script.
"""
'''

RULES: list[tuple[str, str]] = [
    (r"_wait_async import AsyncEventStream, Maybe, Opening", "_wait_sync import Maybe"),
    (r"_wait_async import Maybe, Opening", "_wait_sync import Maybe"),
    (r"(    from \._events import .*\n)", r"\1    from ._native import EventStream\n"),
    (r"_wait_async", "_wait_sync"),
    (r"from \._async_base", "from ._base"),
    (r"\bOpening\[(\w+)\]", r"\1"),
    (r"return _wait\.Opening\((.*)\)\n", r"return \1\n"),
    (r"an `async` function", "a function"),
    (r"__aenter__", "__enter__"),
    (r"__aexit__", "__exit__"),
    (r"__aiter__", "__iter__"),
    (r"__anext__", "__next__"),
    (r"StopAsyncIteration", "StopIteration"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (
        r"\bAsync(Agi|Agent|TurnAgent|BaseClient|Handle|Raccoon(?:Sessions?)?|Media|Turn|Sessions?"
        r"|Task|EventStream|Paused|Iterator)\b",
        r"\1",
    ),
]


def generate(target: str) -> str:
    """The text of a generated file."""
    source = FILES[target]
    header = HEADER.format(name=Path(target).stem.strip("_"), source=source)
    text = header + (PACKAGE / source).read_text().split('"""\n', 1)[1]
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    ruff = [sys.executable, "-m", "ruff", "--quiet"]
    name = ["--stdin-filename", str(PACKAGE / target)]
    for command in (["check", "--fix", "--select=I", *name, "-"], ["format", *name, "-"]):
        done = subprocess.run(
            [*ruff, *command], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


def main() -> int:
    if "--check" in sys.argv[1:]:
        stale = [name for name in FILES if (PACKAGE / name).read_text() != generate(name)]
        for name in stale:
            print(f"{name} is out of date: run {Path(__file__).name}", file=sys.stderr)
        return 1 if stale else 0
    for name in FILES:
        (PACKAGE / name).write_text(generate(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes the blocking half of the package from the asynchronous one.

    python bindings-python/generate_sync.py           # writes sessionwire/_sync
    python bindings-python/generate_sync.py --check   # fails if a file is out of date

The two differ only in waiting, so that `_async` is written by hand and `_sync` is derived
from it, file by file: every `await` is dropped, and the asynchronous names become the plain ones.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent / "python" / "sessionwire"
SOURCE, TARGET = PACKAGE / "_async", PACKAGE / "_sync"

HEADER = '''"""Generated from `_async/{name}` by `make generate`: change that file, and run it."""
'''

RULES: list[tuple[str, str]] = [
    (r"\bOpening\[(\w+)\]", r"\1"),
    (r"return _wait\.Opening\((.*)\)\n", r"return \1\n"),
    (r"\bCoroutine\[Any, Any, (\w+)\]", r"\1"),
    (r"_wait_async", "_wait_sync"),
    (r"an `async` function", "a function"),
    (r"__a(enter|exit|iter)__", r"__\1__"),
    (r"__anext__", "__next__"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\b(Stop)?Async(?=[A-Z])", r"\1"),
]


def generate() -> dict[Path, str]:
    """The generated files, with their texts."""
    made = {}
    for source in sorted(SOURCE.rglob("*.py")):
        name = source.relative_to(SOURCE)
        text = HEADER.format(name=name.as_posix()) + source.read_text().split('"""\n', 1)[1]
        for pattern, replacement in RULES:
            text = re.sub(pattern, replacement, text)
        made[TARGET / name] = tidy(TARGET / name, text)
    return made


def tidy(target: Path, text: str) -> str:
    """The text with its imports sorted, those of no use left out, and formatted."""
    ruff = [sys.executable, "-m", "ruff", "--quiet"]
    name = ["--stdin-filename", str(target), "-"]
    for command in (["check", "--fix", "--select=I,F401"], ["format"]):
        done = subprocess.run(
            [*ruff, *command, *name], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


def main() -> int:
    made = generate()
    there = {path: path.read_text() for path in TARGET.rglob("*.py")}
    stale = sorted(path for path in {*made, *there} if made.get(path) != there.get(path))
    if "--check" in sys.argv[1:]:
        for path in stale:
            name = path.relative_to(PACKAGE)
            print(f"{name} is out of date: run make generate", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        if path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path])
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())

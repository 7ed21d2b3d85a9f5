"""Compresses the files of a wheel once more with Zopfli, which takes a minute and saves 4 %.

What is in it, and the order, stay as they are: pip sees the same wheel.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import zopfli


def main(paths: list[str]) -> int:
    for path in map(Path, paths):
        before = path.stat().st_size
        packed = path.with_suffix(".packed")
        with (
            zipfile.ZipFile(path) as wheel,
            zopfli.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, iterations=5) as smaller,
        ):
            for entry in wheel.infolist():
                smaller.writestr(entry, wheel.read(entry))
        packed.replace(path)
        print(f"{path.name}: {before:,} bytes, now {path.stat().st_size:,}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

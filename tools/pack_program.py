"""Packs the command line of a target into an archive with its licences: the same bytes each time.

Usage: pack_program.py PROGRAM TARGET FOLDER
"""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
from pathlib import Path

from versions import ROOT, source

# By their names in the archive. `make third-party` makes the licences of what is linked.
TEXTS = {
    "README.md": "cli/README.md",
    "LICENSE-MIT": "LICENSE-MIT",
    "LICENSE-APACHE": "LICENSE-APACHE",
    "NOTICE": "NOTICE",
}


def main(program: str, target: str, folder: str) -> int:
    name = f"sessionwire-cli-{source(ROOT)}-{target}"
    files = {"sessionwire": Path(program)}
    files |= {text: ROOT / path for text, path in TEXTS.items()}
    files |= {path.name: path for path in sorted(ROOT.glob("THIRD-PARTY*"))}
    packed = Path(folder) / f"{name}.tar.gz"
    packed.parent.mkdir(parents=True, exist_ok=True)
    with (
        packed.open("wb") as out,
        gzip.GzipFile("", "wb", 9, out, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for inside, path in files.items():
            content = path.read_bytes()
            entry = tarfile.TarInfo(f"{name}/{inside}")
            entry.size = len(content)
            entry.mode = 0o755 if inside == "sessionwire" else 0o644
            archive.addfile(entry, io.BytesIO(content))
    print(f"{packed.name}: {packed.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

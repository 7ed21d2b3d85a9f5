"""The size of the Python package's library by crate: code and constant data, without the padding.

A symbol belongs to the crate that its name begins with, so what a library's generic code became
for ours is listed as the library's. Tables for unwinding and relocation are not in the sum.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

SYMBOL = re.compile(r"[0-9a-f]+ ([0-9a-f]+) ([tTwWrRdD]) (.*)")
# `<core::option::Option<T> as ...>` and `<&mut F as ...>` belong to what comes first.
CRATE = re.compile(r"[<&(\[*]*(?:(?:dyn|mut|const|impl) ?|[<&(\[*])*([A-Za-z_0-9]+)(?=::|<| as )")
OF_CODE = frozenset("tTwW")
SHOWN = 40


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("library", type=Path, help="a library that was not stripped")
    library: Path = options.parse_args().library
    if shutil.which("nm") is None:
        print("nm is missing (Debian: apt-get install binutils)", file=sys.stderr)
        return 2
    code: Counter[str] = Counter()
    data: Counter[str] = Counter()
    listed = subprocess.run(
        ["nm", "--demangle", "--print-size", library], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines():
        if found := SYMBOL.fullmatch(line):
            size, kind, name = found.groups()
            crate = CRATE.match(name)
            group = code if kind in OF_CODE else data
            # What has no path is C, assembler or the compiler's own.
            group[crate[1] if crate else "(no crate)"] += int(size, 16)
    if not code:
        print(f"{library} has no symbols: build it with strip off", file=sys.stderr)
        return 2
    print(f"{'crate':<28}{'code':>12}{'data':>12}")
    both = code + data
    sorted_names = [name for name, _ in both.most_common()]
    for name in sorted_names[:SHOWN]:
        print(f"{name:<28}{code[name]:>12,}{data[name]:>12,}")
    rest = sorted_names[SHOWN:]
    others = f"{len(rest)} others"
    rest_code, rest_data = (sum(group[name] for name in rest) for group in (code, data))
    print(f"{others:<28}{rest_code:>12,}{rest_data:>12,}")
    print(f"{'all':<28}{code.total():>12,}{data.total():>12,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes THIRD-PARTY-LICENSES: the licence of every crate that is linked into what we publish.

Usage: third_party.py [--check]. Needs cargo-about, which reads the texts in the crates themselves.
`--check` fails where the file differs from what the lock file asks for.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from bill import linked
from targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "THIRD-PARTY-LICENSES"
PACKAGES = ("bindings-python", "bindings-node", "cli")
RULE = "-" * 100
HEAD = """Licences of what sessionwire is made with.

The wheel, the npm packages and the program contain the crates below, on some platform or on all of
them, and the standard library of Rust (MIT OR Apache-2.0, https://www.rust-lang.org/policies/licenses).
The programs for musl contain musl libc (MIT, https://musl.libc.org). Where a crate offers a choice,
one is made.

`make third-party` writes this file.
"""


def texts() -> dict[tuple[str, str], set[str]]:
    """The licences in the workspace's lock file: by name and text, the crates that have them."""
    command = ["cargo", "about", "generate", "--workspace", "--format", "json", "--locked"]
    command += ["--offline", "--config", "tools/release/about.toml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"cargo about failed: run `cargo fetch` first. It said:\n{done.stderr}")
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in json.loads(done.stdout)["licenses"]:
        text = "\n".join(line.rstrip() for line in each["text"].strip("\r\n").splitlines())
        for user in each["used_by"]:
            crate = user["crate"]
            found[(each["name"], text)].add(f"{crate['name']} v{crate['version']}")
    return found


def written() -> str:
    wanted = {
        crate
        for package in PACKAGES
        for triple in TARGETS
        for crate in linked(ROOT, package, triple)
        if not crate.startswith("sessionwire")
    }
    found = {licence: users & wanted for licence, users in texts().items()}
    listed = {crate for users in found.values() for crate in users}
    if missing := wanted - listed:
        sys.exit(f"No licence was found for crates that are linked: {sorted(missing)}")
    blocks = [(sorted(users), name, text) for (name, text), users in found.items() if users]
    # What is alike stands together: so it is packed smaller by a third.
    blocks.sort(key=lambda block: (block[1], len(block[2]), block[2]))
    print(f"{len(listed)} crates, {len(blocks)} texts")
    parts = [HEAD, f"{len(listed)} crates, {len(blocks)} texts.\n"]
    for crates, name, text in blocks:
        parts.append(f"{RULE}\n{name}\n{', '.join(crates)}\n\n{text}\n")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = written()
    if not parser.parse_args().check:
        FILE.write_text(text)
    elif not FILE.exists() or FILE.read_text() != text:
        sys.exit(f"{FILE.name} is out of date: run `make third-party`, and commit it")


if __name__ == "__main__":
    main()

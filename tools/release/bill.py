"""The bill of materials (SBOM) of what is built: every crate that goes into it, by cargo-cyclonedx,
without a path of the machine that made it, and checked against the schema and against Cargo's tree.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

FILE = "bill-of-materials"
#: What stands for the folder of the sources.
SOURCES = "path+file:///sessionwire"


def write(root: Path, package: str, triple: str, out: Path, env: dict[str, str]) -> Path:
    """Writes the bill of the package in this folder for a platform; returns its file."""
    command = ["cargo", "cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5"]
    command += ["--no-build-deps", "--target", triple, "--override-filename", FILE]
    command += ["--manifest-path", f"{package}/Cargo.toml"]
    try:
        subprocess.run(command, cwd=root, env=env, check=True)
        text = (root / package / f"{FILE}.json").read_text()
    finally:
        # The tool writes one beside every package of the workspace.
        for written in root.glob(f"*/{FILE}.json"):
            written.unlink()
        for written in root.glob(f"*/*/{FILE}.json"):
            written.unlink()
    bill = json.loads(text.replace(f"path+file://{root}", SOURCES))
    # What the registry says of a crate is there, and nearly half of the bytes.
    for component in bill["components"]:
        for name in ("author", "description", "externalReferences"):
            component.pop(name, None)
    text = json.dumps(bill, separators=(",", ":")) + "\n"
    check(root, package, triple, text)
    folder = out / triple / package
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "sessionwire.cdx.json"
    file.write_text(text)
    return file


def check(root: Path, package: str, triple: str, text: str) -> None:
    """It is CycloneDX, names no folder of this machine, and has every crate that is linked."""
    if found := JsonStrictValidator(SchemaVersion.V1_5).validate_str(text):
        sys.exit(f"The bill of {package} is no CycloneDX 1.5: {found}")
    if paths := set(re.findall(r"(?:/home|/root|/Users|/tmp|[A-Z]:\\)[^\"]*", text)):
        sys.exit(f"The bill of {package} names paths of this machine: {sorted(paths)}")
    bill = json.loads(text)
    listed = {f"{each['name']} v{each['version']}" for each in bill["components"]}
    itself = bill["metadata"]["component"]
    missing = linked(root, package, triple) - listed - {f"{itself['name']} v{itself['version']}"}
    if missing:
        sys.exit(f"The bill of {package} lacks crates that are linked: {sorted(missing)}")
    print(f"{package} for {triple}: {len(listed)} crates in the bill of materials", flush=True)


def linked(root: Path, package: str, triple: str) -> set[str]:
    """The crates that go into a package, as Cargo resolves them: `name v1.2.3`."""
    command = ["cargo", "tree", "--locked", "--manifest-path", f"{package}/Cargo.toml"]
    command += ["--target", triple, "--edges", "normal,no-proc-macro", "--prefix", "none"]
    command += ["--format", "{p}"]
    env = {name: value for name, value in os.environ.items() if name != "CARGO_BUILD_TARGET"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True)
    return {" ".join(line.split()[:2]) for line in done.stdout.splitlines() if line.strip()}

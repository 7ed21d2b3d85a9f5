"""All of a release that one machine can do: builds every artefact in two clean clones in different
folders, demands that they are equal byte by byte, and checks what would be published.

Usage: dry_run.py FOLDER [--target TRIPLE]... [--once]

FOLDER: where the clones and the artefacts go; FOLDER/artefacts has what would be published.
--target: a platform; default: the four of Linux. --once: one build, without the comparison.
What is not committed is not built.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import checks
from targets import TARGETS

ROOT = Path(__file__).resolve().parents[2]
CRATES = ("sessionwire", "sessionwire-emulator", "sessionwire-cli")


def clone(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    return folder


def build(sources: Path, target: Path, triples: list[str], log: Path) -> Path:
    """Builds everything from these sources into a target folder of its own."""
    out = sources / "dist" / "release"
    env = dict(os.environ)
    env.pop("CARGO_BUILD_TARGET", None)
    env["CARGO_TARGET_DIR"] = str(target)
    # What makes the artefacts is of the clone, not of here.
    tools = sources / "tools" / "release"
    steps: list[list[str]] = [["maturin", "sdist", "--out", str(out)]]
    steps += [
        [sys.executable, str(tools / "artefacts.py"), each, "--out", str(out)] for each in triples
    ]
    steps.append([sys.executable, str(tools / "artefacts.py"), "npm", "--out", str(out)])
    packages = [part for crate in CRATES for part in ("-p", crate)]
    steps.append(["cargo", "package", "--locked", "--no-verify", *packages])
    committed = ["git", "log", "-1", "--format=%ct"]
    asked = subprocess.run(committed, cwd=sources, capture_output=True, text=True, check=True)
    env["SOURCE_DATE_EPOCH"] = asked.stdout.strip()
    with log.open("w") as shown:
        for step in steps:
            began = time.monotonic()
            done = subprocess.run(step, cwd=sources, env=env, stdout=shown, stderr=shown)
            print(f"  {time.monotonic() - began:5.0f} s  {' '.join(step[-4:])}", flush=True)
            if done.returncode:
                shown.flush()
                print(*log.read_text().splitlines()[-40:], sep="\n")
                raise checks.Failed(f"It failed: {' '.join(step)}. All of it is in {log}")
    for crate in (target / "package").glob("*.crate"):
        shutil.copy2(crate, out)
    return out


def compare(one: Path, other: Path) -> None:
    names = sorted({path.name for folder in (one, other) for path in folder.iterdir()})
    _, differing, missing = filecmp.cmpfiles(one, other, names, shallow=False)
    if differing or missing:
        raise checks.Failed(f"Two builds in two folders differ: {sorted([*differing, *missing])}")
    print(f"== {len(names)} artefacts, built twice in two folders: equal byte by byte", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    linux = [triple for triple, target in TARGETS.items() if target.linux]
    parser.add_argument("--target", choices=TARGETS, action="append", dest="targets")
    parser.add_argument("--once", action="store_true")
    asked = parser.parse_args()
    triples = asked.targets or linux
    base = asked.folder.resolve()
    # Names of different lengths: a path that got into an artefact would move what follows it.
    places = [base / "one" / "sessionwire", base / "another" / "place" / "of" / "sources"]
    places = places[:1] if asked.once else places
    try:
        print(f"== Builds for {', '.join(triples)}, in {len(places)} folders at once", flush=True)
        with ThreadPoolExecutor() as pool:
            builds = [
                pool.submit(
                    build,
                    clone(place),
                    # In the sources of the one, beside those of the other.
                    place / "target" if number == 0 else base / "target-of-another",
                    triples,
                    base / f"build-{number + 1}.log",
                )
                for number, place in enumerate(places)
            ]
            outs = [each.result() for each in builds]
        if not asked.once:
            compare(*outs)
        artefacts = base / "artefacts"
        shutil.rmtree(artefacts, ignore_errors=True)
        shutil.copytree(outs[0], artefacts)
        print("== Checks", flush=True)
        checks.check(artefacts)
        (artefacts / "SHA256SUMS").write_text(checks.sums(artefacts))
        print((artefacts / "SHA256SUMS").read_text(), end="")
    except checks.Failed as failed:
        sys.exit(f"The release is not fit to go out: {failed}")


if __name__ == "__main__":
    main()

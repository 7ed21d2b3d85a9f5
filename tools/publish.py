"""Publishes to a registry what it does not have yet: the same command ends a release that stopped
in the middle.

Usage:
  publish.py crates        the crates of the workspace, a crate after those that it needs
  publish.py npm FOLDER    those of `npm run pack -- --all`: the platforms', then the main one
  --plan                   only says what would be published
  --by-hand                npm: without provenance, which a workflow alone can give
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

# Older ones know no trusted publishing: the registry answers 404.
NPM_LEAST = (11, 5, 1)


@dataclass(frozen=True)
class Package:
    """One thing to publish, and the commands that ask for it and publish it."""

    name: str
    version: str
    ask: tuple[str, ...]
    publish: tuple[str, ...]

    def is_there(self) -> bool:
        # Outside of the checkout: `cargo info` would find the crate of the workspace.
        asked = subprocess.run(self.ask, capture_output=True, text=True, cwd="/")
        return asked.returncode == 0 and self.version in asked.stdout

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--by-hand", action="store_true")
    parser.add_argument("registry", choices=["crates", "npm"])
    parser.add_argument("folder", nargs="?", type=Path)
    options = parser.parse_args()
    if options.registry == "crates":
        packages = crates()
    elif options.folder is None:
        parser.error("npm needs the folder of the tarballs")
    else:
        packages = tarballs(options.folder, provenance=not options.by_hand)
    if options.plan:
        print(*packages, sep="\n")
        return 0
    if options.registry == "npm" and not options.by_hand:
        check_npm()
    return publish(packages)


def publish(packages: list[Package]) -> int:
    """Publishes one after another; stops at the first that fails, since the next ones need it."""
    for done, package in enumerate(packages):
        if package.is_there():
            print(f"{package}: is there", flush=True)
            continue
        print(f"{package}: publishing", flush=True)
        # A registry may have taken it and answered with an error.
        if subprocess.run(package.publish, cwd=ROOT).returncode != 0 and not package.is_there():
            left = ", ".join(str(each) for each in packages[done:])
            print(
                f"{package} failed. Not published: {left}. Mend the cause and run this again: "
                "it goes on here.",
                file=sys.stderr,
            )
            return 1
    print(f"{len(packages)} passed, 0 failed")
    return 0


def crates() -> list[Package]:
    """The crates that are published, each after those that it depends on."""
    told = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    members: dict[str, Any] = {
        crate["name"]: crate
        for crate in json.loads(told.stdout)["packages"]
        if crate["publish"] is None
    }
    ordered: dict[str, Package] = {}

    def add(name: str, needed_by: tuple[str, ...] = ()) -> None:
        if name in ordered:
            return
        if name in needed_by:
            sys.exit(f"crates in a circle: {' -> '.join((*needed_by, name))}")
        crate = members[name]
        for needed in crate["dependencies"]:
            # What tests need is left out of a published crate where it has no version.
            if needed["name"] in members and needed["kind"] != "dev":
                add(needed["name"], (*needed_by, name))
        version = crate["version"]
        ordered[name] = Package(
            name,
            version,
            ("cargo", "info", "--registry", "crates-io", f"{name}@{version}"),
            ("cargo", "publish", "--locked", "--package", name),
        )

    for name in sorted(members):
        add(name)
    return list(ordered.values())


def tarballs(folder: Path, provenance: bool) -> list[Package]:
    """The packages of npm. The main one is last: without its platforms nobody could install it."""
    found = {path: manifest(path) for path in sorted(folder.glob("*.tgz"))}
    main = [path for path, told in found.items() if told["name"] == "sessionwire"]
    if len(main) != 1:
        sys.exit(f"{folder} has {len(main)} tarballs of sessionwire, not 1")
    told = found[main[0]]
    version = told["version"]
    wanted = dict.fromkeys(told["optionalDependencies"], version)
    platforms = {each["name"]: each["version"] for each in found.values() if each != told}
    if not wanted or wanted != told["optionalDependencies"] or wanted != platforms:
        sys.exit(
            f"sessionwire {version} wants {told['optionalDependencies']}, "
            f"but {folder} has {platforms}. Pack with npm run pack -- --all"
        )
    # npm refuses a version such as 1.2.3-rc.1 as the latest one.
    how = ["--access", "public", "--tag", "next" if "-" in version else "latest"]
    how += ["--provenance"] if provenance else []
    return [
        Package(
            found[path]["name"],
            version,
            ("npm", "view", f"{found[path]['name']}@{version}", "version"),
            ("npm", "publish", str(path.resolve()), *how),
        )
        for path in [*(path for path in found if path != main[0]), main[0]]
    ]


def manifest(path: Path) -> dict[str, Any]:
    with tarfile.open(path) as tarball:
        member = tarball.extractfile("package/package.json")
        assert member is not None, path
        told: dict[str, Any] = json.load(member)
        return told


def check_npm() -> None:
    asked = subprocess.run(["npm", "--version"], capture_output=True, text=True, check=True)
    version = asked.stdout.strip()
    if tuple(int(part) for part in version.split("-")[0].split(".")) < NPM_LEAST:
        least = ".".join(map(str, NPM_LEAST))
        sys.exit(
            f"npm {version} knows no trusted publishing. Use {least} or newer: Node 24 brings it."
        )


if __name__ == "__main__":
    sys.exit(main())

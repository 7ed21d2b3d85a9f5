"""One version for the crates, the Python package, the npm packages and the image. Its source is
`version` of `[workspace.package]` in Cargo.toml; Python's is taken from there by maturin, what else
says it is held here.

Usage:
  versions.py                fails where a place says another version
  versions.py --set 1.2.3    writes it to every place, and closes the changelog's "Unreleased"
  versions.py --tag v1.2.3   fails where this is no tag for a release of what is here
  versions.py --notes 1.2.3  prints the section of the changelog: the notes of the release
  versions.py --print        prints the version
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

VERSION = re.compile(r"\d+\.\d+\.\d+(-(alpha|beta|rc)\.\d+)?")
CHANGELOG = Path("CHANGELOG.md")
UNRELEASED = "## Unreleased"

# A version in a text: the group is replaced.
SOURCE = re.compile(r'^\[workspace\.package\]\nversion = "([^"]+)"', re.MULTILINE)
PINNED = re.compile(r'^sessionwire[\w-]* = \{ path = "[^"]+", version = "([^"]+)"', re.MULTILINE)
LOCKED = re.compile(r'^name = "sessionwire(?!-fuzz)[\w-]*"\nversion = "([^"]+)"', re.MULTILINE)
# Of an npm package or a lock file: its own one stands before every other.
NPM = re.compile(r'\A\{\n  "name": "sessionwire",\n  "version": "([^"]+)"')
NPM_LOCK = re.compile(
    r'^    "": \{\n      "name": "sessionwire",\n      "version": "([^"]+)"', re.MULTILINE
)
# How a text names a version of ours: sessionwire==1.2.3, "sessionwire": "^1.2.3".
MENTIONED = re.compile(
    r'\bsessionwire(?:-cli|-emulator)?(?:==|@|:|": "[\^~]?)v?(\d+\.\d+\.\d+[\w.-]*)'
)
# The same without its last number, as Cargo reads it.
MENTIONED_SHORT = re.compile(r'\bsessionwire(?:-cli|-emulator)? = (?:\{ version = )?"(\d+\.\d+)"')


@dataclass(frozen=True)
class Place:
    """Where a version stands, and how often at least."""

    path: str
    pattern: re.Pattern[str]
    least: int = 1
    short: bool = False

    def wanted(self, version: str) -> str:
        return ".".join(version.split(".")[:2]) if self.short else version


PLACES = (
    Place("Cargo.toml", SOURCE),
    Place("Cargo.toml", PINNED, least=3),
    Place("Cargo.lock", LOCKED, least=9),
    Place("core/fuzz/Cargo.lock", LOCKED),
    Place("tests/rust-apps/own-reqwest/Cargo.lock", LOCKED),
    Place("tests/rust-apps/ring/Cargo.lock", LOCKED),
    Place("tests/rust-apps/rustls-defaults/Cargo.lock", LOCKED),
    Place("package.json", NPM),
    Place("package-lock.json", NPM),
    Place("package-lock.json", NPM_LOCK),
    Place("core/src/lib.rs", MENTIONED_SHORT, short=True),
    Place("examples/node/next/package.json", MENTIONED),
    Place(".github/ISSUE_TEMPLATE/bug.yml", re.compile(r"placeholder: PyPI ([^,]+),")),
)

# What takes the version from its source, and says so in these words.
TAKEN = {
    "pyproject.toml": 'dynamic = ["version"]',
    **{
        f"{crate}/Cargo.toml": "version.workspace = true"
        for crate in ("core", "emulator", "cli", "bindings-python", "bindings-node")
    },
    # The platform packages of npm, and the main package's wish for them.
    "bindings-node/scripts/pack.mjs": "`sessionwire-${name}`, manifest.version",
}

# Texts that may name a version of ours.
TEXTS = ("*.md", "*.toml", "*.yml", "*.json", "*.rs", "*.py", "*.ts", "*.mjs", "*Dockerfile")
NO_TEXTS = (":!CHANGELOG.md", ":!docs/field.md", ":!tests", ":!tools/versions.py")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--set", metavar="VERSION")
    action.add_argument("--tag", metavar="TAG")
    action.add_argument("--notes", metavar="VERSION")
    action.add_argument("--print", action="store_true")
    parser.add_argument("--root", type=Path, default=ROOT, help="of another checkout")
    options = parser.parse_args()
    root: Path = options.root
    if options.print:
        print(source(root))
        return 0
    if options.notes:
        print(notes(read(root, CHANGELOG), options.notes.removeprefix("v")))
        return 0
    if options.set:
        write(root, options.set.removeprefix("v"))
    wrong = differences(root)
    if options.tag:
        wrong += wrong_tag(root, options.tag)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def read(root: Path, path: str | Path) -> str:
    return (root / path).read_text(encoding="utf-8")


def source(root: Path) -> str:
    version: str = tomllib.loads(read(root, "Cargo.toml"))["workspace"]["package"]["version"]
    return version


def differences(root: Path) -> list[str]:
    """What says another version than the source."""
    version = source(root)
    wrong = []
    if not VERSION.fullmatch(version):
        wrong.append(f"Cargo.toml: {version} is no version such as 1.2.3 or 1.2.3-rc.1")
    for place in PLACES:
        text = read(root, place.path)
        found = list(place.pattern.finditer(text))
        if len(found) < place.least:
            wrong.append(
                f"{place.path}: the version stands there {len(found)} times, not {place.least}. "
                "Mend PLACES in tools/versions.py"
            )
        wrong += [
            f"{place.path}:{line(text, match)}: {match[1]}, but Cargo.toml has {version}: run "
            f"make version VERSION={version}"
            for match in found
            if match[1] != place.wanted(version)
        ]
    wrong += [
        f"{path}: `{words}` is gone: its version would be its own"
        for path, words in TAKEN.items()
        if words not in read(root, path)
    ]
    wrong += mentions(root, version)
    if "## " not in (text := read(root, CHANGELOG)) or not text.split("\n## ", 1)[1].startswith(
        ("Unreleased\n", f"{version} ")
    ):
        wrong.append(f"CHANGELOG.md: its first section is neither Unreleased nor {version}")
    return wrong


def mentions(root: Path, version: str) -> list[str]:
    """Other versions of ours that a text names."""
    listed = subprocess.run(
        ["git", "ls-files", "--", *TEXTS, *NO_TEXTS],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    known = {place.path for place in PLACES}
    wrong = []
    for path in listed.stdout.split("\n"):
        if not path or path in known or path.endswith("package-lock.json"):
            continue
        text = read(root, path)
        for pattern, wanted in (
            (MENTIONED, version),
            (MENTIONED_SHORT, Place("", MENTIONED_SHORT, short=True).wanted(version)),
        ):
            wrong += [
                f"{path}:{line(text, match)}: {match[1]}, but Cargo.toml has {version}. "
                "Leave the version out there, or add the file to PLACES in tools/versions.py"
                for match in pattern.finditer(text)
                if match[1] != wanted
            ]
    return wrong


def line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start(1)) + 1


def write(root: Path, version: str) -> None:
    """Writes the version to every place, and today's section of the changelog."""
    if not VERSION.fullmatch(version):
        sys.exit(
            f"{version!r} is no version. Write it as 1.2.3 or 1.2.3-rc.1, with alpha, beta or rc."
        )
    for place in PLACES:
        text = read(root, place.path)
        for match in reversed(list(place.pattern.finditer(text))):
            text = text[: match.start(1)] + place.wanted(version) + text[match.end(1) :]
        (root / place.path).write_text(text, encoding="utf-8")
    text = read(root, CHANGELOG)
    if f"\n## {version} " not in text:
        today = datetime.datetime.now(datetime.UTC).date()
        if not section(text, "Unreleased"):
            sys.exit("CHANGELOG.md: its section Unreleased is empty. Write there what is new.")
        text = text.replace(f"{UNRELEASED}\n", f"## {version} - {today}\n", 1)
        (root / CHANGELOG).write_text(text, encoding="utf-8")


def wrong_tag(root: Path, tag: str) -> list[str]:
    """Why this is no tag for a release of what is here."""
    version = source(root)
    wrong = []
    if tag != f"v{version}":
        wrong.append(f"the tag {tag} is not v{version}, the version of Cargo.toml")
    text = read(root, CHANGELOG)
    if not section(text, version):
        wrong.append(f"CHANGELOG.md has nothing on {version}: run make version VERSION={version}")
    if section(text, "Unreleased"):
        wrong.append(f"CHANGELOG.md has lines under Unreleased: are they part of {version}?")
    return wrong


def section(changelog: str, name: str) -> str:
    """What a section of the changelog says, without its heading; empty where there is none."""
    found = re.search(
        rf"^## {re.escape(name)}(?: - \d{{4}}-\d\d-\d\d)?\n(.*?)(?=^## |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    return found[1].strip() if found else ""


def notes(changelog: str, version: str) -> str:
    """The notes of a release; of the version to come while it has no section of its own."""
    text = section(changelog, version) or section(changelog, "Unreleased")
    if not text:
        sys.exit(f"CHANGELOG.md has nothing on {version}: run make version VERSION={version}")
    # Links in the changelog are relative to the repository; a page of a release is not.
    at = f"https://github.com/sessionwire/sessionwire/blob/v{version}/"
    return re.sub(r"\]\((?!https?:|#)([^)]+)\)", rf"]({at}\1)", text)


if __name__ == "__main__":
    sys.exit(main())

"""One version everywhere: tools/versions.py, which `make lint` runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import versions  # noqa: E402

NEXT = "7.8.9"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that say the version, alone."""
    paths = {place.path for place in versions.PLACES} | set(versions.TAKEN) | {"CHANGELOG.md"}
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def test_every_place_says_the_version_of_the_workspace() -> None:
    assert versions.differences(ROOT) == []


@pytest.mark.parametrize("place", versions.PLACES[1:], ids=lambda place: place.path)
def test_a_place_that_says_another_version_is_named(checkout: Path, place: versions.Place) -> None:
    file = checkout / place.path
    text = file.read_text()
    match = place.pattern.search(text)
    assert match
    other = "7.8" if place.short else NEXT
    file.write_text(text[: match.start(1)] + other + text[match.end(1) :])
    wrong = versions.differences(checkout)
    line = text.count("\n", 0, match.start(1)) + 1
    assert [told for told in wrong if told.startswith(f"{place.path}:{line}: {other}, but")], wrong


@pytest.mark.parametrize("path", versions.TAKEN)
def test_a_package_with_a_version_of_its_own_is_named(checkout: Path, path: str) -> None:
    file = checkout / path
    file.write_text(file.read_text().replace(versions.TAKEN[path], "its own"))
    assert [told for told in versions.differences(checkout) if told.startswith(f"{path}: ")]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("pip install sessionwire==0.0.1", "0.0.1"),
        ("npm install sessionwire@0.0.1", "0.0.1"),
        ("docker run sessionwire-emulator:0.0.1", "0.0.1"),
        ('sessionwire = { version = "9.1", default-features = false }', "9.1"),
        ("sessionwire works with tokio 0.0.1", None),
    ],
)
def test_a_page_that_names_another_version_is_named(
    checkout: Path, text: str, named: str | None
) -> None:
    (checkout / "page.md").write_text(f"First\n{text}\n")
    subprocess.run(["git", "add", "page.md"], cwd=checkout, check=True)
    wrong = versions.differences(checkout)
    assert [told.split(", but")[0] for told in wrong] == ([f"page.md:2: {named}"] if named else [])


def test_a_version_is_written_everywhere_and_can_be_tagged(checkout: Path) -> None:
    assert versions.wrong_tag(checkout, f"v{NEXT}")
    versions.write(checkout, NEXT)
    assert versions.source(checkout) == NEXT
    assert versions.differences(checkout) == []
    assert versions.wrong_tag(checkout, f"v{NEXT}") == []
    for place in versions.PLACES:
        found = place.pattern.findall((checkout / place.path).read_text())
        assert set(found) == {place.wanted(NEXT)}, place.path
    before = (checkout / "CHANGELOG.md").read_text()
    versions.write(checkout, NEXT)
    assert (checkout / "CHANGELOG.md").read_text() == before


def test_a_tag_of_another_version_is_refused(checkout: Path) -> None:
    versions.write(checkout, NEXT)
    (wrong,) = versions.wrong_tag(checkout, "v7.8.8")
    assert wrong == f"the tag v7.8.8 is not v{NEXT}, the version of Cargo.toml"


@pytest.mark.parametrize("version", ["1.2", "1.2.3rc1", "latest", "1.2.3-rc"])
def test_what_is_no_version_is_refused(checkout: Path, version: str) -> None:
    with pytest.raises(SystemExit, match="is no version"):
        versions.write(checkout, version)


CHANGELOG = """# Changelog

## Unreleased

## 1.1.0 - 2026-01-02

### Added
- A page ([docs/streams.md](docs/streams.md), [elsewhere](https://example.com/)).

## 1.0.0 - 2026-01-01

- First.
"""


def test_the_notes_are_the_section_with_links_that_work_elsewhere() -> None:
    at = "https://github.com/sessionwire/sessionwire/blob/v1.1.0/docs/streams.md"
    told = f"### Added\n- A page ([docs/streams.md]({at}), [elsewhere](https://example.com/))."
    assert versions.notes(CHANGELOG, "1.1.0") == told
    assert versions.notes(CHANGELOG, "1.0.0") == "- First."
    with pytest.raises(SystemExit, match=r"nothing on 1\.2\.0"):
        versions.notes(CHANGELOG, "1.2.0")

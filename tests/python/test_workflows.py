"""The workflows are what they say: pinned, complete, gated."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def makefile() -> str:
    return (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_by_commit_with_their_version(file: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: (.+)$", file.read_text(), re.MULTILINE)
    assert used
    loose = [
        line
        for line in used
        if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)
        and not line.startswith("./.github/workflows/")
    ]
    assert loose == []


def test_an_action_has_one_commit_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for file in WORKFLOWS:
        for name, pin in re.findall(r"uses: ([\w./-]+)@(.+)", file.read_text()):
            pins.setdefault(name, set()).add(pin)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_call_what_there_is(file: Path) -> None:
    text = re.sub(r"^ *#.*", "", file.read_text(), flags=re.MULTILINE)
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile(), re.MULTILINE))
    called = {
        target
        for line in re.findall(r"\bmake ([a-z][^\n&|;]*)", text)
        for target in line.split()
        if re.fullmatch(r"[a-z][a-z-]*", target)
    }
    assert called - targets == set()
    programs = set(re.findall(r"(?:\.\./)?((?:tools|tests)/[\w/-]+\.(?:py|mjs))", text))
    assert {path for path in programs if not (ROOT / path).exists()} == set()


def test_the_nightly_jobs_are_those_of_make_nightly() -> None:
    (targets,) = re.findall(r"^nightly: (?!FUZZ_SEED)(.+?)(?: ##|$)", makefile(), re.MULTILINE)
    text = (ROOT / ".github/workflows/nightly.yml").read_text()
    (listed,) = re.findall(r"^        check:\n((?: {10}- [\w-]+\n)+)", text, re.MULTILINE)
    assert re.findall(r"- ([\w-]+)", listed) == targets.split()


def test_the_release_builds_every_platform_of_the_npm_package() -> None:
    targets = json.loads((ROOT / "package.json").read_text())["napi"]["targets"]
    text = (ROOT / ".github/workflows/release.yml").read_text()
    jobs = re.split(r"^  (?=[\w-]+:$)", text, flags=re.MULTILINE)
    for kind in ("wheel", "library"):
        ours = "".join(job for job in jobs if job.startswith(f"{kind}-"))
        built = re.findall(r"\b(?:x86_64|aarch64)-[\w-]+", ours)
        assert sorted(set(built)) == sorted(targets), kind


def test_what_publishes_waits_for_the_gate_and_the_reviewer() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text()
    jobs = {
        job.split(":", 1)[0]: job for job in re.split(r"^  (?=[\w-]+:$)", text, flags=re.MULTILINE)
    }
    needs = {
        name: set(re.findall(r"[\w-]+", match[1]))
        for name, job in jobs.items()
        if (match := re.search(r"^    needs: (.+)$", job, re.MULTILINE))
    }

    def before(name: str) -> set[str]:
        return set().union(*({each} | before(each) for each in needs.get(name, set())))

    assert {"pypi", "npm", "crates", "image"} <= before("github")
    for name in ("pypi", "npm", "crates", "image"):
        assert "environment: release\n" in jobs[name], name
        assert {"gate", "checks", "bundle", "try"} <= before(name), name
        # PyPI takes attestations of the workflow that was started alone.
        assert "\n    uses: " not in jobs[name], name
        assert "if: github.event_name == 'push' && github.ref_type == 'tag'" in jobs[name], name


def test_npm_meets_no_token_file() -> None:
    # `registry-url` makes setup-node write one, and npm then asks for no trusted token.
    for file in WORKFLOWS:
        assert "registry-url:" not in file.read_text(), file.name

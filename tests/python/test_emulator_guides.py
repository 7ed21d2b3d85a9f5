"""The guides to scenarios and faults: what they show is one, and their tables are whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from sessionwire import Emulator

ROOT = Path(__file__).parents[2]


def text(guide: str) -> str:
    return (ROOT / "docs" / f"{guide}.md").read_text(encoding="utf-8")


def test_every_scenario_of_the_guide_can_be_played() -> None:
    yaml = re.findall(r"^```yaml\n(.*?)^```$", text("scenarios"), re.M | re.S)
    played = 0
    with Emulator() as emulator:
        for number, block in enumerate(yaml):
            if "steps:" not in block:
                continue
            path = ROOT / "target" / "snippets" / f"scenario-{number}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block, encoding="utf-8")
            emulator.scenario(path)
            played += 1
    assert played > 6


def test_every_fault_of_the_guide_is_one() -> None:
    lines = [
        line
        for block in re.findall(r"\n\n```text\n(.*?)^```$", text("faults"), re.M | re.S)
        for line in block.splitlines()
        if re.match(r"(\*|[a-z_]+) [a-z_]+(=|$| )", line)
    ]
    assert len(lines) > 10
    with Emulator() as emulator:
        for line in lines:
            emulator.fail(line)
            assert len(emulator.faults()) == 1
            emulator.clear_faults()


def test_the_tables_of_faults_have_every_field() -> None:
    source = (ROOT / "emulator" / "src" / "faults" / "fault.rs").read_text(encoding="utf-8")
    struct = source.split("pub struct Fault {")[1].split("\n}\n")[0]
    fields = re.findall(r"^    pub (\w+):", struct, re.M)
    assert len(fields) > 50
    table = text("faults").split("## All fields")[1]
    told = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| ([^|]*) \|", table, re.M))))
    assert set(fields) <= told, set(fields) - told
    typed = (ROOT / "bindings-node" / "ts" / "src" / "emulator" / "faults.ts").read_text()
    assert set(fields) == set(
        re.findall(r"^  (\w+)\??:", typed.split("interface Fault {")[1], re.M)
    )


def test_the_tables_of_scenarios_are_those_of_the_schema() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "scenario_tables.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

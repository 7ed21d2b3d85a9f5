"""The report of `make cases`: every case of `tests/contract/` by language.

The tests of each language note the cases that passed in a file of the folder
given as the first argument (`SESSIONWIRE_CASES` while they run). A case that
passed in some columns only fails the report, unless its file says why:
`"only": [columns], "because": "..."`, of a case or of the whole file.

Then guarantee by language: the cases of the files that name it (`"guarantees"`)
and the tests named after it (`g01_...` to `g12_...`). One without either in a
column fails the report. The same again for turns alone: the cases of files with
`turn` in their name, Raccoon's of the others, and the tests in such files.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLUMNS = ("rust", "python-sync", "python-async", "node")
CONTRACT = Path(__file__).parent / "contract"
# What a Python test does that has a blocking client.
SYNC = re.compile(r"\b(?:Agi|Raccoon)\(|\.(?:agi|raccoon)\(|client: (?:Agi|Raccoon)\b")


@dataclass(frozen=True)
class Case:
    id: str
    file: str
    columns: tuple[str, ...]
    because: str
    guarantees: tuple[int, ...]

    @property
    def of_turns(self) -> bool:
        return "turn" in self.file or "/raccoon-" in self.id


def read(path: Path) -> list[Case]:
    """The cases of a file: every object with an id in a list at its top.

    Those of an endpoint's list `answers` count as cases of `answers.json`.
    """
    content: dict[str, Any] = json.loads(path.read_text())
    if path.parent.name != "endpoints":
        return cases_of(path, content, list(content.values()))
    found = []
    for name, group in content.items():
        home = CONTRACT / f"{name}.json"
        if not home.exists():
            raise SystemExit(f"{path.name} has a list {name}, and there is no {home.name}")
        found += cases_of(home, json.loads(home.read_text()), [group])
    return found


def cases_of(path: Path, content: dict[str, Any], groups: list[Any]) -> list[Case]:
    """The cases of these lists, of a file that says what they prove and where they run."""
    file = str(path.relative_to(CONTRACT))
    if not isinstance(content.get("guarantees"), list):
        raise SystemExit(f'{file} does not say which of the guarantees it proves: "guarantees"')
    prefix = path.relative_to(CONTRACT).parts[0].removesuffix(".json") + "/"
    found = []
    for group in groups:
        for case in group if isinstance(group, list) else []:
            if not isinstance(case, dict) or "id" not in case:
                continue
            reason = case if "only" in case else content
            name = case["id"] if "/" in case["id"] else prefix + case["id"]
            columns = tuple(reason.get("only", COLUMNS))
            if unknown := set(columns) - set(COLUMNS):
                raise SystemExit(f"{file}: {name} names a column that is none: {unknown}")
            if columns != COLUMNS and not reason.get("because"):
                raise SystemExit(f"{file}: {name} does not say why it runs in {columns} only")
            because = reason.get("because", "")
            found.append(Case(name, file, columns, because, tuple(content["guarantees"])))
    return found


def mark(case: Case, column: str, passed: dict[str, set[str]]) -> str:
    if column not in case.columns:
        return "n/a"
    return "passed" if case.id in passed[column] else "MISSING"


def table(cases: list[Case], passed: dict[str, set[str]]) -> str:
    lines = [f"| case | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    for case in cases:
        marks = " | ".join(mark(case, column, passed) for column in COLUMNS)
        note = f" ({case.because})" if case.because else ""
        lines.append(f"| {case.id}{note} | {marks} |")
    return "\n".join(lines) + "\n"


def named_tests(word: str) -> Counter[tuple[int, str]]:
    """How many tests are named after each guarantee, by column, in files with this word."""
    tests = CONTRACT.parent
    found: Counter[tuple[int, str]] = Counter()

    def note(number: str, *columns: str) -> None:
        for column in columns:
            found[int(number), column] += 1

    def files(*patterns: str) -> list[Path]:
        paths = [path for pattern in patterns for path in tests.glob(pattern)]
        return [path for path in paths if word in path.name]

    for path in files("rust/tests/*.rs", "rust/tests/*/*.rs"):
        for number in re.findall(r"fn g(\d\d)_", path.read_text()):
            note(number, "rust")
    for path in files("node/*.test.mjs"):
        for number in re.findall(r'test\(\s*["`]g(\d\d)\b', path.read_text()):
            note(number, "node")
    for path in files("python/test_*.py"):
        # A test is async by what it does: `def` at its head says nothing.
        for number, body in re.findall(
            r"^def test_g(\d\d)_(.*?)(?=^\S|\Z)", path.read_text(), flags=re.M | re.S
        ):
            asynchronous = "async" in body
            only_async = asynchronous and not SYNC.search(body)
            note(number, *(["python-sync"] if not only_async else []))
            note(number, *(["python-async"] if asynchronous else []))
    return found


def guarantees(
    title: str,
    cases: list[Case],
    named: Counter[tuple[int, str]],
    passed: dict[str, set[str]],
) -> list[str]:
    """Prints guarantee by language; gives what is without a proof."""
    missing = []
    print(f"\n{title:9}  " + "  ".join(f"{column:>18}" for column in COLUMNS))
    for number in range(1, 13):
        cells = []
        for column in COLUMNS:
            # That everything is the same everywhere, every case says.
            shared = sum(
                (number in case.guarantees or number == 12) and case.id in passed[column]
                for case in cases
            )
            tests = named[number, column]
            cells.append(f"{shared} cases, {tests} tests")
            if not shared and not tests:
                missing.append(f"{title} {number} in {column}")
        print(f"{number:9}  " + "  ".join(f"{cell:>18}" for cell in cells))
    return missing


def main(folder: Path) -> int:
    cases = [
        case
        for path in sorted(CONTRACT.rglob("*.json"))
        if path.parent.name != "scenarios" and path.name != "api-surface.json"
        for case in read(path)
    ]
    cases.sort(key=lambda case: case.file)
    twice = [name for name, count in Counter(case.id for case in cases).items() if count > 1]
    if twice:
        raise SystemExit(f"ids that occur twice: {', '.join(twice)}")
    passed = {
        column: set(file.read_text().splitlines()) if file.exists() else set()
        for column in COLUMNS
        for file in [folder / f"{column}.txt"]
    }
    (folder / "report.md").write_text(table(cases, passed))

    width = max(len(case.file) for case in cases)
    print(f"{'file':{width}}  cases  " + "  ".join(f"{column:>12}" for column in COLUMNS))
    for file in dict.fromkeys(case.file for case in cases):
        rows = [case for case in cases if case.file == file]
        counts = []
        for column in COLUMNS:
            mine = [case for case in rows if column in case.columns]
            done = sum(case.id in passed[column] for case in mine)
            counts.append(f"{done}/{len(mine)}" if mine else "n/a")
        print(f"{file:{width}}  {len(rows):5}  " + "  ".join(f"{count:>12}" for count in counts))

    everywhere = sum(all(case.id in passed[column] for column in COLUMNS) for case in cases)
    print(f"{everywhere} of {len(cases)} cases passed in all {len(COLUMNS)} columns; ", end="")
    print(f"the table is in {folder / 'report.md'}")
    missing = [
        f"{case.id} in {column}"
        for case in cases
        for column in COLUMNS
        if mark(case, column, passed) == "MISSING"
    ]
    missing += guarantees("guarantee", cases, named_tests(""), passed)
    of_turns = [case for case in cases if case.of_turns]
    missing += guarantees("of turns", of_turns, named_tests("turn"), passed)
    for line in missing[:50]:
        print(f"not passed: {line}", file=sys.stderr)
    if missing:
        print(
            f"{len(missing)} are missing. Run `make cases`, which runs every column first.",
            file=sys.stderr,
        )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

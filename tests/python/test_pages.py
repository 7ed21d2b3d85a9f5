"""Every block of code of every page: it runs, or another test runs it, or the page says why not.

In a page's source, which readers of the site do not see:

- "```python run" (js, sh): a whole program. It runs against an emulator of its own, whose address
  and key are in the environment, ends with status 0, and leaves standard error empty.
  "```python program NAME" is kept under that name in the page's folder, for the blocks after it.
- "```text output": what the block before it prints, "..." for anything.
- "<!-- scenario: JSON -->" is what the emulator's agent does from here on, "<!-- input: TEXT -->"
  what the next block reads, "<!-- not run: REASON -->" why it does not run.
- "<!-- example: NAME -->" is "run", where no other test does it, and of YAML and JSON a file; what
  follows at once as "```text" is its output.
- "```rust example NAME": the example of that name, word for word.
- "```rust same PAGE": a block of that page, where it is tested.
- Other words after the language name the test that runs the block; TESTED has them by page.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from sessionwire import Emulator
from sessionwire import _errors as errors

ROOT = Path(__file__).parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
#: What says `sh` runs in a plain one, as it is on many machines, and not in bash alone.
SHELL = shutil.which("dash") or "sh"
#: Below the package, so that Node finds it.
FOLDER = TARGET / "snippets" / "pages"
SITE = "https://sessionwire.github.io/sessionwire/"
REPOSITORY = "https://github.com/sessionwire/sessionwire/"
SKILL = "bindings-python/python/sessionwire/skills/sessionwire/SKILL.md"
PAGES = sorted(
    [
        SKILL,
        "README.md",
        *(f"{place}/README.md" for place in ("bindings-node", "cli", "core", "emulator")),
        *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")),
    ]
)
#: Pages of the site that are written elsewhere.
ELSEWHERE = {
    "emulator.md": "emulator/README.md",
    "command-line.md": "cli/README.md",
    "changelog.md": "CHANGELOG.md",
}
CODE = {"python", "js", "ts", "sh", "rust"}
#: What runs or checks the blocks of a page that say nothing else about themselves.
TESTED = {
    "README.md": ["tests/packaging/run.py", "tests/python/test_snippets.py"],
    "bindings-node/README.md": ["tests/node/snippets.test.mjs"],
    "core/README.md": ["core/src/lib.rs"],
    SKILL: ["tests/python/test_pages.py"],
    "docs/ag-ui.md": ["tests/python/test_ag_ui.py", "tests/node/browser-guide.test.mjs"],
    "docs/batch.md": ["tests/python/test_batch.py", "tests/rust/src/pages.rs"],
    "docs/browser.md": ["tests/node/browser-guide.test.mjs"],
    "docs/data.md": ["tests/python/test_data.py"],
    "docs/handles.md": ["tests/python/test_handles_guide.py", "tests/rust/src/pages.rs"],
    "docs/ledger.md": ["tests/python/test_snippets.py", "tests/node/snippets.test.mjs"],
    "docs/machines.md": ["tests/python/test_snippets.py"],
    "docs/migrating-from-agi-python.md": ["tests/python/test_migration.py"],
    "docs/migrating-from-raccoonai.md": ["tests/python/test_migration_raccoonai.py"],
    "docs/migrating-from-your-own-loop.md": [
        "tests/python/test_own_loop.py",
        "tests/docs/own-loop.test.mjs",
    ],
    "docs/notebooks.md": ["tests/python/test_notebook.py"],
    "docs/pool.md": ["tests/python/test_snippets.py", "tests/node/snippets.test.mjs"],
    "docs/raccoon.md": ["tests/python/test_guide.py", "tests/node/snippets.test.mjs"],
    "docs/recording.md": ["cli/tests/cli/record_proxy.rs"],
    "docs/recipes.md": ["tests/python/test_snippets.py", "tests/node/snippets.test.mjs"],
    "docs/rust.md": ["tests/rust/src/pages.rs"],
    "docs/telemetry.md": ["tests/python/test_telemetry.py"],
    "docs/temporal.md": ["tests/python/test_temporal.py", "tests/python/test_snippets.py"],
    "docs/test-your-app.md": ["tests/node/testing.test.mjs", "tests/python/test_pytest_plugin.py"],
    "docs/testing.md": ["tests/node/testing.test.mjs", "tests/python/test_pytest_plugin.py"],
    "docs/webhooks.md": ["tests/node/snippets.test.mjs"],
    "docs/typed-results.md": ["tests/python/test_snippets.py"],
    "emulator/README.md": ["tests/python/test_snippets.py", "tests/node/snippets.test.mjs"],
}
DEFAULT: object = {"tasks": []}


class Block(NamedTuple):
    page: str
    line: int
    language: str
    words: list[str]
    code: str
    output: str | None
    scenario: object
    input: str
    not_run: str | None
    example: str | None

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


MARK = re.compile(
    r"^<!-- (?P<mark>scenario|input|not run|example): (?P<value>.*?) -->$"
    r"|^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found: list[Block] = []
    scenario: object = DEFAULT
    said: dict[str, str] = {}
    end = 0
    for mark in MARK.finditer(text):
        if mark["mark"] == "scenario":
            scenario = json.loads(mark["value"])
        elif mark["mark"]:
            said[mark["mark"]] = mark["value"]
        else:
            language, *words = re.split(r"[\s,]+", mark["info"].strip()) or [""]
            follows = bool(found) and text[end : mark.start()].isspace()
            end = mark.end()
            example = said.pop("example", None) if page not in TESTED else None
            if example:
                is_file = language in ("yaml", "json")
                name = ".".join(reversed(example.split()))  # "yaml mug" is mug.yaml
                words = ["program", name] if is_file else ["run", *words]
            if language == "text":
                if words == ["output"] or (not words and follows and found[-1].example):
                    found[-1] = found[-1]._replace(output=mark["code"])
            elif language in CODE or example:
                line = text.count("\n", 0, mark.start()) + 1
                typed = f"{said['input']}\n" if "input" in said else ""
                rest = (scenario, typed, said.get("not run"), example)
                found.append(Block(page, line, language, words, mark["code"], None, *rest))
                said = {}
    return found


ALL = {page: blocks(page) for page in PAGES}


def runs(block: Block) -> bool:
    if block.page == SKILL:
        return True
    kind, *rest = block.words or [""]
    others = ("docs/temporal.md",)  # its programs are workers: test_temporal.py runs them
    return kind == "run" or (kind == "program" and bool(rest) and block.page not in others)


RUN = {page: found for page in PAGES if (found := [b for b in ALL[page] if runs(b)])}


def matches(expected: str, printed: str) -> bool:
    """Whether it was printed: "..." stands for anything."""
    parts = [re.escape(part) for part in expected.rstrip("\n").split("...")]
    return re.fullmatch(".*?".join(parts), printed.rstrip("\n"), re.DOTALL) is not None


def command(block: Block, path: Path) -> list[str]:
    return {
        "python": [sys.executable, "-W", "error", path.name],
        "js": ["node", path.name],
        "sh": [SHELL, "-eu", path.name],
    }[block.language]


def run(block: Block, folder: Path) -> None:
    rest = block.words[1:]
    ending = {"python": "py", "js": "mjs"}.get(block.language, block.language)
    path = folder / (rest[0] if rest else f"line_{block.line}.{ending}")
    path.write_text(block.code, encoding="utf-8")
    if block.language in ("yaml", "json"):
        return
    programs = [Path(sys.executable).parent, TARGET / "debug"]
    with Emulator(step_delay=0.0, browser="builtin", scenario=block.scenario) as emulator:  # type: ignore[arg-type]
        own = {
            "AGI_BASE_URL": emulator.url,
            "AGI_API_KEY": emulator.api_key,
            "RACCOON_BASE_URL": emulator.raccoon_url,
            "RACCOON_API_KEY": emulator.api_key,
            "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
        }
        done = subprocess.run(
            command(block, path),
            input=block.input,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=folder,
            env={**os.environ, **own},
        )
        assert done.returncode == 0, f"{block.name}\n{done.stdout}{done.stderr}"
        if block.language != "sh":
            assert done.stderr == "", block.name
        if block.output is not None:
            assert matches(block.output, done.stdout), f"{block.name} printed\n{done.stdout}"
        assert emulator.session_count == 0, f"{block.name} leaves a session behind"


@pytest.mark.parametrize("page", RUN)
def test_the_programs_of_a_page_run(page: str) -> None:
    folder = FOLDER / Path(page).stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for block in RUN[page]:
        run(block, folder)


@pytest.mark.parametrize("checker", [["mypy", "--strict", "--config-file="], ["pyright"]])
def test_the_programs_of_the_pages_type_check(checker: list[str], tmp_path: Path) -> None:
    paths = []
    for page, found in RUN.items():
        for block in found:
            if block.language == "python":
                name = f"{Path(page).stem}_line_{block.line}".replace("-", "_")
                path = tmp_path / f"{name}.py"
                path.write_text(block.code, encoding="utf-8")
                paths.append(str(path))
    assert len(paths) > 5
    chosen = [sys.executable, "-m", *checker]
    if checker[0] == "pyright":
        strict = {"typeCheckingMode": "strict", "include": ["."]}
        (tmp_path / "pyrightconfig.json").write_text(json.dumps(strict), encoding="utf-8")
        chosen += ["--pythonpath", sys.executable, "--project", str(tmp_path)]
        paths = []
    done = subprocess.run([*chosen, *paths], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def example(name: str) -> str:
    """An example of Rust as a reader of a page sees it."""
    text = (ROOT / "examples/rust" / f"{name}.rs").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("//!", "///"))]
    return "\n".join(lines).strip().replace("pub async fn", "async fn") + "\n"


def test_the_examples_of_the_pages_are_the_examples() -> None:
    shown = [b for found in ALL.values() for b in found if b.words[:1] == ["example"]]
    assert shown
    for block in shown:
        assert block.code == example(block.words[1]), block.name


def test_blocks_that_are_the_same_are_the_same() -> None:
    for block in (b for found in ALL.values() for b in found if b.words[:1] == ["same"]):
        assert block.code in [one.code for one in ALL[block.words[1]]], block.name


def test_the_rust_of_every_page_is_compiled() -> None:
    """rustdoc compiles what a crate includes for its doc tests, and nothing else does."""
    included = {
        (ROOT / source).parent.joinpath(path).resolve().relative_to(ROOT.resolve()).as_posix()
        for source in ("core/src/lib.rs", "tests/rust/src/pages.rs")
        for path in re.findall(
            r'^#\[doc = include_str!\("([^"]+)"\)\]$',
            (ROOT / source).read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    }
    shown = [b for page in every_page() for b in blocks(page) if b.language == "rust"]
    assert len(shown) > 15
    for block in shown:
        if block.words[:1] == ["example"]:  # cargo compiles the examples
            continue
        page = block.words[1] if block.words[:1] == ["same"] else block.page
        assert page in included, f"nobody compiles {block.name}: include it in pages.rs"
        left_out = {"ignore", "compile_fail", "text"} & set(block.words)
        assert not left_out, f"{block.name} is {left_out}: rustdoc does not compile it"
    without_rust = included - {block.page for block in shown}
    assert not without_rust, f"there is no Rust in {without_rust}"


def test_the_shell_of_every_page_needs_no_bash() -> None:
    """Also where it does not run: what a plain shell reads, and says otherwise than bash."""
    only_bash = {
        "[[ ]]": r"(?<![\w$])\[\[ ",
        "a list": r"^\s*\w+=\(",
        "<( )": r"[<>]\(",
        "$''": r"(?<![\w'\"])\$'",
        "<<<": r"<<<",
        "&>": r"&>",
        "source": r"^\s*source ",
        "pipefail": r"pipefail",
        "${name:...}": r"\$\{[\w@*]+(?::\d|//?)",
        "{a,b}": r"(?<![\w$'\"}])\{\w+,\w+\}",
    }
    wrong = []
    shown = [b for page in every_page() for b in blocks(page) if b.language == "sh"]
    assert len(shown) > 30
    for block in shown:
        read = subprocess.run([SHELL, "-n"], input=block.code, capture_output=True, text=True)
        if read.returncode:
            wrong.append(f"{block.name}: {read.stderr.strip()}")
        for what, pattern in only_bash.items():
            if re.search(pattern, re.sub(r"(?m)(^|\s)#.*", "", block.code), re.MULTILINE):
                wrong.append(f"{block.name}: {what} is of bash")
    assert not wrong, "\n".join(wrong)


def test_no_container_publishes_a_port_to_other_machines() -> None:
    examples = [
        path for path in ROOT.glob("examples/**/*") if path.suffix in (".py", ".mjs", ".go")
    ]
    for path in [*(ROOT / page for page in every_page()), *examples]:
        if "node_modules" not in path.parts:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"""(?:-p|--publish)["', =]+\d+:\d+""", text), path


def every_page() -> list[str]:
    """Every document of the repository, also those that no other test here looks at."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / SKILL]
    found += [*ROOT.glob("examples/**/*.md"), *ROOT.glob("tests/**/*.md")]
    return sorted({path.relative_to(ROOT).as_posix() for path in found})


def helped(*command: str) -> str:
    program = TARGET / "debug" / "sessionwire"
    done = subprocess.run([program, *command, "--help"], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def test_the_commands_of_the_pages_exist() -> None:
    """Also where they do not run: every command, and every option that it is given."""
    overall = helped()
    seen: dict[tuple[str, ...], str] = {}
    wrong = []
    for block in (b for found in ALL.values() for b in found if b.language == "sh"):
        code = re.sub(r"\\\n\s*|#.*", " ", block.code)
        for line in re.findall(
            r"(?:^ *|[|&;(] *|=\S* )sessionwire ((?:[^\n|&;>)]|\$\()+)", code, re.MULTILINE
        ):
            words = line.split()
            path: tuple[str, ...] = ()
            while words and re.fullmatch(r"[a-z-]+", words[0]) and not words[0].startswith("-"):
                longer = (*path, words[0])
                seen.setdefault(longer, helped(*longer))
                if not seen[longer] or (path and "\nCommands:\n" not in seen[path]):
                    break
                path = longer
                words.pop(0)
            help = seen.get(path, overall) + overall
            if not path and words and not words[0].startswith("-"):
                wrong.append(f"{block.name}: sessionwire {words[0]}")
            for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", line.replace('"', " ")):
                if option not in help:
                    wrong.append(f"{block.name}: sessionwire {' '.join(path)} {option}")
    assert len(seen) > 15
    assert wrong == []


def test_the_page_of_errors_has_every_error() -> None:
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    above = {"APIError", "SessionwireError"}
    assert listed | above == set(errors.__all__)
    assert all(f"`{name}`" in page for name in above)
    core = (ROOT / "core/src/error.rs").read_text(encoding="utf-8")
    named = set(re.findall(r'"([A-Z]\w+(?:Error|Timeout|Pending|TooLarge))"', core))
    assert len(named) > 15
    assert named <= set(errors.__all__)


@pytest.mark.parametrize("page", ["README.md", "bindings-node/README.md", "core/README.md", SKILL])
def test_the_links_of_a_registry_lead_somewhere(page: str) -> None:
    """What a registry shows has no folder around it: its links are absolute."""
    text = (ROOT / page).read_text(encoding="utf-8")
    raw = f"{REPOSITORY.replace('github.com', 'raw.githubusercontent.com')}main/"
    for link in re.findall(r"\]\(([^)\s]+)\)|(https://sessionwire\.github\.io\S+[a-z])", text):
        address, _, anchor = (link[0] or link[1]).partition("#")
        if address.startswith(SITE):
            name = address.removeprefix(SITE).replace(".html", ".md") or "index.md"
            if name.startswith(("reference/", "llms")):  # `make test-docs` looks for these
                continue
            target = ROOT / ELSEWHERE.get(name, f"docs/{name}")
        elif address.startswith((REPOSITORY, raw)):
            path = re.sub(r"^(blob|tree)/main/", "", address.removeprefix(REPOSITORY))
            target = ROOT / path.removeprefix(raw)
        else:
            assert address.startswith("https://"), f"{page}: {address} is not absolute"
            continue
        assert target.exists(), f"{page}: {address} leads nowhere"
        assert not anchor or f"{anchor}" in target.read_text(encoding="utf-8").lower().replace(
            " ", "-"
        )


def test_every_block_runs_or_says_why_not() -> None:
    idle = []
    others = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "tests/node").glob("*.mjs")]
    others += [*(ROOT / "cli/tests").rglob("*.rs"), *(ROOT / "emulator/tests").rglob("*.rs")]
    here = Path(__file__).name
    tests = "".join(path.read_text(encoding="utf-8") for path in others if path.name != here)
    counted = {"run": 0, "run by another test": 0, "not run": 0}
    for page, found in ALL.items():
        for block in found:
            if runs(block) or block.words[:1] in (["example"], ["same"]):
                counted["run"] += 1
            elif block.not_run is not None:
                assert len(block.not_run) > 10, f"{block.name}: say why it does not run"
                counted["not run"] += 1
            elif page in TESTED or Path(page).name in tests:
                counted["run by another test"] += 1
            else:
                idle.append(f"{block.name} ({block.language})")
    print(counted)
    assert not idle, "Say `run` after the language, or why not (see test_pages.py):\n" + "\n".join(
        idle
    )


def test_who_runs_the_blocks_of_a_page_reads_it() -> None:
    for page, tests in TESTED.items():
        for test in tests:
            text = (ROOT / test).read_text(encoding="utf-8")
            name = "README.md" if page.endswith("README.md") else Path(page).name
            assert name in text, f"{test} does not read {page}"

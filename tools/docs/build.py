"""Builds the site: stages the pages, generates the reference, runs the generator.

It also writes what programs read: the pages as Markdown, llms.txt and llms-full.txt.

Usage: build.py OUT PROGRAM: the folder to build in, and the command line whose help is shown.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import stage

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
#: Pages of the site that are written elsewhere.
ELSEWHERE = {
    "emulator/README.md": "emulator.md",
    "cli/README.md": "command-line.md",
    "CHANGELOG.md": "changelog.md",
    "docs/README.md": "contributors.md",
}
#: Where a page goes that the navigation does not name.
UNNAMED = "More"
#: Pages that are reached by links alone.
BY_LINK = ("decisions/", "spec/", "style.md", "field.md")


def repository() -> frozenset[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return frozenset(done.stdout.splitlines())


def pages(files: frozenset[str]) -> dict[str, str]:
    """Path in the repository to path on the site."""
    own = {file: file.removeprefix("docs/") for file in files if re.match(r"docs/.*\.md$", file)}
    return {**own, **ELSEWHERE}


def named(nav: list[Any]) -> list[str]:
    """The pages of a navigation, in order."""
    found: list[str] = []
    for entry in nav:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            found += named(value) if isinstance(value, list) else [value]
    return [page for page in found if "://" not in page]


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{as_toml(key)} = {as_toml(entry)}" for key, entry in value.items())
        return f"{{ {pairs} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def titled(nav: list[Any], texts: dict[str, str]) -> list[Any]:
    """The navigation with the title of each page beside it."""
    out: list[Any] = []
    for entry in nav:
        if isinstance(entry, str):
            out.append({stage.title(texts[entry]): entry})
        else:
            out.append(
                {
                    name: titled(value, texts) if isinstance(value, list) else value
                    for name, value in entry.items()
                }
            )
    return out


def sections(nav: list[Any], texts: dict[str, str]) -> list[str]:
    """The lines of llms.txt."""
    lines: list[str] = []
    for entry in nav:
        assert isinstance(entry, dict)
        for name, value in entry.items():
            lines += ["", f"## {name}", ""]
            for page in named(value):
                text = texts[page]
                about = stage.summary(text)
                lines.append(
                    f"- [{stage.title(text)}]({stage.SITE}{page}){': ' + about if about else ''}"
                )
    return lines


def generated(program: Path) -> dict[str, str]:
    """The pages that no one writes, by their path on the site."""
    import reference_data
    import reference_python

    made = {
        "reference/python.md": reference_python.page(ROOT),
        "reference/command-line.md": reference_data.command_line(program),
        "reference/scenarios.md": reference_data.scenarios(ROOT),
    }
    done = subprocess.run(
        ["node", str(HERE / "reference_node.mjs")], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    made["reference/node.md"] = done.stdout
    return made


def main() -> None:
    out, program = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    files = repository()
    site = stage.Site(pages(files), files)
    made = generated(program)
    # A link to a generated page is one to the site, and checked in the built pages.
    texts = {
        place: (ROOT / source).read_text(encoding="utf-8") for source, place in site.pages.items()
    }
    twins: dict[str, str] = {}
    broken: list[str] = []
    folder = out / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    for source, place in site.pages.items():
        try:
            written = stage.staged(texts[place], source, site)
            twins[place] = stage.plain(texts[place], source, site)
        except stage.Broken as error:
            broken.append(str(error))
            continue
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written, encoding="utf-8")
    if broken:
        sys.exit("\n".join(broken))
    for place, text in made.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        texts[place] = twins[place] = text

    settings = (HERE / "site.toml").read_text(encoding="utf-8")
    nav = tomllib.loads(settings)["project"]["nav"]
    there = named(nav)
    if missing := [page for page in there if page not in texts]:
        sys.exit(f"site.toml names pages that are not there: {', '.join(missing)}")
    if more := sorted(page for page in texts if page not in there and not page.startswith(BY_LINK)):
        nav.append({UNNAMED: more})
        print(f"note: not in the navigation of site.toml, and put last: {', '.join(more)}")
    line = f"nav = {as_toml(titled(nav, texts))}\n"
    head, _, rest = settings.partition("\nnav = [\n")
    _, _, rest = rest.partition("\n]\n")
    (out / "zensical.toml").write_text(f"{head}\n{line}{rest}", encoding="utf-8")

    assets = folder / "assets"
    assets.mkdir()
    for name in ("site.css", "site.js"):
        shutil.copy(HERE / name, assets)
    shutil.copy(out / "node_modules/iframe-worker/shim/index.js", assets / "iframe-worker.js")
    if (ROOT / "docs/pictures").is_dir():
        shutil.copytree(ROOT / "docs/pictures", folder / "pictures")

    shutil.rmtree(out / "site", ignore_errors=True)
    command = [str(Path(sys.executable).parent / "zensical"), "build", "--strict", "--clean"]
    done = subprocess.run(
        command,
        cwd=out,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "NO_COLOR": "1"},
    )
    print(done.stdout, end="")
    if done.returncode or "No issues found" not in done.stdout:
        sys.exit("The generator warns: see above.")

    for place, text in twins.items():
        (out / "site" / place).write_text(text, encoding="utf-8")
    index = texts["index.md"]
    lines = [f"# {stage.title(index)}", "", f"> {stage.summary(index)}", *sections(nav, texts), ""]
    (out / "site/llms.txt").write_text("\n".join(lines), encoding="utf-8")
    whole = "\n\n".join(twins[page].strip() for page in named(nav))
    (out / "site/llms-full.txt").write_text(f"{whole}\n", encoding="utf-8")
    print(f"{len(texts)} pages in {out / 'site'}")


if __name__ == "__main__":
    main()

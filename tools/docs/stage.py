"""From a page of the repository to a page of the site (pure): links, tabs, blocks, headings.

The pages are written to be read in the repository, too. So tabs are blocks below lines in bold,
between two comments, and links lead to files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import NamedTuple

REPOSITORY = "https://github.com/sessionwire/sessionwire"
SITE = "https://sessionwire.github.io/sessionwire/"

FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>```+)(?P<info>[^\n]*)\n(?P<code>.*?)^ *(?P=ticks)$", re.M | re.S
)
LINK = re.compile(r"(?<!\\)\]\((?P<link>[^)\s]+)\)|^(?P<name>\[[^\]]+\]: )(?P<target>\S+)", re.M)
HEADING = re.compile(r"^(#{1,6}) (.+)$", re.M)
COMMENT = re.compile(r"^<!-- (?!tabs|/tabs).*?-->\n", re.M | re.S)
TABS = re.compile(r"^<!-- tabs -->\n(.*?)^<!-- /tabs -->$", re.M | re.S)
TAB = re.compile(r"^\*\*([^*\n]+)\*\*$", re.M)


class Site(NamedTuple):
    """The pages, from their path in the repository to that on the site, and every file there is."""

    pages: dict[str, str]
    files: frozenset[str]


class Broken(Exception):
    """A link that leads nowhere."""


def anchors(text: str) -> list[str]:
    """The anchors of the headings, as GitHub makes them, in order."""
    seen: dict[str, int] = {}
    found = []
    for heading in HEADING.finditer(FENCE.sub("", text)):
        name = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[2]).strip().lower()
        name = "".join(c for c in name if c.isalnum() or c in " -_").replace(" ", "-")
        count = seen.get(name, 0)
        seen[name] = count + 1
        found.append(f"{name}-{count}" if count else name)
    return found


def link(link: str, source: str, site: Site) -> str:
    """Where a link of `source` leads on the site."""
    here = site.pages[source]
    if link.startswith(SITE):
        path, hash, anchor = link.removeprefix(SITE).partition("#")
        path = (path or "index.html").removesuffix(".html")
        path = path if path.endswith((".md", ".txt")) else f"{path}.md"
        return posixpath.relpath(path, posixpath.dirname(here) or ".") + hash + anchor
    if "://" in link or link.startswith(("mailto:", "#")):
        return link
    address, hash, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), address))
    if target in site.pages:
        path = posixpath.relpath(site.pages[target], posixpath.dirname(here) or ".")
        return path + hash + anchor
    if target.startswith("docs/pictures/"):
        path = target.removeprefix("docs/")
        return posixpath.relpath(path, posixpath.dirname(here) or ".")
    if target in site.files:
        return f"{REPOSITORY}/blob/main/{target}{hash}{anchor}"
    if any(file.startswith(f"{target}/") for file in site.files):
        return f"{REPOSITORY}/tree/main/{target}"
    raise Broken(f"{source}: the link {link} leads nowhere")


def outside_of_code(text: str, change: Callable[[str], str]) -> str:
    """Changes what is not in a fenced block."""
    parts = []
    at = 0
    for fence in FENCE.finditer(text):
        parts += [change(text[at : fence.start()]), fence[0]]
        at = fence.end()
    parts.append(change(text[at:]))
    return "".join(parts)


def with_links(text: str, source: str, site: Site) -> str:
    def moved(found: re.Match[str]) -> str:
        if found["name"]:
            return found["name"] + link(found["target"], source, site)
        return f"]({link(found['link'], source, site)})"

    return outside_of_code(text, lambda part: LINK.sub(moved, part))


def shown(fence: re.Match[str]) -> str:
    """A block as a reader sees it: the language alone, and nothing that a doc test hides."""
    language = re.split(r"[\s,]", fence["info"].strip())[0]
    code = fence["code"]
    if language == "rust":
        code = re.sub(r"^# ?.*\n", "", code, flags=re.M) if re.search(r"^# ", code, re.M) else code
    language = {"console": "sh", "": "text"}.get(language, language)
    return f"{fence['indent']}{fence['ticks']}{language}\n{code}{fence['indent']}{fence['ticks']}"


def plain(text: str, source: str, site: Site) -> str:
    """The page as Markdown for programs: links stay on the site, tabs stand one after another."""
    text = COMMENT.sub("", text)
    text = re.sub(r"^<!-- /?tabs -->\n+", "", text, flags=re.M)
    return FENCE.sub(shown, with_links(text, source, site))


def tabbed(found: re.Match[str]) -> str:
    _, *parts = TAB.split(found[1])
    if not parts:
        raise Broken(f"tabs without names: {found[1][:80]!r}")
    lines = []
    for label, body in zip(parts[::2], parts[1::2], strict=True):
        lines.append(f'=== "{label}"\n')
        lines += [f"    {line}" if line else "" for line in body.strip("\n").split("\n")]
        lines.append("")
    return "\n".join(lines)


def staged(text: str, source: str, site: Site) -> str:
    """The page as the generator takes it."""
    names = iter(anchors(text))
    text = COMMENT.sub("", text)
    text = with_links(text, source, site)
    text = outside_of_code(
        text, lambda part: HEADING.sub(lambda found: f"{found[0]} {{ #{next(names)} }}", part)
    )
    text = FENCE.sub(shown, text)
    return TABS.sub(tabbed, text)


def summary(text: str) -> str:
    """The first paragraph of a page, in one line, without links."""
    body = FENCE.sub("", COMMENT.sub("", text))
    paragraphs = [part.strip() for part in body.split("\n\n")]
    first = next((p for p in paragraphs if p and not p.startswith(("#", "|", "<", "!", "-"))), "")
    line = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(first.split()))
    return re.split(r"(?<=[.:!?]) (?=[A-Z`])", line)[0].rstrip(":")


def title(text: str) -> str:
    found = re.search(r"^# (.+)$", text, re.M)
    assert found, "a page without a title"
    return found[1].replace("`", "")

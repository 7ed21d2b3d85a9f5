"""Writes the tables of docs/scenarios.md from the schema of scenarios; `--check` only compares.

Each table stands between two comments of the page, which name the definition of the schema.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scenarios.md"
SCHEMA: dict[str, Any] = json.loads((ROOT / "emulator" / "scenario.schema.json").read_text())
TABLE = re.compile(r"(<!-- table: (\w+) \(make generate\) -->\n)(.*?)(<!-- end of table -->)", re.S)


def named(reference: str) -> str:
    return reference.rsplit("/", 1)[1]


def kind(schema: dict[str, Any]) -> str:
    """What a value must be, in a few words."""
    if "$ref" in schema:
        known = {
            "match": "match",
            "taskMatch": "match of a task",
            "turnMatch": "match of a turn",
            "conditions": "conditions",
            "seconds": "seconds",
            "dialect": "dialect",
        }
        return known.get(named(schema["$ref"]), named(schema["$ref"]))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"] if value is not None)
    if "anyOf" in schema:
        several = dict.fromkeys(kind(one) for one in schema["anyOf"])
        return " or ".join(one for one in several if one != "null")
    kinds = schema.get("type", "any JSON")
    if isinstance(kinds, list):
        kinds = " or ".join(one for one in kinds if one != "null")
    if kinds == "array":
        items = schema.get("items", {})
        lists = {"step": "steps", "turnStep": "steps", "answer": "branches", "todo": "entries"}
        if "$ref" in items:
            return f"list of {lists.get(named(items['$ref']), named(items['$ref']) + 's')}"
        return f"list of {kind(items)}"
    words = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    return words.get(str(kinds), str(kinds))


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def fields(schema: dict[str, Any]) -> list[str]:
    """The table of an object's fields."""
    objects = [schema, *schema.get("anyOf", [])]
    properties = next(one["properties"] for one in objects if "properties" in one)
    lines = [row("field", "value", "meaning"), "|---|---|---|"]
    lines += [
        row(f"`{name}`", kind(value), value["description"]) for name, value in properties.items()
    ]
    return lines


def steps(schema: dict[str, Any]) -> list[str]:
    """The table of the kinds of steps."""
    lines = [row("step", "meaning", "beside it", "example"), "|---|---|---|---|"]
    for step in schema["oneOf"]:
        title = step["title"]
        beside = [
            f"`{name}` ({kind(value)}): {value['description']}"
            for name, value in step["properties"].items()
            if name not in (title, "after")
        ]
        value = step["properties"][title]
        meaning = f"{step['description']} Its value: {kind(value)}."
        example = f"`{json.dumps(step['examples'][0], ensure_ascii=False)}`"
        lines.append(row(f"`{title}`", meaning, "<br>".join(beside), example))
    return lines


def table(name: str) -> str:
    schema = SCHEMA if name == "scenario" else SCHEMA["$defs"][name]
    lines = steps(schema) if "oneOf" in schema else fields(schema)
    return "\n" + "\n".join(lines) + "\n\n"


def written(page: str) -> str:
    """The page with the tables of now."""
    return TABLE.sub(lambda found: found[1] + table(found[2]) + found[4], page)


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    new = written(page)
    if "--check" in sys.argv:
        if new != page:
            sys.exit("docs/scenarios.md is out of date: run make generate")
    else:
        PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()

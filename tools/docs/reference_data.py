"""The reference of the command line, from its help, and of scenarios, from their schema."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any


def asked(program: Path, *command: str) -> str:
    done = subprocess.run(
        [str(program), *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "100", "NO_COLOR": "1"},
    )
    return done.stdout


def commands(help: str) -> list[str]:
    """The commands that a help lists."""
    _, found, rest = help.partition("\nCommands:\n")
    if not found:
        return []
    lines = rest.partition("\n\n")[0].splitlines()
    names = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    return [name for name in names if name != "help"]


def command_line(program: Path) -> str:
    """Every command with its help, depth first."""
    parts = [
        "# Every command and option\n\nWhat `sessionwire COMMAND --help` says, of each command. "
        "[The command line](../command-line.md) explains them.\n"
    ]

    def add(path: list[str]) -> None:
        help = asked(program, *path).rstrip()
        heading = "sessionwire " + " ".join(path)
        parts.append(f"## `{heading.strip()}`\n\n```text\n{help}\n```\n")
        for name in commands(help):
            add([*path, name])

    add([])
    return "\n".join(parts)


def kind(schema: dict[str, Any]) -> str:
    """A type of the schema in a few words."""
    if ref := schema.get("$ref"):
        name = ref.rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(kind(one) for one in schema[word]))
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    types = schema.get("type", "anything")
    names = types if isinstance(types, list) else [types]
    if schema.get("properties") and names == ["object"]:
        return "{ " + ", ".join(f"`{name}`" for name in schema["properties"]) + " }"
    return " or ".join(names)


def table(schema: dict[str, Any]) -> list[str]:
    required = schema.get("required", [])
    lines = ["| field | type | says |", "|---|---|---|"]
    for name, field in schema.get("properties", {}).items():
        field = field if isinstance(field, dict) else {}
        about = " ".join(str(field.get("description", "")).split()).replace("|", "\\|")
        must = " (required)" if name in required else ""
        lines.append(f"| `{name}`{must} | {kind(field)} | {about} |")
    return [*lines, ""]


def scenarios(root: Path) -> str:
    """The format of scenarios."""
    schema = json.loads((root / "emulator/scenario.schema.json").read_text(encoding="utf-8"))
    lines = [
        "# The format of scenarios",
        "",
        schema["description"] + " This page is made of the JSON Schema that both packages carry "
        "(`sessionwire/scenario.schema.json`); editors check a file by it. "
        "[The emulator](../emulator.md#scenarios) shows scenarios at work.",
        "",
        "## The file",
        "",
        *table(schema),
    ]
    for name, definition in schema["$defs"].items():
        lines += [f"## {name} {{ #{name.lower()} }}", ""]
        if about := definition.get("description"):
            lines += [about, ""]
        if "oneOf" in definition and all("title" in one for one in definition["oneOf"]):
            for one in definition["oneOf"]:
                anchor = f"{name.lower()}-{one['title'].lower().replace(' ', '-')}"
                lines += [f"### `{one['title']}` {{ #{anchor} }}", ""]
                lines += [one.get("description", ""), "", *table(one)]
        elif definition.get("properties"):
            lines += table(definition)
        else:
            limits = ", ".join(
                f"{word} {definition[word]}"
                for word in ("minimum", "maximum")
                if word in definition
            )
            lines += [f"{kind(definition).capitalize()}{', ' + limits if limits else ''}.", ""]
    return "\n".join(lines)

"""Writes the types of the seam: what the bindings hand to the core, and what they get.

The core is the source: `cargo run --example seam_schema` prints its JSON Schema, which this reads
from standard input. With `--check` nothing is written: it fails where a file is out of date.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SERVICES = {"agi": "AGI", "raccoon": "Raccoon"}
PYTHON = ROOT / "bindings-python/python/sessionwire"
NODE = ROOT / "bindings-node/ts/src"

Schema = dict[str, Any]


def camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def reference(schema: Schema) -> str:
    name: str = schema["$ref"].rsplit("/", 1)[1]
    return name


def alternatives(schema: Schema) -> list[Schema] | None:
    """The schemas of which a value has one, where there are several."""
    for key in ("anyOf", "oneOf"):
        if key in schema:
            found: list[Schema] = schema[key]
            return found
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [{**schema, "type": kind} for kind in kinds]
    return None


def members(schema: Schema) -> list[tuple[str, Schema, bool]]:
    """An object's members: name, schema, and whether it must be there."""
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    return [(name, member, name in required) for name, member in properties.items()]


IN_TYPESCRIPT = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}

IN_PYTHON = {
    "string": "str",
    "integer": "int",
    # All numbers are seconds.
    "number": "float | timedelta",
    "boolean": "bool",
    "null": "None",
}

NOTE = "`make generate` writes this file: do not edit it."


class TypeScript:
    """The types as TypeScript has them."""

    def type(self, schema: Schema | bool, given: bool) -> str:
        """A schema's type; `given`: it is what a caller hands over."""
        if isinstance(schema, bool):
            return "unknown"
        if "$ref" in schema:
            return reference(schema)
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return " | ".join(json.dumps(value) for value in schema["enum"])
        if (several := alternatives(schema)) is not None:
            return " | ".join(self.type(one, given) for one in several)
        match schema.get("type"):
            case "array":
                item = self.type(schema.get("items", {}), given)
                item = f"({item})" if "|" in item else item
                return f"readonly {item}[]" if given else f"{item}[]"
            case "object" if "properties" in schema or schema.get("additionalProperties") is False:
                return self.object(schema, given)
            case "object":
                values = schema.get("additionalProperties", True)
                of = "unknown" if values is True else self.type(values, given)
                return f"{{ [name: string]: {of} }}"
            case None:
                return "unknown"
            case kind:
                return IN_TYPESCRIPT[kind]

    def object(self, schema: Schema, given: bool) -> str:
        lines = []
        for name, member, required in members(schema):
            of = self.type(member, given)
            lines.append(f"{name}: {of};" if required else f"{name}?: {of} | undefined;")
        if schema.get("additionalProperties") is True:
            lines.append("[name: string]: unknown;")
        return "{ " + " ".join(lines) + " }"

    def file(self, service: str, schema: Schema) -> str:
        lines = [
            "/**",
            f" * What the core takes and gives for {SERVICES[service]}. {NOTE}",
            " */",
            "",
        ]
        for part, given in (("inputs", True), ("outputs", False)):
            for name, definition in sorted(schema[part]["definitions"].items()):
                lines.append(f"export type {name} = {self.type(definition, given)};\n")
        for name, root in schema["inputs"]["roots"].items():
            lines.append(f"export type {name} = {self.type(root, True)};\n")
        for name, outputs in schema["outputs"]["roots"].items():
            fields = " ".join(f"{op}: {self.type(of, False)};" for op, of in outputs.items())
            lines.append(f"export interface {name} {{ {fields} }}\n")
        text = "\n".join(lines)
        path = NODE / service / "seam.ts"
        biome = ["npx", "--no-install", "biome", "format", f"--stdin-file-path={path}"]
        return formatted(biome, text)


class Python:
    """The operations as Python has them."""

    def type(self, schema: Schema | bool) -> str:
        if isinstance(schema, bool):
            return "Any"
        if "$ref" in schema:
            return reference(schema)
        if "const" in schema:
            return f"Literal[{json.dumps(schema['const'])}]"
        if "enum" in schema:
            return f"Literal[{', '.join(json.dumps(value) for value in schema['enum'])}]"
        if (several := alternatives(schema)) is not None:
            return " | ".join(self.type(one) for one in several)
        match schema.get("type"):
            case "array":
                return f"Sequence[{self.type(schema.get('items', {}))}]"
            case "object":
                values = schema.get("additionalProperties", True)
                return f"Mapping[str, {'Any' if values is True else self.type(values)}]"
            case None:
                return "Any"
            case kind:
                return IN_PYTHON[kind]

    def typed_dict(self, name: str, schema: Schema) -> list[str]:
        lines = [f"class {name}(TypedDict):"]
        for member, of, required in members(schema):
            kind = self.type(of)
            lines.append(f"    {member}: {kind if required else f'NotRequired[{kind}]'}")
        return [*lines, "", ""]

    def union(self, name: str, root: Schema) -> list[str]:
        """One class for each operation, and the union of them."""
        lines: list[str] = []
        names = []
        for one in root["oneOf"]:
            tag = one["properties"].get("op") or one["properties"]["check"]
            names.append(camel(tag["const"]) + name)
            lines += self.typed_dict(names[-1], one)
        return [*lines, f"{name}: TypeAlias = {' | '.join(names)}", ""]

    def file(self, service: str, schema: Schema) -> str:
        inputs = schema["inputs"]
        lines = []
        for name, definition in sorted(inputs["definitions"].items()):
            if definition.get("type") == "object":
                lines += self.typed_dict(name, definition)
            else:
                lines += [f"{name}: TypeAlias = {self.type(definition)!r}", ""]
        for name, root in inputs["roots"].items():
            lines += self.union(name, root)
        used = " ".join(lines)
        typing = ["Any", "Literal", "NotRequired", "TypeAlias", "TypedDict"]
        abc = [name for name in ("Mapping", "Sequence") if f"{name}[" in used]
        head = [
            f'"""What the core takes for {SERVICES[service]}. {NOTE}"""',
            "",
            "from __future__ import annotations",
            "",
            f"from typing import {', '.join(name for name in typing if name in used)}",
            "",
            "TYPE_CHECKING = False",
            "if TYPE_CHECKING:",
            f"    from collections.abc import {', '.join(abc)}",
            "    from datetime import timedelta",
            "",
        ]
        text = "\n".join([*head, *lines])
        path = PYTHON / f"_{service}" / "seam.py"
        ruff = Path(sys.executable).with_name("ruff")
        return formatted([str(ruff), "format", "--quiet", f"--stdin-filename={path}", "-"], text)


def formatted(command: list[str], text: str) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        sys.exit(f"The generated file cannot be formatted: {done.stderr}\n{text}")
    return done.stdout


def complete(service: str, schema: Schema) -> None:
    """Every operation has an output, and every output its operation."""
    for inputs, outputs in (("Operation", "Outputs"), *WORK[service]):
        named = {
            one["properties"]["op"]["const"] for one in schema["inputs"]["roots"][inputs]["oneOf"]
        }
        given = set(schema["outputs"]["roots"][outputs])
        if named != given:
            sys.exit(
                f"core/src/seam/schema.rs: {outputs} of {service} and {inputs} differ in "
                f"{sorted(named ^ given)}. Say there what each operation gives."
            )


WORK = {
    "agi": [("TaskOperation", "TaskOutputs"), ("PoolOperation", "PoolOutputs")],
    "raccoon": [("TurnOperation", "TurnOutputs")],
}


def main() -> None:
    check = sys.argv[1:] == ["--check"]
    schemas = json.load(sys.stdin)
    stale = []
    for service, schema in schemas.items():
        complete(service, schema)
        for path, text in (
            (NODE / service / "seam.ts", TypeScript().file(service, schema)),
            (PYTHON / f"_{service}" / "seam.py", Python().file(service, schema)),
        ):
            if path.exists() and path.read_text() == text:
                continue
            if check:
                stale.append(str(path.relative_to(ROOT)))
            else:
                path.write_text(text)
    if stale:
        sys.exit(f"{', '.join(stale)}: out of date with core/src/seam: run make generate")


if __name__ == "__main__":
    main()

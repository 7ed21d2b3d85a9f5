"""The reference of Python, from signatures and docstrings in the sources; nothing is imported."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Callable
from pathlib import Path

import griffe

GROUPS = {
    "Errors": r"(Error|Pending|Timeout|TooLarge)$",
    "Emulator": r"Emulator|Agent|^CapturedRequest$|^WebhookAttempt$",
    "Raccoon, asyncio": r"^Async(Raccoon|.*Turn|Media)",
    "Raccoon": r"^(Raccoon.*|.*Turn.*|Uploaded.*|Media|History.*|ResumePoint|StopResult)$",
    "AGI, asyncio": r"^Async",
    "Events": r"Event$|Stream$",
    "AGI": r"",
}
ORDER = ("AGI", "AGI, asyncio", "Events", "Raccoon", "Raccoon, asyncio", "Errors", "Emulator")


def names(package: Path) -> list[str]:
    """`__all__` of a module."""
    for node in ast.parse(package.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(node.value))
    raise ValueError(f"{package} has no __all__")


def cell(text: str) -> str:
    """A text in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def prose(text: str) -> str:
    """A part of a docstring as Markdown: what is indented is code."""
    out: list[str] = []
    code = False
    for line in text.split("\n"):
        if line.startswith("    ") and not code and (not out or not out[-1]):
            out.append("```python")
            code = True
        elif code and line and not line.startswith(" "):
            while not out[-1]:
                out.pop()
            out += ["```", ""]
            code = False
        out.append(line.removeprefix("    ") if code else line)
    return "\n".join([*out, "```"] if code else out)


def example(text: str) -> str:
    """A session of the interpreter as a program, with its output as comments."""
    lines = []
    for line in text.strip().split("\n"):
        said = line.startswith((">>> ", "... "))
        lines.append(line[4:] if said or line in (">>>", "...") else f"# {line}" if line else line)
    return "\n".join(["```python", *lines, "```"])


def docstring(item: griffe.Object | griffe.Alias, table: bool = False) -> str:
    if item.docstring is None:
        return ""
    parts: list[str] = []
    for section in item.docstring.parse("google", warnings=False):
        value = section.value
        match section.kind.value:
            case "text":
                parts.append(value if table else prose(value))
            case "parameters" | "other parameters" | "attributes":
                # Of what is not in the signature: the attributes of an error, for example.
                lines = [f"- `{one.name}`: {' '.join(one.description.split())}" for one in value]
                parts.append("\n".join(lines))
            case "raises":
                lines = [
                    f"- `{one.annotation}`: {' '.join(one.description.split())}" for one in value
                ]
                parts.append("\n".join(["Raises:", "", *lines]))
            case "returns" | "yields":
                text = " ".join(" ".join(one.description.split()) for one in value)
                parts.append(f"{section.kind.value.capitalize()}: {text}")
            case "examples":
                for kind, text in value:
                    parts.append(example(text) if kind.value == "examples" else prose(text))
            case "admonition":
                body = value.description
                shown = example(body) if ">>>" in body else prose(body)
                parts.append(f"{section.title}:\n\n{shown}")
            case other:
                raise ValueError(f"{item.path}: a section {other} in the docstring")
    return "\n\n".join(part.strip("\n") for part in parts)


def default(parameter: griffe.Parameter) -> str:
    return "" if parameter.default is None else f" = {parameter.default}"


def signature(function: griffe.Function, name: str) -> str:
    parts: list[str] = []
    keyword_only = False
    for parameter in function.parameters:
        if parameter.name in ("self", "cls") and not parts:
            continue
        kind = parameter.kind.value if parameter.kind else ""
        if kind == "keyword-only" and not keyword_only:
            keyword_only = True
            parts.append("*")
        if kind == "variadic positional":
            keyword_only = True
        star = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        shown = f"{star}{parameter.name}"
        if parameter.annotation is not None:
            shown += f": {parameter.annotation}"
        parts.append(shown + ("" if star else default(parameter)))
    coroutine = "async " if "async" in function.labels else ""
    returns = f" -> {function.returns}" if function.returns is not None else ""
    line = f"{coroutine}def {name}({', '.join(parts)}){returns}"
    if len(line) <= 96:
        return line
    return f"{coroutine}def {name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returns}"


def is_public(name: str) -> bool:
    return not name.startswith("_")


def resolved(item: griffe.Object | griffe.Alias) -> griffe.Object:
    return item.final_target if isinstance(item, griffe.Alias) else item


def described(name: str, item: griffe.Object, level: int = 3) -> list[str]:
    anchor = name.lower().replace(".", "-")
    lines = [f"{'#' * level} `{name}` {{ #{anchor} }}", ""]
    if isinstance(item, griffe.Class):
        bases = [str(base) for base in item.bases if not str(base).startswith("_")]
        if bases:
            lines += [f"Bases: {', '.join(f'`{base}`' for base in bases)}", ""]
        init = item.all_members.get("__init__")
        if init is not None and isinstance(resolved(init), griffe.Function):
            made = resolved(init)
            assert isinstance(made, griffe.Function)
            if len(made.parameters) > 1:
                made_by = signature(made, name).removeprefix("def ").removesuffix(" -> None")
                lines += ["```python", made_by, "```", ""]
        lines += [docstring(item), ""]
        fields, methods = [], []
        for member_name, member in item.all_members.items():
            if not is_public(member_name):
                continue
            member = resolved(member)
            if isinstance(member, griffe.Function):
                methods.append((member_name, member))
            elif isinstance(member, griffe.Attribute):
                fields.append((member_name, member))
        if fields:
            lines += ["| name | type | is |", "|---|---|---|"]
            for field_name, field in fields:
                about = cell(docstring(field, table=True))
                type = f"`{field.annotation}`".replace("|", "\\|") if field.annotation else ""
                lines.append(f"| `{field_name}` | {type} | {about} |")
            lines.append("")
        for method_name, method in methods:
            lines += [
                f"{'#' * (level + 1)} `{name}.{method_name}` {{ #{anchor}-{method_name.lower()} }}",
                "",
            ]
            overloads = (item.overloads or {}).get(method_name) or []
            shown = [signature(one, method_name) for one in overloads or [method]]
            lines += ["```python", *shown, "```", "", docstring(method), ""]
    elif isinstance(item, griffe.Function):
        lines += ["```python", signature(item, name), "```", "", docstring(item), ""]
    else:
        value = getattr(item, "value", None)
        if value is not None and len(str(value)) < 400:
            lines += ["```python", f"{name} = {value}", "```", ""]
        lines += [docstring(item), ""]
    return lines


def page(root: Path) -> str:
    logging.getLogger("griffe").setLevel(logging.ERROR)
    sources = root / "bindings-python/python"
    package = griffe.load(
        "sessionwire",
        search_paths=[str(sources)],
        allow_inspection=False,
        resolve_aliases=True,
        submodules=True,
    )
    assert isinstance(package, griffe.Module)
    for late in ("_async", "_wait_async", "_sync"):
        assert late in package.members, late

    def find(name: str) -> griffe.Object | None:
        places = [package, package["_async"], package["_wait_async"]]
        for place in places:
            member = place.members.get(name)
            if member is not None:
                found = resolved(member)
                if not isinstance(found, griffe.Module):
                    return found
        return None

    every = [name for name in names(sources / "sessionwire/__init__.py") if is_public(name)]
    lines = [
        "# Python",
        "",
        "Every public name of `sessionwire`, from the sources: its signature, and what it says of "
        "itself. Times are in seconds. [Quickstart](../quickstart.md) shows how they go together.",
        "",
    ]
    left = list(every)
    groups = [
        (title, [name for name in every if re.search(pattern, name)])
        for title, pattern in GROUPS.items()
    ]
    parts = {}
    for title, found in groups:
        parts[title] = [name for name in found if name in left]
        left = [name for name in left if name not in parts[title]]
    for title in ORDER:
        lines += section(title, parts[title], find)
    for module in ("webhooks", "ag_ui"):
        source = sources / f"sessionwire/{module}.py"
        place = package[module]
        lines += [f"## `sessionwire.{module}` {{ #{module} }}", "", docstring(place), ""]
        for name in names(source):
            item = resolved(place.members[name])
            lines += described(f"{module}.{name}", item)
    return "\n".join(lines)


def section(title: str, found: list[str], find: Callable[[str], griffe.Object | None]) -> list[str]:
    if not found:
        return []
    lines = [f"## {title}", ""]
    for name in found:
        item = find(name)
        if item is None:
            if name == "webhooks":
                continue
            raise ValueError(f"{name} is in __all__, and in no source")
        lines += described(name, item)
    return lines

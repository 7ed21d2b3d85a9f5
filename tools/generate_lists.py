"""Writes the lists of endpoints and event types that other languages and documents have.

    sessionwire-lists | python tools/generate_lists.py           # writes them
    sessionwire-lists | python tools/generate_lists.py --check   # fails if one is out of date

The tables in Rust are the source: `emulator/src/faults/endpoint.rs` and `core/src/event.rs`. A list
that is a part of a file stands there between two lines with marks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / "bindings-python" / "python" / "sessionwire"
NODE = ROOT / "bindings-node" / "ts" / "src"


def between_marks(path: Path, name: str, text: str) -> str:
    """The file with this text between the lines that begin and end the list of that name."""
    lines = path.read_text().splitlines(keepends=True)
    begin, end = (
        [at for at, line in enumerate(lines) if mark in line]
        for mark in (f"generated: {name} (make generate)", f"end of generated: {name}")
    )
    if len(begin) != 1 or len(end) != 1 or begin > end:
        sys.exit(f"{path.relative_to(ROOT)} needs one pair of marks of the list {name}")
    return "".join([*lines[: begin[0] + 1], text, *lines[end[0] :]])


def endpoints_ts(endpoints: list[dict[str, Any]]) -> str:
    names = [*(endpoint["name"] for endpoint in endpoints), "webhook", "*"]
    union = "".join(f'\n  | "{name}"' for name in names)
    return (
        "/**\n * Generated from `emulator/src/faults/endpoint.rs` by `make generate`: change that"
        " file, and run it.\n */\n\n"
        "/** Which requests a fault is for; `webhook`: none, but the webhooks; `*`: all. */\n"
        f"export type Endpoint ={union};\n"
    )


def endpoints_md(endpoints: list[dict[str, Any]]) -> str:
    rows = [
        f"| `{endpoint['name']}` | {', '.join(f'`{one}`' for one in endpoint['requests'])} |\n"
        for endpoint in endpoints
    ]
    return "\n".join(["", "| `on` | requests |", "|---|---|", "".join(rows), ""])


def class_names(events: list[dict[str, Any]], source: str) -> list[str]:
    """The classes of the events from there. Of a type that both services have, a turn's says so."""
    return [
        ("Turn" if source == "turn" and len(event["from"]) > 1 else "") + event["word"] + "Event"
        for event in events
        if source in event["from"]
    ]


def union(names: list[str], indent: str) -> str:
    """The members of a union, one a line."""
    return "".join(f"{indent}| {name}\n" for name in names)


def union_py(names: list[str], indent: str) -> str:
    return union(names, indent).replace("| ", "", 1)


def union_ts(name: str, names: list[str]) -> str:
    return f"export type {name} =\n{union(names, '  ').rstrip()};\n"


HEADER = '''"""{about}

Generated from `core/src/event.rs` by `make generate`: change that file, and run it.
"""

from __future__ import annotations

from .._native import (
{imports})

TYPE_CHECKING = False
if TYPE_CHECKING:
'''

AGI = """    # The union of the known types. A service may send others: they arrive as UnknownEvent,
    # for which `match` needs its own `case UnknownEvent()` or `case _`.
    from .._native import _AnyEvent as Event
else:
    # At run time the base class, so that isinstance() covers unknown types too.
    from .._native import Event
"""

TURN = """    from typing import TypeAlias

    # The known kinds. A service may send others: they arrive as UnknownTurnEvent,
    # for which `match` needs its own `case UnknownTurnEvent()` or `case _`.
    TurnEvent: TypeAlias = (
{union}    )
else:
    # At run time the base class, so that isinstance() covers unknown kinds too.
    from .._native import TurnEvent
"""


def listed(names: list[str], form: str) -> str:
    return "".join(form.format(name) for name in sorted(names))


def events_py(about: str, classes: list[str], base: str, unknown: str, body: str) -> str:
    imported = [*classes, unknown]
    head = HEADER.format(about=about, imports=listed(imported, "    {},\n"))
    names = listed([*imported, base], '    "{}",\n')
    return f"{head}{body}\n__all__ = [\n{names}]\n"


def generate(lists: dict[str, list[dict[str, Any]]]) -> dict[Path, str]:
    """The files, with their texts."""
    endpoints, events = lists["endpoints"], lists["events"]
    agi, turn = class_names(events, "agi"), class_names(events, "turn")
    readme, stub = ROOT / "emulator" / "README.md", PYTHON / "_native.pyi"
    node_agi, node_turn = NODE / "agi" / "events.ts", NODE / "raccoon" / "events.ts"
    return {
        NODE / "emulator" / "endpoints.ts": endpoints_ts(endpoints),
        readme: between_marks(readme, "endpoints", endpoints_md(endpoints)),
        stub: between_marks(stub, "events", union_py(agi, "    ")),
        node_agi: between_marks(node_agi, "events", union_ts("AgiEvent", [*agi, "UnknownEvent"])),
        node_turn: between_marks(
            node_turn, "events", union_ts("TurnEvent", [*turn, "UnknownTurnEvent"])
        ),
        PYTHON / "_agi" / "events.py": events_py(
            "The events of a stream: one class per known type, told apart by `type`.",
            agi,
            "Event",
            "UnknownEvent",
            AGI,
        ),
        PYTHON / "_raccoon" / "events.py": events_py(
            "The events of a turn: one class per known kind, told apart by `type` (or `kind`).",
            turn,
            "TurnEvent",
            "UnknownTurnEvent",
            TURN.format(union=union_py(turn, "        ")),
        ),
    }


def main() -> int:
    made = generate(json.load(sys.stdin))
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            name = path.relative_to(ROOT)
            print(f"{name} is out of date: run make generate", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(made[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The tables for people and the JSON lines for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness import plan
from harness.environment import Environment
from harness.footprint import OURS, Footprint
from harness.measure import Outcome, Spread
from harness.plan import Target


class Records:
    """A file of JSON lines, written as the figures come."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        self.path = path

    def add(self, kind: str, **fields: Any) -> None:
        """Write one line."""
        with self.path.open("a") as file:
            file.write(json.dumps({"kind": kind, **fields}) + "\n")


def print_outcome(outcome: Outcome, environment: Environment) -> None:
    """One suite under one load."""
    suite = outcome.suite
    ran = [client for client in (suite.ours, *suite.peers) if client.name in outcome.samples]
    rows = []
    for client in ran:
        rate, cpu = outcome.rate(client), outcome.cpu(client)
        rows.append(
            (
                f"{client.name} ({client.package} {environment.version(suite.language, client)})"
                if client.name != client.package
                else f"{client.name} {environment.version(suite.language, client)}",
                f"{rate.median / 1e3:.0f} ({rate.low / 1e3:.0f} to {rate.high / 1e3:.0f})",
                f"{cpu.median:.2f} ({cpu.low:.2f} to {cpu.high:.2f})",
                times(outcome.speed_up(client.name)),
                times(outcome.cpu_saving(client.name)),
            )
        )
    rounds = len(next(iter(outcome.samples.values())))
    print(f"\n{suite.title}: {outcome.load}; rounds: {rounds}, median (min to max)")
    print_table(
        ("client", "thousand events/s", "CPU s per million", "we are faster", "we use less CPU"),
        rows,
    )
    fastest = max(outcome.rate(client).high for client in ran)
    margin = outcome.server_alone / fastest
    alone = f"the load server alone: {outcome.server_alone / 1e3:,.0f} thousand events/s"
    warning = (
        ""
        if margin >= 2
        else " (too few: the loopback connection itself is part of what was measured)"
    )
    print(f"  {alone}, {margin:.1f} times the fastest run above{warning}")


def print_footprint(footprint: Footprint) -> None:
    """Import times over the bare interpreter."""
    print("\nImport, milliseconds over the bare interpreter: median (min to max)")
    rows = [(module, ranged(spread, 1)) for module, spread in footprint.over_bare.items()]
    print_table(("module", "ms"), [("(python -c pass)", ranged(footprint.bare, 1)), *rows])


def print_targets(
    title: str, targets: Sequence[Target], outcomes: Iterable[Outcome], records: Records
) -> None:
    """Each ratio, met or not."""
    by_load = {
        (outcome.suite.key, outcome.load.size): outcome
        for outcome in outcomes
        if outcome.load.delivery == "each"
    }
    print(f"\n{title}")
    for target in targets:
        outcome = by_load.get((target.suite, target.size))
        ratio = outcome.speed_up(target.peer) if outcome else None
        what = f"{target.suite}, {target.size:,} bytes: "
        what += f"at least {target.ratio:g} times {target.peer}"
        if ratio is None:
            print_target(what, None, records)
        else:
            measured = (ratio.median, times(ratio))
            print_target(what, ratio.median >= target.ratio, records, *measured)


def print_limits(footprint: Footprint | None, records: Records) -> None:
    """Each limit on import and size, kept or not."""
    print("\nLimits")
    limit = f"at most {plan.IMPORT_LIMIT_MS:.0f} ms"
    over_bare, importtime = f"import over python -c pass: {limit}", f"-X importtime: {limit}"
    no_packages = "import of no third-party package"
    size = f"wheel: at most {plan.WHEEL_LIMIT_MB:.0f} MB"
    ours = footprint.ours if footprint else None
    if footprint is None or ours is None:
        for what in (over_bare, importtime, no_packages, size):
            print_target(what, None, records)
        return
    spread, total = footprint.over_bare[OURS], ours.importtime_ms
    met = spread.median <= plan.IMPORT_LIMIT_MS
    print_target(over_bare, met, records, spread.median, f"{ranged(spread, 1)} ms")
    print_target(importtime, total <= plan.IMPORT_LIMIT_MS, records, total, f"{total:.1f} ms")
    packages = ours.third_party
    print_target(no_packages, not packages, records, len(packages), ", ".join(packages) or "none")
    met = ours.wheel_mb <= plan.WHEEL_LIMIT_MB
    print_target(size, met, records, ours.wheel_mb, f"{ours.wheel_mb:.2f} MB")


def print_target(
    what: str,
    met: bool | None,
    records: Records,
    value: float | None = None,
    shown: str = "",
) -> None:
    """One line: met, not met or not measured."""
    verdict = {None: "not measured", True: "met", False: "NOT MET"}[met]
    print(f"  {verdict:<13} {what}" + (f": {shown}" if shown else ""))
    records.add("target", target=what, met=met, value=value)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Left-aligned names, right-aligned figures; a column without any figure is left out."""
    used = [column for column in range(len(head)) if any(row[column] for row in rows)]
    head, rows = [head[i] for i in used], [[row[i] for i in used] for row in rows]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        print("  " + "   ".join(cells).rstrip())


def ranged(spread: Spread, digits: int) -> str:
    """Median, and both ends."""
    return f"{spread.median:.{digits}f} ({spread.low:.{digits}f} to {spread.high:.{digits}f})"


def times(spread: Spread | None) -> str:
    """A ratio; empty where there is none."""
    return "" if spread is None else f"{spread.median:.1f}x ({spread.low:.1f} to {spread.high:.1f})"

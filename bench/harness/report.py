"""The tables for people, the same as Markdown, and the JSON lines for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness import plan
from harness.environment import Environment
from harness.errors import BenchError
from harness.footprint import OURS, Footprint
from harness.measure import Outcome, Spread
from harness.plan import Client, Target


class Records:
    """A file of JSON lines and one of Markdown, written as the figures come, and the terminal."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.markdown = path.with_suffix(".md")
        self.failures: list[str] = []
        path.write_text("")
        self.markdown.write_text("")

    def add(self, kind: str, **fields: Any) -> None:
        """Write one line for programs."""
        with self.path.open("a") as file:
            file.write(json.dumps({"kind": kind, **fields}) + "\n")

    def left_out(self, suite: str, client: Client, error: BenchError) -> None:
        """A peer failed: the others go on without it."""
        self.failures.append(f"{client.name} of {suite}")
        self.add("failure", suite=suite, client=client.name, error=str(error))
        print(f"bench: {client.name} is left out of {suite}: {error}", file=sys.stderr, flush=True)

    def heading(self, text: str) -> None:
        """Begin a part."""
        print(f"\n{text}")
        self._write(f"## {text}\n\n")

    def say(self, text: str) -> None:
        """One paragraph."""
        print(f"  {text}", flush=True)
        self._write(f"{text}\n\n")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Left-aligned names, right-aligned figures; a column without any figure is left out."""
        used = [column for column in range(len(head)) if any(row[column] for row in rows)]
        head, rows = [head[i] for i in used], [[row[i] for i in used] for row in rows]
        widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
        for row in (head, *rows):
            cells = [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
            print("  " + "   ".join(cells).rstrip(), flush=True)
        lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
        self._write("".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n")

    def target(
        self,
        what: str,
        met: bool | None,
        value: float | None = None,
        shown: str = "",
        alone: str = "",
    ) -> TargetRow:
        """A row of a table of targets: met, not met or not measured."""
        self.add("target", target=what, met=met, value=value)
        return what, {None: "not measured", True: "met", False: "NOT MET"}[met], shown, alone

    def targets(self, title: str, rows: Sequence[TargetRow]) -> None:
        """A part with what was measured of these targets."""
        measured = [row for row in rows if row[2]]
        if measured:
            self.heading(title)
            self.table(("target", "", "measured", plan.ALONE), measured)
        if measured and len(measured) < len(rows):
            self.say(f"not measured: {len(rows) - len(measured)} more targets")

    def _write(self, text: str) -> None:
        with self.markdown.open("a") as file:
            file.write(text)


# What, whether it is met, what was measured, and what the HTTP client beneath ours would reach.
TargetRow = tuple[str, str, str, str]


@dataclass(frozen=True)
class Comparison:
    """Ours against another client in one figure; a ratio above 1 is in our favour."""

    suite: str
    title: str
    peer: str
    figure: str
    ours: Spread
    theirs: Spread
    ratio: Spread


def named(client: Client, version: str) -> str:
    """A client and the version of its package."""
    if client.name == client.package:
        return f"{client.name} {version}"
    if client.name == plan.BEFORE:
        return plan.BEFORE
    return f"{client.name} ({client.package} {version})"


def print_outcome(outcome: Outcome, environment: Environment, records: Records) -> None:
    """One suite under one load."""
    suite = outcome.suite
    rows = []
    for client in outcome.clients:
        rate, cpu = outcome.rate(client), outcome.cpu(client)
        rows.append(
            (
                named(client, environment.version(suite.language, client)),
                f"{rate.median / 1e3:.0f} ({rate.low / 1e3:.0f} to {rate.high / 1e3:.0f})",
                f"{cpu.median:.2f} ({cpu.low:.2f} to {cpu.high:.2f})",
                times(outcome.speed_up(client.name)),
                times(outcome.cpu_saving(client.name)),
            )
        )
    rounds = len(next(iter(outcome.samples.values())))
    load = outcome.load
    what = f"{load.events:,} frames, {load.size:,} bytes of payload" if suite.turn else load
    records.heading(f"{suite.title}: {what}; rounds: {rounds}, median (min to max)")
    records.table(
        ("client", "thousand events/s", "CPU s per million", "we are faster", "we use less CPU"),
        rows,
    )
    fastest = max(outcome.rate(client).high for client in outcome.clients)
    margin = outcome.server_alone / fastest
    alone = f"the load server alone: {outcome.server_alone / 1e3:,.0f} thousand events/s"
    warning = (
        ""
        if margin >= 2
        else " (too few: the loopback connection itself is part of what was measured)"
    )
    records.say(f"{alone}, {margin:.1f} times the fastest run above{warning}")


def comparisons(outcomes: Iterable[Outcome]) -> list[Comparison]:
    """Every pair of these."""
    found = []
    for outcome in outcomes:
        title = f"{outcome.suite.title}, {outcome.load.size:,} bytes"
        suite = f"{outcome.suite.key}-{outcome.load.size}"
        for client in outcome.clients[1:]:
            for figure, values, ratio in (
                ("events/s", outcome.rate, outcome.speed_up(client.name)),
                ("CPU s per million", outcome.cpu, outcome.cpu_saving(client.name)),
            ):
                if ratio is not None:
                    ours, theirs = values(outcome.suite.ours), values(client)
                    found.append(Comparison(suite, title, client.name, figure, ours, theirs, ratio))
    return found


def print_comparisons(found: Sequence[Comparison], records: Records) -> None:
    """What was before, side by side; and where a peer is better."""
    for one in found:
        records.add("ratio", **asdict(one))
    before = [one for one in found if one.peer == plan.BEFORE]
    if before:
        records.heading("Before and now; above 1x is better than before")
        records.table(
            ("what", "figure", "before", "now", "better"),
            [
                (one.title, one.figure, short(one.theirs), short(one.ours), times(one.ratio, 2))
                for one in before
            ],
        )
    peers = [one for one in found if one.peer not in (plan.BEFORE, plan.ALONE)]
    if peers:
        ahead = [one for one in peers if one.ratio.median < 1]
        records.heading("Where a peer is better than we are")
        if not ahead:
            records.say(f"nowhere: {len(peers)} figures were compared")
        else:
            records.table(
                ("what", "figure", "peer", "the peer", "we", "we are"),
                [
                    (
                        one.title,
                        one.figure,
                        one.peer,
                        short(one.theirs),
                        short(one.ours),
                        times(one.ratio, 2),
                    )
                    for one in ahead
                ],
            )


def print_footprint(footprint: Footprint, records: Records) -> None:
    """Import times over the bare interpreter."""
    records.heading("Import, milliseconds over the bare interpreter: median (min to max)")
    rows = [(module, ranged(spread, 1)) for module, spread in footprint.over_bare.items()]
    records.table(("module", "ms"), [("(python -c pass)", ranged(footprint.bare, 1)), *rows])


def print_targets(
    title: str, targets: Sequence[Target], outcomes: Iterable[Outcome], records: Records
) -> None:
    """Each ratio, met or not."""
    by_load = {
        (outcome.suite.key, outcome.load.size): outcome
        for outcome in outcomes
        if outcome.load.delivery == "each"
    }
    rows = []
    for target in targets:
        outcome = by_load.get((target.suite, target.size))
        ratio = outcome.speed_up(target.peer) if outcome else None
        what = f"{target.suite}, {target.size:,} bytes: "
        what += f"at least {target.ratio:g} times {target.peer}"
        if ratio is None:
            rows.append(records.target(what, None))
        else:
            met = ratio.median >= target.ratio
            limit = times(outcome.limit(target.peer)) if outcome else ""
            rows.append(records.target(what, met, ratio.median, times(ratio), limit))
    records.targets(title, rows)


def print_limits(footprint: Footprint | None, records: Records) -> None:
    """Each limit on import and size, kept or not."""
    limit = f"at most {plan.IMPORT_LIMIT_MS:.0f} ms"
    over_bare, importtime = f"import over python -c pass: {limit}", f"-X importtime: {limit}"
    moonshot = f"import over python -c pass, moonshot: {plan.IMPORT_MOONSHOT_MS:.0f} ms"
    no_packages = "import of no third-party package"
    size = f"wheel: at most {plan.WHEEL_LIMIT_MB:.0f} MB"
    ours = footprint.ours if footprint else None
    if footprint is None or ours is None:
        for what in (over_bare, moonshot, importtime, no_packages, size):
            records.target(what, None)
        return
    spread, total, packages = footprint.over_bare[OURS], ours.importtime_ms, ours.third_party
    imported = (spread.median, f"{ranged(spread, 1)} ms")
    records.targets(
        "Import and size",
        [
            records.target(over_bare, spread.median <= plan.IMPORT_LIMIT_MS, *imported),
            records.target(moonshot, spread.median <= plan.IMPORT_MOONSHOT_MS, *imported),
            records.target(importtime, total <= plan.IMPORT_LIMIT_MS, total, f"{total:.1f} ms"),
            records.target(no_packages, not packages, len(packages), ", ".join(packages) or "none"),
            records.target(
                size,
                ours.wheel_mb <= plan.WHEEL_LIMIT_MB,
                ours.wheel_mb,
                f"{ours.wheel_mb:.2f} MB",
            ),
        ],
    )


def ranged(spread: Spread, digits: int) -> str:
    """Median, and both ends."""
    return f"{spread.median:.{digits}f} ({spread.low:.{digits}f} to {spread.high:.{digits}f})"


def short(spread: Spread) -> str:
    """The median alone."""
    return f"{spread.median:,.0f}" if spread.median >= 100 else f"{spread.median:.3g}"


def times(spread: Spread | None, digits: int = 1) -> str:
    """A ratio; empty where there is none."""
    if spread is None:
        return ""
    if spread.median < 1:
        digits = 2
    low, high = f"{spread.low:.{digits}f}", f"{spread.high:.{digits}f}"
    return f"{spread.median:.{digits}f}x ({low} to {high})"

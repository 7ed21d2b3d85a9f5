"""What more of something costs: a client with ever more of it, and whether that is linear."""

from __future__ import annotations

import itertools
import json
import resource
import statistics
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from harness import plan
from harness.environment import HOME, Environment
from harness.errors import BenchError, run
from harness.load_server import LoadServer
from harness.measure import Spread, read_stream
from harness.plan import FLAT_KIB, LASTING_KIB, LINEAR, Client, GrowthSuite, Load
from harness.report import Comparison, Records, named
from harness.work import rest

# A million streams or requests take their time.
TIMEOUT = 1800
# Garbage is collected before memory is read; room for young objects that grows would hide it.
NODE_OPTIONS = ["--expose-gc", "--max-semi-space-size=2"]
# Sockets that a client and its runner need beside those of its streams.
SPARE_FILES = 500


@dataclass(frozen=True)
class Point:
    """The figures of one client at one count: medians of the rounds."""

    count: int
    # All of them together: seconds of time, or of CPU per second of resting streams; KiB.
    seconds: float
    kib: float
    # Microseconds that an event came late, of resting streams.
    p50: float = 0
    p99: float = 0
    # Events a second, of resting streams.
    rate: float = 0


@dataclass(frozen=True)
class Step:
    """What one more costs, between two counts."""

    to: int
    micros: float
    kib: float


@dataclass(frozen=True)
class GrowthOutcome:
    """The points of each client; of those that last, the memory at 10, 50 and 100 percent."""

    suite: GrowthSuite
    points: dict[str, list[Point]]
    held: dict[str, list[float]]
    clients: list[Client]
    count: int


def chosen(keys: Sequence[str]) -> list[GrowthSuite]:
    """The growth suites that were asked for."""
    return [suite for suite in plan.GROWTH_SUITES if suite.key in keys]


def raise_file_limit() -> int:
    """As many open files as this process may have; its children may, too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS says "unlimited" and has a limit all the same.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft > 0 else 1 << 20


def measure_growth(
    suite: GrowthSuite,
    clients: list[Client],
    *,
    quick: bool,
    rounds: int,
    files: int,
    environment: Environment,
    server: LoadServer,
    records: Records,
) -> GrowthOutcome:
    """Every count in turn, and every client at each of them; `quick` leaves the last decade out.

    A peer that fails is left out.
    """
    counts = [count // 10 for count in suite.counts] if suite.lasting and quick else suite.counts
    if not suite.lasting and quick:
        counts = counts[:-1]
    if suite.growth == "streams":
        most = files - SPARE_FILES
        left_out = [count for count in counts if count > most]
        counts = [count for count in counts if count <= most]
        if left_out:
            records.say(
                f"{suite.title}: not with {', '.join(map(str, left_out))}, since a process may "
                f"have {files} open files here (ulimit -Hn)"
            )
    points: dict[str, list[Point]] = {client.name: [] for client in clients}
    held: dict[str, list[float]] = {}
    # Of what lasts so long one round has to do.
    rounds = 1 if suite.lasting else rounds
    for count in counts:
        taken: dict[str, list[Point]] = {name: [] for name in points}
        for number in range(1, rounds + 1):
            for at, client in enumerate(clients):
                if client.name not in points:
                    continue
                url = server.other_url(number + at)
                options = [] if _rests(suite) else NODE_OPTIONS
                command = environment.command(suite.language, client, node_options=options)
                version = environment.version(suite.language, client)
                which = {"suite": suite.key, "client": client.name, "version": version}
                try:
                    if suite.lasting:
                        held[client.name] = _lasting(command, client, count, url)
                        records.add("lasting", **which, count=count, kib=held[client.name])
                    else:
                        point = _ONE[suite.growth](command, client, count, number, url)
                        taken[client.name].append(point)
                        records.add("growth", **which, round=number, **vars(point))
                except BenchError as error:
                    if client == suite.ours:
                        raise
                    records.left_out(suite.key, client, error)
                    del points[client.name]
        for name, values in taken.items():
            if values and name in points:
                points[name].append(_median(values))
    clients = [client for client in clients if client.name in points]
    return GrowthOutcome(suite, points, held, clients, counts[-1])


def _rests(suite: GrowthSuite) -> bool:
    return suite.growth == "streams"


def _streams(command: Sequence[object], client: Client, count: int, number: int, url: str) -> Point:
    sample = rest([str(word) for word in command], client, count, number, url)
    cpu = sample.cpu * 1e-6 * count
    return Point(count, cpu, sample.kib * count, sample.p50, sample.p99, sample.rate)


def _events(command: Sequence[object], client: Client, count: int, number: int, url: str) -> Point:
    words = [*(str(word) for word in command), url]
    # A stream has its `done` as well.
    sample = read_stream(words, client, Load(count, 120, "each"), number)
    return Point(count, sample.seconds, sample.kib)


def _list(command: Sequence[object], client: Client, count: int, number: int, url: str) -> Point:
    del number
    told = _told([*command, url, count], client)
    return Point(count, float(told["seconds"]), float(told["kib"]))


_ONE: dict[str, Callable[[Sequence[object], Client, int, int, str], Point]] = {
    "streams": _streams,
    "events": _events,
    "list": _list,
}


def _lasting(command: Sequence[object], client: Client, count: int, url: str) -> list[float]:
    told = _told([*command, url, count], client)
    held = [float(value) for value in told["kib"]]
    if told["count"] != count or len(held) != 3:
        raise BenchError(f"{client.program} printed {told}")
    return held


def _told(command: Sequence[object], client: Client) -> dict:  # type: ignore[type-arg]
    printed = run([str(word) for word in command], cwd=HOME, timeout=TIMEOUT)
    try:
        return dict(json.loads(printed.splitlines()[-1]))
    except (IndexError, TypeError, ValueError):
        raise BenchError(f"{client.program} printed no figures but: {printed!r}") from None


def _median(points: Sequence[Point]) -> Point:
    middle = {
        name: statistics.median(vars(point)[name] for point in points) for name in vars(points[0])
    }
    return Point(points[0].count, *(middle[name] for name in list(middle)[1:]))


def steps(points: Sequence[Point]) -> list[Step]:
    """What one more costs, from each count to the next."""
    return [
        Step(
            after.count,
            (after.seconds - before.seconds) / (after.count - before.count) * 1e6,
            (after.kib - before.kib) / (after.count - before.count),
        )
        for before, after in itertools.pairwise(points)
    ]


def time_is_linear(points: Sequence[Point]) -> bool | None:
    """By the last two steps; `None` with fewer."""
    known = steps(points)
    if len(known) < 2:
        return None
    # A step that is lost in noise is judged by the average so far.
    before = max(known[-2].micros, points[-2].seconds / points[-2].count * 1e6 / 2)
    return known[-1].micros <= LINEAR * before


def memory_is_linear(points: Sequence[Point]) -> bool | None:
    """The same of memory; what grows by less than `FLAT_KIB` from 1 % of the last count is flat."""
    known = steps(points)
    if len(known) < 2:
        return None
    if is_flat(points):
        return True
    before = max(known[-2].kib, points[-2].kib / points[-2].count / 2)
    return known[-1].kib <= LINEAR * before


def is_flat(points: Sequence[Point]) -> bool:
    """No more memory from the count before to the last."""
    return len(points) > 1 and points[-1].kib - points[-2].kib < FLAT_KIB


def verdict(points: Sequence[Point]) -> str:
    """In words."""
    time, memory = time_is_linear(points), memory_is_linear(points)
    words = {True: "linear", False: "NOT linear", None: "too few counts to say"}
    held = "flat" if memory and is_flat(points) else words[memory]
    return f"time {words[time]}, memory {held}"


def lasts(held: Sequence[float]) -> bool:
    """Whether the memory is flat to the end, from 10 % and from 50 %."""
    return all(held[-1] - kib < most for kib, most in zip(held, LASTING_KIB, strict=False))


def print_growth(outcome: GrowthOutcome, environment: Environment, records: Records) -> None:
    """One suite."""
    suite = outcome.suite
    if suite.lasting:
        records.heading(suite.title.format(count=f"{outcome.count:,}"))
        rows = [
            (
                named(client, environment.version(suite.language, client)),
                *(f"{kib / 1024:.1f}" for kib in outcome.held[client.name]),
                "flat" if lasts(outcome.held[client.name]) else "NOT flat",
            )
            for client in outcome.clients
        ]
        records.table(("client", "MiB at 10 %", "at 50 %", "at 100 %", ""), rows)
        return
    records.heading(suite.title)
    rests = _rests(suite)
    rows = []
    for client in outcome.clients:
        points = outcome.points[client.name]
        more = {step.to: step for step in steps(points)}
        for point in points:
            step = more.get(point.count)
            rows.append(
                (
                    named(client, environment.version(suite.language, client)),
                    f"{point.count:,}",
                    f"{point.seconds / point.count * 1e6:,.2f}",
                    f"{step.micros:,.2f}" if step else "",
                    f"{point.kib / 1024:,.1f}",
                    f"{step.kib:,.3f}" if step else "",
                    f"{point.p50:,.0f}" if rests else "",
                    f"{point.p99:,.0f}" if rests else "",
                    f"{point.rate:,.0f}" if rests else "",
                )
            )
    time = "CPU us an event" if rests else "us each"
    records.table(
        (
            "client",
            "how many",
            time,
            "us for one more",
            "MiB in all",
            "KiB for one more",
            "late p50 us",
            "p99",
            "events/s",
        ),
        rows,
    )
    for client in outcome.clients:
        records.say(f"{client.name}: {verdict(outcome.points[client.name])}")


def growth_comparisons(outcomes: Sequence[GrowthOutcome]) -> list[Comparison]:
    """Every pair of these at the last count."""
    found = []
    for outcome in outcomes:
        suite, ours = outcome.suite, outcome.suite.ours.name
        for client in outcome.clients:
            if client.name == ours or ours not in outcome.points:
                continue
            for figure, (a, b) in _pairs(outcome, ours, client.name).items():
                # What did not grow has no ratio.
                if min(a, b) > 0:
                    title = suite.title.format(count="many")
                    pair = (Spread(a, a, a), Spread(b, b, b), Spread(b / a, b / a, b / a))
                    found.append(Comparison(suite.key, title, client.name, figure, *pair))
    return found


def _pairs(outcome: GrowthOutcome, ours: str, other: str) -> dict[str, tuple[float, float]]:
    if outcome.suite.lasting:
        return {"MiB at 100 %": (outcome.held[ours][-1] / 1024, outcome.held[other][-1] / 1024)}
    last, theirs = outcome.points[ours][-1], outcome.points[other][-1]
    how = f"{last.count:,}"
    return {
        f"us each of {how}": (
            last.seconds / last.count * 1e6,
            theirs.seconds / theirs.count * 1e6,
        ),
        f"MiB of {how}": (last.kib / 1024, theirs.kib / 1024),
    }


def print_growth_targets(outcomes: Sequence[GrowthOutcome], records: Records) -> None:
    """Each growth is linear, and what lasts keeps its memory."""
    by_key = {outcome.suite.key: outcome for outcome in outcomes}
    rows = []
    for suite in plan.GROWTH_SUITES:
        outcome = by_key.get(suite.key)
        ours = suite.ours.name
        if suite.lasting:
            held = outcome.held.get(ours) if outcome else None
            shown = f"{(held[-1] - held[0]) / 1024:+.1f} MiB" if held else ""
            met = lasts(held) if held else None
            rows.append(records.target(f"{suite.key}: memory is flat", met, None, shown))
            continue
        points = outcome.points.get(ours, []) if outcome else []
        known = steps(points)
        time, memory = time_is_linear(points), memory_is_linear(points)
        micros = (
            f"{known[-2].micros:.2f}, then {known[-1].micros:.2f} us" if time is not None else ""
        )
        kib = f"{known[-2].kib:.3f}, then {known[-1].kib:.3f} KiB" if memory is not None else ""
        rows.append(records.target(f"{suite.key}: time is linear", time, None, micros))
        rows.append(records.target(f"{suite.key}: memory is linear", memory, None, kib))
    records.targets("Growth", rows)
    if not outcomes:
        return
    records.say(
        f"linear: one more costs at most {LINEAR:g} times as much from the last count but one to "
        f"the last as in the step before; flat: less than {FLAT_KIB / 1024:.0f} MiB more from the "
        f"last count but one to the last; of what lasts, less than {LASTING_KIB[0] / 1024:.0f} MiB "
        f"from 10 % and less than {LASTING_KIB[1] / 1024:.0f} MiB from 50 % to the end"
    )

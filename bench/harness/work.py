"""Calls and resting streams: the clients in turn, and what their figures say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from harness import plan
from harness.environment import HOME, Environment
from harness.errors import BenchError, run
from harness.load_server import LoadServer
from harness.measure import TIMEOUT, Spread
from harness.plan import Client, WorkSuite
from harness.report import Records, print_table, print_target, ranged, times

# How long the events of resting streams are counted, in seconds.
RESTING = 8


@dataclass(frozen=True)
class WorkSample:
    """One run of one client. What its work does not give is 0."""

    round: int
    # Calls, or events of resting streams.
    count: int
    # Calls a second.
    rate: float
    # Microseconds of CPU time for each.
    cpu: float
    # Microseconds that a call took, or that an event came late.
    p50: float
    p99: float
    # KiB a resting stream.
    kib: float


@dataclass(frozen=True)
class WorkOutcome:
    """All runs of one suite, by client."""

    suite: WorkSuite
    samples: dict[str, list[WorkSample]]

    def spread(self, client: Client, figure: str) -> Spread:
        """A figure of a client."""
        return Spread.of(getattr(sample, figure) for sample in self.samples[client.name])

    def better(self, peer: str, figure: str) -> Spread | None:
        """How many times better than a peer we are, round by round."""
        ours, theirs = self.samples.get(self.suite.ours.name), self.samples.get(peer)
        if not ours or not theirs or peer == self.suite.ours.name:
            return None
        pairs = [
            (getattr(a, figure), getattr(b, figure)) for a, b in zip(ours, theirs, strict=True)
        ]
        if figure == "rate":
            return Spread.of(a / b for a, b in pairs)
        return Spread.of(b / a for a, b in pairs)


def measure_work(
    suite: WorkSuite,
    clients: list[Client],
    *,
    share: float,
    rounds: int,
    environment: Environment,
    server: LoadServer,
    records: Records,
) -> WorkOutcome:
    """Run A B C, A B C, ...; `share` of the suite's amount."""
    samples: dict[str, list[WorkSample]] = {client.name: [] for client in clients}
    for number in range(1, rounds + 1):
        for client in clients:
            sample = _one(suite, client, share, number, environment, server)
            samples[client.name].append(sample)
            version = environment.version(suite.language, client)
            which = {"suite": suite.key, "client": client.name, "version": version}
            records.add("work", **which, **asdict(sample))
    return WorkOutcome(suite, samples)


def _one(
    suite: WorkSuite,
    client: Client,
    share: float,
    number: int,
    environment: Environment,
    server: LoadServer,
) -> WorkSample:
    amount = max(64, round(suite.amount * share))
    if suite.work == "resting":
        arguments = [f"n{RESTING * 10}-s120-p1", str(amount), str(RESTING)]
    else:
        arguments = [suite.work, str(amount)]
    command = [*environment.command(suite.language, client), server.base_url, *arguments]
    printed = run(command, cwd=HOME, timeout=TIMEOUT)
    try:
        told = {name: float(value) for name, value in json.loads(printed.splitlines()[-1]).items()}
        if suite.work == "resting":
            count, rate, cpu = told["events"], 0.0, told["cpu"]
        else:
            count = told["calls"]
            rate, cpu = count / told["seconds"], told["cpu"] / count * 1e6
        sample = WorkSample(
            number, int(count), rate, cpu, told["p50"], told["p99"], told.get("kib", 0)
        )
    except (IndexError, KeyError, TypeError, ValueError):
        raise BenchError(f"{client.program} printed no figures but: {printed!r}") from None
    # Every stream has an event a second; a call more or less is a matter of rounding.
    wanted = amount * RESTING if suite.work == "resting" else amount
    if abs(sample.count - wanted) > wanted * 0.15:
        raise BenchError(f"{client.program} counted {sample.count} where about {wanted} were due")
    return sample


def print_work(outcome: WorkOutcome, environment: Environment) -> None:
    """One suite."""
    suite = outcome.suite
    resting = suite.work == "resting"
    ran = [client for client in (suite.ours, *suite.peers) if client.name in outcome.samples]
    rows = []
    for client in ran:
        version = environment.version(suite.language, client)
        figures = ["kib", "p50", "p99", "cpu"] if resting else ["rate", "p50", "p99", "cpu"]
        ratio = "kib" if resting else "rate" if suite.work == "at-once" else "p50"
        rows.append(
            (
                f"{client.name} {version}",
                *(ranged(outcome.spread(client, figure), 0) for figure in figures),
                times(outcome.better(client.name, ratio)),
                times(outcome.better(client.name, "cpu")),
            )
        )
    rounds = len(next(iter(outcome.samples.values())))
    print(f"\n{suite.title}; rounds: {rounds}, median (min to max)")
    head = (
        ("client", "KiB a stream", "late p50 us", "p99", "CPU us", "we use less memory")
        if resting
        else ("client", "calls/s", "p50 us", "p99", "CPU us", "we are faster")
    )
    print_table((*head, "we use less CPU"), rows)


def print_work_targets(outcomes: Iterable[WorkOutcome], records: Records) -> None:
    """Each goal and limit of the work suites, met or not."""
    by_key = {outcome.suite.key: outcome for outcome in outcomes}
    for target in plan.WORK_GOALS:
        outcome = by_key.get(target.suite)
        ratio = outcome.better(target.peer, target.figure) if outcome else None
        what = f"{target.suite}, {target.figure}: at least {target.ratio:g} times {target.peer}"
        median = ratio.median if ratio else None
        met = None if median is None else median >= target.ratio
        print_target(what, met, records, median, times(ratio))
    for limit in plan.WORK_LIMITS:
        outcome = by_key.get(limit.suite)
        known = outcome is not None and outcome.suite.ours.name in outcome.samples
        spread = outcome.spread(outcome.suite.ours, limit.figure) if outcome and known else None
        unit = {"kib": "KiB a stream", "cpu": "us of CPU an event"}[limit.figure]
        what = f"{limit.suite}: at most {limit.limit:g} {unit}"
        shown = ranged(spread, 1) if spread else ""
        median = spread.median if spread else None
        met = None if median is None else median <= limit.limit
        print_target(what, met, records, median, shown)


def clients_of(suite: WorkSuite, *, peers_only: bool) -> list[Client]:
    """Who runs."""
    return [*([] if peers_only else [suite.ours]), *suite.peers]


def chosen(keys: Sequence[str]) -> list[WorkSuite]:
    """The work suites that were asked for."""
    return [suite for suite in plan.WORK_SUITES if suite.key in keys]

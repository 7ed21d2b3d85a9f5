"""Calls, uploads, begins and resting streams: the clients in turn, and what their figures say."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness import plan
from harness.environment import HOME, Environment
from harness.errors import BenchError, run
from harness.load_server import FIRST, LoadServer, pinned
from harness.measure import TIMEOUT, Spread
from harness.plan import UPLOAD_BYTES, Client, WorkLimit, WorkSuite
from harness.report import Comparison, Records, TargetRow, named, ranged, times

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
    clients: list[Client]
    # Microseconds from a thread to another and back, where the calls are on these cores.
    hand_over: float | None

    def spread(self, client: Client, figure: str) -> Spread:
        """A figure of a client."""
        return Spread.of(getattr(sample, figure) for sample in self.samples[client.name])

    def of(self, name: str, figure: str) -> Spread | None:
        """A figure of the client of this name, if it ran."""
        samples = self.samples.get(name)
        return Spread.of(getattr(sample, figure) for sample in samples) if samples else None

    def better(self, peer: str, figure: str, of: str | None = None) -> Spread | None:
        """How many times better than a peer we are, or this other client, round by round."""
        name = of or self.suite.ours.name
        ours, theirs = self.samples.get(name), self.samples.get(peer)
        if not ours or not theirs or peer == name:
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
    """Run A B C, A B C, ...; `share` of the suite's amount. A peer that fails is left out."""
    samples: dict[str, list[WorkSample]] = {client.name: [] for client in clients}
    for number in range(1, rounds + 1):
        for client in [client for client in clients if client.name in samples]:
            try:
                sample = _one(suite, client, share, number, environment, server)
            except BenchError as error:
                if client == suite.ours:
                    raise
                records.left_out(suite.key, client, error)
                del samples[client.name]
                continue
            samples[client.name].append(sample)
            version = environment.version(suite.language, client)
            which = {"suite": suite.key, "client": client.name, "version": version}
            records.add("work", **which, **asdict(sample))
    clients = [client for client in clients if client.name in samples]
    hand_over = None
    if suite.work in ("one-by-one", "one-core"):
        hand_over = server.hand_over(_cores(suite))
        records.add("hand-over", suite=suite.key, p50=hand_over)
    return WorkOutcome(suite, samples, clients, hand_over)


def _cores(suite: WorkSuite) -> list[str]:
    """What puts a client on the cores that it may use."""
    return pinned(FIRST) if suite.work == "one-core" else []


def _one(
    suite: WorkSuite,
    client: Client,
    share: float,
    number: int,
    environment: Environment,
    server: LoadServer,
) -> WorkSample:
    amount = max(suite.at_least, round(suite.amount * share))
    command = environment.command(suite.language, client)
    if suite.work == "cold":
        return _cold([command[0], command[1], server.base_url, *command[2:]], amount, number)
    if suite.work == "resting":
        return rest(command, client, amount, number, server.base_url)
    if suite.work == "create":
        command = [command[0], command[1], server.base_url, *command[2:], str(amount)]
    else:
        work = "one-by-one" if suite.work == "one-core" else suite.work
        command = [*_cores(suite), *command, server.base_url, work, str(amount)]
        if suite.work == "upload":
            command.append(_file())
    told = _figures(command, client)
    try:
        count, seconds = told["calls"], told["seconds"]
        sample = WorkSample(
            number,
            int(count),
            count / seconds,
            told["cpu"] / count * 1e6,
            told["p50"],
            told["p99"],
            0,
        )
    except KeyError as missing:
        raise BenchError(f"{client.program} did not tell {missing}") from None
    # A call more or less is a matter of rounding.
    if abs(sample.count - amount) > amount * 0.15:
        raise BenchError(f"{client.program} counted {sample.count} where about {amount} were due")
    return sample


def rest(
    command: Sequence[str | Path], client: Client, streams: int, number: int, base_url: str
) -> WorkSample:
    """Open streams, an event a second on each. Whoever cannot read so many has fewer of them."""
    # What came while streams were opened has to be read before anything is counted.
    settle = 1 + streams / 2000
    # Events enough for those who take long to open so many.
    arguments = [base_url, "n600-s120-p1", str(streams), str(settle), str(RESTING)]
    told = _figures([*command, *arguments], client)
    try:
        events, cpu, late = told["events"], told["cpu"], (told["p50"], told["p99"])
        return WorkSample(number, int(events), events / RESTING, cpu, *late, told["kib"])
    except KeyError as missing:
        raise BenchError(f"{client.program} did not tell {missing}") from None


def _cold(command: Sequence[str | Path], processes: int, number: int) -> WorkSample:
    """From the start of a process to the first line that it prints."""
    words = [str(word) for word in command]
    took = []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    for at in range(processes + 1):
        start = time.perf_counter()
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=HOME) as process:
            assert process.stdout is not None
            answer = process.stdout.readline().strip()
            took.append(time.perf_counter() - start)
        if process.returncode != 0 or answer != "finished":
            raise BenchError(f"{' '.join(words)} gave {answer!r}, exit code {process.returncode}")
        if at == 0:
            # It may have had bytecode to write.
            took.clear()
            before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = processes / (time.perf_counter() - begun)
    each = cpu / processes * 1e6
    took.sort()
    p50 = statistics.median(took) * 1e6
    return WorkSample(number, processes, rate, each, p50, took[-1] * 1e6, 0)


def _file() -> Path:
    """What is uploaded: bytes that are not all the same."""
    path = HOME / "upload.bin"
    if not path.exists() or path.stat().st_size != UPLOAD_BYTES:
        path.write_bytes(bytes(range(256)) * (UPLOAD_BYTES // 256))
    return path


def _figures(command: Sequence[str | Path], client: Client) -> dict[str, float]:
    printed = run(command, cwd=HOME, timeout=TIMEOUT)
    try:
        return {name: float(value) for name, value in json.loads(printed.splitlines()[-1]).items()}
    except (AttributeError, IndexError, TypeError, ValueError):
        raise BenchError(f"{client.program} printed no figures but: {printed!r}") from None


# The figures of a work: its columns, and the one by which it is judged.
_HEADS = {
    "kib": "KiB a stream",
    "rate": "a second",
    "p50": "p50 us",
    "p99": "p99 us",
    "cpu": "CPU us",
}
_COLUMNS: dict[str, tuple[str, ...]] = {
    "resting": ("kib", "rate", "p50", "p99", "cpu"),
    "cold": ("p50", "p99", "cpu"),
    "create": ("p50", "p99", "cpu"),
}


def _judged(suite: WorkSuite) -> str:
    return {"resting": "kib", "at-once": "rate"}.get(suite.work, "p50")


def print_work(outcome: WorkOutcome, environment: Environment, records: Records) -> None:
    """One suite."""
    suite = outcome.suite
    columns = _COLUMNS.get(suite.work, ("rate", "p50", "p99", "cpu"))
    rows = [
        (
            named(client, environment.version(suite.language, client)),
            *(ranged(outcome.spread(client, figure), 0) for figure in columns),
            times(outcome.better(client.name, _judged(suite))),
            times(outcome.better(client.name, "cpu")),
        )
        for client in outcome.clients
    ]
    rounds = len(next(iter(outcome.samples.values())))
    records.heading(f"{suite.title}; rounds: {rounds}, median (min to max)")
    resting = suite.work == "resting"
    head = ("client", *(_HEADS[figure] for figure in columns))
    better = "we use less memory" if resting else "we are faster"
    records.table((*head, better, "we use less CPU"), rows)
    if resting:
        records.say(
            f"counted for {RESTING} s; p50, p99: from the server's "
            "sending an event to the program's having it"
        )
    if outcome.hand_over is not None:
        records.say(
            f"from a thread to another and back: {outcome.hand_over:.0f} us on the clients' cores; "
            "a call of ours has that in it, one of a client without a thread of its own has not"
        )


def work_comparisons(outcomes: Iterable[WorkOutcome]) -> list[Comparison]:
    """Every pair of these."""
    found = []
    for outcome in outcomes:
        suite = outcome.suite
        judged = _judged(suite)
        figures = (*((judged, "p50") if suite.work == "resting" else (judged,)), "cpu")
        for client in outcome.clients[1:]:
            for figure in figures:
                ratio = outcome.better(client.name, figure)
                if ratio is not None:
                    ours = outcome.spread(suite.ours, figure)
                    theirs = outcome.spread(client, figure)
                    shown = _HEADS[figure]
                    found.append(
                        Comparison(suite.key, suite.title, client.name, shown, ours, theirs, ratio)
                    )
    return found


def print_work_targets(outcomes: Iterable[WorkOutcome], records: Records) -> None:
    """Each goal and limit of the work suites, met or not."""
    by_key = {outcome.suite.key: outcome for outcome in outcomes}
    rows = []
    for target in plan.WORK_GOALS:
        outcome = by_key.get(target.suite)
        ratio = outcome.better(target.peer, target.figure) if outcome else None
        what = f"{target.suite}, {target.figure}: at least {target.ratio:g} times {target.peer}"
        median = ratio.median if ratio else None
        met = None if median is None else median >= target.ratio
        limit = outcome.better(target.peer, target.figure, plan.ALONE) if outcome else None
        rows.append(records.target(what, met, median, times(ratio, 2), times(limit, 2)))
    rows += [_limit(limit, by_key, "", records) for limit in plan.WORK_LIMITS]
    rows += [_limit(limit, by_key, ", moonshot", records) for limit in plan.WORK_MOONSHOTS]
    records.targets("Goals of calls and resting streams", rows)


def _limit(
    limit: WorkLimit, by_key: dict[str, WorkOutcome], kind: str, records: Records
) -> TargetRow:
    outcome = by_key.get(limit.suite)
    spread = outcome.of(outcome.suite.ours.name, limit.figure) if outcome else None
    alone = outcome.of(plan.ALONE, limit.figure) if outcome else None
    unit = {"kib": "KiB a stream", "cpu": "us of CPU an event"}[limit.figure]
    what = f"{limit.suite}{kind}: at most {limit.limit:g} {unit}"
    median = spread.median if spread else None
    met = None if median is None else median <= limit.limit
    shown, beneath = (ranged(each, 1) if each else "" for each in (spread, alone))
    return records.target(what, met, median, shown, beneath)


def chosen(keys: Sequence[str]) -> list[WorkSuite]:
    """The work suites that were asked for."""
    return [suite for suite in plan.WORK_SUITES if suite.key in keys]

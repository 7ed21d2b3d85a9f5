"""Running the clients in turn, and what their figures say."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.environment import HOME, Environment
from harness.errors import BenchError, run
from harness.load_server import LoadServer
from harness.plan import Client, Load, Suite

TIMEOUT = 300


@dataclass(frozen=True)
class Sample:
    """One run of one client."""

    round: int
    events: int
    seconds: float
    cpu: float

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    @property
    def cpu_per_million(self) -> float:
        """CPU seconds per million events."""
        return self.cpu / self.events * 1e6


@dataclass(frozen=True)
class Spread:
    """A median and the ends around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The spread of at least one value."""
        known = sorted(values)
        return cls(statistics.median(known), known[0], known[-1])


@dataclass(frozen=True)
class Outcome:
    """All runs of one suite under one load, by client."""

    suite: Suite
    load: Load
    server_alone: float
    samples: dict[str, list[Sample]]

    def rate(self, client: Client) -> Spread:
        """Events per second."""
        return Spread.of(sample.rate for sample in self.samples[client.name])

    def cpu(self, client: Client) -> Spread:
        """CPU seconds per million events."""
        return Spread.of(sample.cpu_per_million for sample in self.samples[client.name])

    def speed_up(self, peer: str) -> Spread | None:
        """Ours against a peer, round by round; `None` where one of them did not run."""
        return self._ratios(peer, lambda ours, theirs: ours.rate / theirs.rate)

    def cpu_saving(self, peer: str) -> Spread | None:
        """How many times less CPU time ours takes for an event, round by round."""
        return self._ratios(
            peer, lambda ours, theirs: theirs.cpu_per_million / ours.cpu_per_million
        )

    def _ratios(self, peer: str, ratio: Callable[[Sample, Sample], float]) -> Spread | None:
        ours, theirs = self.samples.get(self.suite.ours.name), self.samples.get(peer)
        if not ours or not theirs or peer == self.suite.ours.name:
            return None
        return Spread.of(ratio(a, b) for a, b in zip(ours, theirs, strict=True))


def measure(
    suite: Suite,
    load: Load,
    clients: list[Client],
    *,
    rounds: int,
    environment: Environment,
    server: LoadServer,
    record: Callable[[Client, Sample], None],
) -> Outcome:
    """Run A B C, A B C, ...: what disturbs the machine for a while disturbs all of them."""
    alone = server.alone(load)
    samples: dict[str, list[Sample]] = {client.name: [] for client in clients}
    for number in range(1, rounds + 1):
        for client in clients:
            sample = _one(suite, load, client, number, environment, server)
            samples[client.name].append(sample)
            record(client, sample)
    return Outcome(suite, load, alone, samples)


def _one(
    suite: Suite,
    load: Load,
    client: Client,
    number: int,
    environment: Environment,
    server: LoadServer,
) -> Sample:
    command = environment.command(suite.language, client)
    arguments = [server.base_url, load.warm_up.session_id, load.session_id]
    printed = run([*command, *arguments], cwd=HOME, timeout=TIMEOUT)
    try:
        told = json.loads(printed.splitlines()[-1])
        sample = Sample(number, int(told["events"]), float(told["seconds"]), float(told["cpu"]))
        counted = (sample.events, int(told["sum"]))
    except (IndexError, KeyError, TypeError, ValueError):
        raise BenchError(f"{client.program} printed no figures but: {printed!r}") from None
    if counted != load.expected:
        raise BenchError(
            f"{client.program} counted (events, sum) = {counted} where {load.expected} were sent: "
            "it lost, repeated or invented events"
        )
    return sample

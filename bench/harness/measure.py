"""Running the clients in turn, and what their figures say."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.environment import HOME, Environment
from harness.errors import BenchError, run
from harness.load_server import LoadServer
from harness.plan import ALONE, Client, Load, Suite

TIMEOUT = 300


@dataclass(frozen=True)
class Sample:
    """One run of one client."""

    round: int
    events: int
    seconds: float
    cpu: float
    # KiB that the process grew by.
    kib: float

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
    clients: list[Client]

    def rate(self, client: Client) -> Spread:
        """Events per second."""
        return Spread.of(sample.rate for sample in self.samples[client.name])

    def cpu(self, client: Client) -> Spread:
        """CPU seconds per million events."""
        return Spread.of(sample.cpu_per_million for sample in self.samples[client.name])

    def speed_up(self, peer: str) -> Spread | None:
        """Ours against a peer, round by round; `None` where one of them did not run."""
        return self._ratios(peer, lambda ours, theirs: ours.rate / theirs.rate)

    def limit(self, peer: str) -> Spread | None:
        """How many times faster than a peer the HTTP client beneath ours is by itself."""
        return self._ratios(peer, lambda alone, theirs: alone.rate / theirs.rate, ALONE)

    def cpu_saving(self, peer: str) -> Spread | None:
        """How many times less CPU time ours takes for an event, round by round."""
        return self._ratios(
            peer, lambda ours, theirs: theirs.cpu_per_million / ours.cpu_per_million
        )

    def _ratios(
        self, peer: str, ratio: Callable[[Sample, Sample], float], of: str | None = None
    ) -> Spread | None:
        name = of or self.suite.ours.name
        ours, theirs = self.samples.get(name), self.samples.get(peer)
        if not ours or not theirs or peer == name:
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
    left_out: Callable[[Client, BenchError], None],
) -> Outcome:
    """Run A B C, A B C, ...: what disturbs the machine for a while disturbs all of them.

    A peer that fails is left out.
    """
    alone = server.alone(load, turn=suite.turn)
    samples: dict[str, list[Sample]] = {client.name: [] for client in clients}
    for number in range(1, rounds + 1):
        for client in [client for client in clients if client.name in samples]:
            command = environment.command(suite.language, client)
            try:
                sample = read_stream([*command, server.base_url], client, load, number)
            except BenchError as error:
                if client == suite.ours:
                    raise
                left_out(client, error)
                del samples[client.name]
                continue
            samples[client.name].append(sample)
            record(client, sample)
    clients = [client for client in clients if client.name in samples]
    return Outcome(suite, load, alone, samples, clients)


def read_stream(command: Sequence[str | Path], client: Client, load: Load, number: int) -> Sample:
    """Let a client read a stream; it has to count right."""
    arguments = [load.warm_up.session_id, load.session_id]
    printed = run([*command, *arguments], cwd=HOME, timeout=TIMEOUT)
    try:
        told = json.loads(printed.splitlines()[-1])
        sample = Sample(
            number,
            int(told["events"]),
            float(told["seconds"]),
            float(told["cpu"]),
            float(told["kib"]),
        )
        counted = (sample.events, int(told["sum"]))
    except (IndexError, KeyError, TypeError, ValueError):
        raise BenchError(f"{client.program} printed no figures but: {printed!r}") from None
    if counted != load.expected:
        raise BenchError(
            f"{client.program} counted (events, sum) = {counted} where {load.expected} were sent: "
            "it lost, repeated or invented events"
        )
    return sample

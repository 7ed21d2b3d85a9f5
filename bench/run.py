"""Compare sessionwire with what its users would pick instead, on this machine, in one run.

Installs the peers into `.bench/`, builds the load server and our packages, runs every client in a
process of its own in turn, and ends with each target as met or not. A missed target is no failure;
a wrong count or a crash is.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

from harness import plan
from harness.environment import HOME, ROOT, Environment, build_load_server, prepare
from harness.errors import BenchError
from harness.footprint import Footprint, measure_footprint
from harness.load_server import LoadServer, serving
from harness.measure import Outcome, Sample, measure
from harness.plan import Client, Load, Suite, WorkSuite
from harness.report import (
    Records,
    print_footprint,
    print_limits,
    print_outcome,
    print_targets,
)
from harness.work import (
    WorkOutcome,
    chosen,
    clients_of,
    measure_work,
    print_work,
    print_work_targets,
)


def main() -> int:
    options = _options()
    records = Records(options.out)
    try:
        _run(options, records)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(options: argparse.Namespace, records: Records) -> None:
    suites = [suite for suite in plan.SUITES if suite.key in options.only]
    work = chosen(options.only)
    languages = {suite.language for suite in suites} | {suite.language for suite in work}
    if plan.IMPORT in options.only:
        languages.add("python")
    environment = prepare(
        languages, python=options.python, ours=not options.peers_only, build=not options.no_build
    )
    _describe_machine(environment, records)
    outcomes: list[Outcome] = []
    works: list[WorkOutcome] = []
    if suites or work:
        with serving(options.load_server or build_load_server()) as server:
            outcomes = _streams(options, suites, environment, records, server)
            works = _works(options, work, environment, records, server)
    footprint = _footprint(options, environment, records) if plan.IMPORT in options.only else None
    print_targets("First bar", plan.FIRST_BAR, outcomes, records)
    print_targets("Goals", plan.GOALS, outcomes, records)
    print_work_targets(works, records)
    print_limits(footprint, records)
    print(f"\nevery run as a JSON line: {_shown(records.path)}")


def _works(
    options: argparse.Namespace,
    suites: list[WorkSuite],
    environment: Environment,
    records: Records,
    server: LoadServer,
) -> list[WorkOutcome]:
    outcomes = []
    for suite in suites:
        outcome = measure_work(
            suite,
            clients_of(suite, peers_only=options.peers_only),
            share=0.2 if options.quick else 1,
            rounds=options.rounds,
            environment=environment,
            server=server,
            records=records,
        )
        print_work(outcome, environment)
        sys.stdout.flush()
        outcomes.append(outcome)
    return outcomes


def _streams(
    options: argparse.Namespace,
    suites: list[Suite],
    environment: Environment,
    records: Records,
    server: LoadServer,
) -> list[Outcome]:
    outcomes = []
    for size in options.size:
        for suite in suites:
            load = plan.load_for(size, options.delivery, options.events)
            clients = [*([] if options.peers_only else [suite.ours]), *suite.peers]

            def record(
                client: Client, sample: Sample, suite: Suite = suite, load: Load = load
            ) -> None:
                version = environment.version(suite.language, client)
                which = {"suite": suite.key, "client": client.name, "version": version}
                records.add(
                    "run", **which, size=load.size, delivery=load.delivery, **asdict(sample)
                )

            outcome = measure(
                suite,
                load,
                clients,
                rounds=options.rounds,
                environment=environment,
                server=server,
                record=record,
            )
            print_outcome(outcome, environment)
            sys.stdout.flush()
            outcomes.append(outcome)
    return outcomes


def _footprint(
    options: argparse.Namespace, environment: Environment, records: Records
) -> Footprint:
    footprint = measure_footprint(
        environment.python,
        rounds=options.rounds * 3,
        wheel=environment.wheel,
        record=lambda module, number, value: records.add(
            "import", module=module, round=number, ms=value
        ),
    )
    print_footprint(footprint)
    return footprint


def _describe_machine(environment: Environment, records: Records) -> None:
    machine = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "runtimes": environment.runtimes,
    }
    records.add("machine", **machine)
    runtimes = "".join(
        f", {name.capitalize()} {version}" for name, version in environment.runtimes.items()
    )
    print(f"{machine['system']}, {machine['cores']} cores, load {machine['load']:.1f}{runtimes}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/run.py", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer events and 3 rounds: to see that all works"
    )
    parser.add_argument(
        "--events",
        type=_positive,
        help="events per run at 120 bytes (200,000; larger events: fewer)",
    )
    parser.add_argument("--rounds", type=_positive, help="how often each client runs (5)")
    parser.add_argument(
        "--only", action="append", choices=plan.SUITE_KEYS, help="this suite; may be repeated"
    )
    parser.add_argument(
        "--size", action="append", type=int, choices=plan.SIZES, help="this size; may be repeated"
    )
    parser.add_argument(
        "--delivery",
        choices=("each", "packed"),
        default="each",
        help="HTTP chunks: one per event, or 64 KiB",
    )
    parser.add_argument("--peers-only", action="store_true", help="leave our own packages out")
    parser.add_argument(
        "--no-build", action="store_true", help="take our packages from dist/ as they are"
    )
    parser.add_argument("--load-server", type=Path, help="a load server built before")
    parser.add_argument(
        "--python", default=sys.executable, help="the Python to measure with (this one)"
    )
    parser.add_argument(
        "--out", type=Path, default=HOME / "results.jsonl", help="where the JSON lines go"
    )
    options = parser.parse_args()
    options.only = options.only or list(plan.SUITE_KEYS)
    options.size = options.size or list(plan.DEFAULT_SIZES)
    options.events = options.events or (40_000 if options.quick else 200_000)
    options.rounds = options.rounds or (3 if options.quick else 5)
    return options


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())

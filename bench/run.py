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
from dataclasses import asdict, replace
from pathlib import Path

from harness import growth, plan, work
from harness.environment import HOME, ROOT, Environment, Wanted, build_load_server, prepare
from harness.errors import BenchError
from harness.footprint import Footprint, measure_footprint
from harness.growth import GrowthOutcome
from harness.load_server import LoadServer, serving
from harness.measure import Outcome, Sample, measure
from harness.plan import Client, GrowthSuite, Language, Load, Suite, WorkSuite
from harness.report import (
    Records,
    comparisons,
    print_comparisons,
    print_footprint,
    print_limits,
    print_outcome,
    print_targets,
)
from harness.work import WorkOutcome


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
    if records.failures:
        print(f"bench: failed: {', '.join(records.failures)}", file=sys.stderr)
    return int(bool(records.failures))


def _run(options: argparse.Namespace, records: Records) -> None:
    suites = [suite for suite in plan.SUITES if suite.key in options.only]
    works, growths = work.chosen(options.only), growth.chosen(options.only)
    every: list[Suite | WorkSuite | GrowthSuite] = [*suites, *works, *growths]
    languages: set[Language] = {suite.language for suite in every}
    if plan.IMPORT in options.only:
        languages.add("python")
    environment = prepare(
        languages,
        Wanted(
            python=options.python,
            node=options.node,
            ours=not options.peers_only,
            build=not options.no_build,
            before=options.before,
        ),
    )
    _describe_machine(environment, records)
    outcomes: list[Outcome] = []
    work_outcomes: list[WorkOutcome] = []
    growth_outcomes: list[GrowthOutcome] = []
    if every:
        files = growth.raise_file_limit()
        program = options.load_server or build_load_server()
        environment = replace(environment, load_server=program)
        with serving(program) as server:
            outcomes = _streams(options, suites, environment, records, server)
            work_outcomes = _works(options, works, environment, records, server)
            growth_outcomes = _growths(options, growths, environment, records, server, files)
    footprint = _footprint(options, environment, records) if plan.IMPORT in options.only else None
    pairs = [
        *comparisons(outcomes),
        *work.work_comparisons(work_outcomes),
        *growth.growth_comparisons(growth_outcomes),
    ]
    print_comparisons(pairs, records)
    if not options.peers_only and not options.no_peers:
        print_targets("First bar", plan.FIRST_BAR, outcomes, records)
        print_targets("Goals of events", plan.GOALS, outcomes, records)
        work.print_work_targets(work_outcomes, records)
    if not options.peers_only:
        growth.print_growth_targets(growth_outcomes, records)
        print_limits(footprint, records)
    print(f"\nthe tables: {_shown(records.markdown)}; as JSON lines: {_shown(records.path)}")


def _clients(
    options: argparse.Namespace,
    suite: Suite | WorkSuite | GrowthSuite,
    environment: Environment,
) -> list[Client]:
    peers = () if options.no_peers else (*suite.peers, *suite.alone)
    return environment.clients(suite.language, suite.ours, peers, peers_only=options.peers_only)


def _works(
    options: argparse.Namespace,
    suites: list[WorkSuite],
    environment: Environment,
    records: Records,
    server: LoadServer,
) -> list[WorkOutcome]:
    outcomes = []
    for suite in suites:
        outcome = work.measure_work(
            suite,
            _clients(options, suite, environment),
            share=0.2 if options.quick else 1,
            rounds=options.rounds,
            environment=environment,
            server=server,
            records=records,
        )
        if outcome.clients:
            work.print_work(outcome, environment, records)
            outcomes.append(outcome)
    return outcomes


def _growths(
    options: argparse.Namespace,
    suites: list[GrowthSuite],
    environment: Environment,
    records: Records,
    server: LoadServer,
    files: int,
) -> list[GrowthOutcome]:
    outcomes = []
    for suite in suites:
        clients = _clients(options, suite, environment)
        if not clients:
            continue
        outcome = growth.measure_growth(
            suite,
            clients,
            quick=options.quick,
            rounds=max(1, options.rounds // 2),
            files=files,
            environment=environment,
            server=server,
            records=records,
        )
        if outcome.clients:
            growth.print_growth(outcome, environment, records)
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
            if suite.turn and (size != plan.DEFAULT_SIZES[0] or options.delivery != "each"):
                continue
            load = plan.load_for(size, options.delivery, options.events)
            clients = _clients(options, suite, environment)

            def record(
                client: Client, sample: Sample, suite: Suite = suite, load: Load = load
            ) -> None:
                version = environment.version(suite.language, client)
                which = {"suite": suite.key, "client": client.name, "version": version}
                records.add(
                    "run", **which, size=load.size, delivery=load.delivery, **asdict(sample)
                )

            def left_out(client: Client, error: BenchError, suite: Suite = suite) -> None:
                records.left_out(suite.key, client, error)

            outcome = measure(
                suite,
                load,
                clients,
                rounds=options.rounds,
                environment=environment,
                server=server,
                record=record,
                left_out=left_out,
            )
            if outcome.clients:
                print_outcome(outcome, environment, records)
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
    print_footprint(footprint, records)
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
        "--only",
        action="append",
        type=_suites,
        metavar="SUITES",
        help=f"these suites alone, with commas; a group of them: {', '.join(plan.GROUPS)}; or by "
        f"name: {', '.join(plan.SUITE_KEYS)}",
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
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out")
    parser.add_argument(
        "--before",
        action="append",
        default=[],
        type=_place,
        help="another package of ours, measured in turn with this one: a wheel, a tarball of npm, "
        "or a folder with them (or with them in dist/); may be repeated",
    )
    parser.add_argument(
        "--no-build", action="store_true", help="take our packages from dist/ as they are"
    )
    parser.add_argument("--load-server", type=Path, help="a load server built before")
    parser.add_argument(
        "--python", default=sys.executable, help="the Python to measure with (this one)"
    )
    parser.add_argument("--node", default="node", help="the Node to measure with (node)")
    parser.add_argument(
        "--out",
        type=Path,
        default=HOME / "results.jsonl",
        help="where the JSON lines go; the tables go beside them, as .md",
    )
    options = parser.parse_args()
    if options.peers_only and options.no_peers:
        parser.error("--peers-only and --no-peers leave nothing to measure")
    chosen = {key for keys in options.only or [plan.SUITE_KEYS] for key in keys}
    options.only = [key for key in plan.SUITE_KEYS if key in chosen]
    options.size = options.size or list(plan.DEFAULT_SIZES)
    options.events = options.events or (40_000 if options.quick else 200_000)
    options.rounds = options.rounds or (3 if options.quick else 5)
    return options


def _suites(text: str) -> tuple[str, ...]:
    found: list[str] = []
    for word in text.split(","):
        if word not in plan.GROUPS and word not in plan.SUITE_KEYS:
            raise argparse.ArgumentTypeError(f"{word!r} is neither a suite nor a group of suites")
        found += plan.GROUPS.get(word, (word,))
    return tuple(found)


def _place(text: str) -> Path:
    # The runner works elsewhere.
    path = Path(text).resolve()
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{text} does not exist")
    return path


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())

"""What is compared with what, and which ratio is the goal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Language = Literal["python", "node"]
Delivery = Literal["each", "packed"]

SIZES = (120, 1024, 16384)
DEFAULT_SIZES = (120, 16384)


@dataclass(frozen=True)
class Client:
    """A program in `bench/clients/` with its arguments, and the package whose version is shown."""

    name: str
    program: str
    package: str

    @property
    def before(self) -> Client:
        """The same program with another package of ours."""
        return replace(self, name=BEFORE)


# Another package of ours: what it was before.
BEFORE = "before"
# A Rust program on the HTTP client beneath ours that hands nothing on: no client on it is faster.
ALONE = "reqwest alone"


@dataclass(frozen=True)
class Suite:
    """Our client and its peers in one language and style; ours comes first."""

    key: str
    title: str
    language: Language
    ours: Client
    peers: tuple[Client, ...]
    # Events of a turn come over a WebSocket.
    turn: bool = False

    @property
    def alone(self) -> tuple[Client, ...]:
        """What the HTTP client beneath ours takes for it; none where that has no part in it."""
        return () if self.turn else (Client(ALONE, "alone events", "reqwest"),)


SUITES = (
    Suite(
        "python-sync",
        "Python, blocking",
        "python",
        Client("sessionwire", "sessionwire_sync.py", "sessionwire"),
        (
            Client("agi-python", "agi_python.py", "agi-python"),
            Client("openai", "openai_sync.py", "openai"),
            Client("httpx-sse", "httpx_sse_sync.py", "httpx-sse"),
            Client("requests by hand", "requests_lines.py", "requests"),
        ),
    ),
    Suite(
        "python-async",
        "Python, asyncio",
        "python",
        Client("sessionwire", "sessionwire_async.py", "sessionwire"),
        (
            Client("openai", "openai_async.py", "openai"),
            Client("httpx-sse", "httpx_sse_async.py", "httpx-sse"),
            Client("aiohttp lines", "aiohttp_lines.py", "aiohttp"),
        ),
    ),
    Suite(
        "node",
        "Node",
        "node",
        Client("sessionwire", "sessionwire.mjs", "sessionwire"),
        (
            Client("eventsource-parser", "eventsource_parser.mjs", "eventsource-parser"),
            Client(
                "eventsource-parser stream", "eventsource_parser_stream.mjs", "eventsource-parser"
            ),
            Client("undici + parser", "undici.mjs", "undici"),
            Client("eventsource", "eventsource.mjs", "eventsource"),
            Client("openai", "openai.mjs", "openai"),
        ),
    ),
    Suite(
        "python-sync-turn",
        "Python, blocking: a turn over a WebSocket",
        "python",
        Client("sessionwire", "turn_sessionwire_sync.py", "sessionwire"),
        (Client("websockets", "turn_websockets_sync.py", "websockets"),),
        turn=True,
    ),
    Suite(
        "python-async-turn",
        "Python, asyncio: a turn over a WebSocket",
        "python",
        Client("sessionwire", "turn_sessionwire_async.py", "sessionwire"),
        (
            Client("websockets", "turn_websockets_async.py", "websockets"),
            Client("aiohttp", "turn_aiohttp.py", "aiohttp"),
        ),
        turn=True,
    ),
    Suite(
        "node-turn",
        "Node: a turn over a WebSocket",
        "node",
        Client("sessionwire", "turn_sessionwire.mjs", "sessionwire"),
        (
            Client("ws", "turn_ws.mjs", "ws"),
            Client("undici", "turn_undici.mjs", "undici"),
        ),
        turn=True,
    ),
)
IMPORT = "import"

Work = Literal[
    "one-by-one", "one-core", "at-once", "screenshot", "upload", "resting", "cold", "create"
]
# The size of an uploaded file.
UPLOAD_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class WorkSuite:
    """Our client and its peers at another work than reading one stream; ours comes first."""

    key: str
    title: str
    language: Language
    work: Work
    ours: Client
    peers: tuple[Client, ...]

    @property
    def amount(self) -> int:
        """How many calls, streams, processes or clients a run makes."""
        return {
            "one-by-one": 4_000,
            "one-core": 4_000,
            "at-once": 32_000,
            "screenshot": 500,
            "upload": 40,
            "resting": 1_000,
            "cold": 10,
            "create": 200,
        }[self.work]

    @property
    def alone(self) -> tuple[Client, ...]:
        """What the HTTP client beneath ours takes for it; none where nobody wrote that down."""
        programs: dict[Work, str] = {
            "one-by-one": "alone calls",
            "one-core": "alone calls",
            "at-once": "alone calls",
            "resting": "alone resting",
        }
        program = programs.get(self.work)
        return (Client(ALONE, program, "reqwest"),) if program else ()

    @property
    def at_least(self) -> int:
        """The least of them that say something."""
        return {"at-once": 64, "upload": 5, "cold": 2}.get(self.work, 20)


def _calls(language: Language, style: str, title: str, clients: list[Client]) -> list[WorkSuite]:
    works: tuple[tuple[Work, str], ...] = (
        ("one-by-one", "one call after another"),
        ("one-core", "one call after another, on one core"),
        ("at-once", "64 calls at once"),
        ("screenshot", "screenshots of 300 KB, one after another"),
    )
    return [
        WorkSuite(
            f"{style}-{work}", f"{title}: {what}", language, work, clients[0], (*clients[1:],)
        )
        for work, what in works
    ]


def _starts(language: Language, style: str, title: str, names: list[str]) -> list[WorkSuite]:
    works: tuple[tuple[Work, str], ...] = (
        ("cold", "the first call of a new process, imports and all"),
        ("create", "making a client (CPU: and closing it)"),
    )
    program = "start.py" if language == "python" else "start.mjs"

    def client(name: str, work: Work) -> Client:
        shown = name.removesuffix("-async")
        package = "node" if name == "fetch" else shown
        return Client(shown, f"{program} {work} {name}", package)

    # There is no client of fetch to make.
    return [
        WorkSuite(
            f"{style}-{work}",
            f"{title}: {what}",
            language,
            work,
            client(names[0], work),
            tuple(client(name, work) for name in names[1:] if work == "cold" or name != "fetch"),
        )
        for work, what in works
    ]


WORK_SUITES = (
    *_calls(
        "python",
        "python-sync",
        "Python, blocking (64 threads)",
        [
            Client("sessionwire", "calls_sessionwire_sync.py", "sessionwire"),
            Client("httpx", "calls_httpx_sync.py", "httpx"),
            Client("agi-python", "calls_agi_python.py", "agi-python"),
        ],
    ),
    *_calls(
        "python",
        "python-async",
        "Python, asyncio",
        [
            Client("sessionwire", "calls_sessionwire_async.py", "sessionwire"),
            Client("aiohttp", "calls_aiohttp.py", "aiohttp"),
            Client("pyqwest", "calls_pyqwest.py", "pyqwest"),
            Client("httpx", "calls_httpx_async.py", "httpx"),
        ],
    ),
    *_calls(
        "node",
        "node",
        "Node",
        [
            Client("sessionwire", "calls_sessionwire.mjs", "sessionwire"),
            Client("fetch", "calls_fetch.mjs", "node"),
            Client("undici", "calls_undici.mjs", "undici"),
        ],
    ),
    WorkSuite(
        "python-resting",
        "Python, asyncio: 1,000 streams, an event a second on each",
        "python",
        "resting",
        Client("sessionwire", "resting_sessionwire.py", "sessionwire"),
        (
            Client("aiohttp", "resting_aiohttp.py", "aiohttp"),
            Client("httpx-sse", "resting_httpx_sse.py", "httpx-sse"),
        ),
    ),
    WorkSuite(
        "node-resting",
        "Node: 1,000 streams, an event a second on each",
        "node",
        "resting",
        Client("sessionwire", "resting_sessionwire.mjs", "sessionwire"),
        (
            Client("fetch", "resting_fetch.mjs", "node"),
            Client("undici", "resting_undici.mjs", "undici"),
        ),
    ),
    WorkSuite(
        "python-sync-upload",
        "Python, blocking: files of 8 MiB, one after another",
        "python",
        "upload",
        Client("sessionwire", "uploads_sessionwire_sync.py", "sessionwire"),
        (
            Client("httpx", "uploads_httpx_sync.py", "httpx"),
            Client("requests", "uploads_requests.py", "requests"),
        ),
    ),
    WorkSuite(
        "python-async-upload",
        "Python, asyncio: files of 8 MiB, one after another",
        "python",
        "upload",
        Client("sessionwire", "uploads_sessionwire_async.py", "sessionwire"),
        (
            Client("aiohttp", "uploads_aiohttp.py", "aiohttp"),
            Client("httpx", "uploads_httpx_async.py", "httpx"),
        ),
    ),
    WorkSuite(
        "node-upload",
        "Node: files of 8 MiB, one after another",
        "node",
        "upload",
        Client("sessionwire", "uploads_sessionwire.mjs", "sessionwire"),
        (
            Client("fetch", "uploads_fetch.mjs", "node"),
            Client("undici", "uploads_undici.mjs", "undici"),
        ),
    ),
    *_starts(
        "python",
        "python-sync",
        "Python, blocking",
        ["sessionwire", "httpx", "requests", "agi-python", "openai"],
    ),
    *_starts(
        "python", "python-async", "Python, asyncio", ["sessionwire-async", "aiohttp", "httpx-async"]
    ),
    *_starts("node", "node", "Node", ["sessionwire", "fetch", "undici", "openai"]),
)

Growth = Literal["streams", "events", "list", "lasting-streams", "lasting-calls"]


@dataclass(frozen=True)
class GrowthSuite:
    """What more streams, events, sessions or requests cost, up to many."""

    key: str
    title: str
    language: Language
    growth: Growth
    ours: Client
    peers: tuple[Client, ...] = ()

    @property
    def counts(self) -> tuple[int, ...]:
        """How many of them, run by run; of those that last, how many in one run."""
        return {
            "streams": (10, 100, 1_000, 10_000),
            "events": tuple(10**power for power in range(7)),
            "list": (1, 10, 100, 1_000, 10_000),
            "lasting-streams": (100_000,),
            "lasting-calls": (100_000,),
        }[self.growth]

    @property
    def alone(self) -> tuple[Client, ...]:
        """What the HTTP client beneath ours takes for it: not measured."""
        return ()

    @property
    def lasting(self) -> bool:
        """One process does all of it, one after another."""
        return self.growth.startswith("lasting")


def _growths(
    language: Language, title: str, ending: str, clients: dict[Growth, tuple[Client, ...]]
) -> list[GrowthSuite]:
    what = {
        "streams": "open streams, an event a second on each",
        "events": "events of 120 bytes on one stream",
        "list": "sessions in a list",
    }
    lasting = {"streams": "streams of 4 events", "calls": "calls"}
    return [
        *(
            GrowthSuite(
                f"{language}-growth-{growth}",
                f"{title}: {what[growth]}",
                language,
                growth,
                of[0],
                of[1:],
            )
            for growth, of in clients.items()
        ),
        *(
            GrowthSuite(
                f"{language}-lasting-{work}",
                f"{title}: the memory of {{count}} {text}, one after another",
                language,
                "lasting-streams" if work == "streams" else "lasting-calls",
                Client("sessionwire", f"lasting.{ending} {work}", "sessionwire"),
            )
            for work, text in lasting.items()
        ),
    ]


GROWTH_SUITES = (
    *_growths(
        "python",
        "Python",
        "py",
        {
            "streams": (
                Client("sessionwire", "resting_sessionwire.py", "sessionwire"),
                Client("aiohttp", "resting_aiohttp.py", "aiohttp"),
            ),
            "events": (
                Client("sessionwire", "sessionwire_sync.py", "sessionwire"),
                Client("httpx-sse", "httpx_sse_sync.py", "httpx-sse"),
            ),
            "list": (
                Client("sessionwire", "growth_list.py sessionwire", "sessionwire"),
                Client("httpx", "growth_list.py httpx", "httpx"),
            ),
        },
    ),
    *_growths(
        "node",
        "Node",
        "mjs",
        {
            "streams": (
                Client("sessionwire", "resting_sessionwire.mjs", "sessionwire"),
                Client("undici", "resting_undici.mjs", "undici"),
            ),
            "events": (
                Client("sessionwire", "sessionwire.mjs", "sessionwire"),
                Client("undici + parser", "undici.mjs", "undici"),
            ),
            "list": (
                Client("sessionwire", "growth_list.mjs sessionwire", "sessionwire"),
                Client("fetch", "growth_list.mjs fetch", "node"),
            ),
        },
    ),
)
# One step costs as much as the one before it, up to this factor, or the growth is not linear.
LINEAR = 1.5
# Memory that grows by less than this from one count to the next is flat.
FLAT_KIB = 2048.0
# What lasts keeps its memory when it grows by less than this from 10 %, and from 50 %, to the end.
LASTING_KIB = (5 * 1024.0, 3 * 1024.0)

SUITE_KEYS = (
    *(suite.key for suite in SUITES),
    *(suite.key for suite in WORK_SUITES),
    *(suite.key for suite in GROWTH_SUITES),
    IMPORT,
)
# Short names for several suites.
GROUPS: dict[str, tuple[str, ...]] = {
    "events": tuple(suite.key for suite in SUITES if not suite.turn),
    "turns": tuple(suite.key for suite in SUITES if suite.turn),
    "calls": tuple(
        suite.key
        for suite in WORK_SUITES
        if suite.work in ("one-by-one", "one-core", "at-once", "screenshot")
    ),
    "uploads": tuple(suite.key for suite in WORK_SUITES if suite.work == "upload"),
    "resting": tuple(suite.key for suite in WORK_SUITES if suite.work == "resting"),
    "start": (
        *(suite.key for suite in WORK_SUITES if suite.work in ("cold", "create")),
        IMPORT,
    ),
    "growth": tuple(suite.key for suite in GROWTH_SUITES if not suite.lasting),
    "lasting": tuple(suite.key for suite in GROWTH_SUITES if suite.lasting),
}


@dataclass(frozen=True)
class Load:
    """What the load server streams: thoughts of one size, then a `done`."""

    events: int
    size: int
    delivery: Delivery

    @property
    def session_id(self) -> str:
        """The session whose stream this is."""
        return f"n{self.events}-s{self.size}-{self.delivery}"

    @property
    def warm_up(self) -> Load:
        """The same, short: a tenth."""
        return Load(max(1, self.events // 10), self.size, self.delivery)

    @property
    def expected(self) -> tuple[int, int]:
        """How many events come, and the sum of their message ids."""
        count = self.events + 1
        return count, count * (count + 1) // 2

    def __str__(self) -> str:
        how = "one HTTP chunk each" if self.delivery == "each" else "HTTP chunks of 64 KiB"
        return f"{self.events:,} events of {self.size:,} bytes, {how}"


def load_for(size: int, delivery: Delivery, events: int) -> Load:
    """`events` counts for 120 bytes: of larger ones there are fewer, for runs of like length."""
    share = {120: 1, 1024: 2, 16384: 20}[size]
    return Load(max(1, events // share), size, delivery)


@dataclass(frozen=True)
class Target:
    """At least `ratio` times a peer's events per second, in the same round."""

    suite: str
    size: int
    peer: str
    ratio: float


FIRST_BAR = (
    Target("python-sync", 120, "agi-python", 5),
    Target("python-async", 120, "httpx-sse", 5),
    Target("node", 120, "eventsource-parser", 1.3),
)
GOALS = (
    Target("python-sync", 120, "agi-python", 8),
    Target("python-sync", 120, "openai", 10),
    Target("python-sync", 120, "requests by hand", 3),
    Target("python-async", 120, "openai", 12),
    Target("python-async", 120, "httpx-sse", 10),
    Target("python-async", 120, "aiohttp lines", 6),
    Target("node", 120, "eventsource-parser", 2),
    Target("node", 120, "openai", 5),
    Target("python-sync", 16384, "agi-python", 4),
    Target("python-async", 16384, "aiohttp lines", 3),
    Target("node", 120, "undici + parser", 2),
    Target("node", 16384, "eventsource-parser", 1.7),
)


@dataclass(frozen=True)
class WorkTarget:
    """At least `ratio` times better than a peer in one figure, in the same round."""

    suite: str
    peer: str
    figure: Literal["rate", "p50", "cpu"]
    ratio: float


@dataclass(frozen=True)
class WorkLimit:
    """At most `limit` of a figure."""

    suite: str
    figure: Literal["kib", "cpu"]
    limit: float


WORK_GOALS = (
    WorkTarget("python-sync-one-by-one", "httpx", "p50", 2),
    WorkTarget("python-async-one-by-one", "aiohttp", "p50", 1.1),
    WorkTarget("node-one-by-one", "fetch", "p50", 2.5),
    WorkTarget("python-sync-one-core", "httpx", "p50", 2),
    WorkTarget("python-async-one-core", "aiohttp", "p50", 1.1),
    WorkTarget("node-one-core", "fetch", "p50", 2.5),
    WorkTarget("python-sync-at-once", "agi-python", "rate", 10),
    WorkTarget("python-async-at-once", "aiohttp", "rate", 4),
    WorkTarget("node-at-once", "undici", "rate", 1.8),
    WorkTarget("node-at-once", "fetch", "rate", 6),
    WorkTarget("python-sync-screenshot", "httpx", "p50", 6),
    WorkTarget("node-screenshot", "fetch", "p50", 3),
    WorkTarget("node-resting", "fetch", "cpu", 1),
    WorkTarget("node-resting", "undici", "cpu", 1),
)
WORK_LIMITS = (
    WorkLimit("python-resting", "kib", 28),
    WorkLimit("python-resting", "cpu", 65),
    WorkLimit("node-resting", "kib", 50),
)
IMPORT_LIMIT_MS = 30.0
WHEEL_LIMIT_MB = 8.0

# Beyond the goals: what we aim for.
WORK_MOONSHOTS = (
    WorkLimit("python-resting", "kib", 20),
    WorkLimit("node-resting", "kib", 35),
)
IMPORT_MOONSHOT_MS = 10.0

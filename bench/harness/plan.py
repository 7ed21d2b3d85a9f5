"""What is compared with what, and which ratio is the goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["python", "node"]
Delivery = Literal["each", "packed"]

SIZES = (120, 1024, 16384)
DEFAULT_SIZES = (120, 16384)


@dataclass(frozen=True)
class Client:
    """One program in `bench/clients/`, and the package whose version names it in the tables."""

    name: str
    program: str
    package: str


@dataclass(frozen=True)
class Suite:
    """Our client and its peers in one language and style; ours comes first."""

    key: str
    title: str
    language: Language
    ours: Client
    peers: tuple[Client, ...]


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
)
IMPORT = "import"

Work = Literal["one-by-one", "at-once", "screenshot", "resting"]


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
        """How many calls or streams a run makes."""
        return {"one-by-one": 4_000, "at-once": 32_000, "screenshot": 500, "resting": 1_000}[
            self.work
        ]


def _calls(language: Language, style: str, title: str, clients: list[Client]) -> list[WorkSuite]:
    works: tuple[tuple[Work, str], ...] = (
        ("one-by-one", "one call after another"),
        ("at-once", "64 calls at once"),
        ("screenshot", "screenshots of 300 KB, one after another"),
    )
    return [
        WorkSuite(
            f"{style}-{work}", f"{title}: {what}", language, work, clients[0], (*clients[1:],)
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
            Client("httpx", "calls_httpx_async.py", "httpx"),
        ],
    ),
    *_calls(
        "node",
        "node",
        "Node",
        [
            Client("sessionwire", "calls_sessionwire.mjs", "sessionwire"),
            Client("fetch", "calls_fetch.mjs", "undici"),
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
        (Client("fetch", "resting_fetch.mjs", "eventsource-parser"),),
    ),
)
SUITE_KEYS = (
    *(suite.key for suite in SUITES),
    *(suite.key for suite in WORK_SUITES),
    IMPORT,
)


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
    WorkTarget("python-sync-at-once", "agi-python", "rate", 10),
    WorkTarget("python-async-at-once", "aiohttp", "rate", 4),
    WorkTarget("node-at-once", "undici", "rate", 1.8),
    WorkTarget("node-at-once", "fetch", "rate", 6),
    WorkTarget("python-sync-screenshot", "httpx", "p50", 6),
    WorkTarget("node-screenshot", "fetch", "p50", 3),
    WorkTarget("node-resting", "fetch", "cpu", 1),
)
WORK_LIMITS = (
    WorkLimit("python-resting", "kib", 28),
    WorkLimit("python-resting", "cpu", 65),
    WorkLimit("node-resting", "kib", 50),
)
IMPORT_LIMIT_MS = 30.0
WHEEL_LIMIT_MB = 6.0

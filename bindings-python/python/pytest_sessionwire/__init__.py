"""The pytest plugin of sessionwire: an emulator for every test that asks for one.

pytest finds it by itself. `sessionwire` is imported when a fixture is used, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from sessionwire import Agi, AsyncAgi, AsyncRaccoon, Emulator, Raccoon

__all__ = [
    "agi_client",
    "agi_emulator",
    "async_agi_client",
    "async_raccoon_client",
    "pytest_addoption",
    "pytest_configure",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "raccoon_client",
    "raccoon_emulator",
]

# Seconds between the steps of the emulator's agent.
_STEP_DELAY = 0.005

_emulator_of: pytest.StashKey[Emulator] = pytest.StashKey()
_allows_unused: pytest.StashKey[bool] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the options of the configuration file."""
    parser.addini(
        "agi_unmatched",
        "what becomes of a task that no entry of agi_emulator's scenario fits: error or agent",
        default="error",
    )
    parser.addini(
        "agi_allow_unused",
        "faults of agi_emulator that never struck, and `once` entries that never played, are no "
        "error",
        type="bool",
        default=False,
    )
    parser.addini(
        "agi_strict_cleanup",
        "sessions that a test leaves behind in agi_emulator are an error",
        type="bool",
        default=False,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker."""
    config.addinivalue_line(
        "markers",
        "agi_emulator(*, strict_cleanup=..., allow_unused=..., **options): the options of the "
        "fixture agi_emulator, as sessionwire.Emulator takes them",
    )


#: The fixtures, which are no markers.
_FIXTURES = (
    "agi_client",
    "async_agi_client",
    "async_raccoon_client",
    "raccoon_client",
    "raccoon_emulator",
)


def _check_markers(item: pytest.Item) -> None:
    """Refuses a marker that means agi_emulator: pytest ignores what it does not know."""
    for marker in item.iter_markers():
        name = marker.name
        if name == "agi_emulator" or not _is_like_ours(name) or _is_declared(name, item.config):
            continue
        raise pytest.UsageError(
            f"There is no marker {name}; the test would reach whatever the environment names. "
            "Write @pytest.mark.agi_emulator(...)"
            + (f", and ask for the fixture {name}." if name in _FIXTURES else ".")
        )


def _is_like_ours(name: str) -> bool:
    if name in _FIXTURES:
        return True
    plain = name.lower().replace("_", "").replace("-", "")
    if not plain.startswith(("agi", "raccoon", "sessionwire")):
        return False
    from difflib import SequenceMatcher

    likely = ("agiemulator", "raccoonemulator", "sessionwireemulator")
    return any(SequenceMatcher(None, plain, one).ratio() >= 0.8 for one in likely)


def _is_declared(name: str, config: pytest.Config) -> bool:
    declared: list[str] = config.getini("markers")
    return any(line.partition(":")[0].partition("(")[0].strip() == name for line in declared)


@pytest.fixture(autouse=True)
def _agi_emulator_by_the_marker(request: pytest.FixtureRequest) -> None:
    """Starts the emulator of a test that has the marker, also where it asks for no fixture."""
    _check_markers(request.node)
    if request.node.get_closest_marker("agi_emulator") is not None:
        request.getfixturevalue("raccoon_emulator")


@pytest.fixture
def agi_emulator(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Emulator]:
    """A fresh sessionwire.Emulator; AGI_BASE_URL and AGI_API_KEY point to it, for `Agi()`.

    A task or turn that no entry of the scenario fits fails, and so does the test
    (`unmatched="agent"` of the marker: the emulator's own agent works on it); a fault that never
    struck and a `once` entry that never played fail the test, too (`allow_unused=True`: they do
    not).

    While it is there, a client that was made before, without a `base_url`, is refused with a
    ConfigError: it would reach the real service.
    """
    from sessionwire import Emulator
    from sessionwire._native import TestGuard

    options: dict[str, Any] = {
        "step_delay": _STEP_DELAY,
        "strict_cleanup": request.config.getini("agi_strict_cleanup"),
        "allow_unused": request.config.getini("agi_allow_unused"),
        "unmatched": request.config.getini("agi_unmatched"),
    }
    # The nearest one comes first, and wins.
    for marker in reversed(list(request.node.iter_markers("agi_emulator"))):
        if marker.args:
            raise pytest.UsageError(
                "@pytest.mark.agi_emulator takes its options by name: agi_emulator(scenario=...)"
            )
        options |= marker.kwargs
    strict_cleanup = _flag(options, "strict_cleanup")
    request.node.stash[_allows_unused] = _flag(options, "allow_unused")
    with Emulator(**options) as emulator:
        request.node.stash[_emulator_of] = emulator
        monkeypatch.setenv("AGI_BASE_URL", emulator.url)
        monkeypatch.setenv("AGI_API_KEY", emulator.api_key)
        if emulator.ca_file is not None:
            monkeypatch.setenv("SSL_CERT_FILE", emulator.ca_file)
        # A program that the test starts reaches none either, whatever it makes of the others.
        monkeypatch.setenv("SESSIONWIRE_TEST_EMULATOR", emulator.url)
        # A client that was made before, when a module was imported, reaches no real service.
        guard = TestGuard(emulator.url)
        try:
            yield emulator
        finally:
            guard.release()
        left = emulator.session_count
    if strict_cleanup and left:
        pytest.fail(
            f"The test left {left} session{'' if left == 1 else 's'} behind. Create sessions "
            "with `with client.sessions.create() as session`, or delete them.",
            pytrace=False,
        )


def _flag(options: dict[str, Any], name: str) -> bool:
    value = options.pop(name)
    if not isinstance(value, bool):
        raise pytest.UsageError(
            f"@pytest.mark.agi_emulator: `{name}` must be True or False, not {value!r}"
        )
    return value


@pytest.fixture
def agi_client(agi_emulator: Emulator) -> Iterator[Agi]:
    """A sessionwire.Agi of agi_emulator."""
    with agi_emulator.agi() as client:
        yield client


@pytest.fixture
def async_agi_client(agi_emulator: Emulator) -> Iterator[AsyncAgi]:
    """A sessionwire.AsyncAgi of agi_emulator, for any event loop and any plugin that runs one."""
    client = agi_emulator.async_agi()
    yield client
    client._native.close()  # what `await client.close()` does; there may be no event loop here


@pytest.fixture
def raccoon_emulator(agi_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The same emulator as agi_emulator; RACCOON_BASE_URL and RACCOON_API_KEY point to it too."""
    monkeypatch.setenv("RACCOON_BASE_URL", agi_emulator.raccoon_url)
    monkeypatch.setenv("RACCOON_API_KEY", agi_emulator.api_key)
    return agi_emulator


@pytest.fixture
def raccoon_client(raccoon_emulator: Emulator) -> Iterator[Raccoon]:
    """A sessionwire.Raccoon of raccoon_emulator."""
    with raccoon_emulator.raccoon() as client:
        yield client


@pytest.fixture
def async_raccoon_client(raccoon_emulator: Emulator) -> Iterator[AsyncRaccoon]:
    """A sessionwire.AsyncRaccoon of raccoon_emulator, for any event loop."""
    client = raccoon_emulator.async_raccoon()
    yield client
    client._native.close()  # what `await client.close()` does; there may be no event loop here


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fails a test in which no entry fitted, or something never played, whatever the code took."""
    result = yield
    emulator = item.stash.get(_emulator_of, None)
    if emulator is not None:
        allow_unused = item.stash[_allows_unused]
        if problems := emulator._unplayed(allow_unused=allow_unused):
            pytest.fail("\n".join(problems), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows with a failed test what happened in its emulator."""
    report = yield
    emulator = item.stash.get(_emulator_of, None)
    if report.failed and emulator is not None:
        shown = report.longreprtext
        happened = emulator._explain(None)
        # What the failure says itself is not said again.
        problems = emulator._unplayed(allow_unused=item.stash[_allows_unused])
        lines = [problem for problem in problems if problem not in shown]
        if happened.partition("\n")[0] not in shown:
            lines.insert(0, happened)
        if lines:
            text = "\n".join(lines).replace(emulator.api_key, "***")
            report.sections.append(("agi_emulator", text))
    return report

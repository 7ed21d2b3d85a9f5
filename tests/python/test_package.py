"""The package as such: names, parity, imports, pickles, secrets, stubs."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
import subprocess
import sys
from modulefinder import ModuleFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sessionwire
from helpers import script
from sessionwire import Agi, AsyncAgi, _errors

if TYPE_CHECKING:
    from sessionwire import Emulator

ROOT = Path(__file__).parents[2]
PACKAGE = Path(sessionwire.__file__).parent


def run(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_import_is_light() -> None:
    program = """
import sys
before = set(sys.modules)
import sessionwire
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""
    loaded = set(run("-c", program).split())
    assert "sessionwire" in loaded
    third_party = {name for name in loaded - {"sessionwire"} if name not in sys.stdlib_module_names}
    assert third_party == set()
    heavy = {"asyncio", "typing", "dataclasses", "datetime", "json", "logging", "re", "pathlib"}
    assert loaded & heavy == set()


def test_a_user_without_json_or_asyncio_still_runs(emulator: Emulator) -> None:
    program = f"""
import sys
from sessionwire import Agi
with Agi(base_url={emulator.url!r}, api_key="key") as client:
    client.run_task("Hello")
assert "asyncio" not in sys.modules
"""
    run("-c", program)


def test_a_freezer_finds_every_module() -> None:
    # PyInstaller and its like follow imports that are written out; the native half imports
    # some modules by their name.
    finder = ModuleFinder([str(PACKAGE.parent)], excludes=["temporalio", "opentelemetry"])
    finder.import_hook("sessionwire")
    # What a program that uses it imports itself.
    finder.import_hook("sessionwire.ag_ui")
    # An extra, which a program that uses it imports itself.
    finder.import_hook("sessionwire.temporal")
    names = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
    }
    assert names - finder.modules.keys() == {"sessionwire.__main__"}


def test_names() -> None:
    for name in sessionwire.__all__:
        value = getattr(sessionwire, name)
        if isinstance(value, type):
            assert value.__module__ == "sessionwire", name
            assert value.__doc__, name
    assert set(sessionwire.__all__) <= set(dir(sessionwire))
    with pytest.raises(AttributeError, match="Raccoons"):
        _ = sessionwire.Raccoons
    cargo = (ROOT / "Cargo.toml").read_text()
    assert f'version = "{sessionwire.__version__}"' in cargo


def members(kind: type) -> dict[str, Any]:
    found = {}
    for name in dir(kind):
        if name.startswith("_") and name != "__init__":
            continue
        found[name] = inspect.getattr_static(kind, name)
    return found


PAIRS = [
    (sessionwire.Agi, sessionwire.AsyncAgi),
    (sessionwire.Sessions, sessionwire.AsyncSessions),
    (sessionwire.Session, sessionwire.AsyncSession),
    (sessionwire.Task, sessionwire.AsyncTask),
    (sessionwire.Agent, sessionwire.AsyncAgent),
]


@pytest.mark.parametrize(("plain", "other"), PAIRS)
def test_g12_both_surfaces_are_the_same(plain: type, other: type) -> None:
    ours, theirs = members(plain), members(other)
    assert set(ours) == set(theirs)
    for name, member in ours.items():
        twin = theirs[name]
        assert type(member) is type(twin), name
        if not inspect.isfunction(member):
            continue
        assert not inspect.iscoroutinefunction(member), name
        mine, its = inspect.signature(member), inspect.signature(twin)
        assert [(p.name, p.kind, p.default) for p in mine.parameters.values()] == [
            (p.name, p.kind, p.default) for p in its.parameters.values()
        ], name
        assert inspect.getdoc(member) or name == "__init__", name


def test_g12_streams_have_the_same_surface() -> None:
    assert set(members(sessionwire.EventStream)) == set(members(sessionwire.AsyncEventStream)) - {
        "aclose"
    }


def test_the_blocking_client_is_up_to_date() -> None:
    run("bindings-python/generate_sync.py", "--check")


def test_the_stub_fits_the_native_module() -> None:
    run("-m", "mypy.stubtest", "sessionwire._native", "--mypy-config-file", "pyproject.toml")


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").exists()


def error_classes() -> list[type[sessionwire.SessionwireError]]:
    return [getattr(_errors, name) for name in _errors.__all__]


def test_the_table_of_errors_names_known_ones() -> None:
    table = json.loads((ROOT / "tests/contract/errors.json").read_text())
    names = {case["expect"]["name"] for case in table["cases"] if "expect" in case}
    assert names
    assert names <= {kind.__name__ for kind in error_classes()}


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_g11_errors_pickle(kind: type[sessionwire.SessionwireError]) -> None:
    question = sessionwire.QuestionEvent(3, '{"text": "Which?"}')
    fields = {
        "name": kind.__name__,
        "text": "It failed. Try again.",
        "message": "It failed",
        "reason": "why",
        "status_code": 503,
        "code": "busy",
        "body": "{}",
        "headers": {"a": "b"},
        "request_id": "r",
        "retry_after": 1.5,
        "maybe_delivered": True,
        "session_id": "s",
        "last_event_id": 7,
        "question": question,
        "events": [question],
    }
    error = _errors.from_native(fields)
    assert type(error) is kind
    assert str(error) == "It failed. Try again."
    assert error.message == "It failed"
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is kind
    assert str(twin) == str(error)
    assert {**twin.__dict__, "task": None} == {**error.__dict__, "task": None}
    assert copy.copy(error).__dict__.keys() >= error.__dict__.keys()


def test_the_tree_of_errors() -> None:
    tree = {
        kind.__name__: tuple(base.__name__ for base in kind.__bases__) for kind in error_classes()
    }
    assert tree["APITimeoutError"] == ("APIConnectionError", "TimeoutError")
    assert tree["InvalidRequestError"] == ("SessionwireError", "ValueError")
    assert tree["TaskTimeout"] == ("SessionwireError", "TimeoutError")
    assert tree["EventTooLarge"] == ("StreamError",)
    assert tree["RateLimitError"] == ("APIStatusError",)
    assert tree["APIConnectionError"] == tree["APIStatusError"] == ("APIError",)


def test_g11_a_pickled_question_has_no_task(emulator: Emulator) -> None:
    emulator.scenario(script({"question": "Which?"}))
    with emulator.agi() as client, client.sessions.create() as session:
        with pytest.raises(sessionwire.QuestionPending) as caught:
            session.run_task("Begin")
        twin = pickle.loads(pickle.dumps(caught.value))
        assert twin.task is None
        assert twin.question == caught.value.question
        assert caught.value.task.session_id == session.session_id
        assert pickle.loads(pickle.dumps(session.messages())) == session.messages()


@pytest.mark.parametrize(
    "event",
    [
        sessionwire.StepEvent(1, '{"text": "it\'s"}'),
        sessionwire.DoneEvent(2, '{"result": [1, 2]}'),
        sessionwire.HeartbeatEvent(),
        sessionwire.UnknownEvent("sparkle", 4, "raw"),
    ],
    ids=repr,
)
def test_g11_events_pickle_and_show_themselves(event: sessionwire.Event) -> None:
    twin = pickle.loads(pickle.dumps(event))
    assert twin == event
    assert type(twin) is type(event)
    assert isinstance(event, sessionwire.Event)
    assert eval(repr(event), vars(sessionwire).copy()) == event
    assert copy.deepcopy(event) == event


def test_g07_the_key_is_shown_nowhere(emulator: Emulator) -> None:
    key = "sk-very-secret-0123456789"
    with Agi(base_url=emulator.url, api_key=key) as client:
        session = client.sessions.create()
        emulator.fail(
            on="get", status=400, body={"detail": f"bad key {key}"}, headers={"X-Key": key}
        )
        with pytest.raises(sessionwire.BadRequestError) as caught:
            session.refresh()
        error = caught.value
        shown: list[object] = [
            client,
            client.__dict__ if hasattr(client, "__dict__") else "",
            session,
            error,
        ]
        shown += [AsyncAgi(base_url=emulator.url, api_key=key), client._options, error.__dict__]
        assert key not in "".join(map(repr, shown)) + str(error)
        session.delete()


def test_no_mark_of_the_machine() -> None:
    for path in PACKAGE.rglob("*.py*"):
        if path.suffix in (".py", ".pyi"):
            assert not re.search(r"/(root|home|tmp)/", path.read_text()), path

"""The pytest plugin, as another project's tests use it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "test-your-app.md"


#: What a CI or a shell sets, and pytest writes its report otherwise for.
REPORT = ("BUILD_NUMBER", "CI", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "PYTEST_ADDOPTS")


@pytest.fixture(autouse=True)
def a_plain_report(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REPORT:
        monkeypatch.delenv(name, raising=False)


def run(pytester: pytest.Pytester, tests: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(tests)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error", *options)


def test_code_under_test_needs_no_configuration_for_tls_either(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest
        from sessionwire import Agi

        @pytest.mark.agi_emulator(tls=True)
        def test_one(agi_emulator):
            assert agi_emulator.url.startswith("https:")
            with Agi() as client:
                assert client.sessions.list() == []
        """,
    )
    result.assert_outcomes(passed=1)


def test_code_under_test_needs_no_configuration(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import os
        from sessionwire import Agi

        def application():
            with Agi() as client:
                return client.run_task("Say hello").text

        def test_one(agi_emulator):
            agi_emulator.scenario({"tasks": [{"steps": [{"done": "Hello"}]}]})
            assert application() == "Hello"
            assert len(agi_emulator.requests("POST", "/v1/sessions")) == 1

        def test_it_is_fresh_and_ends(agi_emulator, agi_client):
            assert agi_emulator.requests() == []
            assert agi_client.sessions.list() == []
            assert agi_client.base_url == os.environ["AGI_BASE_URL"] + "/v1"

        def test_nothing_stays():
            assert "AGI_BASE_URL" not in os.environ
            assert "AGI_API_KEY" not in os.environ
        """,
        "-p",
        "no:randomly",
    )
    result.assert_outcomes(passed=3)


def test_the_marker_gives_the_options(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import os
        import pytest

        done = {"tasks": [{"steps": [{"done": "outer"}]}]}

        @pytest.mark.agi_emulator(scenario=done, api_keys=["outer-key"])
        class TestMarked:
            @pytest.mark.agi_emulator(api_keys=["inner-key"])
            def test_the_nearest_wins(self, agi_client, agi_emulator):
                assert os.environ["AGI_API_KEY"] == "inner-key"
                assert agi_client.run_task("x").data == "outer"

        @pytest.mark.agi_emulator("oops")
        def test_by_position(agi_emulator):
            pass

        @pytest.mark.agi_emulator(scenari=1)
        def test_misspelt(agi_emulator):
            pass
        """,
        "--strict-markers",
    )
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*takes its options by name*", "*scenari*"])


def test_the_async_client(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import asyncio
        import pytest
        import sessionwire

        kept = []

        def test_loops(async_agi_client):
            async def main():
                return await async_agi_client.sessions.list()

            assert asyncio.run(main()) == []
            assert asyncio.run(main()) == []
            kept.append(async_agi_client)

        def test_it_was_closed():
            async def main():
                await kept[0].sessions.list()

            with pytest.raises(sessionwire.APIConnectionError, match="closed"):
                asyncio.run(main())
        """,
    )
    result.assert_outcomes(passed=2)


def test_a_failure_shows_what_came(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest

        @pytest.mark.agi_emulator(api_keys=["sk-secret"])
        def test_bad(agi_client):
            agi_client.run_task("Buy a mug, the key is sk-secret")
            assert False

        def test_nothing_came(agi_emulator):
            assert False

        def test_good(agi_client):
            agi_client.run_task("unseen")

        def test_without():
            assert False
        """,
    )
    result.assert_outcomes(passed=1, failed=3)
    shown = result.stdout.str()
    assert shown.count("- agi_emulator -") == 2
    result.stdout.fnmatch_lines(
        [
            "*- agi_emulator -*",
            "What happened, in seconds since the emulator's start:",
            '  *.*  POST /v1/sessions -> 200 {"agent_name":"agi-0"}',
            '  *  POST /v1/sessions/*/message -> 200 {"message":"Buy a mug, the key is [*][*][*]"}',
            '  *.*    * task "Buy a mug, the key is [*][*][*]": the built-in agent works',
            "  *.*    * done *",
            "  *.*  DELETE /v1/sessions/* -> 200",
            "*- agi_emulator -*",
            "The emulator received nothing*",
        ]
    )
    section = shown[shown.index("What happened, in seconds") :]
    assert "sk-secret" not in section
    assert "unseen" not in shown


LEFT_BEHIND = """
import pytest

def test_leaves_one(agi_client):
    agi_client.sessions.create()

@pytest.mark.agi_emulator(strict_cleanup={marked})
def test_marked(agi_client):
    agi_client.sessions.create()

def test_tidy(agi_client):
    with agi_client.sessions.create():
        pass
"""


@pytest.mark.parametrize("strict", [False, True])
def test_sessions_left_behind(pytester: pytest.Pytester, strict: bool) -> None:
    pytester.makeini(f"[pytest]\nagi_strict_cleanup = {str(strict).lower()}\n")
    result = run(pytester, LEFT_BEHIND.format(marked=not strict))
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(
        [
            f"*ERROR at teardown of {'test_leaves_one' if strict else 'test_marked'}*",
            "*left 1 session behind*",
        ]
    )


def test_the_plugin_is_light(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import sys

        def test_nothing_is_loaded(request):
            assert request.config.pluginmanager.hasplugin("sessionwire")
            assert not [name for name in sys.modules if name.partition(".")[0] == "sessionwire"]
        """,
    )
    result.assert_outcomes(passed=1)
    program = "import sys, sessionwire; assert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_page(pytester: pytest.Pytester) -> None:
    [example] = re.findall(
        r"<!-- testing: python -->\n```python [^\n]*\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    result = run(pytester, example)
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("name", ["test_shop", "test_plain", "test_webhooks"])
def test_the_guide(pytester: pytest.Pytester, name: str) -> None:
    guide = (PAGE.parent / "testing.md").read_text(encoding="utf-8")
    block = rf"<!-- testing: {re.escape(name)} -->\n```python\n(.*?)```"
    [example] = re.findall(block, guide, re.DOTALL)
    result = run(pytester, example)
    result.assert_outcomes(passed={"test_shop": 3}.get(name, 1))


def test_a_client_that_was_made_before_reaches_no_real_service(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGI_API_KEY", "key-of-the-shell")
    monkeypatch.setenv("RACCOON_API_KEY", "key-of-the-shell")
    # Nobody listens there; with the default address it would be the service.
    monkeypatch.setenv("RACCOON_BASE_URL", "http://127.0.0.1:9")
    pytester.makepyfile(
        application="""
        from sessionwire import Agi, Raccoon

        client = Agi(max_retries=0)
        raccoon = Raccoon(max_retries=0)
        pinned = Agi(base_url="http://127.0.0.1:9", max_retries=0)
        """
    )
    result = run(
        pytester,
        """
        import application
        import pytest
        from sessionwire import Agi, APIConnectionError, ConfigError

        def test_made_before(agi_emulator):
            for call in (application.client.sessions.list, application.raccoon.sessions.list):
                with pytest.raises(ConfigError, match="reach the real service") as caught:
                    list(call())
            assert "RACCOON_BASE_URL" in str(caught.value)
            with pytest.raises(ConfigError, match="https://api.agi.tech/v1"):
                next(iter(application.client.sessions.attach("s").events()))
            assert agi_emulator.requests() == []

        def test_made_inside(agi_emulator):
            with Agi() as client:
                assert client.sessions.list() == []

        def test_chosen(agi_emulator):
            with pytest.raises(APIConnectionError):
                application.pinned.sessions.list()

        def test_without_an_emulator():
            with pytest.raises(APIConnectionError):
                list(application.raccoon.sessions.list())
        """,
    )
    result.assert_outcomes(passed=4)


def test_a_task_that_no_entry_fits_fails_the_test_that_swallows_it(
    pytester: pytest.Pytester,
) -> None:
    result = run(
        pytester,
        """
        import pytest
        from sessionwire import Agi, Raccoon, SessionwireError

        SCENARIO = {
            "tasks": [{"match": "red cup", "steps": [{"error": "Sold out"}]}],
            "turns": [{"match": "report", "mode": "code", "steps": [{"complete": True}]}],
        }
        pytestmark = pytest.mark.agi_emulator(scenario=SCENARIO)

        def application(task):
            try:
                with Agi() as client:
                    return client.run_task(task).text
            except SessionwireError:
                return None

        def test_swallowed(agi_emulator):
            assert application("Buy a red cap") is None

        def test_turn(raccoon_client):
            raccoon_client.session().start_turn("a report")

        def test_raised(agi_client):
            agi_client.run_task("Buy a red cap")

        def test_fits(agi_emulator):
            assert application("Buy a red cup") is None

        @pytest.mark.agi_emulator(unmatched="agent")
        def test_wanted(agi_emulator):
            assert application("Buy a red cap")

        def test_an_own_agent(agi_emulator):
            agi_emulator.agent(lambda task, agent: "own")
            assert application("Buy a red cap")
        """,
        "-p",
        "no:randomly",
    )
    result.assert_outcomes(passed=3, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*_ test_swallowed _*",
            'No entry of the scenario fits the task "Buy a red cap". The nearest is '
            'tasks[[]0[]]: its `match` says "red cup", where the task says "red cap". *',
            'No entry of the scenario fits the turn "a report". The nearest is '
            'turns[[]0[]]: it wants the mode "code", and this turn has "auto". *',
        ]
    )
    raised = result.stdout.str().split("_ test_raised _")[1].split("short test summary")[0]
    assert len(re.findall("^E .*No entry of the scenario", raised, re.MULTILINE)) == 1, raised
    assert "\nNo entry of the scenario" not in raised, "said twice"


def test_what_never_struck_or_played_fails_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        import pytest

        ONCE = {"tasks": [{"match": "a", "once": True, "steps": []}, {"steps": []}]}

        def test_fault(agi_client, agi_emulator):
            agi_emulator.fail("status status=503")
            agi_client.run_task("a")

        @pytest.mark.agi_emulator(scenario=ONCE)
        def test_entry(agi_client):
            agi_client.run_task("b")

        @pytest.mark.agi_emulator(scenario=ONCE, faults=["status status=503"])
        def test_failed_already(agi_client):
            assert False, "mine"

        @pytest.mark.agi_emulator(scenario=ONCE, faults=["status status=503"], allow_unused=True)
        def test_allowed(agi_client):
            agi_client.run_task("b")

        def test_taken_back(agi_emulator):
            agi_emulator.fail("status status=503")
            agi_emulator.clear_faults()
        """,
    )
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines_random(
        [
            "The fault `status status=503` never struck: no request came that it is for.*",
            'The entry tasks[[]0[]] (match "a") of the scenario plays `once`, and never played.*',
        ]
    )


def test_the_configuration_says_it_for_all_tests(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nagi_unmatched = agent\nagi_allow_unused = true\n")
    result = run(
        pytester,
        """
        def test_one(agi_client, agi_emulator):
            once = {"match": "a", "once": True, "steps": []}
            agi_emulator.scenario({"tasks": [once]})
            agi_client.run_task("b")
        """,
    )
    result.assert_outcomes(passed=1)


def test_what_a_test_starts_reaches_no_real_service(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGI_API_KEY", "key-of-the-shell")
    pytester.makepyfile(
        program="""
        import os
        import sys

        if "--dotenv" in sys.argv:  # what a file of settings does that overrides the environment
            os.environ["AGI_BASE_URL"] = "http://127.0.0.1:9"
        from sessionwire import Agi, ConfigError

        try:
            with Agi(max_retries=0) as client:
                print(client.sessions.list())
        except ConfigError as error:
            print(error)
        """
    )
    result = run(
        pytester,
        """
        import multiprocessing
        import subprocess
        import sys

        from sessionwire import Agi, ConfigError

        client = Agi(max_retries=0)

        def start(*options):
            command = [sys.executable, "program.py", *options]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            return done.stdout.strip()

        def test_a_program(agi_emulator):
            assert start() == "[]"
            assert "the call would reach the real service" in start("--dotenv")
            assert len(agi_emulator.requests()) == 1

        def call():
            try:
                client.sessions.list()
            except ConfigError as error:
                assert "the call would reach the real service" in str(error)
            else:
                raise SystemExit("it was sent")

        def test_a_fork(agi_emulator):
            child = multiprocessing.get_context("fork").Process(target=call)
            child.start()
            child.join(30)
            assert child.exitcode == 0
        """,
        "-W",
        "ignore::DeprecationWarning",
    )
    result.assert_outcomes(passed=2)


def test_a_failed_assertion_says_it_once(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_one(agi_client, agi_emulator):
            agi_client.sessions.list()
            agi_emulator.assert_requested("POST", "/v1/sessions")
        """,
    )
    result.assert_outcomes(failed=1)
    shown = result.stdout.str()
    assert shown.count("What happened, in seconds") == 1, shown
    assert shown.count("GET /v1/sessions -> 200") == 2, "as the nearest, and in the timeline"
    assert "- agi_emulator -" not in shown
    assert "request_filter(" not in shown, "the code of the library says nothing to a tester"
    result.stdout.fnmatch_lines(
        [
            ">*agi_emulator.assert_requested(*",
            "E*Expected POST /v1/sessions at least once; it came 0 times.",
            "E*The nearest is GET /v1/sessions -> 200, which differs:",
            "E*  method: expected POST, got GET",
        ]
    )


def test_a_marker_alone_gives_the_emulator(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("AGI", "RACCOON"):
        # Nobody listens there; it stands for the real service.
        monkeypatch.setenv(f"{service}_BASE_URL", "http://127.0.0.1:9")
        monkeypatch.setenv(f"{service}_API_KEY", "key-of-the-shell")
    result = run(
        pytester,
        """
        import unittest
        import pytest
        from sessionwire import Agi, Raccoon

        SCENARIO = {
            "tasks": [{"match": "mug", "steps": [{"done": "12.50"}]}],
            "turns": [{"match": "mug", "steps": [{"text": "12.50"}, {"complete": True}]}],
        }
        marked = pytest.mark.agi_emulator(scenario=SCENARIO)

        def price(task="a mug"):
            with Agi(max_retries=0) as client:
                return client.run_task(task).text

        @pytest.fixture
        def first():
            return price()

        @marked
        def test_function(first):
            assert first == price() == "12.50"

        @marked
        def test_raccoon():
            with Raccoon(max_retries=0) as client:
                assert client.session().run_turn("a mug").text == "12.50"

        @marked
        class TestClass:
            def setup_method(self):
                self.price = price()

            def test_it(self):
                assert self.price == "12.50"

        @marked
        class TestUnittest(unittest.TestCase):
            def setUp(self):
                self.price = price()

            def test_it(self):
                self.assertEqual(self.price, "12.50")

            def test_what_nothing_fits(self):
                with self.assertRaises(Exception):
                    price("a cup")
        """,
    )
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["*No entry of the scenario fits the task*"])


def test_a_marker_that_is_misspelt_is_an_error(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmarkers =\n    agi_emulators: our own\n    slow: others\n")
    result = run(
        pytester,
        """
        import pytest

        @pytest.mark.agi_emulater(unmatched="agent")
        def test_misspelt():
            pass

        @pytest.mark.raccoon_emulator(unmatched="agent")
        def test_of_the_other_service():
            pass

        @pytest.mark.agi_client
        class TestFixture:
            def test_it(self):
                pass

        @pytest.mark.agi_emulators
        def test_declared():
            pass

        @pytest.mark.slow
        def test_others():
            pass

        @pytest.mark.agi_emulator(strict_cleanup="no")
        def test_no_flag():
            pass

        @pytest.mark.agi_emulator(unmatched="eror")
        def test_no_word():
            pass
        """,
        "-W",
        "ignore::pytest.PytestUnknownMarkWarning",
    )
    result.assert_outcomes(passed=2, errors=5)
    result.stdout.fnmatch_lines(
        [
            "*There is no marker agi_emulater; the test would reach whatever*",
            "*There is no marker raccoon_emulator*and ask for the fixture raccoon_emulator.*",
            "*There is no marker agi_client*",
            "*`strict_cleanup` must be True or False, not 'no'*",
            "*unmatched*eror*",
        ]
    )

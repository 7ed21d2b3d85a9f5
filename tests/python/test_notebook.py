"""Views in a notebook: what they show, that they keep up, and that hostile text stays text."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from contextvars import ContextVar
from html.parser import HTMLParser
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

import notebook_views
import notebooks
from helpers import eventually, script, thoughts
from sessionwire import AsyncAgi, Emulator, Message, Messages, TaskResult
from sessionwire._models import Listed
from sessionwire._views import timeline, watch

ROOT = Path(__file__).parents[2]
TAGS = {"a", "bdi", "br", "details", "div", "img", "li", "span", "style", "summary"}
TAGS |= {"table", "td", "th", "tr", "ul"}
ATTRIBUTES = {"alt", "class", "href", "open", "rel", "src", "target"}


class Reader(HTMLParser):
    """What a page is made of, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, name
            if name in ("href", "src"):
                self.links.append(value or "")
        self.found.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    handle_pi = unknown_decl = handle_comment


@pytest.mark.parametrize("said", notebook_views.HOSTILE)
def test_hostile_text_is_text_in_every_view(said: str) -> None:
    for name, page in notebook_views.views(said).items():
        read = Reader(page)
        assert all(
            link.lower().startswith(("http://", "https://", "data:image/png;base64,"))
            for link in read.links
        ), (name, read.links)
        assert "$" not in re.sub(r"<span>.</span>", "", page), name
        assert "mathjax_ignore" in page
        # It is there to be read.
        if said.isprintable() and "$" not in said:
            assert said[:20] in read.text, name


def test_text_that_turns_around_or_controls_is_shown_by_its_number() -> None:
    page = TaskResult("a\u202eb\u2066c\u2069\u200f\u061c\x1b[2J\x00")._repr_html_()
    assert not set(page) & set("\u202e\u2066\u2069\u200f\u061c\x1b\x00")
    assert "U+202E" in page
    # Other scripts are as they are.
    assert "שלום مرحبا 你好 🎈" in TaskResult("שלום مرحبا 你好 🎈")._repr_html_()


def test_views_of_little_and_of_much() -> None:
    for record in (TaskResult(""), Messages([], ""), Messages([], "running", False)):
        Reader(record._repr_html_())
    many = Listed(Message(n, "THOUGHT", "x" * 5000) for n in range(10_000))
    page = Messages(many, "finished")._repr_html_()
    assert "9,800 earlier" in page
    assert len(page) < 1_000_000
    assert "3,000 more characters" in page
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    assert "deeply nested" in TaskResult("x", deep)._repr_html_()
    Reader(Messages([Message(1, "NEW", {"a": float("nan")})], "x")._repr_html_())


def test_a_list_stays_a_list() -> None:
    some = Listed(Message(n, "LOG", "x") for n in range(5))
    assert isinstance(some, list)
    assert some == list(some)
    assert isinstance(some[1:3], Listed)
    assert some[-1].id == 4
    assert "5 messages" in (some._repr_html_() or "")
    assert Listed()._repr_html_() is None
    assert Listed([1, "a"])._repr_html_() is None


def test_a_session_shows_its_last_picture_without_a_request(emulator: Emulator) -> None:
    with emulator.agi() as client, client.sessions.create() as session:
        assert "img" not in Reader(session._repr_html_()).found
        session.screenshot()
        count = len(emulator.requests())
        read = Reader(session._repr_html_())
        assert "img" in read.found
        assert session.vnc_url in read.links
        assert len(emulator.requests()) == count
        assert session.session_id in (client.sessions.list()._repr_html_() or "")  # type: ignore[attr-defined]


class Publisher:
    """A kernel's shell, as far as a view needs it."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.updates: list[bool] = []
        self.at: list[float] = []
        self.display_pub = self

    def publish(self, *, data: Any, update: bool, **_: object) -> None:
        self.pages.append(data["text/html"])
        self.updates.append(update)
        self.at.append(monotonic())


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    shell = Publisher()
    monkeypatch.setattr(watch, "kernel_shell", lambda: shell)
    return shell


def test_a_view_follows_its_task_and_takes_no_event_of_it(
    emulator: Emulator, shell: Publisher
) -> None:
    emulator.scenario(script({"thought": "Looking"}, {"question": "Blue?"}, {"done": "Bought"}))
    with emulator.agi() as client, client.sessions.create() as session:
        task = session.start_task("Buy")
        task._ipython_display_()
        eventually(lambda: "It waits" in shell.pages[-1], "the question is set off")
        types = []
        for event in task:
            types.append(event.type)
            if event.type == "question":
                task.answer("yes")
        assert types == ["thought", "question", "done"]
        eventually(lambda: "Bought" in shell.pages[-1], "the end is shown")
        assert "finished" in shell.pages[-1]
        assert "It waits" not in shell.pages[-1]
        assert shell.updates == [False] + [True] * (len(shell.updates) - 1)
        # Once more, after the end.
        again = len(shell.pages)
        task._ipython_display_()
        assert "finished" in shell.pages[again]


def test_a_view_in_a_kernel_that_knows_no_cell_in_a_thread(
    emulator: Emulator, shell: Publisher
) -> None:
    # ipykernel 7.0: nutpie's issue 248, for example, is a progress bar that stands still.
    cell: ContextVar[str] = ContextVar("cell")
    cell.set("the cell that shows the task")
    publish = shell.publish

    def as_that_kernel(**parts: Any) -> None:
        cell.get()
        publish(**parts)

    shell.publish = as_that_kernel  # type: ignore[method-assign]
    emulator.scenario(script({"thought": "Looking"}, {"delay": 0.5}, {"done": "Bought"}))
    with emulator.agi() as client, client.sessions.create() as session:
        task = session.start_task("Buy")
        task._ipython_display_()
        eventually(lambda: "Bought" in shell.pages[-1], "the end is shown")
        assert len(shell.pages) > 1


def test_a_kernel_that_is_gone_stops_nothing(emulator: Emulator, shell: Publisher) -> None:
    def closed(**_: object) -> None:
        raise OSError("closed")

    shell.publish = closed  # type: ignore[method-assign]
    with emulator.agi() as client, client.sessions.create() as session:
        task = session.start_task("Buy")
        task._ipython_display_()
        assert task.result().text
        eventually(
            lambda: not any(one.name == "sessionwire view" for one in threading.enumerate()),
            "its thread ends",
        )


def test_a_view_of_many_events_is_throttled_and_keeps_up(
    emulator: Emulator, shell: Publisher
) -> None:
    emulator.scenario(script(thoughts(500), {"delay": 0.5}, thoughts(500), {"done": "Bought"}))
    with emulator.agi() as client, client.sessions.create() as session:
        task = session.start_task("Buy")
        began = monotonic()
        task._ipython_display_()
        task.result()
        eventually(lambda: "1,001 events" in shell.pages[-1], "all are shown")
        # Never more often than said, and the last 200 of them.
        assert len(shell.pages) <= 5 + (shell.at[-1] - began) / watch.PACE
        assert "801 earlier" in shell.pages[-1]
        assert max(map(len, shell.pages)) < 100_000


def test_a_view_of_a_turn_shows_its_plan_and_joins_its_text(shell: Publisher) -> None:
    with Emulator(step_delay=0.0) as emulator, emulator.raccoon() as client:

        def work(turn: Any, agent: Any) -> str:
            agent.plan(["Read", "Write"])
            for word in ("One", " two", " three"):
                agent.say(word)
            return ""

        emulator.turn_agent(work)
        turn = client.session().start_turn("Begin")
        turn._ipython_display_()
        turn.result()
        eventually(lambda: "task.completed" in shell.pages[-1], "the end is shown")
        assert "One two three" in shell.pages[-1]
        assert "<li>" in shell.pages[-1]


def test_the_view_of_an_asynchronous_task(emulator: Emulator, shell: Publisher) -> None:
    emulator.scenario(script({"thought": "Looking"}, {"done": "Bought"}))

    async def main() -> None:
        async with (
            AsyncAgi(base_url=emulator.url, api_key=emulator.api_key) as client,
            await client.sessions.create() as session,
            session.start_task("Buy") as task,
        ):
            await task.result()
            task._ipython_display_()
            assert "finished" in shell.pages[-1]

    asyncio.run(main())


def test_a_view_says_why_it_ended(emulator: Emulator, shell: Publisher) -> None:
    emulator.scenario(script({"thought": "Looking"}, {"question": "Blue?"}))
    with emulator.agi() as client:
        session = client.sessions.create()
        task = session.start_task("Buy")
        session.delete()
        task._ipython_display_()
        eventually(lambda: "running" not in shell.pages[-1], "it is no longer followed")
        Reader(shell.pages[-1])


def test_no_view_outlives_its_task(emulator: Emulator, shell: Publisher) -> None:
    with emulator.agi() as client, client.sessions.create() as session:
        task = session.start_task("Buy")
        task._ipython_display_()
        task.result()
        eventually(
            lambda: not any(one.name == "sessionwire view" for one in threading.enumerate()),
            "its thread ends",
        )
        del task
        assert not [key for key in watch._watches if key.session_id == session.session_id]


def test_outside_of_a_notebook_a_task_is_a_line(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    with emulator.agi() as client, client.sessions.create() as session:
        task = session.start_task("Buy")
        eventually(lambda: emulator.requests("GET", "/v1/sessions/*/events"), "its stream")
        requests = len(emulator.requests())
        task._ipython_display_()
        assert capsys.readouterr().out == f"{task!r}\n"
        assert len(emulator.requests()) == requests
        task.result()


def test_the_rows_of_a_turn() -> None:
    rows: list[timeline.Row] = []
    for kind, text, block in (
        ("text", "a", "1"),
        ("text", "b", "1"),
        ("text", "c", "2"),
        ("thought", "d", None),
        ("thought", "de", None),
    ):
        timeline.add(rows, timeline.Row(None, kind, text, block), deltas=True)
    assert [row.text for row in rows] == ["ab", "c", "de"]


def test_nothing_is_imported_before_something_is_shown() -> None:
    program = (
        "import sys, sessionwire; sessionwire.TaskResult('x').messages;"
        "print([name for name in sys.modules if '_views' in name or '_data' in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n"


NOTEBOOKS = sorted(notebooks.FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_of_the_examples_runs(path: Path) -> None:
    kept, ran = notebooks.read(path), notebooks.run(notebooks.read(path))
    for old, new in zip(kept.cells, ran.cells, strict=True):
        # It is in the repository as it was executed.
        assert len(notebooks.pages(old)) == len(notebooks.pages(new)), new.source
        for output in new.get("outputs", []):
            assert output.get("name") != "stderr", output
        for page in notebooks.pages(new):
            if "sessionwire" in page:
                Reader(page)
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(root|home|tmp|work)/", text)
    shown = {
        cell.source.rpartition("\n")[2]: notebooks.pages(cell)
        for cell in ran.cells
        if cell.get("outputs")
    }
    assert "finished" in shown["task"][0], "a later cell keeps the view up to date"
    assert "completed" in shown["turn"][0]


# What executes a notebook loses a picture that comes between two cells, so that this one waits for
# the last picture of each view. A reader of the page takes longer than that.
LAST_PICTURES = """
import threading

for one in threading.enumerate():
    if one.name == "sessionwire view":
        one.join()
"""


def test_the_program_of_the_page_runs_in_a_kernel() -> None:
    page = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    *programs, closing = [block.split("  # the view")[0] for block in blocks]
    done = notebooks.execute([*programs, LAST_PICTURES, closing])
    cells = done.cells
    assert "Bought the blue one" in notebooks.pages(cells[0])[0]
    assert "2 of 2 tasks done" in notebooks.pages(cells[2])[1]
    assert "Bought the green one" in notebooks.pages(cells[2])[0]

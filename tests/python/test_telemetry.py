"""Spans by OpenTelemetry: what they say, what they must not say, and that they end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import pickle
import re
import subprocess
import sys
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import propagate, trace
from opentelemetry.baggage import set_baggage
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from helpers import script
from sessionwire import (
    Agi,
    AsyncAgi,
    AsyncRaccoon,
    ConfigError,
    Emulator,
    InvalidRequestError,
    NotFoundError,
    QuestionPending,
    Raccoon,
    SessionwireError,
    TaskError,
    TaskTimeout,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ASKS = script({"thought": "Looking"}, {"question": "Which one?"}, {"done": "Bought: {answer}"})
WAITS = script({"thought": "one"}, {"delay": 3600})


class Spans:
    """A provider, and what it exported."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = provider or TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("test")

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def names(self) -> list[str]:
        return [span.name for span in self.all]

    def one(self, name: str) -> ReadableSpan:
        found = [span for span in self.all if span.name == name]
        assert len(found) == 1, self.names()
        return found[0]

    def run(self) -> ReadableSpan:
        return self.one("invoke_agent agi-0")


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
def traced(emulator: Emulator, spans: Spans) -> Iterator[Agi]:
    with emulator.agi(tracer_provider=spans.provider) as client:
        yield client


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def events(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events if event.name != "sessionwire.request"]


def is_below(span: ReadableSpan, other: ReadableSpan) -> bool:
    return span.parent is not None and span.parent.span_id == other.context.span_id


def named(span: ReadableSpan) -> str:
    context = span.context
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-"


def began(span: ReadableSpan) -> int:
    assert span.start_time is not None
    return span.start_time


def over(span: ReadableSpan) -> int:
    assert span.end_time is not None
    return span.end_time


def failed(span: ReadableSpan) -> Any:
    assert span.status.description is None
    is_error = span.status.status_code is StatusCode.ERROR
    assert is_error or span.status.status_code is StatusCode.UNSET
    error = attributes(span).get("error.type")
    assert (error is not None) is is_error
    return error


# --- tasks ---------------------------------------------------------------------------


def check_run(spans: Spans, emulator: Emulator) -> None:
    whole, run = spans.one("run_task"), spans.run()
    assert spans.names() == ["create_session", "invoke_agent agi-0", "end_session", "run_task"]
    assert all(is_below(spans.one(name), whole) for name in spans.names()[:-1])
    assert (whole.kind, run.kind) == (SpanKind.INTERNAL, SpanKind.CLIENT)
    told = attributes(run)
    session_id = told["gen_ai.conversation.id"]
    assert told == {
        "gen_ai.provider.name": "agi",
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "agi-0",
        "gen_ai.conversation.id": session_id,
        "server.address": "127.0.0.1",
        "server.port": int(emulator.url.rpartition(":")[2]),
        "sessionwire.operation": "start_task",
        "sessionwire.outcome": "completed",
        "sessionwire.event_count": 2,
        "sessionwire.request_count": told["sessionwire.request_count"],
    }
    assert events(run) == ["sessionwire.thought", "sessionwire.done"]
    times = [began(run), *(event.timestamp for event in run.events), over(run)]
    assert times == sorted(times)
    created = attributes(spans.one("create_session"))
    assert created["gen_ai.conversation.id"] == session_id
    assert created["http.response.status_code"] == 200
    assert (created["http.request.method"], created["url.template"]) == ("POST", "/sessions")
    ended = attributes(spans.one("end_session"))
    assert ended["url.template"] == "/sessions/{session_id}"
    assert not any(map(failed, spans.all))
    # The service is told of each.
    told_of = {
        request.path.replace(session_id, "ID"): request.headers.get("traceparent", "")
        for request in emulator.requests()
    }
    assert told_of["/v1/sessions"].startswith(named(spans.one("create_session")))
    assert told_of["/v1/sessions/ID"].startswith(named(spans.one("end_session")))
    for part in ("message", "events", "messages"):
        assert told_of[f"/v1/sessions/ID/{part}"].startswith(named(run)), told_of


def test_a_task_and_its_calls_have_spans(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    emulator.scenario(script({"thought": "Looking"}, {"done": "Bought"}))
    assert traced.run_task("Buy it").text == "Bought"
    check_run(spans, emulator)


def test_a_task_and_its_calls_have_spans_async(emulator: Emulator, spans: Spans) -> None:
    emulator.scenario(script({"thought": "Looking"}, {"done": "Bought"}))

    async def main() -> None:
        async with emulator.async_agi(tracer_provider=spans.provider) as client:
            assert (await client.run_task("Buy it")).text == "Bought"

    asyncio.run(main())
    check_run(spans, emulator)


def test_a_failed_task_is_a_failure(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    emulator.scenario(script({"error": "The page is gone"}))
    with pytest.raises(TaskError):
        traced.run_task("Buy it")
    run = spans.run()
    assert failed(run) == failed(spans.one("run_task")) == "TaskError"
    assert attributes(run)["sessionwire.outcome"] == "failed"


def test_what_is_asked_of_a_task_is_below_it(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    emulator.scenario(ASKS)
    with traced.sessions.create() as session, session.start_task("Buy it") as task:
        for event in task:
            if event.type == "question":
                # Whatever is current here.
                with spans.tracer.start_as_current_span("mine"):
                    task.answer("the blue one")
        assert task.result().text == "Bought: the blue one"
    run = spans.run()
    assert is_below(spans.one("answer"), run)
    assert spans.one("mine").parent is None
    assert events(run)[:2] == ["sessionwire.thought", "sessionwire.question"]
    sent = [q for q in emulator.requests() if q.path.endswith("/message")]
    assert sent[1].headers["traceparent"].startswith(named(spans.one("answer")))


def test_callbacks_run_within_the_task(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    emulator.scenario(ASKS)

    def answer(question: object) -> str:
        with spans.tracer.start_as_current_span("mine"):
            return "blue"

    with spans.tracer.start_as_current_span("outer") as outer:
        traced.run_task("Buy it", on_question=answer)
        assert trace.get_current_span() is outer
    assert is_below(spans.one("mine"), spans.run())
    assert is_below(spans.one("run_task"), spans.one("outer"))


def test_callbacks_run_within_the_task_async(emulator: Emulator, spans: Spans) -> None:
    emulator.scenario(ASKS)

    async def answer(question: object) -> str:
        await asyncio.sleep(0)
        with spans.tracer.start_as_current_span("mine"):
            return "blue"

    async def main() -> None:
        async with emulator.async_agi(tracer_provider=spans.provider) as client:
            with spans.tracer.start_as_current_span("outer") as outer:
                await client.run_task("Buy it", on_question=answer)
                assert trace.get_current_span() is outer

    asyncio.run(main())
    assert is_below(spans.one("mine"), spans.run())
    assert is_below(spans.one("run_task"), spans.one("outer"))


# --- every span ends -----------------------------------------------------------------


def test_the_end_of_a_loop_ends_the_span(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    emulator.scenario(script({"thought": "Looking"}, {"done": "Bought"}))
    with traced.sessions.create() as session:
        task = session.start_task("Buy it")
        assert len(list(task.events(timeout=60))) == 2
        assert attributes(spans.run())["sessionwire.outcome"] == "completed"
        task.result()
        task.close()
    assert len(spans.all) == 3


def test_a_handle_that_is_dropped_ends_the_span(
    emulator: Emulator, traced: Agi, spans: Spans
) -> None:
    emulator.scenario(WAITS)
    with traced.sessions.create() as session:
        task = session.start_task("Buy it")
        loop = iter(task)
        next(loop)
        assert "invoke_agent agi-0" not in spans.names()
        del task, loop
        gc.collect()
        run = spans.run()
    assert attributes(run)["sessionwire.outcome"] == "unfinished"
    assert failed(run) is None
    assert events(run) == ["sessionwire.thought"]


def test_a_handle_that_goes_on_elsewhere(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    emulator.scenario(ASKS)
    with traced.sessions.create() as session:
        with session.start_task("Buy it") as task:
            loop = iter(task)
            assert [next(loop).type, next(loop).type] == ["thought", "question"]
            handle = task.handle()
        with traced.resume(handle) as again:
            again.answer("blue")
            again.result()
    first, second = spans.run(), spans.one("invoke_agent")
    assert attributes(first)["sessionwire.outcome"] == "unfinished"
    assert attributes(second)["sessionwire.outcome"] == "completed"
    for span in (first, second):
        assert attributes(span)["gen_ai.conversation.id"] == session.session_id


def test_a_task_that_is_late_is_a_failure(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    emulator.scenario(WAITS)
    with pytest.raises(TaskTimeout):
        traced.run_task("Buy it", timeout=0.2)
    assert failed(spans.run()) == "TaskTimeout"
    assert attributes(spans.run())["sessionwire.outcome"] == "unfinished"


@pytest.mark.parametrize("late", [0.0, 0.3], ids=["at once", "after the stream has seen it"])
def test_a_question_that_nobody_answers(
    emulator: Emulator, traced: Agi, spans: Spans, late: float
) -> None:
    emulator.scenario(ASKS)
    emulator.fail(on="delete", delay=late)
    with pytest.raises(QuestionPending):
        traced.run_task("Buy it")
    assert failed(spans.run()) == "QuestionPending"
    assert attributes(spans.run())["sessionwire.outcome"] == "unfinished"


def test_a_cancelled_wait_is_a_failure_async(emulator: Emulator, spans: Spans) -> None:
    emulator.scenario(WAITS)
    emulator.fail(on="list", delay=3600)

    async def main() -> None:
        async with emulator.async_agi(tracer_provider=spans.provider) as client:
            running = asyncio.ensure_future(client.run_task("Buy it"))
            listing = asyncio.ensure_future(client.sessions.list())
            while not any(q.path.endswith("/events") for q in emulator.requests()):
                await asyncio.sleep(0.01)
            for task in (running, listing):
                task.cancel()
            await asyncio.gather(running, listing, return_exceptions=True)

    asyncio.run(main())
    for name in ("run_task", "invoke_agent agi-0", "list_sessions"):
        assert failed(spans.one(name)) == "CancelledError", name
    assert failed(spans.one("end_session")) is None


def test_outcomes_that_are_left_end_their_spans_async(
    emulator: Emulator, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    # A generator is closed in another context than the one that it was read in.
    async def main() -> None:
        async with emulator.async_agi(tracer_provider=spans.provider) as client:
            outcomes = client.run_tasks(["one", "two", "three"], concurrency=1)
            await asyncio.ensure_future(anext(outcomes))
            await asyncio.ensure_future(outcomes.aclose())

    asyncio.run(main())
    whole = spans.one("run_tasks")
    runs = [span for span in spans.all if span.name == "invoke_agent agi-0"]
    assert 1 <= len(runs) <= 3
    assert all(is_below(run, whole) for run in runs)
    assert not [record for record in caplog.records if "context" in record.getMessage()]


def test_a_run_that_is_closed_elsewhere_async(
    emulator: Emulator, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    emulator.scenario(WAITS)

    async def main() -> None:
        async with emulator.async_agi(tracer_provider=spans.provider) as client:
            seen = asyncio.Event()

            async def wait(event: object) -> None:
                seen.set()
                await asyncio.sleep(3600)

            # As by a framework whose loop ends with the coroutine half way.
            running = client.run_task("Buy it", on_event=wait)
            steps = iter(running.__await__())
            first = copy_context()
            future = first.run(next, steps)
            while not seen.is_set():
                await asyncio.wait([future], timeout=10)
                future = first.run(next, steps)
            with contextlib.suppress(RuntimeError):
                running.close()

    asyncio.run(main())
    assert failed(spans.run()) == "GeneratorExit"
    assert not [record for record in caplog.records if "context" in record.getMessage()]


def test_what_is_not_sampled_is_told_to_the_service_and_to_nobody_else(
    emulator: Emulator,
) -> None:
    spans = Spans(TracerProvider(sampler=ALWAYS_OFF))
    emulator.scenario(script({"thought": "x"}, {"done": "ok"}))
    with emulator.agi(tracer_provider=spans.provider) as client:
        assert client.run_task("go").text == "ok"
    assert spans.all == ()
    flags = {int(q.headers["traceparent"][-2:], 16) for q in emulator.requests()}
    assert len(flags) == 1
    assert not flags.pop() & 1


def test_a_start_that_is_refused(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    with traced.sessions.create() as session:
        emulator.fail(on="message", status=429)
        with pytest.raises(SessionwireError) as caught:
            traced.with_options(max_retries=0).sessions.attach(session.session_id).run_task("x")
    assert failed(spans.all[1]) == type(caught.value).__name__ == "RateLimitError"


def test_what_is_open_ends_with_the_program() -> None:
    program = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
trace.set_tracer_provider(provider)
from sessionwire import Emulator
emulator = Emulator(scenario={"tasks": [{"steps": [{"thought": "one"}, {"delay": 3600}]}]})
client = emulator.agi()
task = client.sessions.create().start_task("x")
next(iter(task))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"name": "invoke_agent agi-0"' in done.stdout
    assert '"sessionwire.outcome": "unfinished"' in done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_child_process_ends_no_span_of_its_parent() -> None:
    program = """
import os, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
provider = TracerProvider()
exporter = ConsoleSpanExporter(formatter=lambda span: f"{os.getpid()} {span.name}\\n")
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
from sessionwire import Emulator
emulator = Emulator(scenario={"tasks": [{"steps": [{"delay": 3600}]}]})
client = emulator.agi()
session = client.sessions.create()
task = session.start_task("x")
child = os.fork()
if not child:
    del task
    client.sessions.list()
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
del task
print("child", child)
"""
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    child = last.split()[1]
    assert [line.split()[1] for line in lines if line.startswith(child)] == ["list_sessions"]
    assert sum(line.endswith("invoke_agent agi-0") for line in lines) == 1, done.stdout


# --- many at once --------------------------------------------------------------------


def test_each_of_many_tasks_has_a_span(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    emulator.scenario(
        {
            "tasks": [
                {"match": "bad", "steps": [{"error": "no"}]},
                {"steps": [{"thought": "x"}, {"done": "yes"}]},
            ]
        }
    )
    outcomes = list(traced.run_tasks(["good", "bad"]))
    whole = spans.one("run_tasks")
    runs = [span for span in spans.all if span.name == "invoke_agent agi-0"]
    assert len(outcomes) == len(runs) == 2
    assert sorted(map(str, map(failed, runs))) == ["None", "TaskError"]
    for run in runs:
        assert is_below(run, whole)
        assert began(whole) <= began(run) <= over(run) <= over(whole)
        assert len(events(run)) == attributes(run)["sessionwire.event_count"]
        assert attributes(run)["gen_ai.conversation.id"]
    assert whole.kind is SpanKind.INTERNAL
    assert {q.headers["traceparent"][:53] for q in emulator.requests()} == {named(whole)}


# --- turns ---------------------------------------------------------------------------


def check_turn(spans: Spans, emulator: Emulator) -> None:
    run = spans.one("invoke_agent")
    told = attributes(run)
    assert told["gen_ai.provider.name"] == "raccoon"
    assert told["sessionwire.outcome"] == "completed"
    assert events(run)[-1] == "sessionwire.task.completed"
    assert failed(run) is None
    assert attributes(spans.one("upload"))["gen_ai.conversation.id"]
    told_of = {q.path.split("/")[-1]: q.headers.get("traceparent", "") for q in emulator.requests()}
    assert told_of["new"].startswith(named(run))
    socket = next(q for q in emulator.requests() if "/ws/" in q.path)
    assert socket.headers["traceparent"].startswith(named(run))
    upload = next(q for q in emulator.requests() if "media" in q.path or "upload" in q.path)
    assert upload.headers["traceparent"].startswith(named(spans.one("upload")))


def test_a_turn_has_a_span(emulator: Emulator, spans: Spans) -> None:
    with emulator.raccoon(tracer_provider=spans.provider) as client:
        file = {"name": "a.txt", "content": b"hello"}
        client.run_turn("Read it", files=[file])
    check_turn(spans, emulator)


def test_a_turn_has_a_span_async(emulator: Emulator, spans: Spans) -> None:
    async def main() -> None:
        async with emulator.async_raccoon(tracer_provider=spans.provider) as client:
            file = {"name": "a.txt", "content": b"hello"}
            await client.run_turn("Read it", files=[file])

    asyncio.run(main())
    check_turn(spans, emulator)


def test_each_of_many_turns_has_a_span(emulator: Emulator, spans: Spans) -> None:
    with emulator.raccoon(tracer_provider=spans.provider) as client:
        outcomes = list(client.run_turns(["one", "two"]))
        point = outcomes[0]
        assert point.message_id is not None
        with client.attach(point.session_id, point.message_id) as turn:
            turn.result()
    whole = spans.one("run_turns")
    runs = [span for span in spans.all if is_below(span, whole)]
    assert [run.name for run in runs] == ["invoke_agent"] * 2
    assert {attributes(run)["sessionwire.outcome"] for run in runs} == {"completed"}
    attached = next(span for span in spans.all if span.parent is None and span is not whole)
    assert attributes(attached)["sessionwire.outcome"] == "completed"


# --- requests ------------------------------------------------------------------------


def test_a_call_is_one_span_over_its_retries(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    emulator.fail(on="list", status=503, times=2, headers={"Retry-After": "0"})
    traced.sessions.list()
    span = spans.one("list_sessions")
    told = attributes(span)
    assert (told["http.response.status_code"], told["http.request.resend_count"]) == (200, 2)
    tries = [attributes_of for event in span.events if (attributes_of := event.attributes)]
    assert [each["http.response.status_code"] for each in tries] == [503, 503, 200]
    assert [each["sessionwire.attempt"] for each in tries] == [1, 2, 3]
    assert failed(span) is None
    requests = emulator.requests()
    assert len({request.headers["traceparent"] for request in requests}) == 1


def test_a_call_that_fails(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    emulator.fail(on="get", status=404, headers={"X-Request-Id": "req-1"})
    with pytest.raises(NotFoundError):
        traced.sessions.get("nowhere")
    told = attributes(spans.one("get_session"))
    assert failed(spans.one("get_session")) == "NotFoundError"
    assert told["http.response.status_code"] == 404
    assert told["sessionwire.request_id"] == "req-1"


def test_g08_bad_input_is_named_as_ever(traced: Agi, spans: Spans) -> None:
    odd: Any = 7
    for wanted, call in (
        ("older_than", lambda: traced.sessions.cleanup(older_than=float("nan"))),
        ("wait_for_limit", lambda: traced.sessions.create(wait_for_limit=-1)),
        ("start_url", lambda: traced.sessions.attach("s").run_task("go", start_url=odd)),
        ("message", lambda: traced.sessions.attach("s").send_message(odd)),
    ):
        with pytest.raises(InvalidRequestError, match=f"`{wanted}`"):
            call()
    assert [failed(span) for span in spans.all] == ["InvalidRequestError"] * 4


def test_a_traceparent_of_the_caller_wins(emulator: Emulator, spans: Spans) -> None:
    mine = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    options = {"tracer_provider": spans.provider, "headers": {"traceparent": mine}}
    with emulator.agi(**options) as client:
        client.sessions.list()
        client.request("GET", "/sessions", headers={"Traceparent": mine.replace("b7", "b8")})
    first, second = emulator.requests()
    assert first.headers["traceparent"] == mine
    assert second.headers["traceparent"] == mine.replace("b7", "b8")
    assert len(spans.all) == 2


def test_tracing_changes_no_other_header(emulator: Emulator, traced: Agi) -> None:
    with emulator.agi() as plain:
        plain.run_task("go")
    one = emulator.requests()
    emulator.clear_requests()
    traced.run_task("go")
    other = emulator.requests()
    assert [q.method for q in one] == [q.method for q in other]
    for before, after in zip(one, other, strict=True):
        assert set(after.headers) - set(before.headers) == {"traceparent"}


def test_baggage_stays_here(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    token = attach(set_baggage("customer", "hidden"))
    try:
        traced.sessions.list()
    finally:
        detach(token)
    (request,) = emulator.requests()
    assert "baggage" not in request.headers
    assert "traceparent" in request.headers


def test_a_stream_tells_of_the_current_span(emulator: Emulator, traced: Agi, spans: Spans) -> None:
    emulator.scenario(script({"done": "ok"}))
    session = traced.sessions.create()
    session.run_task("go")
    with spans.tracer.start_as_current_span("mine"):
        assert list(session.events())[-1].type == "done"
    opened = [q for q in emulator.requests() if q.path.endswith("/events")]
    assert opened[-1].headers["traceparent"].startswith(named(spans.one("mine")))
    list(session.events())
    opened = [q for q in emulator.requests() if q.path.endswith("/events")]
    assert "traceparent" not in opened[-1].headers


# --- off -----------------------------------------------------------------------------


def test_nothing_is_imported_for_who_does_not_trace() -> None:
    program = """
import sys
from sessionwire import Emulator
with Emulator() as emulator, emulator.agi() as client:
    client.run_task("go")
    assert not any("traceparent" in request.headers for request in emulator.requests())
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
assert "sessionwire._telemetry" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_works_without_opentelemetry(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry/__init__.py").write_text("raise ImportError('not here')")
    program = "from sessionwire import Emulator\nwith Emulator() as e: e.agi().run_task('go')"
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_a_provider_there_is_nothing(emulator: Emulator) -> None:
    # The tests of this file set none for the process.
    with emulator.agi() as client:
        client.run_task("go")
    assert not any("traceparent" in request.headers for request in emulator.requests())


def test_it_can_be_switched_off(emulator: Emulator, spans: Spans) -> None:
    with emulator.agi(tracer_provider=spans.provider, telemetry=False) as client:
        client.run_task("go")
    assert spans.all == ()
    assert not any("traceparent" in request.headers for request in emulator.requests())


@pytest.mark.parametrize("kind", [Agi, AsyncAgi, Raccoon, AsyncRaccoon])
@pytest.mark.parametrize("options", [{"telemetry": "yes"}, {"tracer_provider": "console"}])
def test_g08_odd_options_are_refused(kind: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        kind(api_key="key", **options)


def test_a_client_with_a_provider_pickles(emulator: Emulator, spans: Spans) -> None:
    with emulator.agi(tracer_provider=spans.provider) as client:
        with pickle.loads(pickle.dumps(client)) as copy:
            copy.sessions.list()
        with client.with_options(timeout=5.0) as other:
            other.sessions.list()
    assert spans.names() == ["list_sessions"]


def test_what_fails_in_tracing_fails_no_call(
    emulator: Emulator, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise LookupError("no such thing")

    monkeypatch.setattr(propagate, "inject", fail)
    with emulator.agi(tracer_provider=spans.provider) as client:
        assert client.run_task("go").text
    monkeypatch.undo()
    monkeypatch.setattr(spans.exporter, "export", fail)
    with emulator.agi(tracer_provider=spans.provider) as client:
        assert client.run_task("go").text


# --- secrets -------------------------------------------------------------------------

KEY = "sk-very/secret key+0123456789"
HIDDEN = (
    "very/secret",
    "0123456789",
    "c3Z2ZXI",
    "MY TASK",
    "MY ANSWER",
    "MY THOUGHT",
    "MY QUESTION",
)


def hostile(emulator: Emulator) -> dict[str, Any]:
    emulator.scenario(
        script(
            {"thought": f"MY THOUGHT {KEY}"},
            {"question": f"MY QUESTION {KEY}"},
            {"done": f"MY ANSWER {KEY}"},
        )
    )
    return {"api_key": KEY, "base_url": emulator.url, "max_retries": 1}


def shown(spans: Spans, log: pytest.LogCaptureFixture) -> str:
    fields = [
        f"{name}={value!r}"
        for record in log.records
        for name, value in vars(record).items()
        if name.startswith("sessionwire_")
    ]
    assert fields
    texts = [span.to_json() for span in spans.all]
    return "\n".join([*texts, *map(repr, texts), *fields])


def test_g07_no_span_and_no_field_says_a_secret(
    spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sessionwire")
    with Emulator(step_delay=0.0) as emulator:
        options = hostile(emulator)
        with Agi(**options, tracer_provider=spans.provider) as client:
            client.run_task("MY TASK", on_question=lambda _: "MY ANSWER")
            for status in (404, 429, 500):
                emulator.fail(
                    on="get",
                    status=status,
                    times=2,
                    body={"error": f"{KEY} MY TASK", "code": KEY},
                    headers={"X-Request-Id": KEY, "X-Echo": KEY, "Retry-After": "0"},
                )
                with pytest.raises(SessionwireError):
                    client.sessions.get(KEY)
                emulator.clear_faults()
            with pytest.raises(SessionwireError):
                client.request("GET", f"/{KEY}/x", query={"signature": "c3Z2ZXI"})
            emulator.scenario(script({"error": f"MY ANSWER {KEY}"}))
            with pytest.raises(TaskError):
                client.run_task("MY TASK")
            assert [o.error for o in client.run_tasks(["MY TASK"])] != [None]
        url = emulator.raccoon_url
        with Raccoon(api_key=KEY, base_url=url, tracer_provider=spans.provider) as turns:
            turns.run_turn("MY TASK")
            list(turns.run_turns(["MY TASK"]))
    assert len(spans.all) > 15
    seen = shown(spans, caplog)
    for hidden in HIDDEN:
        assert hidden not in seen.replace("\\", ""), hidden


def test_g07_an_odd_type_of_event_names_no_span_event(emulator: Emulator, spans: Spans) -> None:
    emulator.scenario(script({"done": "ok"}))
    odd = f"event: {KEY.replace(' ', '')}\nid: 900\ndata: {{}}\n\n"
    emulator.fail(on="events", body=odd, status=200, headers={"Content-Type": "text/event-stream"})
    with Agi(api_key=KEY, base_url=emulator.url, tracer_provider=spans.provider) as client:
        client.run_task("go")
    seen = "".join(span.to_json() for span in spans.all)
    assert "sessionwire.done" in seen
    assert "very/secret" not in seen


@pytest.mark.parametrize("wanted", ["true", "SPAN_AND_EVENT"])
def test_content_is_told_to_who_asks_for_it(
    emulator: Emulator, traced: Agi, spans: Spans, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", wanted)
    emulator.scenario(script({"thought": "Looking"}, {"done": f"It is blue {emulator.api_key}"}))
    traced.run_task("Which one?")
    told = attributes(spans.run())
    (asked,) = json.loads(told["gen_ai.input.messages"])
    assert asked == {"role": "user", "parts": [{"type": "text", "content": "Which one?"}]}
    (gave,) = json.loads(told["gen_ai.output.messages"])
    assert gave["parts"][0]["content"] == "It is blue [redacted]"
    texts = [(event.attributes or {}).get("sessionwire.event.text") for event in spans.run().events]
    assert "Looking" in texts


# --- the log -------------------------------------------------------------------------


def test_records_have_fields(
    emulator: Emulator, traced: Agi, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sessionwire")
    emulator.fail(on="get", status=503, headers={"Retry-After": "0", "X-Request-Id": "req-1"})
    session = traced.sessions.create()
    traced.sessions.get(session.session_id)
    fields = [
        {
            name.removeprefix("sessionwire_"): value
            for name, value in vars(record).items()
            if name.startswith("sessionwire_")
        }
        for record in caplog.records
    ]
    created, refused, waited, found = fields
    context = spans.one("get_session").context
    ids = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    assert created["method"] == "POST"
    assert "session_id" not in created
    for each, status, attempt in ((refused, 503, 1), (found, 200, 2)):
        assert (each["status"], each["attempt"]) == (status, attempt)
        assert each["session_id"] == session.session_id
        assert each["duration"] < 10
        assert ids.items() <= each.items()
    assert (refused["request_id"], refused["error"]) == ("req-1", "InternalServerError")
    assert (waited["reason"], waited["attempt"]) == ("InternalServerError", 1)
    assert 0 <= waited["wait"] < 10
    assert ids.items() <= waited.items()


# --- the guide -----------------------------------------------------------------------


def test_the_guide_runs(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8")
    block = re.search(r"^```python program\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert block is not None
    path = tmp_path / "program.py"
    path.write_text(block[1], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", path], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    names = re.findall(r'^    "name": "(\w+(?: agi-0)?)",$', done.stdout, re.MULTILINE)
    assert names == ["create_session", "invoke_agent agi-0", "end_session", "run_task"]

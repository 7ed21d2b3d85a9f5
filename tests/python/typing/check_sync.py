"""What a type checker must see in blocking code. Checked, never run."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Literal, TypedDict, assert_type

from pydantic import BaseModel, TypeAdapter

from sessionwire import (
    Agent,
    AgentPage,
    AgentTask,
    Agi,
    APIStatusError,
    CapturedRequest,
    DeleteResult,
    DoneEvent,
    Emulator,
    ErrorEvent,
    Event,
    EventStream,
    Message,
    Messages,
    QuestionEvent,
    QuestionPending,
    RawResponse,
    Screenshot,
    Session,
    SuccessResult,
    Task,
    TaskOutcome,
    TaskOver,
    TaskResult,
    TaskTimeout,
    ThoughtEvent,
    UnknownEvent,
    webhooks,
)


class Flight(BaseModel):
    price: float


def clients() -> None:
    with Agi(api_key="key", timeout=5, headers={"a": "b"}) as client:
        assert_type(client, Agi)
        assert_type(client.with_options(max_retries=0), Agi)
        assert_type(client.models(), list[str])
        assert_type(client.request("GET", "/sessions"), RawResponse)
        assert_type(client.run_task("x", save_snapshot_mode="memory"), TaskResult[None])
        assert_type(client.sessions.list(), list[Session])
        assert_type(client.sessions.get("s"), Session)
        assert_type(client.sessions.attach("s"), Session)
        assert_type(client.sessions.delete("s"), DeleteResult)
        with client.sessions.create("agi-0", max_steps=3) as session:
            assert_type(session, Session)


def sessions(session: Session) -> None:
    assert_type(session.session_id, str)
    assert_type(session.created_at, datetime | None)
    assert_type(session.vnc_url, str | None)
    assert_type(session.extra, dict[str, Any])
    assert_type(session.refresh(), Session)
    assert_type(session.send_message("x", start_url="https://shop.example"), SuccessResult)
    # Known values complete in editors, others pass: a text for all that.
    told: list[str] = [session.execution_status(), session.status, session.wait(timeout=3)]
    known: Literal["running", "waiting_for_input", "finished", "error"] | str = (
        session.execution_status()
    )
    assert told[0] == known.upper()
    assert_type(session.messages(after_id=3), Messages)
    for message in session.follow_messages():
        assert_type(message, Message)
        assert_type(message.timestamp, datetime | None)
    with session.paused() as paused:
        assert_type(paused, Session)
    assert_type(session.navigate("https://shop.example"), str)
    assert_type(session.screenshot(), Screenshot)
    assert_type(session.screenshot().image, bytes)
    assert_type(session.delete(save_snapshot_mode="none"), DeleteResult)
    assert_type(session.events(event_types=["done"]), EventStream)


def tasks(session: Session) -> None:
    def answer(question: QuestionEvent) -> str:
        return question.text

    result = session.run_task("x", on_question=answer, on_event=print, timeout=1)
    assert_type(result, TaskResult[None])
    assert_type(result.output, None)
    assert_type(result.parse(Flight), Flight)
    assert_type(result.parse(TypeAdapter(list[Flight])), list[Flight])
    assert_type(result.parse(Flight).price, float)
    assert_type(result.duration, float)
    with session.start_task("x") as task:
        assert_type(task, Task)
        assert_type(task.question, QuestionEvent | None)
        status: str = task.status()
        assert status
        assert_type(task.result(3), TaskResult)
        for event in task:
            assert_type(event.id, int | None)
            assert_type(event.raw, str)


class Keys(TypedDict):
    price: float


def typed_results(client: Agi, session: Session) -> None:
    assert_type(session.run_task("x", output=Flight), TaskResult[Flight])
    assert_type(session.run_task("x", output=Flight, repairs=1).output.price, float)
    assert_type(client.run_task("x", output=list[Flight], max_steps=3).output, list[Flight])
    assert_type(session.run_task("x", output=Keys).output["price"], float)
    adapter: TypeAdapter[Flight | None] = TypeAdapter(Flight | None)
    assert_type(session.run_task("x", output=adapter).output, Flight | None)
    assert_type(session.run_task("x", output=None).output, None)
    takes_any_result(session.run_task("x", output=Flight))
    takes_any_result(session.run_task("x"))
    with ThreadPoolExecutor() as pool:
        call = pool.submit(session.run_task, "x", timeout=3)
        assert_type(call.result(), TaskResult[None])
        typed = pool.submit(session.run_task, "x", output=Flight)
        assert_type(typed.result().output, Flight)
    # What is wrong is told.
    assert session.run_task("x", output=Flight).output.prize  # type: ignore[attr-defined]  # pyright: ignore
    assert session.run_task("x", output=Flight()).output  # type: ignore  # pyright: ignore
    session.run_task("x", repairs=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    assert session.run_task("x").output.price  # type: ignore[attr-defined]  # pyright: ignore


def takes_any_result(result: TaskResult) -> Any:
    return result.output


def outcomes(client: Agi, tasks: list[str]) -> None:
    for outcome in client.run_tasks(tasks, output=Flight):
        assert_type(outcome.id, str)
        if outcome.error is None:
            assert_type(outcome.result.output, Flight)
        else:
            assert_type(outcome.result, None)
            assert_type(outcome.error, Exception)
        if outcome.result:
            assert_type(outcome.result.output.price, float)
        assert outcome.result.output  # type: ignore[union-attr]  # pyright: ignore
    for plain in client.run_tasks(tasks):
        told(plain)
        if plain.result is not None:
            assert_type(plain.result, TaskResult[None])


def told(outcome: TaskOutcome) -> str:
    assert_type(outcome.result, TaskResult[Any] | None)
    return str(outcome.error)


def events(session: Session) -> None:
    for event in session.events():
        event_type: Literal[
            "step",
            "thought",
            "question",
            "done",
            "error",
            "log",
            "paused",
            "resumed",
            "heartbeat",
            "user",
        ] = event.type
        assert event_type
        match event.type:
            case "thought":
                assert_type(event, ThoughtEvent)
            case "question":
                assert_type(event, QuestionEvent)
                assert_type(event.text, str)
            case "done":
                assert_type(event, DoneEvent)
                assert_type(event.result, Any)
            case "error":
                assert_type(event, ErrorEvent)
                assert_type(event.status_code, int | None)
            case _:
                assert_type(event.data, Any)
        if event.type == "done":
            assert_type(event, DoneEvent)
    for event in session.events():
        if isinstance(event, ThoughtEvent):
            assert_type(event, ThoughtEvent)
    assert_type(ThoughtEvent().type, Literal["thought"])
    assert_type(UnknownEvent("sparkle").type, str)


def takes_any_event(event: Event) -> str:
    return event.text


def errors(session: Session) -> None:
    try:
        session.run_task("x")
    except APIStatusError as error:
        assert_type(error.status_code, int)
        assert_type(error.headers, dict[str, str])
        assert_type(error.retry_after, float | None)
    except QuestionPending as error:
        assert_type(error.question, QuestionEvent)
    except TaskTimeout as error:
        assert_type(error.events, list[Event])


def emulators() -> None:
    with Emulator(scenario={"tasks": []}, port=0) as emulator, emulator.agi() as client:
        assert_type(client, Agi)
        assert_type(emulator.requests(), list[CapturedRequest])
        assert_type(emulator.requests("GET", re.compile("x"), json=[1]), list[CapturedRequest])
        assert_type(
            emulator.assert_requested(path="/v1/**", times=1, session_id="s"), list[CapturedRequest]
        )
        assert_type(emulator.wait_for_request("GET", timeout=1, status=200), CapturedRequest)
        emulator.requests(path=b"/v1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert_type(emulator.open_streams, int)
        emulator.fail(on="events", cut_after=7)


def receives(body: bytes, headers: dict[str, str]) -> None:
    event = webhooks.parse(body, headers)
    assert_type(event, webhooks.WebhookEvent)
    assert_type(event.session.id, str)
    assert_type(event.timestamp, datetime | None)
    match event:
        case webhooks.TaskQuestionEvent(question=question, context=context):
            assert_type(question, str)
            assert_type(context, dict[str, Any])
        case webhooks.TaskCompletedEvent(result=webhooks.TaskOutcome(message=message)):
            assert_type(message, str)
        case webhooks.UnknownEvent():
            assert_type(event.type, str)
        case _:
            assert_type(event.extra, dict[str, Any])
    event.key = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    webhooks.parse({"event": 1})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(webhooks.Deduplicator(100).is_repeat(event), bool)
    assert_type(webhooks.verify(None, "secret"), bool)
    assert_type(webhooks.url("https://x.example", "secret"), str)


def an_agent_of_ones_own() -> None:
    def own(task: AgentTask, agent: Agent) -> dict[str, str] | None:
        assert_type(task.start_url, str | None)
        assert_type(task.extra, dict[str, Any])
        agent.step("Open", url=task.start_url, action="click")
        assert_type(agent.navigate(task.text), AgentPage)
        assert_type(agent.messages(), list[str])
        try:
            return {"answer": agent.ask("Which?")}
        except TaskOver as over:
            assert_type(over.reason, str | None)
            return None

    with Emulator(agent=own) as emulator:
        emulator.agent(lambda task, agent: agent.done(task.text))
        emulator.agent(None)

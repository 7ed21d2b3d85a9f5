"""Tasks: whose result it is, questions, timeouts, commands."""

from __future__ import annotations

import asyncio
import gc
import math
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from helpers import eventually, script, thoughts
from sessionwire import (
    Agi,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    QuestionEvent,
    QuestionPending,
    Raccoon,
    TaskError,
    TaskTimeout,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sessionwire import Emulator

TWO_TASKS: dict[str, Any] = {
    "tasks": [
        {"match": "first", "steps": [{"thought": "one"}, {"done": "first result"}]},
        {"match": "second", "steps": [{"thought": "two"}, {"done": "second result"}]},
    ]
}
ENDLESS = script({"thought": "at work"}, {"delay": 3600})


def test_the_second_result_is_the_second_tasks(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(TWO_TASKS)
    with client.sessions.create() as session:
        assert session.run_task("the first task").data == "first result"
        with session.start_task("the second task") as task:
            assert [event.text for event in task] == ["two", "second result"]
            assert task.result().data == "second result"


def test_the_second_result_is_the_second_tasks_async(emulator: Emulator) -> None:
    emulator.scenario(TWO_TASKS)

    async def main() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            assert (await session.run_task("the first task")).data == "first result"
            task = await session.start_task("the second task")
            assert [event.text async for event in task] == ["two", "second result"]
            assert (await task.result()).data == "second result"

    asyncio.run(main())


def test_an_open_question_stays_answerable(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script({"question": "Which colour?"}, {"done": "It is {answer}"}))
    with client.sessions.create() as session:
        with pytest.raises(QuestionPending, match="Which colour") as caught:
            session.run_task("Paint the wall", timeout=30)
        assert caught.value.question.text == "Which colour?"
        assert caught.value.session_id == session.session_id
        task = caught.value.task
        task.answer("blue")
        assert task.result().text == "It is blue"


def test_a_callback_may_leave_a_question_open(emulator: Emulator) -> None:
    emulator.scenario(script({"question": "Which colour?"}, {"done": "It is {answer}"}))

    async def main() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            with pytest.raises(QuestionPending):
                await session.run_task("Paint the wall", on_question=lambda question: None)

    asyncio.run(main())


def test_a_failed_task_says_why(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script({"thought": "Hm"}, {"error": "The shop is closed"}))
    with client.sessions.create() as session:
        with pytest.raises(TaskError, match="The shop is closed") as caught:
            session.run_task("Buy milk")
        assert caught.value.session_id == session.session_id
        assert [event.type for event in caught.value.events] == ["thought", "error"]


def test_a_task_without_a_result(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(ENDLESS)
    with client.sessions.create() as session:
        task = session.start_task("Wait")
        session.cancel()
        with pytest.raises(TaskError) as caught:
            task.result(timeout=60)
        assert caught.value.reason == "ended_without_result"


@pytest.mark.parametrize("with_callback", [False, True])
def test_a_timeout_lets_the_task_go_on(
    emulator: Emulator, client: Agi, with_callback: bool
) -> None:
    emulator.scenario(ENDLESS)
    on_event = (lambda event: None) if with_callback else None
    with client.sessions.create() as session:
        with pytest.raises(TaskTimeout, match=r"0\.2 s") as caught:
            session.run_task("Wait", timeout=0.2, on_event=on_event)
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.session_id == session.session_id
        assert [event.text for event in caught.value.events] == ["at work"]
        assert session.execution_status() == "running"


def test_a_timeout_may_cancel_the_task(emulator: Emulator) -> None:
    emulator.scenario(ENDLESS)

    async def main() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            with pytest.raises(TaskTimeout):
                await session.run_task(
                    "Wait", timeout=0.2, on_event=lambda event: None, cancel_on_timeout=True
                )
            assert await session.execution_status() == "finished"

    asyncio.run(main())


def test_a_timeout_covers_the_start(emulator: Emulator, client: Agi) -> None:
    with client.sessions.create() as session:
        emulator.fail(on="message", hang=True)
        with pytest.raises(TaskTimeout):
            session.run_task("Wait", timeout=0.2)


def test_wait_and_messages(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script({"thought": "Hm"}, {"question": "Go on?"}, {"done": "ok"}))
    with client.sessions.create() as session:
        assert session.send_message("Begin").success
        assert session.wait(timeout=30, poll_interval=0.02) == "waiting_for_input"
        session.send_message("yes")
        assert session.wait(timeout=30, poll_interval=0.02) == "finished"
        answer = session.messages()
        assert answer.status == "finished"
        kinds = [message.type for message in answer.messages]
        assert kinds == ["USER", "THOUGHT", "QUESTION", "USER", "DONE"]
        first = answer.messages[0]
        assert first.timestamp is not None
        assert first.timestamp.utcoffset() is not None
        later = session.messages(after_id=answer.messages[-2].id)
        assert [message.type for message in later.messages] == ["DONE"]


def test_wait_has_a_limit(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(ENDLESS)
    with client.sessions.create() as session:
        session.send_message("Begin")
        with pytest.raises(TaskTimeout):
            session.wait(timeout=0.1, poll_interval=0.02)


def test_follow_messages(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script(thoughts(3), {"done": "ok"}))
    with client.sessions.create() as session:
        session.send_message("Begin")
        texts = [message.text for message in session.follow_messages(poll_interval=0.02)]
    assert texts == ["Begin", "thought 1", "thought 2", "thought 3", "ok"]


def test_follow_messages_async(emulator: Emulator) -> None:
    emulator.scenario(script(thoughts(3), {"done": "ok"}))

    async def main() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            await session.send_message("Begin")
            texts = [message.text async for message in session.follow_messages(poll_interval=0.02)]
            assert texts[-1] == "ok"
            assert len(texts) == 5

    asyncio.run(main())


def test_pause_and_resume(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script({"thought": "Hm"}, {"question": "Go on?"}, {"done": "ok"}))
    with client.sessions.create() as session:
        task = session.start_task("Begin")
        session.wait(poll_interval=0.02)
        assert session.pause().success
        with pytest.raises(ConflictError) as caught:
            session.pause()
        assert caught.value.code == "already_paused"
        assert session.resume().success
        with session.paused() as paused:
            assert paused is session
            assert session.refresh().status == "paused"
        assert session.refresh().status == "running"
        with pytest.raises(ZeroDivisionError), session.paused():
            _ = 1 / 0
        assert session.execution_status() == "finished"
        with pytest.raises(TaskError):
            task.result(timeout=30)


def test_paused_async(emulator: Emulator) -> None:
    emulator.scenario(script({"question": "Go on?"}, {"done": "ok"}))

    async def main() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            await session.send_message("Begin")
            await session.wait(poll_interval=0.02)
            async with session.paused():
                assert (await session.refresh()).status == "paused"
            assert (await session.refresh()).status == "running"

    asyncio.run(main())


def test_stop(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(ENDLESS)
    with client.sessions.create() as session:
        session.send_message("Begin")
        assert session.stop().success
        assert session.execution_status() == "finished"
        emulator.fail(on="cancel", status=500, times=0)
        assert session.stop().success
        assert emulator.session_count == 0


def test_navigate_and_screenshot(emulator: Emulator, client: Agi, tmp_path: Path) -> None:
    with client.sessions.create() as session:
        url = f"{emulator.url}/"
        assert session.navigate(url) == url
        picture = session.screenshot()
        assert picture.url == url
        assert picture.mime_type == "image/jpeg"
        assert (picture.width, picture.height) > (0, 0)
        assert picture._repr_jpeg_() == picture.image
        assert picture._repr_png_() is None
        assert "image/jpeg" in repr(picture)
        picture.save(tmp_path / "page.jpg")
        assert (tmp_path / "page.jpg").read_bytes().startswith(b"\xff\xd8\xff")


def test_sessions(emulator: Emulator, client: Agi) -> None:
    one = client.sessions.create(extra_body={"goal": "test"})
    two = client.sessions.create("agi-0-fast")
    assert {session.session_id for session in client.sessions.list()} == {
        one.session_id,
        two.session_id,
    }
    assert client.sessions.get(two.session_id).agent_name == "agi-0-fast"
    assert one.created_at is not None
    assert one.created_at.utcoffset() is not None
    attached = client.sessions.attach(one.session_id)
    assert attached.status == ""
    assert attached.refresh().status == "ready"
    assert client.sessions.delete(one.session_id).deleted
    assert not client.sessions.delete(one.session_id).deleted
    with pytest.raises(NotFoundError):
        one.refresh()
    assert client.sessions.delete_all().deleted
    assert emulator.session_count == 0


def test_a_snapshot_on_the_way_out(emulator: Emulator, client: Agi) -> None:
    with client.sessions.create(save_snapshot_mode="filesystem", save_as_default=True):
        pass
    delete = emulator.requests()[-1]
    assert delete.method == "DELETE"
    assert delete.query == "save_snapshot_mode=filesystem&save_as_default=true"


def test_a_session_is_deleted_on_an_exception(emulator: Emulator, client: Agi) -> None:
    with pytest.raises(ZeroDivisionError), client.sessions.create():
        _ = 1 / 0
    assert emulator.session_count == 0


def test_a_session_is_deleted_when_the_task_is_cancelled(emulator: Emulator) -> None:
    emulator.scenario(ENDLESS)

    async def work() -> None:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            await session.run_task("Wait")

    async def main() -> None:
        task = asyncio.create_task(work())
        while not emulator.open_streams:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert emulator.session_count == 0

    asyncio.run(main())


def test_a_failed_delete_is_reported_and_masks_nothing(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    emulator.fail(on="delete", status=403, times=0)
    with (
        emulator.agi(max_retries=0) as client,
        pytest.warns(ResourceWarning, match="could not be deleted"),
        pytest.raises(ZeroDivisionError),
        client.sessions.create(),
    ):
        _ = 1 / 0
    assert "could not be deleted" in caplog.text


def test_a_failed_delete_names_the_place_of_its_block(emulator: Emulator) -> None:
    emulator.fail(on="delete", status=403, times=0)

    def blocking() -> None:
        with emulator.agi(max_retries=0) as client, client.sessions.create():
            pass

    async def main() -> None:
        async with (
            emulator.async_agi(max_retries=0) as client,
            await client.sessions.create(),
            client.sessions.create(),
        ):
            pass

    for run in (blocking, lambda: asyncio.run(main())):
        with pytest.warns(ResourceWarning) as seen:
            run()
        assert {warning.filename for warning in seen} == {__file__}


@pytest.mark.filterwarnings("error")
def test_a_failed_delete_masks_nothing_where_warnings_are_errors(emulator: Emulator) -> None:
    emulator.fail(on="delete", status=403, times=0)
    with emulator.agi(max_retries=0) as client:
        with pytest.raises(ZeroDivisionError), client.sessions.create():
            _ = 1 / 0
        with pytest.raises(ResourceWarning), client.sessions.create():
            pass


def test_a_deleted_session_is_not_deleted_twice(emulator: Emulator, client: Agi) -> None:
    with client.sessions.create() as session:
        assert session.delete().deleted
    assert [request.method for request in emulator.requests()] == ["POST", "DELETE"]


def test_a_copy_of_a_client_is_of_its_class(emulator: Emulator) -> None:
    class Shop(Agi):
        __slots__ = ()

    class Notes(Raccoon):
        __slots__ = ()

    with (
        Shop(base_url=emulator.url, api_key=emulator.api_key) as shop,
        Notes(base_url=emulator.raccoon_url, api_key=emulator.api_key) as notes,
    ):
        copies = [shop.with_options(timeout=5), notes.with_options(timeout=5)]
        assert [type(copy) for copy in copies] == [Shop, Notes]
        assert [repr(copy).partition("(")[0] for copy in copies] == ["Shop", "Notes"]


def test_models_request_and_options(emulator: Emulator, client: Agi) -> None:
    assert "agi-0" in client.models()
    answer = client.request("GET", "/sessions", headers={"X-Note": "one"})
    assert (answer.status_code, answer.json()) == (200, [])
    copy = client.with_options(max_retries=0, timeout=5, headers={"X-Note": "two"})
    emulator.clear_requests()
    copy.sessions.list()
    assert emulator.requests()[0].headers["x-note"] == "two"


def test_a_mistaken_fault_or_scenario_is_refused(emulator: Emulator) -> None:
    with pytest.raises(InvalidRequestError, match="nowhere"):
        emulator.fail(on="nowhere", status=500)
    with pytest.raises(InvalidRequestError, match="dance"):
        emulator.scenario(script({"dance": "tango"}))


def test_dropping_a_task_frees_its_socket(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(ENDLESS)
    with client.sessions.create() as session:
        task = session.start_task("Wait")
        next(iter(task))
        assert emulator.open_streams == 1
        del task
        gc.collect()
        eventually(lambda: emulator.open_streams == 0, "the stream is closed")
        assert session.execution_status() == "running"


def test_the_live_view_opens_without_a_key(emulator: Emulator, client: Agi) -> None:
    with client.sessions.create() as session, urllib.request.urlopen(emulator.live_url) as page:
        assert emulator.live_url.startswith(f"{emulator.url}/live/")
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        assert b"<title>Emulator</title>" in page.read()
        assert session.vnc_url is not None
        with urllib.request.urlopen(session.vnc_url) as page:
            assert b"<title>Session</title>" in page.read()


def test_a_timeout_without_a_session_of_ones_own_says_so(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(ENDLESS)
    with pytest.raises(TaskTimeout, match=r"0\.2 s\. It was given up, and its session") as caught:
        client.run_task("Wait", timeout=0.2)
    assert "goes on in its session" not in str(caught.value)
    assert [event.text for event in caught.value.events] == ["at work"]
    assert client.as_tool(timeout=0.2)("Wait").startswith("The task failed: The task did not end")
    assert client.sessions.list() == []


def test_g02_an_answer_goes_to_its_own_question(emulator: Emulator, client: Agi) -> None:
    """Another program starts another task while somebody thinks about the question."""
    steps = [{"question": "Pay for {task}?"}, {"done": "{answer}"}]
    emulator.scenario({"tasks": [{"once": False, "steps": steps}]})
    with client.sessions.create() as session, emulator.agi() as elsewhere:
        task = session.start_task("a car")
        others: list[Any] = []

        def ask(question: QuestionEvent) -> str:
            other = elsewhere.sessions.attach(session.session_id)
            others.append(other.switch_to("a mug"))
            mug = "Pay for a mug?"
            eventually(lambda: getattr(task.question, "text", "") == mug, "the next question")
            return f"yes to {question.text}"

        with pytest.raises(TaskError, match="The question is not open any more") as refused:
            task._attend(ask, None, None)
        assert refused.value.reason == "question_closed"
        with pytest.raises(QuestionPending, match="Pay for a mug"):
            others[0].result(timeout=60)
        others[0].answer("no")
        assert others[0].result(timeout=60).text == "no"
    found = emulator.requests("POST", "/v1/sessions/*/message")
    assert [request.json()["message"] for request in found] == ["a car", "a mug", "no"]


def test_an_endless_limit_is_none(emulator: Emulator, client: Agi) -> None:
    emulator.scenario(script({"done": "x"}))
    with client.sessions.create() as session:
        task = session.start_task("Go")
        assert task.result(timeout=math.inf).text == "x"
        assert session.wait(timeout=math.inf) == "finished"
        assert "done" in [event.type for event in session.events(timeout=math.inf)]
    (outcome,) = client.run_tasks(["Go"], timeout=math.inf)
    assert outcome.error is None


@pytest.mark.parametrize("callback", ["on_question", "on_event"])
def test_g04_a_callback_that_never_ends_is_a_timeout(emulator: Emulator, callback: str) -> None:
    emulator.scenario(script({"question": "Which?"}, {"done": "late"}))

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with emulator.async_agi() as client, client.sessions.create() as session:
            with pytest.raises(TaskTimeout) as caught:
                callbacks: Any = {callback: never}
                await session.run_task("go", timeout=0.3, cancel_on_timeout=True, **callbacks)
            assert caught.value.session_id == session.session_id
            assert caught.value.events
            assert await session.execution_status() == "finished"

    asyncio.run(main())
    assert emulator.requests("POST", "/v1/sessions/*/cancel")


def test_g04_a_callback_that_never_ends_is_a_timeout_in_trio(emulator: Emulator) -> None:
    emulator.scenario(script({"question": "Which?"}, {"done": "late"}))

    async def main() -> None:
        async with emulator.async_agi() as client, client.sessions.create() as session:
            with pytest.raises(TaskTimeout):
                await session.run_task(
                    "go",
                    timeout=0.3,
                    cancel_on_timeout=True,
                    on_question=lambda _: trio.sleep_forever(),
                )
            assert await session.execution_status() == "finished"

    trio.run(main)


def test_g04_a_timeout_of_the_callbacks_own_is_its_own(emulator: Emulator) -> None:
    emulator.scenario(script({"question": "Which?"}, {"done": "late"}))

    async def mine(_: object) -> None:
        raise TimeoutError("mine")

    async def main() -> None:
        async with emulator.async_agi() as client, client.sessions.create() as session:
            with pytest.raises(TimeoutError, match="mine"):
                await session.run_task("go", timeout=30, on_question=mine)

    asyncio.run(main())


def test_an_endless_timeout_is_none_and_a_bool_is_no_number(client: Agi) -> None:
    assert client.run_task("Count the words: one two", timeout=float("inf")).text
    with pytest.raises(InvalidRequestError, match="`timeout` must be a number"):
        client.run_task("Count the words: one two", timeout=True)


def test_a_page_does_not_settle_for_ever(emulator: Emulator, client: Agi) -> None:
    session = client.sessions.attach("s")
    with pytest.raises(InvalidRequestError, match=r"`settle` is 3601 s"):
        session.goto("https://shop.example/", settle=3601)
    assert emulator.requests("POST", "/v1/sessions/*/navigate") == []


def test_pictures_are_taken_once(client: Agi, tmp_path: Path) -> None:
    with client.sessions.create() as session:
        shots = session.screenshots(every=60, directory=tmp_path)
        with shots, pytest.raises(InvalidRequestError, match="taken already"):
            shots.__enter__()
        assert len(shots.paths) == len(list(tmp_path.iterdir()))

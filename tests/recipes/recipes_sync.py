"""The recipes of the service's reference with `Agi`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sessionwire import webhooks
from world import HOOK, PAGE, collector

RECIPES, recipe = collector()
Agi = Session = Task = Any


@recipe(1, "Quickstart: create, task, poll, messages, delete")
def _(client: Agi) -> Any:
    with client.sessions.create() as session:
        return session.run_task("mug").messages


@recipe(2, "Quick research on the fast agent, nothing saved")
def _(client: Agi) -> Any:
    return client.run_task("mug", agent_name="agi-0-fast").text


@recipe(3, "Share the link of the live view")
def _(client: Agi, session: Session) -> Any:
    return client.sessions.get(session.session_id).vnc_url


@recipe(4, "Create with webhooks, read each event")
def _(client: Agi) -> Any:
    client.sessions.create(webhook_url=webhooks.url("https://shop.example/h", "s3cret"))
    return webhooks.parse(HOOK).type


@recipe(5, "Restore from a session")
def _(client: Agi, session: Session) -> Any:
    session.delete(save_snapshot_mode="filesystem")
    return client.sessions.create(restore_from_session_id=session.session_id)


@recipe(6, "Which sessions run, since when")
def _(client: Agi, session: Session, busy: Session) -> Any:
    running = client.sessions.list(status="running")
    return [(each.session_id, each.status, each.created_at) for each in running]


@recipe(7, "Use a session again instead of creating another")
def _(client: Agi, session: Session, busy: Session) -> Any:
    return client.sessions.find_or_create()


@recipe(8, "Send only to a session that lives")
def _(session: Session) -> Any:
    return session.is_alive() and session.send_message("mug")


@recipe(9, "Clean up on every way out")
def _(client: Agi) -> Any:
    with client.sessions.create() as session:
        return session.run_task("mug").text


@recipe(10, "Delete what has ended")
def _(client: Agi, session: Session) -> Any:
    return client.sessions.cleanup(statuses=["completed", "error"])


@recipe(11, "Delete what is older than some hours")
def _(client: Agi, session: Session) -> Any:
    return client.sessions.cleanup(older_than=2 * 3600, statuses="any")


@recipe(12, "At most five sessions: delete the oldest, then create")
def _(client: Agi, six: list[Session]) -> Any:
    old = sorted(client.sessions.list(), key=lambda each: each.created_at)[:-4]
    return [each.delete() for each in old], client.sessions.create()


@recipe(13, "Delete, and do not mind if it is gone")
def _(session: Session) -> Any:
    return session.delete().deleted, session.delete().deleted


@recipe(14, "Delete all that this program created")
def _(client: Agi, session: Session) -> Any:
    return client.sessions.delete_created()


@recipe(15, "Delete with a snapshot, and make it the default")
def _(session: Session) -> Any:
    return session.delete(save_snapshot_mode="filesystem", save_as_default=True)


@recipe(16, "Emergency: delete all sessions of the key")
def _(client: Agi, session: Session, busy: Session) -> Any:
    return client.sessions.delete_all()


@recipe(17, "Start a task on a page")
def _(session: Session) -> Any:
    return session.start_task("mug", start_url=PAGE)


@recipe(18, "Answer a question")
def _(question: Task) -> Any:
    question.answer("blue")
    return question.result().text


@recipe(19, "Wait for completion, or a question")
def _(asking: Session) -> Any:
    return asking.wait()


@recipe(20, "Progress with the seconds so far")
def _(task: Task, seen: list[Any]) -> Any:
    for event in task:
        seen.append((time.monotonic(), event.text))


@recipe(21, "Branch on the status, and read the messages")
def _(asking: Session) -> Any:
    if asking.wait() == "waiting_for_input":
        return asking.messages().messages[-1].text


@recipe(22, "Run a task, and answer its questions")
def _(session: Session) -> Any:
    return session.run_task("ask", on_question=lambda question: "blue").text


@recipe(23, "Poll for new messages until the task ends")
def _(session: Session, task: Task, seen: list[Any]) -> Any:
    for message in session.follow_messages(poll_interval=0.01):
        seen.append(message.text)


@recipe(24, "The final result, as text and as JSON")
def _(session: Session) -> Any:
    result = session.run_task("JSON")
    return result.text, result.json()


@recipe(25, "Stream events by type, and answer")
def _(session: Session, seen: list[Any]) -> Any:
    result = session.run_task("ask", on_event=seen.append, on_question=lambda _: "blue")
    return result.text


@recipe(26, "A dashboard in real time")
def _(client: Agi, seen: list[Any]) -> Any:
    client.run_task("mug", on_event=lambda event: seen.append((event.type, event.text)))


@recipe(27, "Only questions, results and errors")
def _(asking: Session) -> Any:
    with asking.events(event_types=["question", "done", "error"]) as events:
        return next(events).type


@recipe(28, "A stream that reconnects")
def _(busy: Session) -> Any:
    with busy.events(max_reconnects=3) as events:
        return next(events).text


@recipe(29, "A stream with a time limit")
def _(busy: Session) -> Any:
    return list(busy.events(timeout=0.2))


@recipe(30, "Read the stream as it comes")
def _(busy: Session) -> Any:
    for event in busy.events():
        return event.text


@recipe(31, "Pause for a while, then go on")
def _(busy: Session) -> Any:
    with busy.paused():
        time.sleep(0.01)


@recipe(32, "Pause for an approval: go on, or cancel")
def _(busy: Session) -> Any:
    with busy.paused():
        raise PermissionError("nobody approved")


@recipe(33, "Pause, send an update, go on")
def _(busy: Session) -> Any:
    with busy.paused():
        busy.send_message("Aisle seats only")


@recipe(34, "Pause and go on, whatever the state")
def _(busy: Session) -> Any:
    paused = busy.try_pause(), busy.try_pause()
    return (*paused, busy.try_resume(), busy.try_resume())


@recipe(35, "Emergency stop: cancel, else delete")
def _(busy: Session) -> Any:
    return busy.stop()


@recipe(36, "Abandon the task, and start another")
def _(busy: Session) -> Any:
    with busy.switch_to("mug") as task:
        return task.result().text


@recipe(37, "Open a page, let it settle, run a task")
def _(session: Session) -> Any:
    session.navigate(PAGE, settle=0.01)
    return session.run_task("mug").text


@recipe(38, "Detect a redirect")
def _(session: Session) -> Any:
    return session.goto(PAGE).redirected


@recipe(39, "The same task on many pages")
def _(session: Session) -> Any:
    return [session.run_task("mug", start_url=url).text for url in (PAGE, PAGE)]


@recipe(40, "A bad address is refused here")
def _(session: Session) -> Any:
    return session.navigate("shop.example/cart")


@recipe(41, "A screenshot into a file, and its size")
def _(session: Session, folder: Path) -> Any:
    (shot := session.screenshot()).save(folder / "page.jpg")
    return shot.width, shot.height, shot.url


@recipe(42, "Show a screenshot in a notebook")
def _(session: Session) -> Any:
    return session.screenshot()


@recipe(43, "Check success by the page's title")
def _(session: Session) -> Any:
    return "thank you" in session.screenshot().title.lower()


@recipe(44, "A picture every few seconds beside a task")
def _(session: Session, folder: Path) -> Any:
    with session.screenshots(every=0.05, directory=folder):
        session.run_task("mug")


@recipe(45, "A task that returns JSON")
def _(client: Agi) -> Any:
    return client.run_task("The price of the mug. Return JSON.").json()


@recipe(46, "Raw requests")
def _(client: Agi) -> Any:
    return client.request("GET", "/sessions").status_code

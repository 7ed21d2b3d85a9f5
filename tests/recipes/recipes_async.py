"""The recipes of the service's reference with `AsyncAgi`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from sessionwire import webhooks
from world import HOOK, PAGE, collector

RECIPES, recipe = collector()
Agi = Session = Task = Any


@recipe(1, "Quickstart: create, task, poll, messages, delete")
async def _(client: Agi) -> Any:
    async with await client.sessions.create() as session:
        return (await session.run_task("mug")).messages


@recipe(2, "Quick research on the fast agent, nothing saved")
async def _(client: Agi) -> Any:
    return (await client.run_task("mug", agent_name="agi-0-fast")).text


@recipe(3, "Share the link of the live view")
async def _(client: Agi, session: Session) -> Any:
    return (await client.sessions.get(session.session_id)).vnc_url


@recipe(4, "Create with webhooks, read each event")
async def _(client: Agi) -> Any:
    await client.sessions.create(webhook_url=webhooks.url("https://shop.example/h", "s3cret"))
    return webhooks.parse(HOOK).type


@recipe(5, "Restore from a session")
async def _(client: Agi, session: Session) -> Any:
    await session.delete(save_snapshot_mode="filesystem")
    return await client.sessions.create(restore_from_session_id=session.session_id)


@recipe(6, "Which sessions run, since when")
async def _(client: Agi, session: Session, busy: Session) -> Any:
    running = await client.sessions.list(status="running")
    return [(each.session_id, each.status, each.created_at) for each in running]


@recipe(7, "Use a session again instead of creating another")
async def _(client: Agi, session: Session, busy: Session) -> Any:
    return await client.sessions.find_or_create()


@recipe(8, "Send only to a session that lives")
async def _(session: Session) -> Any:
    return await session.is_alive() and await session.send_message("mug")


@recipe(9, "Clean up on every way out")
async def _(client: Agi) -> Any:
    async with await client.sessions.create() as session:
        return (await session.run_task("mug")).text


@recipe(10, "Delete what has ended")
async def _(client: Agi, session: Session) -> Any:
    return await client.sessions.cleanup(statuses=["completed", "error"])


@recipe(11, "Delete what is older than some hours")
async def _(client: Agi, session: Session) -> Any:
    return await client.sessions.cleanup(older_than=2 * 3600, statuses="any")


@recipe(12, "At most five sessions: delete the oldest, then create")
async def _(client: Agi, six: list[Session]) -> Any:
    old = sorted(await client.sessions.list(), key=lambda each: each.created_at)[:-4]
    return [await each.delete() for each in old], await client.sessions.create()


@recipe(13, "Delete, and do not mind if it is gone")
async def _(session: Session) -> Any:
    return (await session.delete()).deleted, (await session.delete()).deleted


@recipe(14, "Delete all that this program created")
async def _(client: Agi, session: Session) -> Any:
    return await client.sessions.delete_created()


@recipe(15, "Delete with a snapshot, and make it the default")
async def _(session: Session) -> Any:
    return await session.delete(save_snapshot_mode="filesystem", save_as_default=True)


@recipe(16, "Emergency: delete all sessions of the key")
async def _(client: Agi, session: Session, busy: Session) -> Any:
    return await client.sessions.delete_all()


@recipe(17, "Start a task on a page")
async def _(session: Session) -> Any:
    return await session.start_task("mug", start_url=PAGE)


@recipe(18, "Answer a question")
async def _(question: Task) -> Any:
    await question.answer("blue")
    return (await question.result()).text


@recipe(19, "Wait for completion, or a question")
async def _(asking: Session) -> Any:
    return await asking.wait()


@recipe(20, "Progress with the seconds so far")
async def _(task: Task, seen: list[Any]) -> Any:
    async for event in task:
        seen.append((time.monotonic(), event.text))


@recipe(21, "Branch on the status, and read the messages")
async def _(asking: Session) -> Any:
    if await asking.wait() == "waiting_for_input":
        return (await asking.messages()).messages[-1].text


@recipe(22, "Run a task, and answer its questions")
async def _(session: Session) -> Any:
    return (await session.run_task("ask", on_question=lambda question: "blue")).text


@recipe(23, "Poll for new messages until the task ends")
async def _(session: Session, task: Task, seen: list[Any]) -> Any:
    async for message in session.follow_messages(poll_interval=0.01):
        seen.append(message.text)


@recipe(24, "The final result, as text and as JSON")
async def _(session: Session) -> Any:
    result = await session.run_task("JSON")
    return result.text, result.json()


@recipe(25, "Stream events by type, and answer")
async def _(session: Session, seen: list[Any]) -> Any:
    result = await session.run_task("ask", on_event=seen.append, on_question=lambda _: "blue")
    return result.text


@recipe(26, "A dashboard in real time")
async def _(client: Agi, seen: list[Any]) -> Any:
    await client.run_task("mug", on_event=lambda event: seen.append((event.type, event.text)))


@recipe(27, "Only questions, results and errors")
async def _(asking: Session) -> Any:
    async with asking.events(event_types=["question", "done", "error"]) as events:
        return (await anext(events)).type


@recipe(28, "A stream that reconnects")
async def _(busy: Session) -> Any:
    async with busy.events(max_reconnects=3) as events:
        return (await anext(events)).text


@recipe(29, "A stream with a time limit")
async def _(busy: Session) -> Any:
    return [event async for event in busy.events(timeout=0.2)]


@recipe(30, "Read the stream as it comes")
async def _(busy: Session) -> Any:
    async for event in busy.events():
        return event.text


@recipe(31, "Pause for a while, then go on")
async def _(busy: Session) -> Any:
    async with busy.paused():
        await asyncio.sleep(0.01)


@recipe(32, "Pause for an approval: go on, or cancel")
async def _(busy: Session) -> Any:
    async with busy.paused():
        raise PermissionError("nobody approved")


@recipe(33, "Pause, send an update, go on")
async def _(busy: Session) -> Any:
    async with busy.paused():
        await busy.send_message("Aisle seats only")


@recipe(34, "Pause and go on, whatever the state")
async def _(busy: Session) -> Any:
    paused = await busy.try_pause(), await busy.try_pause()
    return (*paused, await busy.try_resume(), await busy.try_resume())


@recipe(35, "Emergency stop: cancel, else delete")
async def _(busy: Session) -> Any:
    return await busy.stop()


@recipe(36, "Abandon the task, and start another")
async def _(busy: Session) -> Any:
    async with busy.switch_to("mug") as task:
        return (await task.result()).text


@recipe(37, "Open a page, let it settle, run a task")
async def _(session: Session) -> Any:
    await session.navigate(PAGE, settle=0.01)
    return (await session.run_task("mug")).text


@recipe(38, "Detect a redirect")
async def _(session: Session) -> Any:
    return (await session.goto(PAGE)).redirected


@recipe(39, "The same task on many pages")
async def _(session: Session) -> Any:
    return [(await session.run_task("mug", start_url=url)).text for url in (PAGE, PAGE)]


@recipe(40, "A bad address is refused here")
async def _(session: Session) -> Any:
    return await session.navigate("shop.example/cart")


@recipe(41, "A screenshot into a file, and its size")
async def _(session: Session, folder: Path) -> Any:
    (shot := await session.screenshot()).save(folder / "page.jpg")
    return shot.width, shot.height, shot.url


@recipe(42, "Show a screenshot in a notebook")
async def _(session: Session) -> Any:
    return await session.screenshot()


@recipe(43, "Check success by the page's title")
async def _(session: Session) -> Any:
    return "thank you" in (await session.screenshot()).title.lower()


@recipe(44, "A picture every few seconds beside a task")
async def _(session: Session, folder: Path) -> Any:
    async with session.screenshots(every=0.05, directory=folder):
        await session.run_task("mug")


@recipe(45, "A task that returns JSON")
async def _(client: Agi) -> Any:
    return (await client.run_task("The price of the mug. Return JSON.")).json()


@recipe(46, "Raw requests")
async def _(client: Agi) -> Any:
    return (await client.request("GET", "/sessions")).status_code

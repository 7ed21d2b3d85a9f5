"""`sessionwire mcp` with the official client of Python: over stdio and HTTP, by the protocol of
before 2026 (`legacy`) and by that of today.

Run by `make test-mcp`, in an environment of its own. The emulator is the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from servers import PROGRAM, TOKEN, environment, left, listening

from sessionwire import Emulator

ASKS = [{"thought": "I look"}, {"question": "Which colour?"}, {"done": "A {answer} mug"}]
ENDLESS = [{"thought": "I begin"}, {"delay": 3600}]
MODES = ["legacy", "auto"]
Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(browser="builtin", step_delay=0) as emulator:
        yield emulator


@pytest.fixture(params=["stdio", "http"])
def connect(
    request: pytest.FixtureRequest, emulator: Emulator, tmp_path: Path
) -> Iterator[Connect]:
    if request.param == "stdio":

        def over_stdio(mode: str, **options: Any) -> Client:
            env = environment(emulator, tmp_path)
            server = StdioServerParameters(command=PROGRAM, args=["mcp"], env=env)
            return Client(server, mode=mode, **options)

        yield over_stdio
        return
    with listening(emulator, tmp_path) as url:

        @asynccontextmanager
        async def over_http(mode: str, **options: Any) -> AsyncIterator[Client]:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with create_mcp_http_client(headers=headers) as http:
                transport = streamable_http_client(url, http_client=http)
                async with Client(transport, mode=mode, **options) as client:
                    yield client

        yield over_http


def play(emulator: Emulator, steps: list[dict[str, Any]]) -> None:
    emulator.scenario({"tasks": [{"steps": steps}]})


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not await asyncio.to_thread(what):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("mode", MODES)
def test_a_task_asks_the_user_and_ends(emulator: Emulator, connect: Connect, mode: str) -> None:
    play(emulator, ASKS)
    asked: list[str] = []
    shown: list[str | None] = []

    async def ask(_: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"answer": "blue"})

    async def show(progress: float, total: float | None, message: str | None) -> None:
        shown.append(message)

    async def main() -> types.CallToolResult:
        async with connect(mode, elicitation_callback=ask) as client:
            await client.list_tools()
            task = {"task": "Buy a mug"}
            return await client.call_tool("run_task", task, progress_callback=show)

    result = asyncio.run(main())
    assert not result.is_error, result
    assert result.structured_content is not None
    assert result.structured_content["text"] == "A blue mug"
    assert asked == ["The agent asks: Which colour?"]
    assert "I look" in shown
    assert left(emulator) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_long_task_is_come_back_to(emulator: Emulator, connect: Connect, mode: str) -> None:
    play(emulator, ASKS)

    async def main() -> None:
        async with connect(mode) as client:
            started = await client.call_tool("start_task", {"task": "Buy a mug"})
            task = {"task_id": started.structured_content["task_id"]}
            asks = await client.call_tool("wait_task", task)
            assert asks.structured_content["question"] == "Which colour?"
            done = await client.call_tool("answer_question", {**task, "answer": "red"})
            assert done.structured_content["text"] == "A red mug"
            session = {"session_id": done.structured_content["session_id"]}
            gone = await client.call_tool("delete_session", session)
            assert gone.structured_content["deleted"]

    asyncio.run(main())
    assert left(emulator) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_call_that_is_cancelled_leaves_nothing(
    emulator: Emulator, connect: Connect, mode: str
) -> None:
    play(emulator, ENDLESS)

    async def main() -> None:
        async with connect(mode) as client:
            begun = asyncio.Event()

            async def show(progress: float, total: float | None, message: str | None) -> None:
                begun.set()

            task = asyncio.create_task(
                client.call_tool("run_task", {"task": "Work"}, progress_callback=show)
            )
            async with asyncio.timeout(20):
                await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: left(emulator) == [])
            assert not (await client.call_tool("list_sessions", {})).is_error

    asyncio.run(main())
    assert len(emulator.requests("POST", "/v1/sessions/*/cancel")) == 1


@pytest.mark.parametrize("mode", MODES)
def test_the_browser_is_seen(emulator: Emulator, connect: Connect, mode: str) -> None:
    play(emulator, [{"done": "Done"}])

    async def main() -> None:
        async with connect(mode) as client:
            done = await client.call_tool("run_task", {"task": "Look", "keep_session": True})
            session = {"session_id": done.structured_content["session_id"]}
            seen = await client.call_tool("take_screenshot", session)
            picture = seen.content[1]
            assert isinstance(picture, types.ImageContent)
            assert picture.mime_type == "image/jpeg"
            resources = (await client.list_resources()).resources
            read = await client.read_resource(resources[1].uri)
            assert read.contents[0].blob == picture.data
            await client.call_tool("delete_session", session)

    asyncio.run(main())
    assert left(emulator) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_goes_leaves_nothing(emulator: Emulator, tmp_path: Path, mode: str) -> None:
    play(emulator, ENDLESS)
    server = StdioServerParameters(
        command=PROGRAM, args=["mcp"], env=environment(emulator, tmp_path)
    )

    async def main() -> None:
        async with Client(server, mode=mode) as client:
            await client.call_tool("start_task", {"task": "Work"})
            assert len(await asyncio.to_thread(left, emulator)) == 1

    asyncio.run(main())
    assert left(emulator) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_turn_runs_with_a_file(emulator: Emulator, connect: Connect, mode: str) -> None:
    async def main() -> types.CallToolResult:
        async with connect(mode) as client:
            texts = [{"name": "notes.txt", "text": "Three mugs"}]
            turn = {"prompt": "Count the words", "texts": texts}
            return await client.call_tool("run_turn", turn)

    result = asyncio.run(main())
    assert not result.is_error, result
    assert result.structured_content is not None
    assert result.structured_content["state"] == "completed"
    assert len(emulator.requests("PUT", "/media/upload")) == 1

"""`sessionwire mcp` in frameworks of agents, each with a model that is none.

The model runs a task, reads what the browser's agent asks, answers it, and reads the result; in
LlamaIndex, which connects anew for each call, it runs one that asks nothing.

Run by `make test-frameworks`, in an environment of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import PROGRAM, TOKEN, environment, left, listening

from sessionwire import Emulator

ASKS = [{"question": "Which colour?"}, {"done": "A {answer} mug"}]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(scenario={"tasks": [{"steps": ASKS}]}, clock="fast") as emulator:
        yield emulator
        assert left(emulator) == []


def decide(seen: object) -> tuple[str, dict[str, Any]] | None:
    """What the model calls next: what it saw last says so."""
    text = "" if seen is None else str(seen)
    if "A blue mug" in text:
        return None
    if "Which colour?" not in text:
        return "run_task", {"task": "Buy a mug"}
    found = re.search(r"task-[0-9a-f]{32}", text)
    assert found is not None, text
    return "answer_question", {"task_id": found[0], "answer": "blue"}


def sent(emulator: Emulator) -> list[str]:
    found = emulator.requests("POST", "/v1/sessions/*/message")
    return [request.json()["message"] for request in found]


def test_langchain(emulator: Emulator, tmp_path: Path) -> None:
    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mcp_adapters.tools import load_mcp_tools

    connection: Any = {
        "transport": "stdio",
        "command": PROGRAM,
        "args": ["mcp"],
        "env": environment(emulator, tmp_path),
    }

    async def main() -> str:
        client = MultiServerMCPClient({"sessionwire": connection})
        async with client.session("sessionwire") as session:
            tools = {tool.name: tool for tool in await load_mcp_tools(session)}
            seen: Any = None
            while (call := decide(seen)) is not None:
                seen = await tools[call[0]].ainvoke(call[1])
            return str(seen)

    assert "A blue mug" in asyncio.run(main())
    assert sent(emulator) == ["Buy a mug", "blue"]


def test_pydantic_ai(emulator: Emulator, tmp_path: Path) -> None:
    from fastmcp.client.transports import StdioTransport
    from pydantic_ai import Agent
    from pydantic_ai.mcp import MCPToolset
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        assert "run_task" in [tool.name for tool in info.function_tools]
        seen = None if len(messages) == 1 else messages[-1].parts[0].content
        call = decide(seen)
        if call is None:
            return ModelResponse(parts=[TextPart(str(seen))])
        return ModelResponse(parts=[ToolCallPart(*call)])

    env = environment(emulator, tmp_path)
    transport = StdioTransport(command=PROGRAM, args=["mcp"], env=env, keep_alive=False)

    async def main() -> str:
        agent = Agent(FunctionModel(model), toolsets=[MCPToolset(transport)])
        async with agent:
            return (await agent.run("A mug, please")).output

    assert "A blue mug" in asyncio.run(main())
    assert sent(emulator) == ["Buy a mug", "blue"]


def test_openai_agents(emulator: Emulator, tmp_path: Path) -> None:
    from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage
    from agents.mcp import MCPServerStdio
    from openai.types.responses import (
        ResponseFunctionToolCall,
        ResponseOutputMessage,
        ResponseOutputText,
    )

    class Fake(Model):
        async def get_response(self, *args: Any, **options: Any) -> ModelResponse:
            given = args[1] if len(args) > 1 else options["input"]
            seen = [
                item["output"]
                for item in given
                if isinstance(item, dict) and item.get("type") == "function_call_output"
            ]
            call = decide(seen[-1] if seen else None)
            if call is None:
                text = ResponseOutputText(annotations=[], text=str(seen[-1]), type="output_text")
                item: Any = ResponseOutputMessage(
                    id="2", content=[text], role="assistant", status="completed", type="message"
                )
            else:
                item = ResponseFunctionToolCall(
                    arguments=json.dumps(call[1]),
                    call_id=str(len(seen)),
                    name=call[0],
                    type="function_call",
                )
            return ModelResponse(output=[item], usage=Usage(), response_id=None)

        def stream_response(self, *args: Any, **options: Any) -> AsyncIterator[Any]:
            raise NotImplementedError

    params: Any = {"command": PROGRAM, "args": ["mcp"], "env": environment(emulator, tmp_path)}

    async def main() -> str:
        async with MCPServerStdio(params=params, client_session_timeout_seconds=60) as server:
            agent = Agent(name="shopper", model=Fake(), mcp_servers=[server])
            config = RunConfig(tracing_disabled=True)
            result = await Runner.run(agent, "A mug, please", run_config=config)
            return str(result.final_output)

    assert "A blue mug" in asyncio.run(main())
    assert sent(emulator) == ["Buy a mug", "blue"]


def test_googles_adk(emulator: Emulator, tmp_path: Path) -> None:
    from google.adk.agents import LlmAgent
    from google.adk.models import BaseLlm, LlmResponse
    from google.adk.runners import InMemoryRunner
    from google.adk.tools.mcp_tool import McpToolset
    from google.adk.tools.mcp_tool.mcp_session_manager import StdioConnectionParams
    from google.genai.types import Content, FunctionCall, Part
    from mcp import StdioServerParameters

    class Fake(BaseLlm):
        async def generate_content_async(
            self, llm_request: Any, stream: bool = False
        ) -> AsyncGenerator[LlmResponse]:
            assert "run_task" in llm_request.tools_dict
            [*_, last] = llm_request.contents[-1].parts
            response = last.function_response
            call = decide(None if response is None else response.response)
            if call is None:
                part = Part(text=str(response.response))
            else:
                part = Part(function_call=FunctionCall(name=call[0], args=call[1]))
            yield LlmResponse(content=Content(role="model", parts=[part]))

    server = StdioServerParameters(
        command=PROGRAM, args=["mcp"], env=environment(emulator, tmp_path)
    )

    async def main() -> str:
        tools = McpToolset(
            connection_params=StdioConnectionParams(server_params=server, timeout=60)
        )
        agent = LlmAgent(name="shopper", model=Fake(model="fake"), tools=[tools])
        runner = InMemoryRunner(agent, app_name="shop")
        session = await runner.session_service.create_session(app_name="shop", user_id="me")
        message = Content(role="user", parts=[Part(text="A mug, please")])
        text = ""
        async for event in runner.run_async(
            user_id="me", session_id=session.id, new_message=message
        ):
            for part in event.content.parts:
                text = part.text or text
        await tools.close()
        return text

    assert "A blue mug" in asyncio.run(main())
    assert sent(emulator) == ["Buy a mug", "blue"]


def test_llama_index(emulator: Emulator, tmp_path: Path) -> None:
    from llama_index.tools.mcp import BasicMCPClient, McpToolSpec

    emulator.scenario({"tasks": [{"steps": [{"done": "A blue mug"}]}]})

    async def main(url: str) -> str:
        client = BasicMCPClient(url, headers={"Authorization": f"Bearer {TOKEN}"})
        tools = await McpToolSpec(client).to_tool_list_async()
        [run] = [tool for tool in tools if tool.metadata.name == "run_task"]
        return str(await run.acall(task="Buy a mug"))

    with listening(emulator, tmp_path) as url:
        assert "A blue mug" in asyncio.run(main(url))
    assert sent(emulator) == ["Buy a mug"]

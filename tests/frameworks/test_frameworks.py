"""The tools of clients and sessions in frameworks of agents, each with a model that is none.

Every test is one round: the model calls the tool, the browser's agent asks, the answer comes,
and the model reads the result. The emulator is the service; nothing else is contacted.

Run by `make test-frameworks`, in an environment of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from sessionwire import Agi, AsyncAgi, Emulator

ASKS = {"tasks": [{"steps": [{"question": "Which colour?"}, {"done": "A {answer} mug"}]}]}
CALL = {"task": "Buy a mug", "start_url": None}
NAME = "run_browser_task"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(scenario=ASKS, clock="fast") as emulator:
        yield emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Agi]:
    with emulator.agi() as client:
        yield client


def answer(question: Any) -> str:
    assert question.text == "Which colour?"
    return "blue"


def sent(emulator: Emulator) -> list[str]:
    found = emulator.requests("POST", "/v1/sessions/*/message")
    return [request.json()["message"] for request in found]


def test_langchain(emulator: Emulator, client: Agi) -> None:
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage, ToolCall, ToolMessage
    from langchain_core.tools import tool as as_langchain

    tool = as_langchain(client.as_tool(on_question=answer), parse_docstring=True)
    assert tool.name == NAME
    assert tool.args["task"]["description"].startswith("What to do")
    calls = AIMessage("", tool_calls=[ToolCall(name=NAME, args=CALL, id="1")])
    model = GenericFakeChatModel(messages=iter([calls, AIMessage("Bought")]))
    asked = model.invoke("A mug, please")
    result = tool.invoke(asked.tool_calls[0])
    assert isinstance(result, ToolMessage)
    assert result.content == "A blue mug"
    assert model.invoke([asked, result]).content == "Bought"
    assert sent(emulator) == ["Buy a mug", "blue"]


def test_langgraph_interrupts_and_goes_on(emulator: Emulator, client: Agi) -> None:
    """A question is an interrupt: the graph stops, and its `resume` is the answer."""
    from langchain_core.messages import AIMessage, ToolCall
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.prebuilt import ToolNode
    from langgraph.types import Command, interrupt

    two = [{"question": "Which colour?"}, {"question": "Which size?"}, {"done": "A {answer} mug"}]
    emulator.scenario({"tasks": [{"steps": two}]})
    with client.sessions.create() as session:

        def ask(question: Any) -> str:
            return str(interrupt(question.text))

        def model(_: MessagesState) -> dict[str, Any]:
            return {
                "messages": [AIMessage("", tool_calls=[ToolCall(name=NAME, args=CALL, id="1")])]
            }

        graph = StateGraph(MessagesState)
        graph.add_node("model", model)
        graph.add_node("tools", ToolNode([session.as_tool(on_question=ask)]))
        graph.add_edge(START, "model")
        graph.add_edge("model", "tools")
        app = graph.compile(checkpointer=InMemorySaver())
        config: Any = {"configurable": {"thread_id": "1"}}
        stopped = app.invoke({"messages": []}, config)
        assert stopped["__interrupt__"][0].value == "Which colour?"
        stopped = app.invoke(Command(resume="red"), config)
        assert stopped["__interrupt__"][0].value == "Which size?"
        ended = app.invoke(Command(resume="large"), config)
        assert ended["messages"][-1].content == "A large mug"
    # The task was sent once, though the tool was called three times.
    assert sent(emulator) == ["Buy a mug", "red", "large"]


def test_pydantic_ai(emulator: Emulator, client: Agi) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    seen: list[Any] = []

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        seen.append(info.function_tools[0])
        if len(messages) == 1:
            return ModelResponse(parts=[ToolCallPart(NAME, CALL)])
        return ModelResponse(parts=[TextPart(f"Got: {messages[-1].parts[0].content}")])

    tool = client.as_tool(on_question=answer, description="Shops for you.")
    agent = Agent(FunctionModel(model), tools=[tool])
    assert agent.run_sync("A mug, please").output == "Got: A blue mug"
    assert "Shops for you." in seen[0].description
    assert seen[0].parameters_json_schema["required"] == ["task"]
    assert sent(emulator) == ["Buy a mug", "blue"]


def test_pydantic_ai_with_an_async_session(emulator: Emulator) -> None:
    """Nobody answers: the model reads the question, and answers with the next call."""
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        last = str(messages[-1].parts[0].content)
        if len(messages) == 1:
            return ModelResponse(parts=[ToolCallPart(NAME, CALL)])
        if "Which colour?" in last:
            return ModelResponse(parts=[ToolCallPart(NAME, {"task": "green"})])
        return ModelResponse(parts=[TextPart(last)])

    async def main() -> str:
        async with emulator.async_agi() as client, await client.sessions.create() as session:
            agent = Agent(FunctionModel(model), tools=[session.as_tool()])
            return (await agent.run("A mug, please")).output

    assert asyncio.run(main()) == "A green mug"
    assert sent(emulator) == ["Buy a mug", "green"]


def test_openai_agents(emulator: Emulator) -> None:
    from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage, function_tool
    from openai.types.responses import (
        ResponseFunctionToolCall,
        ResponseOutputMessage,
        ResponseOutputText,
    )

    class Fake(Model):
        async def get_response(self, *args: Any, **options: Any) -> ModelResponse:
            given = args[1] if len(args) > 1 else options["input"]
            outputs = [
                item["output"]
                for item in given
                if isinstance(item, dict) and item.get("type") == "function_call_output"
            ]
            if outputs:
                text = ResponseOutputText(annotations=[], text=outputs[0], type="output_text")
                item: Any = ResponseOutputMessage(
                    id="2", content=[text], role="assistant", status="completed", type="message"
                )
            else:
                item = ResponseFunctionToolCall(
                    arguments=json.dumps(CALL), call_id="1", name=NAME, type="function_call"
                )
            return ModelResponse(output=[item], usage=Usage(), response_id=None)

        def stream_response(self, *args: Any, **options: Any) -> AsyncIterator[Any]:
            raise NotImplementedError

    async def main(client: AsyncAgi) -> str:
        async with client:
            tool = function_tool(client.as_tool(on_question=answer))
            assert tool.name == NAME
            assert "What to do" in json.dumps(tool.params_json_schema)
            agent = Agent(name="shopper", model=Fake(), tools=[tool])
            config = RunConfig(tracing_disabled=True)
            result = await Runner.run(agent, "A mug, please", run_config=config)
            return str(result.final_output)

    assert asyncio.run(main(emulator.async_agi())) == "A blue mug"
    assert sent(emulator) == ["Buy a mug", "blue"]


def test_llama_index(emulator: Emulator) -> None:
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata
    from llama_index.core.llms.function_calling import FunctionCallingLLM
    from llama_index.core.llms.llm import ToolSelection

    class Fake(FunctionCallingLLM):
        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(is_function_calling_model=True, is_chat_model=True)

        def _prepare_chat_with_tools(self, tools: Sequence[Any], **options: Any) -> dict[str, Any]:
            assert tools[0].metadata.name == NAME
            return {"messages": options.get("chat_history")}

        def get_tool_calls_from_response(self, response: Any, **_: Any) -> list[ToolSelection]:
            if response.message.additional_kwargs:
                return [
                    ToolSelection(tool_id="1", tool_name=NAME, tool_kwargs={"task": "Buy a mug"})
                ]
            return []

        async def achat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
            results = [one.content for one in messages if one.role.value == "tool"]
            more = {} if results else {"calls": True}
            message = ChatMessage(
                role="assistant", content=results[0] if results else "", additional_kwargs=more
            )
            return ChatResponse(message=message)

        async def astream_chat(self, messages: Any, **options: Any) -> AsyncGenerator[ChatResponse]:
            async def one() -> AsyncGenerator[ChatResponse]:
                yield await self.achat(messages, **options)

            return one()

        def chat(self, *_: Any, **__: Any) -> Any: ...
        def complete(self, *_: Any, **__: Any) -> Any: ...
        def stream_chat(self, *_: Any, **__: Any) -> Any: ...
        def stream_complete(self, *_: Any, **__: Any) -> Any: ...
        async def acomplete(self, *_: Any, **__: Any) -> Any: ...
        async def astream_complete(self, *_: Any, **__: Any) -> Any: ...

    async def main(client: AsyncAgi) -> str:
        async with client:
            agent = FunctionAgent(tools=[client.as_tool(on_question=answer)], llm=Fake())
            return str(await agent.run("A mug, please"))

    assert asyncio.run(main(emulator.async_agi())) == "A blue mug"
    assert sent(emulator) == ["Buy a mug", "blue"]


def test_googles_adk(emulator: Emulator) -> None:
    from google.adk.agents import LlmAgent
    from google.adk.models import BaseLlm, LlmResponse
    from google.adk.runners import InMemoryRunner
    from google.genai.types import Content, FunctionCall, Part

    class Fake(BaseLlm):
        async def generate_content_async(
            self, llm_request: Any, stream: bool = False
        ) -> AsyncGenerator[LlmResponse]:
            assert NAME in llm_request.tools_dict
            [*_, last] = llm_request.contents[-1].parts
            if last.function_response is None:
                part = Part(function_call=FunctionCall(name=NAME, args={"task": "Buy a mug"}))
            else:
                part = Part(text=last.function_response.response["result"])
            yield LlmResponse(content=Content(role="model", parts=[part]))

    async def main(client: AsyncAgi) -> str:
        async with client:
            tool = client.as_tool(on_question=answer)
            agent = LlmAgent(name="shopper", model=Fake(model="fake"), tools=[tool])
            runner = InMemoryRunner(agent, app_name="shop")
            session = await runner.session_service.create_session(app_name="shop", user_id="me")
            message = Content(role="user", parts=[Part(text="A mug, please")])
            text = ""
            async for event in runner.run_async(
                user_id="me", session_id=session.id, new_message=message
            ):
                for part in event.content.parts:
                    text = part.text or text
            return text

    assert asyncio.run(main(emulator.async_agi())) == "A blue mug"
    assert sent(emulator) == ["Buy a mug", "blue"]
